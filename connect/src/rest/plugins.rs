//! Everything under `/connector-plugins`.

use axum::Json;
use axum::extract::{Path, Query, State};

use super::Api;
use super::body::JsonBody;
use super::connectors::{Answer, Parameters};
use super::error::ApiError;
use crate::herder::HerderError;
use crate::herder::entities::{ConfigInfos, ConfigKeyInfo, PluginInfo};

/// `GET /connector-plugins`, with `connectorsOnly`.
pub(super) async fn list(
    State(api): State<Api>,
    Query(query): Parameters,
) -> Json<Vec<PluginInfo>> {
    let said = query.iter().rfind(|(key, _)| key == "connectorsOnly");
    let connectors_only = said.is_none_or(|(_, value)| value.eq_ignore_ascii_case("true"));
    Json(api.herder.plugins(connectors_only))
}

/// `GET /connector-plugins/{plugin}/config`, with `version`.
pub(super) async fn config(
    State(api): State<Api>,
    Path(plugin): Path<String>,
    Query(query): Parameters,
) -> Answer<Json<Vec<ConfigKeyInfo>>> {
    let version = query.iter().rfind(|(key, _)| key == "version");
    let version = version.map(|(_, version)| version.as_str());
    Ok(Json(api.herder.plugin_config(&plugin, version)?))
}

/// `PUT /connector-plugins/{plugin}/config/validate`.
pub(super) async fn validate(
    State(api): State<Api>,
    Path(plugin): Path<String>,
    body: JsonBody,
) -> Answer<Json<ConfigInfos>> {
    let config = body.config()?;
    if let Some(class) = config.get("connector.class").and_then(Option::as_deref)
        && !without_kind(class).ends_with(without_kind(&plugin))
    {
        return Err(HerderError::BadRequest(format!(
            "Included connector type {class} does not match request type {plugin}"
        ))
        .into());
    }
    let validated = api.answer(api.herder.validate(config)).await;
    Ok(Json(validated.map_err(as_accident)?))
}

/// Kafka answers every failure of a validation with 500, and names the class of the failure.
fn as_accident(error: ApiError) -> ApiError {
    match error {
        ApiError::Herder(HerderError::BadRequest(text)) => HerderError::Internal(format!(
            "org.apache.kafka.connect.runtime.rest.errors.BadRequestException: {text}"
        ))
        .into(),
        ApiError::Herder(HerderError::Internal(text)) => HerderError::Internal(format!(
            "org.apache.kafka.common.config.ConfigException: {text}"
        ))
        .into(),
        other => other,
    }
}

/// The name without `Connector` at its end.
fn without_kind(name: &str) -> &str {
    match name.strip_suffix("Connector") {
        Some(short) if !short.is_empty() => short,
        _ => name,
    }
}
