//! The records of one batch, read in place.

use bytes::Bytes;

use super::Header;
use super::batch::{BatchHeader, TimestampType};
use super::error::{BatchError, BatchErrorReason};
use super::legacy::MessageSet;
use super::varint;

/// The records of one batch, decompressed; the bytes may be shared with the buffer that a fetch brought.
#[derive(Clone, Debug)]
pub struct Records {
    data: Bytes,
    base_offset: i64,
    base_timestamp: i64,
    /// With LogAppendTime the timestamp of every record.
    append_time: Option<i64>,
    count: u32,
}

impl Records {
    pub(crate) fn new(data: Bytes, header: &BatchHeader) -> Self {
        let append_time = match header.attributes.timestamp_type() {
            TimestampType::LogAppendTime => Some(header.max_timestamp),
            TimestampType::CreateTime | TimestampType::NoTimestampType => None,
        };
        Self {
            data,
            base_offset: header.base_offset,
            base_timestamp: header.base_timestamp,
            append_time,
            // A header with a negative count has been refused.
            count: u32::try_from(header.record_count).unwrap_or(0),
        }
    }

    pub(super) fn of_messages(set: MessageSet) -> Self {
        Self {
            data: set.data,
            base_offset: set.base_offset,
            base_timestamp: set.base_timestamp,
            append_time: set.append_time,
            count: set.count,
        }
    }

    /// The number of records that the batch says it has.
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether the batch says that it has no record.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The bytes that keys, values and headers are slices of: `records.data().slice_ref(key)` shares them.
    pub const fn data(&self) -> &Bytes {
        &self.data
    }

    /// Goes over all records. The first that cannot be read is an error and the last item.
    pub fn iter(&self) -> RecordIter<'_> {
        self.iter_from(self.start())
    }

    /// The place before the first record.
    pub const fn start(&self) -> Cursor {
        Cursor {
            position: 0,
            left: self.count,
        }
    }

    /// Goes on at a place that [`RecordIter::cursor`] of the same records gave.
    pub fn iter_from(&self, cursor: Cursor) -> RecordIter<'_> {
        RecordIter {
            records: self,
            rest: self.data.get(cursor.position..).unwrap_or(&[]),
            left: cursor.left,
            failed: false,
        }
    }

    /// Reads all records once; after `Ok`, no iteration over them meets an error.
    ///
    /// # Errors
    ///
    /// The first record that cannot be read, or a number of records that is not that of the header.
    pub fn check(&self) -> Result<(), BatchError> {
        self.iter().try_for_each(|record| record.map(drop))
    }
}

impl<'a> IntoIterator for &'a Records {
    type Item = Result<RecordView<'a>, BatchError>;
    type IntoIter = RecordIter<'a>;

    fn into_iter(self) -> RecordIter<'a> {
        self.iter()
    }
}

/// A place between two records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    position: usize,
    left: u32,
}

impl Cursor {
    /// The number of records after this place, as the batch says.
    pub const fn records_left(&self) -> usize {
        self.left as usize
    }
}

/// One record, in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordView<'a> {
    /// Its offset in the partition.
    pub offset: i64,
    /// Milliseconds since the epoch; -1 for none.
    pub timestamp: i64,
    /// The key, if any.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers, parsed when they are looked at.
    pub headers: Headers<'a>,
}

/// Iterator over the records of a batch.
#[derive(Clone, Debug)]
pub struct RecordIter<'a> {
    records: &'a Records,
    rest: &'a [u8],
    left: u32,
    failed: bool,
}

impl<'a> RecordIter<'a> {
    /// The place before the record that comes next, to go on there later with [`Records::iter_from`].
    pub const fn cursor(&self) -> Cursor {
        Cursor {
            position: self.records.data.len() - self.rest.len(),
            left: self.left,
        }
    }

    /// Reads a record. All ways out but one are errors, so that a record is made in one place: where two
    /// were joined, copying it cost more than reading it.
    #[inline]
    fn next_record(&mut self) -> Option<Result<RecordView<'a>, BatchError>> {
        // In a local variable, which stays in registers.
        let mut rest = self.rest;
        let mut body = match take_record(&mut rest) {
            Ok(body) => body,
            Err(problem) => return self.fail_record(problem),
        };
        // One byte of attributes, none of which is defined.
        let Some(_) = body.split_off_first() else {
            return self.fail_record("no attributes");
        };
        let Some(timestamp_delta) = varint::read64(&mut body) else {
            return self.fail_record("timestamp delta is damaged");
        };
        let Some(offset_delta) = varint::read32(&mut body) else {
            return self.fail_record("offset delta is damaged");
        };
        let Some(key) = take_bytes(&mut body) else {
            return self.fail_record("key is longer than the record");
        };
        let Some(value) = take_bytes(&mut body) else {
            return self.fail_record("value is longer than the record");
        };
        let headers = match Headers::parse(body) {
            Ok(headers) => headers,
            Err(problem) => return self.fail_record(problem),
        };
        let Some(offset) = self.offset(i64::from(offset_delta)) else {
            return self.fail_record("offset is out of range");
        };
        let timestamp = match self.records.append_time {
            Some(time) => time,
            None => self.records.base_timestamp.wrapping_add(timestamp_delta),
        };
        self.rest = rest;
        self.left -= 1;
        Some(Ok(RecordView {
            offset,
            timestamp,
            key,
            value,
            headers,
        }))
    }

    #[inline]
    fn offset(&self, delta: i64) -> Option<i64> {
        let offset = self.records.base_offset.checked_add(delta);
        offset.filter(|&offset| offset >= 0)
    }

    #[cold]
    fn fail_record(&mut self, problem: &'static str) -> Option<Result<RecordView<'a>, BatchError>> {
        let count = self.records.count;
        let index = count - self.left;
        self.fail(BatchErrorReason::Record {
            index,
            count,
            problem,
        })
    }

    /// The end, which is an error if there are bytes left.
    #[cold]
    fn end(&mut self) -> Option<Result<RecordView<'a>, BatchError>> {
        let bytes = self.rest.len();
        if self.failed || bytes == 0 {
            return None;
        }
        let count = self.records.count;
        self.fail(BatchErrorReason::BytesLeft { bytes, count })
    }

    fn fail(&mut self, reason: BatchErrorReason) -> Option<Result<RecordView<'a>, BatchError>> {
        self.failed = true;
        self.left = 0;
        Some(Err(reason.at(self.records.base_offset)))
    }
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Result<RecordView<'a>, BatchError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return self.end();
        }
        self.next_record()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // The header's count is the peer's word: good for an upper bound, and each record takes 7 bytes at least.
        (
            0,
            Some(
                (self.left as usize)
                    .min(self.rest.len() / 7)
                    .saturating_add(1),
            ),
        )
    }
}

impl std::iter::FusedIterator for RecordIter<'_> {}

#[inline]
fn take_record<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], &'static str> {
    if rest.is_empty() {
        return Err("there are fewer records than the header states");
    }
    let length = varint::read32(rest).ok_or("length is damaged")?;
    let length = usize::try_from(length).map_err(|_| "length is negative")?;
    let (body, after) = rest
        .split_at_checked(length)
        .ok_or("record is longer than the batch")?;
    *rest = after;
    Ok(body)
}

/// Takes a length and so many bytes; -1 is null, anything below is an error.
#[inline]
fn take_bytes<'a>(body: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let length = varint::read32(body)?;
    let Ok(length) = usize::try_from(length) else {
        return (length == -1).then_some(None);
    };
    let (bytes, rest) = body.split_at_checked(length)?;
    *body = rest;
    Some(Some(bytes))
}

/// The headers of a record, in order, with duplicates and null values.
///
/// They are known to be well-formed; looking at them allocates nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'a> {
    raw: &'a [u8],
    count: u32,
}

impl PartialEq for Headers<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers<'_> {}

impl<'a> Headers<'a> {
    /// Holds the count against the bytes: all of them must be headers, and all headers there.
    #[inline]
    fn parse(mut raw: &'a [u8]) -> Result<Self, &'static str> {
        if raw == [0] {
            return Ok(Self::default());
        }
        let count = varint::read32(&mut raw).ok_or("header count is damaged")?;
        let count = u32::try_from(count).map_err(|_| "header count is negative")?;
        let headers = Self { raw, count };
        headers.check()?;
        Ok(headers)
    }

    #[inline(never)]
    fn check(&self) -> Result<(), &'static str> {
        let mut rest = self.raw;
        for _ in 0..self.count {
            let key = take_bytes(&mut rest).ok_or("header key is longer than the record")?;
            key.ok_or("header key is null")?;
            take_bytes(&mut rest).ok_or("header value is longer than the record")?;
        }
        rest.is_empty()
            .then_some(())
            .ok_or("bytes are left after the last header")
    }

    /// The number of headers.
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All headers in order.
    pub const fn iter(&self) -> HeaderIter<'a> {
        HeaderIter {
            rest: self.raw,
            left: self.count,
        }
    }

    /// The last header of that key: the one that counts where only one can (`Headers.lastHeader`).
    pub fn last(&self, key: &[u8]) -> Option<Header<'a>> {
        self.iter().filter(|header| header.key == key).last()
    }
}

impl<'a> IntoIterator for Headers<'a> {
    type Item = Header<'a>;
    type IntoIter = HeaderIter<'a>;

    fn into_iter(self) -> HeaderIter<'a> {
        self.iter()
    }
}

/// Iterator over the headers of a record.
#[derive(Clone, Debug)]
pub struct HeaderIter<'a> {
    rest: &'a [u8],
    left: u32,
}

impl<'a> Iterator for HeaderIter<'a> {
    type Item = Header<'a>;

    #[inline]
    fn next(&mut self) -> Option<Header<'a>> {
        self.left = self.left.checked_sub(1)?;
        // `Headers::check` has read all of this before.
        let key = take_bytes(&mut self.rest)??;
        let value = take_bytes(&mut self.rest)?;
        Some(Header { key, value })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl ExactSizeIterator for HeaderIter<'_> {}
impl std::iter::FusedIterator for HeaderIter<'_> {}
