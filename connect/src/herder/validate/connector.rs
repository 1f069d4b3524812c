//! The keys that every connector of a direction has, and the connector's own.

use kconnect_client::config::{ConfigKey, Properties};

use super::keys::{Given, checked};
use super::version::VersionRange;
use super::{Parts, Validator, stages};
use crate::api::{Class, ConnectorClass, ExactlyOnceSupport, FindError, SourceClass};
use crate::config::connector::{SINK_COMPLAINT_KEYS, sink_complaints};
use crate::config::{AskedBy, SinkConnectorConfig, SourceConnectorConfig, not_there_yet};
use crate::herder::HerderError;
use crate::herder::entities::ConfigMap;

const EXACTLY_ONCE: &str = "exactly.once.support";
const BOUNDARY: &str = "transaction.boundary";

/// What a class name and a version lead to.
pub(super) enum FoundConnector {
    /// The connector.
    Found(ConnectorClass),
    /// The connector, in another version than the one that is asked for, with the complaint.
    OtherVersion(ConnectorClass, String),
}

impl Validator {
    /// The connector class that `name` and `connector.plugin.version` mean.
    pub(super) fn find(
        &self,
        name: &str,
        given: &Properties,
    ) -> Result<FoundConnector, HerderError> {
        let bad_request = |error: String| HerderError::BadRequest(error);
        let range =
            VersionRange::parse(given.get("connector.plugin.version")).map_err(bad_request)?;
        let class = self.plugins.find_connector(name.trim());
        let class = class.map_err(|error: FindError| bad_request(error.to_string()))?;
        let version = class.info().version();
        match range.filter(|range| !range.contains(version)) {
            None => Ok(FoundConnector::Found(class)),
            Some(range) => Ok(FoundConnector::OtherVersion(
                class,
                other_version(class.info().class(), &range, version),
            )),
        }
    }

    /// Every key of the connector's with its value.
    pub(super) fn connector_keys(
        &self,
        class: ConnectorClass,
        raw: &ConfigMap,
        given: &Properties,
        nulls: &[&str],
    ) -> Parts {
        let mut parts = self.framework_keys(class, given, nulls);
        stages::put(&mut parts, raw, given);
        if let ConnectorClass::Sink(_) = class {
            for (key, why) in sink_complaints(given) {
                parts.complain(key, given.get(key), why);
            }
            self.check_group(&mut parts, given);
        }
        let asked_by = match class {
            ConnectorClass::Sink(_) => AskedBy::Sink,
            ConnectorClass::Source(_) if self.worker_group.is_some() => AskedBy::SourceInCluster,
            ConnectorClass::Source(_) => AskedBy::Source,
        };
        for error in not_there_yet(given, asked_by) {
            parts.complain(
                error.key(),
                given.get(error.key()),
                error.message().to_owned(),
            );
        }
        if let ConnectorClass::Source(source) = class {
            self.ask_about_transactions(&mut parts, source, given);
        }
        own_keys(&mut parts, class.info(), given, nulls);
        for null in nulls {
            let why = "Null value can not be supplied as the configuration value.";
            parts.complain(null, None, why.to_owned());
        }
        parts
    }

    /// The keys that the worker has for every connector.
    fn framework_keys(&self, class: ConnectorClass, given: &Properties, nulls: &[&str]) -> Parts {
        let keys: &[ConfigKey] = match class {
            ConnectorClass::Source(_) => SourceConnectorConfig::KEYS,
            ConnectorClass::Sink(_) => SinkConnectorConfig::KEYS,
        };
        let mut parts = Parts::default();
        for key in keys {
            parts.put(checked(key, value_of(key.name, given, nulls)));
        }
        self.recommend(&mut parts, class, given);
        parts
    }

    /// What the connector itself says of `exactly.once.support` and `transaction.boundary`; asked in a cluster only.
    fn ask_about_transactions(
        &self,
        parts: &mut Parts,
        source: &dyn SourceClass,
        given: &Properties,
    ) {
        if self.worker_group.is_none() {
            return;
        }
        let asks_for = |key: &str, wanted: &str| {
            let value = given.get(key).unwrap_or_default();
            value.trim().eq_ignore_ascii_case(wanted)
        };
        if asks_for(EXACTLY_ONCE, "required") {
            let why = match source.exactly_once_support(given) {
                Some(ExactlyOnceSupport::Supported) => None,
                Some(ExactlyOnceSupport::Unsupported) => Some(
                    "The connector does not support exactly-once semantics with the provided configuration.",
                ),
                None => Some(
                    "The connector does not implement the API required for preflight validation of exactly-once source \
                     support. Please consult the documentation for the connector to determine whether it supports \
                     exactly-once semantics, and then consider reconfiguring the connector to use the value \"requested\" \
                     for this property (which will disable this preflight check and allow the connector to be created).",
                ),
            };
            if let Some(why) = why {
                parts.complain(EXACTLY_ONCE, given.get(EXACTLY_ONCE), why.to_owned());
            }
        }
        if asks_for(BOUNDARY, "connector") && !source.can_define_transaction_boundaries(given) {
            let why = "The connector does not support connector-defined transaction boundaries with the given configuration. \
                       Please reconfigure it to use a different transaction boundary definition.";
            parts.complain(BOUNDARY, given.get(BOUNDARY), why.to_owned());
        }
    }

    /// No group of a sink's may be the workers' own.
    fn check_group(&self, parts: &mut Parts, given: &Properties) {
        const OVERRIDE: &str = "consumer.override.group.id";
        let Some(group) = &self.worker_group else {
            return;
        };
        match given.get(OVERRIDE) {
            Some(own) if own == group => {
                let why =
                    format!("Consumer group {own} conflicts with Connect worker group {group}");
                parts.complain(OVERRIDE, Some(own), why);
            }
            // Kafka shows it among the connector's keys as well as among the client's.
            Some(own) => parts.mention(OVERRIDE, own),
            None => {
                let name = given.get("name").unwrap_or_default();
                if format!("connect-{name}") == *group {
                    let why = format!(
                        "Consumer group for sink connector named {name} conflicts with Connect worker group {group}"
                    );
                    parts.complain("name", Some(name), why);
                }
            }
        }
    }

    /// What is answered for a connector that is there in another version.
    pub(super) fn other_version(
        &self,
        class: ConnectorClass,
        why: &str,
        given: &Properties,
        nulls: &[&str],
    ) -> Parts {
        let mut parts = Parts::default();
        for key in crate::config::ConnectorConfig::KEYS {
            parts.put(checked(key, value_of(key.name, given, nulls)));
        }
        let version = class.info().version();
        for key in ["connector.class", "connector.plugin.version"] {
            parts.complain(key, given.get(key), why.to_owned());
        }
        if let Some(info) = parts.find("connector.plugin.version") {
            info.value.recommended_values = vec![version.to_owned()];
            if let Some(definition) = &mut info.definition {
                definition.default_value = Some(version.to_owned());
            }
        }
        parts
    }
}

/// Kafka's complaint about a version.
pub(super) fn other_version(class: &str, range: &VersionRange, available: &str) -> String {
    format!(
        "Plugin {class} not found that matches the version range {range}, available versions: [{available}]"
    )
}

pub(super) fn value_of<'a>(name: &str, given: &'a Properties, nulls: &[&str]) -> Given<'a> {
    match given.get(name) {
        Some(text) => Given::Text(text),
        None if nulls.contains(&name) => Given::Null,
        None => Given::Absent,
    }
}

/// The connector's own keys, then what it says of several keys together.
fn own_keys(parts: &mut Parts, class: &dyn Class, given: &Properties, nulls: &[&str]) {
    let mut is_fine = true;
    for key in class.config_keys() {
        let info = checked(key, value_of(key.name, given, nulls));
        is_fine &= info.value.errors.is_empty();
        // A key that the worker has, too, is the connector's, but for what was said about several keys.
        let kept = match parts.find(key.name) {
            Some(known) if SINK_COMPLAINT_KEYS.contains(&key.name) => {
                std::mem::take(&mut known.value.errors)
            }
            _ => Vec::new(),
        };
        parts.put(info);
        if let Some(known) = parts.find(key.name) {
            known.value.errors.extend(kept);
        }
    }
    if is_fine {
        for error in class.validate(given) {
            parts.complain(
                error.key(),
                given.get(error.key()),
                error.message().to_owned(),
            );
        }
    }
}
