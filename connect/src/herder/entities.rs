//! What a worker says and is told over REST: the bodies of requests and answers, field by field as Kafka Connect has them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::runtime::{ConnectorTaskId, State};

/// The configuration of a connector or task as it was given: names and texts, variables unresolved.
pub type ConfigMap = BTreeMap<String, String>;

/// Whether a connector reads from outside or writes to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectorType {
    /// Reads from outside into topics.
    Source,
    /// Writes from topics to the outside.
    Sink,
    /// Its plugin is not known here.
    Unknown,
}

/// The answer to `GET /`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerInfo {
    /// The Kafka release whose Connect this worker speaks.
    pub version: String,
    /// What this worker was built from.
    pub commit: String,
    /// The id of the Kafka cluster behind the worker.
    pub kafka_cluster_id: Option<String>,
}

/// The answer to `GET /health`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkerStatus {
    /// `healthy`, `starting` or `unhealthy`.
    pub status: &'static str,
    /// The same in a sentence, with what the worker is busy with.
    pub message: String,
}

/// A connector's configuration and tasks: the answer to `GET /connectors/{connector}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnectorInfo {
    /// The connector's name.
    pub name: Arc<str>,
    /// Its configuration as it was given, always with `name`.
    pub config: Arc<ConfigMap>,
    /// Its tasks, by number.
    pub tasks: Vec<ConnectorTaskId>,
    /// Source or sink.
    #[serde(rename = "type")]
    pub kind: ConnectorType,
}

/// One element of the answer to `GET /connectors/{connector}/tasks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskInfo {
    /// Which task.
    pub id: ConnectorTaskId,
    /// Its configuration, variables unresolved.
    pub config: Arc<ConfigMap>,
}

/// What a connector is doing, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnectorState {
    /// What it is doing.
    pub state: State,
    /// `host:port` of the worker that runs it.
    pub worker_id: Arc<str>,
    /// The version of its plugin, where that is known.
    pub version: Option<Arc<str>>,
    /// What went wrong, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<Arc<str>>,
}

/// What a task is doing, and where: the answer to `GET /connectors/{connector}/tasks/{task}/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskState {
    /// The task's number.
    pub id: u32,
    /// The rest is as for a connector.
    #[serde(flatten)]
    pub state: ConnectorState,
}

/// The answer to `GET /connectors/{connector}/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnectorStateInfo {
    /// The connector's name.
    pub name: Arc<str>,
    /// The connector itself.
    pub connector: ConnectorState,
    /// Its tasks, by number.
    pub tasks: Vec<TaskState>,
    /// Source or sink.
    #[serde(rename = "type")]
    pub kind: ConnectorType,
}

/// The body of every answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorMessage {
    /// The HTTP status, or Connect's own code.
    pub error_code: u16,
    /// What went wrong.
    pub message: String,
}

/// One connector plugin: an element of the answer to `GET /connector-plugins`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PluginInfo {
    /// The full class name by which it is known.
    pub class: String,
    /// `source`, `sink`, `converter`, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// The offset of one partition of a connector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectorOffset {
    /// A source partition, or a sink's `kafka_topic` and `kafka_partition`.
    #[serde(default)]
    pub partition: Option<Map<String, Value>>,
    /// A source offset, or a sink's `kafka_offset`; `None` has been, or shall be, forgotten.
    #[serde(default)]
    pub offset: Option<Map<String, Value>>,
}

/// How far a connector has come: the body of `GET` and `PATCH /connectors/{connector}/offsets`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectorOffsets {
    /// Partition by partition.
    pub offsets: Vec<ConnectorOffset>,
}

/// A sentence: the answer to a request that changes offsets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The sentence.
    pub message: String,
}

/// What is known of one configuration key: an element of the answer to `GET /connector-plugins/{plugin}/config`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigKeyInfo {
    /// The key.
    pub name: String,
    /// `STRING`, `INT`, ...
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Whether it has no default.
    pub required: bool,
    /// The default; null for none and for null.
    pub default_value: Option<String>,
    /// `HIGH`, `MEDIUM` or `LOW`.
    pub importance: &'static str,
    /// What it is for.
    pub documentation: String,
    /// The group it is shown in.
    pub group: Option<String>,
    /// `NONE`, `SHORT`, `MEDIUM` or `LONG`.
    pub width: &'static str,
    /// The name that is shown to people.
    pub display_name: String,
    /// The keys whose meaning depends on it.
    pub dependents: Vec<String>,
    /// Its place in the group.
    #[serde(rename = "order_in_group")]
    pub order: i32,
}

/// A key's value and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigValueInfo {
    /// The key.
    pub name: String,
    /// The value as it was sent, or the default.
    pub value: Option<String>,
    /// Values to choose from.
    pub recommended_values: Vec<String>,
    /// What is wrong with it.
    pub errors: Vec<String>,
    /// Whether it matters, given the other values.
    pub visible: bool,
}

/// One key of a configuration that was validated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigInfo {
    /// What is known of it; `None` for a key that nobody declares.
    pub definition: Option<ConfigKeyInfo>,
    /// Its value.
    pub value: ConfigValueInfo,
}

/// The answer to `PUT /connector-plugins/{plugin}/config/validate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigInfos {
    /// The connector class as it was given.
    pub name: String,
    /// How many complaints there are.
    pub error_count: usize,
    /// The groups of keys.
    pub groups: Vec<String>,
    /// Key by key.
    pub configs: Vec<ConfigInfo>,
}

impl ConfigInfos {
    /// All complaints in the words in which an order for such a connector is refused; `None` if there are none.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        if self.error_count == 0 {
            return None;
        }
        let errors = self.configs.iter().flat_map(|config| &config.value.errors);
        let lines: Vec<&str> = errors.map(String::as_str).collect();
        Some(format!(
            "Connector configuration is invalid and contains the following {} error(s):\n{}\n\
             You can also find the above list of errors at the endpoint \
             `/connector-plugins/{{connectorType}}/config/validate`",
            self.error_count,
            lines.join("\n")
        ))
    }
}
