//! Errors as answers: `{"error_code":404,"message":"..."}` with the status that Kafka Connect gives them.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::herder::HerderError;
use crate::herder::entities::ErrorMessage;

/// A request that is answered with an error.
#[derive(Debug)]
pub(super) enum ApiError {
    /// By the rules of HTTP, before anything of Connect's was asked.
    Http(StatusCode),
    /// A task's number that is none.
    NoSuchTask,
    /// The request's body makes no sense.
    Body(String),
    /// By the herder.
    Herder(HerderError),
    /// The herder took too long; a sentence says what it is busy with, if that is known.
    TimedOut(Option<String>),
}

/// Goes with an answer that another worker has to give: the one with this address.
#[derive(Debug, Clone)]
pub(super) struct Elsewhere(pub(super) String);

impl From<HerderError> for ApiError {
    fn from(error: HerderError) -> Self {
        Self::Herder(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, message) = match self {
            Self::Http(status) => return http_error(status),
            Self::NoSuchTask => (StatusCode::NOT_FOUND, "HTTP 404 Not Found".to_owned()),
            // Kafka Connect answers what its JSON library refuses with 500, not 400.
            Self::Body(message) => (StatusCode::INTERNAL_SERVER_ERROR, message),
            Self::Herder(HerderError::Elsewhere(url)) => {
                let mut response = Self::from(HerderError::rebalancing()).into_response();
                response.extensions_mut().insert(Elsewhere(url));
                return response;
            }
            Self::Herder(error) => (
                StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                error.to_string(),
            ),
            Self::TimedOut(None) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "Request timed out".to_owned(),
            ),
            Self::TimedOut(Some(doing)) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("Request timed out. {doing}"),
            ),
        };
        (
            status,
            Json(ErrorMessage {
                error_code: status.as_u16(),
                message,
            }),
        )
            .into_response()
    }
}

/// `{"error_code":404,"message":"HTTP 404 Not Found"}`, without a content type, as Kafka Connect does it.
fn http_error(status: StatusCode) -> Response {
    let message = format!(
        "HTTP {} {}",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default()
    );
    let mut response = (
        status,
        Json(ErrorMessage {
            error_code: status.as_u16(),
            message,
        }),
    )
        .into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    response
}

/// Answers a path that is not there.
pub(super) async fn not_found() -> Response {
    http_error(StatusCode::NOT_FOUND)
}

/// Answers a path that is there, for other methods.
pub(super) async fn method_not_allowed() -> Response {
    http_error(StatusCode::METHOD_NOT_ALLOWED)
}
