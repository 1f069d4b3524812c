//! Message formats 0 and 1, read only: what brokers before 0.11 wrote and may still have on disk.
//!
//! ```text
//!  0 offset       i64   inside a compressed message of format 1: relative, the last one stands for the wrapper's
//!  8 size         i32   bytes after this field
//! 12 crc          u32   CRC-32 of everything after this field
//! 16 magic        i8    0 or 1
//! 17 attributes   i8    bits 0-2 compression, 3 LogAppendTime (format 1)
//! 18 timestamp    i64   ms; format 1 only
//!    key, value         each a length (i32, -1: null) and its bytes
//! ```
//!
//! A compressed message has a whole set of messages as its value. Its offset is that of the last of them.

use bytes::Bytes;

use super::batch::{Attributes, BatchHeader, LOG_OVERHEAD, MAGIC_AT, TimestampType};
use super::builder::RecordBatchBuilder;
use super::error::BatchErrorReason;
use crate::compression::{self, Compression};

/// Where the checksum stands, and where the bytes begin that it covers.
const CRC_AT: usize = 12;
const CRC_FROM: usize = 16;
const ATTRIBUTES_AT: usize = 17;
const BODY_AT: usize = 18;

/// What the size of a message must at least be.
pub(super) const fn least_length(magic: i8) -> i32 {
    // Checksum, magic, attributes, perhaps a timestamp, two lengths.
    if magic == 0 { 14 } else { 22 }
}

/// Compression, and in format 1 the timestamp type. The bits above mean something in format 2 only.
const fn known_attributes(magic: i8) -> u8 {
    if magic == 0 { 0x07 } else { 0x0f }
}

/// One message, borrowed from the set that it stands in.
#[derive(Clone, Copy)]
pub(super) struct Message<'a> {
    /// All of it, offset included.
    raw: &'a [u8],
    pub(super) offset: i64,
    magic: i8,
    attributes: Attributes,
    pub(super) timestamp: i64,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
}

impl<'a> Message<'a> {
    /// Takes the message at the front of `rest`.
    pub(super) fn take(rest: &mut &'a [u8]) -> Result<Self, &'static str> {
        const CUT_OFF: &str = "message is cut off";
        let (front, _) = rest.split_first_chunk::<BODY_AT>().ok_or(CUT_OFF)?;
        let [o0, o1, o2, o3, o4, o5, o6, o7, s0, s1, s2, s3, ..] = *front;
        let size = i32::from_be_bytes([s0, s1, s2, s3]);
        let magic = i8::from_be_bytes([front[MAGIC_AT]]);
        if !matches!(magic, 0 | 1) {
            return Err("message is of another format than 0 and 1");
        }
        let size = usize::try_from(size)
            .ok()
            .filter(|_| size >= least_length(magic))
            .ok_or("message is too short")?;
        let (raw, after) = rest.split_at_checked(size + LOG_OVERHEAD).ok_or(CUT_OFF)?;

        let mut body = &raw[BODY_AT..];
        let timestamp = if magic == 0 {
            -1
        } else {
            i64::from_be_bytes(take_array(&mut body).ok_or(CUT_OFF)?)
        };
        let key = take_bytes(&mut body).ok_or("key is longer than the message")?;
        let value = take_bytes(&mut body).ok_or("value is longer than the message")?;
        if !body.is_empty() {
            return Err("bytes are left after the value");
        }
        *rest = after;
        Ok(Self {
            raw,
            offset: i64::from_be_bytes([o0, o1, o2, o3, o4, o5, o6, o7]),
            magic,
            attributes: Attributes(i16::from(front[ATTRIBUTES_AT] & known_attributes(magic))),
            timestamp,
            key,
            value,
        })
    }

    fn stored_crc(&self) -> u32 {
        let mut crc = [0; 4];
        crc.copy_from_slice(&self.raw[CRC_AT..CRC_FROM]);
        u32::from_be_bytes(crc)
    }

    fn codec(&self) -> Result<Compression, BatchErrorReason> {
        self.attributes
            .compression()
            .map_err(|codec| BatchErrorReason::Header {
                field: "compression codec",
                value: i64::from(codec),
            })
    }

    fn header(&self, length: i32) -> BatchHeader {
        BatchHeader {
            base_offset: self.offset,
            length,
            partition_leader_epoch: -1,
            magic: self.magic,
            crc: self.stored_crc(),
            attributes: self.attributes,
            last_offset_delta: 0,
            base_timestamp: self.timestamp,
            max_timestamp: self.timestamp,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            record_count: 1,
        }
    }
}

/// The header of the message that `bytes` are, as if it were a batch.
pub(super) fn header(bytes: &[u8]) -> Result<BatchHeader, BatchErrorReason> {
    let message = Message::take(&mut &*bytes).map_err(only_record)?;
    if !(0..i64::MAX).contains(&message.offset) {
        return Err(BatchErrorReason::Header {
            field: "offset",
            value: message.offset,
        });
    }
    // The caller has split the message off by this length.
    Ok(message.header(i32::try_from(bytes.len() - LOG_OVERHEAD).unwrap_or(i32::MAX)))
}

/// The checksum of one whole message.
pub(super) fn compute_crc(message: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(message.get(CRC_FROM..).unwrap_or(&[]));
    crc.sum()
}

/// What a message holds, itself or the messages that are compressed in it, as records of the current format.
///
/// Nobody writes the old formats any more. Copying them here leaves one format for those who iterate, who are in a hurry.
pub(super) struct MessageSet {
    pub(super) data: Bytes,
    pub(super) count: u32,
    pub(super) base_offset: i64,
    pub(super) base_timestamp: i64,
    /// With LogAppendTime the timestamp of every message.
    pub(super) append_time: Option<i64>,
}

/// Unpacks the message that `bytes` are, into at most `max_size` bytes.
pub(super) fn open(bytes: &Bytes, max_size: usize) -> Result<MessageSet, BatchErrorReason> {
    let wrapper = Message::take(&mut &**bytes).map_err(only_record)?;
    let codec = wrapper.codec()?;
    if codec == Compression::None {
        return repack(bytes, 0, 1);
    }
    let value = wrapper
        .value
        .ok_or_else(|| only_record("compressed message has no value"))?;
    let packed = bytes.slice_ref(value);
    let data = if wrapper.magic == 0 {
        compression::decompress_format_0(codec, &packed, max_size)?
    } else {
        compression::decompress(codec, &packed, max_size)?
    };
    let (count, last_offset) = check_inner(&data, &wrapper)?;
    let base_offset = if wrapper.magic == 0 {
        Some(0)
    } else {
        wrapper.offset.checked_sub(last_offset)
    };
    let base_offset = base_offset.ok_or(BatchErrorReason::Header {
        field: "relative offset",
        value: last_offset,
    })?;
    let mut set = repack(&data, base_offset, count)?;
    if wrapper.magic == 1 && wrapper.attributes.timestamp_type() == TimestampType::LogAppendTime {
        set.append_time = Some(wrapper.timestamp);
    }
    Ok(set)
}

/// Writes the `count` messages of `data` in the current format; `base_offset` is added to their offsets.
fn repack(data: &[u8], base_offset: i64, count: u32) -> Result<MessageSet, BatchErrorReason> {
    let mut builder = RecordBatchBuilder::with_buffer(Vec::with_capacity(data.len()), usize::MAX);
    let mut first_offset = None;
    let mut rest = data;
    for index in 0..count {
        let fail = |problem| BatchErrorReason::Record {
            index,
            count,
            problem,
        };
        let message = Message::take(&mut rest).map_err(fail)?;
        let offset = base_offset
            .checked_add(message.offset)
            .filter(|&offset| offset >= 0);
        let offset = offset.ok_or_else(|| fail("offset is out of range"))?;
        let delta = offset - *first_offset.get_or_insert(offset);
        let delta = i32::try_from(delta).map_err(|_| fail("offset is too far from the first"))?;
        builder
            .append_at(delta, message.timestamp, message.key, message.value)
            .map_err(|_| fail("message set is larger than 2 GiB"))?;
    }
    let sealed = builder.seal();
    Ok(MessageSet {
        count,
        base_offset: first_offset.unwrap_or(base_offset),
        base_timestamp: sealed.header().base_timestamp,
        data: sealed.into_records(),
        append_time: None,
    })
}

/// Reads all messages inside of `wrapper`; returns how many there are and the offset of the last.
fn check_inner(data: &[u8], wrapper: &Message<'_>) -> Result<(u32, i64), BatchErrorReason> {
    let mut rest = data;
    let mut count = 0u32;
    let mut last_offset = None;
    while !rest.is_empty() {
        let fail = |problem| BatchErrorReason::Record {
            index: count,
            count: count.saturating_add(1),
            problem,
        };
        let inner = Message::take(&mut rest).map_err(fail)?;
        if inner.magic != wrapper.magic {
            return Err(fail(
                "message has another format than the one it is compressed in",
            ));
        }
        if inner.codec()? != Compression::None {
            return Err(fail("message is compressed inside of a compressed one"));
        }
        let (stored, computed) = (inner.stored_crc(), compute_crc(inner.raw));
        if stored != computed {
            return Err(BatchErrorReason::Checksum { stored, computed });
        }
        last_offset = Some(inner.offset);
        count = count
            .checked_add(1)
            .ok_or_else(|| fail("there are too many messages"))?;
    }
    let last_offset =
        last_offset.ok_or_else(|| only_record("compressed message holds no message"))?;
    Ok((count, last_offset))
}

const fn only_record(problem: &'static str) -> BatchErrorReason {
    BatchErrorReason::Record {
        index: 0,
        count: 1,
        problem,
    }
}

fn take_array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (array, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*array)
}

/// Takes a length and so many bytes; -1 is null, anything below is an error.
fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let length = i32::from_be_bytes(take_array(rest)?);
    let Ok(length) = usize::try_from(length) else {
        return (length == -1).then_some(None);
    };
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(Some(bytes))
}
