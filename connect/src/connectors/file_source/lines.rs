//! Bytes in, lines out: lines are slices of the buffer that was read, and what is behind the last one waits for more.

use bytes::Bytes;
use memchr::{memchr2, memrchr2};

use crate::data::Text;

/// Splits what is read from a file into lines, which end with `\n`, `\r\n` or `\r`.
///
/// A `\r` at the very end waits for its neighbour, and the last line waits until it is complete.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Complete lines.
    complete: Complete,
    /// How much of them has been handed out.
    at: usize,
    /// What is behind them, with room to read more into.
    rest: Vec<u8>,
    /// So many bytes of the rest are known to have no line end.
    searched: usize,
}

/// Complete lines: checked at once where they are text, one by one where something in them is not.
#[derive(Debug)]
enum Complete {
    Text(Text),
    Bytes(Bytes),
}

/// A line, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// What is not UTF-8 is replaced by U+FFFD.
    pub(super) text: Text,
    /// How many bytes it had in the file, with its end.
    pub(super) size: usize,
}

impl Default for Complete {
    fn default() -> Self {
        Self::Text(Text::default())
    }
}

impl Complete {
    fn new(bytes: Bytes) -> Self {
        match Text::from_utf8(bytes) {
            Ok(text) => Self::Text(text),
            Err(invalid) => Self::Bytes(invalid.bytes),
        }
    }

    fn bytes(&self) -> &Bytes {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }

    fn slice(&self, from: usize, to: usize) -> Text {
        match self {
            Self::Text(text) => text.slice(from..to),
            Self::Bytes(bytes) => Text::from_utf8_lossy(bytes.slice(from..to)),
        }
    }
}

impl Lines {
    /// The next complete line.
    pub(super) fn next_line(&mut self) -> Option<Line> {
        let bytes = &self.complete.bytes()[self.at..];
        let length = memchr2(b'\n', b'\r', bytes)?;
        let size = match bytes[length..] {
            [b'\r', b'\n', ..] => length + 2,
            _ => length + 1,
        };
        let text = self.complete.slice(self.at, self.at + length);
        self.at += size;
        Some(Line { text, size })
    }

    /// Takes out the incomplete line, to append to it what comes next in the file; give it back with
    /// [`fill`](Self::fill). Call it only when [`next_line`](Self::next_line) has no more.
    pub(super) fn take_rest(&mut self) -> Vec<u8> {
        self.complete = Complete::default();
        self.at = 0;
        std::mem::take(&mut self.rest)
    }

    /// Gives back what was taken, with what was read behind it.
    pub(super) fn fill(&mut self, buffer: Vec<u8>) {
        let end = end_of_lines(&buffer, self.searched);
        if end == 0 {
            // A lone \r at the end has to be looked at again.
            self.searched = buffer.len() - usize::from(buffer.ends_with(b"\r"));
            self.rest = buffer;
            return;
        }
        let buffer = Bytes::from(buffer);
        self.rest = Vec::from(&buffer[end..]);
        self.searched = self.rest.len() - usize::from(self.rest.ends_with(b"\r"));
        self.complete = Complete::new(buffer.slice(..end));
        self.at = 0;
    }

    /// The incomplete line, when nothing will complete it any more.
    pub(super) fn finish(&mut self) -> Option<Line> {
        let mut rest = self.take_rest();
        self.searched = 0;
        let size = rest.len();
        if rest.ends_with(b"\r") {
            rest.pop();
        }
        let text = Text::from_utf8_lossy(Bytes::from(rest));
        (size > 0).then_some(Line { text, size })
    }

    /// How long the incomplete line is by now.
    pub(super) fn rest_len(&self) -> usize {
        self.rest.len()
    }

    /// Everything that was not handed out.
    pub(super) fn into_unread(self) -> Vec<u8> {
        let mut unread = Vec::from(&self.complete.bytes()[self.at..]);
        unread.extend_from_slice(&self.rest);
        unread
    }
}

/// Where the last complete line ends; `searched` bytes have no line end.
fn end_of_lines(buffer: &[u8], searched: usize) -> usize {
    let found = |within: &[u8]| memrchr2(b'\n', b'\r', &within[searched..]).map(|at| searched + at);
    match found(buffer) {
        Some(at) if buffer[at] == b'\r' && at + 1 == buffer.len() => {
            found(&buffer[..at]).map_or(0, |at| at + 1)
        }
        Some(at) => at + 1,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The lines of `parts`, read one after the other, and what is left.
    fn split<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Line>, Vec<u8>) {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for part in parts {
            let mut buffer = lines.take_rest();
            buffer.extend_from_slice(part);
            lines.fill(buffer);
            found.extend(std::iter::from_fn(|| lines.next_line()));
        }
        (found, lines.into_unread())
    }

    #[track_caller]
    fn check(parts: &[&str], expected: &[&str], left: &str) {
        let (lines, rest) = split(parts.iter().map(|part| part.as_bytes()));
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, expected, "{parts:?}");
        assert_eq!(rest, left.as_bytes(), "{parts:?}");
        let size: usize = lines.iter().map(|line| line.size).sum();
        assert_eq!(
            size + rest.len(),
            parts.iter().map(|part| part.len()).sum::<usize>()
        );
    }

    #[test]
    fn lines_end_in_every_way_that_java_knows() {
        check(&["a\nb\r\nc\rd\n"], &["a", "b", "c", "d"], "");
        check(&["\n\n\r\r\r\n\n"], &["", "", "", "", "", ""], "");
        check(&[""], &[], "");
        check(&["a\n\rb\n"], &["a", "", "b"], "");
    }

    #[test]
    fn the_last_line_waits_until_it_is_complete() {
        check(&["a\nb"], &["a"], "b");
        check(&["a\nb", "c", "\nd"], &["a", "bc"], "d");
        check(&["no end at all"], &[], "no end at all");
    }

    #[test]
    fn a_carriage_return_waits_for_its_neighbour() {
        check(&["a\r"], &[], "a\r");
        check(&["a\r", "\nb\n"], &["a", "b"], "");
        check(&["a\r", "b\n"], &["a", "b"], "");
        check(&["a\r", "\r"], &["a"], "\r");
        check(&["a\n\r"], &["a"], "\r");
        check(&["\r", "\n", "\r", "\n"], &["", ""], "");
    }

    #[test]
    fn characters_may_be_cut_by_a_read() {
        let text = "grün\n日本\n😀\n";
        for cut in 0..text.len() {
            let (one, other) = text.as_bytes().split_at(cut);
            let (lines, left) = split([one, other]);
            let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
            assert_eq!(texts, ["grün", "日本", "😀"]);
            assert!(left.is_empty());
        }
    }

    #[test]
    fn what_is_not_utf8_is_replaced_in_its_line_only() {
        let (lines, _) = split([&b"ok\nb\xffad\n\xe2\x82\nfine\n"[..]]);
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["ok", "b\u{fffd}ad", "\u{fffd}", "fine"]);
        assert_eq!(lines[1].size, 5);
    }

    #[test]
    fn a_line_that_nothing_completes_any_more_is_handed_out() {
        let mut lines = Lines::default();
        lines.fill(b"a\nb\r".to_vec());
        assert_eq!(lines.next_line().unwrap().text, "a");
        let last = lines.finish().unwrap();
        assert_eq!((last.text.as_str(), last.size), ("b", 2));
        assert_eq!(lines.finish(), None);
    }

    #[test]
    fn lines_share_the_buffer_that_was_read() {
        let mut lines = Lines::default();
        let buffer = b"one\ntwo\n".to_vec();
        let start = buffer.as_ptr();
        lines.fill(buffer);
        lines.next_line();
        let two = lines.next_line().unwrap().text;
        assert_eq!(two.as_bytes().as_ptr(), start.wrapping_add(4));
    }

    /// The rule for lines, one byte after the other.
    fn split_slowly(text: &[u8]) -> (Vec<String>, Vec<u8>) {
        let (mut lines, mut line, mut at) = (Vec::new(), Vec::new(), 0);
        while at < text.len() {
            let end = match &text[at..] {
                [b'\r', b'\n', ..] => 2,
                [b'\r', _, ..] | [b'\n', ..] => 1,
                _ => 0,
            };
            if end > 0 {
                lines.push(String::from_utf8_lossy(&std::mem::take(&mut line)).into_owned());
                at += end;
            } else {
                line.push(text[at]);
                at += 1;
            }
        }
        (lines, line)
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_how_the_file_was_read(
            pieces in proptest::collection::vec(
                prop_oneof![
                    Just("\n".as_bytes().to_vec()),
                    Just("\r".as_bytes().to_vec()),
                    Just("\r\n".as_bytes().to_vec()),
                    "[a-z ü日😀]{0,12}".prop_map(String::into_bytes),
                    proptest::collection::vec(any::<u8>(), 0..4),
                ],
                0..60,
            ),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12),
        ) {
            let text = pieces.concat();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            cuts.sort_unstable();
            cuts.push(text.len());
            let mut from = 0;
            let parts = cuts.iter().map(|&to| {
                let part = &text[from..to];
                from = to;
                part
            });
            let (lines, left) = split(parts);
            let (expected, rest) = split_slowly(&text);
            let texts: Vec<String> = lines.iter().map(|line| line.text.to_string()).collect();
            prop_assert_eq!(texts, expected);
            prop_assert_eq!(left, rest);
            let size: usize = lines.iter().map(|line| line.size).sum();
            prop_assert_eq!(size, text.len() - split_slowly(&text).1.len());
        }
    }
}
