//! The consumer's handle: what it holds, and how it comes to its partitions.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kconnect_protocol::TopicPartition;
use kconnect_protocol::types::StrBytes;
use tokio::task::JoinSet;

use super::commit::{Commit, CommitSettings, Commits};
use super::core::{Core, CoreSettings, Position, Reading, ResetTo};
use super::group::{ConsumerProtocol, LeaderView, Rebalance, Topics, mode, offers};
use super::poll::Done;
use crate::cluster::{Cluster, ClusterOptions, Interest, MetadataWatch, numbered_client_id};
use crate::config::{AutoOffsetReset, ConsumerConfig};
use crate::group::{GroupSettings, Member, Offers};
use crate::net::{Random, now};
use crate::{Error, ErrorKind};

/// Reads records from topics, alone or as a member of a group.
///
/// A consumer is used by one task at a time. While it is not polled it goes on to heartbeat and to finish what it
/// has asked brokers for, but it hands out nothing and begins nothing new.
///
/// Dropping it leaves the group in the background and commits nothing; [`Consumer::close`] does both in
/// order.
pub struct Consumer {
    pub(super) config: Arc<ConsumerConfig>,
    pub(super) cluster: Cluster,
    pub(super) interest: Interest,
    pub(super) watch: MetadataWatch,
    pub(super) core: Core,
    /// Questions to the cluster that are under way.
    pub(super) jobs: JoinSet<Done>,
    /// With `group.id`.
    pub(super) commits: Option<Commits>,
    pub(super) subscribed: Option<Subscribed>,
    pub(super) auto_commit: Option<AutoCommit>,
    /// Whether metadata or the assignment changed since the core last looked.
    pub(super) looks_at_metadata: bool,
}

/// A consumer whose partitions come from its group.
pub(super) struct Subscribed {
    pub(super) topics: Topics,
    pub(super) member: Member,
    pub(super) rebalance: Rebalance,
    pub(super) leader_view: LeaderView,
    /// The member was told to join.
    pub(super) has_joined: bool,
    /// The commit of partitions that are being given up.
    pub(super) saving: Option<Saving>,
}

/// A commit that has to end before partitions are given up.
pub(super) struct Saving {
    pub(super) commit: Commit,
    pub(super) names: Vec<TopicPartition>,
}

/// `enable.auto.commit`.
pub(super) struct AutoCommit {
    pub(super) interval: Duration,
    pub(super) due: Instant,
}

impl Consumer {
    /// A consumer with no partitions yet. It connects when something is needed.
    ///
    /// # Errors
    ///
    /// `Config` with every complaint about `config`; `Misuse` outside of a tokio runtime.
    pub fn new(config: ConsumerConfig) -> Result<Self, Error> {
        let role = match config.group() {
            Some(group) => format!("consumer-{group}"),
            None => "consumer".to_owned(),
        };
        let options = ClusterOptions {
            client_id: numbered_client_id(&role),
            ..ClusterOptions::default()
        };
        Self::with_options(config, options)
    }

    /// As [`Consumer::new`], with a way to the brokers of one's own.
    #[doc(hidden)]
    pub fn with_options(config: ConsumerConfig, options: ClusterOptions) -> Result<Self, Error> {
        config.validate()?;
        let mut options = options;
        options.allow_auto_topic_creation = config.allow_auto_create_topics;
        // An answer is as large as was asked for, and one batch more.
        let fetch_max = usize::try_from(config.fetch_max_bytes).unwrap_or(usize::MAX);
        options.frame_max = options.frame_max.max(fetch_max.saturating_mul(2));
        let cluster = Cluster::new(&config.common, &options)?;
        let group = config.group().map(Arc::from);
        let auto_commit = (config.enable_auto_commit && group.is_some()).then(|| AutoCommit {
            interval: config.auto_commit_interval,
            due: now() + config.auto_commit_interval,
        });
        let commits =
            group.map(|group| Commits::start(cluster.clone(), commit_settings(&config, group)));
        Ok(Self {
            interest: cluster.interest(),
            watch: cluster.watch(),
            core: Core::new(core_settings(&config), Random::from_entropy().next()),
            jobs: JoinSet::new(),
            commits,
            subscribed: None,
            auto_commit,
            looks_at_metadata: false,
            cluster,
            config: Arc::new(config),
        })
    }

    /// Consumes these topics, as a member of the group `group.id`, from the next [`poll`](Self::poll) on.
    /// Replaces an earlier subscription. Which partitions that are, the group decides; `poll` tells.
    ///
    /// # Errors
    ///
    /// `Misuse` without `group.id`, without topics, or while partitions are assigned by hand.
    pub fn subscribe<T: AsRef<str>>(&mut self, topics: &[T]) -> Result<(), Error> {
        let names: BTreeSet<Arc<str>> = topics.iter().map(|topic| topic.as_ref().into()).collect();
        if names.is_empty() {
            return Err(misuse(
                "subscribe without topics: use unsubscribe to end a subscription",
            ));
        }
        self.subscribe_to(Topics::Named(names))
    }

    /// Consumes all topics whose whole name matches a regular expression, also those that are created later.
    /// Internal topics only without `exclude.internal.topics`.
    ///
    /// # Errors
    ///
    /// As [`subscribe`](Self::subscribe); `Misuse` if it is no regular expression (of the `regex` crate, that is without
    /// look-around and back-references).
    pub fn subscribe_pattern(&mut self, pattern: &str) -> Result<(), Error> {
        let topics = Topics::pattern(pattern)?;
        self.subscribe_to(topics)
    }

    fn subscribe_to(&mut self, topics: Topics) -> Result<(), Error> {
        let Some(group) = self.config.group() else {
            return Err(misuse(
                "subscribe without group.id: only assign works without a group",
            ));
        };
        if self.subscribed.is_none() && self.core.assignment().len() > 0 {
            return Err(misuse(
                "subscribe while partitions are assigned by hand: the two exclude each other, unsubscribe first",
            ));
        }
        let group = Arc::from(group);
        match &mut self.subscribed {
            Some(subscribed) => {
                subscribed.topics = topics;
                subscribed.resubscribe(&self.config);
            }
            None => self.start_member(group, topics),
        }
        self.look_at_metadata();
        Ok(())
    }

    fn start_member(&mut self, group: Arc<str>, topics: Topics) {
        let leader_view = LeaderView::default();
        let protocol = ConsumerProtocol::new(self.cluster.clone(), leader_view.clone());
        let settings = group_settings(&self.config, group);
        let member = Member::start(self.cluster.clone(), settings, protocol);
        if let Some(commits) = &self.commits {
            commits.sign_as(Some(member.reporter()));
        }
        self.subscribed = Some(Subscribed {
            topics,
            member,
            rebalance: Rebalance::default(),
            leader_view,
            has_joined: false,
            saving: None,
        });
    }

    /// The topics of the subscription; with a pattern those that match at the moment.
    #[must_use]
    pub fn subscription(&self) -> Vec<Arc<str>> {
        let topics = self
            .subscribed
            .as_ref()
            .map(|subscribed| subscribed.topics.names());
        topics.into_iter().flatten().cloned().collect()
    }

    /// Consumes exactly these partitions; those that it consumes already go on where they are. With `group.id` they begin
    /// at the group's committed offsets, without at `auto.offset.reset`.
    ///
    /// # Errors
    ///
    /// `Misuse` while there is a subscription, or for a negative partition.
    pub fn assign(
        &mut self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<(), Error> {
        if self.subscribed.is_some() {
            return Err(misuse(
                "assign while there is a subscription: the two exclude each other, unsubscribe first",
            ));
        }
        let names: BTreeSet<TopicPartition> = partitions.into_iter().collect();
        if let Some(wrong) = names.iter().find(|name| name.partition < 0) {
            return Err(misuse(format!(
                "assign `{wrong}`: partitions are numbered from 0"
            )));
        }
        self.own(&names);
        Ok(())
    }

    /// Has exactly these partitions from now on.
    pub(super) fn own(&mut self, names: &BTreeSet<TopicPartition>) {
        self.core.assign(names, self.commits.is_some());
        self.look_at_metadata();
    }

    /// The partitions that it consumes, in order.
    #[must_use]
    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.core.assignment().cloned().collect()
    }

    /// Ends the subscription, leaving the group, or the assignment. With automatic commits, positions are committed first.
    ///
    /// # Errors
    ///
    /// If a commit failed or the coordinator did not answer within `default.api.timeout.ms`; it is ended all the same.
    ///
    /// Cancel safe: whatever was not done then is done by calling it again.
    pub async fn unsubscribe(&mut self) -> Result<(), Error> {
        let deadline = now() + self.config.default_api_timeout;
        self.end("the consumer unsubscribed from all topics", deadline)
            .await
    }

    /// Commits if commits are automatic, waits for commits under way, leaves the group and closes the connections; all of
    /// it within `timeout`.
    ///
    /// # Errors
    ///
    /// If a commit failed or the coordinator did not answer in time; the consumer is closed all the same.
    ///
    /// Not cancel safe: it is then as if the consumer were dropped.
    pub async fn close(mut self, timeout: Duration) -> Result<(), Error> {
        let deadline = now() + timeout;
        let ended = self.end("the consumer is being closed", deadline).await;
        self.jobs.shutdown().await;
        let left = deadline.saturating_duration_since(now());
        // Its tasks end in moments; who else holds the cluster keeps it.
        let _ = tokio::time::timeout(left, self.cluster.close()).await;
        ended
    }

    async fn end(&mut self, reason: &str, deadline: Instant) -> Result<(), Error> {
        let saved = self.save_all(deadline).await;
        let mut left = Ok(());
        if let Some(subscribed) = &mut self.subscribed {
            let wait = deadline.saturating_duration_since(now());
            left = subscribed.member.leave(reason, wait).await;
        }
        self.subscribed = None;
        if let Some(commits) = &self.commits {
            commits.sign_as(None);
        }
        self.own(&BTreeSet::new());
        saved.and(left)
    }

    /// Commits every position if commits are automatic, and waits for what is under way.
    async fn save_all(&mut self, deadline: Instant) -> Result<(), Error> {
        let Some(commits) = &self.commits else {
            return Ok(());
        };
        let saved = match &self.auto_commit {
            Some(_) => {
                let offsets = self
                    .core
                    .positions()
                    .map(|(name, position)| (name.clone(), position.into()));
                commits.commit(offsets.collect(), deadline).await
            }
            None => Ok(()),
        };
        commits.drained(deadline).await;
        saved
    }

    /// Interest in the right topics, and a fresh look at what is known of them.
    pub(super) fn look_at_metadata(&mut self) {
        let mut topics: BTreeSet<Arc<str>> = self
            .core
            .assignment()
            .map(|name| name.topic.clone())
            .collect();
        let mut is_pattern = false;
        if let Some(subscribed) = &self.subscribed {
            topics.extend(subscribed.topics.names().iter().cloned());
            is_pattern = subscribed.topics.is_pattern();
        }
        self.interest.set(topics);
        self.interest.set_all(is_pattern);
        self.looks_at_metadata = true;
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("group_id", &self.config.group())
            .field("subscription", &self.subscription())
            .field("assignment", &self.assignment())
            .finish_non_exhaustive()
    }
}

impl Subscribed {
    /// What the member brings to the next JoinGroup.
    pub(super) fn offers(&self, config: &ConsumerConfig) -> Result<Offers, Error> {
        offers(
            &config.partition_assignment_strategy,
            self.topics.names(),
            self.rebalance.owned(),
            self.rebalance.generation(),
            &config.client_rack,
        )
    }

    /// The topics are others now.
    pub(super) fn resubscribe(&mut self, config: &ConsumerConfig) {
        if self.has_joined {
            let mode = mode(&config.partition_assignment_strategy);
            self.rebalance.resubscribe(&self.topics, mode);
        }
    }
}

pub(super) fn misuse(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::Misuse, text)
}

fn core_settings(config: &ConsumerConfig) -> CoreSettings {
    let bytes = |bytes: u32| i32::try_from(bytes).unwrap_or(i32::MAX);
    CoreSettings {
        min_bytes: bytes(config.fetch_min_bytes),
        max_bytes: bytes(config.fetch_max_bytes).max(1),
        max_wait: config.fetch_max_wait,
        partition_bytes: bytes(config.max_partition_fetch_bytes),
        rack: StrBytes::from_string(config.client_rack.clone()),
        reading: Reading {
            isolation_level: config.isolation_level,
            check_crcs: config.check_crcs,
        },
        reset: match config.auto_offset_reset {
            AutoOffsetReset::Latest => Some(ResetTo::Latest),
            AutoOffsetReset::Earliest => Some(ResetTo::Earliest),
            AutoOffsetReset::ByDuration(duration) => Some(ResetTo::Since(duration)),
            AutoOffsetReset::None => None,
        },
        retry_backoff: config.common.retry_backoff,
        retry_backoff_max: config.common.retry_backoff_max,
        metadata_max_age: config.common.metadata_max_age,
    }
}

fn commit_settings(config: &ConsumerConfig, group_id: Arc<str>) -> CommitSettings {
    CommitSettings {
        group_id,
        group_instance_id: config.group_instance_id.as_deref().map(Into::into),
        request_timeout: config.common.request_timeout,
        retry_backoff: config.common.retry_backoff,
        retry_backoff_max: config.common.retry_backoff_max,
    }
}

fn group_settings(config: &ConsumerConfig, group_id: Arc<str>) -> GroupSettings {
    GroupSettings {
        group_id,
        group_instance_id: config.group_instance_id.as_deref().map(Into::into),
        session_timeout: config.session_timeout,
        rebalance_timeout: config.max_poll_interval,
        heartbeat_interval: config.heartbeat_interval,
        poll_interval: Some(config.max_poll_interval),
        request_timeout: config.common.request_timeout,
        retry_backoff: config.common.retry_backoff,
        retry_backoff_max: config.common.retry_backoff_max,
    }
}

impl From<i64> for Position {
    fn from(offset: i64) -> Self {
        Self::at(offset)
    }
}
