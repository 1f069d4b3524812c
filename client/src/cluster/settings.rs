//! From configuration to what the parts of a cluster need to know.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use kconnect_protocol::StrBytes;
use tracing::warn;

use super::connections::Settings;
use super::refresh::RefreshSettings;
use crate::config::{
    CommonConfig, ConfigError, DnsLookup, IdleTime, MetadataRecoveryStrategy, SecurityProtocol,
};
use crate::error::Error;
use crate::net::{Backoff, ConnectionSettings, Dialer, TcpDialer};

/// The largest answer that a client reads, in bytes, unless it asks for larger ones.
pub const FRAME_MAX: usize = 100 * 1024 * 1024;

/// What a client wants of its cluster besides the common keys.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClusterOptions {
    /// Whether a broker may create a topic that is asked for and does not exist.
    pub allow_auto_topic_creation: bool,
    /// The largest answer, in bytes. At most 256 MiB, so that a TLS alert is never taken for a length.
    pub frame_max: usize,
    /// `client.id` where the configuration has none.
    pub client_id: String,
    /// In place of TCP.
    pub dialer: Option<Arc<dyn Dialer>>,
    /// In place of a seed that nobody can foresee.
    pub seed: Option<u64>,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            allow_auto_topic_creation: false,
            frame_max: FRAME_MAX,
            client_id: String::new(),
            dialer: None,
            seed: None,
        }
    }
}

/// A `client.id` as Kafka's own clients have it where nobody chose one: the role, and which one of this process it is.
pub(crate) fn numbered_client_id(role: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{role}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(super) fn check_supported(config: &CommonConfig) -> Result<(), Error> {
    if config.bootstrap_servers.is_empty() {
        return Err(vec![ConfigError::missing("bootstrap.servers")].into());
    }
    if config.security_protocol != SecurityProtocol::Plaintext {
        let protocol = config.security_protocol.as_str();
        let why = "only PLAINTEXT is there yet";
        return Err(vec![ConfigError::invalid("security.protocol", protocol, why)].into());
    }
    if config.client_dns_lookup != DnsLookup::UseAllDnsIps {
        warn!(
            "client.dns.lookup is taken as use_all_dns_ips: canonical names are of use with Kerberos only"
        );
    }
    Ok(())
}

pub(super) fn connections(config: &CommonConfig, options: &ClusterOptions) -> Settings {
    let tcp = TcpDialer {
        send_buffer: config.send_buffer,
        receive_buffer: config.receive_buffer,
    };
    let client_id = match config.client_id.is_empty() {
        true => &options.client_id,
        false => &config.client_id,
    };
    Settings {
        connection: ConnectionSettings {
            client_id: StrBytes::from_string(client_id.clone()),
            frame_max: options.frame_max.min(256 << 20),
            idle_max: match config.connections_max_idle {
                IdleTime::Forever => None,
                IdleTime::AtMost(time) => Some(time),
            },
        },
        reconnect: Backoff::new(config.reconnect_backoff, config.reconnect_backoff_max),
        setup: Backoff::new(
            config.socket_connection_setup_timeout,
            config.socket_connection_setup_timeout_max,
        ),
        dialer: options.dialer.clone().unwrap_or_else(|| Arc::new(tcp)),
    }
}

pub(super) fn refresh(config: &CommonConfig, bootstrap: usize) -> RefreshSettings {
    RefreshSettings {
        max_age: config.metadata_max_age,
        backoff: retry(config),
        bootstrap,
        rebootstrap: config.metadata_recovery_strategy == MetadataRecoveryStrategy::Rebootstrap,
        rebootstrap_trigger: config.metadata_recovery_rebootstrap_trigger,
    }
}

pub(super) fn retry(config: &CommonConfig) -> Backoff {
    Backoff::new(config.retry_backoff, config.retry_backoff_max)
}
