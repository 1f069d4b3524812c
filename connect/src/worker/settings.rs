//! A worker's property file: read, checked with every complaint at once, and held against what this version knows.

use std::path::Path;

use kconnect_client::config::{AdminConfig, ConfigError, Properties};
use tracing::{info, warn};

use super::{Failure, rest_settings};
use crate::api::Plugins;
use crate::config::{
    AdminKeys, AdminOf, ConfigProviders, ConsumerKeys, OverridePolicy, ProducerKeys,
    StandaloneConfig, WorkerConfig, admin_properties, is_client_key, overlay_environment,
    read_properties, refusal,
};

/// A worker's configuration.
#[derive(Debug)]
pub(crate) struct Settings<C> {
    /// Typed.
    pub(crate) config: C,
    /// As it was given: clients inherit from it.
    pub(crate) properties: Properties,
    /// Which client settings connectors may override.
    pub(crate) override_policy: OverridePolicy,
    /// The worker's own admin client.
    pub(crate) admin: AdminConfig,
}

impl<C> Settings<C> {
    /// Reads the property file `path` by `parse`; `worker` is the part that both modes have. An empty path is an empty file.
    pub(crate) fn load(
        path: &Path,
        plugins: &Plugins,
        parse: fn(&mut Properties) -> Result<C, Vec<ConfigError>>,
        worker: fn(&C) -> &WorkerConfig,
    ) -> Result<Self, Failure> {
        let mut properties = if path.as_os_str().is_empty() {
            Properties::new()
        } else {
            read_properties(path).map_err(Failure::startup)?
        };
        // Variables that are no text have names that are none of ours.
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        for key in overlay_environment(&mut properties, environment) {
            info!("The environment sets the configuration '{key}'.");
        }
        let shown = path.display().to_string();
        let settings = Self::from_properties(&properties, plugins, parse, worker);
        settings.map_err(|errors| Failure::config(&shown, &errors))
    }

    /// Understands `properties` and warns of what will have no effect.
    ///
    /// # Errors
    ///
    /// Every complaint at once.
    pub(crate) fn from_properties(
        properties: &Properties,
        plugins: &Plugins,
        parse: fn(&mut Properties) -> Result<C, Vec<ConfigError>>,
        worker: fn(&C) -> &WorkerConfig,
    ) -> Result<Self, Vec<ConfigError>> {
        let properties = resolved(properties)?;
        let mut left = properties.clone();
        let mut errors = Vec::new();
        let config = keep_errors(parse(&mut left), &mut errors);
        let admin =
            AdminConfig::from_properties(&mut admin_properties(&properties, AdminOf::Worker));
        let admin = keep_errors(admin, &mut errors);
        errors.extend(refusals(&properties));
        let mut policy = None;
        if let Some(config) = config.as_ref().map(worker) {
            let found = override_policy(config).map_err(|error| vec![error]);
            policy = keep_errors(found, &mut errors);
            errors.extend(rest_settings::complaints(config));
            errors.extend(converters(config, plugins));
        }
        match (config, policy, admin) {
            (Some(config), Some(override_policy), Some(admin)) if errors.is_empty() => {
                warn_of_no_effect(&properties, &left);
                Ok(Self {
                    config,
                    properties,
                    override_policy,
                    admin,
                })
            }
            _ => Err(errors),
        }
    }
}

/// The properties with what config providers say in the place of variables.
fn resolved(properties: &Properties) -> Result<Properties, Vec<ConfigError>> {
    let providers = ConfigProviders::from_worker(properties)?;
    let resolved = providers.resolve_properties(properties);
    resolved.map_err(|error| vec![ConfigError::new("config.providers", error.to_string())])
}

/// Adds the complaints to `errors`, one about each key.
fn keep_errors<T>(result: Result<T, Vec<ConfigError>>, errors: &mut Vec<ConfigError>) -> Option<T> {
    for error in result.as_ref().err().into_iter().flatten() {
        if errors.iter().all(|known| known.key() != error.key()) {
            errors.push(error.clone());
        }
    }
    result.ok()
}

impl Settings<StandaloneConfig> {
    /// Has the worker and all its clients talk to `servers`.
    pub(super) fn use_bootstrap_servers(&mut self, servers: String) {
        self.config.worker.bootstrap_servers = vec![servers.clone()];
        self.admin.common.bootstrap_servers = vec![servers.clone()];
        self.properties.set("bootstrap.servers", servers);
    }
}

/// Complaints about settings of tasks' clients that Java's would take: each task would fail with them.
fn refusals(properties: &Properties) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    for (prefix, keys) in [
        ("producer.", ProducerKeys::KEYS),
        ("consumer.", ConsumerKeys::KEYS),
        ("admin.", AdminKeys::KEYS),
    ] {
        let given = properties.scoped(prefix);
        let found = keys
            .iter()
            .filter_map(|key| refusal(key, given.get(key.name)?));
        errors.extend(found.map(|error| error.under(prefix)));
    }
    errors
}

fn override_policy(config: &WorkerConfig) -> Result<OverridePolicy, ConfigError> {
    let name = &config.connector_client_config_override_policy;
    OverridePolicy::named(name, &config.connector_client_config_override_allowlist)
        .map_err(|why| ConfigError::invalid("connector.client.config.override.policy", name, &why))
}

/// Complaints about converter classes that are not there.
fn converters(config: &WorkerConfig, plugins: &Plugins) -> Vec<ConfigError> {
    let missing = |key, class: &str| {
        ConfigError::invalid(key, class, &format!("Class {class} could not be found."))
    };
    let mut errors = Vec::new();
    for (key, class) in [
        ("key.converter", &config.key_converter),
        ("value.converter", &config.value_converter),
    ] {
        if plugins.find_converter(class.trim()).is_err() {
            errors.push(missing(key, class));
        }
    }
    if plugins
        .find_header_converter(config.header_converter.trim())
        .is_err()
    {
        errors.push(missing("header.converter", &config.header_converter));
    }
    errors
}

fn warn_of_no_effect(given: &Properties, left: &Properties) {
    for (key, why) in WorkerConfig::without_effect(given) {
        warn!("{key} has no effect: {why}");
    }
    for key in WorkerConfig::unknown(left, is_client_key) {
        warn!("The configuration '{key}' was supplied but isn't a known config.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::converters::json::JsonConverter;

    fn settings(changes: &[(&str, &str)]) -> Result<Settings<StandaloneConfig>, Vec<String>> {
        let fixed = [
            ("bootstrap.servers", "localhost:9092"),
            ("key.converter", "JsonConverter"),
            ("value.converter", "JsonConverter"),
            ("header.converter", "JsonConverter"),
            ("offset.storage.file.filename", "/tmp/connect.offsets"),
        ];
        let properties: Properties = fixed.iter().chain(changes).copied().collect();
        let plugins = Plugins::new()
            .converter::<JsonConverter>()
            .header_converter::<JsonConverter>();
        let parse = StandaloneConfig::from_properties;
        Settings::from_properties(&properties, &plugins, parse, |config| &config.worker)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn worker_client_and_plugin_complaints_come_together_and_once() {
        let errors = settings(&[
            ("value.converter", "Nope"),
            ("default.api.timeout.ms", "soon"),
            ("listeners", "http://:1,https://:2"),
            ("connector.client.config.override.policy", "Some"),
            ("producer.interceptor.classes", "a.B"),
        ]);
        let errors = errors.unwrap_err();
        let mentions = |text: &str| errors.iter().filter(|error| error.contains(text)).count();
        assert_eq!(errors.len(), 5, "{errors:?}");
        assert_eq!(
            mentions("for configuration producer.interceptor.classes: "),
            1
        );
        assert_eq!(mentions("for configuration default.api.timeout.ms"), 1);
        assert_eq!(
            mentions("override.policy: Class Some could not be found"),
            1
        );
        assert_eq!(
            mentions("Invalid value https://:2 for configuration listeners"),
            1
        );
        assert_eq!(mentions("Class Nope could not be found"), 1);
        let errors = settings(&[("bootstrap.servers", "")]).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
    }

    #[test]
    fn the_address_of_an_embedded_broker_is_everybodys() {
        let mut settings = settings(&[("bootstrap.servers", "localhost:0")]).unwrap();
        settings.use_bootstrap_servers("127.0.0.1:7".to_owned());
        assert_eq!(
            settings.properties.get("bootstrap.servers"),
            Some("127.0.0.1:7")
        );
        assert_eq!(settings.admin.common.bootstrap_servers, ["127.0.0.1:7"]);
        assert_eq!(settings.config.worker.bootstrap_servers, ["127.0.0.1:7"]);
    }
}
