//! The herder of a standalone worker: connectors come from files and over REST; all but source offsets is in memory.

mod core;
mod drive;
mod entry;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use self::core::{Core, Options, Order, Outcome};
use self::drive::{Message, drive};
use super::entities::{
    ConfigInfos, ConfigKeyInfo, ConfigMap, ConnectorInfo, ConnectorOffsets, ConnectorStateInfo,
    Message as Sentence, PluginInfo, ServerInfo,
};
use super::offsets;
use super::validate::{Validator, plugin_infos};
use super::{
    Answer, ClusterView, Herder, HerderError, InternalRequest, Put, PutConnector, RestartRequest,
    Stage,
};
use crate::config::{OverridePolicy, WorkerConfig};
use crate::logging;
use crate::runtime;
use crate::runtime::offsets::Of;
use crate::runtime::worker::{EVENTS_MAX, Worker, WorkerContext};
use crate::runtime::{ConnectorTaskId, TargetState};

pub(crate) use entry::ConnectorSpec;

/// How many orders may wait for the herder.
const ORDERS_MAX: usize = 256;

/// What a standalone herder is made of.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) context: Arc<WorkerContext>,
    /// `host:port` under which others reach this worker.
    pub(crate) worker_id: Arc<str>,
    pub(crate) override_policy: OverridePolicy,
    /// What `GET /` answers.
    pub(crate) server_info: watch::Receiver<ServerInfo>,
}

/// A handle to the herder of a standalone worker; the herder ends when it is told to shut down.
#[derive(Debug, Clone)]
pub(crate) struct StandaloneHerder {
    messages: mpsc::Sender<Message>,
    view: watch::Receiver<Arc<ClusterView>>,
    server_info: watch::Receiver<ServerInfo>,
    validator: Arc<Validator>,
    context: Arc<WorkerContext>,
}

impl StandaloneHerder {
    /// Starts a herder on the current runtime.
    pub(crate) fn start(settings: Settings) -> Self {
        let Settings {
            context,
            worker_id,
            override_policy,
            server_info,
        } = settings;
        let mut core = Core::new(
            options(&context.config, worker_id),
            Stage {
                doing: "awaiting startup".to_owned(),
            },
        );
        let (messages, inbox) = mpsc::channel(ORDERS_MAX);
        let (events, reports) = mpsc::channel(EVENTS_MAX);
        let (publish, view) = watch::channel(Arc::new(core.poll_view().unwrap_or_default()));
        let worker = Worker::new(Arc::clone(&context), events);
        tokio::spawn(drive(core, worker, inbox, reports, publish));
        let validator = Arc::new(Validator::new(
            Arc::clone(&context.plugins),
            override_policy,
            context.properties.clone(),
            None,
        ));
        Self {
            messages,
            view,
            server_info,
            validator,
            context,
        }
    }

    /// Says what the worker is busy with while it starts.
    pub(crate) async fn starting(&self, doing: String) {
        let _ = self.messages.send(Message::Starting(doing)).await;
    }

    /// The connectors given at the start have been dealt with.
    pub(crate) async fn ready(&self) {
        let _ = self.messages.send(Message::Ready).await;
    }

    /// Stops all connectors and tasks; the names of those that did not stop in time.
    pub(crate) async fn shutdown(&self) -> Vec<String> {
        let (reply, stopped) = oneshot::channel();
        let _ = self.messages.send(Message::Shutdown(reply)).await;
        stopped.await.unwrap_or_default()
    }

    async fn order(&self, order: Order) -> Result<Outcome, HerderError> {
        let (reply, answer) = oneshot::channel();
        let message = Message::Order(order, reply);
        self.messages
            .send(message)
            .await
            .map_err(|_| HerderError::ShuttingDown)?;
        answer.await.unwrap_or(Err(HerderError::ShuttingDown))
    }

    /// The configuration of a connector, with its variables resolved.
    fn config_of(&self, name: &str) -> Result<ConfigMap, HerderError> {
        let view = self.view();
        let connector = view.connectors.get(name);
        let connector = connector.ok_or_else(|| HerderError::connector_not_found(name))?;
        self.validator.resolve(&connector.config)
    }

    async fn done(&self, order: Order) -> Result<(), HerderError> {
        self.order(order).await.map(drop)
    }

    async fn put(&self, put: PutConnector) -> Result<Put, HerderError> {
        let PutConnector {
            name,
            config,
            initial_state,
            allow_replace,
        } = put;
        let runtime = &self.context.runtime;
        let spec = self.validator.check_on(runtime, &name, config).await?;
        match self
            .order(Order::Put {
                name,
                spec,
                initial_state: initial_state.unwrap_or(TargetState::Started),
                allow_replace,
            })
            .await?
        {
            Outcome::Put(put) => Ok(put),
            other => Err(unexpected(&other)),
        }
    }

    async fn patch(
        &self,
        name: Arc<str>,
        patch: BTreeMap<String, Option<String>>,
    ) -> Result<ConnectorInfo, HerderError> {
        let known = self
            .view()
            .connectors
            .get(&name)
            .map(|connector| Arc::clone(&connector.config));
        let mut config = (*known.ok_or_else(|| HerderError::connector_not_found(&name))?).clone();
        for (key, value) in patch {
            match value {
                Some(value) => config.insert(key, value),
                None => config.remove(&key),
            };
        }
        let put = PutConnector {
            name,
            config,
            initial_state: None,
            allow_replace: true,
        };
        self.put(put).await.map(|put| put.info)
    }
}

fn options(config: &WorkerConfig, worker_id: Arc<str>) -> Options {
    Options {
        worker_id,
        task_grace: config.task_shutdown_graceful_timeout,
        topic_tracking: config.topic_tracking_enable,
        topic_tracking_reset: config.topic_tracking_allow_reset,
    }
}

fn unexpected(outcome: &Outcome) -> HerderError {
    HerderError::Internal(format!(
        "please report: an order was answered with {outcome:?}"
    ))
}

impl Herder for StandaloneHerder {
    fn server_info(&self) -> ServerInfo {
        self.server_info.borrow().clone()
    }

    fn view(&self) -> Arc<ClusterView> {
        Arc::clone(&self.view.borrow())
    }

    fn ping(&self) -> Answer<'_, ()> {
        Box::pin(self.done(Order::Ping))
    }

    fn plugins(&self, connectors_only: bool) -> Vec<PluginInfo> {
        plugin_infos(&self.context.plugins, connectors_only)
    }

    fn put_connector(&self, put: PutConnector) -> Answer<'_, Put> {
        Box::pin(self.put(put))
    }

    fn patch_connector(
        &self,
        name: Arc<str>,
        patch: BTreeMap<String, Option<String>>,
    ) -> Answer<'_, ConnectorInfo> {
        Box::pin(self.patch(name, patch))
    }

    fn delete_connector(&self, name: Arc<str>) -> Answer<'_, ()> {
        Box::pin(self.done(Order::Delete { name }))
    }

    fn set_target_state(&self, name: Arc<str>, target: TargetState) -> Answer<'_, ()> {
        Box::pin(self.done(Order::SetTarget { name, target }))
    }

    fn restart_connector(&self, name: Arc<str>) -> Answer<'_, ()> {
        Box::pin(self.done(Order::RestartConnector { name }))
    }

    fn restart_connector_and_tasks(
        &self,
        request: RestartRequest,
    ) -> Answer<'_, ConnectorStateInfo> {
        Box::pin(async {
            match self.order(Order::Restart(request)).await? {
                Outcome::Status(status) => Ok(status),
                other => Err(unexpected(&other)),
            }
        })
    }

    fn restart_task(&self, id: ConnectorTaskId) -> Answer<'_, ()> {
        Box::pin(self.done(Order::RestartTask(id)))
    }

    fn reset_topics(&self, name: Arc<str>) -> Answer<'_, ()> {
        Box::pin(self.done(Order::ResetTopics { name }))
    }

    fn tracks_topics(&self) -> bool {
        self.context.config.topic_tracking_enable
    }

    fn validate(&self, config: BTreeMap<String, Option<String>>) -> Answer<'_, ConfigInfos> {
        Box::pin(self.validator.validate_on(&self.context.runtime, config))
    }

    fn plugin_config(
        &self,
        plugin: &str,
        version: Option<&str>,
    ) -> Result<Vec<ConfigKeyInfo>, HerderError> {
        self.validator.plugin_config(plugin, version)
    }

    fn connector_offsets(&self, name: Arc<str>) -> Answer<'_, ConnectorOffsets> {
        Box::pin(async move {
            let config = self.config_of(&name)?;
            let of = Of {
                name: &name,
                config: &config,
            };
            offsets::shown(runtime::offsets::show(&self.context, of).await?)
        })
    }

    fn alter_offsets(&self, name: Arc<str>, wanted: ConnectorOffsets) -> Answer<'_, Sentence> {
        Box::pin(async move {
            self.done(Order::CheckStopped {
                name: Arc::clone(&name),
            })
            .await?;
            let config = self.config_of(&name)?;
            let changes = offsets::changes(&wanted)?;
            let context = Arc::clone(&self.context);
            // On a task of its own: giving up on the answer must not leave a change half done.
            let altering = tokio::spawn(async move {
                let of = Of {
                    name: &name,
                    config: &config,
                };
                runtime::offsets::alter(&context, of, changes).await
            });
            changed(altering.await)
        })
    }

    fn reset_offsets(&self, name: Arc<str>) -> Answer<'_, Sentence> {
        Box::pin(async move {
            self.done(Order::CheckStopped {
                name: Arc::clone(&name),
            })
            .await?;
            let config = self.config_of(&name)?;
            let context = Arc::clone(&self.context);
            let resetting = tokio::spawn(async move {
                let of = Of {
                    name: &name,
                    config: &config,
                };
                runtime::offsets::reset(&context, of).await
            });
            changed(resetting.await)
        })
    }

    fn set_cluster_log_level(&self, namespace: String, level: String) -> Answer<'_, ()> {
        // This worker is the whole cluster.
        logging::levels().set_level(&namespace, &level);
        Box::pin(std::future::ready(Ok(())))
    }

    fn put_task_configs(
        &self,
        _name: Arc<str>,
        _configs: Vec<ConfigMap>,
        _request: InternalRequest,
    ) -> Answer<'_, ()> {
        refuse(
            "Kafka Connect in standalone mode does not support externally setting task configurations.",
        )
    }

    fn fence_zombies(&self, _name: Arc<str>, _request: InternalRequest) -> Answer<'_, ()> {
        refuse("Kafka Connect in standalone mode does not support exactly-once source connectors.")
    }
}

/// The answer about offsets that were changed.
fn changed(
    done: Result<Result<&'static str, HerderError>, tokio::task::JoinError>,
) -> Result<Sentence, HerderError> {
    let text = done.map_err(|panic| HerderError::Internal(panic.to_string()))??;
    Ok(offsets::message(text))
}

fn refuse<T: Send + 'static>(why: &str) -> Answer<'static, T> {
    Box::pin(std::future::ready(Err(HerderError::Internal(
        why.to_owned(),
    ))))
}
