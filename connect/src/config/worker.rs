//! The keys of a worker's property file: those of both modes, and those that only standalone mode has.

use std::time::Duration;

use kconnect_client::config::{DnsLookup, Properties, SslConfig, check};
use kconnect_client::{config, config_enum};

use crate::rest::ListenAddress;

config! {
    /// What a worker is told in either mode.
    WorkerConfig {
        "" {
            /// Addresses, `host:port`, of brokers to learn the whole cluster from.
            High "bootstrap.servers" => bootstrap_servers: Vec<String>, check::non_empty(), check::unique();
            /// Which addresses of a host name are used.
            Medium "client.dns.lookup" => client_dns_lookup: DnsLookup = DnsLookup::UseAllDnsIps;
            /// The converter of record keys, for connectors that do not name one. Its own keys follow `key.converter.`.
            High "key.converter" => key_converter: String as Class;
            /// The version of the key converter.
            Low "key.converter.plugin.version" => key_converter_plugin_version: Option<String> = None;
            /// The converter of record values, for connectors that do not name one. Its own keys follow `value.converter.`.
            High "value.converter" => value_converter: String as Class;
            /// The version of the value converter.
            Low "value.converter.plugin.version" => value_converter_plugin_version: Option<String> = None;
            /// The converter of header values, for connectors that do not name one. Its own keys follow `header.converter.`.
            Low "header.converter" => header_converter: String as Class
                = "org.apache.kafka.connect.storage.SimpleHeaderConverter".to_owned();
            /// The version of the header converter.
            Low "header.converter.plugin.version" => header_converter_plugin_version: Option<String> = None;
            /// How long tasks have to stop, all of them together; what is left then is abandoned.
            Low "task.shutdown.graceful.timeout.ms" => task_shutdown_graceful_timeout: Duration
                = Duration::from_secs(5);
            /// How often offsets are committed.
            Low "offset.flush.interval.ms" => offset_flush_interval: Duration = Duration::from_mins(1);
            /// How long one commit of offsets may take before it is given up and tried again with the next.
            Low "offset.flush.timeout.ms" => offset_flush_timeout: Duration = Duration::from_secs(5);
            /// Folders and archives with Java plugins. Accepted without effect: plugins are part of the program.
            Low "plugin.path" => plugin_path: Option<Vec<String>> = None, check::unique();
            /// How a Java worker looks for plugins. Accepted without effect: plugins are part of the program.
            Low "plugin.discovery" => plugin_discovery: PluginDiscovery = PluginDiscovery::HybridWarn;
            /// Names of config providers, which resolve variables in configuration values.
            Low "config.providers" => config_providers: Vec<String> = Vec::new(), check::unique();
            /// Which client settings connectors may override: `All`, `None`, `Principal`, `Allowlist`.
            Medium "connector.client.config.override.policy" => connector_client_config_override_policy: String
                = "All".to_owned();
            /// The client settings that connectors may override under the policy `Allowlist`.
            Medium "connector.client.config.override.allowlist" => connector_client_config_override_allowlist: Vec<String>
                = Vec::new();
            /// Whether topics of source connectors are created as their `topic.creation.` keys say.
            Low "topic.creation.enable" => topic_creation_enable: bool = true;
            /// Whether the topics that a connector uses are noted.
            Low "topic.tracking.enable" => topic_tracking_enable: bool = true;
            /// Whether the noted topics may be forgotten on request.
            Low "topic.tracking.allow.reset" => topic_tracking_allow_reset: bool = true;
            /// The time over which a metric is sampled.
            Low "metrics.sample.window.ms" => metrics_sample_window: Duration = Duration::from_secs(30);
            /// The number of samples kept per metric.
            Low "metrics.num.samples" => metrics_num_samples: u32 = 2, check::at_least(1);
            /// Which metrics are recorded.
            Low "metrics.recording.level" => metrics_recording_level: String = "INFO".to_owned(),
                check::one_of(&["INFO", "DEBUG"]);
            /// Java classes that report metrics. Accepted without effect.
            Low "metric.reporters" => metric_reporters: Vec<String>
                = vec!["org.apache.kafka.common.metrics.JmxReporter".to_owned()], check::unique();
        }
        "REST" {
            /// Where the REST API listens: `http://host:port`, several separated by commas. No host means every address,
            /// port 0 one that is free.
            Low "listeners" => listeners: Vec<String> = vec!["http://:8083".to_owned()],
                check::non_empty(), check::unique(), check::custom("URLs such as http://:8083", valid_listeners);
            /// The host name by which others reach this worker.
            Low "rest.advertised.host.name" => rest_advertised_host_name: Option<String> = None;
            /// The port by which others reach this worker.
            Low "rest.advertised.port" => rest_advertised_port: Option<u16> as Int = None;
            /// The protocol by which others reach this worker: `http` or `https`.
            Low "rest.advertised.listener" => rest_advertised_listener: Option<String> = None;
            /// The origins whose pages may use the REST API.
            Low "access.control.allow.origin" => access_control_allow_origin: String = String::new();
            /// The methods that such pages may use.
            Low "access.control.allow.methods" => access_control_allow_methods: String = String::new();
            /// Where the administrative part of the REST API listens; with the rest by default, nowhere if empty.
            Low "admin.listeners" => admin_listeners: Option<Vec<String>> = None, check::unique(),
                check::custom("URLs such as http://:9090", valid_listeners);
            /// Java classes that extend the REST API.
            Low "rest.extension.classes" => rest_extension_classes: Vec<String> = Vec::new(), check::unique();
            /// Headers of REST answers: `[action] [name]:[value]`, separated by commas.
            Low "response.http.headers.config" => response_http_headers_config: String = String::new();
            /// Whether a TLS listener asks for a client's certificate.
            Low "ssl.client.auth" => ssl_client_auth: String = "none".to_owned(),
                check::one_of(&["required", "requested", "none"]);
        }
        and ssl: SslConfig;
    }
}

config! {
    /// What a standalone worker is told.
    StandaloneConfig {
        with worker: WorkerConfig {}
        "" {
            /// The file that keeps the offsets of source connectors.
            High "offset.storage.file.filename" => offset_storage_file_filename: String;
        }
    }
}

config_enum! {
    /// How a Java worker looks for plugins.
    PluginDiscovery, ignoring case {
        /// Look at every class.
        OnlyScan => "only_scan",
        /// Look at every class, and warn of plugins without a manifest.
        HybridWarn => "hybrid_warn",
        /// Look at every class, and fail on plugins without a manifest.
        HybridFail => "hybrid_fail",
        /// Read manifests only.
        ServiceLoad => "service_load",
    }
}

fn valid_listeners(text: &str) -> Result<(), String> {
    let listeners = text
        .split(',')
        .map(str::trim)
        .filter(|listener| !listener.is_empty());
    listeners
        .map(ListenAddress::parse)
        .try_for_each(|parsed| parsed.map(drop).map_err(|error| error.to_string()))
}

/// Keys that are accepted although what they control is not there yet, and what that means.
const WITHOUT_EFFECT: &[(&str, &str)] = &[("plugin.path", "plugins are part of the program")];

/// Keys that stand for a whole family, all of whose members are known to somebody.
const FAMILIES: &[&str] = &[
    "key.converter.",
    "value.converter.",
    "header.converter.",
    "producer.",
    "consumer.",
    "admin.",
    "config.providers.",
    "metrics.context.",
];

/// What the keys of TLS begin with where they are for listeners only.
const LISTENER_PREFIXES: &[&str] = &["listeners.https.", "admin.listeners.https."];

impl WorkerConfig {
    /// The keys in `given` that do nothing in this version, each with what that means.
    pub fn without_effect(
        given: &Properties,
    ) -> impl Iterator<Item = (&'static str, &'static str)> {
        let is_given = |key: &str| given.get(key).is_some_and(|value| !value.trim().is_empty());
        WITHOUT_EFFECT
            .iter()
            .copied()
            .filter(move |(key, _)| is_given(key))
    }

    /// The keys in `left` that nobody knows: neither the worker nor, to whom they are passed on, a client.
    pub fn unknown<'a>(
        left: &'a Properties,
        is_client_key: impl Fn(&str) -> bool + 'a,
    ) -> impl Iterator<Item = &'a str> {
        let in_family = |key: &str| FAMILIES.iter().any(|family| key.starts_with(family));
        left.unclaimed()
            .filter(move |key| !is_client_key(key) && !in_family(key) && !is_of_listeners(key))
    }
}

/// Whether `key` is a key of TLS for listeners.
fn is_of_listeners(key: &str) -> bool {
    let mut prefixes = LISTENER_PREFIXES.iter();
    let rest = prefixes.find_map(|prefix| key.strip_prefix(prefix));
    rest.is_some_and(|rest| {
        rest == "ssl.client.auth" || SslConfig::KEYS.iter().any(|declared| declared.name == rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &[(&str, &str)] = &[
        ("bootstrap.servers", "localhost:9092"),
        (
            "key.converter",
            "org.apache.kafka.connect.json.JsonConverter",
        ),
        (
            "value.converter",
            "org.apache.kafka.connect.json.JsonConverter",
        ),
        ("key.converter.schemas.enable", "true"),
        ("value.converter.schemas.enable", "true"),
        ("offset.storage.file.filename", "/tmp/connect.offsets"),
        ("offset.flush.interval.ms", "10000"),
    ];

    fn parse(changes: &[(&str, &str)]) -> Result<(StandaloneConfig, Properties), Vec<String>> {
        let mut properties: Properties = SHIPPED.iter().chain(changes).copied().collect();
        match StandaloneConfig::from_properties(&mut properties) {
            Ok(config) => Ok((config, properties)),
            Err(errors) => Err(errors.iter().map(ToString::to_string).collect()),
        }
    }

    #[test]
    fn the_file_that_kafka_ships_is_understood() {
        let (config, left) = parse(&[]).unwrap();
        assert_eq!(config.worker.offset_flush_interval, Duration::from_secs(10));
        assert_eq!(config.worker.listeners, ["http://:8083"]);
        assert_eq!(config.offset_storage_file_filename, "/tmp/connect.offsets");
        assert_eq!(WorkerConfig::unknown(&left, |_| false).count(), 0);
    }

    #[test]
    fn all_errors_are_reported_at_once_in_kafkas_words() {
        let errors = parse(&[
            ("bootstrap.servers", " "),
            ("offset.flush.interval.ms", "abc"),
            ("listeners", "foo"),
            ("topic.creation.enable", "maybe"),
            ("metrics.recording.level", "TRACE"),
        ])
        .unwrap_err();
        assert_eq!(
            errors,
            [
                "Configuration 'bootstrap.servers' must not be empty. Valid values include: any non-empty value",
                "Invalid value abc for configuration offset.flush.interval.ms: Not a number of type LONG",
                "Invalid value maybe for configuration topic.creation.enable: Expected value to be either true or false",
                "Invalid value TRACE for configuration metrics.recording.level: String must be one of: INFO, DEBUG",
                "Invalid value [foo] for configuration listeners: \
                 Listener doesn't have the right format (protocol://hostname:port).",
            ]
        );
        let missing = StandaloneConfig::from_properties(&mut Properties::new()).unwrap_err();
        let missing: Vec<&str> = missing.iter().map(|error| error.key()).collect();
        assert_eq!(
            missing,
            [
                "bootstrap.servers",
                "key.converter",
                "value.converter",
                "offset.storage.file.filename"
            ]
        );
    }

    #[test]
    fn unknown_keys_and_keys_without_effect_are_told_apart_from_those_of_others() {
        let (_, left) = parse(&[
            ("some.unknown", "1"),
            ("producer.linger.ms", "7"),
            ("acks", "1"),
            ("ssl.keystore.password", "secret"),
            ("ssl.keystore.pasword", "secret"),
            ("listeners.https.ssl.client.auth", "required"),
            ("listeners.https.ssl.keystore.locatoin", "/k"),
            ("plugin.path", "/usr/share/java"),
        ])
        .unwrap();
        let unknown: Vec<&str> = WorkerConfig::unknown(&left, |key| key == "acks").collect();
        assert_eq!(
            unknown,
            [
                "listeners.https.ssl.keystore.locatoin",
                "some.unknown",
                "ssl.keystore.pasword"
            ]
        );
        let given = Properties::from([("plugin.path", "/usr/share/java"), ("admin.listeners", "")]);
        let without_effect: Vec<&str> = WorkerConfig::without_effect(&given)
            .map(|(key, _)| key)
            .collect();
        assert_eq!(without_effect, ["plugin.path"]);
    }

    #[test]
    fn every_default_is_a_valid_value() {
        for key in StandaloneConfig::KEYS {
            if let Some(default) = key.default_value() {
                assert_eq!(key.check(&default), Ok(()), "{}", key.name);
            }
        }
    }
}
