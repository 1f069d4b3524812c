//! Reads JSON in place: no tree is built, strings are slices of the text.
//!
//! It reads what the JSON library of Java's worker reads: leading zeros, a byte order mark, anything
//! behind the first value if a space comes between; and stops where that stops: nesting, numbers of
//! more than a thousand characters.

use std::borrow::Cow;

use super::error::{DEPTH_MAX, NUMBER_MAX, Syntax, SyntaxError};
use super::scan::special;
use crate::data::Text;

/// What a value is, as Java's node types name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Boolean,
    Number,
    String,
    Array,
    Object,
}

impl Kind {
    pub(crate) fn node_type(self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Boolean => "BOOLEAN",
            Self::Number => "NUMBER",
            Self::String => "STRING",
            Self::Array => "ARRAY",
            Self::Object => "OBJECT",
        }
    }
}

/// A number as it stands in the text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number<'a> {
    pub(crate) text: &'a str,
    /// Without point and exponent.
    pub(crate) integral: bool,
}

/// A place in a JSON text.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    text: &'a Text,
    at: usize,
    depth: usize,
    /// Whether a null was made of something that is none, where null may not be allowed.
    pub(super) stray_nulls: bool,
}

type Result<T> = std::result::Result<T, SyntaxError>;

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a Text) -> Self {
        let at = if text.starts_with('\u{feff}') {
            '\u{feff}'.len_utf8()
        } else {
            0
        };
        Self {
            text,
            at,
            depth: 0,
            stray_nulls: false,
        }
    }

    /// A reader of the same text at a place inside of a container where a value starts.
    pub(crate) fn new_at(text: &'a Text, at: usize) -> Self {
        Self {
            text,
            at,
            depth: 1,
            stray_nulls: false,
        }
    }

    /// As [`new_at`](Self::new_at), in this reader's text.
    pub(crate) fn nested_at(&self, at: usize) -> Self {
        Self::new_at(self.text, at)
    }

    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    pub(crate) fn error<T>(&self, what: Syntax) -> Result<T> {
        let at = self.at;
        Err(SyntaxError {
            what: if at >= self.text.len() {
                Syntax::End
            } else {
                what
            },
            at,
        })
    }

    /// The next byte behind white space.
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.bytes();
        loop {
            match bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    /// The place of the next byte behind white space.
    pub(crate) fn position(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// The place behind what was read last.
    pub(crate) fn end(&self) -> usize {
        self.at
    }

    /// Whether nothing but white space is left.
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Whether the next value has exactly these bytes; if so, it is skipped.
    pub(crate) fn skip_known(&mut self, known: &[u8]) -> bool {
        let start = self.position();
        if known.is_empty() || !self.bytes()[start..].starts_with(known) {
            return false;
        }
        self.at = start + known.len();
        true
    }

    /// What the next value is; it is not read yet.
    pub(crate) fn kind(&mut self) -> Result<Kind> {
        match self.peek() {
            Some(b'"') => Ok(Kind::String),
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't' | b'f') => Ok(Kind::Boolean),
            Some(b'n') => Ok(Kind::Null),
            _ => self.error(Syntax::ValueExpected),
        }
    }

    pub(crate) fn null(&mut self) -> Result<()> {
        self.literal("null")
    }

    pub(crate) fn boolean(&mut self) -> Result<bool> {
        if self.peek() == Some(b't') {
            self.literal("true").map(|()| true)
        } else {
            self.literal("false").map(|()| false)
        }
    }

    fn literal(&mut self, word: &str) -> Result<()> {
        let start = self.position();
        let rest = &self.bytes()[start..];
        let ends = rest.get(word.len()).is_none_or(|byte| {
            !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..))
        });
        if rest.starts_with(word.as_bytes()) && ends {
            self.at += word.len();
            return Ok(());
        }
        self.error(Syntax::UnknownToken)
    }

    /// Reads a number. What follows must not look like more of it.
    pub(crate) fn number(&mut self) -> Result<Number<'a>> {
        let start = self.position();
        let bytes = self.bytes();
        if bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        self.digits()?;
        let mut integral = true;
        if bytes.get(self.at) == Some(&b'.') {
            integral = false;
            self.at += 1;
            self.digits()?;
        }
        if matches!(bytes.get(self.at), Some(b'e' | b'E')) {
            integral = false;
            self.at += 1;
            if matches!(bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            let exponent = self.at;
            self.digits()?;
            // Java keeps the scale in 32 bits; the thousand digits of a mantissa are within reach.
            let digits = self.text[exponent..self.at].trim_start_matches('0');
            if digits.len() > 10 || digits.parse().unwrap_or(0_i64) > 2_147_482_000 {
                self.at = exponent;
                return self.error(Syntax::Exponent);
            }
        }
        if self.at - start > NUMBER_MAX {
            self.at = start;
            return self.error(Syntax::NumberTooLong);
        }
        if self.depth == 0
            && !matches!(
                bytes.get(self.at),
                None | Some(b' ' | b'\n' | b'\r' | b'\t')
            )
        {
            return self.error(Syntax::SpaceExpected);
        }
        Ok(Number {
            text: &self.text[start..self.at],
            integral,
        })
    }

    fn digits(&mut self) -> Result<()> {
        let start = self.at;
        let rest = self.bytes()[start..].iter();
        self.at += rest.take_while(|byte| byte.is_ascii_digit()).count();
        if self.at == start {
            self.error(Syntax::DigitExpected)
        } else {
            Ok(())
        }
    }

    /// Reads a string: a slice of the text unless it has escapes.
    pub(crate) fn string(&mut self) -> Result<Text> {
        match self.raw_string()? {
            Raw::Plain { start, end } => Ok(self.text.slice(start..end)),
            Raw::Unescaped(text) => Ok(text.into()),
        }
    }

    fn raw_string(&mut self) -> Result<Raw> {
        if self.peek() != Some(b'"') {
            return self.error(Syntax::ValueExpected);
        }
        let start = self.at + 1;
        let end = special(self.bytes(), start);
        self.at = end;
        if self.bytes().get(end) == Some(&b'"') {
            self.at += 1;
            return Ok(Raw::Plain { start, end });
        }
        self.escaped_string(start).map(Raw::Unescaped)
    }

    /// Goes on with a string whose first special character is not its end.
    fn escaped_string(&mut self, start: usize) -> Result<String> {
        let mut text = String::with_capacity(self.at - start + 16);
        let mut plain = start;
        loop {
            text.push_str(&self.text[plain..self.at]);
            match self.bytes().get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    self.at += 1;
                    text.push(self.escape()?);
                }
                _ => return self.error(Syntax::ControlCharacter),
            }
            plain = self.at;
            self.at = special(self.bytes(), plain);
        }
    }

    fn escape(&mut self) -> Result<char> {
        let character = match self.bytes().get(self.at) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode_escape();
            }
            _ => return self.error(Syntax::Escape),
        };
        self.at += 1;
        Ok(character)
    }

    /// Four hexadecimal digits, and those of the second half of a surrogate pair. A half alone,
    /// which Java keeps and cannot write, becomes U+FFFD.
    fn unicode_escape(&mut self) -> Result<char> {
        let first = self.hex()?;
        if !(0xD800..0xDC00).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        if self.bytes().get(self.at..self.at + 2) != Some(b"\\u") {
            return Ok(char::REPLACEMENT_CHARACTER);
        }
        let before = self.at;
        self.at += 2;
        let second = self.hex()?;
        if !(0xDC00..0xE000).contains(&second) {
            self.at = before;
            return Ok(char::REPLACEMENT_CHARACTER);
        }
        let joined = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        Ok(char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex(&mut self) -> Result<u32> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = self
                .bytes()
                .get(self.at)
                .and_then(|&byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else {
                return self.error(Syntax::HexDigit);
            };
            value = value << 4 | digit;
            self.at += 1;
        }
        Ok(value)
    }

    /// Enters an array or object; each must be left through [`next_item`](Self::next_item) or
    /// [`next_name`](Self::next_name).
    pub(crate) fn enter(&mut self) -> Result<()> {
        self.peek();
        if self.depth == DEPTH_MAX {
            return self.error(Syntax::TooDeep);
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// Whether another item of the array follows. `first` is true before the first one.
    pub(crate) fn next_item(&mut self, first: bool) -> Result<bool> {
        match self.peek() {
            Some(b']') => {
                // Only the first may be missing: no comma came before.
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            _ if first => Ok(true),
            Some(b',') => {
                self.at += 1;
                if self.peek() == Some(b']') {
                    return self.error(Syntax::ValueExpected);
                }
                Ok(true)
            }
            _ => self.error(Syntax::CommaExpected),
        }
    }

    /// The name of the object's next field, with the colon behind it read. `first` is true before
    /// the first one.
    pub(crate) fn next_name(&mut self, first: bool) -> Result<Option<Cow<'a, str>>> {
        let Some(raw) = self.next_raw_name(first)? else {
            return Ok(None);
        };
        Ok(Some(match raw {
            Raw::Plain { start, end } => Cow::Borrowed(&self.text[start..end]),
            Raw::Unescaped(name) => Cow::Owned(name),
        }))
    }

    /// As [`next_name`](Self::next_name), sharing the text's buffer.
    pub(crate) fn next_name_text(&mut self, first: bool) -> Result<Option<Text>> {
        let Some(raw) = self.next_raw_name(first)? else {
            return Ok(None);
        };
        Ok(Some(match raw {
            Raw::Plain { start, end } => self.text.slice(start..end),
            Raw::Unescaped(name) => name.into(),
        }))
    }

    fn next_raw_name(&mut self, first: bool) -> Result<Option<Raw>> {
        match self.peek() {
            Some(b'}') => {
                self.at += 1;
                self.depth -= 1;
                return Ok(None);
            }
            Some(b',') if !first => {
                self.at += 1;
                self.peek();
            }
            _ if first => {}
            _ => return self.error(Syntax::CommaExpected),
        }
        if self.bytes().get(self.at) != Some(&b'"') {
            return self.error(Syntax::NameExpected);
        }
        let raw = self.raw_string()?;
        if self.peek() != Some(b':') {
            return self.error(Syntax::ColonExpected);
        }
        self.at += 1;
        Ok(Some(raw))
    }

    /// Reads a value and forgets it; needs no stack however deep it is.
    pub(crate) fn skip(&mut self) -> Result<()> {
        // One bit of this list is one open bracket: true for an object.
        let mut open: Vec<bool> = Vec::new();
        let mut first = true;
        loop {
            let more = match open.last() {
                None => true,
                Some(true) => self.next_raw_name(first)?.is_some(),
                Some(false) => self.next_item(first)?,
            };
            first = false;
            if more {
                match self.kind()? {
                    kind @ (Kind::Object | Kind::Array) => {
                        self.enter()?;
                        open.push(kind == Kind::Object);
                        first = true;
                        continue;
                    }
                    Kind::String => drop(self.raw_string()?),
                    Kind::Number => drop(self.number()?),
                    Kind::Boolean => drop(self.boolean()?),
                    Kind::Null => self.null()?,
                }
            } else {
                open.pop();
            }
            if open.is_empty() {
                return Ok(());
            }
        }
    }
}

enum Raw {
    /// A slice of the text.
    Plain {
        start: usize,
        end: usize,
    },
    Unescaped(String),
}
