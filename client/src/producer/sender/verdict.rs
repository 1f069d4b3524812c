//! What a broker's answer means for a batch.

use kconnect_protocol::types::TopicPartition;

use super::queue::Leader;
use crate::{Error, ErrorCode, producer::errors};

/// A broker's answer for one partition of a request.
#[derive(Debug, Clone)]
pub(crate) struct PartitionAnswer {
    pub(crate) code: ErrorCode,
    pub(crate) base_offset: Option<i64>,
    pub(crate) log_append_time: Option<i64>,
    pub(crate) message: Option<String>,
    /// The records that were refused, by their index in the batch (KIP-467).
    pub(crate) record_errors: Vec<(u32, Option<String>)>,
    /// The leader that the broker names in place of itself (KIP-951).
    pub(crate) leader: Option<Leader>,
}

/// What to do with a batch.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is written.
    Written {
        base_offset: Option<i64>,
        log_append_time: Option<i64>,
    },
    /// It goes again as it is.
    Retry {
        error: Error,
        is_unknown: bool,
        refresh: bool,
    },
    /// It goes again in smaller parts.
    Split,
    /// A batch before it is missing on the broker, which has its own verdict.
    OutOfTurn { error: Error },
    /// The broker knows nothing of the batches before, although they were acknowledged: it goes again in a new epoch.
    StartAnew { error: Error, is_fenced: bool },
    /// It has failed.
    Fail(Error),
    /// It has failed because of some of its records.
    Reject {
        others: Error,
        records: Box<[(u32, Error)]>,
    },
}

/// What matters of a batch for the verdict.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances {
    pub(super) is_idempotent: bool,
    /// No unsettled batch is before it.
    pub(super) is_first: bool,
    /// An earlier attempt may have been written.
    pub(super) maybe_written: bool,
    pub(super) records: u32,
    pub(super) bytes: usize,
}

/// The verdict on a batch of partition `at`.
pub(super) fn judge(
    at: &TopicPartition,
    answer: &PartitionAnswer,
    batch: Circumstances,
) -> Verdict {
    let code = answer.code;
    let error = || errors::refused(at, code, answer.message.as_deref());
    match code {
        ErrorCode::None | ErrorCode::DuplicateSequenceNumber => Verdict::Written {
            base_offset: answer.base_offset,
            log_append_time: answer.log_append_time,
        },
        ErrorCode::MessageTooLarge if batch.records > 1 && !batch.maybe_written => Verdict::Split,
        ErrorCode::MessageTooLarge if batch.records <= 1 => {
            Verdict::Fail(errors::too_large_for_broker(at, batch.bytes))
        }
        ErrorCode::OutOfOrderSequenceNumber if batch.is_idempotent && !batch.is_first => {
            Verdict::OutOfTurn { error: error() }
        }
        // The broker may have dropped this batch from the few that it remembers, so if one was perhaps written before,
        // then neither another sequence nor silence is safe: its senders are told.
        ErrorCode::OutOfOrderSequenceNumber
        | ErrorCode::UnknownProducerId
        | ErrorCode::InvalidProducerEpoch
            if batch.is_idempotent && !batch.maybe_written =>
        {
            Verdict::StartAnew {
                error: error(),
                is_fenced: code == ErrorCode::InvalidProducerEpoch,
            }
        }
        _ if !answer.record_errors.is_empty() => reject(at, answer),
        _ if code.is_retriable() => Verdict::Retry {
            error: error(),
            is_unknown: is_unknown(code),
            refresh: code.refreshes_metadata(),
        },
        _ => Verdict::Fail(if is_unknown(code) {
            error().with_unknown_outcome()
        } else {
            error()
        }),
    }
}

/// Whether the leader may have written a batch although it answers with this code.
fn is_unknown(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::RequestTimedOut
            | ErrorCode::NotEnoughReplicasAfterAppend
            | ErrorCode::NetworkException
            | ErrorCode::KafkaStorageError
            | ErrorCode::UnknownServerError
    )
}

fn reject(at: &TopicPartition, answer: &PartitionAnswer) -> Verdict {
    let general = answer.message.as_deref();
    let records = answer.record_errors.iter().map(|(index, message)| {
        let message = message.as_deref().or(general);
        (
            *index,
            errors::refused(at, answer.code, message).without_effect(),
        )
    });
    Verdict::Reject {
        records: records.collect(),
        others: errors::refused_with_others(at, answer.code, general).without_effect(),
    }
}
