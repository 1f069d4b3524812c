//! The mirror of the reader: appends fields, and refuses lengths that cannot be said.

use bytes::{BufMut, Bytes, BytesMut};

use super::varint;
use crate::error::{EncodeError, EncodeReason};
use crate::types::Uuid;

type Result<T> = std::result::Result<T, EncodeError>;

/// Record batches below this many bytes are copied beside their neighbours: a segment of its own
/// would cost more than the copy.
const COPY_BELOW: usize = 1024;

/// Appends a message field by field.
///
/// Large record batches can stay where they are: see [`crate::messages::Message::encode_segments`].
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut BytesMut,
    flexible: bool,
    cuts: Option<&'a mut Vec<Cut>>,
}

/// A place in the written bytes where others belong.
#[derive(Debug)]
pub(crate) struct Cut {
    at: usize,
    bytes: Bytes,
}

impl<'a> Writer<'a> {
    /// Appends to `out`; `flexible` versions have compact lengths and tagged fields.
    pub fn new(out: &'a mut BytesMut, flexible: bool) -> Self {
        Self {
            out,
            flexible,
            cuts: None,
        }
    }

    /// As [`Writer::new`], but large record batches are remembered in `cuts` instead of copied.
    pub(crate) fn with_cuts(out: &'a mut BytesMut, flexible: bool, cuts: &'a mut Vec<Cut>) -> Self {
        Self {
            out,
            flexible,
            cuts: Some(cuts),
        }
    }

    /// Goes on in the other style; a header has both.
    pub fn set_flexible(&mut self, flexible: bool) {
        self.flexible = flexible;
    }

    /// Whether lengths are compact and structures end in tagged fields.
    #[must_use]
    pub fn is_flexible(&self) -> bool {
        self.flexible
    }

    /// A boolean.
    pub fn bool(&mut self, value: bool) {
        self.out.put_u8(u8::from(value));
    }

    /// An 8-bit integer.
    pub fn i8(&mut self, value: i8) {
        self.out.put_i8(value);
    }

    /// A 16-bit integer.
    pub fn i16(&mut self, value: i16) {
        self.out.put_i16(value);
    }

    /// A 32-bit integer.
    pub fn i32(&mut self, value: i32) {
        self.out.put_i32(value);
    }

    /// A 64-bit integer.
    pub fn i64(&mut self, value: i64) {
        self.out.put_i64(value);
    }

    /// A UUID.
    pub fn uuid(&mut self, value: Uuid) {
        self.out.put_slice(value.as_bytes());
    }

    /// An unsigned variable-length integer.
    pub fn unsigned_varint(&mut self, value: u32) {
        varint::put(self.out, value);
    }

    /// Bytes as they are, without a length.
    pub fn raw(&mut self, value: &[u8]) {
        self.out.put_slice(value);
    }

    /// A string.
    pub fn string(&mut self, field: &'static str, value: &str) -> Result<()> {
        self.nullable_string(field, Some(value))
    }

    /// A string that may be null.
    pub fn nullable_string(&mut self, field: &'static str, value: Option<&str>) -> Result<()> {
        // Kafka's own limit is that of a 16-bit length in every version.
        if let Some(text) = value
            && i16::try_from(text.len()).is_err()
        {
            return Err(too_long(field, text.len(), i16::MAX.cast_unsigned().into()));
        }
        if self.flexible {
            self.compact_length(field, value.map(str::len))?;
        } else {
            let length = value.map_or(-1, |text| i16::try_from(text.len()).unwrap_or(-1));
            self.i16(length);
        }
        self.out.put_slice(value.unwrap_or_default().as_bytes());
        Ok(())
    }

    /// Bytes.
    pub fn bytes(&mut self, field: &'static str, value: &[u8]) -> Result<()> {
        self.nullable_bytes(field, Some(value))
    }

    /// Bytes that may be null.
    pub fn nullable_bytes(&mut self, field: &'static str, value: Option<&[u8]>) -> Result<()> {
        self.byte_length(field, value.map(<[u8]>::len))?;
        self.out.put_slice(value.unwrap_or_default());
        Ok(())
    }

    /// Record batches, which may be null. They are not copied if they are large and the writer
    /// has a place to remember them.
    pub fn records(&mut self, field: &'static str, value: Option<&Bytes>) -> Result<()> {
        self.byte_length(field, value.map(Bytes::len))?;
        match (value, &mut self.cuts) {
            (Some(bytes), Some(cuts)) if bytes.len() >= COPY_BELOW => cuts.push(Cut {
                at: self.out.len(),
                bytes: bytes.clone(),
            }),
            (Some(bytes), _) => self.out.put_slice(bytes),
            (None, _) => {}
        }
        Ok(())
    }

    /// The count in front of an array.
    pub fn count(&mut self, field: &'static str, count: usize) -> Result<()> {
        self.nullable_count(field, Some(count))
    }

    /// The count in front of an array that may be null.
    pub fn nullable_count(&mut self, field: &'static str, count: Option<usize>) -> Result<()> {
        self.byte_length(field, count)
    }

    /// An array: its count, then each element by `element`.
    pub fn array<T>(
        &mut self,
        field: &'static str,
        elements: &[T],
        element: impl FnMut(&mut Self, &T) -> Result<()>,
    ) -> Result<()> {
        self.nullable_array(field, Some(elements), element)
    }

    /// An array that may be null: its count, then each element by `element`.
    pub fn nullable_array<T>(
        &mut self,
        field: &'static str,
        elements: Option<&[T]>,
        mut element: impl FnMut(&mut Self, &T) -> Result<()>,
    ) -> Result<()> {
        self.nullable_count(field, elements.map(<[T]>::len))?;
        for value in elements.unwrap_or_default() {
            element(self, value)?;
        }
        Ok(())
    }

    /// Ends a structure that has no tagged fields; nothing in versions that are not flexible.
    pub fn no_tags(&mut self) {
        if self.flexible {
            self.out.put_u8(0);
        }
    }

    /// Starts the tagged fields at the end of a structure: `count` of them follow, each by
    /// [`Writer::tag`], in rising order. Only in flexible versions.
    pub fn tag_count(&mut self, count: u32) {
        debug_assert!(self.flexible, "only flexible versions have tagged fields");
        self.unsigned_varint(count);
    }

    /// One tagged field, whose value `value` writes.
    pub fn tag(
        &mut self,
        field: &'static str,
        tag: u32,
        value: impl FnOnce(&mut Writer<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut scratch = BytesMut::new();
        value(&mut Writer::new(&mut scratch, true))?;
        let length = u32::try_from(scratch.len())
            .map_err(|_| too_long(field, scratch.len(), u32::MAX as usize))?;
        self.unsigned_varint(tag);
        self.unsigned_varint(length);
        self.out.put_slice(&scratch);
        Ok(())
    }

    /// The length of bytes and the count of arrays are said alike.
    fn byte_length(&mut self, field: &'static str, length: Option<usize>) -> Result<()> {
        if self.flexible {
            return self.compact_length(field, length);
        }
        let said = match length {
            None => -1,
            Some(n) => i32::try_from(n)
                .map_err(|_| too_long(field, n, i32::MAX.cast_unsigned() as usize))?,
        };
        self.i32(said);
        Ok(())
    }

    fn compact_length(&mut self, field: &'static str, length: Option<usize>) -> Result<()> {
        let said = match length {
            None => 0,
            // Java reads the length as a signed integer, so that is the limit.
            Some(n) => i32::try_from(n)
                .ok()
                .and_then(|n| n.checked_add(1))
                .map(i32::cast_unsigned)
                .ok_or_else(|| too_long(field, n, i32::MAX.cast_unsigned() as usize - 1))?,
        };
        self.unsigned_varint(said);
        Ok(())
    }
}

fn too_long(field: &'static str, length: usize, max: usize) -> EncodeError {
    EncodeError::new(field, EncodeReason::TooLong { length, max })
}

/// The message as the segments to be sent one after the other: what was written, with the record
/// batches in their places.
pub(crate) fn into_segments(mut written: BytesMut, cuts: Vec<Cut>) -> Vec<Bytes> {
    let mut segments = Vec::with_capacity(2 * cuts.len() + 1);
    let mut start = 0;
    for cut in cuts {
        segments.push(written.split_to(cut.at - start).freeze());
        segments.push(cut.bytes);
        start = cut.at;
    }
    if !written.is_empty() {
        segments.push(written.freeze());
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Reader;

    #[test]
    fn what_is_written_is_read_in_both_styles() {
        for flexible in [false, true] {
            let mut out = BytesMut::new();
            let mut writer = Writer::new(&mut out, flexible);
            writer.string("s", "topic").unwrap();
            writer.nullable_string("s", None).unwrap();
            writer.nullable_bytes("b", Some(b"xy")).unwrap();
            writer.nullable_count("a", None).unwrap();
            writer
                .array("a", &[1, 2], |w, n| {
                    w.i32(*n);
                    Ok(())
                })
                .unwrap();
            writer.no_tags();
            let bytes = out.freeze();
            let mut reader = Reader::new(&bytes, flexible);
            assert_eq!(&*reader.string("s").unwrap(), "topic");
            assert_eq!(reader.nullable_string("s").unwrap(), None);
            assert_eq!(reader.bytes("b").unwrap(), "xy");
            assert_eq!(reader.nullable_count("a", 1).unwrap(), None);
            assert_eq!(reader.vec("a", 4, |r| r.i32("n")).unwrap(), [1, 2]);
            reader.skip_tags("t").unwrap();
            assert_eq!(reader.left(), 0);
        }
    }

    #[test]
    fn a_string_that_is_too_long_is_refused_in_both_styles() {
        let long = "x".repeat(32_768);
        for flexible in [false, true] {
            let mut out = BytesMut::new();
            let error = Writer::new(&mut out, flexible)
                .string("Message.topic", &long)
                .unwrap_err();
            assert_eq!(
                error.to_string(),
                "Message.topic: 32768 is longer than the limit of 32767"
            );
        }
    }

    #[test]
    fn large_batches_become_segments_of_their_own_and_small_ones_are_copied() {
        let large = Bytes::from(vec![7; COPY_BELOW]);
        let small = Bytes::from_static(b"small");
        let mut out = BytesMut::new();
        let mut cuts = Vec::new();
        let mut writer = Writer::with_cuts(&mut out, false, &mut cuts);
        for batch in [&large, &small, &large] {
            writer.records("r", Some(batch)).unwrap();
        }
        let segments = into_segments(out, cuts);
        assert_eq!(segments.len(), 4);
        assert_eq!(segments[1].as_ptr(), large.as_ptr());
        assert_eq!(segments[2], &b"\0\0\0\x05small\0\0\x04\0"[..]);

        let mut contiguous = BytesMut::new();
        let mut writer = Writer::new(&mut contiguous, false);
        for batch in [&large, &small, &large] {
            writer.records("r", Some(batch)).unwrap();
        }
        assert_eq!(segments.concat(), contiguous);
    }
}
