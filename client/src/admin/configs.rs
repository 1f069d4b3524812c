//! The configuration of topics, brokers and other resources of a cluster.

use std::collections::BTreeMap;
use std::fmt;

use kafka_protocol::messages::alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult,
};
use kafka_protocol::messages::incremental_alter_configs_request as incremental;
use kafka_protocol::messages::{
    AlterConfigsRequest, DescribeConfigsRequest, IncrementalAlterConfigsRequest,
};
use kconnect_protocol::ErrorCode;
use kconnect_protocol::types::BrokerId;

use super::topics::text;
use super::{Admin, Outcome, Results, only};
use crate::cluster::Target;
use crate::error::Error;
use crate::net::Purpose;

macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident: $($(#[$variant_doc:meta])* $variant:ident = $number:literal $text:literal,)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
            /// One that this client does not know.
            Unknown(i8),
        }

        impl $name {
            pub(super) const fn from_wire(number: i8) -> Self {
                match number {
                    $($number => Self::$variant,)*
                    other => Self::Unknown(other),
                }
            }

            #[allow(dead_code, reason = "not all of them are sent")]
            const fn to_wire(self) -> i8 {
                match self {
                    $(Self::$variant => $number,)*
                    Self::Unknown(other) => other,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant => f.write_str($text),)*
                    Self::Unknown(other) => write!(f, "UNKNOWN({other})"),
                }
            }
        }
    };
}

numbered! {
    /// What kind of thing a configuration belongs to.
    ResourceType:
    /// A topic.
    Topic = 2 "topic",
    /// A broker, or, without a name, the default of all brokers.
    Broker = 4 "broker",
    /// The log levels of a broker.
    BrokerLogger = 8 "broker logger",
    /// What clients report about themselves.
    ClientMetrics = 16 "client metrics",
    /// A group.
    Group = 32 "group",
}

numbered! {
    /// Where a value comes from.
    ConfigSource:
    /// Set for the topic.
    TopicConfig = 1 "DYNAMIC_TOPIC_CONFIG",
    /// Set for the broker while it runs.
    DynamicBrokerConfig = 2 "DYNAMIC_BROKER_CONFIG",
    /// Set for all brokers while they run.
    DynamicDefaultBrokerConfig = 3 "DYNAMIC_DEFAULT_BROKER_CONFIG",
    /// In the broker's properties file.
    StaticBrokerConfig = 4 "STATIC_BROKER_CONFIG",
    /// Kafka's default.
    DefaultConfig = 5 "DEFAULT_CONFIG",
    /// Set for the broker's loggers.
    DynamicBrokerLoggerConfig = 6 "DYNAMIC_BROKER_LOGGER_CONFIG",
    /// Set for client metrics.
    ClientMetricsConfig = 7 "DYNAMIC_CLIENT_METRICS_CONFIG",
    /// Set for the group.
    GroupConfig = 8 "DYNAMIC_GROUP_CONFIG",
}

/// A thing that has a configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigResource {
    /// What kind of thing it is.
    pub resource_type: ResourceType,
    /// Its name; a broker's is its id.
    pub name: String,
}

impl ConfigResource {
    /// A topic.
    pub fn topic(name: impl Into<String>) -> Self {
        Self {
            resource_type: ResourceType::Topic,
            name: name.into(),
        }
    }

    /// A broker.
    pub fn broker(id: BrokerId) -> Self {
        Self {
            resource_type: ResourceType::Broker,
            name: id.to_string(),
        }
    }

    /// A broker's own configuration is known to itself only.
    fn target(&self) -> Target<'static> {
        match (self.resource_type, self.name.parse()) {
            (ResourceType::Broker | ResourceType::BrokerLogger, Ok(id)) => {
                Target::Broker(BrokerId(id))
            }
            _ => Target::Any,
        }
    }
}

impl fmt::Display for ConfigResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.resource_type, self.name)
    }
}

/// A value, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    /// The key.
    pub name: String,
    /// The value; none of a secret, or of a key that is not set.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: ConfigSource,
    /// Whether it cannot be changed while the broker runs.
    pub is_read_only: bool,
    /// Whether it is a secret, which a broker does not tell.
    pub is_sensitive: bool,
    /// All values that are set somewhere for this key, the one in force first.
    pub synonyms: Vec<ConfigSynonym>,
}

impl ConfigEntry {
    /// Whether nobody has set it.
    pub fn is_default(&self) -> bool {
        self.source == ConfigSource::DefaultConfig
    }
}

/// A value for a key, from one of the places where it can be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigSynonym {
    /// The key that sets it there.
    pub name: String,
    /// The value; none of a secret.
    pub value: Option<String>,
    /// Where it is set.
    pub source: ConfigSource,
}

/// A change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlterOperation {
    /// Gives it a value.
    Set(String),
    /// Takes its value away, so that the default counts again.
    Delete,
    /// Adds items to a list.
    Append(String),
    /// Takes items out of a list.
    Subtract(String),
}

const AGAIN: &[ErrorCode] = &[ErrorCode::NotController, ErrorCode::ThrottlingQuotaExceeded];

impl Admin {
    /// The configuration of each resource, by key. Method of Java: `describeConfigs`.
    ///
    /// Cancel safe.
    pub async fn describe_configs(
        &self,
        resources: &[ConfigResource],
    ) -> Results<ConfigResource, BTreeMap<String, ConfigEntry>> {
        let mut attempts = self.attempts(resources.iter().cloned());
        while let Some(resources) = attempts.next().await {
            let mut brought = Vec::new();
            for (target, resources) in by_target(resources) {
                let wanted = |resource: &ConfigResource| {
                    DescribeConfigsResource::default()
                        .with_resource_type(resource.resource_type.to_wire())
                        .with_resource_name(text(&resource.name))
                        .with_configuration_keys(None)
                };
                let request = DescribeConfigsRequest::default()
                    .with_resources(resources.iter().map(wanted).collect())
                    .with_include_synonyms(true);
                let timeout = self.one_attempt(attempts.left());
                match self
                    .cluster
                    .request(target, Purpose::General, request, timeout)
                    .await
                {
                    Ok(answer) => brought.extend(answer.results.into_iter().map(read_described)),
                    Err(error) => brought.extend(all_failed(resources, &error)),
                }
            }
            attempts.take(Ok(brought));
        }
        attempts.finish(|resource| format!("describing the configuration of {resource}"))
    }

    /// The configuration of one topic, by key. See [`Admin::describe_configs`].
    ///
    /// # Errors
    ///
    /// `Broker(UNKNOWN_TOPIC_OR_PARTITION)` if there is no such topic.
    ///
    /// Cancel safe.
    pub async fn describe_topic_config(
        &self,
        topic: &str,
    ) -> Result<BTreeMap<String, ConfigEntry>, Error> {
        only(self.describe_configs(&[ConfigResource::topic(topic)]).await)
    }

    /// Changes some keys of each resource. Method of Java: `incrementalAlterConfigs`.
    ///
    /// Not cancel safe: configurations may or may not be changed.
    pub async fn incremental_alter_configs(
        &self,
        changes: &BTreeMap<ConfigResource, BTreeMap<String, AlterOperation>>,
    ) -> Results<ConfigResource, ()> {
        let mut attempts = self.attempts(changes.keys().cloned());
        while let Some(resources) = attempts.next().await {
            let mut brought = Vec::new();
            for (target, resources) in by_target(resources) {
                let changed = |resource: &ConfigResource| {
                    incremental::AlterConfigsResource::default()
                        .with_resource_type(resource.resource_type.to_wire())
                        .with_resource_name(text(&resource.name))
                        .with_configs(changes[resource].iter().map(write_change).collect())
                };
                let request = IncrementalAlterConfigsRequest::default()
                    .with_resources(resources.iter().map(changed).collect());
                let timeout = self.one_attempt(attempts.left());
                match self
                    .cluster
                    .request(target, Purpose::General, request, timeout)
                    .await
                {
                    Ok(answer) => brought.extend(answer.responses.into_iter().map(|altered| {
                        let resource = read_resource(altered.resource_type, &altered.resource_name);
                        let (code, message) = (altered.error_code, altered.error_message);
                        (resource, self.altered(code, message.as_deref()))
                    })),
                    Err(error) => brought.extend(all_failed(resources, &error)),
                }
            }
            attempts.take(Ok(brought));
        }
        attempts.finish(|resource| format!("changing the configuration of {resource}"))
    }

    /// Replaces the configuration of each resource: keys that are not given go back to their defaults. Prefer
    /// [`Admin::incremental_alter_configs`], which leaves the others alone.
    ///
    /// Not cancel safe: configurations may or may not be changed.
    pub async fn alter_configs(
        &self,
        configs: &BTreeMap<ConfigResource, BTreeMap<String, String>>,
    ) -> Results<ConfigResource, ()> {
        let mut attempts = self.attempts(configs.keys().cloned());
        while let Some(resources) = attempts.next().await {
            let mut brought = Vec::new();
            for (target, resources) in by_target(resources) {
                let entry = |(name, value): (&String, &String)| {
                    AlterableConfig::default()
                        .with_name(text(name))
                        .with_value(Some(text(value)))
                };
                let replaced = |resource: &ConfigResource| {
                    AlterConfigsResource::default()
                        .with_resource_type(resource.resource_type.to_wire())
                        .with_resource_name(text(&resource.name))
                        .with_configs(configs[resource].iter().map(entry).collect())
                };
                let request = AlterConfigsRequest::default()
                    .with_resources(resources.iter().map(replaced).collect());
                let timeout = self.one_attempt(attempts.left());
                match self
                    .cluster
                    .request(target, Purpose::General, request, timeout)
                    .await
                {
                    Ok(answer) => brought.extend(answer.responses.into_iter().map(|altered| {
                        let resource = read_resource(altered.resource_type, &altered.resource_name);
                        let (code, message) = (altered.error_code, altered.error_message);
                        (resource, self.altered(code, message.as_deref()))
                    })),
                    Err(error) => brought.extend(all_failed(resources, &error)),
                }
            }
            attempts.take(Ok(brought));
        }
        attempts.finish(|resource| format!("replacing the configuration of {resource}"))
    }

    fn altered(&self, code: i16, message: Option<&str>) -> Outcome<()> {
        let code = ErrorCode(code);
        self.distrust(code, None);
        Outcome::of(code, message, AGAIN, || ())
    }
}

/// Sorts resources by whom they have to be asked of.
fn by_target(resources: Vec<ConfigResource>) -> Vec<(Target<'static>, Vec<ConfigResource>)> {
    let mut targets: Vec<(Target<'static>, Vec<ConfigResource>)> = Vec::new();
    for resource in resources {
        let target = resource.target();
        match targets.iter_mut().find(|(known, _)| *known == target) {
            Some((_, resources)) => resources.push(resource),
            None => targets.push((target, vec![resource])),
        }
    }
    targets
}

fn all_failed<T>(
    resources: Vec<ConfigResource>,
    error: &Error,
) -> impl Iterator<Item = (ConfigResource, Outcome<T>)> {
    resources
        .into_iter()
        .map(|resource| (resource, Outcome::failed(error.clone())))
}

fn write_change((name, operation): (&String, &AlterOperation)) -> incremental::AlterableConfig {
    let (number, value) = match operation {
        AlterOperation::Set(value) => (0, Some(value)),
        AlterOperation::Delete => (1, None),
        AlterOperation::Append(value) => (2, Some(value)),
        AlterOperation::Subtract(value) => (3, Some(value)),
    };
    incremental::AlterableConfig::default()
        .with_name(text(name))
        .with_config_operation(number)
        .with_value(value.map(|value| text(value)))
}

fn read_resource(resource_type: i8, name: &str) -> ConfigResource {
    ConfigResource {
        resource_type: ResourceType::from_wire(resource_type),
        name: name.to_owned(),
    }
}

fn read_described(
    result: DescribeConfigsResult,
) -> (ConfigResource, Outcome<BTreeMap<String, ConfigEntry>>) {
    let resource = read_resource(result.resource_type, &result.resource_name);
    let (code, message) = (ErrorCode(result.error_code), result.error_message);
    let outcome = Outcome::of(code, message.as_deref(), AGAIN, || {
        let entries = result.configs.into_iter().map(read_entry);
        entries.map(|entry| (entry.name.clone(), entry)).collect()
    });
    (resource, outcome)
}

fn read_entry(config: DescribeConfigsResourceResult) -> ConfigEntry {
    let synonyms = config.synonyms.into_iter().map(|synonym| ConfigSynonym {
        name: synonym.name.to_string(),
        value: synonym.value.map(|value| value.to_string()),
        source: ConfigSource::from_wire(synonym.source),
    });
    ConfigEntry {
        name: config.name.to_string(),
        value: config.value.map(|value| value.to_string()),
        source: ConfigSource::from_wire(config.config_source),
        is_read_only: config.read_only,
        is_sensitive: config.is_sensitive,
        synonyms: synonyms.collect(),
    }
}
