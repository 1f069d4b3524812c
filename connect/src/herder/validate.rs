//! Checks a connector's configuration before anything is done with it; every complaint at once.

use std::sync::Arc;

use kconnect_client::config::{ConfigError, ConfigKey, Properties};

use super::HerderError;
use super::entities::{ConfigMap, ConnectorType};
use super::standalone::ConnectorSpec;
use crate::api::{ConnectorClass, PluginKind, Plugins, Role};
use crate::config::connector::not_there_yet;
use crate::config::{ConnectorConfig, OverridePolicy, SinkConnectorConfig, SourceConnectorConfig};

/// What a configuration is checked against.
#[derive(Debug, Clone)]
pub(crate) struct Validator {
    pub(crate) plugins: Arc<Plugins>,
    pub(crate) override_policy: OverridePolicy,
}

impl Validator {
    /// The checked configuration.
    ///
    /// # Errors
    ///
    /// With the text that Kafka Connect answers an order for such a connector with.
    pub(crate) fn check(&self, config: ConfigMap) -> Result<ConnectorSpec, HerderError> {
        let Some(class) = config.get("connector.class").map(|class| class.trim()) else {
            let shown: Vec<String> = config
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            let shown = shown.join(", ");
            return Err(HerderError::BadRequest(format!(
                "Connector config {{{shown}}} contains no connector type"
            )));
        };
        let class = self.plugins.find_connector(class);
        let class = class.map_err(|error| HerderError::BadRequest(error.to_string()))?;
        let mut errors = Vec::new();
        let given: Properties = config
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        let common = worker_keys(class, &given, &mut errors);
        errors.extend(not_there_yet(&given));
        errors.extend(plugin_keys(class, &given));
        errors.extend(self.converters(&given));
        errors.extend(self.overrides(class, &given));
        let Some(common) = common.filter(|_| errors.is_empty()) else {
            return Err(invalid(&errors));
        };
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

    /// Complaints about the converters that the connector itself names, and about their configuration.
    fn converters(&self, given: &Properties) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        for (key, role) in [
            ("key.converter", Role::Key),
            ("value.converter", Role::Value),
        ] {
            let Some(name) = given.get(key) else { continue };
            match self.plugins.find_converter(name.trim()) {
                Ok(class) => {
                    let created = class.create(&given.scoped(&format!("{key}.")), role);
                    errors.extend(created.err().unwrap_or_default());
                }
                Err(_) => errors.push(no_such_class(key, name)),
            }
        }
        if let Some(name) = given.get("header.converter") {
            match self.plugins.find_header_converter(name.trim()) {
                Ok(class) => {
                    let created = class.create(&given.scoped("header.converter."));
                    errors.extend(created.err().unwrap_or_default());
                }
                Err(_) => errors.push(no_such_class("header.converter", name)),
            }
        }
        errors
    }

    /// Complaints about client settings that the connector may not override.
    fn overrides(&self, class: ConnectorClass, given: &Properties) -> Vec<ConfigError> {
        let prefix = match class {
            ConnectorClass::Source(_) => "producer.override.",
            ConnectorClass::Sink(_) => "consumer.override.",
        };
        let overridden = given
            .iter()
            .filter_map(|(key, value)| Some((key, key.strip_prefix(prefix)?, value)));
        let complaint = |(key, overridden, value): (&str, &str, &str)| {
            let why = self.override_policy.complaint(overridden)?;
            Some(ConfigError::invalid(key, value, &why))
        };
        overridden.filter_map(complaint).collect()
    }
}

fn no_such_class(key: &str, name: &str) -> ConfigError {
    ConfigError::invalid(key, name, &format!("Class {name} could not be found."))
}

/// Checks the keys that every connector of that direction has.
fn worker_keys(
    class: ConnectorClass,
    given: &Properties,
    errors: &mut Vec<ConfigError>,
) -> Option<ConnectorConfig> {
    let mut given = given.clone();
    let checked = match class {
        ConnectorClass::Source(_) => {
            SourceConnectorConfig::from_properties(&mut given).map(|config| config.connector)
        }
        ConnectorClass::Sink(_) => {
            SinkConnectorConfig::from_properties(&mut given).map(|config| config.connector)
        }
    };
    checked.map_err(|complaints| errors.extend(complaints)).ok()
}

/// Checks the connector's own keys.
fn plugin_keys(class: ConnectorClass, given: &Properties) -> Vec<ConfigError> {
    let check = |key: &ConfigKey| match given.get(key.name) {
        Some(value) => key.check(value).err(),
        None => key.required.then(|| ConfigError::missing(key.name)),
    };
    let mut errors: Vec<ConfigError> = class
        .info()
        .config_keys()
        .iter()
        .filter_map(check)
        .collect();
    if errors.is_empty() {
        errors = class.info().validate(given);
    }
    errors
}

fn invalid(errors: &[ConfigError]) -> HerderError {
    let lines: Vec<&str> = errors.iter().map(ConfigError::message).collect();
    HerderError::BadRequest(format!(
        "Connector configuration is invalid and contains the following {} error(s):\n{}\n\
         You can also find the above list of errors at the endpoint `/connector-plugins/{{connectorType}}/config/validate`",
        errors.len(),
        lines.join("\n")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::herder::standalone::testing::plugins;

    fn check(config: &[(&str, &str)], policy: OverridePolicy) -> Result<ConnectorSpec, String> {
        let validator = Validator {
            plugins: Arc::new(plugins()),
            override_policy: policy,
        };
        let config = config
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()));
        validator
            .check(config.collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_valid_configuration_says_what_to_run() {
        let config = [
            ("name", "c"),
            ("connector.class", "Scripted"),
            ("tasks.max", "3"),
            ("steps", "ok"),
            ("other", "x"),
        ];
        let spec = check(&config, OverridePolicy::All).unwrap();
        assert_eq!(
            (spec.kind, spec.tasks_max, &*spec.version),
            (ConnectorType::Source, 3, "1.2")
        );
    }

    #[test]
    fn a_class_is_needed_and_has_to_be_known() {
        assert_eq!(
            check(&[("name", "a")], OverridePolicy::All).unwrap_err(),
            "Connector config {name=a} contains no connector type"
        );
        let error = check(&[("connector.class", "Nope")], OverridePolicy::All).unwrap_err();
        assert!(error.contains(
            "Failed to find any class that implements Connector and which name matches Nope"
        ));
        assert!(error.contains("available connectors are: "), "{error}");
    }

    #[test]
    fn every_complaint_is_in_one_answer() {
        let config = [
            ("connector.class", "Scripted"),
            ("tasks.max", "abc"),
            ("value.converter", "Nope"),
            ("transforms", "a"),
            ("producer.override.acks", "1"),
        ];
        let error = check(&config, OverridePolicy::None).unwrap_err();
        let lines: Vec<&str> = error.lines().collect();
        assert_eq!(
            lines[0],
            "Connector configuration is invalid and contains the following 6 error(s):"
        );
        assert_eq!(
            lines[1],
            r#"Missing required configuration "name" which has no default value."#
        );
        assert_eq!(
            lines[2],
            "Invalid value abc for configuration tasks.max: Not a number of type INT"
        );
        assert!(lines[3].starts_with("Invalid value a for configuration transforms: "));
        assert_eq!(
            lines[4],
            r#"Missing required configuration "steps" which has no default value."#
        );
        assert_eq!(
            lines[5],
            "Invalid value Nope for configuration value.converter: Class Nope could not be found."
        );
        assert!(lines[6].contains("The 'None' policy does not allow 'acks' to be overridden"));
        assert!(lines[7].starts_with("You can also find the above list of errors at the endpoint"));
    }
}
