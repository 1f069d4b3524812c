//! Checks a connector's configuration before anything is done with it; every complaint at once, key by key.
//!
//! The order of keys, groups and complaints is Kafka Connect's: the worker's keys of a connector, the connector's own, what
//! it overrides of clients, its converters.

mod connector;
mod converters;
mod elsewhere;
mod keys;
mod overrides;
mod plugins;
mod stages;
mod version;

use std::collections::BTreeMap;
use std::sync::Arc;

use kconnect_client::config::{ConfigError, Properties};

use self::connector::FoundConnector;
use super::HerderError;
use super::entities::{ConfigInfo, ConfigInfos, ConfigMap, ConnectorType};
use super::order::ConnectorSpec;
use crate::api::{PluginKind, Plugins};
use crate::config::{
    ConfigProviders, ConnectorConfig, OverridePolicy, SinkConnectorConfig, SourceConnectorConfig,
};

pub(crate) use plugins::plugin_infos;

/// A value that is shorter is no secret, in bytes, and may stand in any text.
const SECRET_MIN: usize = 4;

/// A configuration as it came, in which a value may be null.
pub(crate) type NullableConfig = BTreeMap<String, Option<String>>;

/// What a configuration is checked against.
#[derive(Debug)]
pub(crate) struct Validator {
    plugins: Arc<Plugins>,
    override_policy: OverridePolicy,
    /// The worker's property file: its converters, and its config providers.
    worker: Properties,
    providers: Result<ConfigProviders, Vec<ConfigError>>,
    /// The group of the workers of a cluster; none in standalone mode.
    worker_group: Option<String>,
}

impl Validator {
    /// A validator for a worker with the property file `worker`. `worker_group` is the `group.id` of a distributed worker.
    pub(crate) fn new(
        plugins: Arc<Plugins>,
        override_policy: OverridePolicy,
        worker: Properties,
        worker_group: Option<String>,
    ) -> Self {
        let providers = ConfigProviders::from_worker(&worker);
        Self {
            plugins,
            override_policy,
            worker,
            providers,
            worker_group,
        }
    }

    /// What is right and wrong with `config`, with every key that the connector has. No variable is shown resolved.
    ///
    /// # Errors
    ///
    /// When there is no connector of that class, or a config provider fails.
    pub(crate) fn validate(&self, config: &NullableConfig) -> Result<ConfigInfos, HerderError> {
        let raw = texts(config);
        let resolved = self.resolve(&raw)?;
        let Some(class) = resolved.get("connector.class") else {
            let shown: Vec<String> = config
                .iter()
                .map(|(key, value)| format!("{key}={}", value.as_deref().unwrap_or("null")))
                .collect();
            return Err(HerderError::BadRequest(format!(
                "Connector config {{{}}} contains no connector type",
                shown.join(", ")
            )));
        };
        let class = class.clone();
        let given: Properties = resolved.into();
        let nulls: Vec<&str> = config
            .iter()
            .filter(|(_, value)| value.is_none())
            .map(|(key, _)| key.as_str())
            .collect();
        let found = self.find(&class, &given);
        let is_plugin = |key: &str| ["connector.class", "connector.plugin.version"].contains(&key);
        let mut infos = match found.map_err(|error| without_secrets(error, &raw, is_plugin))? {
            FoundConnector::Found(connector) => {
                let mut parts = self.connector_keys(connector, &raw, &given, &nulls);
                let converters = self.converter_keys(&mut parts, &given);
                let overrides = self.override_keys(connector, &given);
                let is_override = |key: &str| key.contains(".override.");
                let overrides =
                    overrides.map_err(|error| without_secrets(error, &raw, is_override))?;
                merge(&class, [parts.into_infos(), overrides, converters])
            }
            FoundConnector::OtherVersion(connector, why) => self
                .other_version(connector, &why, &given, &nulls)
                .into_infos(),
        };
        infos.name = class;
        redact(&mut infos, &raw, &given);
        Ok(infos)
    }

    /// The checked configuration.
    ///
    /// # Errors
    ///
    /// With the text that Kafka Connect answers an order for such a connector with.
    pub(crate) fn check(&self, config: ConfigMap) -> Result<ConnectorSpec, HerderError> {
        let nullable = config
            .iter()
            .map(|(key, value)| (key.clone(), Some(value.clone())));
        let infos = self.validate(&nullable.collect())?;
        if let Some(complaint) = infos.complaint() {
            return Err(HerderError::BadRequest(complaint));
        }
        let resolved = self.resolve(&config)?;
        let class = resolved
            .get("connector.class")
            .map(|class| class.trim())
            .unwrap_or_default();
        let class = self.plugins.find_connector(class);
        let class = class.map_err(|error| HerderError::BadRequest(error.to_string()))?;
        let mut given: Properties = resolved.into();
        let common: Result<ConnectorConfig, Vec<ConfigError>> = match class.kind() {
            PluginKind::Source => {
                SourceConnectorConfig::from_properties(&mut given).map(|config| config.connector)
            }
            _ => SinkConnectorConfig::from_properties(&mut given).map(|config| config.connector),
        };
        let common = common.map_err(|errors| {
            let lines: Vec<&str> = errors.iter().map(ConfigError::message).collect();
            HerderError::BadRequest(lines.join("\n"))
        })?;
        Ok(ConnectorSpec {
            kind: match class.kind() {
                PluginKind::Source => ConnectorType::Source,
                PluginKind::Sink => ConnectorType::Sink,
                _ => ConnectorType::Unknown,
            },
            version: class.info().version().into(),
            tasks_max: common.tasks_max,
            tasks_max_enforce: common.tasks_max_enforce,
            config: Arc::new(config),
        })
    }

    /// `config` with its variables resolved.
    ///
    /// # Errors
    ///
    /// When a config provider fails.
    pub(crate) fn resolve(&self, config: &ConfigMap) -> Result<ConfigMap, HerderError> {
        let providers = self.providers.as_ref().map_err(|errors| {
            let texts: Vec<&str> = errors.iter().map(ConfigError::message).collect();
            HerderError::Internal(texts.join("\n"))
        })?;
        let resolved = providers.resolve(config);
        resolved.map_err(|error| HerderError::Internal(error.to_string()))
    }
}

/// The values that are not null.
fn texts(config: &NullableConfig) -> ConfigMap {
    let texts = config
        .iter()
        .filter_map(|(key, value)| Some((key.clone(), value.clone()?)));
    texts.collect()
}

/// Keys, groups and complaints, added up.
#[derive(Debug, Default)]
struct Parts {
    groups: Vec<String>,
    configs: Vec<ConfigInfo>,
}

impl Parts {
    /// Adds a key; one that is there already keeps its place and gets the new definition and value.
    fn put(&mut self, info: ConfigInfo) {
        let group = info
            .definition
            .as_ref()
            .and_then(|definition| definition.group.clone());
        if let Some(group) = group.filter(|group| !self.groups.contains(group)) {
            self.groups.push(group);
        }
        match self.find(&info.value.name) {
            Some(known) => *known = info,
            None => self.configs.push(info),
        }
    }

    fn find(&mut self, name: &str) -> Option<&mut ConfigInfo> {
        self.configs
            .iter_mut()
            .find(|config| config.value.name == name)
    }

    /// Adds a complaint about a key, which becomes an undeclared one if nobody declares it.
    fn complain(&mut self, name: &str, value: Option<&str>, message: String) {
        if let Some(known) = self.find(name) {
            known.value.errors.push(message);
            return;
        }
        let info = keys::undeclared(name, value, vec![message]);
        // What nobody declares comes first.
        self.configs.insert(0, info);
    }

    /// Shows a key that nobody declares, without a complaint.
    fn mention(&mut self, name: &str, value: &str) {
        let info = keys::undeclared(name, Some(value), Vec::new());
        self.configs.insert(0, info);
    }

    fn into_infos(self) -> ConfigInfos {
        ConfigInfos {
            name: String::new(),
            error_count: self
                .configs
                .iter()
                .map(|config| config.value.errors.len())
                .sum(),
            groups: self.groups,
            configs: self.configs,
        }
    }

    /// The same for keys with a prefix, of which each counts once however much is wrong with it.
    fn into_prefixed_infos(self) -> ConfigInfos {
        let wrong = self
            .configs
            .iter()
            .filter(|config| !config.value.errors.is_empty());
        ConfigInfos {
            error_count: wrong.count(),
            ..self.into_infos()
        }
    }
}

fn merge(name: &str, parts: [ConfigInfos; 3]) -> ConfigInfos {
    let mut merged = ConfigInfos {
        name: name.to_owned(),
        error_count: 0,
        groups: Vec::new(),
        configs: Vec::new(),
    };
    for part in parts {
        merged.error_count += part.error_count;
        for group in part.groups {
            if !merged.groups.contains(&group) {
                merged.groups.push(group);
            }
        }
        merged.configs.extend(part.configs);
    }
    merged
}

/// Puts variables back where they were given, and keeps silent about what their values did wrong, also where another key
/// is complained about for them.
fn redact(infos: &mut ConfigInfos, raw: &ConfigMap, resolved: &Properties) {
    let variables = raw
        .iter()
        .filter(|(_, given)| ConfigProviders::has_variable(given));
    let secrets: Vec<(&str, &str)> = variables
        .filter_map(|(key, given)| Some((key.as_str(), resolved.get(key)?.trim(), given)))
        .filter(|(_, value, given)| value.len() >= SECRET_MIN && value != given)
        .map(|(key, value, _)| (key, value))
        .collect();
    for info in &mut infos.configs {
        let value = &mut info.value;
        for error in &mut value.errors {
            let shown = secrets.iter().find(|(_, secret)| error.contains(secret));
            if let Some((key, _)) = shown {
                *error = failed_validation(key);
            }
        }
        let Some(given) = raw.get(&value.name) else {
            continue;
        };
        if !ConfigProviders::has_variable(given) {
            continue;
        }
        value.value = Some(given.clone());
        value.recommended_values.clear();
        if !value.errors.is_empty() {
            infos.error_count -= value.errors.len() - 1;
            value.errors = vec![failed_validation(&value.name)];
        }
    }
}

/// What is said of a value that nobody shall see.
fn failed_validation(key: &str) -> String {
    format!(
        "Invalid value for configuration '{key}': the value resolved from the config provider reference failed validation"
    )
}

/// `error`, which shows the value of a key that `concerns`; if such a key has a variable, only that the value is wrong.
fn without_secrets(
    error: HerderError,
    raw: &ConfigMap,
    concerns: impl Fn(&str) -> bool,
) -> HerderError {
    let mut hidden = raw
        .iter()
        .filter(|(key, value)| concerns(key) && ConfigProviders::has_variable(value));
    match (hidden.next(), error) {
        (None, error) => error,
        (Some((key, _)), HerderError::BadRequest(_)) => {
            HerderError::BadRequest(failed_validation(key))
        }
        (Some((key, _)), _) => HerderError::Internal(failed_validation(key)),
    }
}

#[cfg(test)]
mod tests;
