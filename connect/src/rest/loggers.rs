//! `/admin/loggers`: levels that change while the worker runs, here or on every worker.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use tracing::warn;

use super::Api;
use super::body::JsonBody;
use super::connectors::{Answer, Parameters};
use crate::herder::HerderError;
use crate::logging::{self, LogLevel, LoggerLevel};

/// `GET /admin/loggers`.
pub(super) async fn list() -> Json<BTreeMap<String, LoggerLevel>> {
    Json(logging::levels().all())
}

/// `GET /admin/loggers/{logger}`.
pub(super) async fn show(Path(logger): Path<String>) -> Answer<Json<LoggerLevel>> {
    let level = logging::levels().level(&logger);
    let unknown = || HerderError::NotFound(format!("Logger {logger} not found."));
    Ok(Json(level.ok_or_else(unknown)?))
}

/// `PUT /admin/loggers/{logger}`, with `scope`.
pub(super) async fn set(
    State(api): State<Api>,
    Path(logger): Path<String>,
    Query(query): Parameters,
    body: JsonBody,
) -> Answer<Response> {
    let mut body = body.config()?;
    let level = body.remove("level").flatten().ok_or_else(|| {
        let why = "Desired 'level' parameter was not specified in request.";
        HerderError::BadRequest(why.to_owned())
    })?;
    if LogLevel::from_name(&level).is_none() {
        return Err(HerderError::NotFound(format!("invalid log level '{level}'.")).into());
    }
    let level = level.to_uppercase();
    let scope = query.iter().rfind(|(key, _)| key == "scope");
    let scope = scope.map_or("worker", |(_, scope)| scope.as_str());
    if scope.eq_ignore_ascii_case("cluster") {
        api.answer(api.herder.set_cluster_log_level(logger, level))
            .await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    if !scope.eq_ignore_ascii_case("worker") {
        warn!(
            "Received invalid scope '{scope}' in request to adjust logging level; will default to worker"
        );
    }
    Ok(Json(logging::levels().set_level(&logger, &level)).into_response())
}
