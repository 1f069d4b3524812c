//! What connectors and tasks report to their herder, and what they are told.

use std::sync::Arc;

use super::{ConnectorTaskId, RunId, State};
use crate::herder::entities::ConfigMap;

/// A report of a connector or task. One run ends with exactly one `Gone`, whatever happens to it.
#[derive(Debug)]
pub(crate) enum WorkerEvent {
    /// Of a connector.
    Connector {
        name: Arc<str>,
        run: RunId,
        event: ConnectorEvent,
    },
    /// Of a task.
    Task {
        id: ConnectorTaskId,
        run: RunId,
        event: TaskEvent,
    },
}

/// What happens to a connector.
#[derive(Debug)]
pub(crate) enum ConnectorEvent {
    /// It is in this state now.
    State(State),
    /// There is no connector to start: its configuration is wrong, or there is no such class. Nothing of the plugin has run.
    NotMade {
        /// What is wrong.
        why: String,
        /// The same with its causes.
        trace: String,
    },
    /// It failed; the trace says why.
    Failed(String),
    /// The task configurations that were asked for.
    TaskConfigs(Vec<Arc<ConfigMap>>),
    /// It wants to be asked for its task configurations.
    Reconfigure,
    /// It has ended and holds nothing any more.
    Gone,
}

/// What happens to a task.
#[derive(Debug)]
pub(crate) enum TaskEvent {
    /// It is in this state now.
    State(State),
    /// It failed; the trace says why.
    Failed(String),
    /// It has used a topic for the first time.
    Topic(Arc<str>),
    /// It has ended and holds nothing any more.
    Gone,
}
