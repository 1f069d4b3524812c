//! The status topic: its records, byte for byte as Java's, and the statuses that they add up to.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::runtime::{ConnectorTaskId, State};

/// What a connector or task is doing, as a record says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// What it is doing.
    pub state: State,
    /// What went wrong, if it failed.
    #[serde(default)]
    pub trace: Option<Arc<str>>,
    /// `host:port` of the worker.
    pub worker_id: Arc<str>,
    /// The group's generation in which the worker said so.
    pub generation: i32,
    /// The version of the plugin; records of workers before 4.1 have none.
    #[serde(default)]
    pub version: Option<Arc<str>>,
}

/// A topic that a connector has used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TopicStatus {
    /// The topic.
    pub name: Arc<str>,
    /// The connector.
    pub connector: Arc<str>,
    /// The number of the task that used it first.
    pub task: u32,
    /// When, in milliseconds since 1970.
    pub discover_timestamp: i64,
}

/// What a record of the status topic is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatusKey {
    /// A connector.
    Connector(Arc<str>),
    /// A task.
    Task(ConnectorTaskId),
    /// A topic that a connector uses.
    Topic {
        /// The topic.
        topic: Arc<str>,
        /// The connector.
        connector: Arc<str>,
    },
}

const CONNECTOR: &str = "status-connector-";
const TASK: &str = "status-task-";
const TOPIC: &str = "status-topic-";
const TOPIC_CONNECTOR: &str = ":connector-";

impl StatusKey {
    /// The key of the record.
    #[must_use]
    pub fn encode(&self) -> String {
        match self {
            Self::Connector(name) => format!("{CONNECTOR}{name}"),
            Self::Task(id) => format!("{TASK}{id}"),
            Self::Topic { topic, connector } => {
                format!("{TOPIC}{topic}{TOPIC_CONNECTOR}{connector}")
            }
        }
    }

    /// What the key is about; `None` for a key that nobody knows, to be ignored.
    #[must_use]
    pub fn decode(key: &str) -> Option<Self> {
        if let Some(name) = key.strip_prefix(CONNECTOR) {
            return (!name.is_empty()).then(|| Self::Connector(name.into()));
        }
        if let Some(id) = key.strip_prefix(TASK) {
            let (connector, task) = id.rsplit_once('-')?;
            return Some(Self::Task(ConnectorTaskId::new(
                &connector.into(),
                task.parse().ok()?,
            )));
        }
        // A topic's name has no colon, so the first one ends it.
        let (topic, connector) = key.strip_prefix(TOPIC)?.split_once(TOPIC_CONNECTOR)?;
        Some(Self::Topic {
            topic: topic.into(),
            connector: connector.into(),
        })
    }
}

/// The statuses of the cluster's connectors, tasks and topics.
#[derive(Debug, Clone, Default)]
pub struct StatusState {
    /// Connectors by name.
    pub connectors: BTreeMap<Arc<str>, Status>,
    /// Tasks.
    pub tasks: BTreeMap<ConnectorTaskId, Status>,
    /// Topics in use, by connector and topic.
    pub topics: BTreeMap<Arc<str>, BTreeMap<Arc<str>, TopicStatus>>,
}

#[derive(Serialize, Deserialize)]
struct TopicValue {
    topic: TopicStatus,
}

/// What became of a record of the status topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// It counts.
    Taken,
    /// A worker that has lost a connector or task says UNASSIGNED when it stops it, maybe long after the new owner has said
    /// RUNNING, if it stood still or was cut off meanwhile. That comes too late to count.
    TooLate(StatusKey),
    /// It cannot be read.
    Broken,
}

impl StatusState {
    /// Takes in one record.
    pub fn apply(&mut self, key: &str, value: Option<&[u8]>) -> Applied {
        let key = match StatusKey::decode(key) {
            Some(StatusKey::Topic { topic, connector }) => {
                return self.apply_topic(topic, &connector, value);
            }
            Some(key) => key,
            None => return Applied::Broken,
        };
        let new = match value.map(serde_json::from_slice::<Status>) {
            None => None,
            Some(Ok(new)) => Some(new),
            Some(Err(_)) => return Applied::Broken,
        };
        if new.as_ref().is_some_and(|new| self.is_too_late(&key, new)) {
            return Applied::TooLate(key);
        }
        match key {
            StatusKey::Connector(name) => put(&mut self.connectors, name, new),
            StatusKey::Task(id) => put(&mut self.tasks, id, new),
            StatusKey::Topic { .. } => {}
        }
        Applied::Taken
    }

    /// The status of a connector or task.
    #[must_use]
    pub fn get(&self, key: &StatusKey) -> Option<&Status> {
        match key {
            StatusKey::Connector(name) => self.connectors.get(name),
            StatusKey::Task(id) => self.tasks.get(id),
            StatusKey::Topic { .. } => None,
        }
    }

    /// Of a task Java counts no UNASSIGNED of a generation in which it runs, whoever says so. Of a connector it counts all, and
    /// shows what is not true until the connector is started again; here what its own worker says of it counts.
    fn is_too_late(&self, key: &StatusKey, new: &Status) -> bool {
        let Some(now) = self
            .get(key)
            .filter(|now| new.state == State::Unassigned && now.generation >= new.generation)
        else {
            return false;
        };
        match key {
            StatusKey::Task(_) => now.state == State::Running,
            _ => now.worker_id != new.worker_id,
        }
    }

    fn apply_topic(
        &mut self,
        topic: Arc<str>,
        connector: &Arc<str>,
        value: Option<&[u8]>,
    ) -> Applied {
        let Some(value) = value else {
            if let Some(topics) = self.topics.get_mut(connector) {
                topics.remove(&topic);
            }
            return Applied::Taken;
        };
        let Ok(TopicValue { topic: status }) = serde_json::from_slice(value) else {
            return Applied::Broken;
        };
        self.topics
            .entry(Arc::clone(connector))
            .or_default()
            .insert(topic, status);
        Applied::Taken
    }

    /// Whether a worker may write that something is unassigned or failed: not once another worker of a later generation
    /// has written about it.
    #[must_use]
    pub fn may_put(now: Option<&Status>, new: &Status) -> bool {
        now.is_none_or(|now| now.worker_id == new.worker_id || now.generation <= new.generation)
    }
}

/// The value of a connector's or task's record.
#[must_use]
pub fn encode_status(status: &Status) -> Vec<u8> {
    serde_json::to_vec(status).expect("a status has only texts and numbers")
}

/// The value of a topic's record.
#[must_use]
pub fn encode_topic(topic: TopicStatus) -> Vec<u8> {
    serde_json::to_vec(&TopicValue { topic }).expect("a topic status has only texts and numbers")
}

/// Puts what is said, or removes it for a tombstone.
fn put<K: Ord>(map: &mut BTreeMap<K, Status>, key: K, new: Option<Status>) {
    match new {
        Some(status) => {
            map.insert(key, status);
        }
        None => {
            map.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNNING: &str = r#"{"state":"RUNNING","trace":null,"worker_id":"127.0.0.1:18083","generation":3,"version":"4.3.0"}"#;

    #[test]
    fn what_java_wrote_is_read_and_written_the_same() {
        let mut state = StatusState::default();
        let applied = state.apply("status-connector-src-a", Some(RUNNING.as_bytes()));
        assert_eq!(applied, Applied::Taken);
        assert_eq!(
            encode_status(&state.connectors["src-a"]),
            RUNNING.as_bytes()
        );
        let topic = r#"{"topic":{"name":"t","connector":"snk-b","task":0,"discoverTimestamp":1795341432101}}"#;
        let applied = state.apply("status-topic-t:connector-snk-b", Some(topic.as_bytes()));
        assert_eq!(applied, Applied::Taken);
        assert_eq!(
            encode_topic(state.topics["snk-b"]["t"].clone()),
            topic.as_bytes()
        );
    }

    #[test]
    fn keys_survive() {
        for key in [
            "status-connector-a-b",
            "status-task-a-b-3",
            "status-topic-t.x:connector-a:connector-b",
        ] {
            assert_eq!(StatusKey::decode(key).unwrap().encode(), key);
        }
        for key in [
            "status-connector-",
            "status-task-a",
            "status-topic-t",
            "other",
        ] {
            assert_eq!(StatusKey::decode(key), None, "{key}");
        }
    }

    #[test]
    fn records_of_workers_before_4_1_have_no_version() {
        let mut state = StatusState::default();
        let value = br#"{"state":"FAILED","trace":"boom","worker_id":"h:1","generation":1}"#;
        assert_eq!(state.apply("status-task-c-0", Some(value)), Applied::Taken);
        let status = state.tasks.values().next().unwrap();
        assert_eq!(
            (status.state, status.version.clone()),
            (State::Failed, None)
        );
    }

    fn unassigned(worker: &str, generation: i32) -> Vec<u8> {
        encode_status(&Status {
            state: State::Unassigned,
            trace: None,
            worker_id: worker.into(),
            generation,
            version: None,
        })
    }

    #[test]
    fn a_late_unassigned_of_the_old_owner_does_not_hide_the_new_one() {
        for key in ["status-task-c-0", "status-connector-c"] {
            let mut state = StatusState::default();
            state.apply(key, Some(RUNNING.as_bytes()));
            let decoded = StatusKey::decode(key).unwrap();
            // Of a generation before, of the same one, and of a worker that has lost its place in the group.
            for generation in [2, 3, -1] {
                let late = state.apply(key, Some(&unassigned("other:1", generation)));
                assert_eq!(late, Applied::TooLate(decoded.clone()));
                assert_eq!(state.get(&decoded).unwrap().state, State::Running);
            }
            let later = state.apply(key, Some(&unassigned("other:1", 4)));
            assert_eq!(later, Applied::Taken);
            assert_eq!(state.get(&decoded).unwrap().state, State::Unassigned);
        }
    }

    #[test]
    fn a_worker_that_stops_its_own_connector_is_believed() {
        let mut state = StatusState::default();
        state.apply("status-connector-c", Some(RUNNING.as_bytes()));
        let own = unassigned("127.0.0.1:18083", 3);
        assert_eq!(
            state.apply("status-connector-c", Some(&own)),
            Applied::Taken
        );
    }

    #[test]
    fn tombstones_remove_and_broken_records_change_nothing() {
        let mut state = StatusState::default();
        state.apply("status-connector-c", Some(RUNNING.as_bytes()));
        assert_eq!(
            state.apply("status-connector-c", Some(b"{")),
            Applied::Broken
        );
        assert_eq!(state.connectors.len(), 1);
        assert_eq!(state.apply("status-connector-c", None), Applied::Taken);
        assert!(state.connectors.is_empty());
    }
}
