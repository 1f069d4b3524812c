//! Validating where plugins run, for a plugin's own check may block or panic.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::{NullableConfig, Validator};
use crate::herder::HerderError;
use crate::herder::entities::{ConfigInfos, ConfigMap};
use crate::herder::order::ConnectorSpec;

impl Validator {
    /// [`Self::check`] of the configuration of connector `name`, on the runtime of plugins.
    ///
    /// Cancel safe: what was begun goes on, and changes nothing.
    pub(crate) async fn check_on(
        self: &Arc<Self>,
        runtime: &Handle,
        name: &str,
        config: ConfigMap,
    ) -> Result<ConnectorSpec, HerderError> {
        let what = format!("validation of {name}");
        self.ask_on(runtime, &what, move |validator| validator.check(config))
            .await
    }

    /// [`Self::validate`], on the runtime of plugins.
    ///
    /// Cancel safe: what was begun goes on, and changes nothing.
    pub(crate) async fn validate_on(
        self: &Arc<Self>,
        runtime: &Handle,
        config: NullableConfig,
    ) -> Result<ConfigInfos, HerderError> {
        self.ask_on(runtime, "validation", move |validator| {
            validator.validate(&config)
        })
        .await
    }

    /// [`Self::resolve`] of the configuration of connector `name`, on the runtime of plugins: a provider may read files.
    ///
    /// Cancel safe: what was begun goes on, and changes nothing.
    pub(crate) async fn resolve_on(
        self: &Arc<Self>,
        runtime: &Handle,
        name: &str,
        config: Arc<ConfigMap>,
    ) -> Result<ConfigMap, HerderError> {
        let what = format!("resolving the configuration of {name}");
        self.ask_on(runtime, &what, move |validator| validator.resolve(&config))
            .await
    }

    async fn ask_on<T: Send + 'static>(
        self: &Arc<Self>,
        runtime: &Handle,
        what: &str,
        ask: impl FnOnce(&Self) -> Result<T, HerderError> + Send + 'static,
    ) -> Result<T, HerderError> {
        let validator = Arc::clone(self);
        let asked = runtime.spawn(async move { ask(&validator) }).await;
        asked.unwrap_or_else(|panic| Err(HerderError::Internal(format!("{what} failed: {panic}"))))
    }
}
