//! Requests to other workers over HTTP: one connection each, for they are few.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::api::BoxFuture;
use crate::distributed::session::{ALGORITHM_HEADER, SIGNATURE_HEADER};
use crate::herder::HerderError;
use crate::herder::distributed::{Peers, Signature};

/// How long another worker may take to answer.
const PATIENCE: Duration = Duration::from_secs(90);
/// The most of an answer that is read, in bytes: an error is shorter.
const ANSWER_MAX: u64 = 64 * 1024;

/// Speaks HTTP/1.1.
#[derive(Debug)]
pub(super) struct HttpPeers;

impl Peers for HttpPeers {
    fn post(
        &self,
        url: String,
        body: Vec<u8>,
        signature: Option<Signature>,
    ) -> BoxFuture<'_, Result<(), HerderError>> {
        Box::pin(async move {
            let failed = |why: String| {
                HerderError::Internal(format!("IO Error trying to forward REST request: {why}"))
            };
            let posted = timeout(PATIENCE, post(&url, &body, signature)).await;
            let posted =
                posted.map_err(|_| failed(format!("{url} did not answer within {PATIENCE:?}")))?;
            verdict(&posted.map_err(failed)?, &url)
        })
    }
}

async fn post(url: &str, body: &[u8], signature: Option<Signature>) -> Result<Vec<u8>, String> {
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| format!("{url} is no http:// address"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address = if host
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok())
    {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    let signed = signature.map_or_else(
        String::new,
        |Signature {
             algorithm,
             signature,
         }| {
            format!("{SIGNATURE_HEADER}: {signature}\r\n{ALGORITHM_HEADER}: {algorithm}\r\n")
        },
    );
    let head = format!(
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: kafka-connect\r\nAccept: application/json\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n{signed}Connection: close\r\n\r\n",
        body.len()
    );
    let exchange = async {
        let mut stream = TcpStream::connect(&address).await?;
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body).await?;
        let mut answer = Vec::new();
        stream.take(ANSWER_MAX).read_to_end(&mut answer).await?;
        Ok(answer)
    };
    exchange
        .await
        .map_err(|error: std::io::Error| format!("{address}: {error}"))
}

/// What an answer means.
fn verdict(answer: &[u8], url: &str) -> Result<(), HerderError> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut words = head.split_ascii_whitespace();
    let is_http = words
        .next()
        .is_some_and(|version| version.starts_with("HTTP/1."));
    let status = words
        .next()
        .and_then(|status| status.parse::<u16>().ok())
        .filter(|_| is_http);
    // The message is somewhere in the body, whether it comes in chunks or not.
    let message = body
        .find('{')
        .and_then(|start| {
            let mut values =
                serde_json::Deserializer::from_str(&body[start..]).into_iter::<serde_json::Value>();
            let value = values.next()?.ok()?;
            Some(value.get("message")?.as_str()?.to_owned())
        })
        .unwrap_or_else(|| {
            format!(
                "{url} answered with {}",
                head.lines().next().unwrap_or("nothing")
            )
        });
    match status {
        Some(200..=299) => Ok(()),
        Some(400) => Err(HerderError::BadRequest(message)),
        Some(403) => Err(HerderError::Forbidden(message)),
        Some(404) => Err(HerderError::NotFound(message)),
        Some(409) => Err(HerderError::Conflict(message)),
        _ => Err(HerderError::Internal(message)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &str) -> Result<(), HerderError> {
        verdict(answer.as_bytes(), "http://h:1/")
    }

    #[test]
    fn an_answer_is_understood_by_its_status_and_message() {
        assert_eq!(read("HTTP/1.1 204 No Content\r\n\r\n"), Ok(()));
        let conflict = "HTTP/1.1 409 Conflict\r\ntransfer-encoding: chunked\r\n\r\n1f\r\n{\"error_code\":409,\"message\":\"later\"}\r\n0\r\n\r\n";
        assert_eq!(
            read(conflict),
            Err(HerderError::Conflict("later".to_owned()))
        );
    }

    #[test]
    fn what_is_no_answer_is_an_error_that_says_so() {
        assert!(matches!(read(""), Err(HerderError::Internal(_))));
        let other = read("SSH-2.0-x\r\n").unwrap_err().to_string();
        assert!(other.contains("SSH-2.0-x"), "{other}");
    }
}
