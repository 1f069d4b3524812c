//! Kafka's wire protocol and record batches: bytes and meaning, no I/O.

pub mod api;
pub mod api_versions;
pub mod bounded;
pub mod compression;
pub mod error;
pub mod error_code;
pub mod frame;
pub mod group;
pub mod header;
#[doc(hidden)]
pub mod internal;
pub mod messages;
pub mod murmur2;
pub mod records;
pub mod types;
pub mod wire;

pub use api::{ApiKey, VersionRange};
pub use error::{DecodeError, EncodeError};
pub use error_code::ErrorCode;
pub use types::{StrBytes, TopicPartition, Uuid};
