//! The keys of a worker that shares its work with others: the group, the internal topics, and the keys that workers sign with.

use std::time::Duration;

use kconnect_client::config::{
    BufferSize, ConfigError, IdleTime, MetadataRecoveryStrategy, OauthBearerConfig, Properties,
    SaslConfig, SecurityProtocol, check,
};
use kconnect_client::{config, config_enum};

use super::WorkerConfig;
use super::topic_creation::{valid_partitions, valid_replication};
use crate::distributed::protocol::Protocol;
use crate::distributed::session::SignatureAlgorithm;

config! {
    /// What a worker of a cluster is told.
    ///
    /// `group.id` and the names of the internal topics have the defaults of the example file that comes with Kafka;
    /// Kafka itself has none for them.
    DistributedConfig, rules = across_keys {
        with worker: WorkerConfig {}
        "" {
            /// The name of the cluster of workers. All workers with the same name and the same brokers share their work.
            High "group.id" => group_id: String = "connect-cluster".to_owned();
            /// Without a heartbeat for so long the others take over this worker's work.
            High "session.timeout.ms" => session_timeout: Duration as Int = Duration::from_secs(10);
            /// How long a worker may take to give up its work in a rebalance before the others go on without it.
            High "rebalance.timeout.ms" => rebalance_timeout: Duration as Int = Duration::from_mins(1);
            /// The time between two heartbeats; at most a third of the session timeout is wise.
            High "heartbeat.interval.ms" => heartbeat_interval: Duration as Int = Duration::from_secs(3);
            /// Whether source connectors may write their records and offsets in one transaction.
            ///
            /// `enabled` is refused by this version. With `disabled` and `preparing` this worker works in a cluster whose
            /// other workers have the same value.
            High "exactly.once.source.support" => exactly_once_source_support: ExactlyOnceSourceSupport
                = ExactlyOnceSourceSupport::Disabled;
            /// The age after which metadata is asked for again although nothing hints at a change.
            Low "metadata.max.age.ms" => metadata_max_age: Duration = Duration::from_mins(5);
            /// The name by which this worker is known in the brokers' logs, metrics and quotas.
            Low "client.id" => client_id: String = String::new();
            /// The size, in bytes, of a socket's send buffer; -1 leaves it to the operating system.
            Medium "send.buffer.bytes" => send_buffer: BufferSize = BufferSize::Bytes(131_072);
            /// The size, in bytes, of a socket's receive buffer; -1 leaves it to the operating system.
            Medium "receive.buffer.bytes" => receive_buffer: BufferSize = BufferSize::Bytes(32_768);
            /// The pause before a second attempt to connect to a broker.
            Low "reconnect.backoff.ms" => reconnect_backoff: Duration = Duration::from_millis(50);
            /// The longest pause between attempts to connect to a broker.
            Low "reconnect.backoff.max.ms" => reconnect_backoff_max: Duration = Duration::from_secs(1);
            /// How long to wait for a connection to be set up.
            Low "socket.connection.setup.timeout.ms" => socket_connection_setup_timeout: Duration
                = Duration::from_secs(10);
            /// The longest time to wait for a connection to be set up.
            Low "socket.connection.setup.timeout.max.ms" => socket_connection_setup_timeout_max: Duration
                = Duration::from_secs(30);
            /// The pause before a failed request is sent again.
            Low "retry.backoff.ms" => retry_backoff: Duration = Duration::from_millis(100);
            /// The longest pause before a failed request is sent again.
            Low "retry.backoff.max.ms" => retry_backoff_max: Duration = Duration::from_secs(1);
            /// How long to wait for the answer to a request.
            Medium "request.timeout.ms" => request_timeout: Duration as Int = Duration::from_secs(40);
            /// How long a connection may be idle before it is closed; -1 is for ever.
            Medium "connections.max.idle.ms" => connections_max_idle: IdleTime
                = IdleTime::AtMost(Duration::from_mins(9));
            /// How to speak with brokers.
            Medium "security.protocol" => security_protocol: SecurityProtocol = SecurityProtocol::Plaintext;
            /// How long a worker that has read less of the configuration than others may take to catch up before it leaves
            /// the group for a while.
            Medium "worker.sync.timeout.ms" => worker_sync_timeout: Duration as Int = Duration::from_secs(3);
            /// How long a worker that could not catch up stays away.
            Medium "worker.unsync.backoff.ms" => worker_unsync_backoff: Duration as Int = Duration::from_mins(5);
            /// The topic for the offsets of source connectors. All workers of a cluster need the same.
            High "offset.storage.topic" => offset_storage_topic: String = "connect-offsets".to_owned();
            /// How many partitions that topic gets when it is created; -1 leaves it to the brokers.
            Low "offset.storage.partitions" => offset_storage_partitions: i32 = 25,
                check::custom("a positive number, or -1 for the brokers' default", valid_partitions);
            /// How many replicas that topic gets when it is created; -1 leaves it to the brokers.
            Low "offset.storage.replication.factor" => offset_storage_replication_factor: i16 = 3,
                check::custom("a positive number, or -1 for the brokers' default", valid_replication);
            /// The topic for the configurations of connectors. All workers of a cluster need the same.
            High "config.storage.topic" => config_storage_topic: String = "connect-configs".to_owned();
            /// How many replicas that topic gets when it is created; -1 leaves it to the brokers.
            Low "config.storage.replication.factor" => config_storage_replication_factor: i16 = 3,
                check::custom("a positive number, or -1 for the brokers' default", valid_replication);
            /// The topic for the statuses of connectors and tasks. All workers of a cluster need the same.
            High "status.storage.topic" => status_storage_topic: String = "connect-status".to_owned();
            /// How many partitions that topic gets when it is created; -1 leaves it to the brokers.
            Low "status.storage.partitions" => status_storage_partitions: i32 = 5,
                check::custom("a positive number, or -1 for the brokers' default", valid_partitions);
            /// How many replicas that topic gets when it is created; -1 leaves it to the brokers.
            Low "status.storage.replication.factor" => status_storage_replication_factor: i16 = 3,
                check::custom("a positive number, or -1 for the brokers' default", valid_replication);
            /// How workers share their work: `eager` stops all of it in each rebalance, `compatible` only what moves, and
            /// `sessioned` also signs the requests between workers.
            Low "connect.protocol" => connect_protocol: String = "sessioned".to_owned(),
                check::custom("[eager, compatible, sessioned]", valid_protocol);
            /// How long the work of a worker that has gone waits for its return before the others take it.
            Low "scheduled.rebalance.max.delay.ms" => scheduled_rebalance_max_delay: Duration as Int
                = Duration::from_mins(5);
            /// The age at which the key that signs requests between workers is replaced; 0 is never.
            Low "inter.worker.key.ttl.ms" => inter_worker_key_ttl: Duration as Int = Duration::from_hours(1);
            /// What that key is made for: `HmacSHA256`, `HmacSHA384` or `HmacSHA512`.
            Low "inter.worker.key.generation.algorithm" => inter_worker_key_generation_algorithm: String
                = "HmacSHA256".to_owned(), check::custom("[HmacSHA256, HmacSHA384, HmacSHA512]", valid_key_algorithm);
            /// The length of that key in bits; what suits the algorithm if null.
            Low "inter.worker.key.size" => inter_worker_key_size: Option<u32> as Int = None,
                check::within(1..=65_536);
            /// The algorithm that signs requests to other workers.
            Low "inter.worker.signature.algorithm" => inter_worker_signature_algorithm: String
                = "HmacSHA256".to_owned(), check::custom("[HmacSHA256, HmacSHA384, HmacSHA512]", valid_mac);
            /// The algorithms that may sign requests from other workers.
            Low "inter.worker.verification.algorithms" => inter_worker_verification_algorithms: Vec<String>
                = vec!["HmacSHA256".to_owned()], check::custom("one or more of [HmacSHA256, HmacSHA384, HmacSHA512]", valid_macs);
            /// What to do when no known broker can be reached.
            Low "metadata.recovery.strategy" => metadata_recovery_strategy: MetadataRecoveryStrategy
                = MetadataRecoveryStrategy::Rebootstrap;
            /// How long metadata may fail to come before the bootstrap servers are asked again.
            Low "metadata.recovery.rebootstrap.trigger.ms" => metadata_recovery_rebootstrap_trigger: Duration
                = Duration::from_mins(5);
        }
        and sasl: SaslConfig;
        and oauthbearer: OauthBearerConfig;
    }
}

config_enum! {
    /// Whether source connectors may write their records and offsets in one transaction.
    ExactlyOnceSourceSupport, ignoring case {
        /// They may not.
        Disabled => "disabled",
        /// They may not yet: the step before, taken by all workers one after the other.
        Preparing => "preparing",
        /// They may.
        Enabled => "enabled",
    }
}

/// One of the three topics that workers of a cluster keep their common memory in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InternalTopic {
    /// Configurations: `config.storage.topic`.
    Configs,
    /// Source offsets: `offset.storage.topic`.
    Offsets,
    /// Statuses and topics in use: `status.storage.topic`.
    Statuses,
}

impl InternalTopic {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Configs => "config.storage.",
            Self::Offsets => "offset.storage.",
            Self::Statuses => "status.storage.",
        }
    }
}

/// What an internal topic is called, and how it is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InternalTopicSettings {
    /// Its name.
    pub name: String,
    /// How many partitions it gets when it is created; -1 leaves it to the brokers.
    pub partitions: i32,
    /// How many replicas it gets when it is created; -1 leaves it to the brokers.
    pub replication_factor: i16,
    /// Its other settings when it is created, beside `cleanup.policy=compact`.
    pub settings: Properties,
}

impl DistributedConfig {
    /// How `topic` is created. `given` is the worker's whole property file: whatever else stands under the topic's prefix is
    /// a setting of the topic.
    #[must_use]
    pub fn internal_topic(
        &self,
        topic: InternalTopic,
        given: &Properties,
    ) -> InternalTopicSettings {
        let mut settings = given.scoped(topic.prefix());
        for own in [
            "topic",
            "partitions",
            "replication.factor",
            "cleanup.policy",
        ] {
            settings.claim(own);
        }
        let (name, partitions, replication_factor) = match topic {
            InternalTopic::Configs => (
                &self.config_storage_topic,
                1,
                self.config_storage_replication_factor,
            ),
            InternalTopic::Offsets => (
                &self.offset_storage_topic,
                self.offset_storage_partitions,
                self.offset_storage_replication_factor,
            ),
            InternalTopic::Statuses => (
                &self.status_storage_topic,
                self.status_storage_partitions,
                self.status_storage_replication_factor,
            ),
        };
        InternalTopicSettings {
            name: name.clone(),
            partitions,
            replication_factor,
            settings,
        }
    }

    /// The settings in `given` that an internal topic cannot have, as warnings in Kafka's words.
    #[must_use]
    pub fn ignored_topic_settings(given: &Properties) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(partitions) = given.get("config.storage.partitions") {
            warnings.push(format!(
                "Ignoring 'config.storage.partitions={partitions}' setting, since config topic partitions is always 1"
            ));
        }
        for topic in [
            InternalTopic::Configs,
            InternalTopic::Offsets,
            InternalTopic::Statuses,
        ] {
            let key = format!("{}cleanup.policy", topic.prefix());
            if let Some(policy) = given.get(&key) {
                warnings.push(format!(
                    "Ignoring '{key}={policy}' setting, since compaction is always used"
                ));
            }
        }
        warnings
    }

    /// `connect.protocol`.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        protocol_named(&self.connect_protocol).unwrap_or(Protocol::Sessioned)
    }

    /// `inter.worker.key.generation.algorithm`.
    #[must_use]
    pub fn key_algorithm(&self) -> SignatureAlgorithm {
        algorithm(&self.inter_worker_key_generation_algorithm)
    }

    /// The length of session keys in bits: `inter.worker.key.size`, or what suits the algorithm.
    #[must_use]
    pub fn key_bits(&self) -> usize {
        let given = self.inter_worker_key_size.map(|bits| bits as usize);
        given.unwrap_or_else(|| self.key_algorithm().default_key_bits())
    }

    /// `inter.worker.signature.algorithm`.
    #[must_use]
    pub fn signature_algorithm(&self) -> SignatureAlgorithm {
        algorithm(&self.inter_worker_signature_algorithm)
    }

    /// `inter.worker.verification.algorithms`.
    #[must_use]
    pub fn verification_algorithms(&self) -> Vec<SignatureAlgorithm> {
        let names = self.inter_worker_verification_algorithms.iter();
        names.map(|name| algorithm(name)).collect()
    }
}

/// The algorithm of a name that was checked before.
fn algorithm(name: &str) -> SignatureAlgorithm {
    SignatureAlgorithm::from_name(name).unwrap_or(SignatureAlgorithm::HmacSha256)
}

fn protocol_named(name: &str) -> Option<Protocol> {
    match name.to_ascii_lowercase().as_str() {
        "eager" => Some(Protocol::Eager),
        "compatible" => Some(Protocol::Compatible),
        "sessioned" => Some(Protocol::Sessioned),
        _ => None,
    }
}

fn valid_protocol(text: &str) -> Result<(), String> {
    let known = protocol_named(text).map(drop);
    known.ok_or_else(|| "Invalid Connect protocol compatibility".to_owned())
}

fn valid_key_algorithm(text: &str) -> Result<(), String> {
    valid_mac(text)
}

fn valid_mac(text: &str) -> Result<(), String> {
    let known = SignatureAlgorithm::from_name(text).map(drop);
    known.ok_or_else(|| {
        let all: Vec<&str> = SignatureAlgorithm::ALL
            .iter()
            .map(|known| known.name())
            .collect();
        format!(
            "the algorithm is not supported by this worker; the supported algorithms are: [{}]",
            all.join(", ")
        )
    })
}

fn valid_macs(text: &str) -> Result<(), String> {
    let items = text
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty());
    let items: Vec<&str> = items.collect();
    if items.is_empty() {
        return Err("At least one signature verification algorithm must be provided".to_owned());
    }
    items.into_iter().try_for_each(valid_mac)
}

/// Rules over several keys, and keys whose blank value has a text of its own.
fn across_keys(config: &DistributedConfig, errors: &mut Vec<ConfigError>) {
    for (key, name, why) in [
        (
            "offset.storage.topic",
            &config.offset_storage_topic,
            "Offset storage topic must be specified",
        ),
        (
            "config.storage.topic",
            &config.config_storage_topic,
            "Must specify topic for connector configuration.",
        ),
        (
            "status.storage.topic",
            &config.status_storage_topic,
            "Must specify topic for connector status.",
        ),
    ] {
        if name.trim().is_empty() {
            errors.push(ConfigError::new(key, why));
        }
    }
    let signature = &config.inter_worker_signature_algorithm;
    if !config
        .inter_worker_verification_algorithms
        .contains(signature)
    {
        errors.push(ConfigError::invalid(
            "inter.worker.signature.algorithm",
            signature,
            "Signature algorithm must be present in inter.worker.verification.algorithms list",
        ));
    }
    if config.exactly_once_source_support == ExactlyOnceSourceSupport::Enabled {
        errors.push(ConfigError::invalid(
            "exactly.once.source.support",
            "enabled",
            "exactly-once source connectors are not there yet in this worker; set it to 'disabled' or 'preparing', or keep \
             Java workers for this cluster",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(changes: &[(&str, &str)]) -> Properties {
        let needed = [
            ("bootstrap.servers", "localhost:9092"),
            ("key.converter", "JsonConverter"),
            ("value.converter", "JsonConverter"),
        ];
        needed.iter().chain(changes).copied().collect()
    }

    fn errors(changes: &[(&str, &str)]) -> Vec<String> {
        let errors = DistributedConfig::from_properties(&mut given(changes)).unwrap_err();
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_kafka_has_no_defaults_for_is_as_in_its_example_file() {
        let config = DistributedConfig::from_properties(&mut given(&[])).unwrap();
        assert_eq!(config.group_id, "connect-cluster");
        let topic = config.internal_topic(InternalTopic::Offsets, &Properties::new());
        assert_eq!(
            (
                topic.name.as_str(),
                topic.partitions,
                topic.replication_factor
            ),
            ("connect-offsets", 25, 3)
        );
        assert_eq!(
            (config.protocol(), config.key_bits()),
            (Protocol::Sessioned, 256)
        );
        assert_eq!(
            config.verification_algorithms(),
            [SignatureAlgorithm::HmacSha256]
        );
    }

    #[test]
    fn every_default_is_a_valid_value() {
        for key in DistributedConfig::KEYS {
            if let Some(default) = key.default_value() {
                assert_eq!(key.check(&default), Ok(()), "{}", key.name);
            }
        }
    }

    #[test]
    fn other_keys_under_a_topics_prefix_are_the_topics() {
        let given = given(&[
            ("config.storage.topic", "c"),
            ("config.storage.partitions", "3"),
            ("config.storage.cleanup.policy", "delete"),
            ("config.storage.min.insync.replicas", "2"),
        ]);
        let config = DistributedConfig::from_properties(&mut given.clone()).unwrap();
        let topic = config.internal_topic(InternalTopic::Configs, &given);
        assert_eq!((topic.name.as_str(), topic.partitions), ("c", 1));
        assert_eq!(
            topic.settings,
            Properties::from([("min.insync.replicas", "2")])
        );
        assert_eq!(
            DistributedConfig::ignored_topic_settings(&given),
            [
                "Ignoring 'config.storage.partitions=3' setting, since config topic partitions is always 1",
                "Ignoring 'config.storage.cleanup.policy=delete' setting, since compaction is always used",
            ]
        );
    }

    #[test]
    fn wrong_values_are_named_in_kafkas_words() {
        assert_eq!(
            errors(&[
                ("connect.protocol", "lazy"),
                ("status.storage.partitions", "0"),
                ("scheduled.rebalance.max.delay.ms", "-1"),
            ]),
            [
                "Invalid value 0 for configuration status.storage.partitions: Number of partitions must be positive, or -1 to use the broker's default",
                "Invalid value lazy for configuration connect.protocol: Invalid Connect protocol compatibility",
                "Invalid value -1 for configuration scheduled.rebalance.max.delay.ms: Value must be at least 0",
            ]
        );
        assert_eq!(
            errors(&[
                ("config.storage.topic", " "),
                ("inter.worker.signature.algorithm", "HmacSHA512")
            ]),
            [
                "Must specify topic for connector configuration.",
                "Invalid value HmacSHA512 for configuration inter.worker.signature.algorithm: Signature algorithm must be present in inter.worker.verification.algorithms list",
            ]
        );
        let exactly_once = errors(&[("exactly.once.source.support", "enabled")]);
        assert!(
            exactly_once[0].contains("not there yet"),
            "{exactly_once:?}"
        );
    }
}
