//! An async Kafka client in pure Rust: producer, consumer, groups, admin.
#![doc = include_str!("../README.md")]

pub mod admin;
mod attempts;
mod cluster;
pub mod config;
pub mod consumer;
mod error;
pub mod group;
mod join;
mod net;
pub mod producer;

pub use cluster::{Broker, Metadata, Partition, Target, Topic};
pub use error::{Error, ErrorKind};
pub use kconnect_protocol::compression::Compression;
pub use kconnect_protocol::types::{BrokerId, IsolationLevel};
pub use kconnect_protocol::{ErrorCode, TopicPartition, Uuid};
pub use net::Address;

/// Parts that tests, fuzz targets and kconnect's own crates reach into. Not stable.
#[doc(hidden)]
pub mod internal {
    pub use crate::cluster::*;
    pub use crate::net::*;
}
