//! `GET /` and `GET /health`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use tokio::time::timeout;

use super::{Api, HEALTH_TIMEOUT};
use crate::herder::entities::{ServerInfo, WorkerStatus};

/// `GET /`.
pub(super) async fn server_info(State(api): State<Api>) -> Json<ServerInfo> {
    Json(api.herder.server_info())
}

/// `GET /health`: 200 when the worker is ready, 503 while it starts, 500 when its herder does not answer.
pub(super) async fn health(State(api): State<Api>) -> Response {
    if let Some(stage) = &api.herder.view().starting {
        let doing = api.doing();
        let doing = doing.unwrap_or_else(|| format!("The worker is currently {}.", stage.doing));
        let message = format!("Worker is still starting up. {doing}");
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
    let mut message =
        "Worker was unable to handle this request and may be unable to handle other requests."
            .to_owned();
    if let Some(doing) = api.doing() {
        message.push(' ');
        message.push_str(&doing);
    }
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        Json(WorkerStatus {
            status: "unhealthy",
            message,
        }),
    )
        .into_response()
}
