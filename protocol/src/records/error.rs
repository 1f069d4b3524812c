//! What can be wrong with a batch, and with a record that does not fit into one.

use crate::compression::CompressionError;

/// A batch that cannot be read: which one, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record batch at offset {base_offset}: {reason}")]
pub struct BatchError {
    /// The offset that stands at the front of the batch.
    pub base_offset: i64,
    /// What is wrong with it.
    pub reason: BatchErrorReason,
}

/// What is wrong with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchErrorReason {
    /// The length in the header cannot be that of a batch.
    #[error("length {length} is less than the {least} bytes of a header")]
    Length {
        /// The length as it stands in the header.
        length: i32,
        /// The least that it could be.
        least: i32,
    },
    /// There are fewer bytes than the batch says it has.
    #[error("cut off: it says it has {needed} bytes and {available} are there")]
    Truncated {
        /// Bytes that the batch needs, as far as that is known.
        needed: usize,
        /// Bytes that are there.
        available: usize,
    },
    /// A format that is not 0, 1 or 2.
    #[error("magic {magic} is none of the known formats 0, 1 and 2")]
    Magic {
        /// The magic byte.
        magic: i8,
    },
    /// The bytes are not those that the producer or broker wrote.
    #[error("checksum {computed:#010x} of the bytes differs from {stored:#010x} in the header")]
    Checksum {
        /// As it stands in the header.
        stored: u32,
        /// Of the bytes that are there.
        computed: u32,
    },
    /// An offset, a number of records or another number of the header that no batch has.
    #[error("{field} is {value}")]
    Header {
        /// The name of the field.
        field: &'static str,
        /// Its value.
        value: i64,
    },
    /// A record that cannot be read.
    #[error("record {index} of {count}: {problem}")]
    Record {
        /// Its place in the batch, from 0.
        index: u32,
        /// The number of records that the header states.
        count: u32,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// There are bytes after the last record.
    #[error("{bytes} bytes are left after the last of {count} records")]
    BytesLeft {
        /// Bytes that belong to no record.
        bytes: usize,
        /// The number of records that the header states.
        count: u32,
    },
    /// The records cannot be decompressed.
    #[error(transparent)]
    Compression(#[from] CompressionError),
}

impl BatchErrorReason {
    pub(crate) const fn at(self, base_offset: i64) -> BatchError {
        BatchError {
            base_offset,
            reason: self,
        }
    }
}

/// A record that was not appended; the batch is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The batch has no room for it: seal this one and begin another.
    #[error("the batch is full: {size} more bytes would exceed its limit of {limit} bytes")]
    Full {
        /// Bytes that the record takes.
        size: usize,
        /// Bytes that the batch may have.
        limit: usize,
    },
    /// No batch can hold it.
    #[error("a record of {size} bytes is more than the 2 GiB that a batch can hold")]
    TooLarge {
        /// Bytes that the record takes.
        size: u64,
    },
}
