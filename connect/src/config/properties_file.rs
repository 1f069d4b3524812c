//! Property files as Java writes and reads them: `key=value` lines in ISO-8859-1 with escapes, comments and continued lines.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use kconnect_client::config::Properties;
use tracing::warn;

/// The largest file that is read, in bytes.
const FILE_MAX: u64 = 16 << 20;

/// A property file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the property file {}: {why}", path.display())]
pub struct PropertiesFileError {
    path: PathBuf,
    why: Why,
}

/// What is wrong with a property file.
#[derive(Debug, thiserror::Error)]
enum Why {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it is larger than 16 MiB")]
    TooLarge,
    #[error("it is no text: byte 0x{byte:02x} in line {line}")]
    NotText { byte: u8, line: usize },
    #[error(
        "malformed \\uxxxx encoding in line {line}: four hexadecimal digits have to follow \\u"
    )]
    Escape { line: usize },
    #[error("line {line} has one half of a \\uxxxx\\uxxxx pair without the other")]
    Surrogate { line: usize },
}

/// Reads the property file `path`. Of a key that is given twice the last value counts.
///
/// # Errors
///
/// When the file cannot be read, is no text, or has an escape that is none.
pub fn read_properties(path: &Path) -> Result<Properties, PropertiesFileError> {
    read_file(path)
        .and_then(|bytes| {
            if !bytes.is_ascii() && std::str::from_utf8(&bytes).is_ok() {
                warn!(
                    "{} has UTF-8 characters, but property files are read as ISO-8859-1, as Java reads them; write \
                     \\uxxxx instead",
                    path.display()
                );
            }
            parse(&bytes)
        })
        .map_err(|why| PropertiesFileError {
            path: path.to_owned(),
            why,
        })
}

/// Reads the properties in `bytes`, which came from the file `path`.
///
/// # Errors
///
/// As [`read_properties`].
pub fn parse_properties(path: &Path, bytes: &[u8]) -> Result<Properties, PropertiesFileError> {
    parse(bytes).map_err(|why| PropertiesFileError {
        path: path.to_owned(),
        why,
    })
}

/// The bytes of a configuration file, which is not large.
fn read_file(path: &Path) -> Result<Vec<u8>, Why> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(FILE_MAX + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(Why::TooLarge);
    }
    Ok(bytes)
}

/// The bytes of the configuration file `path`.
///
/// # Errors
///
/// When the file cannot be read or is larger than 16 MiB.
pub fn read_config_file(path: &Path) -> Result<Vec<u8>, PropertiesFileError> {
    read_file(path).map_err(|why| PropertiesFileError {
        path: path.to_owned(),
        why,
    })
}

fn parse(bytes: &[u8]) -> Result<Properties, Why> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut properties = Properties::new();
    let mut lines = LogicalLines {
        rest: bytes,
        line: 0,
    };
    while let Some((line, text)) = lines.next()? {
        let (key, value) = split(&text);
        properties.set(unescape(key, line)?, unescape(value, line)?);
    }
    Ok(properties)
}

/// Lines that are no comments, put together where they are continued, with their numbers; without leading blanks.
struct LogicalLines<'a> {
    rest: &'a [u8],
    line: usize,
}

impl<'a> LogicalLines<'a> {
    fn next(&mut self) -> Result<Option<(usize, Vec<u8>)>, Why> {
        let mut text = Vec::new();
        let mut first = 0;
        while let Some(natural) = self.natural_line() {
            let is_control = |&byte: &u8| byte < b' ' && !is_blank(byte);
            if let Some(byte) = natural.iter().copied().find(|byte| is_control(byte)) {
                let line = self.line;
                return Err(Why::NotText { byte, line });
            }
            let natural = trim_start(natural);
            if text.is_empty() {
                if natural.is_empty() || matches!(natural[0], b'#' | b'!') {
                    continue;
                }
                first = self.line;
            }
            let backslashes = natural.iter().rev().take_while(|&&byte| byte == b'\\');
            if backslashes.count() % 2 == 1 {
                text.extend_from_slice(&natural[..natural.len() - 1]);
            } else {
                text.extend_from_slice(natural);
                return Ok(Some((first, text)));
            }
        }
        Ok((!text.is_empty()).then_some((first, text)))
    }

    /// The next line up to its end, which is LF, CR or both.
    fn natural_line(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        self.line += 1;
        let end = memchr::memchr2(b'\n', b'\r', self.rest);
        let Some(end) = end else {
            return Some(std::mem::take(&mut self.rest));
        };
        let (line, rest) = self.rest.split_at(end);
        let ending = if rest.starts_with(b"\r\n") { 2 } else { 1 };
        self.rest = &rest[ending..];
        Some(line)
    }
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\x0c')
}

fn trim_start(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|&&byte| is_blank(byte)).count();
    &text[blanks..]
}

/// Key and value, still escaped: the key ends at the first `=`, `:` or blank that has no backslash before it.
fn split(line: &[u8]) -> (&[u8], &[u8]) {
    let mut escaped = false;
    let end = line.iter().position(|&byte| {
        let ends = !escaped && (matches!(byte, b'=' | b':') || is_blank(byte));
        escaped = byte == b'\\' && !escaped;
        ends
    });
    let (key, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = trim_start(rest);
    let value = match rest.first() {
        Some(b'=' | b':') => trim_start(&rest[1..]),
        _ => rest,
    };
    (key, value)
}

fn unescape(text: &[u8], line: usize) -> Result<String, Why> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        let unit = match byte {
            b'\\' => match rest.next() {
                Some(b't') => u16::from(b'\t'),
                Some(b'n') => u16::from(b'\n'),
                Some(b'r') => u16::from(b'\r'),
                Some(b'f') => 0x0c,
                Some(b'u') => hex(&mut rest).ok_or(Why::Escape { line })?,
                Some(other) => u16::from(other),
                None => break,
            },
            other => u16::from(other),
        };
        units.push(unit);
    }
    String::from_utf16(&units).map_err(|_| Why::Surrogate { line })
}

fn hex(digits: &mut impl Iterator<Item = u8>) -> Option<u16> {
    (0..4).try_fold(0, |unit: u16, _| {
        let digit = char::from(digits.next()?).to_digit(16)?;
        Some(unit << 4 | u16::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &[u8], expected: &[(&str, &str)]) {
        let expected: Properties = expected.iter().copied().collect();
        let parsed = parse(text).unwrap();
        let pairs: Vec<(&str, &str)> = parsed.iter().collect();
        assert_eq!(pairs, expected.iter().collect::<Vec<_>>());
    }

    fn refused(text: &[u8]) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn separators_are_equals_signs_colons_and_blanks() {
        check(
            b"a=1\nb:2\nc 3\n  d  =  4 \ne\t:\t5\nf\ng=\n = h\n",
            &[
                ("a", "1"),
                ("b", "2"),
                ("c", "3"),
                ("d", "4 "),
                ("e", "5"),
                ("f", ""),
                ("g", ""),
                ("", "h"),
            ],
        );
        check(b"a==b\nc=:d\n", &[("a", "=b"), ("c", ":d")]);
    }

    #[test]
    fn comments_and_blank_lines_are_left_out_and_the_last_of_two_counts() {
        check(
            b"# a=1\n  ! b=2\n\n \t\nc=3 # no comment\r\nc=4\rd=5",
            &[("c", "4"), ("d", "5")],
        );
        check(b"#a\\\nb=1", &[("b", "1")]);
    }

    #[test]
    fn lines_are_continued_after_an_odd_number_of_backslashes() {
        check(
            b"a=1,\\\n   2,\\\r\n\t3\nb=x\\\\\nc=1",
            &[("a", "1,2,3"), ("b", "x\\"), ("c", "1")],
        );
        check(b"a=1\\\n\nb=2", &[("a", "1"), ("b", "2")]);
        check(b"a=1\\", &[("a", "1")]);
        check(b"a=1\\\n# not a comment", &[("a", "1# not a comment")]);
    }

    #[test]
    fn escapes_and_bytes_are_javas() {
        check(
            b"a\\ b\\=\\:=\\t\\n\\q\\u00e9\\uD83D\\uDE00\nc=\xe9\n",
            &[("a b=:", "\t\nq\u{e9}\u{1f600}"), ("c", "\u{e9}")],
        );
        check(b"\xef\xbb\xbfa=1", &[("a", "1")]);
    }

    #[test]
    fn what_is_no_property_file_is_refused_with_the_line() {
        assert_eq!(
            refused(b"a=1\n\x7fELF\x02\x01"),
            "it is no text: byte 0x02 in line 2"
        );
        assert!(refused(b"a=\\u12").contains("line 1"));
        assert!(refused(b"\na=\\u12g4").contains("line 2"));
        assert!(refused(b"a=\\ud83d").contains("one half"));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let missing = read_properties(Path::new("no/such.properties")).unwrap_err();
        assert!(
            missing
                .to_string()
                .starts_with("cannot read the property file no/such.properties: No such file")
        );
        assert!(
            read_properties(Path::new("/"))
                .unwrap_err()
                .to_string()
                .contains("directory")
        );
    }
}
