//! Names and states of what a worker runs, as they appear in logs, status records and REST answers.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One task of a connector; shown as `name-0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ConnectorTaskId {
    /// The connector's name.
    pub connector: Arc<str>,
    /// The task's number, counted from 0.
    pub task: u32,
}

impl ConnectorTaskId {
    /// Task `task` of `connector`.
    #[must_use]
    pub fn new(connector: &Arc<str>, task: u32) -> Self {
        Self {
            connector: Arc::clone(connector),
            task,
        }
    }
}

impl fmt::Display for ConnectorTaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.connector, self.task)
    }
}

/// What a connector or task is doing, in Kafka Connect's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// No worker runs it at the moment.
    Unassigned,
    /// It has started and does its work.
    Running,
    /// It has been told to pause and keeps its resources.
    Paused,
    /// It has been stopped and has no tasks; connectors only.
    Stopped,
    /// It ended with an error, which stands in the trace, and stays so until somebody restarts it.
    Failed,
    /// It is about to be stopped and started again.
    Restarting,
    /// It has been deleted.
    Destroyed,
}

impl State {
    /// The state's name in status records and REST answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unassigned => "UNASSIGNED",
            Self::Running => "RUNNING",
            Self::Paused => "PAUSED",
            Self::Stopped => "STOPPED",
            Self::Failed => "FAILED",
            Self::Restarting => "RESTARTING",
            Self::Destroyed => "DESTROYED",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an operator wants a connector and its tasks to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TargetState {
    /// Run.
    #[default]
    Started,
    /// Keep everything, move no records.
    Paused,
    /// Run no tasks.
    Stopped,
}

impl TargetState {
    /// The state's name in records and REST requests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Started => "STARTED",
            Self::Paused => "PAUSED",
            Self::Stopped => "STOPPED",
        }
    }

    /// The state with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Started, Self::Paused, Self::Stopped]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

impl fmt::Display for TargetState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One start of a connector or task: what an earlier start still reports is told apart by it and dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);
