//! A text as tokens: the delimiters `: , { } [ ] "`, and what stands between them.

use std::ops::Range;

use memchr::memchr;

const DELIMITERS: &[u8] = b":,{}[]\"";

/// Goes through the tokens of a text. A delimiter behind a backslash is none.
///
/// Looking at the next token passes over blank ones; it is not cut back to them, as in Java.
#[derive(Debug, Clone)]
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
    /// A token that was looked at and not taken.
    next: Option<Range<usize>>,
}

/// Whether a text is empty but for white space and control characters.
pub(super) fn is_blank(text: &str) -> bool {
    trim(text).is_empty()
}

/// Java's `trim`.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(|character| character <= ' ')
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let (at, next) = (0, None);
        Self { text, at, next }
    }

    /// Where the next token begins.
    pub(super) fn mark(&self) -> usize {
        self.next.as_ref().map_or(self.at, |next| next.start)
    }

    /// Goes back to a mark.
    pub(super) fn rewind(&mut self, mark: usize) {
        self.at = mark;
        self.next = None;
    }

    pub(super) fn has_next(&self) -> bool {
        self.next.is_some() || self.is_inside()
    }

    /// The next token; empty at the end.
    pub(super) fn next(&mut self) -> &'a str {
        let next = self.next.take().unwrap_or_else(|| self.scan());
        &self.text[next]
    }

    /// So many tokens as one text, or none if there are fewer.
    pub(super) fn next_few(&mut self, count: usize) -> Option<&'a str> {
        let start = self.mark();
        for _ in 0..count {
            if !self.has_next() {
                self.rewind(start);
                return None;
            }
            self.next();
        }
        Some(&self.text[start..self.at])
    }

    /// Takes the next token that is not blank if it is the expected one.
    pub(super) fn take(&mut self, expected: &str) -> bool {
        let mut next = match self.next.take() {
            Some(next) => next,
            None if self.is_inside() => self.scan(),
            None => return false,
        };
        while is_blank(&self.text[next.clone()]) && self.is_inside() {
            next = self.scan();
        }
        let is_expected = trim(&self.text[next.clone()]) == expected;
        if !is_expected {
            self.next = Some(next);
        }
        is_expected
    }

    fn is_inside(&self) -> bool {
        self.at < self.text.len()
    }

    fn scan(&mut self) -> Range<usize> {
        let start = self.at;
        let mut escaped = false;
        for (at, &byte) in self.text.as_bytes().iter().enumerate().skip(start) {
            if byte == b'\\' {
                escaped = !escaped;
                continue;
            }
            if !escaped && memchr(byte, DELIMITERS).is_some() {
                self.at = at.max(start + 1);
                return start..self.at;
            }
            escaped = false;
        }
        self.at = self.text.len();
        start..self.at
    }
}
