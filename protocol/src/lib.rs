//! Kafka's wire protocol and record batches: bytes and meaning, no I/O.
//!
//! Nothing here reads a clock, opens a socket or starts a task, and nothing allocates on a peer's
//! word: lengths and counts are held against the bytes that are there. Bytes that are wrong end in
//! a [`DecodeError`] that names the field, never in a panic.
//!
//! - [`frame`] and [`header`]: from a stream to requests and responses.
//! - [`messages`]: Produce, Fetch, Metadata and ListOffsets, in every version; [`records`] and
//!   [`compression`] for the batches inside.
//! - [`bounded`]: every other API, by the generated types of `kafka-protocol`.
//! - [`api`] and [`error_code`]: tables of what is known about APIs and errors.
//! - [`group`]: what members of a group tell each other.
//!
//! ```
//! use bytes::BytesMut;
//! use kconnect_protocol::frame::next_frame;
//! use kconnect_protocol::header::ResponseHeader;
//! use kconnect_protocol::messages::{Message, metadata::MetadataResponse};
//! use kconnect_protocol::{ApiKey, types::BrokerId};
//!
//! // What a broker sends in answer to Metadata, version 1: itself, as controller, and no topics.
//! let mut arrived = BytesMut::from(
//!     b"\0\0\0\x25\0\0\0\x07\0\0\0\x01\0\0\0\x01\0\x09localhost\0\0\x23\x84\xff\xff\0\0\0\x01\0\0\0\0"
//!         .as_slice(),
//! );
//! let mut frame = next_frame(&mut arrived, 1024 * 1024)?.expect("a whole frame");
//! let header = ResponseHeader::decode(ApiKey::METADATA, 1, &mut frame)?;
//! assert_eq!(header.correlation_id, 7);
//! let metadata = MetadataResponse::decode(&frame, 1)?;
//! assert_eq!(metadata.brokers[0].host.as_str(), "localhost");
//! assert_eq!(metadata.controller_id, Some(BrokerId(1)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
