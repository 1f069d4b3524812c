//! What to send: a text with one request per line.

use std::fmt;

/// The lines of a script.
#[derive(Debug)]
pub(crate) struct Script(Vec<Line>);

/// One line.
#[derive(Debug)]
pub(crate) enum Line {
    /// Repeat `GET path` until the answer contains `text`, or until it does not.
    Await {
        path: String,
        text: String,
        there: bool,
    },
    /// Send it to both and compare.
    Request(Request),
}

/// How much of two answers has to be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compare {
    All,
    Status,
    Nothing,
}

/// A request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<String>,
    /// How much of the answers has to be the same.
    pub(crate) compare: Compare,
}

impl Script {
    /// Reads a script: `[~|!] METHOD path [{header: value}...] [body]`, `await path text`, `gone path text`, and `#` comments.
    pub(crate) fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self(lines.map(Line::parse).collect())
    }

    pub(crate) fn lines(&self) -> &[Line] {
        &self.0
    }
}

impl Line {
    fn parse(line: &str) -> Self {
        let (compare, line) = match line.split_once(' ') {
            Some(("~", line)) => (Compare::Status, line),
            Some(("!", line)) => (Compare::Nothing, line),
            _ => (Compare::All, line),
        };
        let mut parts = line.splitn(3, ' ');
        let method = parts.next().unwrap_or_default().to_owned();
        let path = parts.next().unwrap_or("/").to_owned();
        let mut rest = parts.next().unwrap_or_default().trim();
        if method == "await" || method == "gone" {
            let there = method == "await";
            return Self::Await {
                path,
                text: rest.to_owned(),
                there,
            };
        }
        let mut headers = Vec::new();
        while let Some((header, after)) =
            rest.strip_prefix('<').and_then(|rest| rest.split_once('>'))
        {
            let (name, value) = header.split_once(": ").expect("a header is <Name: value>");
            headers.push((name.to_owned(), value.to_owned()));
            rest = after.trim();
        }
        let body = (!rest.is_empty()).then(|| rest.to_owned());
        Self::Request(Request {
            method,
            path,
            headers,
            body,
            compare,
        })
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {}",
            self.method,
            self.path,
            self.body.as_deref().unwrap_or_default()
        )
    }
}
