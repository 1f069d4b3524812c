//! Everything under `/connectors`.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};
use tokio::time::timeout;
use tracing::info;

use super::body::{JsonBody, NullableConfig, without_nulls};
use super::error::ApiError;
use super::request::{ConnectorName, TaskPath, iso_time};
use super::{Api, REQUEST_TIMEOUT};
use crate::herder::entities::{ConfigMap, ConnectorInfo, ConnectorStateInfo, TaskInfo, TaskState};
use crate::herder::{
    Activity, ConnectorTaskId, ConnectorView, HerderError, Put, PutConnector, RestartRequest,
    TargetState,
};

pub(super) type Answer<T> = Result<T, ApiError>;
pub(super) type Parameters = Query<Vec<(String, String)>>;

impl Api {
    /// What is known about connector `name`.
    fn connector(&self, name: &str) -> Answer<Arc<ConnectorView>> {
        let view = self.herder.view();
        let found = view.connectors.get(name).map(Arc::clone);
        found.ok_or_else(|| HerderError::connector_not_found(name).into())
    }

    fn connector_status(&self, name: &str) -> Answer<Arc<ConnectorStateInfo>> {
        let view = self.herder.view();
        let status = view
            .connectors
            .get(name)
            .and_then(|connector| connector.status.clone());
        status.ok_or_else(|| HerderError::no_status(name).into())
    }

    /// Waits for the herder's answer.
    pub(super) async fn answer<T>(
        &self,
        order: impl Future<Output = Result<T, HerderError>>,
    ) -> Answer<T> {
        match timeout(REQUEST_TIMEOUT, order).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(ApiError::TimedOut(self.doing())),
        }
    }

    /// What the worker is doing, as a sentence, if it says so.
    pub(super) fn doing(&self) -> Option<String> {
        if let Some(Activity {
            doing,
            began,
            completed,
        }) = self.herder.activity()
        {
            let began = iso_time(began);
            return Some(match completed {
                None => format!("The worker is currently {doing}, which began at {began}."),
                Some(completed) => format!(
                    "The last operation the worker completed was {doing}, which began at {began} and completed at {}.",
                    iso_time(completed)
                ),
            });
        }
        let view = self.herder.view();
        let starting = view.starting.as_ref();
        starting.map(|stage| format!("The worker is currently {}.", stage.doing))
    }

    /// `http://host:port/` of this worker, as whoever sent `headers` knows it.
    pub(super) fn base(&self, headers: &HeaderMap) -> String {
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        host.map_or_else(
            || (*self.advertised).to_owned(),
            |host| format!("http://{host}/"),
        )
    }
}

/// `GET /connectors`, with `expand=info` and `expand=status`.
pub(super) async fn list(State(api): State<Api>, Query(query): Parameters) -> Json<Value> {
    let view = api.herder.view();
    let expansions: Vec<&str> = query
        .iter()
        .filter(|(key, _)| key == "expand")
        .map(|(_, expansion)| expansion.as_str())
        .collect();
    if expansions.is_empty() {
        return Json(
            view.connectors
                .keys()
                .map(|name| Value::from(&**name))
                .collect(),
        );
    }
    let expanded = view.connectors.iter().filter_map(|(name, connector)| {
        Some(((**name).to_owned(), expand(name, connector, &expansions)?))
    });
    Json(Value::Object(expanded.collect()))
}

/// What `GET /connectors` says about one connector; nothing if its status is wanted and not known yet.
fn expand(name: &Arc<str>, connector: &ConnectorView, expansions: &[&str]) -> Option<Value> {
    let mut expanded = Map::new();
    for &expansion in expansions {
        match expansion {
            "info" => expanded.insert("info".to_owned(), json!(connector.info(name))),
            "status" => expanded.insert("status".to_owned(), json!(connector.status.as_deref()?)),
            unknown => {
                info!(expansion = unknown, "ignoring unknown expansion type");
                None
            }
        };
    }
    Some(Value::Object(expanded))
}

/// `POST /connectors`.
pub(super) async fn create(
    State(api): State<Api>,
    headers: HeaderMap,
    body: JsonBody,
) -> Answer<Response> {
    let request = body.create_request()?;
    let (name, state) = (request.name.into(), request.initial_state);
    let put = api.put_order(name, request.config, state, false).await?;
    let put = api.answer(api.herder.put_connector(put)).await?;
    Ok(put_answer(&api, &headers, put))
}

/// `PUT /connectors/{connector}/config`.
pub(super) async fn put_config(
    State(api): State<Api>,
    ConnectorName(name): ConnectorName,
    headers: HeaderMap,
    body: JsonBody,
) -> Answer<Response> {
    let put = api.put_order(name, body.config()?, None, true).await?;
    let put = api.answer(api.herder.put_connector(put)).await?;
    Ok(put_answer(&api, &headers, put))
}

impl Api {
    /// Checks the name inside `config` against `name`, or puts it there.
    async fn put_order(
        &self,
        name: Arc<str>,
        mut config: NullableConfig,
        initial_state: Option<TargetState>,
        allow_replace: bool,
    ) -> Answer<PutConnector> {
        match config.get("name").cloned().flatten() {
            Some(inside) if *inside != *name => {
                return Err(HerderError::BadRequest(format!(
                    "Connector name configuration ({inside}) doesn't match connector name in the URL ({name})"
                ))
                .into());
            }
            Some(_) => {}
            None => {
                config.insert("name".to_owned(), Some((*name).to_owned()));
            }
        }
        let config = match without_nulls(config) {
            Ok(config) => config,
            Err(config) => {
                let infos = self.answer(self.herder.validate(config)).await?;
                let complaint = infos.complaint().unwrap_or_default();
                return Err(HerderError::BadRequest(complaint).into());
            }
        };
        Ok(PutConnector {
            name,
            config,
            initial_state,
            allow_replace,
        })
    }
}

/// 201 with the new connector's address, or 200.
fn put_answer(api: &Api, headers: &HeaderMap, put: Put) -> Response {
    if !put.created {
        return Json(put.info).into_response();
    }
    let location = format!(
        "{}connectors/{}",
        api.base(headers),
        percent_encoded(&put.info.name)
    );
    (
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Json(put.info),
    )
        .into_response()
}

/// A path segment: everything but RFC 3986's unreserved characters as `%XX`.
fn percent_encoded(segment: &str) -> String {
    let mut encoded = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// `GET /connectors/{connector}`.
pub(super) async fn info(
    State(api): State<Api>,
    ConnectorName(name): ConnectorName,
) -> Answer<Json<ConnectorInfo>> {
    Ok(Json(api.connector(&name)?.info(&name)))
}

/// `GET /connectors/{connector}/config`.
pub(super) async fn config(
    State(api): State<Api>,
    ConnectorName(name): ConnectorName,
) -> Answer<Json<Arc<ConfigMap>>> {
    Ok(Json(Arc::clone(&api.connector(&name)?.config)))
}

/// `PATCH /connectors/{connector}/config`.
pub(super) async fn patch_config(
    State(api): State<Api>,
    ConnectorName(name): ConnectorName,
    body: JsonBody,
) -> Answer<Json<ConnectorInfo>> {
    Ok(Json(
        api.answer(api.herder.patch_connector(name, body.config()?))
            .await?,
    ))
}

/// `GET /connectors/{connector}/status`.
pub(super) async fn status(
    State(api): State<Api>,
    ConnectorName(name): ConnectorName,
) -> Answer<Json<Arc<ConnectorStateInfo>>> {
    Ok(Json(api.connector_status(&name)?))
}

/// `GET /connectors/{connector}/topics`; an unknown connector has used none.
pub(super) async fn topics(
    State(api): State<Api>,
    ConnectorName(name): ConnectorName,
) -> Answer<Json<Value>> {
    if !api.herder.tracks_topics() {
        return Err(HerderError::Forbidden("Topic tracking is disabled.".to_owned()).into());
    }
    let view = api.herder.view();
    let topics = view
        .connectors
        .get(&name)
        .map(|connector| connector.topics.as_slice())
        .unwrap_or_default();
    Ok(Json(json!(BTreeMap::from([(
        &*name,
        BTreeMap::from([("topics", topics)])
    )]))))
}

/// `PUT /connectors/{connector}/topics/reset`.
pub(super) async fn reset_topics(
    State(api): State<Api>,
    ConnectorName(name): ConnectorName,
) -> Answer<StatusCode> {
    api.answer(api.herder.reset_topics(name)).await?;
    Ok(StatusCode::ACCEPTED)
}

/// `GET /connectors/{connector}/tasks`.
pub(super) async fn tasks(
    State(api): State<Api>,
    ConnectorName(name): ConnectorName,
) -> Answer<Json<Vec<TaskInfo>>> {
    Ok(Json(api.connector(&name)?.task_infos(&name)))
}

/// `GET /connectors/{connector}/tasks/{task}/status`.
pub(super) async fn task_status(State(api): State<Api>, path: TaskPath) -> Answer<Json<TaskState>> {
    let id = ConnectorTaskId::new(&path.connector, path.task);
    let missing = || HerderError::NotFound(format!("No status found for task {id}"));
    let view = api.herder.view();
    let status = view
        .connectors
        .get(&path.connector)
        .and_then(|connector| connector.status.clone());
    let status = status.ok_or_else(missing)?;
    let task = status
        .tasks
        .iter()
        .find(|task| task.id == path.task)
        .ok_or_else(missing)?;
    Ok(Json(task.clone()))
}

/// `POST /connectors/{connector}/restart`, with `includeTasks` and `onlyFailed`.
pub(super) async fn restart(
    State(api): State<Api>,
    ConnectorName(name): ConnectorName,
    Query(query): Parameters,
) -> Answer<Response> {
    let is_true = |wanted| {
        query
            .iter()
            .any(|(key, value)| key == wanted && value.eq_ignore_ascii_case("true"))
    };
    let (include_tasks, only_failed) = (is_true("includeTasks"), is_true("onlyFailed"));
    if !include_tasks && !only_failed {
        api.answer(api.herder.restart_connector(name)).await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let request = RestartRequest {
        name,
        only_failed,
        include_tasks,
    };
    let status = api
        .answer(api.herder.restart_connector_and_tasks(request))
        .await?;
    Ok((StatusCode::ACCEPTED, Json(status)).into_response())
}

/// `POST /connectors/{connector}/tasks/{task}/restart`.
pub(super) async fn restart_task(State(api): State<Api>, path: TaskPath) -> Answer<StatusCode> {
    let id = ConnectorTaskId::new(&path.connector, path.task);
    api.answer(api.herder.restart_task(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `PUT /connectors/{connector}/pause`.
pub(super) async fn pause(
    State(api): State<Api>,
    ConnectorName(name): ConnectorName,
) -> Answer<StatusCode> {
    api.answer(api.herder.set_target_state(name, TargetState::Paused))
        .await?;
    Ok(StatusCode::ACCEPTED)
}

/// `PUT /connectors/{connector}/resume`.
pub(super) async fn resume(
    State(api): State<Api>,
    ConnectorName(name): ConnectorName,
) -> Answer<StatusCode> {
    api.answer(api.herder.set_target_state(name, TargetState::Started))
        .await?;
    Ok(StatusCode::ACCEPTED)
}

/// `PUT /connectors/{connector}/stop`.
pub(super) async fn stop(
    State(api): State<Api>,
    ConnectorName(name): ConnectorName,
) -> Answer<StatusCode> {
    api.answer(api.herder.set_target_state(name, TargetState::Stopped))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /connectors/{connector}`.
pub(super) async fn delete(
    State(api): State<Api>,
    ConnectorName(name): ConnectorName,
) -> Answer<StatusCode> {
    api.answer(api.herder.delete_connector(name)).await?;
    Ok(StatusCode::NO_CONTENT)
}
