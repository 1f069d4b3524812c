//! A small HTTP client, enough to talk to a worker's REST API and to see every byte of the answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::Result;

/// How long an answer may take. Workers give up after 90 s themselves.
const LIMIT: Duration = Duration::from_secs(100);

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; text that is none becomes a JSON string, an empty body null.
    #[must_use]
    pub fn json(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&self.body).unwrap_or_else(|_| Value::String(self.text()))
    }
}

/// Sends a request to `url` (`http://host:port`) and waits for the whole answer.
///
/// # Errors
/// If the connection fails or the answer is no HTTP.
pub fn request(
    url: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&str>,
) -> Result<Answer> {
    let address = url
        .strip_prefix("http://")
        .ok_or("only http")?
        .trim_end_matches('/');
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_nodelay(true)?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(body) = body {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    let request = format!("{head}\r\n{}", body.unwrap_or_default());
    (&stream).write_all(request.as_bytes())?;
    read(BufReader::new(&stream), method == "HEAD")
}

/// A request with a JSON body, or without a body.
///
/// # Errors
/// As [`request`].
pub fn json(url: &str, method: &str, path: &str, body: Option<&str>) -> Result<Answer> {
    let headers: &[(&str, &str)] = if body.is_some() {
        &[("Content-Type", "application/json")]
    } else {
        &[]
    };
    request(url, method, path, headers, body)
}

/// `GET path`.
///
/// # Errors
/// As [`request`].
pub fn get(url: &str, path: &str) -> Result<Answer> {
    json(url, "GET", path, None)
}

fn read(mut input: impl BufRead, head_only: bool) -> Result<Answer> {
    let status_line = line(&mut input)?;
    let status = status_line
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| format!("not HTTP: {status_line:?}"))?;
    let mut headers = Vec::new();
    loop {
        let line = line(&mut input)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut answer = Answer {
        status,
        headers,
        body: Vec::new(),
    };
    if head_only {
        return Ok(answer);
    }
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = chunks(&mut input)?;
    } else if let Some(length) = answer
        .header("content-length")
        .and_then(|length| length.parse().ok())
    {
        input.take(length).read_to_end(&mut answer.body)?;
    } else {
        input.read_to_end(&mut answer.body)?;
    }
    Ok(answer)
}

fn chunks(input: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let length = u64::from_str_radix(line(input)?.trim(), 16)?;
        input.take(length).read_to_end(&mut body)?;
        line(input)?;
        if length == 0 {
            return Ok(body);
        }
    }
}

fn line(input: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_body_are_read() {
        let sized = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}more";
        let answer = read(&sized[..], false).unwrap();
        assert_eq!((answer.status, answer.json()), (404, serde_json::json!({})));
        let chunked =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n1\r\n]\r\n0\r\n\r\n";
        assert_eq!(
            read(&chunked[..], false).unwrap().json(),
            serde_json::json!([1])
        );
    }
}
