//! What workers ask of each other: `POST /connectors/{connector}/tasks` and `PUT /connectors/{connector}/fence`.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};

use super::Api;
use super::body::task_configs;
use super::connectors::Answer;
use super::request::ConnectorName;
use crate::distributed::session::{ALGORITHM_HEADER, SIGNATURE_HEADER};
use crate::herder::InternalRequest;

/// `POST /connectors/{connector}/tasks`: new task configurations, for the leader.
pub(super) async fn put_tasks(
    State(api): State<Api>,
    ConnectorName(name): ConnectorName,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<StatusCode> {
    let configs = task_configs(&body)?;
    let request = request(&headers, body);
    api.answer(api.herder.put_task_configs(name, configs, request))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `PUT /connectors/{connector}/fence`: lock out former tasks, by the leader.
pub(super) async fn fence(
    State(api): State<Api>,
    ConnectorName(name): ConnectorName,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<StatusCode> {
    let request = request(&headers, body);
    api.answer(api.herder.fence_zombies(name, request)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn request(headers: &HeaderMap, body: Bytes) -> InternalRequest {
    let text = |name| Some(headers.get(name)?.to_str().ok()?.to_owned());
    InternalRequest {
        body,
        signature: text(SIGNATURE_HEADER),
        algorithm: text(ALGORITHM_HEADER),
    }
}
