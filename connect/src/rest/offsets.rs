//! `/connectors/{connector}/offsets`.

use axum::Json;
use axum::extract::State;

use super::Api;
use super::body::JsonBody;
use super::connectors::Answer;
use super::request::ConnectorName;
use crate::herder::HerderError;
use crate::herder::entities::{ConnectorOffsets, Message};

/// `GET /connectors/{connector}/offsets`.
pub(super) async fn show(
    State(api): State<Api>,
    ConnectorName(name): ConnectorName,
) -> Answer<Json<ConnectorOffsets>> {
    Ok(Json(api.answer(api.herder.connector_offsets(name)).await?))
}

/// `PATCH /connectors/{connector}/offsets`.
pub(super) async fn alter(
    State(api): State<Api>,
    ConnectorName(name): ConnectorName,
    body: JsonBody,
) -> Answer<Json<Message>> {
    let offsets = body.offsets()?;
    if offsets.offsets.is_empty() {
        let why = "Partitions / offsets need to be provided for an alter offsets request";
        return Err(HerderError::BadRequest(why.to_owned()).into());
    }
    Ok(Json(
        api.answer(api.herder.alter_offsets(name, offsets)).await?,
    ))
}

/// `DELETE /connectors/{connector}/offsets`.
pub(super) async fn reset(
    State(api): State<Api>,
    ConnectorName(name): ConnectorName,
) -> Answer<Json<Message>> {
    Ok(Json(api.answer(api.herder.reset_offsets(name)).await?))
}
