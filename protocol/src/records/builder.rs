//! Builds a batch: each record is serialized at append, into the buffer that goes to the socket.

use super::batch::HEADER_LEN;
use super::error::AppendError;
use super::sealed::SealedBatch;
use super::varint::{self, len32, len64, zigzag32, zigzag64};
use super::{Header, Record};

/// A batch being built.
///
/// The size is exact at all times. A record that would exceed the limit is refused, except the first one: a batch holds
/// at least one record, as in the Java producer, and the broker decides whether it is too large
/// (`max.message.bytes`).
#[derive(Clone, Debug)]
pub struct RecordBatchBuilder {
    /// Room for the header, then the records.
    buffer: Vec<u8>,
    limit: usize,
    count: u32,
    base_timestamp: i64,
    max_timestamp: i64,
}

/// What a buffer begins with at most; a larger batch grows into it.
const FIRST_CAPACITY: usize = 64 * 1024;
/// What a length field of the batch can state.
const LARGEST_BATCH: u64 = i32::MAX as u64;

impl RecordBatchBuilder {
    /// A batch of at most `limit` bytes, header included and before compression (`batch.size`).
    pub fn new(limit: usize) -> Self {
        Self::with_buffer(Vec::with_capacity(limit.min(FIRST_CAPACITY)), limit)
    }

    /// A batch in a buffer that has been used before; its contents are discarded, its capacity kept.
    pub fn with_buffer(mut buffer: Vec<u8>, limit: usize) -> Self {
        buffer.clear();
        buffer.resize(HEADER_LEN, 0);
        Self {
            buffer,
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
        let headers = record.headers.iter().copied();
        self.append_parts(record.timestamp, record.key, record.value, headers)
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
        let base_timestamp = if self.count == 0 {
            timestamp
        } else {
            self.base_timestamp
        };
        let timestamp_delta = zigzag64(timestamp.wrapping_sub(base_timestamp));
        let (header_count, header_size) = measure_headers(headers.clone());
        // One byte of attributes. Lengths fit into 64 bits whatever the slices are.
        let body = 1
            + len64(timestamp_delta) as u64
            + len32(zigzag32(self.count.cast_signed())) as u64
            + bytes_size(key)
            + bytes_size(value)
            + header_size;
        let size = body + len64(body << 1) as u64;
        self.check_room(size)?;

        self.put_varint(body << 1);
        self.buffer.push(0);
        self.put_varint(timestamp_delta);
        self.put_varint(u64::from(self.count) << 1);
        self.put_bytes(key);
        self.put_bytes(value);
        self.put_varint(header_count << 1);
        for header in headers {
            self.put_bytes(Some(header.key));
            self.put_bytes(header.value);
        }

        let index = self.count;
        self.count += 1;
        self.base_timestamp = base_timestamp;
        self.max_timestamp = if index == 0 {
            timestamp
        } else {
            self.max_timestamp.max(timestamp)
        };
        Ok(index)
    }

    #[inline]
    fn check_room(&mut self, size: u64) -> Result<(), AppendError> {
        let total = self.buffer.len() as u64 + size;
        if total > LARGEST_BATCH || self.count == i32::MAX.cast_unsigned() {
            return Err(AppendError::TooLarge { size });
        }
        // Below 2 GiB, so it fits.
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if self.count != 0 && self.buffer.len() + size > self.limit {
            return Err(AppendError::Full {
                size,
                limit: self.limit,
            });
        }
        self.buffer.reserve(size);
        Ok(())
    }

    #[inline]
    fn put_varint(&mut self, value: u64) {
        let mut bytes = [0; varint::MAX_LEN_64];
        let len = varint::write64(value, &mut bytes);
        self.buffer.extend_from_slice(&bytes[..len]);
    }

    #[inline]
    fn put_bytes(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => {
                self.put_varint((bytes.len() as u64) << 1);
                self.buffer.extend_from_slice(bytes);
            }
            None => self.put_varint(u64::from(zigzag32(-1))),
        }
    }

    /// Bytes of the batch so far, header included.
    pub const fn size(&self) -> usize {
        self.buffer.len()
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
    pub fn seal(self) -> SealedBatch {
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

#[inline]
fn bytes_size(bytes: Option<&[u8]>) -> u64 {
    let len = bytes.map_or(0, <[u8]>::len) as u64;
    len + len64(len << 1) as u64
}

/// The number of headers, and the bytes that they and that number take.
#[inline]
fn measure_headers<'h>(headers: impl Iterator<Item = Header<'h>>) -> (u64, u64) {
    let mut count = 0u64;
    let mut size = 0u64;
    for header in headers {
        count += 1;
        size += bytes_size(Some(header.key)) + bytes_size(header.value);
    }
    (count, size + len64(count << 1) as u64)
}
