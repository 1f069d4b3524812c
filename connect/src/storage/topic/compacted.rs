//! The topics of a cluster of workers: made as they have to be, and checked where they are there already.

use std::collections::BTreeMap;
use std::time::Duration;

use kconnect_client::admin::{Admin, NewTopic};
use kconnect_client::{Error, ErrorCode, ErrorKind};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, info, warn};

use crate::api::ConnectError;

/// How long a topic that could be neither created nor seen is looked for.
const LOOK_UP: Duration = Duration::from_secs(30);
const COMPACT: &str = "compact";

/// One of the three topics of a cluster of workers.
#[derive(Debug, Clone)]
pub(crate) struct CompactedTopic {
    /// Its name.
    pub(crate) name: String,
    /// The worker's key that names it.
    pub(crate) key: &'static str,
    /// What is in it, as errors say it: `connector configurations`.
    pub(crate) purpose: &'static str,
    /// Partitions of a new topic; -1 for the broker's default.
    pub(crate) partitions: i32,
    /// Copies of each; -1 for the broker's default.
    pub(crate) replication_factor: i16,
    /// Configuration of a new topic, besides its being compacted.
    pub(crate) configs: BTreeMap<String, String>,
    /// How long to try to create it.
    pub(crate) patience: Duration,
    /// How long to wait between two tries.
    pub(crate) backoff: Duration,
}

impl CompactedTopic {
    /// Creates the topic if it is missing; says how many partitions it has.
    ///
    /// # Errors
    ///
    /// In Kafka's words: it cannot be created, it is not compacted, or it cannot be seen.
    pub(crate) async fn ensure(&self, admin: &Admin) -> Result<i32, ConnectError> {
        if self.create(admin).await? {
            info!(
                "Created topic '{}' with {} partitions, replication factor {} and cleanup.policy={COMPACT}",
                self.name, self.partitions, self.replication_factor
            );
        } else {
            self.check_policy(admin).await?;
        }
        self.partitions_of(admin).await
    }

    /// Whether the topic is new.
    async fn create(&self, admin: &Admin) -> Result<bool, ConnectError> {
        let deadline = Instant::now() + self.patience;
        let topic = self.new_topic();
        loop {
            let Err(error) = admin.create_topic(&topic).await else {
                return Ok(true);
            };
            match verdict(&error) {
                Verdict::There => {
                    debug!("Found existing topic '{}'", self.name);
                    return Ok(false);
                }
                Verdict::NotAllowed => {
                    debug!(%error, "topic '{}' cannot be created from here; it may be there", self.name);
                    return Ok(false);
                }
                Verdict::Again if Instant::now() + self.backoff < deadline => {
                    warn!(%error, "topic '{}' cannot be created yet; trying again", self.name);
                    sleep(self.backoff).await;
                }
                Verdict::Again => {
                    let text = "Timeout expired while trying to create topic(s)";
                    return Err(
                        ConnectError::new(format!("{text} '{}'", self.name)).caused_by(error)
                    );
                }
                Verdict::Failed => {
                    let text = format!(
                        "Error while attempting to create/find topic(s) '{}'",
                        self.name
                    );
                    return Err(ConnectError::new(text).caused_by(error));
                }
            }
        }
    }

    fn new_topic(&self) -> NewTopic {
        let mut topic = NewTopic::new(&self.name);
        topic.num_partitions = Some(self.partitions).filter(|&count| count > 0);
        topic.replication_factor = Some(self.replication_factor).filter(|&factor| factor > 0);
        topic.configs = self.configs.clone();
        topic
            .configs
            .insert("cleanup.policy".to_owned(), COMPACT.to_owned());
        topic
    }

    async fn check_policy(&self, admin: &Admin) -> Result<(), ConnectError> {
        let (name, key, purpose) = (&self.name, self.key, self.purpose);
        let configs = match admin.describe_topic_config(name).await {
            Ok(configs) => configs,
            Err(error) => {
                info!(
                    %error,
                    "Unable to verify that the topic '{name}' has cleanup.policy={COMPACT}; it must have, to keep the {purpose}"
                );
                return Ok(());
            }
        };
        let policy = configs
            .get("cleanup.policy")
            .and_then(|entry| entry.value.clone());
        let policy = policy.unwrap_or_default();
        if policy
            .split(',')
            .map(str::trim)
            .filter(|one| !one.is_empty())
            .eq([COMPACT])
        {
            return Ok(());
        }
        Err(ConnectError::new(format!(
            "Topic '{name}' supplied via the '{key}' property is required to have 'cleanup.policy={COMPACT}' to guarantee \
             consistency and durability of {purpose}, but found the topic currently has 'cleanup.policy={policy}'. Continuing \
             would likely result in eventually losing {purpose} and problems restarting this Connect cluster in the future. \
             Change the '{key}' property in the Connect worker configurations to use a topic with 'cleanup.policy={COMPACT}'."
        )))
    }

    /// A topic that was just created may not be known everywhere yet.
    async fn partitions_of(&self, admin: &Admin) -> Result<i32, ConnectError> {
        let deadline = Instant::now() + LOOK_UP;
        loop {
            let error = match admin.describe_topic(&self.name).await {
                Ok(topic) if !topic.partitions.is_empty() => {
                    return Ok(i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX));
                }
                Ok(_) => None,
                Err(error) => Some(error),
            };
            let next = Instant::now() + self.backoff;
            if next >= deadline {
                let text = format!(
                    "Could not look up partition metadata for topic '{}' in the allotted period. This could indicate a \
                     connectivity issue, unavailable topic partitions, or if this is your first use of the topic it may have \
                     taken too long to create.",
                    self.name
                );
                let failed = ConnectError::new(text);
                return Err(match error {
                    Some(error) => failed.caused_by(error),
                    None => failed,
                });
            }
            sleep_until(next).await;
        }
    }
}

/// What an error of an attempt to create a topic means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    There,
    NotAllowed,
    Again,
    Failed,
}

fn verdict(error: &Error) -> Verdict {
    match error.code() {
        Some(ErrorCode::TopicAlreadyExists) => Verdict::There,
        Some(
            ErrorCode::TopicAuthorizationFailed
            | ErrorCode::ClusterAuthorizationFailed
            | ErrorCode::UnsupportedVersion,
        ) => Verdict::NotAllowed,
        // Brokers that have not all come up yet.
        Some(ErrorCode::InvalidReplicationFactor) => Verdict::Again,
        _ if error.kind() == ErrorKind::BrokerIncompatible => Verdict::NotAllowed,
        _ if error.is_retriable() => Verdict::Again,
        _ => Verdict::Failed,
    }
}
