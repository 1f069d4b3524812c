//! Configuration of workers and connectors, each key declared once, and what clients of theirs get from it.

mod client_keys;
mod clients;
pub mod connector;
mod distributed;
pub mod docs;
mod environment;
mod not_there_yet;
mod properties_file;
pub mod providers;
mod topic_creation;
mod worker;

pub use client_keys::{AdminKeys, CommonKeys, ConsumerKeys, ProducerKeys, refusal};
pub use clients::{
    AdminOf, OverridePolicy, admin_properties, consumer_properties, is_client_key,
    producer_properties,
};
pub use connector::{ConnectorConfig, SinkConnectorConfig, SourceConnectorConfig};
pub use distributed::{
    DistributedConfig, ExactlyOnceSourceSupport, InternalTopic, InternalTopicSettings,
};
pub use environment::overlay_environment;
pub use not_there_yet::{AskedBy, not_there_yet, without_effect};
pub use properties_file::{
    PropertiesFileError, parse_properties, read_config_file, read_properties,
};
pub use providers::ConfigProviders;
pub use topic_creation::{DEFAULT_GROUP, DefaultTopicGroup, TOPIC_CREATION, TopicGroup};
pub use worker::{PluginDiscovery, StandaloneConfig, WorkerConfig};
