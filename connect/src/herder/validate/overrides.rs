//! What a connector overrides of its clients' settings, held against the worker's policy.

use kconnect_client::config::{ConfigKey, Properties};

use super::keys::{canonical, client_key_info, invalid};
use super::{Parts, Validator};
use crate::api::ConnectorClass;
use crate::config::{AdminKeys, ConsumerKeys, ProducerKeys, refusal};
use crate::herder::HerderError;
use crate::herder::entities::{ConfigInfo, ConfigInfos, ConfigValueInfo};

impl Validator {
    /// The overridden settings of those clients that the connector has.
    ///
    /// # Errors
    ///
    /// When a value is not of its key's type, which Kafka answers as an accident.
    pub(super) fn override_keys(
        &self,
        class: ConnectorClass,
        given: &Properties,
    ) -> Result<ConfigInfos, HerderError> {
        let queue = given
            .get("errors.deadletterqueue.topic.name")
            .unwrap_or_default();
        let has_queue = !queue.trim().is_empty();
        let creates_topics = given
            .iter()
            .any(|(key, _)| key.starts_with("topic.creation."));
        let is_source = matches!(class, ConnectorClass::Source(_));
        let clients: [(&str, &[ConfigKey], bool); 3] = [
            (
                "producer.override.",
                ProducerKeys::KEYS,
                is_source || has_queue,
            ),
            ("consumer.override.", ConsumerKeys::KEYS, !is_source),
            (
                "admin.override.",
                AdminKeys::KEYS,
                if is_source { creates_topics } else { has_queue },
            ),
        ];
        let mut parts = Parts::default();
        for (prefix, keys, _) in clients.into_iter().filter(|(.., is_used)| *is_used) {
            for (name, value) in given.scoped(prefix).iter() {
                parts
                    .configs
                    .push(self.overridden(prefix, keys, name, value)?);
            }
        }
        Ok(parts.into_prefixed_infos())
    }

    fn overridden(
        &self,
        prefix: &str,
        keys: &[ConfigKey],
        name: &str,
        value: &str,
    ) -> Result<ConfigInfo, HerderError> {
        let key = keys.iter().find(|key| key.name == name);
        let shown = match key {
            Some(key) => canonical(key.config_type, value)
                .map_err(|why| HerderError::Internal(invalid(name, value, &why)))?,
            None if is_secret(name) => "[hidden]".to_owned(),
            None => value.to_owned(),
        };
        let policy = self.override_policy.complaint(name);
        let refusal = key.and_then(|key| refusal(key, value));
        let refusal = refusal.map(|error| error.under(prefix).message().to_owned());
        Ok(ConfigInfo {
            definition: key.map(|key| client_key_info(key, prefix)),
            value: ConfigValueInfo {
                name: format!("{prefix}{name}"),
                value: Some(shown),
                recommended_values: Vec::new(),
                errors: policy.into_iter().chain(refusal).collect(),
                visible: true,
            },
        })
    }
}

/// Whether a client's key that is not declared here holds a secret.
fn is_secret(name: &str) -> bool {
    name == "sasl.jaas.config" || name.ends_with("password") || name == "ssl.keystore.key"
}
