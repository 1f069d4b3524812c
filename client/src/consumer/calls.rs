//! Positions, commits and questions about offsets.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kconnect_protocol::TopicPartition;
use kconnect_protocol::messages::list_offsets::timestamp;
use kconnect_protocol::types::LeaderEpoch;

use super::commit::{Commit, Offsets};
use super::core::{LogBounds, Position, ResetTo};
use super::handle::misuse;
use super::{Consumer, OffsetAndMetadata, lookup};
use crate::cluster::Partition;
use crate::net::now;
use crate::{Error, ErrorKind};

/// The first record that is not older than a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetAndTimestamp {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp, in milliseconds since the epoch.
    pub timestamp: i64,
    /// The epoch of the leader that wrote it, if it is known.
    pub leader_epoch: Option<LeaderEpoch>,
}

impl Consumer {
    /// The offset of the next record that `poll` hands out; waits until it is known.
    ///
    /// # Errors
    ///
    /// `Misuse` if the partition is not assigned; `Timeout` if it is not known after `default.api.timeout.ms`; what is wrong
    /// with the partition, such as no committed offset with `auto.offset.reset=none`.
    ///
    /// Cancel safe.
    pub async fn position(&mut self, partition: &TopicPartition) -> Result<i64, Error> {
        let deadline = now() + self.config.default_api_timeout;
        self.core.position(partition)?;
        let mut trouble = None;
        let known = self
            .work_until(deadline, |consumer| {
                trouble = consumer.core.poll_error();
                trouble.is_some() || consumer.core.position(partition).ok().flatten().is_some()
            })
            .await;
        match (trouble, self.core.position(partition)?) {
            (Some(error), _) => Err(error),
            (None, Some(position)) if known => Ok(position.offset),
            _ => {
                let text = format!(
                    "the position of `{partition}` is not known after {:?}",
                    self.config.default_api_timeout
                );
                Err(Error::new(ErrorKind::Timeout, text))
            }
        }
    }

    /// The offsets of the next records that `poll` hands out, of the partitions where that is known. Never waits.
    pub fn positions(&self) -> impl Iterator<Item = (&TopicPartition, i64)> {
        self.core
            .positions()
            .map(|(partition, position)| (partition, position.offset))
    }

    /// Goes on at this offset: the next record handed out is this one, or the first after it. What was fetched before
    /// is dropped, and so is the answer to a fetch under way.
    ///
    /// # Errors
    ///
    /// `Misuse` if the partition is not assigned (a subscription assigns partitions during `poll`), or the offset is negative.
    pub fn seek(
        &mut self,
        partition: &TopicPartition,
        offset: impl Into<OffsetAndMetadata>,
    ) -> Result<(), Error> {
        self.core.seek(partition, Position::from(&offset.into()))
    }

    /// Goes on at the beginning of these partitions; of all if there are none.
    ///
    /// # Errors
    ///
    /// `Misuse` if one is not assigned. The offsets themselves are looked up by the next poll.
    pub fn seek_to_beginning(&mut self, partitions: &[TopicPartition]) -> Result<(), Error> {
        self.seek_to(partitions, ResetTo::Earliest)
    }

    /// Goes on at the end of these partitions; of all if there are none. With `isolation.level=read_committed` that is the
    /// last stable offset.
    ///
    /// # Errors
    ///
    /// As [`seek_to_beginning`](Self::seek_to_beginning).
    pub fn seek_to_end(&mut self, partitions: &[TopicPartition]) -> Result<(), Error> {
        self.seek_to(partitions, ResetTo::Latest)
    }

    fn seek_to(&mut self, partitions: &[TopicPartition], to: ResetTo) -> Result<(), Error> {
        let all = if partitions.is_empty() {
            self.assignment()
        } else {
            partitions.to_vec()
        };
        all.iter().try_for_each(|name| self.core.seek_to(name, to))
    }

    /// Hands out no more of these partitions until [`resume`](Self::resume); what was fetched waits. It lasts until the
    /// partition is taken away.
    ///
    /// # Errors
    ///
    /// `Misuse` if one is not assigned.
    pub fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), Error> {
        partitions.iter().try_for_each(|name| self.core.pause(name))
    }

    /// Goes on with paused partitions, and tries again those that an error stopped.
    ///
    /// # Errors
    ///
    /// `Misuse` if one is not assigned.
    pub fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), Error> {
        partitions
            .iter()
            .try_for_each(|name| self.core.resume(name))
    }

    /// The partitions that are paused.
    #[must_use]
    pub fn paused(&self) -> Vec<TopicPartition> {
        self.core.paused().cloned().collect()
    }

    /// How many records lie between the position and the end of the log, as the last fetch saw it; `None` if nothing was
    /// fetched yet. With `isolation.level=read_committed` the end is the last stable offset.
    ///
    /// # Errors
    ///
    /// `Misuse` if the partition is not assigned.
    pub fn lag(&self, partition: &TopicPartition) -> Result<Option<i64>, Error> {
        let (position, bounds) = (self.core.position(partition)?, self.core.bounds(partition)?);
        let end = |bounds: LogBounds| match self.config.isolation_level {
            kconnect_protocol::types::IsolationLevel::ReadCommitted => bounds.last_stable_offset,
            kconnect_protocol::types::IsolationLevel::ReadUncommitted => bounds.high_watermark,
        };
        let lag = |position: Position| Some(end(bounds?).saturating_sub(position.offset).max(0));
        Ok(position.and_then(lag))
    }

    /// Commits positions, and waits until the group has them. `None` commits what was handed out of every assigned partition
    /// up to now; else these offsets, each that of the next record to process.
    ///
    /// # Errors
    ///
    /// `Misuse` without `group.id`, or for a partition that the group has not assigned to this consumer;
    /// `Broker(UNKNOWN_MEMBER_ID)` or `Broker(ILLEGAL_GENERATION)` if others have the partitions by now; `Timeout` after
    /// `default.api.timeout.ms`. With an error, some of the partitions may be committed.
    ///
    /// Cancel safe: the commit goes on, only its answer is given up.
    pub async fn commit_sync(&mut self, offsets: Option<Offsets>) -> Result<(), Error> {
        self.commit_async(offsets)?.await
    }

    /// As [`commit_sync`](Self::commit_sync), without waiting: what is returned may be awaited, or dropped; then a failure is
    /// logged. A commit never undoes a later one, however often it has to be tried.
    ///
    /// # Errors
    ///
    /// `Misuse` as [`commit_sync`](Self::commit_sync).
    pub fn commit_async(&mut self, offsets: Option<Offsets>) -> Result<Commit, Error> {
        let Some(commits) = &self.commits else {
            return Err(misuse(
                "commit without group.id: offsets are committed for a group",
            ));
        };
        let offsets = match offsets {
            None => self
                .core
                .positions()
                .map(|(name, position)| (name.clone(), position.into()))
                .collect(),
            Some(offsets) => offsets,
        };
        for (name, offset) in &offsets {
            if offset.offset < 0 {
                return Err(misuse(format!(
                    "commit {} of `{name}`: an offset is not negative",
                    offset.offset
                )));
            }
            if self.subscribed.is_some() && !self.core.contains(name) {
                let text = format!(
                    "commit of `{name}`: the group has given it to somebody else, or never to this consumer"
                );
                return Err(misuse(text));
            }
        }
        Ok(commits.commit(offsets, now() + self.config.default_api_timeout))
    }

    /// What the group has committed; `None` for a partition without.
    ///
    /// # Errors
    ///
    /// `Misuse` without `group.id`; what the coordinator says; `Timeout` after `default.api.timeout.ms`.
    ///
    /// Cancel safe.
    pub async fn committed(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, Option<OffsetAndMetadata>>, Error> {
        let Some(group) = self.config.group() else {
            return Err(misuse(
                "committed without group.id: offsets are committed for a group",
            ));
        };
        lookup::committed(
            self.cluster.clone(),
            group.into(),
            partitions.to_vec(),
            self.deadline(),
        )
        .await
    }

    /// The first offset of each partition that can be read.
    ///
    /// # Errors
    ///
    /// What is wrong with one of the partitions; `Timeout` after `default.api.timeout.ms`.
    ///
    /// Cancel safe.
    pub async fn beginning_offsets(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, i64>, Error> {
        self.edges(partitions, timestamp::EARLIEST).await
    }

    /// The offset that the next record of each partition will get, or with `isolation.level=read_committed` the last stable
    /// offset.
    ///
    /// # Errors
    ///
    /// As [`beginning_offsets`](Self::beginning_offsets).
    ///
    /// Cancel safe.
    pub async fn end_offsets(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, i64>, Error> {
        self.edges(partitions, timestamp::LATEST).await
    }

    async fn edges(
        &self,
        partitions: &[TopicPartition],
        place: i64,
    ) -> Result<BTreeMap<TopicPartition, i64>, Error> {
        let wanted = partitions
            .iter()
            .map(|name| (name.clone(), place))
            .collect();
        let found = self.list_offsets(wanted).await?;
        // The edges of a log always exist; brokers answer -1 for neither.
        Ok(found
            .into_iter()
            .filter_map(|(name, found)| Some((name, found?.offset)))
            .collect())
    }

    /// For each partition the first record that is not older than a time, in milliseconds since the epoch; `None` if
    /// there is none.
    ///
    /// # Errors
    ///
    /// `Misuse` for a negative time; else as [`beginning_offsets`](Self::beginning_offsets).
    ///
    /// Cancel safe.
    pub async fn offsets_for_times(
        &self,
        times: &BTreeMap<TopicPartition, i64>,
    ) -> Result<BTreeMap<TopicPartition, Option<OffsetAndTimestamp>>, Error> {
        if let Some((name, time)) = times.iter().find(|(_, time)| **time < 0) {
            return Err(misuse(format!(
                "offset of `{name}` for time {time}: a time is not negative"
            )));
        }
        self.list_offsets(times.clone()).await
    }

    async fn list_offsets(
        &self,
        wanted: BTreeMap<TopicPartition, i64>,
    ) -> Result<BTreeMap<TopicPartition, Option<OffsetAndTimestamp>>, Error> {
        let level = self.config.isolation_level;
        let found =
            lookup::list_offsets(self.cluster.clone(), level, wanted, self.deadline()).await?;
        let found = found.into_iter().map(|(name, found)| {
            let found = found?.map(|found| OffsetAndTimestamp {
                offset: found.offset,
                timestamp: found.timestamp,
                leader_epoch: found.leader_epoch,
            });
            Ok((name, found))
        });
        found.collect()
    }

    /// The partitions of a topic, and who leads them.
    ///
    /// # Errors
    ///
    /// Why the topic is not known after `default.api.timeout.ms`.
    ///
    /// Cancel safe.
    pub async fn partitions_for(&self, topic: &str) -> Result<Vec<Partition>, Error> {
        let metadata = self.cluster.topics(&[topic], self.deadline()).await?;
        Ok(metadata
            .topic(topic)
            .map(|topic| topic.partitions.clone())
            .unwrap_or_default())
    }

    /// Waits up to `timeout` for commits that are under way.
    ///
    /// Cancel safe.
    pub async fn commits_settled(&self, timeout: Duration) {
        if let Some(commits) = &self.commits {
            commits.drained(now() + timeout).await;
        }
    }

    fn deadline(&self) -> Instant {
        now() + self.config.default_api_timeout
    }
}
