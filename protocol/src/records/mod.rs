//! Record batches: built at append, read in place.
//!
//! A batch of the current format (magic 2) is a header of 61 bytes and then the records, which may be
//! compressed as a whole. All fixed-size numbers are big-endian:
//!
//! ```text
//!  0 base offset              i64   the offset of record 0; the broker sets it
//!  8 length                   i32   bytes after this field
//! 12 partition leader epoch   i32   the broker sets it
//! 16 magic                    i8    2
//! 17 crc                      u32   CRC-32C of everything after this field
//! 21 attributes               i16   bits 0-2 compression, 3 LogAppendTime, 4 transactional, 5 control, 6 delete horizon
//! 23 last offset delta        i32   last offset = base offset + this, even when compaction removed that record
//! 27 base timestamp           i64   ms; record timestamps count from here
//! 35 max timestamp            i64   ms; with LogAppendTime the timestamp of every record
//! 43 producer id              i64   -1: not idempotent
//! 51 producer epoch           i16
//! 53 base sequence            i32   the sequence number of record 0
//! 57 record count             i32
//! 61 records: length, attributes i8 (none defined), timestamp delta, offset delta, key, value, headers;
//!    each number a zigzag varint, each byte string a length (-1: null) and its bytes
//! ```
//!
//! [`RecordBatchBuilder`] writes this at append, into the buffer that goes to the socket. [`Batches`] walks over what
//! a fetch brought, and [`Records`] over the records of one batch without copying them. Formats 0 and 1, which
//! brokers wrote before 0.11 and may still have on disk, are read only.

mod batch;
mod batches;
mod builder;
mod control;
mod error;
mod iter;
mod legacy;
mod patch;
mod sealed;
pub(crate) mod varint;

pub use self::batch::{Attributes, Batch, BatchHeader, HEADER_LEN, TimestampType};
pub use self::batches::Batches;
pub use self::builder::{RecordBatchBuilder, record_size_upper_bound};
pub use self::control::{ControlType, EndTransactionMarker};
pub use self::error::{AppendError, BatchError, BatchErrorReason};
pub use self::iter::{Cursor, HeaderIter, Headers, RecordIter, RecordView, Records};
pub use self::patch::{set_base_offset, set_log_append_time, set_partition_leader_epoch};
pub use self::sealed::{ProducerStamp, SealedBatch};

/// A record to be appended to a batch; everything is borrowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record<'a> {
    /// Milliseconds since the epoch; -1 for none.
    pub timestamp: i64,
    /// The key, if any.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// In order; a key may occur more than once.
    pub headers: &'a [Header<'a>],
}

/// A header of a record.
///
/// Kafka says that the key is UTF-8, but no broker checks it, so it is bytes here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header<'a> {
    /// The key: never null, perhaps empty, perhaps not unique in its record.
    pub key: &'a [u8],
    /// The value; `None` is null, which is not the same as empty.
    pub value: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    /// The key as text, unless some client wrote one that is not UTF-8.
    pub const fn key_utf8(&self) -> Option<&'a str> {
        match std::str::from_utf8(self.key) {
            Ok(text) => Some(text),
            Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
