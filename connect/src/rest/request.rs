//! What happens around every request: its path is tidied, it is logged as Kafka Connect logs it, and the answer says who gives it.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::body::HttpBody as _;
use axum::extract::{ConnectInfo, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hyper::ext::ReasonPhrase;
use serde::Deserialize;
use tracing::info;

use super::error::ApiError;
use super::listener::Peer;
use crate::logging::civil_date;

/// Kafka Connect's web server calls 500 something shorter than the standard does, and clients show it to people.
const SERVER_ERROR: ReasonPhrase = ReasonPhrase::from_static(b"Server Error");

/// Tidies the path, runs the request, and writes the request log.
pub(super) async fn around(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let line = RequestLine::of(&request);
    if let Some(uri) = without_trailing_slash(request.uri()) {
        *request.uri_mut() = uri;
    }
    let is_question = request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    let allowed = response.headers_mut().remove(header::ALLOW);
    if response.status() == StatusCode::METHOD_NOT_ALLOWED
        && let Some(allowed) = allowed.filter(|_| is_question)
    {
        let headers = std::mem::take(response.headers_mut());
        response = methods(&allowed);
        response
            .headers_mut()
            .extend(headers.into_iter().filter_map(|(name, value)| {
                let name = name?;
                let is_of_body = [header::CONTENT_LENGTH, header::CONTENT_TYPE].contains(&name);
                (!is_of_body).then_some((name, value))
            }));
    }
    response.headers_mut().insert(
        header::SERVER,
        HeaderValue::from_static(concat!("kconnect/", env!("CARGO_PKG_VERSION"))),
    );
    if response.status() == StatusCode::INTERNAL_SERVER_ERROR {
        response.extensions_mut().insert(SERVER_ERROR);
    }
    line.log(&response, started);
    response
}

/// The methods that a path has, for whoever asks with OPTIONS.
fn methods(allowed: &HeaderValue) -> Response {
    let allowed = allowed.to_str().unwrap_or_default();
    let others = allowed
        .split(',')
        .map(str::trim)
        .filter(|method| !method.is_empty());
    let methods: Vec<&str> = others.chain(["OPTIONS"]).collect();
    let methods = methods.join(", ");
    let mut response = methods.clone().into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    if let Ok(methods) = HeaderValue::from_str(&methods) {
        response.headers_mut().insert(header::ALLOW, methods);
    }
    response
}

/// `/connectors/` means `/connectors`.
fn without_trailing_slash(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let tidy = path.trim_end_matches('/');
    if tidy.is_empty() || tidy.len() == path.len() {
        return None;
    }
    let mut text = tidy.to_owned();
    if let Some(query) = uri.query() {
        let _ = write!(text, "?{query}");
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(text).ok()?);
    Uri::from_parts(parts).ok()
}

/// Refuses a request whose `Accept` excludes JSON.
pub(super) async fn must_accept_json(request: Request, next: Next) -> Response {
    if accepts_json(request.headers()) {
        next.run(request).await
    } else {
        ApiError::Http(StatusCode::NOT_ACCEPTABLE).into_response()
    }
}

fn accepts_json(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(header::ACCEPT).iter().peekable();
    if accepted.peek().is_none() {
        return true;
    }
    accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|range| {
            let range = range
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase();
            matches!(
                range.as_str(),
                "*/*" | "application/*" | "application/json" | ""
            )
        })
}

/// What the request log says about a request, taken before it is handled.
struct RequestLine {
    peer: String,
    request: String,
    referer: String,
    user_agent: String,
}

impl RequestLine {
    fn of(request: &Request) -> Self {
        let peer = request.extensions().get::<ConnectInfo<Peer>>();
        let text = |name| {
            let value = request
                .headers()
                .get(name)
                .and_then(|value: &HeaderValue| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        Self {
            peer: peer.map_or_else(
                || "-".to_owned(),
                |ConnectInfo(Peer(peer))| peer.ip().to_canonical().to_string(),
            ),
            request: format!(
                "{} {} {:?}",
                request.method(),
                request.uri(),
                request.version()
            ),
            referer: text(header::REFERER),
            user_agent: text(header::USER_AGENT),
        }
    }

    /// Logs in the extended NCSA format with the time taken in milliseconds.
    fn log(&self, response: &Response, started: Instant) {
        let Self {
            peer,
            request,
            referer,
            user_agent,
        } = self;
        let length = response.body().size_hint().exact().unwrap_or(0);
        info!(
            target: "kconnect::rest::request",
            "{peer} - - [{}] \"{request}\" {} {length} \"{referer}\" \"{user_agent}\" {}",
            ncsa_time(SystemTime::now()),
            response.status().as_u16(),
            started.elapsed().as_millis(),
        );
    }
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Day, month's name, year, and time of day as `11:40:49`; and the day counted from 1970-01-01.
fn parts_of(time: SystemTime) -> (u64, &'static str, u64, String, u64) {
    let seconds = time
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let days = seconds / 86_400;
    let (year, month, day) = civil_date(days);
    let month = (1..)
        .zip(MONTHS)
        .find(|&(number, _)| number == month)
        .map_or("", |(_, name)| name);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    (
        day,
        month,
        year,
        format!("{hour:02}:{minute:02}:{second:02}"),
        days,
    )
}

/// `22/Nov/2026:11:40:49 +0000`.
fn ncsa_time(time: SystemTime) -> String {
    let (day, month, year, clock, _) = parts_of(time);
    format!("{day:02}/{month}/{year}:{clock} +0000")
}

/// `Sun, 22 Nov 2026 11:40:49 GMT`.
pub(super) fn http_date(time: SystemTime) -> String {
    // The first of January 1970 was a Thursday.
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let (day, month, year, clock, days) = parts_of(time);
    let weekday = usize::try_from(days % 7).map_or("", |at| DAYS[at]);
    format!("{weekday}, {day:02} {month} {year} {clock} GMT")
}

/// `2026-11-22T11:40:49.123Z`.
pub(super) fn iso_time(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (_, _, _, clock, days) = parts_of(time);
    let (year, month, day) = civil_date(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{clock}.{:03}Z",
        since.subsec_millis()
    )
}

/// The connector that a path names.
#[derive(Debug)]
pub(super) struct ConnectorName(pub(super) Arc<str>);

/// The task that a path names.
#[derive(Debug)]
pub(super) struct TaskPath {
    pub(super) connector: Arc<str>,
    pub(super) task: u32,
}

#[derive(Deserialize)]
struct PathParameters {
    connector: String,
    task: Option<String>,
}

impl PathParameters {
    async fn of<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let found = Path::<Self>::from_request_parts(parts, state).await;
        found
            .map(|Path(parameters)| parameters)
            .map_err(|_| ApiError::Http(StatusCode::NOT_FOUND))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ConnectorName {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Ok(Self(
            PathParameters::of(parts, state).await?.connector.into(),
        ))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TaskPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let parameters = PathParameters::of(parts, state).await?;
        // A task number that is none is a path that is not there.
        let task = parameters
            .task
            .and_then(|task| task.parse().ok())
            .ok_or(ApiError::NoSuchTask)?;
        Ok(Self {
            connector: parameters.connector.into(),
            task,
        })
    }
}
