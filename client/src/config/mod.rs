//! Configuration under Kafka's own property names: each key is declared once, everything else is derived from that.
//!
//! [`config!`](crate::config!) turns a declaration into a typed struct, a parser for [`Properties`] that reports every
//! complaint at once, and a table of [`ConfigKey`]s for whoever shows or validates configuration.

mod admin;
mod checks;
mod common;
mod consumer;
mod declare;
mod error;
mod key;
mod password;
mod producer;
mod properties;
mod sasl;
mod ssl;
mod value;

pub use admin::AdminConfig;
pub use checks::Check;
pub use common::{
    BufferSize, CommonConfig, DnsLookup, IdleTime, MetadataRecoveryStrategy, SecurityProtocol,
};
pub use consumer::{AutoOffsetReset, ConsumerConfig, GroupProtocolName};
#[doc(hidden)]
pub use declare::{Claim, declared, join, number, parse_enum};
pub use error::ConfigError;
pub use key::{ConfigKey, ConfigType, Importance, Width};
pub use password::Password;
pub use producer::{Acks, Idempotence, ProducerConfig};
pub use properties::Properties;
pub use sasl::{OauthBearerConfig, SaslConfig};
pub use ssl::SslConfig;
pub use value::ConfigValue;

/// What a value must satisfy beyond its type: written after the default in a [`config!`](crate::config!) declaration.
pub mod check {
    pub use super::checks::{
        at_least, custom, non_empty, one_of, one_of_ignoring_case, unique, within, within_real,
    };
}
