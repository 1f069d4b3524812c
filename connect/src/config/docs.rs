//! The reference of every key, as Markdown, made from the declarations.

use std::fmt::Write as _;

use kconnect_client::config::{ConfigKey, OauthBearerConfig, SaslConfig, SslConfig};

use super::connector::{SinkConnectorConfig, SourceConnectorConfig};
use super::{
    AdminKeys, CommonKeys, ConnectorConfig, ConsumerKeys, DefaultTopicGroup, DistributedConfig,
    ProducerKeys, StandaloneConfig, TopicGroup, WorkerConfig,
};

/// A chapter.
struct Chapter {
    title: &'static str,
    about: &'static str,
    /// What all keys begin with.
    prefix: &'static str,
    keys: &'static [ConfigKey],
    /// Tables whose keys stand in another chapter.
    elsewhere: &'static [&'static [ConfigKey]],
}

/// The keys of security, which have a chapter of their own.
const SECURITY: [&[ConfigKey]; 3] = [SslConfig::KEYS, SaslConfig::KEYS, OauthBearerConfig::KEYS];

const CHAPTERS: &[Chapter] = &[
    Chapter {
        title: "Workers",
        about: "In the property file of a worker, in either mode. Any of these can also be set by the environment: \
                `CONNECT_BOOTSTRAP_SERVERS` is `bootstrap.servers` (one underscore is a dot, two are an underscore, three a \
                dash).\n\n\
                Keys of clients stand here, too: plain ones for the clients of the worker itself, and with the prefixes \
                `producer.`, `consumer.` and `admin.` for those of tasks. Values may hold variables, `${provider:path:key}`, \
                if `config.providers` names the provider, with `config.providers.NAME.class` (`FileConfigProvider`, \
                `DirectoryConfigProvider`, `EnvVarConfigProvider`) and `config.providers.NAME.param.*` (`allowed.paths`, \
                `allowlist.pattern`). Keys of TLS can stand under `listeners.https.` and `admin.listeners.https.`, for these \
                listeners only.",
        prefix: "",
        keys: WorkerConfig::KEYS,
        elsewhere: &SECURITY,
    },
    Chapter {
        title: "Standalone workers",
        about: "In addition, for a worker that runs alone.",
        prefix: "",
        keys: StandaloneConfig::KEYS,
        elsewhere: &[WorkerConfig::KEYS],
    },
    Chapter {
        title: "Distributed workers",
        about: "In addition, for a worker of a cluster. Whatever else stands under `config.storage.`, `offset.storage.` and \
                `status.storage.` becomes a setting of that topic when it is created.",
        prefix: "",
        keys: DistributedConfig::KEYS,
        elsewhere: &[
            WorkerConfig::KEYS,
            SaslConfig::KEYS,
            OauthBearerConfig::KEYS,
        ],
    },
    Chapter {
        title: "Connectors",
        about: "In the configuration of every connector, beside its own keys. Clients of its tasks are told more with the \
                prefixes `producer.override.`, `consumer.override.` and `admin.override.`, as far as the worker's \
                `connector.client.config.override.policy` allows it.",
        prefix: "",
        keys: ConnectorConfig::KEYS,
        elsewhere: &[],
    },
    Chapter {
        title: "Source connectors",
        about: "In addition, for sources.",
        prefix: "",
        keys: SourceConnectorConfig::KEYS,
        elsewhere: &[ConnectorConfig::KEYS],
    },
    Chapter {
        title: "Topics of source connectors",
        about: "In the configuration of a source, if the worker has `topic.creation.enable`. With any of these keys, topics \
                that are not there are created before the first record goes to them, and the first two numbers are required; \
                without, they are left to the brokers. Any other key under `topic.creation.default.` is a configuration of \
                the topics.",
        prefix: "topic.creation.default.",
        keys: DefaultTopicGroup::KEYS,
        elsewhere: &[],
    },
    Chapter {
        title: "Groups of topics of source connectors",
        about: "For each GROUP in `topic.creation.groups`. The first group that a topic belongs to decides how it is created. \
                Any other key under `topic.creation.GROUP.` is a configuration of its topics.",
        prefix: "topic.creation.GROUP.",
        keys: TopicGroup::KEYS,
        elsewhere: &[],
    },
    Chapter {
        title: "Sink connectors",
        about: "In addition, for sinks.",
        prefix: "",
        keys: SinkConnectorConfig::KEYS,
        elsewhere: &[ConnectorConfig::KEYS],
    },
    Chapter {
        title: "Producers",
        about: "For producers of source tasks: `producer.` in a worker's file, `producer.override.` in a connector's \
                configuration.",
        prefix: "",
        keys: ProducerKeys::KEYS,
        elsewhere: &[SECURITY[0], SECURITY[1], SECURITY[2], CommonKeys::KEYS],
    },
    Chapter {
        title: "Consumers",
        about: "For consumers of sink tasks: `consumer.` in a worker's file, `consumer.override.` in a connector's \
                configuration.",
        prefix: "",
        keys: ConsumerKeys::KEYS,
        elsewhere: &[SECURITY[0], SECURITY[1], SECURITY[2], CommonKeys::KEYS],
    },
    Chapter {
        title: "Admin clients",
        about: "For what creates topics: `admin.` in a worker's file, `admin.override.` in a connector's configuration.",
        prefix: "",
        keys: AdminKeys::KEYS,
        elsewhere: &[SECURITY[0], SECURITY[1], SECURITY[2], CommonKeys::KEYS],
    },
    Chapter {
        title: "Metrics and security providers of clients",
        about: "Keys of Kafka's clients that are accepted, with every prefix of a client's, and have no effect.",
        prefix: "",
        keys: CommonKeys::KEYS,
        elsewhere: &[],
    },
    Chapter {
        title: "TLS",
        about: "For workers and, with every prefix of a client's, for clients. Known and checked; `security.protocol` refuses \
                TLS, which is not there yet.",
        prefix: "",
        keys: SslConfig::KEYS,
        elsewhere: &[],
    },
    Chapter {
        title: "SASL",
        about: "As the keys of TLS: known and checked; `security.protocol` refuses logins, which are not there yet.",
        prefix: "",
        keys: SaslConfig::KEYS,
        elsewhere: &[],
    },
    Chapter {
        title: "Tokens for SASL",
        about: "For the mechanism `OAUTHBEARER`, as the other keys of SASL.",
        prefix: "",
        keys: OauthBearerConfig::KEYS,
        elsewhere: &[],
    },
];

/// The reference of every key, as Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(
        "# Configuration\n\nEvery key, with its type, default, valid values and importance. Made by `kconnect config-docs`.\n",
    );
    for chapter in CHAPTERS {
        let _ = write!(text, "\n## {}\n\n{}\n", chapter.title, chapter.about);
        for key in chapter.keys {
            let mut elsewhere = chapter.elsewhere.iter().copied().flatten();
            if !elsewhere.any(|other| other.name == key.name) {
                entry(&mut text, chapter.prefix, key);
            }
        }
    }
    text
}

fn entry(text: &mut String, prefix: &str, key: &ConfigKey) {
    let (name, about) = (key.name, key.documentation());
    let _ = write!(text, "\n### `{prefix}{name}`\n\n{about}\n\n");
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
