//! UTF-8 text that shares its buffer, so that a line of a file block or a record's value is a slice.

use std::borrow::Borrow;
use std::fmt;
use std::ops::{Deref, Range};

use bytes::Bytes;
use bytestring::ByteString;

/// UTF-8 text over a shared buffer.
///
/// A clone or a [`slice`](Self::slice) counts a reference and copies nothing; text made from a
/// `&'static str` does not even count.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(ByteString);

impl Text {
    /// Text without an allocation.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(ByteString::from_static(text))
    }

    /// Takes over a buffer that holds UTF-8.
    ///
    /// # Errors
    ///
    /// Gives the buffer back when it is not UTF-8.
    pub fn from_utf8(bytes: Bytes) -> Result<Self, InvalidUtf8> {
        match std::str::from_utf8(&bytes) {
            Ok(_) => Ok(Self(ByteString::try_from(bytes).unwrap_or_default())),
            Err(error) => Err(InvalidUtf8 { bytes, error }),
        }
    }

    /// Takes over a buffer, replacing what is not UTF-8 by U+FFFD. It copies only then.
    #[must_use]
    pub fn from_utf8_lossy(bytes: Bytes) -> Self {
        Self::from_utf8(bytes)
            .unwrap_or_else(|invalid| Self::from(&*String::from_utf8_lossy(&invalid.bytes)))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The buffer under the text, shared.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        self.0.as_bytes()
    }

    /// The buffer under the text.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0.into_bytes()
    }

    /// A part of the text that shares its buffer; `range` counts bytes.
    ///
    /// # Panics
    ///
    /// When `range` is out of bounds or cuts a character, as `&text[range]` does.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        Self(self.0.slice_ref(&self.0[range]))
    }
}

/// Bytes that were meant to be text and are not UTF-8.
#[derive(Debug, Clone, thiserror::Error)]
#[error("not valid UTF-8: {error}")]
pub struct InvalidUtf8 {
    /// The bytes, given back.
    pub bytes: Bytes,
    error: std::str::Utf8Error,
}

impl InvalidUtf8 {
    /// How many bytes from the start are valid.
    #[must_use]
    pub fn valid_up_to(&self) -> usize {
        self.error.valid_up_to()
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(ByteString::from(text))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(ByteString::from(text))
    }
}

impl From<&Self> for Text {
    fn from(text: &Self) -> Self {
        text.clone()
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_shares_the_buffer() {
        let text = Text::from_utf8(Bytes::from_static("grün ist".as_bytes())).unwrap();
        let word = text.slice(0..5);
        assert_eq!(word, "grün");
        assert_eq!(word.as_bytes().as_ptr(), text.as_bytes().as_ptr());
    }

    #[test]
    fn bytes_that_are_not_utf8_are_given_back() {
        let invalid = Text::from_utf8(Bytes::from_static(b"ab\xff")).unwrap_err();
        assert_eq!(invalid.valid_up_to(), 2);
        assert_eq!(&invalid.bytes[..], b"ab\xff");
        assert_eq!(Text::from_utf8_lossy(invalid.bytes), "ab\u{fffd}");
    }
}
