//! The keys of an admin client.

use std::time::Duration;

use super::{BufferSize, CommonConfig, IdleTime};

crate::config! {
    /// Configuration of an [`Admin`](crate::admin::Admin).
    AdminConfig {
        with common: CommonConfig {
            "connections.max.idle.ms" => connections_max_idle = IdleTime::AtMost(Duration::from_mins(5)),
            "receive.buffer.bytes" => receive_buffer = BufferSize::Bytes(65_536),
        }
        "" {
            /// How long a call may take in all, with every retry.
            Medium "default.api.timeout.ms" => default_api_timeout: Duration as Int = Duration::from_mins(1);
        }
    }
}

impl AdminConfig {
    /// Defaults, for the cluster that `bootstrap_servers` (one or more `host:port`, separated by commas) belong to.
    pub fn new(bootstrap_servers: &str) -> Self {
        let mut config = Self::default();
        config.common.bootstrap_servers = CommonConfig::new(bootstrap_servers).bootstrap_servers;
        config
    }
}

#[cfg(test)]
mod tests {
    use super::super::Properties;
    use super::*;

    #[test]
    fn defaults_are_those_of_kafkas_admin_client() {
        let config = AdminConfig::new("a:1,b:2");
        assert_eq!(config.common.bootstrap_servers, ["a:1", "b:2"]);
        assert_eq!(
            config.common.connections_max_idle,
            IdleTime::AtMost(Duration::from_secs(300))
        );
        assert_eq!(config.default_api_timeout, Duration::from_secs(60));
        let default = |name| {
            let key = AdminConfig::KEYS.iter().find(|key| key.name == name);
            key.and_then(super::super::ConfigKey::default_value)
        };
        assert_eq!(
            default("connections.max.idle.ms").as_deref(),
            Some("300000")
        );
        assert_eq!(default("receive.buffer.bytes").as_deref(), Some("65536"));
    }

    #[test]
    fn properties_set_common_and_own_keys() {
        let mut properties = Properties::from([
            ("bootstrap.servers", "a:1"),
            ("connections.max.idle.ms", "1"),
            ("default.api.timeout.ms", "2"),
        ]);
        let config = AdminConfig::from_properties(&mut properties).unwrap();
        assert_eq!(
            config.common.connections_max_idle,
            IdleTime::AtMost(Duration::from_millis(1))
        );
        assert_eq!(config.default_api_timeout, Duration::from_millis(2));
    }
}
