//! One record of the config topic: what its key and value mean, and how they are written.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::herder::entities::ConfigMap;
use crate::runtime::{ConnectorTaskId, TargetState};

/// What a record of the config topic says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigRecord {
    /// A connector has this configuration; `None` deletes it.
    Connector(Arc<str>, Option<ConfigMap>),
    /// A task shall have this configuration, once a commit says so.
    Task(ConnectorTaskId, ConfigMap),
    /// The tasks written so far are complete: there are this many.
    Commit(Arc<str>, u32),
    /// A connector shall run, pause or stop; `None` forgets the wish.
    TargetState(Arc<str>, Option<TargetState>),
    /// So many tasks of the connector may have open transactions (KIP-618).
    TaskCount(Arc<str>, u32),
    /// Workers sign their requests to each other with this key (KIP-507).
    SessionKey(SessionKey),
    /// A connector is to be restarted (KIP-745).
    Restart {
        /// Which one.
        connector: Arc<str>,
        /// Its tasks as well.
        include_tasks: bool,
        /// Only what has failed.
        only_failed: bool,
    },
    /// A logger shall have this level on every worker (KIP-976).
    LoggerLevel {
        /// The logger's name.
        namespace: String,
        /// A level such as `DEBUG`.
        level: String,
    },
}

/// The key with which workers sign their requests to each other.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionKey {
    /// The key in base64, as it stands in the topic.
    pub key: String,
    /// Such as `HmacSHA256`.
    pub algorithm: String,
    /// When it was made, in milliseconds since 1970.
    pub creation_timestamp: i64,
}

impl std::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "SessionKey({}, {})",
            self.algorithm, self.creation_timestamp
        )
    }
}

/// A record that does not say what its key promises. It is logged and ignored: one bad record must not stop a worker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRecord {
    /// The key has no known prefix, or no task number where there should be one.
    #[error("unknown key {0:?}")]
    UnknownKey(String),
    /// The value is not a JSON object.
    #[error("the value of {0:?} is not a JSON object")]
    NotAnObject(String),
    /// A field is missing or of another type.
    #[error("the value of {0:?} has no usable field {1:?}")]
    Field(String, &'static str),
    /// The value is null, where that has no meaning.
    #[error("the value of {0:?} is null")]
    Tombstone(String),
}

const TARGET_STATE: &str = "target-state-";
const CONNECTOR: &str = "connector-";
const TASK: &str = "task-";
const COMMIT: &str = "commit-";
const RESTART: &str = "restart-connector-";
const TASK_COUNT: &str = "tasks-fencing-";
const SESSION_KEY: &str = "session-key";
const LOGGER: &str = "logger-cluster-";

impl ConfigRecord {
    /// The record's key.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Connector(name, _) => format!("{CONNECTOR}{name}"),
            Self::Task(id, _) => format!("{TASK}{id}"),
            Self::Commit(name, _) => format!("{COMMIT}{name}"),
            Self::TargetState(name, _) => format!("{TARGET_STATE}{name}"),
            Self::TaskCount(name, _) => format!("{TASK_COUNT}{name}"),
            Self::SessionKey(_) => SESSION_KEY.to_owned(),
            Self::Restart { connector, .. } => format!("{RESTART}{connector}"),
            Self::LoggerLevel { namespace, .. } => format!("{LOGGER}{namespace}"),
        }
    }

    /// The record's value; `None` is a tombstone. Fields stand in the order in which Java writes them.
    #[must_use]
    pub fn value(&self) -> Option<Vec<u8>> {
        let value = match self {
            Self::Connector(_, None) | Self::TargetState(_, None) => return None,
            Self::Connector(_, Some(properties)) | Self::Task(_, properties) => {
                json!({ "properties": properties })
            }
            Self::Commit(_, tasks) => json!({ "tasks": tasks }),
            Self::TargetState(_, Some(target)) => {
                // Workers before 3.5 know no STOPPED: for them a stopped connector is paused (KIP-875).
                let old = if *target == TargetState::Stopped {
                    TargetState::Paused
                } else {
                    *target
                };
                json!({ "state": old.name(), "state.v2": target.name() })
            }
            Self::TaskCount(_, tasks) => json!({ "task-count": tasks }),
            Self::SessionKey(key) => json!({
                "key": key.key,
                "algorithm": key.algorithm,
                "creation-timestamp": key.creation_timestamp,
            }),
            Self::Restart {
                include_tasks,
                only_failed,
                ..
            } => {
                json!({ "include-tasks": include_tasks, "only-failed": only_failed })
            }
            Self::LoggerLevel { level, .. } => json!({ "level": level }),
        };
        Some(value.to_string().into_bytes())
    }

    /// Reads a record.
    ///
    /// # Errors
    /// If the key is unknown or the value does not fit it. Such a record is to be ignored.
    pub fn decode(key: &str, value: Option<&[u8]>) -> Result<Self, BadRecord> {
        let value = Fields::new(key, value);
        // In this order, since one prefix may be the beginning of what another key could look like.
        if let Some(name) = key.strip_prefix(TARGET_STATE) {
            let target = if value.is_tombstone() {
                None
            } else {
                Some(value.target_state()?)
            };
            Ok(Self::TargetState(name.into(), target))
        } else if let Some(name) = key.strip_prefix(CONNECTOR) {
            let properties = if value.is_tombstone() {
                None
            } else {
                Some(value.properties()?)
            };
            Ok(Self::Connector(name.into(), properties))
        } else if let Some(id) = key.strip_prefix(TASK) {
            let id = task_id(id).ok_or_else(|| BadRecord::UnknownKey(key.to_owned()))?;
            Ok(Self::Task(id, value.properties()?))
        } else if let Some(name) = key.strip_prefix(COMMIT) {
            Ok(Self::Commit(name.into(), value.count("tasks")?))
        } else if let Some(name) = key.strip_prefix(RESTART) {
            Ok(Self::Restart {
                connector: name.into(),
                include_tasks: value.boolean("include-tasks")?,
                only_failed: value.boolean("only-failed")?,
            })
        } else if let Some(name) = key.strip_prefix(TASK_COUNT) {
            Ok(Self::TaskCount(name.into(), value.count("task-count")?))
        } else if key == SESSION_KEY {
            value.session_key().map(Self::SessionKey)
        } else if let Some(namespace) = key.strip_prefix(LOGGER) {
            Ok(Self::LoggerLevel {
                namespace: namespace.to_owned(),
                level: value.text("level")?,
            })
        } else {
            Err(BadRecord::UnknownKey(key.to_owned()))
        }
    }
}

/// `name-3` is task 3 of `name`; a name may contain dashes itself.
fn task_id(text: &str) -> Option<ConnectorTaskId> {
    let (connector, task) = text.rsplit_once('-')?;
    Some(ConnectorTaskId::new(&connector.into(), task.parse().ok()?))
}

/// A record's value, field by field, with errors that name the record.
struct Fields<'a> {
    key: &'a str,
    /// `None` for a tombstone, `Null` for what is not JSON.
    value: Option<Value>,
}

impl<'a> Fields<'a> {
    fn new(key: &'a str, value: Option<&[u8]>) -> Self {
        let value = value.map(|bytes| serde_json::from_slice(bytes).unwrap_or(Value::Bool(false)));
        // A JSON null is what Java's converter makes of a tombstone, and reads as one.
        Self {
            key,
            value: value.filter(|value| !value.is_null()),
        }
    }

    const fn is_tombstone(&self) -> bool {
        self.value.is_none()
    }

    fn object(&self) -> Result<&Map<String, Value>, BadRecord> {
        let value = self
            .value
            .as_ref()
            .ok_or_else(|| BadRecord::Tombstone(self.key.to_owned()))?;
        value
            .as_object()
            .ok_or_else(|| BadRecord::NotAnObject(self.key.to_owned()))
    }

    fn missing(&self, field: &'static str) -> BadRecord {
        BadRecord::Field(self.key.to_owned(), field)
    }

    fn get<T>(
        &self,
        field: &'static str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<T, BadRecord> {
        self.object()?
            .get(field)
            .and_then(read)
            .ok_or_else(|| self.missing(field))
    }

    fn text(&self, field: &'static str) -> Result<String, BadRecord> {
        self.get(field, |value| value.as_str().map(str::to_owned))
    }

    fn boolean(&self, field: &'static str) -> Result<bool, BadRecord> {
        self.get(field, Value::as_bool)
    }

    fn count(&self, field: &'static str) -> Result<u32, BadRecord> {
        self.get(field, |value| {
            value.as_u64().and_then(|count| u32::try_from(count).ok())
        })
    }

    /// Values may be null in Java's maps; here a null is a key that is not set.
    fn properties(&self) -> Result<ConfigMap, BadRecord> {
        self.get("properties", |value| {
            let texts = value
                .as_object()?
                .iter()
                .filter(|(_, value)| !value.is_null());
            texts
                .map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect()
        })
    }

    /// `state.v2` where it stands and is understood, else `state`; an unknown state is taken for STARTED, as Java does.
    fn target_state(&self) -> Result<TargetState, BadRecord> {
        let newer = self
            .text("state.v2")
            .ok()
            .and_then(|name| TargetState::from_name(&name));
        newer.map_or_else(
            || Ok(TargetState::from_name(&self.text("state")?).unwrap_or(TargetState::Started)),
            Ok,
        )
    }

    fn session_key(&self) -> Result<SessionKey, BadRecord> {
        Ok(SessionKey {
            key: self.text("key")?,
            algorithm: self.text("algorithm")?,
            creation_timestamp: self.get("creation-timestamp", Value::as_i64)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &str, value: Option<&str>) -> ConfigRecord {
        let record = ConfigRecord::decode(key, value.map(str::as_bytes)).unwrap();
        assert_eq!(record.key(), key);
        assert_eq!(
            record.value(),
            value.map(|value| value.as_bytes().to_vec()),
            "{key}"
        );
        record
    }

    #[test]
    fn what_java_wrote_is_read_and_written_the_same() {
        check(
            "session-key",
            Some(
                r#"{"key":"+y59/Mu=","algorithm":"HmacSHA256","creation-timestamp":1795341408972}"#,
            ),
        );
        check(
            "connector-src-a",
            Some(r#"{"properties":{"connector.class":"FileStreamSource","name":"src-a"}}"#),
        );
        check(
            "task-src-a-0",
            Some(r#"{"properties":{"file":"f","task.class":"org.X"}}"#),
        );
        check("commit-src-a", Some(r#"{"tasks":1}"#));
        check("tasks-fencing-src-a", Some(r#"{"task-count":1}"#));
        check(
            "target-state-st-c",
            Some(r#"{"state":"PAUSED","state.v2":"STOPPED"}"#),
        );
        check(
            "target-state-src-a",
            Some(r#"{"state":"STARTED","state.v2":"STARTED"}"#),
        );
        check(
            "restart-connector-src-a",
            Some(r#"{"include-tasks":true,"only-failed":false}"#),
        );
        check(
            "logger-cluster-org.apache.kafka.connect.runtime.Worker",
            Some(r#"{"level":"INFO"}"#),
        );
        check("connector-st-c", None);
        check("target-state-st-c", None);
    }

    #[test]
    fn the_last_dash_ends_the_connectors_name() {
        let record = check("task-a-1-b-12", Some(r#"{"properties":{}}"#));
        assert_eq!(
            record,
            ConfigRecord::Task(ConnectorTaskId::new(&"a-1-b".into(), 12), ConfigMap::new())
        );
    }

    #[test]
    fn a_target_state_of_an_older_worker_is_understood() {
        let read = |value: &str| ConfigRecord::decode("target-state-c", Some(value.as_bytes()));
        assert_eq!(
            read(r#"{"state":"PAUSED"}"#),
            Ok(ConfigRecord::TargetState(
                "c".into(),
                Some(TargetState::Paused)
            ))
        );
        assert_eq!(
            read(r#"{"state":"NEW"}"#),
            Ok(ConfigRecord::TargetState(
                "c".into(),
                Some(TargetState::Started)
            ))
        );
        assert!(read(r#"{"state":7}"#).is_err());
    }

    #[test]
    fn broken_records_are_errors_that_name_the_key() {
        for (key, value) in [
            ("nonsense", Some("{}")),
            ("task-c-x", Some(r#"{"properties":{}}"#)),
            ("task-c-1", None),
            ("commit-c", Some(r#"{"tasks":"one"}"#)),
            ("commit-c", Some(r#"{"tasks":-1}"#)),
            ("connector-c", Some("not json")),
            ("connector-c", Some(r#"{"properties":{"a":1}}"#)),
            ("session-key", Some(r#"{"key":"k"}"#)),
        ] {
            let error = ConfigRecord::decode(key, value.map(str::as_bytes))
                .unwrap_err()
                .to_string();
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn a_session_key_does_not_show_in_logs() {
        let record = check(
            "session-key",
            Some(r#"{"key":"secret","algorithm":"HmacSHA256","creation-timestamp":1}"#),
        );
        assert!(!format!("{record:?}").contains("secret"));
    }
}
