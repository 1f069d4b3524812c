//! What REST has in its hands of a herder, in either mode: orders to the task that owns the state, and the view behind it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::entities::{
    ConfigInfos, ConfigKeyInfo, ConfigMap, ConnectorInfo, ConnectorOffsets, ConnectorStateInfo,
    Message, PluginInfo, ServerInfo,
};
use super::order::{Call, Order, Outcome};
use super::validate::{Validator, plugin_infos};
use super::{
    Answer, ClusterView, Herder, HerderError, InternalRequest, Put, PutConnector, RestartRequest,
    offsets,
};
use crate::api::{OffsetChange, Plugins};
use crate::runtime::offsets::Of;
use crate::runtime::panics::caught;
use crate::runtime::worker::WorkerContext;
use crate::runtime::{self, ConnectorTaskId, TargetState};

/// How many orders may wait for a herder.
pub(super) const ORDERS_MAX: usize = 256;
/// How long config providers may take before a connector is let go whose offsets were to be changed.
const PROVIDERS_PATIENCE: Duration = Duration::from_secs(60);

/// A handle to a herder; the herder ends when it is told to shut down, or cannot go on.
#[derive(Debug, Clone)]
pub(crate) struct HerderHandle {
    pub(super) calls: mpsc::Sender<Call>,
    pub(super) view: watch::Receiver<Arc<ClusterView>>,
    pub(super) server_info: watch::Receiver<ServerInfo>,
    pub(super) plugins: Arc<Plugins>,
    pub(super) validator: Arc<Validator>,
    /// Where plugins run.
    pub(super) runtime: Handle,
    pub(super) tracks_topics: bool,
    /// What offsets are read and written with; there once the topics of a cluster are.
    pub(super) context: Arc<OnceLock<Arc<WorkerContext>>>,
}

impl HerderHandle {
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

    async fn config(&self, order: Order) -> Result<Arc<ConfigMap>, HerderError> {
        match self.order(order).await? {
            Outcome::Config(config) => Ok(config),
            other => Err(unexpected(&other)),
        }
    }

    async fn put(&self, put: PutConnector) -> Result<Put, HerderError> {
        let PutConnector {
            name,
            config,
            initial_state,
            allow_replace,
        } = put;
        let spec = self
            .validator
            .check_on(&self.runtime, &name, config)
            .await?;
        let order = Order::Put {
            name,
            spec,
            initial_state,
            allow_replace,
        };
        match self.order(order).await? {
            Outcome::Put(put) => Ok(put),
            other => Err(unexpected(&other)),
        }
    }

    /// Only the owner of the state knows for sure what there is to change.
    async fn patch(
        &self,
        name: Arc<str>,
        patch: BTreeMap<String, Option<String>>,
    ) -> Result<ConnectorInfo, HerderError> {
        let current = Order::CurrentConfig {
            name: Arc::clone(&name),
        };
        let mut config = Arc::unwrap_or_clone(self.config(current).await?);
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

    async fn offsets_of(&self, name: Arc<str>) -> Result<ConnectorOffsets, HerderError> {
        let view = self.view();
        let connector = view.connectors.get(&name);
        let connector = connector.ok_or_else(|| HerderError::connector_not_found(&name))?;
        let config = self.resolved(&name, &connector.config).await?;
        let of = Of {
            name: &name,
            config: &config,
        };
        offsets::shown(runtime::offsets::show(&*self.context()?, of).await?)
    }

    /// Sets offsets of a stopped connector, or forgets all of them.
    ///
    /// On a task of its own: giving up on the answer must leave neither half a change nor a connector that nobody lets go.
    async fn change_offsets(
        &self,
        name: Arc<str>,
        changes: Option<Vec<OffsetChange>>,
    ) -> Result<Message, HerderError> {
        let handle = self.clone();
        let changing = tokio::spawn(async move {
            let hold = Order::HoldStopped {
                name: Arc::clone(&name),
            };
            let config = handle.config(hold).await?;
            let changed = caught(handle.change_stopped(&name, &config, changes)).await;
            handle.done(Order::Release { name }).await?;
            changed.unwrap_or_else(|panic| Err(HerderError::Internal(panic)))
        });
        let changed = changing.await;
        changed.unwrap_or_else(|panic| Err(HerderError::Internal(panic.to_string())))
    }

    async fn change_stopped(
        &self,
        name: &Arc<str>,
        config: &Arc<ConfigMap>,
        changes: Option<Vec<OffsetChange>>,
    ) -> Result<Message, HerderError> {
        let resolved = timeout(PROVIDERS_PATIENCE, self.resolved(name, config)).await;
        let config = resolved.map_err(|_| {
            let text = format!("the config providers did not answer within {PROVIDERS_PATIENCE:?}");
            HerderError::Internal(text)
        })??;
        let of = Of {
            name,
            config: &config,
        };
        let context = self.context()?;
        let text = match changes {
            Some(changes) => runtime::offsets::alter(&context, of, changes).await,
            None => runtime::offsets::reset(&context, of).await,
        };
        text.map(offsets::message)
    }

    /// A configuration with its variables resolved.
    async fn resolved(
        &self,
        name: &str,
        config: &Arc<ConfigMap>,
    ) -> Result<ConfigMap, HerderError> {
        self.validator
            .resolve_on(&self.runtime, name, Arc::clone(config))
            .await
    }

    fn context(&self) -> Result<Arc<WorkerContext>, HerderError> {
        let context = self.context.get().cloned();
        context.ok_or_else(|| {
            HerderError::Unavailable("the cluster's topics have not been read yet".to_owned())
        })
    }
}

fn unexpected(outcome: &Outcome) -> HerderError {
    HerderError::Internal(format!(
        "please report: an order was answered with {outcome:?}"
    ))
}

impl Herder for HerderHandle {
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
