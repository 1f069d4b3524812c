//! The keys that every client has: where the cluster is, how to reach it, how patient to be.

use std::time::Duration;

use super::{ConfigType, ConfigValue, OauthBearerConfig, SaslConfig, SslConfig, check};

crate::config! {
    /// What every client has in common: where the cluster is, how to reach it, how patient to be.
    CommonConfig {
        "" {
            /// Addresses, `host:port`, of brokers to learn the whole cluster from.
            ///
            /// Any one of them is enough; several are for the day on which one is down.
            High "bootstrap.servers" => bootstrap_servers: Vec<String>, check::non_empty(), check::unique();
            /// Which addresses of a host name are used: all that the resolver answers, or those of the canonical names.
            Medium "client.dns.lookup" => client_dns_lookup: DnsLookup = DnsLookup::UseAllDnsIps;
            /// The name by which this client is known in the brokers' logs, metrics and quotas. Without one it is, as with Kafka's
            /// own clients, `producer-1`, `consumer-GROUP-2`, `adminclient-3`.
            Medium "client.id" => client_id: String = String::new();
            /// The age after which metadata is asked for again although nothing hints at a change.
            Low "metadata.max.age.ms" => metadata_max_age: Duration = Duration::from_mins(5);
            /// The size, in bytes, of the socket's send buffer; -1 leaves it to the operating system.
            Medium "send.buffer.bytes" => send_buffer: BufferSize = BufferSize::Bytes(131_072);
            /// The size, in bytes, of the socket's receive buffer; -1 leaves it to the operating system.
            Medium "receive.buffer.bytes" => receive_buffer: BufferSize = BufferSize::Bytes(65_536);
            /// The pause before a second attempt to connect to a broker.
            ///
            /// It doubles with each failure, up to `reconnect.backoff.max.ms`, with a random part of a fifth.
            Low "reconnect.backoff.ms" => reconnect_backoff: Duration = Duration::from_millis(50);
            /// The longest pause between attempts to connect to a broker.
            Low "reconnect.backoff.max.ms" => reconnect_backoff_max: Duration = Duration::from_secs(1);
            /// The pause before a failed request is sent again.
            ///
            /// It doubles with each failure, up to `retry.backoff.max.ms`, with a random part of a fifth.
            Low "retry.backoff.ms" => retry_backoff: Duration = Duration::from_millis(100);
            /// The longest pause before a failed request is sent again.
            Low "retry.backoff.max.ms" => retry_backoff_max: Duration = Duration::from_secs(1);
            /// How long to wait for the answer to a request.
            Medium "request.timeout.ms" => request_timeout: Duration as Int = Duration::from_secs(30);
            /// How long to wait for a connection to be set up.
            ///
            /// It doubles with each failure, up to `socket.connection.setup.timeout.max.ms`, with a random part of a fifth.
            Medium "socket.connection.setup.timeout.ms" => socket_connection_setup_timeout: Duration
                = Duration::from_secs(10);
            /// The longest time to wait for a connection to be set up.
            Medium "socket.connection.setup.timeout.max.ms" => socket_connection_setup_timeout_max: Duration
                = Duration::from_secs(30);
            /// How long a connection may be idle before it is closed; null and -1 are for ever.
            Medium "connections.max.idle.ms" => connections_max_idle: IdleTime = IdleTime::AtMost(Duration::from_mins(9));
            /// What to do when no known broker can be reached.
            Low "metadata.recovery.strategy" => metadata_recovery_strategy: MetadataRecoveryStrategy
                = MetadataRecoveryStrategy::Rebootstrap;
            /// How long metadata may fail to come before the bootstrap servers are asked again.
            Low "metadata.recovery.rebootstrap.trigger.ms" => metadata_recovery_rebootstrap_trigger: Duration
                = Duration::from_mins(5);
            /// How to speak with brokers. Only `PLAINTEXT` is there yet.
            Medium "security.protocol" => security_protocol: SecurityProtocol = SecurityProtocol::Plaintext;
        }
        and ssl: SslConfig;
        and sasl: SaslConfig;
        and oauthbearer: OauthBearerConfig;
    }
}

impl CommonConfig {
    /// Defaults, for the cluster that `bootstrap_servers` (one or more `host:port`, separated by commas) belong to.
    pub fn new(bootstrap_servers: &str) -> Self {
        Self {
            bootstrap_servers: super::value::split_list(bootstrap_servers.trim()),
            ..Self::default()
        }
    }
}

crate::config_enum! {
    /// Which addresses of a host name are used.
    DnsLookup {
        /// All that the resolver answers, one after the other.
        UseAllDnsIps => "use_all_dns_ips",
        /// Those of the canonical names that the bootstrap addresses resolve to.
        ResolveCanonicalBootstrapServersOnly => "resolve_canonical_bootstrap_servers_only",
    }
}

crate::config_enum! {
    /// What to do when no known broker can be reached (KIP-899).
    MetadataRecoveryStrategy, ignoring case {
        /// Start again from the bootstrap servers.
        Rebootstrap => "rebootstrap",
        /// Go on trying the known ones.
        None => "none",
    }
}

crate::config_enum! {
    /// How to speak with brokers.
    SecurityProtocol, ignoring case {
        /// TLS, and a login over it.
        SaslSsl => "SASL_SSL",
        /// Neither encrypted nor authenticated.
        Plaintext => "PLAINTEXT",
        /// TLS.
        Ssl => "SSL",
        /// A login, not encrypted.
        SaslPlaintext => "SASL_PLAINTEXT",
    }
}

/// The size of a socket's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BufferSize {
    /// What the operating system chooses; -1 in configuration.
    System,
    /// That many bytes.
    Bytes(u32),
}

impl BufferSize {
    /// The size in bytes, if one was asked for.
    pub const fn bytes(self) -> Option<u32> {
        match self {
            Self::System | Self::Bytes(0) => None,
            Self::Bytes(bytes) => Some(bytes),
        }
    }
}

impl ConfigValue for BufferSize {
    const TYPE: ConfigType = ConfigType::Int;

    fn parse(text: &str, config_type: ConfigType) -> Result<Self, String> {
        match super::value::parse_integer(text, config_type)? {
            -1 => Ok(Self::System),
            bytes => u32::try_from(bytes)
                .map(Self::Bytes)
                .map_err(|_| "Value must be at least -1".to_owned()),
        }
    }

    fn to_text(&self) -> Option<String> {
        Some(match self {
            Self::System => "-1".to_owned(),
            Self::Bytes(bytes) => bytes.to_string(),
        })
    }
}

/// How long something may be idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdleTime {
    /// For ever; any negative number in configuration.
    Forever,
    /// At most so long.
    AtMost(Duration),
}

impl ConfigValue for IdleTime {
    const TYPE: ConfigType = ConfigType::Long;

    fn parse(text: &str, config_type: ConfigType) -> Result<Self, String> {
        let millis = super::value::parse_integer(text, config_type)?;
        Ok(u64::try_from(millis).map_or(Self::Forever, |millis| {
            Self::AtMost(Duration::from_millis(millis))
        }))
    }

    fn to_text(&self) -> Option<String> {
        Some(match self {
            Self::Forever => "-1".to_owned(),
            Self::AtMost(time) => time.as_millis().to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Properties;
    use super::*;

    /// Name, type and default of each key in Kafka 4.3's consumer.
    const KAFKA: &[(&str, &str, Option<&str>)] = &[
        ("bootstrap.servers", "LIST", None),
        ("client.dns.lookup", "STRING", Some("use_all_dns_ips")),
        ("client.id", "STRING", Some("")),
        ("metadata.max.age.ms", "LONG", Some("300000")),
        ("send.buffer.bytes", "INT", Some("131072")),
        ("receive.buffer.bytes", "INT", Some("65536")),
        ("reconnect.backoff.ms", "LONG", Some("50")),
        ("reconnect.backoff.max.ms", "LONG", Some("1000")),
        ("retry.backoff.ms", "LONG", Some("100")),
        ("retry.backoff.max.ms", "LONG", Some("1000")),
        ("request.timeout.ms", "INT", Some("30000")),
        ("socket.connection.setup.timeout.ms", "LONG", Some("10000")),
        (
            "socket.connection.setup.timeout.max.ms",
            "LONG",
            Some("30000"),
        ),
        ("connections.max.idle.ms", "LONG", Some("540000")),
        ("metadata.recovery.strategy", "STRING", Some("rebootstrap")),
        (
            "metadata.recovery.rebootstrap.trigger.ms",
            "LONG",
            Some("300000"),
        ),
        ("security.protocol", "STRING", Some("PLAINTEXT")),
    ];

    #[test]
    fn names_types_and_defaults_are_kafkas() {
        let ours: Vec<_> = CommonConfig::KEYS
            .iter()
            .filter(|key| !key.name.starts_with("ssl.") && !key.name.starts_with("sasl."))
            .map(|key| (key.name, key.config_type.name(), key.default_value()))
            .collect();
        let kafkas: Vec<_> = KAFKA
            .iter()
            .map(|&(name, config_type, default)| (name, config_type, default.map(str::to_owned)))
            .collect();
        assert_eq!(ours, kafkas);
    }

    #[test]
    fn every_default_is_a_valid_value() {
        for key in CommonConfig::KEYS {
            if let Some(default) = key.default_value() {
                assert_eq!(key.check(&default), Ok(()), "{}", key.name);
            }
        }
    }

    #[test]
    fn minus_one_leaves_buffers_to_the_system_and_idle_time_open() {
        let mut properties = Properties::from([
            ("bootstrap.servers", "a:1, b:2"),
            ("send.buffer.bytes", "-1"),
            ("connections.max.idle.ms", "-1"),
            ("security.protocol", "plaintext"),
        ]);
        let config = CommonConfig::from_properties(&mut properties).unwrap();
        assert_eq!(config.bootstrap_servers, ["a:1", "b:2"]);
        assert_eq!(config.send_buffer, BufferSize::System);
        assert_eq!(config.connections_max_idle, IdleTime::Forever);
    }

    #[test]
    fn wrong_values_name_what_is_allowed() {
        let mut properties = Properties::from([
            ("bootstrap.servers", ""),
            ("send.buffer.bytes", "-2"),
            ("security.protocol", "SASL_TLS"),
        ]);
        let errors = CommonConfig::from_properties(&mut properties).unwrap_err();
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "Configuration 'bootstrap.servers' must not be empty. Valid values include: any non-empty value",
                "Invalid value -2 for configuration send.buffer.bytes: Value must be at least -1",
                "Invalid value SASL_TLS for configuration security.protocol: String must be one of (case insensitive): \
             SASL_SSL, PLAINTEXT, SSL, SASL_PLAINTEXT",
            ]
        );
    }
}
