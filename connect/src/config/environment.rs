//! Worker keys from the environment: `CONNECT_BOOTSTRAP_SERVERS` is `bootstrap.servers`.
//!
//! Images of Kafka Connect are configured so. One underscore is a dot, two are an underscore, three are a dash. Only names
//! that a worker or a client of its knows are taken, for others put variables with that beginning there, too.

use kconnect_client::config::Properties;

use super::{DistributedConfig, StandaloneConfig, WorkerConfig, is_client_key};

/// What the names of such variables begin with.
const PREFIX: &str = "CONNECT_";

/// Adds what `environment` says to `properties`, where it wins; answers with the keys that it said something about.
pub fn overlay_environment(
    properties: &mut Properties,
    environment: impl Iterator<Item = (String, String)>,
) -> Vec<String> {
    let mut keys = Vec::new();
    for (variable, value) in environment {
        if let Some(key) = variable
            .strip_prefix(PREFIX)
            .map(key_of)
            .filter(|key| is_known(key))
        {
            properties.set(key.clone(), value);
            keys.push(key);
        }
    }
    keys.sort();
    keys
}

fn key_of(name: &str) -> String {
    let mut key = String::with_capacity(name.len());
    let mut underscores = 0;
    for c in name.chars().map(Some).chain([None]) {
        if c == Some('_') {
            underscores += 1;
            continue;
        }
        key.push_str(match underscores {
            0 => "",
            1 => ".",
            2 => "_",
            _ => "-",
        });
        underscores = 0;
        key.extend(c.map(|c| c.to_ascii_lowercase()));
    }
    key
}

fn is_known(key: &str) -> bool {
    let mut declared = StandaloneConfig::KEYS.iter().chain(DistributedConfig::KEYS);
    let given = Properties::from([(key, "")]);
    declared.any(|declared| declared.name == key)
        || WorkerConfig::unknown(&given, is_client_key)
            .next()
            .is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_become_keys_that_somebody_knows() {
        let mut properties = Properties::from([("group.id", "file"), ("key.converter", "a")]);
        let environment = [
            ("CONNECT_GROUP_ID", "environment"),
            ("CONNECT_PRODUCER_LINGER_MS", "5"),
            ("CONNECT_CONFIG_PROVIDERS_MY___FILE_CLASS", "x"),
            ("CONNECT_PORT_8083_TCP", "tcp://10.0.0.1:8083"),
            ("CONNECTOR_GROUP_ID", "no"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let keys = overlay_environment(&mut properties, environment.into_iter());
        assert_eq!(
            keys,
            [
                "config.providers.my-file.class",
                "group.id",
                "producer.linger.ms"
            ]
        );
        assert_eq!(properties.get("group.id"), Some("environment"));
        assert_eq!(properties.get("key.converter"), Some("a"));
        assert_eq!(key_of("A__B_C"), "a_b.c");
    }
}
