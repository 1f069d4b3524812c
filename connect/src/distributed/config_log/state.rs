//! What the records of the config topic add up to: connectors, their tasks, and what shall become of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{ConfigRecord, SessionKey};
use crate::distributed::Work;
use crate::herder::entities::ConfigMap;
use crate::runtime::{ConnectorTaskId, TargetState};

/// The configuration of the cluster, as of one offset of the config topic.
#[derive(Debug, Clone, Default)]
pub struct ConfigState {
    /// The offset of the next record to read; -1 before the first.
    pub offset: i64,
    /// Everything before this offset has been read, also where no record was: markers, and what was aborted.
    pub read_to: i64,
    /// The connectors by name.
    pub connectors: BTreeMap<Arc<str>, ConnectorConfig>,
    /// The key that signs requests between workers.
    pub session_key: Option<SessionKey>,
    /// Wishes for connectors that have no configuration (yet): a target state is written first when a connector is created.
    target_states: BTreeMap<Arc<str>, TargetState>,
    /// Task configurations that wait for their commit.
    uncommitted: BTreeMap<Arc<str>, BTreeMap<u32, ConfigMap>>,
}

/// What is known about one connector.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectorConfig {
    /// Its configuration, variables unresolved.
    pub config: Arc<ConfigMap>,
    /// Its tasks' configurations by number; empty until a commit, and while they are inconsistent.
    pub tasks: Vec<Arc<ConfigMap>>,
    /// The connector configuration that the tasks were made from.
    pub applied: Option<Arc<ConfigMap>>,
    /// Whether it shall run, pause or stop.
    pub target: TargetState,
    /// A commit came without all of its tasks: the topic was compacted between the two. New task configurations mend it.
    pub inconsistent: bool,
    /// How many commits have been seen: the generation of its tasks (KIP-618).
    pub task_generation: u32,
    /// How many tasks may have open transactions, if a worker with exactly-once support has written it.
    pub task_count: Option<u32>,
    /// New tasks were committed after the last task count: their predecessors are to be fenced.
    pub pending_fencing: bool,
}

/// What a record changed, for the herder to act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigEvent {
    /// A connector is new.
    ConnectorAdded(Arc<str>),
    /// A connector has another configuration.
    ConnectorUpdated(Arc<str>),
    /// A connector is gone.
    ConnectorRemoved(Arc<str>),
    /// A connector has this set of tasks now, all with the configurations that just came.
    TasksUpdated(Vec<ConnectorTaskId>),
    /// A connector shall run, pause or stop.
    TargetStateChanged(Arc<str>),
    /// Workers sign with another key.
    SessionKeyUpdated,
    /// A connector is to be restarted.
    Restart {
        /// Which one.
        connector: Arc<str>,
        /// Its tasks as well.
        include_tasks: bool,
        /// Only what has failed.
        only_failed: bool,
    },
    /// A logger shall have this level.
    LoggerLevel {
        /// The logger's name.
        namespace: String,
        /// The level.
        level: String,
    },
}

impl ConfigState {
    /// Nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            offset: -1,
            read_to: -1,
            ..Self::default()
        }
    }

    /// Whether everything before this offset of the config topic has been read.
    #[must_use]
    pub fn has_read(&self, offset: i64) -> bool {
        offset <= self.offset.max(self.read_to)
    }

    /// Every connector, and every task of those that are consistent.
    #[must_use]
    pub fn work(&self) -> Work {
        Work {
            connectors: self.connectors.keys().cloned().collect(),
            tasks: self.tasks().collect(),
        }
    }

    /// Every task.
    pub fn tasks(&self) -> impl Iterator<Item = ConnectorTaskId> + '_ {
        self.connectors
            .keys()
            .flat_map(|connector| self.tasks_of(connector))
    }

    /// The tasks of one connector, none if there is no such connector.
    pub fn tasks_of(&self, connector: &str) -> impl Iterator<Item = ConnectorTaskId> + '_ {
        self.connectors
            .get_key_value(connector)
            .into_iter()
            .flat_map(|(name, config)| {
                (0..)
                    .zip(&config.tasks)
                    .map(|(task, _)| ConnectorTaskId::new(name, task))
            })
    }

    /// The configuration of one task.
    #[must_use]
    pub fn task(&self, id: &ConnectorTaskId) -> Option<&Arc<ConfigMap>> {
        self.connectors
            .get(&id.connector)?
            .tasks
            .get(usize::try_from(id.task).ok()?)
    }

    /// Takes in one record; says what it changed, if that concerns anybody.
    pub fn apply(&mut self, record: ConfigRecord) -> Option<ConfigEvent> {
        match record {
            ConfigRecord::Connector(name, Some(config)) => Some(self.put_connector(name, config)),
            ConfigRecord::Connector(name, None) => self.remove_connector(name),
            ConfigRecord::Task(id, config) => {
                self.uncommitted
                    .entry(id.connector)
                    .or_default()
                    .insert(id.task, config);
                None
            }
            ConfigRecord::Commit(name, tasks) => self.commit(&name, tasks),
            ConfigRecord::TargetState(name, target) => self.set_target(name, target),
            ConfigRecord::TaskCount(name, tasks) => {
                if let Some(connector) = self.connectors.get_mut(&name) {
                    connector.task_count = Some(tasks);
                    connector.pending_fencing = false;
                }
                None
            }
            ConfigRecord::SessionKey(key) => {
                self.session_key = Some(key);
                Some(ConfigEvent::SessionKeyUpdated)
            }
            ConfigRecord::Restart {
                connector,
                include_tasks,
                only_failed,
            } => Some(ConfigEvent::Restart {
                connector,
                include_tasks,
                only_failed,
            }),
            ConfigRecord::LoggerLevel { namespace, level } => {
                Some(ConfigEvent::LoggerLevel { namespace, level })
            }
        }
    }

    fn put_connector(&mut self, name: Arc<str>, config: ConfigMap) -> ConfigEvent {
        let config = Arc::new(config);
        if let Some(connector) = self.connectors.get_mut(&name) {
            connector.config = config;
            return ConfigEvent::ConnectorUpdated(name);
        }
        let target = self.target_states.get(&name).copied().unwrap_or_default();
        let connector = ConnectorConfig {
            config,
            target,
            ..ConnectorConfig::default()
        };
        self.connectors.insert(Arc::clone(&name), connector);
        ConfigEvent::ConnectorAdded(name)
    }

    fn remove_connector(&mut self, name: Arc<str>) -> Option<ConfigEvent> {
        self.uncommitted.remove(&name);
        self.target_states.remove(&name);
        self.connectors
            .remove(&name)
            .map(|_| ConfigEvent::ConnectorRemoved(name))
    }

    fn set_target(&mut self, name: Arc<str>, target: Option<TargetState>) -> Option<ConfigEvent> {
        match target {
            Some(target) => self.target_states.insert(Arc::clone(&name), target),
            None => self.target_states.remove(&name),
        };
        let connector = self.connectors.get_mut(&name)?;
        let before = connector.target;
        connector.target = target.unwrap_or_default();
        (before != connector.target).then_some(ConfigEvent::TargetStateChanged(name))
    }

    /// Makes the tasks that were written since the last commit the connector's tasks.
    ///
    /// Task records are only taken over together: half of an update would run some partitions twice and others not at all.
    fn commit(&mut self, name: &Arc<str>, count: u32) -> Option<ConfigEvent> {
        let Some(connector) = self.connectors.get_mut(name) else {
            // A late commit of a deleted connector.
            self.uncommitted.remove(name);
            return None;
        };
        let written = self.uncommitted.get(name);
        let present: BTreeSet<u32> = written
            .into_iter()
            .flat_map(BTreeMap::keys)
            .copied()
            .collect();
        if !(0..count).all(|task| present.contains(&task)) {
            connector.inconsistent = true;
            connector.tasks.clear();
            return None;
        }
        let written = self.uncommitted.remove(name).unwrap_or_default();
        // Compaction may leave task records from a time when there were more tasks.
        connector.tasks = written
            .into_iter()
            .take_while(|&(task, _)| task < count)
            .map(|(_, config)| Arc::new(config))
            .collect();
        connector.applied = Some(Arc::clone(&connector.config));
        connector.inconsistent = false;
        connector.task_generation += 1;
        connector.pending_fencing = true;
        Some(ConfigEvent::TasksUpdated(self.tasks_of(name).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(value: &str) -> ConfigMap {
        ConfigMap::from([("k".to_owned(), value.to_owned())])
    }

    fn connector(name: &str, value: &str) -> ConfigRecord {
        ConfigRecord::Connector(name.into(), Some(config(value)))
    }

    fn task(name: &str, number: u32, value: &str) -> ConfigRecord {
        ConfigRecord::Task(ConnectorTaskId::new(&name.into(), number), config(value))
    }

    fn commit(name: &str, tasks: u32) -> ConfigRecord {
        ConfigRecord::Commit(name.into(), tasks)
    }

    fn after(records: impl IntoIterator<Item = ConfigRecord>) -> ConfigState {
        let mut state = ConfigState::new();
        records
            .into_iter()
            .for_each(|record| drop(state.apply(record)));
        state
    }

    #[test]
    fn tasks_count_from_their_commit_on() {
        let mut state = after([connector("c", "1"), task("c", 0, "a"), task("c", 1, "b")]);
        assert_eq!(state.tasks().count(), 0);
        let event = state.apply(commit("c", 2));
        assert_eq!(
            event,
            Some(ConfigEvent::TasksUpdated(state.tasks().collect()))
        );
        assert_eq!(state.work().len(), 3);
        assert_eq!(state.connectors["c"].applied, Some(Arc::new(config("1"))));
    }

    #[test]
    fn a_commit_without_its_tasks_leaves_the_connector_inconsistent_until_the_next() {
        let mut state = after([
            connector("c", "1"),
            task("c", 0, "a"),
            commit("c", 1),
            task("c", 1, "b"),
            commit("c", 2),
        ]);
        assert!(state.connectors["c"].inconsistent);
        assert_eq!(state.tasks().count(), 0);
        state.apply(task("c", 0, "a2"));
        state.apply(commit("c", 2));
        assert!(!state.connectors["c"].inconsistent);
        assert_eq!(state.tasks().count(), 2);
    }

    #[test]
    fn task_records_left_by_compaction_are_ignored() {
        let state = after([
            connector("c", "1"),
            task("c", 0, "a"),
            task("c", 1, "old"),
            commit("c", 1),
        ]);
        assert_eq!(state.tasks().count(), 1);
    }

    #[test]
    fn a_target_state_may_come_before_its_connector_and_goes_with_it() {
        let mut state = after([
            ConfigRecord::TargetState("c".into(), Some(TargetState::Stopped)),
            connector("c", "1"),
        ]);
        assert_eq!(state.connectors["c"].target, TargetState::Stopped);
        state.apply(ConfigRecord::Connector("c".into(), None));
        state.apply(connector("c", "2"));
        assert_eq!(state.connectors["c"].target, TargetState::Started);
    }

    #[test]
    fn records_of_a_deleted_connector_leave_nothing_behind() {
        let mut state = after([
            connector("c", "1"),
            task("c", 0, "a"),
            ConfigRecord::Connector("c".into(), None),
        ]);
        assert_eq!(state.apply(commit("c", 1)), None);
        assert!(state.work().is_empty());
        assert!(state.uncommitted.is_empty());
    }

    #[test]
    fn a_target_state_that_changes_nothing_is_no_event() {
        let mut state = after([connector("c", "1")]);
        assert_eq!(
            state.apply(ConfigRecord::TargetState(
                "c".into(),
                Some(TargetState::Started)
            )),
            None
        );
        let paused = state.apply(ConfigRecord::TargetState(
            "c".into(),
            Some(TargetState::Paused),
        ));
        assert_eq!(paused, Some(ConfigEvent::TargetStateChanged("c".into())));
    }
}
