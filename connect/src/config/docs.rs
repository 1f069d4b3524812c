//! The reference of every key, as Markdown, made from the declarations.

use std::fmt::Write as _;

use kconnect_client::config::{AdminConfig, ConfigKey, ConsumerConfig, ProducerConfig};

use super::connector::{SinkConnectorConfig, SourceConnectorConfig};
use super::{ConnectorConfig, DistributedConfig, StandaloneConfig, WorkerConfig};

/// The chapters: a title, what it is about, the keys, and how many of them stand in a chapter before.
const CHAPTERS: &[(&str, &str, &[ConfigKey], usize)] = &[
    (
        "Workers",
        "In the property file of a worker, in either mode. Any of these can also be set by the environment: \
         `CONNECT_BOOTSTRAP_SERVERS` is `bootstrap.servers` (one underscore is a dot, two are an underscore, three a dash).\n\n\
         Keys of clients stand here, too: plain ones for the clients of the worker itself, and with the prefixes `producer.`, \
         `consumer.` and `admin.` for those of tasks. Values may hold variables, `${provider:path:key}`, if \
         `config.providers` names the provider, with `config.providers.NAME.class` (`FileConfigProvider`, \
         `DirectoryConfigProvider`, `EnvVarConfigProvider`) and `config.providers.NAME.param.*` (`allowed.paths`, \
         `allowlist.pattern`).",
        WorkerConfig::KEYS,
        0,
    ),
    (
        "Standalone workers",
        "In addition, for a worker that runs alone.",
        StandaloneConfig::KEYS,
        WorkerConfig::KEYS.len(),
    ),
    (
        "Distributed workers",
        "In addition, for a worker of a cluster. Whatever else stands under `config.storage.`, `offset.storage.` and \
         `status.storage.` becomes a setting of that topic when it is created.",
        DistributedConfig::KEYS,
        WorkerConfig::KEYS.len(),
    ),
    (
        "Connectors",
        "In the configuration of every connector, beside its own keys. Clients of its tasks are told more with the prefixes \
         `producer.override.`, `consumer.override.` and `admin.override.`, as far as the worker's \
         `connector.client.config.override.policy` allows it.",
        ConnectorConfig::KEYS,
        0,
    ),
    (
        "Source connectors",
        "In addition, for sources.",
        SourceConnectorConfig::KEYS,
        ConnectorConfig::KEYS.len(),
    ),
    (
        "Sink connectors",
        "In addition, for sinks.",
        SinkConnectorConfig::KEYS,
        ConnectorConfig::KEYS.len(),
    ),
    (
        "Producers",
        "For producers of source tasks: `producer.` in a worker's file, `producer.override.` in a connector's configuration.",
        ProducerConfig::KEYS,
        0,
    ),
    (
        "Consumers",
        "For consumers of sink tasks: `consumer.` in a worker's file, `consumer.override.` in a connector's configuration.",
        ConsumerConfig::KEYS,
        0,
    ),
    (
        "Admin clients",
        "For what creates topics: `admin.` in a worker's file, `admin.override.` in a connector's configuration.",
        AdminConfig::KEYS,
        0,
    ),
];

/// The reference of every key, as Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(
        "# Configuration\n\nEvery key, with its type, default, valid values and importance. Made by `kconnect config-docs`.\n",
    );
    for (title, about, keys, before) in CHAPTERS {
        let _ = write!(text, "\n## {title}\n\n{about}\n");
        for key in &keys[*before..] {
            entry(&mut text, key);
        }
    }
    text
}

fn entry(text: &mut String, key: &ConfigKey) {
    let _ = write!(text, "\n### `{}`\n\n{}\n\n", key.name, key.documentation());
    let _ = writeln!(text, "- Type: {}", key.config_type.name().to_lowercase());
    let default = match key.default_value() {
        _ if key.required => "none, required".to_owned(),
        None => "null".to_owned(),
        Some(value) if value.is_empty() => "empty".to_owned(),
        Some(value) => format!("`{value}`"),
    };
    let _ = writeln!(text, "- Default: {default}");
    if let Some(valid) = key.validator() {
        let _ = writeln!(text, "- Valid: {valid}");
    }
    let _ = writeln!(
        text,
        "- Importance: {}",
        key.importance.name().to_lowercase()
    );
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_reference_in_the_repository_is_the_one_that_the_declarations_make() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
        if std::env::var_os("UPDATE").is_some() {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, markdown()).unwrap();
        }
        let kept = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            kept == markdown(),
            "docs/configuration.md is stale; run this test with UPDATE=1"
        );
    }
}
