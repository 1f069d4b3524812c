//! What the core of a distributed worker asks about plugins, answered from the registry.

use std::sync::Arc;

use super::core::PluginFacts;
use crate::api::{PluginKind, Plugins};
use crate::herder::entities::{ConfigMap, ConnectorType};

/// The registry, as the core sees it.
#[derive(Debug)]
pub(super) struct RegistryFacts(pub(super) Arc<Plugins>);

impl PluginFacts for RegistryFacts {
    fn kind(&self, config: &ConfigMap) -> ConnectorType {
        match self
            .0
            .find_connector(class(config))
            .map(|class| class.kind())
        {
            Ok(PluginKind::Source) => ConnectorType::Source,
            Ok(PluginKind::Sink) => ConnectorType::Sink,
            _ => ConnectorType::Unknown,
        }
    }

    fn version(&self, config: &ConfigMap) -> Option<Arc<str>> {
        let class = self.0.find_connector(class(config)).ok()?;
        Some(class.info().version().into())
    }

    fn tasks_max(&self, config: &ConfigMap) -> (u32, bool) {
        let get = |key: &str| config.get(key).map(|value| value.trim());
        let max = get("tasks.max")
            .and_then(|max| max.parse().ok())
            .unwrap_or(1);
        let enforce =
            get("tasks.max.enforce").is_none_or(|enforce| !enforce.eq_ignore_ascii_case("false"));
        (max, enforce)
    }
}

fn class(config: &ConfigMap) -> &str {
    config
        .get("connector.class")
        .map_or("", |class| class.trim())
}
