//! Requests to other workers: one connection each, for they are few.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::uri::Uri;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long another worker may take: it waits as long for its herder.
const PATIENCE: Duration = Duration::from_secs(95);
/// The most of an answer that is read, in bytes.
const ANSWER_MAX: usize = 64 << 20;

/// What another worker answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Sends a request to `http://host:port/path?query` and waits for the whole answer.
///
/// # Errors
///
/// Says what did not work, without the request's headers.
pub(crate) async fn send(
    method: Method,
    uri: &Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Result<Reply, String> {
    if uri.scheme_str() != Some("http") {
        return Err(format!("{uri}: only http is supported yet"));
    }
    let host = uri
        .host()
        .ok_or_else(|| format!("{uri} names no host"))?
        .to_owned();
    let bare = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let port = uri.port_u16().unwrap_or(80);
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(
        header::USER_AGENT,
        HeaderValue::from_static("kafka-connect"),
    );
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let authority = HeaderValue::from_str(authority).map_err(|error| error.to_string())?;
    headers.insert(header::HOST, authority);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder().method(method).uri(path);
    if let Some(into) = request.headers_mut() {
        *into = headers;
    }
    let request = request
        .body(Full::new(body))
        .map_err(|error| error.to_string())?;
    let exchange = exchange(request, bare, port);
    let answered = timeout(PATIENCE, exchange).await;
    answered.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())))
}

async fn exchange(request: Request<Full<Bytes>>, host: String, port: u16) -> Result<Reply, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{host}:{port}: {error}");
    let stream = TcpStream::connect((host.as_str(), port))
        .await
        .map_err(|error| failed(&error))?;
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| failed(&error))?;
    // Ends with the exchange: the request says that the connection closes.
    let connection = tokio::spawn(connection);
    let reply = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| failed(&error))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_MAX).collect().await;
        Ok(Reply {
            status: parts.status,
            headers: parts.headers,
            body: body.map_err(|error| failed(&error))?.to_bytes(),
        })
    };
    let reply = reply.await;
    connection.abort();
    reply
}
