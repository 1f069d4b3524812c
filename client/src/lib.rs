//! An async Kafka client in pure Rust: producer, consumer, groups, admin.

pub mod config;
pub mod consumer;
mod error;
pub mod group;

pub use error::{Error, ErrorKind};
pub use kconnect_protocol::{ErrorCode, TopicPartition};
