//! The character sets that every Java has, under all of their Java names.

use bytes::Bytes;

use crate::data::Text;

/// What cannot be expressed becomes this, where U+FFFD is not there either.
const UNMAPPABLE: u8 = b'?';

/// A character set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charset {
    Utf8,
    Latin1,
    Ascii,
    /// Written in big-endian order behind a byte order mark; without a mark it is read in that order.
    Utf16,
    Utf16Be,
    Utf16Le,
}

/// Java's names and aliases, in lower case.
const NAMES: &[(&str, Charset)] = &[
    ("utf-8", Charset::Utf8),
    ("utf8", Charset::Utf8),
    ("unicode-1-1-utf-8", Charset::Utf8),
    ("iso-8859-1", Charset::Latin1),
    ("iso8859_1", Charset::Latin1),
    ("iso8859-1", Charset::Latin1),
    ("iso_8859-1", Charset::Latin1),
    ("iso_8859_1", Charset::Latin1),
    ("iso_8859-1:1987", Charset::Latin1),
    ("iso-ir-100", Charset::Latin1),
    ("8859_1", Charset::Latin1),
    ("latin1", Charset::Latin1),
    ("l1", Charset::Latin1),
    ("ibm819", Charset::Latin1),
    ("ibm-819", Charset::Latin1),
    ("cp819", Charset::Latin1),
    ("819", Charset::Latin1),
    ("csisolatin1", Charset::Latin1),
    ("us-ascii", Charset::Ascii),
    ("ascii", Charset::Ascii),
    ("ascii7", Charset::Ascii),
    ("iso646-us", Charset::Ascii),
    ("iso_646.irv:1991", Charset::Ascii),
    ("iso_646.irv:1983", Charset::Ascii),
    ("iso-ir-6", Charset::Ascii),
    ("ansi_x3.4-1968", Charset::Ascii),
    ("ansi_x3.4-1986", Charset::Ascii),
    ("us", Charset::Ascii),
    ("646", Charset::Ascii),
    ("ibm367", Charset::Ascii),
    ("cp367", Charset::Ascii),
    ("default", Charset::Ascii),
    ("csascii", Charset::Ascii),
    ("utf-16", Charset::Utf16),
    ("utf16", Charset::Utf16),
    ("utf_16", Charset::Utf16),
    ("unicode", Charset::Utf16),
    ("unicodebig", Charset::Utf16),
    ("utf-16be", Charset::Utf16Be),
    ("utf_16be", Charset::Utf16Be),
    ("iso-10646-ucs-2", Charset::Utf16Be),
    ("x-utf-16be", Charset::Utf16Be),
    ("unicodebigunmarked", Charset::Utf16Be),
    ("utf-16le", Charset::Utf16Le),
    ("utf_16le", Charset::Utf16Le),
    ("x-utf-16le", Charset::Utf16Le),
    ("unicodelittleunmarked", Charset::Utf16Le),
];

impl Charset {
    /// What there is, for those who wanted something else.
    pub(super) const ALL: &str = "UTF-8, UTF-16, UTF-16BE, UTF-16LE, ISO-8859-1 and US-ASCII";

    /// The character set of that name, in any case.
    pub(super) fn named(name: &str) -> Option<Self> {
        NAMES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|&(_, charset)| charset)
    }

    /// Writes `text` to `out`, which is cleared first. Characters that are not in the set become question marks.
    pub(super) fn encode(self, text: &str, out: &mut Vec<u8>) {
        out.clear();
        match self {
            Self::Utf8 => out.extend_from_slice(text.as_bytes()),
            Self::Latin1 => out.extend(
                text.chars()
                    .map(|character| u8::try_from(u32::from(character)).unwrap_or(UNMAPPABLE)),
            ),
            Self::Ascii => out.extend(text.chars().map(|character| {
                u8::try_from(character)
                    .ok()
                    .filter(u8::is_ascii)
                    .unwrap_or(UNMAPPABLE)
            })),
            Self::Utf16 => {
                if !text.is_empty() {
                    out.extend_from_slice(&[0xFE, 0xFF]);
                }
                out.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
            }
            Self::Utf16Be => out.extend(text.encode_utf16().flat_map(u16::to_be_bytes)),
            Self::Utf16Le => out.extend(text.encode_utf16().flat_map(u16::to_le_bytes)),
        }
    }

    /// Reads text. Bytes that are none in the set become U+FFFD.
    pub(super) fn decode(self, bytes: Bytes) -> Text {
        match self {
            Self::Utf8 => Text::from_utf8_lossy(bytes),
            // What is ASCII is the same in all three, and is not copied.
            Self::Latin1 | Self::Ascii if bytes.is_ascii() => Text::from_utf8_lossy(bytes),
            Self::Latin1 => bytes
                .iter()
                .map(|&byte| char::from(byte))
                .collect::<String>()
                .into(),
            Self::Ascii => bytes
                .iter()
                .map(|&byte| {
                    if byte.is_ascii() {
                        char::from(byte)
                    } else {
                        char::REPLACEMENT_CHARACTER
                    }
                })
                .collect::<String>()
                .into(),
            Self::Utf16 => match bytes[..] {
                [0xFE, 0xFF, ref rest @ ..] => utf16(rest, u16::from_be_bytes),
                [0xFF, 0xFE, ref rest @ ..] => utf16(rest, u16::from_le_bytes),
                ref rest => utf16(rest, u16::from_be_bytes),
            },
            Self::Utf16Be => utf16(&bytes, u16::from_be_bytes),
            Self::Utf16Le => utf16(&bytes, u16::from_le_bytes),
        }
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Text {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|&pair| unit(pair));
    let mut text: String = char::decode_utf16(units)
        .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    if !odd.is_empty() {
        text.push(char::REPLACEMENT_CHARACTER);
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, text: &str, bytes: &[u8]) {
        let charset = Charset::named(name).unwrap();
        let mut out = b"old".to_vec();
        charset.encode(text, &mut out);
        assert_eq!(out, bytes, "{name}");
        assert_eq!(
            charset.decode(Bytes::copy_from_slice(bytes)),
            text,
            "{name}"
        );
    }

    #[track_caller]
    fn check_read(name: &str, bytes: &'static [u8], text: &str) {
        let charset = Charset::named(name).unwrap();
        assert_eq!(charset.decode(Bytes::from_static(bytes)), text, "{name}");
    }

    #[test]
    fn text_is_written_and_read_in_every_set() {
        check("UTF-8", "ü😀", "ü😀".as_bytes());
        check("ISO-8859-1", "aü\u{80}", b"a\xfc\x80");
        check("US-ASCII", "ab", b"ab");
        check("UTF-16", "ü", b"\xfe\xff\0\xfc");
        check("UTF-16", "", b"");
        check("UTF-16BE", "😀", b"\xd8\x3d\xde\x00");
        check("utf-16le", "\u{feff}a", b"\xff\xfea\0");
    }

    #[test]
    fn characters_that_a_set_lacks_become_question_marks() {
        let mut out = Vec::new();
        Charset::Latin1.encode("a日ü", &mut out);
        assert_eq!(out, b"a?\xfc");
        Charset::Ascii.encode("aü😀", &mut out);
        assert_eq!(out, b"a??");
    }

    #[test]
    fn bytes_that_a_set_lacks_become_replacement_characters() {
        check_read("UTF-8", b"a\xff", "a\u{fffd}");
        check_read("ASCII", b"a\xff", "a\u{fffd}");
        check_read("UTF-16", b"\0a\0", "a\u{fffd}");
        check_read("UTF-16BE", b"\xd8\x3d\0a", "\u{fffd}a");
    }

    #[test]
    fn a_byte_order_mark_decides_the_order_of_utf_16_only() {
        check_read("UTF-16", b"\xff\xfea\0", "a");
        check_read("UTF-16", b"\xfe\xff\0a", "a");
        check_read("UTF-16", b"\0a", "a");
        check_read("UTF-16BE", b"\xfe\xff\0a", "\u{feff}a");
    }

    #[test]
    fn unknown_names_are_not_guessed() {
        assert_eq!(Charset::named("Latin1"), Some(Charset::Latin1));
        assert_eq!(Charset::named("utf-9"), None);
        assert_eq!(Charset::named(""), None);
    }
}
