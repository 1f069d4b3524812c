//! A connector's offsets as an operator sees them: shown, altered, reset, for sources and for sinks.
//!
//! Both herders call these once they have made sure that the connector exists and, for a change, that it is stopped and has
//! no tasks ([`HerderError::not_stopped`]). Texts are those of Kafka Connect, because REST shows them.

mod sink;
mod source;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tracing::error;

use super::panics::caught;
use super::worker::WorkerContext;
use crate::api::{ConnectError, ConnectorClass, ErrorKind, OffsetChange};
use crate::converters::json;
use crate::data::{Map, Value};
use crate::herder::HerderError;
use crate::herder::entities::ConfigMap;

/// How long a plugin may take to agree to other offsets: as long as a REST request waits.
const PLUGIN_PATIENCE: Duration = Duration::from_secs(90);

/// Whose offsets they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Of<'a> {
    pub(crate) name: &'a Arc<str>,
    pub(crate) config: &'a ConfigMap,
}

/// What is wanted of offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Altered,
    Reset,
}

/// The offsets of a connector that are committed; each has a partition and an offset.
///
/// Cancel safe: it only reads.
///
/// # Errors
///
/// `Internal` when the plugin is not there, or the offsets cannot be read.
pub(crate) async fn show(
    context: &WorkerContext,
    of: Of<'_>,
) -> Result<Vec<OffsetChange>, HerderError> {
    match class(context, of)? {
        ConnectorClass::Source(_) => source::show(context, of).await,
        ConnectorClass::Sink(_) => sink::show(context, of).await,
    }
}

/// Sets the offsets of some partitions of a connector, and forgets those without an offset. Of wishes about one partition the
/// last counts. The answer is the message for the operator.
///
/// Not cancel safe: some offsets may be changed and others not.
///
/// # Errors
///
/// `BadRequest` when a sink's partitions or offsets are none; `Internal` when the plugin does not want it or it does not work.
pub(crate) async fn alter(
    context: &WorkerContext,
    of: Of<'_>,
    changes: Vec<OffsetChange>,
) -> Result<&'static str, HerderError> {
    let changes = last_of_each(changes);
    if changes.is_empty() {
        let text = "The offsets to be altered may not be null or empty";
        return Err(HerderError::Internal(text.to_owned()));
    }
    match class(context, of)? {
        ConnectorClass::Source(class) => source::alter(context, of, class, changes).await,
        ConnectorClass::Sink(class) => sink::alter(context, of, class, &changes).await,
    }
}

/// Forgets all offsets of a connector. The answer is the message for the operator.
///
/// Not cancel safe: some offsets may be forgotten and others not.
///
/// # Errors
///
/// `Internal` when the plugin does not want it or it does not work.
pub(crate) async fn reset(
    context: &WorkerContext,
    of: Of<'_>,
) -> Result<&'static str, HerderError> {
    match class(context, of)? {
        ConnectorClass::Source(class) => source::reset(context, of, class).await,
        ConnectorClass::Sink(class) => sink::reset(context, of, class).await,
    }
}

/// A JSON object of a request as a partition or offset.
///
/// # Errors
///
/// When a number is beyond what can be kept.
pub(crate) fn from_json(
    object: &serde_json::Map<String, serde_json::Value>,
) -> Result<Map, ConnectError> {
    let bytes = serde_json::to_vec(object)
        .map_err(|problem| ConnectError::new("an offset is not JSON").caused_by(problem))?;
    match json::read_schemaless(bytes.into())? {
        Value::Map(map) => Ok(map),
        _ => Err(ConnectError::of(
            ErrorKind::Data,
            "Offsets must be specified as a Map",
        )),
    }
}

/// A partition or offset as a JSON object of an answer.
///
/// # Errors
///
/// When it holds what JSON has no word for.
pub(crate) fn to_json(map: &Map) -> Result<serde_json::Value, ConnectError> {
    let mut bytes = Vec::new();
    json::write_schemaless(&mut bytes, &Value::Map(map.clone()))?;
    serde_json::from_slice(&bytes)
        .map_err(|problem| ConnectError::new("an offset is not JSON").caused_by(problem))
}

fn class(context: &WorkerContext, of: Of<'_>) -> Result<ConnectorClass, HerderError> {
    let class = of.config.get("connector.class").map(|class| class.trim());
    context
        .plugins
        .find_connector(class.unwrap_or_default())
        .map_err(|problem| HerderError::Internal(problem.to_string()))
}

/// Of several wishes about one partition the last, where the first stood.
fn last_of_each(changes: Vec<OffsetChange>) -> Vec<OffsetChange> {
    let mut by_partition = indexmap::IndexMap::new();
    for change in changes {
        by_partition.insert(change.partition, change.offset);
    }
    by_partition
        .into_iter()
        .map(|(partition, offset)| OffsetChange { partition, offset })
        .collect()
}

/// The message about a change: the plugin has said whether it knows of offsets beyond those of the worker.
fn message(change: Change, plugin_agreed: bool) -> &'static str {
    match (change, plugin_agreed) {
        (Change::Altered, true) => "The offsets for this connector have been altered successfully",
        (Change::Reset, true) => "The offsets for this connector have been reset successfully",
        (Change::Altered, false) => {
            "The Connect framework-managed offsets for this connector have been altered successfully. However, if this \
             connector manages offsets externally, they will need to be manually altered in the system that the connector uses."
        }
        (Change::Reset, false) => {
            "The Connect framework-managed offsets for this connector have been reset successfully. However, if this \
             connector manages offsets externally, they will need to be manually reset in the system that the connector uses."
        }
    }
}

/// Asks a plugin whether it agrees, where plugins run and no longer than a request waits. `kind` is `source` or `sink`.
async fn ask_plugin(
    context: &WorkerContext,
    of: Of<'_>,
    kind: &str,
    question: impl Future<Output = Result<bool, ConnectError>> + Send + 'static,
) -> Result<bool, HerderError> {
    let name = of.name;
    let asked = context.runtime.spawn(async { caught(question).await });
    let abort = asked.abort_handle();
    let failed = || {
        HerderError::Internal(format!(
            "Failed to modify offsets for {kind} connector {name}"
        ))
    };
    match tokio::time::timeout(PLUGIN_PATIENCE, asked).await {
        Ok(Ok(Ok(Ok(agreed)))) => Ok(agreed),
        Ok(Ok(Ok(Err(problem)))) => {
            error!("{kind} connector {name} does not want its offsets modified: {problem:?}");
            Err(refused(&problem, name, failed()))
        }
        Ok(Ok(Err(panic))) => {
            error!("Failed to modify offsets for {kind} connector {name}: {panic}");
            Err(failed())
        }
        Ok(Err(problem)) => {
            error!("Failed to modify offsets for {kind} connector {name}: {problem}");
            Err(failed())
        }
        Err(_) => {
            abort.abort();
            let text = format!(
                "Timed out while calling the 'alterOffsets' method for {kind} connector {name}"
            );
            error!("{text}");
            Err(HerderError::Internal(text))
        }
    }
}

/// A plugin's own words where Connect shows them: for exceptions of Connect's.
fn refused(problem: &ConnectError, name: &str, otherwise: HerderError) -> HerderError {
    match problem.kind() {
        ErrorKind::Unsupported => HerderError::Internal(format!(
            "Failed to modify offsets for connector {name} because it doesn't support external modification of offsets"
        )),
        ErrorKind::NotFound => HerderError::NotFound(problem.message().to_owned()),
        ErrorKind::Connect | ErrorKind::Data | ErrorKind::SchemaBuilder => {
            HerderError::Internal(problem.message().to_owned())
        }
        ErrorKind::Serialization
        | ErrorKind::Config
        | ErrorKind::IllegalState
        | ErrorKind::InvalidRecord => otherwise,
    }
}

/// Logs why something failed and shows what Connect shows of it.
fn failed(text: String, problem: &dyn std::fmt::Debug) -> HerderError {
    error!("{text}: {problem:?}");
    HerderError::Internal(text)
}
