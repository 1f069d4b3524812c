//! Administration: topics, configurations, offsets, groups.
//!
//! A call about several things has a result for each of them: one topic that cannot be created does not keep the others
//! from it. Calls are sent to whom Kafka wants them sent (controller, leaders, coordinators) and again, as long as there is
//! time, if that broker was the wrong one, could not be reached, or asks for patience.

mod attempts;
mod cluster;
mod configs;
mod group_offsets;
mod groups;
mod log_offsets;
mod topics;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kconnect_protocol::types::BrokerId;
use kconnect_protocol::{ErrorCode, TopicPartition};

pub use self::cluster::ClusterDescription;
pub use configs::{
    AlterOperation, ConfigEntry, ConfigResource, ConfigSource, ConfigSynonym, ResourceType,
};
pub use groups::{GroupDescription, GroupListing, GroupMember};
pub use log_offsets::{ListedOffset, OffsetSpec};
pub use topics::{CreatedTopic, NewTopic};

use crate::cluster::{
    Cluster, ClusterOptions, CoordinatorKind, Metadata, Target, numbered_client_id,
};
use crate::config::AdminConfig;
use crate::error::{Error, ErrorKind};
use crate::net::{Purpose, now};
use attempts::{Attempts, Outcome};

/// A result for each thing that a call was about.
pub type Results<K, T> = BTreeMap<K, Result<T, Error>>;

/// An admin client. Clones share their connections; all of it ends with the last one.
#[derive(Clone, Debug)]
pub struct Admin {
    cluster: Cluster,
    timeout: Duration,
}

impl Admin {
    /// An admin client; it connects when it is used.
    ///
    /// # Errors
    ///
    /// `Config` if the configuration is wrong, `Misuse` outside of a tokio runtime.
    pub fn new(config: &AdminConfig) -> Result<Self, Error> {
        let options = ClusterOptions {
            client_id: numbered_client_id("adminclient"),
            ..ClusterOptions::default()
        };
        let cluster = Cluster::new(&config.common, &options)?;
        Ok(Self::on(cluster, config.default_api_timeout))
    }

    /// An admin client that shares the connections of another client. A call may take `timeout`.
    #[doc(hidden)]
    pub fn on(cluster: Cluster, timeout: Duration) -> Self {
        Self { cluster, timeout }
    }

    /// Sends any request of the generated messages to whom it is for, once, and waits for its answer: for all that has no
    /// method of its own. What the answer says is the caller's to judge.
    ///
    /// # Errors
    ///
    /// `Network` or `Timeout` if no answer came, `BrokerIncompatible` if the broker speaks no version that has all that the
    /// request says.
    ///
    /// Not cancel safe: the request may or may not be sent.
    pub async fn request<R>(&self, target: Target<'_>, request: R) -> Result<R::Response, Error>
    where
        R: kafka_protocol::protocol::Request + Clone,
    {
        self.cluster
            .request(target, Purpose::General, request, self.timeout)
            .await
    }

    /// Closes all connections. Calls under way end with `Closed`.
    pub async fn close(&self) {
        self.cluster.close().await;
    }

    /// The attempts at something about each of `items`, as long as a call may take.
    fn attempts<K: Ord + Clone, T>(&self, items: impl IntoIterator<Item = K>) -> Attempts<K, T> {
        let deadline = now()
            .checked_add(self.timeout)
            .unwrap_or_else(|| now() + Duration::from_hours(24));
        Attempts::new(items, self.cluster.retry(deadline))
    }

    /// How long one attempt may take if `left` is left for all.
    fn one_attempt(&self, left: Duration) -> Duration {
        left.min(self.cluster.request_timeout())
    }

    /// Draws the consequences of an error code: who said it was not the one to ask.
    fn distrust(&self, code: ErrorCode, group: Option<&str>) {
        match (code, group) {
            (ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable, Some(group)) => {
                self.cluster
                    .forget_coordinator(CoordinatorKind::Group, group);
            }
            (ErrorCode::NotController, _) => self.cluster.refresh(code),
            _ if code.refreshes_metadata() => self.cluster.refresh(code),
            _ => {}
        }
    }

    /// Sorts partitions by the brokers that lead them, as an answer of now says it; those that nobody leads have an outcome
    /// already.
    async fn by_leader<T>(
        &self,
        partitions: &[TopicPartition],
        left: Duration,
    ) -> Result<(ByBroker, Vec<(TopicPartition, Outcome<T>)>), Error> {
        let mut topics: Vec<&Arc<str>> = partitions
            .iter()
            .map(|partition| &partition.topic)
            .collect();
        topics.dedup();
        let names: Vec<&str> = topics.into_iter().map(|topic| &**topic).collect();
        let metadata = self.metadata(Some(&names), left).await?;
        let (mut led, mut others) = (ByBroker::new(), Vec::new());
        for partition in partitions {
            match leader_of(&metadata, partition) {
                Ok(leader) => led.entry(leader).or_default().push(partition.clone()),
                Err(code) => {
                    let doing = format!("looking for the leader of {partition}");
                    let error = Error::broker(code).during(doing);
                    let is_final = !code.is_retriable();
                    let outcome = if is_final {
                        Outcome::Done(Err(error))
                    } else {
                        Outcome::Again(error)
                    };
                    others.push((partition.clone(), outcome));
                }
            }
        }
        if led
            .keys()
            .any(|leader| self.cluster.metadata().broker(*leader).is_none())
        {
            self.cluster
                .refreshed("a leader is not known", now() + left)
                .await?;
        }
        Ok((led, others))
    }
}

/// Partitions by broker.
type ByBroker = BTreeMap<BrokerId, Vec<TopicPartition>>;

fn leader_of(metadata: &Metadata, partition: &TopicPartition) -> Result<BrokerId, ErrorCode> {
    let topic = metadata
        .topic(&partition.topic)
        .ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let found = topic.partition(partition.partition);
    let found = found.ok_or_else(|| topic.error.unwrap_or(ErrorCode::UnknownTopicOrPartition))?;
    found.leader.ok_or(ErrorCode::LeaderNotAvailable)
}

/// One of several results, for a call about one thing.
fn only<K, T>(results: Results<K, T>) -> Result<T, Error> {
    let first = results.into_values().next();
    first.unwrap_or_else(|| {
        Err(Error::new(
            ErrorKind::Bug,
            "a call about one thing had no result",
        ))
    })
}

/// Groups partitions by topic, in the shape of requests.
fn by_topic<'a>(
    partitions: impl IntoIterator<Item = &'a TopicPartition>,
) -> BTreeMap<&'a Arc<str>, Vec<i32>> {
    let mut topics: BTreeMap<_, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics
            .entry(&partition.topic)
            .or_default()
            .push(partition.partition);
    }
    topics
}

/// A time for a request's body, in milliseconds.
fn millis(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
}
