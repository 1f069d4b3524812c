//! Requests that this worker itself makes of other workers, over HTTP.

use axum::http::uri::Uri;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::Value;

use crate::api::BoxFuture;
use crate::distributed::session::{ALGORITHM_HEADER, SIGNATURE_HEADER};
use crate::herder::HerderError;
use crate::herder::distributed::{Peers, Signature};
use crate::rest::client::{self, Reply};

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
            let reply = post(&url, body, signature).await.map_err(|why| {
                HerderError::Internal(format!("IO Error trying to forward REST request: {why}"))
            })?;
            verdict(&reply, &url)
        })
    }
}

async fn post(url: &str, body: Vec<u8>, signature: Option<Signature>) -> Result<Reply, String> {
    let uri: Uri = url.parse().map_err(|error| format!("{url}: {error}"))?;
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    if let Some(signature) = signature {
        let signed = HeaderValue::from_str(&signature.signature);
        let signed = signed.map_err(|_| "the signature is no base64".to_owned())?;
        headers.insert(SIGNATURE_HEADER, signed);
        headers.insert(
            ALGORITHM_HEADER,
            HeaderValue::from_static(signature.algorithm),
        );
    }
    client::send(Method::POST, &uri, headers, body.into()).await
}

/// What an answer means.
fn verdict(reply: &Reply, url: &str) -> Result<(), HerderError> {
    if reply.status.is_success() {
        return Ok(());
    }
    let said = serde_json::from_slice::<Value>(&reply.body).ok();
    let message = said
        .as_ref()
        .and_then(|said| said.get("message")?.as_str())
        .map_or_else(
            || format!("{url} answered with {}", reply.status),
            str::to_owned,
        );
    Err(match reply.status {
        StatusCode::BAD_REQUEST => HerderError::BadRequest(message),
        StatusCode::FORBIDDEN => HerderError::Forbidden(message),
        StatusCode::NOT_FOUND => HerderError::NotFound(message),
        StatusCode::CONFLICT => HerderError::Conflict(message),
        StatusCode::SERVICE_UNAVAILABLE => HerderError::Unavailable(message),
        _ => HerderError::Internal(message),
    })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// What the worker makes of `answer`, and the request that it sent.
    async fn ask(answer: &str) -> (Result<(), HerderError>, String) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!(
            "http://{}/connectors/a%20b/tasks",
            listener.local_addr().unwrap()
        );
        let peer = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"[{}]") {
                assert_ne!(stream.read_buf(&mut asked).await.unwrap(), 0);
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(asked).unwrap()
        };
        let signature = Signature {
            algorithm: "HmacSHA256",
            signature: "c2lnbmVk".to_owned(),
        };
        tokio::join!(HttpPeers.post(url, b"[{}]".to_vec(), Some(signature)), peer)
    }

    #[tokio::test]
    async fn a_request_is_signed_and_its_answer_understood() {
        let (answered, asked) = ask("HTTP/1.1 204 No Content\r\n\r\n").await;
        assert_eq!(answered, Ok(()));
        assert!(asked.starts_with("POST /connectors/a%20b/tasks HTTP/1.1\r\n"));
        let asked = asked.to_ascii_lowercase();
        assert!(
            asked.contains("\r\nx-connect-authorization: c2lnbmvk\r\n"),
            "{asked}"
        );
        assert!(
            asked.contains("\r\nx-connect-request-signature-algorithm: hmacsha256\r\n"),
            "{asked}"
        );
    }

    #[tokio::test]
    async fn a_refusal_keeps_its_status_and_message() {
        let (answered, _) = ask(
            "HTTP/1.1 409 Conflict\r\ntransfer-encoding: chunked\r\n\r\n\
             24\r\n{\"error_code\":409,\"message\":\"later\"}\r\n0\r\n\r\n",
        )
        .await;
        assert_eq!(answered, Err(HerderError::Conflict("later".to_owned())));
    }

    #[tokio::test]
    async fn what_is_no_answer_is_an_error_that_says_so() {
        let (answered, _) = ask("SSH-2.0-x\r\n").await;
        let why = answered.unwrap_err().to_string();
        assert!(
            why.starts_with("IO Error trying to forward REST request: 127.0.0.1:"),
            "{why}"
        );
        let (answered, _) = ask("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 4\r\n\r\nbusy").await;
        let why = answered.unwrap_err().to_string();
        assert!(why.ends_with("answered with 502 Bad Gateway"), "{why}");
    }
}
