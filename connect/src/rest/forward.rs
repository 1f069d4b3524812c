//! Requests that another worker has to answer: sent on to it, and its answer handed back as if it were this worker's.
//!
//! A request is sent on twice at most: from the worker that was asked to the leader, and from the leader to the worker that
//! runs what it is about. The query parameter `forward` says how far it has come.

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::uri::{PathAndQuery, Uri};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use tracing::{debug, error};

use super::client::{self, Reply};
use super::error::{ApiError, Elsewhere};
use super::{Api, BODY_MAX};
use crate::distributed::session::{ALGORITHM_HEADER, SIGNATURE_HEADER};
use crate::herder::HerderError;

/// What has to be kept of a request in case it has to be sent on.
struct Kept {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

/// Runs the request here; if another worker has to answer it, asks that one.
pub(super) async fn around(State(api): State<Api>, request: Request, next: Next) -> Response {
    if matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    ) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_MAX).await else {
        return ApiError::Http(StatusCode::PAYLOAD_TOO_LARGE).into_response();
    };
    let kept = Kept {
        method: parts.method.clone(),
        uri: parts.uri.clone(),
        headers: parts.headers.clone(),
        body: body.clone(),
    };
    let mut response = next.run(Request::from_parts(parts, Body::from(body))).await;
    match response.extensions_mut().remove::<Elsewhere>() {
        None => response,
        Some(Elsewhere(url)) => send_on(&api, kept, &url).await,
    }
}

async fn send_on(api: &Api, kept: Kept, url: &str) -> Response {
    let hop = match parameter(&kept.uri, "forward") {
        None => true,
        Some(value) if value.eq_ignore_ascii_case("true") => false,
        Some(_) => {
            error!(
                "Request '{} {}' failed because it couldn't find the target Connect worker within two hops (between \
                 workers).",
                kept.method,
                kept.uri.path()
            );
            return ApiError::from(HerderError::rebalancing()).into_response();
        }
    };
    let target = match target(url, &kept.uri, hop) {
        Ok(target) => target,
        Err(why) => return failed(&why),
    };
    debug!("Forwarding request {target} {}", kept.method);
    let headers = headers_to_send(&kept);
    match client::send(kept.method, &target, headers, kept.body).await {
        Ok(reply) => hand_back(api, reply, &kept.headers),
        Err(why) => failed(&why),
    }
}

fn failed(why: &str) -> Response {
    error!("IO error forwarding REST request: {why}");
    let text = format!("IO Error trying to forward REST request: {why}");
    ApiError::from(HerderError::Internal(text)).into_response()
}

/// The last value of a query parameter.
fn parameter<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    let pairs = uri.query()?.split('&');
    let mut values = pairs.filter_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name));
    values.next_back().map(|(_, value)| value)
}

/// The same path and query at the worker with the address `url`.
fn target(url: &str, uri: &Uri, hop: bool) -> Result<Uri, String> {
    let base: Uri = url.parse().map_err(|error| format!("{url}: {error}"))?;
    let mut query: Vec<&str> = uri.query().unwrap_or_default().split('&').collect();
    query.retain(|pair| !pair.is_empty() && !pair.starts_with("forward="));
    let forward = format!("forward={hop}");
    query.push(&forward);
    let path = format!("{}?{}", uri.path(), query.join("&"));
    let mut parts = base.into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path).map_err(|error| error.to_string())?);
    Uri::from_parts(parts).map_err(|error| format!("{url}: {error}"))
}

/// Who asks, and what shows that it is a worker; the rest is between this worker and whoever asked it.
fn headers_to_send(kept: &Kept) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let signature = HeaderName::from_bytes(SIGNATURE_HEADER.as_bytes());
    let algorithm = HeaderName::from_bytes(ALGORITHM_HEADER.as_bytes());
    let names = [
        Ok(header::AUTHORIZATION),
        Ok(header::CONTENT_TYPE),
        signature,
        algorithm,
    ];
    for name in names.into_iter().flatten() {
        if let Some(value) = kept.headers.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    headers
}

/// The other worker's answer; an address in it becomes one of this worker's.
fn hand_back(api: &Api, reply: Reply, asked: &HeaderMap) -> Response {
    let Reply {
        status,
        headers,
        body,
    } = reply;
    if status.is_client_error() || status.is_server_error() {
        // Whatever stands between two workers may answer as well, in words of its own.
        let is_worker = serde_json::from_slice::<Value>(&body)
            .is_ok_and(|body| body.get("error_code").is_some() && body.get("message").is_some());
        if !is_worker {
            return failed(&format!(
                "HTTP {} without an error message of a worker",
                status.as_u16()
            ));
        }
    } else if !status.is_success() {
        let text = format!(
            "Unexpected status code when handling forwarded request: {}",
            status.as_u16()
        );
        return ApiError::from(HerderError::Internal(text)).into_response();
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    if let Some(kind) = headers.get(header::CONTENT_TYPE) {
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, kind.clone());
    }
    let location = headers
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok());
    let path = location.and_then(|location| location.parse::<Uri>().ok());
    if let Some(path) = path {
        let here = format!("{}{}", api.base(asked), path.path().trim_start_matches('/'));
        if let Ok(here) = here.parse() {
            response.headers_mut().insert(header::LOCATION, here);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_keeps_its_path_and_parameters_on_its_way() {
        let uri: Uri = "/connectors/a%2Fb/restart?includeTasks=true&forward=true"
            .parse()
            .unwrap();
        assert_eq!(parameter(&uri, "forward"), Some("true"));
        assert_eq!(
            target("http://h:1/", &uri, false).unwrap().to_string(),
            "http://h:1/connectors/a%2Fb/restart?includeTasks=true&forward=false"
        );
        let plain: Uri = "/connectors".parse().unwrap();
        assert_eq!(
            target("http://[::1]:8083/", &plain, true)
                .unwrap()
                .to_string(),
            "http://[::1]:8083/connectors?forward=true"
        );
        assert_eq!(parameter(&plain, "forward"), None);
        assert!(target("not an address", &plain, true).is_err());
    }
}
