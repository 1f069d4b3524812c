//! What source and sink tasks have in common: how they begin, pause, report and end.

use std::collections::BTreeSet;
use std::sync::Arc;

use kconnect_client::config::Properties;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::connector::properties;
use super::event::{TaskEvent, WorkerEvent};
use super::panics::caught;
use super::worker::WorkerContext;
use super::{ConnectorTaskId, RunId, State, TargetState, sink, source};
use crate::api::{ConnectError, ConnectorClass};
use crate::config::{AskedBy, ConfigProviders, not_there_yet};
use crate::herder::entities::ConfigMap;

/// One run of a task.
pub(super) struct TaskRun {
    pub(super) id: ConnectorTaskId,
    pub(super) context: Arc<WorkerContext>,
    /// The connector's configuration.
    pub(super) connector: Arc<ConfigMap>,
    /// The task's own configuration.
    pub(super) config: Arc<ConfigMap>,
    /// What the variables in both mean.
    pub(super) providers: Arc<ConfigProviders>,
    pub(super) target: watch::Receiver<TargetState>,
    pub(super) stop: CancellationToken,
    pub(super) reports: Reports,
}

impl TaskRun {
    /// Runs the task until it is stopped or fails, and reports how it ended.
    pub(super) async fn run(mut self) {
        let ended = caught(self.execute()).await;
        let trace = match ended {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(format!("{error:?}")),
            Err(panic) => Some(panic),
        };
        if let Some(trace) = trace {
            error!(
                "Task {} threw an uncaught and unrecoverable exception. Task is being killed and will not recover until \
                    manually restarted: {trace}",
                self.id
            );
            self.reports.send(TaskEvent::Failed(trace)).await;
        }
        self.reports.send(TaskEvent::Gone).await;
    }

    async fn execute(&mut self) -> Result<(), ConnectError> {
        // A task that is to be paused from the start does not even open what it would need.
        if !self.wait_while_paused().await {
            return Ok(());
        }
        for config in [&mut self.connector, &mut self.config] {
            let resolved = self.providers.resolve(config);
            *config = Arc::new(resolved.map_err(|error| ConnectError::new(error.to_string()))?);
        }
        let class = self
            .connector
            .get("connector.class")
            .map(|class| class.trim())
            .unwrap_or_default();
        let class = self.context.plugins.find_connector(class);
        let class = class.map_err(|error| ConnectError::new(error.to_string()))?;
        let asked_by = match class {
            ConnectorClass::Sink(_) => AskedBy::Sink,
            ConnectorClass::Source(_) if self.context.in_cluster => AskedBy::SourceInCluster,
            ConnectorClass::Source(_) => AskedBy::Source,
        };
        // A worker that does more may have let the connector in.
        let missing = not_there_yet(&properties(&self.connector), asked_by);
        if !missing.is_empty() {
            return Err(missing.into());
        }
        match class {
            ConnectorClass::Source(class) => source::execute(self, class).await,
            ConnectorClass::Sink(class) => sink::execute(self, class).await,
        }
    }

    /// Whether the task is meant to move records.
    pub(super) fn is_paused(&mut self) -> bool {
        *self.target.borrow_and_update() != TargetState::Started
    }

    /// Waits until the task is not paused; false if it is to stop.
    async fn wait_while_paused(&mut self) -> bool {
        while self.is_paused() {
            self.reports.state(State::Paused).await;
            if !self.target_changed().await {
                return false;
            }
        }
        !self.stop.is_cancelled()
    }

    /// Waits for another target state; false if the task is to stop.
    pub(super) async fn target_changed(&mut self) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            changed = self.target.changed() => changed.is_ok(),
        }
    }
}

/// The way from a task to its herder.
#[derive(Debug)]
pub(super) struct Reports {
    id: ConnectorTaskId,
    run: RunId,
    events: mpsc::Sender<WorkerEvent>,
    topics: BTreeSet<Arc<str>>,
    /// Mostly also the next record's.
    last_topic: Option<Arc<str>>,
}

impl Reports {
    pub(super) fn new(id: &ConnectorTaskId, run: RunId, events: mpsc::Sender<WorkerEvent>) -> Self {
        Self {
            id: id.clone(),
            run,
            events,
            topics: BTreeSet::new(),
            last_topic: None,
        }
    }

    async fn send(&self, event: TaskEvent) {
        let (id, run) = (self.id.clone(), self.run);
        // Without a herder there is nobody to tell.
        let _ = self.events.send(WorkerEvent::Task { id, run, event }).await;
    }

    pub(super) async fn state(&self, state: State) {
        self.send(TaskEvent::State(state)).await;
    }

    /// Whether `topic` is another than that of the record before: it may be new.
    pub(super) fn is_new_topic(&self, topic: &Arc<str>) -> bool {
        self.last_topic.as_ref() != Some(topic)
    }

    /// Whether the task has met `topic` before.
    pub(super) fn knows_topic(&self, topic: &str) -> bool {
        self.topics.contains(topic)
    }

    /// Takes `topic` as that of the last record; whether the task meets it for the first time.
    pub(super) fn meet(&mut self, topic: &Arc<str>) -> bool {
        let is_first = !self.topics.contains(topic);
        if is_first {
            self.topics.insert(Arc::clone(topic));
        }
        self.last_topic = Some(Arc::clone(topic));
        is_first
    }

    /// Reports that `topic` is in use.
    pub(super) async fn in_use(&self, topic: Arc<str>) {
        self.send(TaskEvent::Topic(topic)).await;
    }

    /// Reports a topic when the task meets it for the first time.
    pub(super) async fn topic(&mut self, topic: &Arc<str>) {
        if self.meet(topic) {
            self.in_use(Arc::clone(topic)).await;
        }
    }
}

/// Names the keys that a client was given and does not know.
pub(super) fn warn_unused(client: &str, left: &Properties) {
    let unknown: Vec<&str> = left.unclaimed().collect();
    if !unknown.is_empty() {
        warn!(
            "These configurations '[{}]' were supplied to the {client} but are not used yet.",
            unknown.join(", ")
        );
    }
}
