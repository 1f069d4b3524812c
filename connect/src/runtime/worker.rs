//! Starts and stops connectors and tasks as its herder decides, each as a task of a runtime that is theirs alone.
//!
//! A plugin that blocks a thread can so stop other plugins at worst, never the herder, the REST API or a heartbeat of theirs.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use kconnect_client::config::Properties;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, debug, info, info_span};

use super::connector::{COMMANDS_MAX, ConnectorCommand, ConnectorRun};
use super::event::{ConnectorEvent, TaskEvent, WorkerEvent};
use super::{ConnectorTaskId, RunId, TargetState};
use crate::api::Plugins;
use crate::config::{ConfigProviders, WorkerConfig};
use crate::herder::entities::ConfigMap;
use crate::storage::{ConnectorOffsets, OffsetStore};

/// How many reports of connectors and tasks may wait for the herder.
pub(crate) const EVENTS_MAX: usize = 1_024;

/// What every connector and task of a worker shares.
pub(crate) struct WorkerContext {
    pub(crate) config: WorkerConfig,
    /// The worker's configuration as it was given; clients inherit from it.
    pub(crate) properties: Properties,
    pub(crate) plugins: Arc<Plugins>,
    pub(crate) offsets: Arc<dyn OffsetStore>,
    /// Where connectors and tasks run.
    pub(crate) runtime: Handle,
    /// Whether the worker shares its work with others.
    pub(crate) in_cluster: bool,
}

impl WorkerContext {
    /// The source offsets of a connector.
    pub(crate) fn offsets_of(&self, connector: &Arc<str>) -> ConnectorOffsets {
        ConnectorOffsets::new(Arc::clone(connector), Arc::clone(&self.offsets))
    }
}

impl fmt::Debug for WorkerContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerContext")
            .field("plugins", &self.plugins)
            .finish_non_exhaustive()
    }
}

/// The connectors and tasks that run here.
#[derive(Debug)]
pub(crate) struct Worker {
    context: Arc<WorkerContext>,
    /// What variables in configurations mean.
    providers: Arc<ConfigProviders>,
    events: mpsc::Sender<WorkerEvent>,
    connectors: HashMap<Arc<str>, Running<mpsc::Sender<ConnectorCommand>>>,
    tasks: HashMap<ConnectorTaskId, Running<watch::Sender<TargetState>>>,
}

/// One run of a connector or task.
#[derive(Debug)]
struct Running<C> {
    run: RunId,
    control: C,
    stop: CancellationToken,
    abort: AbortHandle,
}

impl Worker {
    /// A worker that reports to `events`.
    pub(crate) fn new(context: Arc<WorkerContext>, events: mpsc::Sender<WorkerEvent>) -> Self {
        // A worker whose providers make no sense does not start; tests have none.
        let providers = ConfigProviders::from_worker(&context.properties).unwrap_or_default();
        Self {
            context,
            providers: Arc::new(providers),
            events,
            connectors: HashMap::new(),
            tasks: HashMap::new(),
        }
    }

    /// Starts a connector.
    pub(crate) fn start_connector(
        &mut self,
        name: &Arc<str>,
        run: RunId,
        config: Arc<ConfigMap>,
        target: TargetState,
    ) {
        let (control, commands) = mpsc::channel(COMMANDS_MAX);
        let stop = CancellationToken::new();
        let class_name = config
            .get("connector.class")
            .map(String::as_str)
            .unwrap_or_default();
        let future = match self.context.plugins.find_connector(class_name.trim()) {
            Ok(class) => Ok(ConnectorRun {
                name: Arc::clone(name),
                run,
                class,
                target,
                offsets: self.context.offsets_of(name).reader(),
                creates_topics: self.context.config.topic_creation_enable,
                config,
                providers: Arc::clone(&self.providers),
                commands,
                stop: stop.clone(),
                events: self.events.clone(),
            }),
            Err(error) => Err(error.to_string()),
        };
        let (events, owner) = (self.events.clone(), Arc::clone(name));
        let future = async move {
            match future {
                Ok(connector) => connector.run().await,
                Err(why) => {
                    let trace = why.clone();
                    for event in [ConnectorEvent::NotMade { why, trace }, ConnectorEvent::Gone] {
                        let name = Arc::clone(&owner);
                        let _ = events
                            .send(WorkerEvent::Connector { name, run, event })
                            .await;
                    }
                }
            }
        };
        let span = info_span!("connector", connector = &**name);
        let abort = self
            .context
            .runtime
            .spawn(future.instrument(span))
            .abort_handle();
        self.connectors.insert(
            Arc::clone(name),
            Running {
                run,
                control,
                stop,
                abort,
            },
        );
    }

    /// Gives a connector a command, which it answers with a report.
    pub(crate) fn command_connector(&self, name: &Arc<str>, run: RunId, command: ConnectorCommand) {
        // A full queue means that the connector hangs; its herder gives up on it in time.
        if let Some(connector) = of_run(&self.connectors, name, run)
            && let Err(error) = connector.control.try_send(command)
        {
            debug!(connector = &**name, %error, "the connector does not take commands");
        }
    }

    /// Asks a connector to stop.
    pub(crate) fn stop_connector(&self, name: &Arc<str>, run: RunId) {
        if let Some(connector) = of_run(&self.connectors, name, run) {
            info!(connector = &**name, "Stopping connector {name}");
            connector.stop.cancel();
        }
    }

    /// Cuts a connector off at its next point of waiting.
    pub(crate) fn abandon_connector(&mut self, name: &Arc<str>, run: RunId) {
        if let Some(connector) = take_run(&mut self.connectors, name, run) {
            connector.abort.abort();
        }
    }

    /// Starts a task.
    pub(crate) fn start_task(
        &mut self,
        id: &ConnectorTaskId,
        run: RunId,
        connector: Arc<ConfigMap>,
        config: Arc<ConfigMap>,
        target: TargetState,
    ) {
        let (control, target) = watch::channel(target);
        let stop = CancellationToken::new();
        let task = super::task::TaskRun {
            id: id.clone(),
            context: Arc::clone(&self.context),
            connector,
            config,
            providers: Arc::clone(&self.providers),
            target,
            stop: stop.clone(),
            reports: super::task::Reports::new(id, run, self.events.clone()),
        };
        let span = info_span!("task", connector = &*id.connector, task = id.task);
        let abort = self
            .context
            .runtime
            .spawn(task.run().instrument(span))
            .abort_handle();
        self.tasks.insert(
            id.clone(),
            Running {
                run,
                control,
                stop,
                abort,
            },
        );
    }

    /// Wants this of a task.
    pub(crate) fn set_task_target(&self, id: &ConnectorTaskId, run: RunId, target: TargetState) {
        if let Some(task) = of_run(&self.tasks, id, run) {
            task.control.send_replace(target);
        }
    }

    /// Asks a task to stop.
    pub(crate) fn stop_task(&self, id: &ConnectorTaskId, run: RunId) {
        if let Some(task) = of_run(&self.tasks, id, run) {
            info!(
                connector = &*id.connector,
                task = id.task,
                "Stopping task {id}"
            );
            task.stop.cancel();
        }
    }

    /// Cuts a task off at its next point of waiting.
    pub(crate) fn abandon_task(&mut self, id: &ConnectorTaskId, run: RunId) {
        if let Some(task) = take_run(&mut self.tasks, id, run) {
            task.abort.abort();
        }
    }

    /// Forgets what a report says has ended.
    pub(crate) fn notice(&mut self, event: &WorkerEvent) {
        match event {
            WorkerEvent::Connector {
                name,
                run,
                event: ConnectorEvent::Gone,
            } => {
                take_run(&mut self.connectors, name, *run);
            }
            WorkerEvent::Task {
                id,
                run,
                event: TaskEvent::Gone,
            } => {
                take_run(&mut self.tasks, id, *run);
            }
            _ => {}
        }
    }
}

fn of_run<'a, K: Eq + Hash, C>(
    runs: &'a HashMap<K, Running<C>>,
    key: &K,
    run: RunId,
) -> Option<&'a Running<C>> {
    runs.get(key).filter(|running| running.run == run)
}

fn take_run<K: Eq + Hash, C>(
    runs: &mut HashMap<K, Running<C>>,
    key: &K,
    run: RunId,
) -> Option<Running<C>> {
    of_run(runs, key, run)?;
    runs.remove(key)
}
