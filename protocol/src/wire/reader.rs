//! A cursor that never reads past its end, names the field it reads, and slices instead of copying.

use bytes::Bytes;

use super::varint::{self, VarintError};
use crate::error::{DecodeError, DecodeReason};
use crate::types::{StrBytes, Uuid};

type Result<T> = std::result::Result<T, DecodeError>;

/// Reads a message field by field. Each read names its field, for the error.
///
/// Strings and bytes share the buffer that is read from. An array's count is held against the
/// bytes that are left before anything is allocated for it.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a Bytes,
    at: usize,
    end: usize,
    flexible: bool,
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`; `flexible` versions have compact lengths and tagged
    /// fields.
    #[must_use]
    pub fn new(bytes: &'a Bytes, flexible: bool) -> Self {
        Self {
            bytes,
            at: 0,
            end: bytes.len(),
            flexible,
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

    /// Bytes that are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.end - self.at
    }

    /// What is left, sharing the buffer.
    #[must_use]
    pub fn rest(&self) -> Bytes {
        self.bytes.slice(self.at..self.end)
    }

    /// A boolean: any byte but zero is true.
    pub fn bool(&mut self, field: &'static str) -> Result<bool> {
        Ok(self.i8(field)? != 0)
    }

    /// An 8-bit integer.
    pub fn i8(&mut self, field: &'static str) -> Result<i8> {
        self.array::<1>(field).map(i8::from_be_bytes)
    }

    /// A 16-bit integer.
    pub fn i16(&mut self, field: &'static str) -> Result<i16> {
        self.array::<2>(field).map(i16::from_be_bytes)
    }

    /// A 32-bit integer.
    pub fn i32(&mut self, field: &'static str) -> Result<i32> {
        self.array::<4>(field).map(i32::from_be_bytes)
    }

    /// A 64-bit integer.
    pub fn i64(&mut self, field: &'static str) -> Result<i64> {
        self.array::<8>(field).map(i64::from_be_bytes)
    }

    /// A UUID; all zeros stands for none.
    pub fn uuid(&mut self, field: &'static str) -> Result<Uuid> {
        self.array::<16>(field).map(Uuid::from_bytes)
    }

    /// An unsigned variable-length integer.
    pub fn unsigned_varint(&mut self, field: &'static str) -> Result<u32> {
        let (value, length) = varint::read(&self.bytes[self.at..self.end])
            .map_err(|error| self.varint_error(field, error))?;
        self.at += length;
        Ok(value)
    }

    /// A string that is never null.
    pub fn string(&mut self, field: &'static str) -> Result<StrBytes> {
        self.nullable_string(field)?.ok_or_else(|| null(field))
    }

    /// A string that may be null.
    pub fn nullable_string(&mut self, field: &'static str) -> Result<Option<StrBytes>> {
        let Some(length) = self.string_length(field)? else {
            return Ok(None);
        };
        StrBytes::from_utf8(self.take(field, length)?)
            .map(Some)
            .map_err(|_| DecodeError::new(field, DecodeReason::Utf8))
    }

    /// Bytes that are never null.
    pub fn bytes(&mut self, field: &'static str) -> Result<Bytes> {
        self.nullable_bytes(field)?.ok_or_else(|| null(field))
    }

    /// Bytes that may be null.
    pub fn nullable_bytes(&mut self, field: &'static str) -> Result<Option<Bytes>> {
        let length = self.bytes_length(field)?;
        length.map(|length| self.take(field, length)).transpose()
    }

    /// The next `length` bytes, sharing the buffer.
    pub fn take(&mut self, field: &'static str, length: usize) -> Result<Bytes> {
        self.need(field, length)?;
        let taken = self.bytes.slice(self.at..self.at + length);
        self.at += length;
        Ok(taken)
    }

    /// Passes over `length` bytes.
    pub fn skip(&mut self, field: &'static str, length: usize) -> Result<()> {
        self.need(field, length)?;
        self.at += length;
        Ok(())
    }

    /// Passes over a string, which may be null and need not be UTF-8.
    pub fn skip_string(&mut self, field: &'static str) -> Result<()> {
        let length = self.string_length(field)?;
        self.skip(field, length.unwrap_or(0))
    }

    /// Passes over bytes, which may be null.
    pub fn skip_bytes(&mut self, field: &'static str) -> Result<()> {
        let length = self.bytes_length(field)?;
        self.skip(field, length.unwrap_or(0))
    }

    /// The count of an array that is never null, whose elements take at least `element_min`
    /// bytes each.
    pub fn count(&mut self, field: &'static str, element_min: usize) -> Result<usize> {
        self.nullable_count(field, element_min)?
            .ok_or_else(|| null(field))
    }

    /// The count of an array that may be null, whose elements take at least `element_min` bytes
    /// each.
    pub fn nullable_count(
        &mut self,
        field: &'static str,
        element_min: usize,
    ) -> Result<Option<usize>> {
        let count = if self.flexible {
            i64::from(self.unsigned_varint(field)?) - 1
        } else {
            i64::from(self.i32(field)?)
        };
        if count == -1 {
            return Ok(None);
        }
        let left = self.left();
        match usize::try_from(count) {
            Ok(n) if n.saturating_mul(element_min.max(1)) <= left => Ok(Some(n)),
            _ => Err(DecodeError::new(field, DecodeReason::Count { count, left })),
        }
    }

    /// An array that is never null: `element` reads one element of at least `element_min` bytes.
    pub fn vec<T>(
        &mut self,
        field: &'static str,
        element_min: usize,
        element: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.nullable_vec(field, element_min, element)?
            .ok_or_else(|| null(field))
    }

    /// An array that may be null: `element` reads one element of at least `element_min` bytes.
    pub fn nullable_vec<T>(
        &mut self,
        field: &'static str,
        element_min: usize,
        mut element: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Option<Vec<T>>> {
        let Some(count) = self.nullable_count(field, element_min)? else {
            return Ok(None);
        };
        let mut elements = Vec::with_capacity(count);
        for _ in 0..count {
            elements.push(element(self)?);
        }
        Ok(Some(elements))
    }

    /// The tagged fields at the end of a structure; none in versions that are not flexible.
    ///
    /// `known` gets each tag with a reader of just its value, and may leave the value unread: a
    /// tag that it does not know is skipped that way.
    pub fn tags(
        &mut self,
        field: &'static str,
        mut known: impl FnMut(u32, &mut Self) -> Result<()>,
    ) -> Result<()> {
        if !self.flexible {
            return Ok(());
        }
        let count = self.unsigned_varint(field)?;
        for _ in 0..count {
            let tag = self.unsigned_varint(field)?;
            if i32::try_from(tag).is_err() {
                // Kafka's tags are signed, and its generated types would lose such a field.
                let value = tag.into();
                return Err(DecodeError::new(field, DecodeReason::Value { value }));
            }
            let length = self.unsigned_varint(field)? as usize;
            self.need(field, length)?;
            let mut value = Reader {
                bytes: self.bytes,
                at: self.at,
                end: self.at + length,
                flexible: true,
            };
            known(tag, &mut value)?;
            self.at += length;
        }
        Ok(())
    }

    /// Passes over the tagged fields at the end of a structure.
    pub fn skip_tags(&mut self, field: &'static str) -> Result<()> {
        self.tags(field, |_, _| Ok(()))
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N]> {
        match self.bytes[self.at..self.end].first_chunk::<N>() {
            Some(&array) => {
                self.at += N;
                Ok(array)
            }
            None => Err(self.truncated(field, N)),
        }
    }

    fn need(&self, field: &'static str, length: usize) -> Result<()> {
        if length <= self.left() {
            Ok(())
        } else {
            Err(self.truncated(field, length))
        }
    }

    fn string_length(&mut self, field: &'static str) -> Result<Option<usize>> {
        if self.flexible {
            return self.compact_length(field);
        }
        let length = self.i16(field)?;
        self.plain_length(field, i64::from(length))
    }

    fn bytes_length(&mut self, field: &'static str) -> Result<Option<usize>> {
        if self.flexible {
            return self.compact_length(field);
        }
        let length = self.i32(field)?;
        self.plain_length(field, i64::from(length))
    }

    /// A compact length says one more than there is; zero says null.
    fn compact_length(&mut self, field: &'static str) -> Result<Option<usize>> {
        let length = i64::from(self.unsigned_varint(field)?) - 1;
        self.plain_length(field, length)
    }

    /// A length of -1 says null.
    fn plain_length(&self, field: &'static str, length: i64) -> Result<Option<usize>> {
        if length == -1 {
            return Ok(None);
        }
        let left = self.left();
        match usize::try_from(length) {
            Ok(n) if n <= left => Ok(Some(n)),
            _ => Err(DecodeError::new(
                field,
                DecodeReason::Length { length, left },
            )),
        }
    }

    fn truncated(&self, field: &'static str, needed: usize) -> DecodeError {
        let left = self.left();
        DecodeError::new(field, DecodeReason::Truncated { needed, left })
    }

    fn varint_error(&self, field: &'static str, error: VarintError) -> DecodeError {
        match error {
            VarintError::Truncated => self.truncated(field, self.left() + 1),
            VarintError::TooLong => DecodeError::new(field, DecodeReason::Varint),
        }
    }
}

fn null(field: &'static str) -> DecodeError {
    DecodeError::new(field, DecodeReason::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T>(
        bytes: &'static [u8],
        flexible: bool,
        read: impl FnOnce(&mut Reader<'_>) -> Result<T>,
    ) -> std::result::Result<T, DecodeReason> {
        let bytes = Bytes::from_static(bytes);
        read(&mut Reader::new(&bytes, flexible)).map_err(|error| error.reason)
    }

    #[test]
    fn strings_and_bytes_share_the_buffer() {
        let bytes = Bytes::from(b"\0\x03abc\0\0\0\x02de".to_vec());
        let mut reader = Reader::new(&bytes, false);
        let text = reader.string("text").unwrap();
        let data = reader.bytes("data").unwrap();
        assert_eq!((&*text, &data[..]), ("abc", &b"de"[..]));
        assert_eq!(text.as_ptr(), bytes[2..].as_ptr());
        assert_eq!(data.as_ptr(), bytes[9..].as_ptr());
        assert_eq!(reader.left(), 0);
    }

    #[test]
    fn null_is_told_from_empty_in_both_styles() {
        assert_eq!(
            read(b"\xff\xff", false, |r| r.nullable_string("f")),
            Ok(None)
        );
        assert_eq!(
            read(b"\0\0", false, |r| r.string("f").map(|s| s.len())),
            Ok(0)
        );
        assert_eq!(read(b"\0", true, |r| r.nullable_string("f")), Ok(None));
        assert_eq!(
            read(b"\x01", true, |r| r.string("f").map(|s| s.len())),
            Ok(0)
        );
        assert_eq!(read(b"\0", true, |r| r.bytes("f")), Err(DecodeReason::Null));
    }

    #[test]
    fn a_count_beyond_the_bytes_left_is_refused() {
        let claims = |count, left| Err(DecodeReason::Count { count, left });
        assert_eq!(
            read(b"\x7f\xff\xff\xff\0\0", false, |r| r.count("f", 1)),
            claims(2_147_483_647, 2)
        );
        assert_eq!(
            read(b"\xff\xff\xff\xfe", false, |r| r.count("f", 1)),
            claims(-2, 0)
        );
        assert_eq!(
            read(b"\x04\0\0\0\0\0", true, |r| r.count("f", 2)),
            claims(3, 5)
        );
        assert_eq!(read(b"\x04\0\0\0\0\0\0", true, |r| r.count("f", 2)), Ok(3));
    }

    #[test]
    fn a_length_beyond_the_bytes_left_is_refused() {
        assert_eq!(
            read(b"\xff\xff\xff\xff\x0fab", true, |r| r.bytes("f")),
            Err(DecodeReason::Length {
                length: 4_294_967_294,
                left: 2
            })
        );
        assert_eq!(
            read(b"\xff\xfe", false, |r| r.string("f")),
            Err(DecodeReason::Length {
                length: -2,
                left: 0
            })
        );
        assert_eq!(
            read(b"\0\x01\xff", false, |r| r.string("f")),
            Err(DecodeReason::Utf8)
        );
        assert_eq!(
            read(b"\0\0", false, |r| r.i32("f")),
            Err(DecodeReason::Truncated { needed: 4, left: 2 })
        );
    }

    #[test]
    fn a_known_tag_cannot_read_beyond_its_value() {
        let result = read(b"\x01\0\x02\0\0\0\0", true, |r| {
            r.tags("tags", |_, value| value.i32("f").map(drop))
        });
        assert_eq!(result, Err(DecodeReason::Truncated { needed: 4, left: 2 }));
    }

    #[test]
    fn unknown_tags_are_skipped_whole() {
        let left = read(b"\x02\x05\x01x\x09\x00rest", true, |r| {
            r.skip_tags("tags").map(|()| r.left())
        });
        assert_eq!(left, Ok(4));
        assert_eq!(
            read(b"\x01\x05\x09x", true, |r| r.skip_tags("tags")),
            Err(DecodeReason::Truncated { needed: 9, left: 1 })
        );
    }
}
