//! What is said about plugins: which there are, and the keys of each.

use super::Validator;
use super::connector::other_version;
use super::keys::key_info;
use super::version::VersionRange;
use crate::api::{Class, ConnectorClass, PluginKind, Plugins};
use crate::config::{SinkConnectorConfig, SourceConnectorConfig};
use crate::herder::HerderError;
use crate::herder::entities::{ConfigKeyInfo, PluginInfo};

/// The plugins in Kafka Connect's order: sinks, sources, converters, header converters, each by name.
pub(crate) fn plugin_infos(plugins: &Plugins, connectors_only: bool) -> Vec<PluginInfo> {
    let connectors = plugins
        .connectors()
        .map(|class| (class.kind(), class.info().class(), class.info().version()));
    let mut all: Vec<(PluginKind, &str, &str)> = connectors.collect();
    if !connectors_only {
        let converters = plugins.converters().iter();
        all.extend(converters.map(|class| (PluginKind::Converter, class.class(), class.version())));
        let headers = plugins.header_converters().iter();
        all.extend(
            headers.map(|class| (PluginKind::HeaderConverter, class.class(), class.version())),
        );
    }
    let rank = |kind| match kind {
        PluginKind::Sink => 0,
        PluginKind::Source => 1,
        PluginKind::Converter => 2,
        _ => 3,
    };
    all.sort_by_key(|&(kind, class, _)| (rank(kind), class));
    let info = |(kind, class, version): (PluginKind, &str, &str)| PluginInfo {
        class: class.to_owned(),
        kind: kind.to_string(),
        version: Some(version.to_owned()),
    };
    all.into_iter().map(info).collect()
}

impl Validator {
    /// The keys of a plugin: its own first, then those that the worker has for its kind.
    ///
    /// # Errors
    ///
    /// When there is no such plugin, or not in that version.
    pub(crate) fn plugin_config(
        &self,
        plugin: &str,
        version: Option<&str>,
    ) -> Result<Vec<ConfigKeyInfo>, HerderError> {
        let range = VersionRange::parse(version).map_err(|_| {
            let version = version.unwrap_or_default();
            HerderError::BadRequest(format!("Invalid version specification: {version}"))
        })?;
        let connector = self.plugins.find_connector(plugin).ok();
        let class: &dyn Class = if let Some(connector) = connector {
            connector.info()
        } else if let Ok(converter) = self.plugins.find_converter(plugin) {
            converter
        } else if let Ok(converter) = self.plugins.find_header_converter(plugin) {
            converter
        } else {
            return Err(HerderError::NotFound(format!("Unknown plugin {plugin}.")));
        };
        if let Some(range) = range.filter(|range| !range.contains(class.version())) {
            return Err(HerderError::BadRequest(other_version(
                class.class(),
                &range,
                class.version(),
            )));
        }
        let mut infos: Vec<ConfigKeyInfo> = class.config_keys().iter().map(key_info).collect();
        let framework = match connector {
            Some(ConnectorClass::Source(_)) => SourceConnectorConfig::KEYS,
            Some(ConnectorClass::Sink(_)) => SinkConnectorConfig::KEYS,
            None => &[],
        };
        for key in framework {
            if infos.iter().all(|known| known.name != key.name) {
                let mut info = key_info(key);
                if key.name == "connector.plugin.version" {
                    info.default_value = Some(class.version().to_owned());
                }
                infos.push(info);
            }
        }
        Ok(infos)
    }
}
