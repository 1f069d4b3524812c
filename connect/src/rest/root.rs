//! `GET /`, `GET /health` and the list of plugins.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use tokio::time::timeout;

use super::{Api, HEALTH_TIMEOUT};
use crate::herder::entities::{PluginInfo, ServerInfo, WorkerStatus};

/// `GET /`.
pub(super) async fn server_info(State(api): State<Api>) -> Json<ServerInfo> {
    Json(api.herder.server_info())
}

/// `GET /health`: 200 when the worker is ready, 503 while it starts, 500 when its herder does not answer.
pub(super) async fn health(State(api): State<Api>) -> Response {
    if let Some(stage) = &api.herder.view().starting {
        let message = format!(
            "Worker is still starting up. The worker is currently {}.",
            stage.doing
        );
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(WorkerStatus {
                status: "starting",
                message,
            }),
        )
            .into_response();
    }
    if let Ok(Ok(())) = timeout(HEALTH_TIMEOUT, api.herder.ping()).await {
        let message = "Worker has completed startup and is ready to handle requests.".to_owned();
        return Json(WorkerStatus {
            status: "healthy",
            message,
        })
        .into_response();
    }
    let message =
        "Worker was unable to handle this request and may be unable to handle other requests."
            .to_owned();
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        Json(WorkerStatus {
            status: "unhealthy",
            message,
        }),
    )
        .into_response()
}

/// `GET /connector-plugins`.
pub(super) async fn plugins(
    State(api): State<Api>,
    Query(query): Query<Vec<(String, String)>>,
) -> Json<Vec<PluginInfo>> {
    let said = query.iter().rfind(|(key, _)| key == "connectorsOnly");
    let connectors_only = said.is_none_or(|(_, value)| value.eq_ignore_ascii_case("true"));
    Json(api.herder.plugins(connectors_only))
}
