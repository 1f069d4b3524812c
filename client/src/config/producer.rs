//! The keys of a producer: how it gathers records, what it calls delivered, how hard it tries.

use std::time::Duration;

use kconnect_protocol::compression::Compression;

use super::{CommonConfig, ConfigError, ConfigType, ConfigValue, check};

crate::config! {
    /// Configuration of a producer.
    ///
    /// `key.serializer`, `value.serializer` and `partitioner.class` have no counterpart: a record's key and value are bytes.
    ProducerConfig, rules = across_keys {
        with common: CommonConfig { "receive.buffer.bytes" => receive_buffer = super::BufferSize::Bytes(32_768) }
        "Batching" {
            /// The size, in bytes, at which a batch is full.
            ///
            /// A record that is larger gets a batch of its own.
            Medium "batch.size" => batch_size: u32 = 16_384;
            /// How long a batch that is not full waits for more records.
            ///
            /// It also goes on growing for as long as its broker has `max.in.flight.requests.per.connection` requests to
            /// answer. A longer linger makes larger batches: more throughput, more latency.
            Medium "linger.ms" => linger: Duration = Duration::from_millis(5);
            /// The most bytes that records may hold which are not acknowledged yet.
            ///
            /// When they are used up, a send waits for up to `max.block.ms`. At most 4 GiB are used.
            High "buffer.memory" => buffer_memory: u64 = 32 * 1024 * 1024;
            /// The most bytes of batches in one request, and so the most that a record may have before compression.
            Medium "max.request.size" => max_request_size: u32 = 1024 * 1024;
            /// The codec for batches. A batch that would not become smaller goes uncompressed.
            High "compression.type" => compression_type: Compression = Compression::None;
            /// The level for `gzip`; -1 is the codec's default.
            Medium "compression.gzip.level" => compression_gzip_level: i32 = -1,
                check::custom("[1,...,9] or -1", gzip_level);
            /// The level for `lz4`. The encoder has one level, so the number makes no difference.
            Medium "compression.lz4.level" => compression_lz4_level: i32 = 9, check::within(1..=17);
            /// The level for `zstd`.
            Medium "compression.zstd.level" => compression_zstd_level: i32 = 3, check::within(-131_072..=22);
        }
        "Partitioning" {
            /// Whether the partitioner ignores keys, and spreads records with a key like those without.
            Medium "partitioner.ignore.keys" => partitioner_ignore_keys: bool = false;
            /// Whether records without a key go more often to partitions that have fewer batches waiting (KIP-794).
            Low "partitioner.adaptive.partitioning.enable" => partitioner_adaptive_partitioning_enable: bool = true;
        }
        "Delivery" {
            /// Which replicas must have a batch before the broker acknowledges it.
            Low "acks" => acks: Acks = Acks::All;
            /// Whether brokers recognise a batch that is sent again, so that each record is written once and in order.
            Low "enable.idempotence" => enable_idempotence: Idempotence = Idempotence::WhenPossible;
            /// How long after its send a record is acknowledged or has failed.
            ///
            /// The error then says whether the broker may have it. At least `linger.ms` + `request.timeout.ms`; where only
            /// those were raised, this follows.
            Medium "delivery.timeout.ms" => delivery_timeout: Duration as Int = DELIVERY_TIMEOUT;
            /// How often a batch is sent again after an error that may pass, within `delivery.timeout.ms`.
            High "retries" => retries: u32 = i32::MAX.cast_unsigned();
            /// How many requests a broker may have to answer at a time.
            ///
            /// More than 1 without idempotence: a batch that is sent again may come after its successor.
            Low "max.in.flight.requests.per.connection" => max_in_flight_requests_per_connection: u32 = 5,
                check::at_least(1);
            /// How long a send waits for metadata and for memory.
            Medium "max.block.ms" => max_block: Duration = Duration::from_mins(1);
        }
    }
}

const DELIVERY_TIMEOUT: Duration = Duration::from_mins(2);

/// The most batches of one producer and partition that a broker remembers, to tell a repeated one.
const IDEMPOTENT_IN_FLIGHT_MAX: u32 = 5;

crate::config_enum! {
    /// Which replicas must have a batch before the broker acknowledges it.
    Acks {
        /// All that are in sync.
        All => "all" | "-1",
        /// None: the broker does not answer. A record counts as delivered when it is written to the socket.
        None => "0",
        /// The leader.
        Leader => "1",
    }
}

impl Acks {
    /// The number for the wire.
    pub const fn to_wire(self) -> i16 {
        match self {
            Self::All => -1,
            Self::None => 0,
            Self::Leader => 1,
        }
    }
}

/// Whether a producer is idempotent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idempotence {
    /// Unless another key rules it out: Kafka's default, shown as `true`.
    WhenPossible,
    /// Yes, and a key that rules it out is an error: `true` in configuration.
    Required,
    /// No: `false` in configuration.
    Disabled,
}

impl ConfigValue for Idempotence {
    const TYPE: ConfigType = ConfigType::Boolean;

    fn parse(text: &str, config_type: ConfigType) -> Result<Self, String> {
        bool::parse(text, config_type).map(|on| if on { Self::Required } else { Self::Disabled })
    }

    fn to_text(&self) -> Option<String> {
        (*self != Self::Disabled).to_text()
    }
}

impl ConfigValue for Compression {
    const TYPE: ConfigType = ConfigType::String;
    const ALLOWED: &'static [&'static str] = &["none", "gzip", "snappy", "lz4", "zstd"];

    fn parse(text: &str, _: ConfigType) -> Result<Self, String> {
        let names = Self::ALL.map(|codec| (codec.name(), codec));
        super::parse_enum(text, false, Self::ALLOWED, &names)
    }

    fn to_text(&self) -> Option<String> {
        Some(self.name().to_owned())
    }
}

impl ProducerConfig {
    /// Defaults, for the cluster that `bootstrap_servers` (one or more `host:port`, separated by commas) belong to.
    pub fn new(bootstrap_servers: &str) -> Self {
        Self {
            common: CommonConfig::new(bootstrap_servers),
            ..Self::default()
        }
    }

    /// Checks the rules over several keys, for a configuration that was assigned field by field.
    ///
    /// # Errors
    ///
    /// Every rule that is broken.
    pub fn validate(&self) -> Result<(), Vec<ConfigError>> {
        let mut errors = Vec::new();
        across_keys(self, &mut errors);
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }

    /// Whether the producer is idempotent, all keys considered.
    pub fn is_idempotent(&self) -> bool {
        match self.enable_idempotence {
            Idempotence::Required => true,
            Idempotence::Disabled => false,
            Idempotence::WhenPossible => against_idempotence(self).is_none(),
        }
    }

    /// How long after its send a record is acknowledged or has failed, all keys considered.
    pub fn resolved_delivery_timeout(&self) -> Duration {
        if self.delivery_timeout == DELIVERY_TIMEOUT {
            self.delivery_timeout.max(self.least_delivery_timeout())
        } else {
            self.delivery_timeout
        }
    }

    /// The level for the codec in use; `None` is the codec's default.
    pub fn compression_level(&self) -> Option<i32> {
        match self.compression_type {
            Compression::Gzip => {
                (self.compression_gzip_level != -1).then_some(self.compression_gzip_level)
            }
            Compression::Lz4 => Some(self.compression_lz4_level),
            Compression::Zstd => Some(self.compression_zstd_level),
            Compression::None | Compression::Snappy => None,
        }
    }

    fn least_delivery_timeout(&self) -> Duration {
        self.linger.saturating_add(self.common.request_timeout)
    }
}

fn gzip_level(text: &str) -> Result<(), String> {
    match text.trim().parse::<i32>() {
        Ok(-1 | 1..=9) => Ok(()),
        _ => Err("Value must be between 1 and 9 or equal to -1".to_owned()),
    }
}

/// The key that rules idempotence out, and why.
fn against_idempotence(config: &ProducerConfig) -> Option<(&'static str, &'static str)> {
    if config.acks != Acks::All {
        return Some((
            "acks",
            "Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee idempotence.",
        ));
    }
    if config.retries == 0 {
        return Some((
            "retries",
            "Must set retries to non-zero when using the idempotent producer.",
        ));
    }
    if config.max_in_flight_requests_per_connection > IDEMPOTENT_IN_FLIGHT_MAX {
        return Some((
            "max.in.flight.requests.per.connection",
            "Must set max.in.flight.requests.per.connection to at most 5 to use the idempotent producer.",
        ));
    }
    None
}

fn across_keys(config: &ProducerConfig, errors: &mut Vec<ConfigError>) {
    if config.enable_idempotence == Idempotence::Required
        && let Some((key, why)) = against_idempotence(config)
    {
        errors.push(ConfigError::new(key, why));
    }
    if config.resolved_delivery_timeout() < config.least_delivery_timeout() {
        errors.push(ConfigError::new(
            "delivery.timeout.ms",
            "delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms",
        ));
    }
    if u64::from(config.batch_size.min(config.max_request_size)) > config.buffer_memory {
        errors.push(ConfigError::new(
            "buffer.memory",
            "buffer.memory must hold at least one batch: raise it, or lower batch.size",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::super::Properties;
    use super::*;

    fn read<const N: usize>(keys: [(&str, &str); N]) -> Result<ProducerConfig, Vec<String>> {
        let mut properties = Properties::from(keys);
        properties.set("bootstrap.servers", "127.0.0.1:9092");
        ProducerConfig::from_properties(&mut properties)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    /// Name, type and default of each key in Kafka 4.3's producer.
    const KAFKA: &[(&str, &str, &str)] = &[
        ("batch.size", "INT", "16384"),
        ("linger.ms", "LONG", "5"),
        ("buffer.memory", "LONG", "33554432"),
        ("max.request.size", "INT", "1048576"),
        ("compression.type", "STRING", "none"),
        ("compression.gzip.level", "INT", "-1"),
        ("compression.lz4.level", "INT", "9"),
        ("compression.zstd.level", "INT", "3"),
        ("partitioner.ignore.keys", "BOOLEAN", "false"),
        (
            "partitioner.adaptive.partitioning.enable",
            "BOOLEAN",
            "true",
        ),
        ("acks", "STRING", "all"),
        ("enable.idempotence", "BOOLEAN", "true"),
        ("delivery.timeout.ms", "INT", "120000"),
        ("retries", "INT", "2147483647"),
        ("max.in.flight.requests.per.connection", "INT", "5"),
        ("max.block.ms", "LONG", "60000"),
    ];

    #[test]
    fn names_types_and_defaults_are_kafkas() {
        let ours: Vec<_> = ProducerConfig::KEYS[CommonConfig::KEYS.len()..]
            .iter()
            .map(|key| {
                (
                    key.name,
                    key.config_type.name(),
                    key.default_value().unwrap_or_default(),
                )
            })
            .collect();
        let kafkas: Vec<_> = KAFKA
            .iter()
            .map(|&(name, kind, value)| (name, kind, value.to_owned()))
            .collect();
        assert_eq!(ours, kafkas);
        for key in ProducerConfig::KEYS {
            if let Some(default) = key.default_value() {
                assert_eq!(key.check(&default), Ok(()), "{}", key.name);
            }
        }
    }

    #[test]
    fn idempotence_is_the_default_and_yields_to_keys_that_rule_it_out() {
        assert!(read([]).unwrap().is_idempotent());
        assert!(!read([("acks", "1")]).unwrap().is_idempotent());
        assert!(!read([("retries", "0")]).unwrap().is_idempotent());
        assert!(
            !read([("max.in.flight.requests.per.connection", "6")])
                .unwrap()
                .is_idempotent()
        );
        assert!(
            !read([("enable.idempotence", "false")])
                .unwrap()
                .is_idempotent()
        );
    }

    #[test]
    fn idempotence_that_was_asked_for_does_not_yield() {
        for (key, value) in [
            ("acks", "0"),
            ("retries", "0"),
            ("max.in.flight.requests.per.connection", "6"),
        ] {
            let errors = read([("enable.idempotence", "true"), (key, value)]).unwrap_err();
            assert!(
                errors.len() == 1 && errors[0].starts_with(&format!("Must set {key} to")),
                "{errors:?}"
            );
        }
    }

    #[test]
    fn the_delivery_timeout_follows_longer_requests_unless_it_was_set() {
        let config = read([("request.timeout.ms", "200000")]).unwrap();
        assert_eq!(
            config.resolved_delivery_timeout(),
            Duration::from_millis(200_005)
        );
        let errors = read([("delivery.timeout.ms", "30000")]).unwrap_err();
        assert!(
            errors[0].contains("linger.ms + request.timeout.ms"),
            "{errors:?}"
        );
    }

    #[test]
    fn levels_belong_to_the_codec_in_use() {
        assert_eq!(
            read([("compression.type", "gzip")])
                .unwrap()
                .compression_level(),
            None
        );
        let config = read([
            ("compression.type", "zstd"),
            ("compression.gzip.level", "9"),
        ])
        .unwrap();
        assert_eq!(config.compression_level(), Some(3));
        let errors = read([("compression.gzip.level", "0")]).unwrap_err();
        assert_eq!(
            errors,
            [
                "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1"
            ]
        );
    }
}
