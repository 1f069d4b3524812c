//! What this worker shows of the cluster: from the config topic and the status topic.

use std::sync::Arc;

use super::{Action, Core};
use crate::distributed::status_log::{Applied, Status, StatusKey};
use crate::herder::entities::{ConnectorState, ConnectorStateInfo, TaskState};
use crate::herder::{ClusterView, ConnectorView};
use crate::runtime::ConnectorTaskId;

impl Core {
    /// A record has been read from the status topic.
    pub(crate) fn handle_status(&mut self, key: &str, value: Option<&[u8]>) {
        match self.statuses.apply(key, value) {
            Applied::Taken => self.view_is_stale = true,
            Applied::TooLate(key) => self.say_again(key),
            Applied::Broken => tracing::warn!(key, "a record of the status topic is ignored"),
        }
    }

    /// Another worker said too late that it has stopped what runs here by now. That would be the last word about it in the topic:
    /// for Java's workers, and for those that read the topic once it has been compacted.
    fn say_again(&mut self, key: StatusKey) {
        let runs_here = match &key {
            StatusKey::Connector(name) => self.connectors.state(name),
            StatusKey::Task(id) => self.tasks.state(id),
            StatusKey::Topic { .. } => None,
        };
        let status = self.statuses.get(&key).filter(|status| {
            status.worker_id == self.options.worker_id && runs_here == Some(status.state)
        });
        if let Some(status) = status.cloned() {
            self.actions.push_back(Action::PutStatus {
                key,
                status: Some(status),
            });
        }
    }

    /// What is known now, if that has changed since the last call.
    pub(crate) fn poll_view(&mut self) -> Option<ClusterView> {
        if !std::mem::take(&mut self.view_is_stale) {
            return None;
        }
        let mut views = std::mem::take(&mut self.views);
        views.retain(|name, _| self.config.connectors.contains_key(name));
        for name in self.config.connectors.keys() {
            if let Some(view) = self.view_of(name) {
                views.insert(Arc::clone(name), Arc::new(view));
            }
        }
        self.views = views;
        Some(ClusterView {
            starting: self.starting.clone(),
            connectors: self.views.clone(),
        })
    }

    pub(super) fn view_of(&self, name: &str) -> Option<ConnectorView> {
        let connector = self.config.connectors.get(name)?;
        Some(ConnectorView {
            kind: self.plugins.kind(&connector.config),
            config: Arc::clone(&connector.config),
            tasks: connector.tasks.clone(),
            status: self.status_of(name).map(Arc::new),
            topics: self
                .statuses
                .topics
                .get(name)
                .into_iter()
                .flatten()
                .map(|(topic, _)| Arc::clone(topic))
                .collect(),
        })
    }

    /// The statuses of a connector and its tasks; none before the connector has one.
    pub(super) fn status_of(&self, name: &str) -> Option<ConnectorStateInfo> {
        let (name, status) = self.statuses.connectors.get_key_value(name)?;
        let first = ConnectorTaskId::new(name, 0);
        let tasks = self
            .statuses
            .tasks
            .range(first..)
            .take_while(|(id, _)| id.connector == *name);
        let config = self.config.connectors.get(name)?;
        Some(ConnectorStateInfo {
            name: Arc::clone(name),
            connector: shown(status),
            tasks: tasks
                .map(|(id, status)| TaskState {
                    id: id.task,
                    state: shown(status),
                })
                .collect(),
            kind: self.plugins.kind(&config.config),
        })
    }

    /// As the leader: takes away the statuses of connectors and tasks that are not configured any more.
    pub(super) fn forget_old_statuses(&mut self) {
        let connectors = self
            .statuses
            .connectors
            .keys()
            .filter(|name| !self.config.connectors.contains_key(*name));
        let connectors = connectors.map(|name| StatusKey::Connector(Arc::clone(name)));
        let tasks = self
            .statuses
            .tasks
            .keys()
            .filter(|id| self.config.task(id).is_none());
        let tasks = tasks.map(|id| StatusKey::Task(id.clone()));
        let topics = self
            .statuses
            .topics
            .iter()
            .filter(|(name, _)| !self.config.connectors.contains_key(*name));
        let topics = topics.flat_map(|(name, topics)| {
            topics.keys().map(|topic| StatusKey::Topic {
                topic: Arc::clone(topic),
                connector: Arc::clone(name),
            })
        });
        let keys: Vec<StatusKey> = connectors.chain(tasks).chain(topics).collect();
        for key in keys {
            // At once, so that the next rebalance does not do it again before the record has been read back.
            self.statuses.apply(&key.encode(), None);
            self.view_is_stale = true;
            self.actions
                .push_back(Action::PutStatus { key, status: None });
        }
    }
}

fn shown(status: &Status) -> ConnectorState {
    ConnectorState {
        state: status.state,
        worker_id: Arc::clone(&status.worker_id),
        version: status.version.clone(),
        trace: status.trace.clone(),
    }
}
