//! Topics: created, deleted, extended, described, listed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::{
    BrokerId as WireBrokerId, CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest,
    TopicName,
};
use kconnect_protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use kconnect_protocol::types::BrokerId;
use kconnect_protocol::{ErrorCode, StrBytes, Uuid};

use super::configs::{ConfigEntry, ConfigSource};
use super::{Admin, Outcome, Results, millis, only};
use crate::cluster::{Metadata, Target, Topic};
use crate::error::Error;
use crate::net::Purpose;

/// A topic to create. What is left out is the broker's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub num_partitions: Option<i32>,
    /// How many copies each partition has.
    pub replication_factor: Option<i16>,
    /// The brokers that have the copies of each partition, in place of the two numbers.
    pub replicas: BTreeMap<i32, Vec<BrokerId>>,
    /// Its configuration.
    pub configs: BTreeMap<String, String>,
}

impl NewTopic {
    /// A topic with the broker's defaults.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    fn to_wire(&self) -> CreatableTopic {
        let replicas = self.replicas.iter().map(|(partition, brokers)| {
            CreatableReplicaAssignment::default()
                .with_partition_index(*partition)
                .with_broker_ids(
                    brokers
                        .iter()
                        .map(|broker| WireBrokerId(broker.0))
                        .collect(),
                )
        });
        let configs = self.configs.iter().map(|(name, value)| {
            CreatableTopicConfig::default()
                .with_name(text(name))
                .with_value(Some(text(value)))
        });
        CreatableTopic::default()
            .with_name(topic_name(&self.name))
            .with_num_partitions(self.num_partitions.unwrap_or(-1))
            .with_replication_factor(self.replication_factor.unwrap_or(-1))
            .with_assignments(replicas.collect())
            .with_configs(configs.collect())
    }
}

/// A topic that was created, as far as the broker tells and this client may know (KIP-525).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreatedTopic {
    /// Its id.
    pub id: Option<Uuid>,
    /// How many partitions it has.
    pub num_partitions: Option<i32>,
    /// How many copies each partition has.
    pub replication_factor: Option<i16>,
    /// Its configuration.
    pub configs: BTreeMap<String, ConfigEntry>,
}

/// Said by a broker that is not, or not yet, the one to ask, or that asks for patience.
const AGAIN: &[ErrorCode] = &[ErrorCode::NotController, ErrorCode::ThrottlingQuotaExceeded];

impl Admin {
    /// Creates a topic. Method of Java: `createTopics`.
    ///
    /// # Errors
    ///
    /// `Broker(TOPIC_ALREADY_EXISTS)` if there is one. That can also be the work of an earlier attempt of this call whose
    /// answer was lost.
    ///
    /// Not cancel safe: the topic may or may not be created.
    pub async fn create_topic(&self, topic: &NewTopic) -> Result<CreatedTopic, Error> {
        only(self.create_topics(std::slice::from_ref(topic)).await)
    }

    /// Creates topics; a result for each, by its name. See [`Admin::create_topic`].
    ///
    /// Not cancel safe: topics may or may not be created.
    pub async fn create_topics(&self, topics: &[NewTopic]) -> Results<String, CreatedTopic> {
        self.create(topics, false).await
    }

    /// Whether topics could be created; creates none.
    ///
    /// Cancel safe.
    pub async fn validate_topics(&self, topics: &[NewTopic]) -> Results<String, CreatedTopic> {
        self.create(topics, true).await
    }

    async fn create(
        &self,
        topics: &[NewTopic],
        validate_only: bool,
    ) -> Results<String, CreatedTopic> {
        let topics: BTreeMap<&str, &NewTopic> =
            topics.iter().map(|topic| (&*topic.name, topic)).collect();
        let mut attempts = self.attempts(topics.keys().map(|name| (*name).to_owned()));
        while let Some(names) = attempts.next().await {
            let timeout = self.one_attempt(attempts.left());
            let request = CreateTopicsRequest::default()
                .with_topics(names.iter().map(|name| topics[&**name].to_wire()).collect())
                .with_timeout_ms(millis(timeout))
                .with_validate_only(validate_only);
            let answer = self
                .cluster
                .request(Target::Controller, Purpose::General, request, timeout)
                .await;
            attempts.take(answer.map(|answer| {
                answer
                    .topics
                    .into_iter()
                    .map(|topic| self.created(topic))
                    .collect()
            }));
        }
        attempts.finish(|name| format!("creating topic `{name}`"))
    }

    fn created(&self, topic: CreatableTopicResult) -> (String, Outcome<CreatedTopic>) {
        let (name, code) = (topic.name.to_string(), ErrorCode(topic.error_code));
        self.distrust(code, None);
        let message = topic.error_message.clone();
        (
            name,
            Outcome::of(code, message.as_deref(), AGAIN, || read_created(topic)),
        )
    }

    /// Deletes a topic. Method of Java: `deleteTopics`.
    ///
    /// # Errors
    ///
    /// `Broker(UNKNOWN_TOPIC_OR_PARTITION)` if there is none.
    ///
    /// Not cancel safe: the topic may or may not be deleted.
    pub async fn delete_topic(&self, name: &str) -> Result<(), Error> {
        only(self.delete_topics(&[name]).await)
    }

    /// Deletes topics; a result for each, by its name. See [`Admin::delete_topic`].
    ///
    /// Not cancel safe: topics may or may not be deleted.
    pub async fn delete_topics(&self, names: &[&str]) -> Results<String, ()> {
        /// The first version that deletes by id, too, and so names topics in another place.
        const BY_ID: i16 = 6;
        let mut attempts = self.attempts(names.iter().map(|name| (*name).to_owned()));
        while let Some(names) = attempts.next().await {
            let timeout = self.one_attempt(attempts.left());
            let build = |version| {
                let request = DeleteTopicsRequest::default().with_timeout_ms(millis(timeout));
                let names = names.iter().map(|name| topic_name(name));
                if version >= BY_ID {
                    let state = |name| DeleteTopicState::default().with_name(Some(name));
                    request.with_topics(names.map(state).collect())
                } else {
                    request.with_topic_names(names.collect())
                }
            };
            let answer = self
                .cluster
                .request_with(Target::Controller, Purpose::General, timeout, build)
                .await;
            attempts.take(answer.map(|(answer, _)| {
                let deleted = answer.responses.into_iter().filter_map(|topic| {
                    let code = ErrorCode(topic.error_code);
                    self.distrust(code, None);
                    let name = topic.name?.to_string();
                    Some((
                        name,
                        Outcome::of(code, topic.error_message.as_deref(), AGAIN, || ()),
                    ))
                });
                deleted.collect()
            }));
        }
        attempts.finish(|name| format!("deleting topic `{name}`"))
    }

    /// Gives topics more partitions, up to a total for each. Method of Java: `createPartitions`.
    ///
    /// Not cancel safe: partitions may or may not be created.
    pub async fn create_partitions(&self, totals: &BTreeMap<String, i32>) -> Results<String, ()> {
        let mut attempts = self.attempts(totals.keys().cloned());
        while let Some(names) = attempts.next().await {
            let timeout = self.one_attempt(attempts.left());
            let topic = |name: &String| {
                let topic = CreatePartitionsTopic::default().with_name(topic_name(name));
                topic.with_count(totals[name]).with_assignments(None)
            };
            let request = CreatePartitionsRequest::default()
                .with_topics(names.iter().map(topic).collect())
                .with_timeout_ms(millis(timeout));
            let answer = self
                .cluster
                .request(Target::Controller, Purpose::General, request, timeout)
                .await;
            attempts.take(answer.map(|answer| {
                let created = answer.results.into_iter().map(|topic| {
                    let code = ErrorCode(topic.error_code);
                    self.distrust(code, None);
                    let outcome = Outcome::of(code, topic.error_message.as_deref(), AGAIN, || ());
                    (topic.name.to_string(), outcome)
                });
                created.collect()
            }));
        }
        attempts.finish(|name| format!("giving topic `{name}` more partitions"))
    }

    /// Describes a topic. Method of Java: `describeTopics`.
    ///
    /// # Errors
    ///
    /// `Broker(UNKNOWN_TOPIC_OR_PARTITION)` at once if the broker that was asked does not know it: one that was created just
    /// now may be known a moment later.
    ///
    /// Cancel safe.
    pub async fn describe_topic(&self, name: &str) -> Result<Arc<Topic>, Error> {
        only(self.describe_topics(&[name]).await)
    }

    /// Describes topics; a result for each, by its name. See [`Admin::describe_topic`].
    ///
    /// Cancel safe.
    pub async fn describe_topics(&self, names: &[&str]) -> Results<String, Arc<Topic>> {
        let mut attempts = self.attempts(names.iter().map(|name| (*name).to_owned()));
        while let Some(names) = attempts.next().await {
            let names: Vec<&str> = names.iter().map(|name| &**name).collect();
            let metadata = self.metadata(Some(&names), attempts.left()).await;
            attempts.take(metadata.map(|metadata| {
                let described = metadata.topics().map(|topic| {
                    let code = topic.error.unwrap_or(ErrorCode::None);
                    let again = &[ErrorCode::LeaderNotAvailable];
                    (
                        topic.name.to_string(),
                        Outcome::of(code, None, again, || Arc::clone(topic)),
                    )
                });
                described.collect()
            }));
        }
        attempts.finish(|name| format!("describing topic `{name}`"))
    }

    /// All topics that this client may see, Kafka's own among them. Method of Java: `listTopics`.
    ///
    /// # Errors
    ///
    /// If no broker answers.
    ///
    /// Cancel safe.
    pub async fn list_topics(&self) -> Result<Vec<Arc<Topic>>, Error> {
        let mut attempts = self.attempts([()]);
        while attempts.next().await.is_some() {
            let metadata = self.metadata(None, attempts.left()).await;
            attempts.take(metadata.map(|metadata| {
                let topics = metadata.topics().cloned().collect();
                vec![((), Outcome::Done(Ok(topics)))]
            }));
        }
        only(attempts.finish(|()| "listing topics".to_owned()))
    }

    /// What one broker knows now of these topics, or of all.
    pub(super) async fn metadata(
        &self,
        names: Option<&[&str]>,
        left: Duration,
    ) -> Result<Metadata, Error> {
        let by_name = |name: &&str| MetadataRequestTopic {
            name: Some(text(name)),
            ..MetadataRequestTopic::default()
        };
        let request = MetadataRequest {
            topics: names.map(|names| names.iter().map(by_name).collect()),
            allow_auto_topic_creation: false,
            ..MetadataRequest::default()
        };
        let timeout = self.one_attempt(left);
        let build = |_| request.clone();
        let (answer, _) = self
            .cluster
            .request_own(Target::Any, Purpose::General, timeout, build)
            .await?;
        answer.error_code.check()?;
        Ok(Metadata::of(answer))
    }
}

fn read_created(topic: CreatableTopicResult) -> CreatedTopic {
    if ErrorCode(topic.topic_config_error_code).is_error() {
        // Who may create a topic may still not be allowed to see its configuration.
        return CreatedTopic {
            id: Some(topic.topic_id).filter(|id| !id.is_nil()),
            ..CreatedTopic::default()
        };
    }
    let configs = topic.configs.unwrap_or_default().into_iter().map(|config| {
        let entry = ConfigEntry {
            name: config.name.to_string(),
            value: config.value.map(|value| value.to_string()),
            source: ConfigSource::from_wire(config.config_source),
            is_read_only: config.read_only,
            is_sensitive: config.is_sensitive,
            synonyms: Vec::new(),
        };
        (entry.name.clone(), entry)
    });
    CreatedTopic {
        id: Some(topic.topic_id).filter(|id| !id.is_nil()),
        num_partitions: Some(topic.num_partitions).filter(|count| *count > 0),
        replication_factor: Some(topic.replication_factor).filter(|factor| *factor > 0),
        configs: configs.collect(),
    }
}

pub(super) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(super) fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}
