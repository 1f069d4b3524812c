//! The herder: who decides which connectors and tasks run, in either mode, and what REST may ask of it.
//!
//! Whatever only reads is answered from a [`ClusterView`], which the herder publishes whenever something changes, so
//! that no plugin and no broker that hangs can hold up an answer. Whatever changes something is an order to the one
//! task that owns the state.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

pub(crate) mod distributed;
pub mod entities;
mod error;
mod handle;
pub(crate) mod offsets;
pub(crate) mod order;
pub(crate) mod standalone;
pub(crate) mod validate;

pub use error::HerderError;
pub(crate) use handle::HerderHandle;

pub use crate::runtime::{ConnectorTaskId, State, TargetState};
use entities::{
    ConfigInfos, ConfigKeyInfo, ConfigMap, ConnectorInfo, ConnectorOffsets, ConnectorStateInfo,
    ConnectorType, Message, PluginInfo, ServerInfo, TaskInfo,
};

/// The answer to an order.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, HerderError>> + Send + 'a>>;

/// What the herder knows, as of the last change; what REST reads is answered from it.
#[derive(Debug, Clone, Default)]
pub struct ClusterView {
    /// What the worker is busy with while it starts; `None` once it is ready.
    pub starting: Option<Stage>,
    /// The connectors by name.
    pub connectors: BTreeMap<Arc<str>, Arc<ConnectorView>>,
}

/// What a worker that has not finished starting is busy with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// A phrase such as `starting the connectors given on the command line`.
    pub doing: String,
}

/// What the herder knows about one connector.
#[derive(Debug, Clone)]
pub struct ConnectorView {
    /// Source or sink.
    pub kind: ConnectorType,
    /// The configuration as it was given.
    pub config: Arc<ConfigMap>,
    /// The configuration of each task, by number.
    pub tasks: Vec<Arc<ConfigMap>>,
    /// What connector and tasks are doing; `None` until the first report.
    pub status: Option<Arc<ConnectorStateInfo>>,
    /// The topics that the connector has used, in order of their names.
    pub topics: Vec<Arc<str>>,
}

impl ConnectorView {
    /// The body of `GET /connectors/{connector}`.
    #[must_use]
    pub fn info(&self, name: &Arc<str>) -> ConnectorInfo {
        let tasks = (0..)
            .zip(&self.tasks)
            .map(|(task, _)| ConnectorTaskId::new(name, task))
            .collect();
        ConnectorInfo {
            name: Arc::clone(name),
            config: Arc::clone(&self.config),
            tasks,
            kind: self.kind,
        }
    }

    /// The body of `GET /connectors/{connector}/tasks`.
    #[must_use]
    pub fn task_infos(&self, name: &Arc<str>) -> Vec<TaskInfo> {
        let info = |(task, config): (u32, &Arc<ConfigMap>)| TaskInfo {
            id: ConnectorTaskId::new(name, task),
            config: Arc::clone(config),
        };
        (0..).zip(&self.tasks).map(info).collect()
    }
}

/// A connector to create, or its new configuration.
#[derive(Debug, Clone)]
pub struct PutConnector {
    /// The connector's name.
    pub name: Arc<str>,
    /// Its configuration, with `name`.
    pub config: ConfigMap,
    /// What it shall do at first, if the caller said so; only for a connector that does not exist yet.
    pub initial_state: Option<TargetState>,
    /// Whether a connector of that name gets the new configuration; otherwise it is an error.
    pub allow_replace: bool,
}

/// Which parts of a connector to restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestartRequest {
    /// The connector's name.
    pub name: Arc<str>,
    /// Only what has failed.
    pub only_failed: bool,
    /// The tasks as well.
    pub include_tasks: bool,
}

/// What a put did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// Whether the connector is new.
    pub created: bool,
    /// The connector as it is now.
    pub info: ConnectorInfo,
}

/// What the owner of the state is doing, or did last: for the error text of a request that took too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// A phrase such as `ensuring membership in the cluster`.
    pub doing: String,
    /// When that began.
    pub began: SystemTime,
    /// When it was completed; `None` while it goes on.
    pub completed: Option<SystemTime>,
}

/// A request from another worker, as it came, so that its signature can be checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InternalRequest {
    /// The body, byte by byte.
    pub body: Bytes,
    /// The header `X-Connect-Authorization`.
    pub signature: Option<String>,
    /// The header `X-Connect-Request-Signature-Algorithm`.
    pub algorithm: Option<String>,
}

/// The brain of a worker, in standalone and in distributed mode.
///
/// Orders are cancel safe: giving up on an answer does not take the order back.
pub trait Herder: Debug + Send + Sync + 'static {
    /// The body of `GET /`.
    fn server_info(&self) -> ServerInfo;

    /// What is known at this moment.
    fn view(&self) -> Arc<ClusterView>;

    /// Answers as soon as the owner of the state gets to it: shows that it is alive.
    fn ping(&self) -> Answer<'_, ()>;

    /// The connector plugins; all plugins if not `connectors_only`.
    fn plugins(&self, connectors_only: bool) -> Vec<PluginInfo>;

    /// Creates a connector or gives it a new configuration; answers when it and its tasks have been started.
    fn put_connector(&self, put: PutConnector) -> Answer<'_, Put>;

    /// Changes some keys of a connector's configuration; `None` removes a key.
    fn patch_connector(
        &self,
        name: Arc<str>,
        patch: BTreeMap<String, Option<String>>,
    ) -> Answer<'_, ConnectorInfo>;

    /// Stops a connector and forgets it.
    fn delete_connector(&self, name: Arc<str>) -> Answer<'_, ()>;

    /// Wants a connector and its tasks to run, pause or stop. Answers at once, except for [`TargetState::Stopped`], which is
    /// answered when the tasks are gone.
    fn set_target_state(&self, name: Arc<str>, target: TargetState) -> Answer<'_, ()>;

    /// Restarts the connector alone; answers when it runs again.
    fn restart_connector(&self, name: Arc<str>) -> Answer<'_, ()>;

    /// Restarts the parts of a connector that `request` selects; answers at once with what will be restarted.
    fn restart_connector_and_tasks(
        &self,
        request: RestartRequest,
    ) -> Answer<'_, ConnectorStateInfo>;

    /// Restarts one task; answers when it has been started.
    fn restart_task(&self, id: ConnectorTaskId) -> Answer<'_, ()>;

    /// Forgets which topics the connector has used.
    fn reset_topics(&self, name: Arc<str>) -> Answer<'_, ()>;

    /// Whether workers note which topics connectors use: `topic.tracking.enable`.
    fn tracks_topics(&self) -> bool;

    /// What the owner of the state is doing; `None` if it does not say.
    fn activity(&self) -> Option<Activity> {
        None
    }

    /// Checks a configuration and answers with every key of the connector's, complaints among them; changes nothing.
    /// A value can be null, which is a complaint of its own.
    fn validate(&self, config: BTreeMap<String, Option<String>>) -> Answer<'_, ConfigInfos>;

    /// The configuration keys of a plugin of any kind. `version` is a Maven range; the newest if there is none.
    ///
    /// # Errors
    ///
    /// [`HerderError::NotFound`] for an unknown plugin, [`HerderError::BadRequest`] for a bad version.
    fn plugin_config(
        &self,
        plugin: &str,
        version: Option<&str>,
    ) -> Result<Vec<ConfigKeyInfo>, HerderError>;

    /// How far the connector has come.
    fn connector_offsets(&self, name: Arc<str>) -> Answer<'_, ConnectorOffsets>;

    /// Sets offsets of a stopped connector; those without an offset are forgotten.
    fn alter_offsets(&self, name: Arc<str>, offsets: ConnectorOffsets) -> Answer<'_, Message>;

    /// Forgets all offsets of a stopped connector.
    fn reset_offsets(&self, name: Arc<str>) -> Answer<'_, Message>;

    /// Sets a logger's level on every worker of the cluster. `level` is one of log4j's, `namespace` need not exist.
    fn set_cluster_log_level(&self, namespace: String, level: String) -> Answer<'_, ()>;

    /// Takes the task configurations that another worker's connector has made. The leader writes them down;
    /// a standalone worker refuses. `configs` is what `request.body` says.
    fn put_task_configs(
        &self,
        name: Arc<str>,
        configs: Vec<ConfigMap>,
        request: InternalRequest,
    ) -> Answer<'_, ()>;

    /// Locks out producers of former tasks of a source connector with exactly-once support, before new ones start. The
    /// leader does it; a standalone worker refuses.
    fn fence_zombies(&self, name: Arc<str>, request: InternalRequest) -> Answer<'_, ()>;
}
