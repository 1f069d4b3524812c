//! What a producer's configuration means for its parts, once all keys are considered.

use std::{sync::Arc, time::Duration};

use kconnect_protocol::compression::Compression;

use super::{inbox::Inbox, memory::Memory, unwatched::Unwatched};
use crate::config::{Acks, ProducerConfig};

/// What all partitions of a producer share.
#[derive(Debug)]
pub(crate) struct Terms {
    /// Bytes at which a batch is full.
    pub(crate) batch_size: usize,
    pub(crate) linger: Duration,
    /// Bytes of batches in a request.
    pub(crate) max_request_size: usize,
    pub(crate) memory: Arc<Memory>,
    pub(crate) inbox: Inbox,
    pub(crate) unwatched: Arc<Unwatched>,
    pub(crate) ignores_keys: bool,
    pub(crate) is_adaptive: bool,
    pub(crate) acks: Acks,
    pub(crate) is_idempotent: bool,
    pub(crate) max_in_flight: usize,
    pub(crate) retries: u32,
    pub(crate) retry_backoff: Duration,
    pub(crate) retry_backoff_max: Duration,
    pub(crate) delivery_timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) max_block: Duration,
    pub(crate) compression: Compression,
    pub(crate) compression_level: Option<i32>,
}

impl Terms {
    pub(crate) fn new(config: &ProducerConfig) -> Arc<Self> {
        let max_request_size = bytes(config.max_request_size);
        Arc::new(Self {
            batch_size: bytes(config.batch_size).min(max_request_size),
            linger: config.linger,
            max_request_size,
            memory: Memory::new(usize::try_from(config.buffer_memory).unwrap_or(usize::MAX)),
            inbox: Inbox::new(),
            unwatched: Arc::default(),
            ignores_keys: config.partitioner_ignore_keys,
            is_adaptive: config.partitioner_adaptive_partitioning_enable,
            acks: config.acks,
            is_idempotent: config.is_idempotent(),
            max_in_flight: bytes(config.max_in_flight_requests_per_connection),
            retries: config.retries,
            retry_backoff: config.common.retry_backoff,
            retry_backoff_max: config.common.retry_backoff_max,
            delivery_timeout: config.resolved_delivery_timeout(),
            request_timeout: config.common.request_timeout,
            max_block: config.max_block,
            compression: config.compression_type,
            compression_level: config.compression_level(),
        })
    }
}

fn bytes(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
