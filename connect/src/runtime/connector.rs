//! Runs one connector: starts and stops its plugin as its target state says, and asks it for task configurations.
//!
//! The plugin's calls are made one after the other in a task of the connector's own, so that one that hangs holds up nothing
//! else. A report follows every command.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use kconnect_client::config::Properties;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::event::{ConnectorEvent, WorkerEvent};
use super::panics::caught;
use super::source::creation::TopicCreation;
use super::{RunId, State, TargetState};
use crate::api::{
    BoxFuture, ConnectError, ConnectorClass, ConnectorContext, ConnectorEvents, DynConnector,
    OffsetReader, SourceConnectorContext,
};
use crate::config::providers::with_variables_again;
use crate::config::{ConfigProviders, without_effect};
use crate::herder::entities::ConfigMap;

/// How many commands a connector may have waiting; its herder gives one at a time.
pub(super) const COMMANDS_MAX: usize = 16;

/// What a connector is told.
#[derive(Debug)]
pub(crate) enum ConnectorCommand {
    /// Want this of it; it answers with its state.
    Target(TargetState),
    /// It answers with its task configurations.
    AskTaskConfigs { tasks_max: u32 },
}

/// One run of a connector.
pub(super) struct ConnectorRun {
    pub(super) name: Arc<str>,
    pub(super) run: RunId,
    pub(super) class: ConnectorClass,
    /// As it was given, with variables in it.
    pub(super) config: Arc<ConfigMap>,
    pub(super) providers: Arc<ConfigProviders>,
    pub(super) target: TargetState,
    pub(super) offsets: OffsetReader,
    /// Whether topics are created as the connector says.
    pub(super) creates_topics: bool,
    pub(super) commands: mpsc::Receiver<ConnectorCommand>,
    pub(super) stop: CancellationToken,
    pub(super) events: mpsc::Sender<WorkerEvent>,
}

/// What the plugin has said between its calls.
#[derive(Default)]
struct Said {
    reconfigure: Notify,
    failed: Notify,
    error: Mutex<Option<ConnectError>>,
}

impl ConnectorEvents for Said {
    fn request_task_reconfiguration(&self) {
        self.reconfigure.notify_one();
    }

    fn raise_error(&self, error: ConnectError) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        self.failed.notify_one();
    }
}

impl Said {
    fn take_error(&self) -> Option<ConnectError> {
        self.error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl ConnectorRun {
    /// Runs the connector until it is stopped or has failed.
    pub(super) async fn run(mut self) {
        let panicked = |trace| Err(ConnectorEvent::Failed(trace));
        if let Err(failed) = caught(self.serve()).await.unwrap_or_else(panicked) {
            self.report(failed).await;
        }
        self.report(ConnectorEvent::Gone).await;
    }

    async fn report(&self, event: ConnectorEvent) {
        let (name, run) = (Arc::clone(&self.name), self.run);
        // Without a herder there is nobody to tell.
        let _ = self
            .events
            .send(WorkerEvent::Connector { name, run, event })
            .await;
    }

    /// Serves commands; the error is the report of how the connector failed.
    async fn serve(&mut self) -> Result<(), ConnectorEvent> {
        let said = Arc::new(Said::default());
        let mut plugin = None;
        self.apply(self.target, &mut plugin, &said).await?;
        loop {
            let command = tokio::select! {
                () = self.stop.cancelled() => break,
                () = said.failed.notified() => {
                    if let Some(error) = said.take_error() {
                        stop(&mut plugin).await;
                        return Err(failed(&error));
                    }
                    continue;
                }
                () = said.reconfigure.notified() => {
                    self.report(ConnectorEvent::Reconfigure).await;
                    continue;
                }
                command = self.commands.recv() => command,
            };
            match command {
                Some(ConnectorCommand::Target(target)) => {
                    self.apply(target, &mut plugin, &said).await?
                }
                Some(ConnectorCommand::AskTaskConfigs { tasks_max }) => {
                    let configs = self.task_configs(plugin.as_deref_mut(), tasks_max).await?;
                    self.report(ConnectorEvent::TaskConfigs(configs)).await;
                }
                None => break,
            }
        }
        stop(&mut plugin).await;
        Ok(())
    }

    /// Brings the plugin into the target state and reports it.
    async fn apply(
        &self,
        target: TargetState,
        plugin: &mut Option<Box<dyn DynConnector>>,
        said: &Arc<Said>,
    ) -> Result<(), ConnectorEvent> {
        let state = match target {
            TargetState::Started => State::Running,
            TargetState::Paused => State::Paused,
            TargetState::Stopped => State::Stopped,
        };
        if target != TargetState::Started {
            stop(plugin).await;
        } else if plugin.is_none() {
            info!(class = self.class.info().class(), "starting connector");
            let config = self.resolved().map_err(|error| not_made(&error))?;
            let started = self.start(said, config).await;
            *plugin = Some(started.map_err(|error| failed(&error))?);
        }
        self.report(ConnectorEvent::State(state)).await;
        Ok(())
    }

    fn start(
        &self,
        said: &Arc<Said>,
        config: Properties,
    ) -> BoxFuture<'static, Result<Box<dyn DynConnector>, ConnectError>> {
        let events = Arc::clone(said) as Arc<dyn ConnectorEvents>;
        let context = ConnectorContext::new(Arc::clone(&self.name), events);
        if let Some(said) = without_effect(&config) {
            warn!("{said}");
        }
        match self.class {
            ConnectorClass::Source(class) => class.start(
                SourceConnectorContext::new(context, self.offsets.clone()),
                config,
            ),
            ConnectorClass::Sink(class) => class.start(context, config),
        }
    }

    /// The configuration with its variables resolved, and with nothing wrong about topics to create.
    fn resolved(&self) -> Result<Properties, ConnectError> {
        let resolved = self.providers.resolve(&self.config);
        let resolved = resolved.map_err(|error| ConnectError::new(error.to_string()))?;
        if self.creates_topics && matches!(self.class, ConnectorClass::Source(_)) {
            TopicCreation::of(&resolved)?;
        }
        Ok(properties(&resolved))
    }

    /// The plugin's task configurations, with what the worker adds to each.
    async fn task_configs(
        &self,
        plugin: Option<&mut (dyn DynConnector + 'static)>,
        tasks_max: u32,
    ) -> Result<Vec<Arc<ConfigMap>>, ConnectorEvent> {
        let Some(plugin) = plugin else {
            warn!("a connector that does not run has no task configurations");
            return Ok(Vec::new());
        };
        let max = usize::try_from(tasks_max).unwrap_or(usize::MAX);
        let configs = plugin
            .task_configs(max)
            .await
            .map_err(|error| failed(&error))?;
        let configs = configs.into_iter().map(|config| self.complete(config));
        let configs = with_variables_again(&self.config, configs.collect());
        Ok(configs.into_iter().map(Arc::new).collect())
    }

    fn complete(&self, config: Properties) -> ConfigMap {
        let mut config = BTreeMap::from(config);
        config.insert(
            "task.class".to_owned(),
            task_class(self.class.info().class()),
        );
        if matches!(self.class, ConnectorClass::Sink(_)) {
            for key in ["topics", "topics.regex"] {
                if let Some(topics) = self.config.get(key) {
                    config.insert(key.to_owned(), topics.clone());
                }
            }
        }
        config
    }
}

fn failed(error: &ConnectError) -> ConnectorEvent {
    ConnectorEvent::Failed(format!("{error:?}"))
}

fn not_made(error: &ConnectError) -> ConnectorEvent {
    ConnectorEvent::NotMade {
        why: error.to_string(),
        trace: format!("{error:?}"),
    }
}

async fn stop(plugin: &mut Option<Box<dyn DynConnector>>) {
    if let Some(mut plugin) = plugin.take() {
        plugin.stop().await;
    }
}

/// The class that a task of the connector would have in Java: `...SinkTask` for `...SinkConnector`.
fn task_class(connector: &str) -> String {
    format!(
        "{}Task",
        connector.strip_suffix("Connector").unwrap_or(connector)
    )
}

/// A configuration as plugins read it.
pub(super) fn properties(config: &ConfigMap) -> Properties {
    config
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect()
}
