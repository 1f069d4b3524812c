//! An async Kafka client in pure Rust: producer, consumer, groups, admin.

pub mod config;
mod error;

pub use error::{Error, ErrorKind};
pub use kconnect_protocol::{ErrorCode, TopicPartition};
