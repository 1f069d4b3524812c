//! What REST has in its hands of a distributed herder.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

use super::core::{Order, Outcome};
use super::drive::Call;
use super::start::{Channels, Settings, run, starting};
use crate::api::{OffsetChange, Plugins};
use crate::herder::entities::{
    ConfigInfos, ConfigKeyInfo, ConfigMap, ConnectorInfo, ConnectorOffsets, ConnectorStateInfo,
    Message, PluginInfo, ServerInfo,
};
use crate::herder::offsets;
use crate::herder::validate::{Validator, plugin_infos};
use crate::herder::{
    Answer, ClusterView, Herder, HerderError, InternalRequest, Put, PutConnector, RestartRequest,
};
use crate::runtime::offsets::Of;
use crate::runtime::worker::WorkerContext;
use crate::runtime::{self, ConnectorTaskId, TargetState};

/// How many orders may wait for the herder.
const ORDERS_MAX: usize = 256;

/// A handle to the herder of a worker in a cluster; the herder ends when it is told to shut down, or cannot go on.
#[derive(Debug, Clone)]
pub(crate) struct DistributedHerder {
    calls: mpsc::Sender<Call>,
    shutdown: mpsc::Sender<oneshot::Sender<Vec<String>>>,
    view: watch::Receiver<Arc<ClusterView>>,
    failed: watch::Receiver<Option<String>>,
    server_info: watch::Receiver<ServerInfo>,
    plugins: Arc<Plugins>,
    validator: Arc<Validator>,
    /// Where plugins run.
    runtime: Handle,
    tracks_topics: bool,
    /// What offsets are read and written with; there once the cluster's topics are.
    context: Arc<OnceLock<Arc<WorkerContext>>>,
}

impl DistributedHerder {
    /// Starts a herder on the current runtime. It opens the cluster's topics and joins the group by itself.
    pub(crate) fn start(settings: Settings) -> Self {
        let (calls, calls_in) = mpsc::channel(ORDERS_MAX);
        let (shutdown, shutdown_in) = mpsc::channel(1);
        let (view_out, view) = watch::channel(Arc::new(ClusterView {
            starting: Some(starting()),
            ..ClusterView::default()
        }));
        let (failed_out, failed) = watch::channel(None);
        let herder = Self {
            calls,
            shutdown,
            view,
            failed,
            server_info: settings.server_info.clone(),
            plugins: Arc::clone(&settings.plugins),
            validator: Arc::new(Validator::new(
                Arc::clone(&settings.plugins),
                settings.override_policy.clone(),
                settings.properties.clone(),
                Some(settings.config.group_id.clone()),
            )),
            runtime: settings.runtime.clone(),
            tracks_topics: settings.config.worker.topic_tracking_enable,
            context: Arc::default(),
        };
        let channels = Channels {
            calls: calls_in,
            shutdown: shutdown_in,
            view: view_out,
            failed: failed_out,
            context: Arc::clone(&herder.context),
        };
        tokio::spawn(run(settings, channels));
        herder
    }

    /// Waits until the herder cannot go on, and says why. Cancel safe.
    pub(crate) async fn failed(&self) -> String {
        let mut failed = self.failed.clone();
        let why = failed
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|why| why.clone());
        match why {
            Some(why) => why,
            // It has been shut down.
            None => std::future::pending().await,
        }
    }

    /// Stops all connectors and tasks and leaves the group; the names of those that did not stop in time.
    pub(crate) async fn shutdown(&self) -> Vec<String> {
        let (reply, stopped) = oneshot::channel();
        let _ = self.shutdown.send(reply).await;
        stopped.await.unwrap_or_default()
    }

    /// To wait for what the herder will show.
    #[cfg(test)]
    pub(super) fn watch_view(&self) -> watch::Receiver<Arc<ClusterView>> {
        self.view.clone()
    }

    async fn order(&self, order: Order) -> Result<Outcome, HerderError> {
        self.call(order, None).await
    }

    async fn call(
        &self,
        order: Order,
        signed: Option<InternalRequest>,
    ) -> Result<Outcome, HerderError> {
        let (reply, answer) = oneshot::channel();
        let call = Call {
            order,
            signed,
            reply,
        };
        self.calls
            .send(call)
            .await
            .map_err(|_| HerderError::ShuttingDown)?;
        answer.await.unwrap_or(Err(HerderError::ShuttingDown))
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
        let checked = self
            .validator
            .check_on(&self.runtime, &name, config.clone());
        checked.await?;
        let order = Order::Put {
            name,
            config,
            initial_state,
            allow_replace,
        };
        match self.order(order).await? {
            Outcome::Put(put) => Ok(put),
            other => Err(unexpected(&other)),
        }
    }

    async fn offsets_of(&self, name: Arc<str>) -> Result<ConnectorOffsets, HerderError> {
        let config = {
            let view = self.view();
            let connector = view.connectors.get(&name);
            let connector = connector.ok_or_else(|| HerderError::connector_not_found(&name))?;
            self.validator.resolve(&connector.config)?
        };
        let of = Of {
            name: &name,
            config: &config,
        };
        offsets::shown(runtime::offsets::show(&*self.context()?, of).await?)
    }

    /// Sets offsets, or forgets all of them: as the leader, of a connector that is stopped.
    async fn change_offsets(
        &self,
        name: Arc<str>,
        changes: Option<Vec<OffsetChange>>,
    ) -> Result<Message, HerderError> {
        let order = Order::CheckStopped {
            name: Arc::clone(&name),
        };
        let config = match self.order(order).await? {
            Outcome::Config(config) => self.validator.resolve(&config)?,
            other => return Err(unexpected(&other)),
        };
        let context = self.context()?;
        // On a task of its own: giving up on the answer must not leave a change half done.
        let changing = tokio::spawn(async move {
            let of = Of {
                name: &name,
                config: &config,
            };
            match changes {
                Some(changes) => runtime::offsets::alter(&context, of, changes).await,
                None => runtime::offsets::reset(&context, of).await,
            }
        });
        let text = changing
            .await
            .map_err(|panic| HerderError::Internal(panic.to_string()))??;
        Ok(offsets::message(text))
    }

    fn context(&self) -> Result<Arc<WorkerContext>, HerderError> {
        let context = self.context.get().cloned();
        context.ok_or_else(|| {
            HerderError::Unavailable("the cluster's topics have not been read yet".to_owned())
        })
    }

    /// Only the leader knows for sure what there is to change.
    async fn patch(
        &self,
        name: Arc<str>,
        patch: BTreeMap<String, Option<String>>,
    ) -> Result<ConnectorInfo, HerderError> {
        let current = self
            .order(Order::CurrentConfig {
                name: Arc::clone(&name),
            })
            .await?;
        let mut config: ConfigMap = match current {
            Outcome::Config(config) => (*config).clone(),
            other => return Err(unexpected(&other)),
        };
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

fn unexpected(outcome: &Outcome) -> HerderError {
    HerderError::Internal(format!(
        "please report: an order was answered with {outcome:?}"
    ))
}

impl Herder for DistributedHerder {
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
        plugin_infos(&self.plugins, connectors_only)
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
        self.tracks_topics
    }

    fn validate(&self, config: BTreeMap<String, Option<String>>) -> Answer<'_, ConfigInfos> {
        Box::pin(self.validator.validate_on(&self.runtime, config))
    }

    fn plugin_config(
        &self,
        plugin: &str,
        version: Option<&str>,
    ) -> Result<Vec<ConfigKeyInfo>, HerderError> {
        self.validator.plugin_config(plugin, version)
    }

    fn connector_offsets(&self, name: Arc<str>) -> Answer<'_, ConnectorOffsets> {
        Box::pin(self.offsets_of(name))
    }

    fn alter_offsets(&self, name: Arc<str>, offsets: ConnectorOffsets) -> Answer<'_, Message> {
        Box::pin(async move {
            let changes = offsets::changes(&offsets)?;
            self.change_offsets(name, Some(changes)).await
        })
    }

    fn reset_offsets(&self, name: Arc<str>) -> Answer<'_, Message> {
        Box::pin(self.change_offsets(name, None))
    }

    fn set_cluster_log_level(&self, namespace: String, level: String) -> Answer<'_, ()> {
        Box::pin(self.done(Order::SetLevel { namespace, level }))
    }

    fn put_task_configs(
        &self,
        name: Arc<str>,
        configs: Vec<ConfigMap>,
        request: InternalRequest,
    ) -> Answer<'_, ()> {
        let order = Order::PutTasks { name, configs };
        Box::pin(async { self.call(order, Some(request)).await.map(drop) })
    }

    fn fence_zombies(&self, name: Arc<str>, request: InternalRequest) -> Answer<'_, ()> {
        let order = Order::Fence { name };
        Box::pin(async { self.call(order, Some(request)).await.map(drop) })
    }
}
