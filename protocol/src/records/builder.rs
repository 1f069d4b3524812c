//! Builds a batch: each record is serialized at append, into the buffer that goes to the socket.

use super::batch::HEADER_LEN;
use super::error::AppendError;
use super::sealed::SealedBatch;
use super::varint::{self, SLACK, Writer, zigzag64};
use super::{Header, Record};

/// A batch being built.
///
/// The size is exact at all times. A record that would exceed the limit is refused, except the first one: a batch holds
/// at least one record, as in the Java producer, and the broker decides whether it is too large
/// (`max.message.bytes`).
#[derive(Clone, Debug)]
pub struct RecordBatchBuilder {
    /// Room for the header, then the records, then bytes that are not used yet. They are initialized ahead of the
    /// records in large steps, so that each record is written with plain stores.
    buffer: Vec<u8>,
    /// Where the next record goes.
    used: usize,
    /// How far records can go without another question: initialized, and within the limit.
    room: usize,
    limit: usize,
    count: u32,
    base_timestamp: i64,
    max_timestamp: i64,
}

/// What a buffer begins with at most; a larger batch grows into it.
const FIRST_CAPACITY: usize = 64 * 1024;
/// Bytes to initialize at a time.
const STEP: usize = 4096;
/// What a length field of the batch can state. That many bytes hold fewer records than a count can state.
const LARGEST_BATCH: u64 = i32::MAX as u64;

impl RecordBatchBuilder {
    /// A batch of at most `limit` bytes, header included and before compression (`batch.size`).
    pub fn new(limit: usize) -> Self {
        Self::with_buffer(Vec::with_capacity(limit.min(FIRST_CAPACITY) + SLACK), limit)
    }

    /// A batch in a buffer that has been used before; its contents are discarded, its capacity kept.
    pub fn with_buffer(mut buffer: Vec<u8>, limit: usize) -> Self {
        if buffer.len() < HEADER_LEN {
            buffer.resize(HEADER_LEN, 0);
        }
        Self {
            buffer,
            used: HEADER_LEN,
            room: 0,
            limit,
            count: 0,
            base_timestamp: -1,
            max_timestamp: -1,
        }
    }

    /// Appends `record` and returns its place in the batch, from 0, which is its offset minus the base offset.
    ///
    /// # Errors
    ///
    /// If the batch is full or no batch can hold the record. Nothing has been appended then.
    #[inline]
    pub fn append(&mut self, record: &Record<'_>) -> Result<u32, AppendError> {
        let Record {
            timestamp,
            key,
            value,
            headers,
        } = *record;
        if headers.is_empty() {
            // Compiled apart, since most records have none.
            return self.append_parts(timestamp, key, value, std::iter::empty());
        }
        self.append_parts(timestamp, key, value, headers.iter().copied())
    }

    /// [`append`](Self::append) for headers that are not in a slice, such as those of a consumed record.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append).
    #[inline]
    pub fn append_parts<'h>(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl Iterator<Item = Header<'h>> + Clone,
    ) -> Result<u32, AppendError> {
        let index = self.count;
        // No batch holds so many records that the doubled number does not fit.
        self.write(u64::from(index) << 1, timestamp, key, value, headers)?;
        Ok(index)
    }

    /// Appends a record without headers whose offset is not the next one.
    pub(super) fn append_at(
        &mut self,
        offset_delta: i32,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<(), AppendError> {
        let offset_delta = zigzag64(i64::from(offset_delta));
        self.write(offset_delta, timestamp, key, value, std::iter::empty())
    }

    /// `offset_delta` is already folded.
    #[inline]
    fn write<'h>(
        &mut self,
        offset_delta: u64,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl Iterator<Item = Header<'h>> + Clone,
    ) -> Result<(), AppendError> {
        let base_timestamp = if self.count == 0 {
            timestamp
        } else {
            self.base_timestamp
        };
        let timestamp_delta = zigzag64(timestamp.wrapping_sub(base_timestamp));
        let (header_count, header_size) = measure_headers(headers.clone());
        // All lengths fit into 64 bits whatever the slices are. One byte of attributes.
        let body =
            1 + varint::sum_of_lens([
                timestamp_delta,
                offset_delta,
                length_field(key),
                length_field(value),
            ]) + len(key)
                + len(value)
                + header_size;
        let size = self.make_room(body + varint::sum_of_lens([body << 1]))?;

        let mut out = Writer::new(&mut self.buffer[self.used..self.used + size + SLACK]);
        out.put_head(body << 1, timestamp_delta, offset_delta);
        out.put_short_bytes(key);
        out.put_bytes(value);
        out.put_varint(header_count << 1);
        for header in headers {
            out.put_short_bytes(Some(header.key));
            out.put_short_bytes(header.value);
        }
        debug_assert_eq!(out.written(), size, "the size was predicted");

        self.used += size;
        self.base_timestamp = base_timestamp;
        self.max_timestamp = if self.count == 0 {
            timestamp
        } else {
            self.max_timestamp.max(timestamp)
        };
        self.count += 1;
        Ok(())
    }

    /// Sees to it that `size` more bytes can be written, and returns that size.
    #[inline]
    fn make_room(&mut self, size: u64) -> Result<usize, AppendError> {
        match usize::try_from(size) {
            Ok(size) if size <= self.room.saturating_sub(self.used) => Ok(size),
            _ => self.make_more_room(size),
        }
    }

    #[inline(never)]
    fn make_more_room(&mut self, size: u64) -> Result<usize, AppendError> {
        let total = self.used as u64 + size;
        if total > LARGEST_BATCH {
            return Err(AppendError::TooLarge { size });
        }
        // Below 2 GiB, so it fits.
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let end = self.used + size;
        if end > self.limit && self.count != 0 {
            return Err(AppendError::Full {
                size,
                limit: self.limit,
            });
        }
        self.initialize(end + SLACK);
        self.room = self.limit.min(self.buffer.len() - SLACK);
        Ok(size)
    }

    fn initialize(&mut self, needed: usize) {
        let len = self.buffer.len();
        if len < needed {
            self.buffer.reserve(needed - len);
            let ahead = needed.max(len + STEP).min(self.buffer.capacity());
            self.buffer.resize(ahead, 0);
        }
    }

    /// Bytes of the batch so far, header included.
    pub const fn size(&self) -> usize {
        self.used
    }

    /// Bytes that the batch may have before compression.
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// The number of records so far.
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether nothing has been appended.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The highest timestamp so far, in milliseconds; -1 in an empty batch.
    pub const fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// Ends the batch: its records are final, its header can still be stamped.
    pub fn seal(mut self) -> SealedBatch {
        self.buffer.truncate(self.used);
        SealedBatch::new(
            self.buffer,
            self.count,
            self.base_timestamp,
            self.max_timestamp,
        )
    }
}

/// The most bytes that such a record takes in any batch (`AbstractRecords.estimateSizeInBytesUpperBound`).
pub fn record_size_upper_bound(record: &Record<'_>) -> usize {
    let (_, headers) = measure_headers(record.headers.iter().copied());
    let fixed = (varint::MAX_LEN_32 + 1 + varint::MAX_LEN_64 + varint::MAX_LEN_32) as u64;
    let size = fixed + bytes_size(record.key) + bytes_size(record.value) + headers;
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// The length as it is written, where null has one too.
#[inline]
fn length_field(bytes: Option<&[u8]>) -> u64 {
    match bytes {
        Some(bytes) => (bytes.len() as u64) << 1,
        None => zigzag64(-1),
    }
}

#[inline]
fn len(bytes: Option<&[u8]>) -> u64 {
    bytes.map_or(0, <[u8]>::len) as u64
}

#[inline]
fn bytes_size(bytes: Option<&[u8]>) -> u64 {
    varint::sum_of_lens([length_field(bytes)]) + len(bytes)
}

/// The number of headers, and the bytes that they and that number take.
#[inline]
fn measure_headers<'h>(headers: impl Iterator<Item = Header<'h>>) -> (u64, u64) {
    let mut count = 0u64;
    let mut size = 0u64;
    for header in headers {
        count += 1;
        let key = Some(header.key);
        size += varint::sum_of_lens([length_field(key), length_field(header.value)])
            + len(key)
            + len(header.value);
    }
    (count, size + varint::sum_of_lens([count << 1]))
}
