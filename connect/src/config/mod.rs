//! Configuration of workers and connectors, each key declared once, and what clients of theirs get from it.

mod clients;
pub mod connector;
mod distributed;
pub mod docs;
mod environment;
mod properties_file;
pub mod providers;
mod worker;

pub use clients::{
    AdminOf, OverridePolicy, admin_properties, consumer_properties, is_client_key,
    producer_properties,
};
pub use connector::{ConnectorConfig, SinkConnectorConfig, SourceConnectorConfig};
pub use distributed::{
    DistributedConfig, ExactlyOnceSourceSupport, InternalTopic, InternalTopicSettings,
};
pub use environment::overlay_environment;
pub use properties_file::{
    PropertiesFileError, parse_properties, read_config_file, read_properties,
};
pub use providers::ConfigProviders;
pub use worker::{PluginDiscovery, StandaloneConfig, WorkerConfig};
