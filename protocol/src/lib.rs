//! Kafka's wire protocol and record batches: bytes and meaning, no I/O.

pub mod compression;
pub mod murmur2;
pub mod records;
