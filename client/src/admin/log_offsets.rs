//! Offsets in the logs of partitions: listed, and moved by deleting records.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::messages::DeleteRecordsRequest;
use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use kconnect_protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsTopic,
    timestamp,
};
use kconnect_protocol::types::{BrokerId, IsolationLevel, LeaderEpoch};
use kconnect_protocol::{ErrorCode, TopicPartition};

use super::topics::{text, topic_name};
use super::{Admin, Outcome, Results, by_topic, millis};
use crate::cluster::Target;
use crate::error::Error;
use crate::join::join_all;
use crate::net::Purpose;

/// Which offset of a partition is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OffsetSpec {
    /// The first that can be read.
    Earliest,
    /// The one that the next record gets; with [`IsolationLevel::ReadCommitted`] the end of what transactions have settled.
    Latest,
    /// The record with the largest timestamp (KIP-734).
    MaxTimestamp,
    /// The first record at or after a time, in milliseconds since 1970.
    At(i64),
    /// The first one on the broker's own disk (KIP-405).
    EarliestLocal,
    /// The last one in tiered storage (KIP-1005).
    LatestTiered,
}

impl OffsetSpec {
    const fn timestamp(self) -> i64 {
        match self {
            Self::Earliest => timestamp::EARLIEST,
            Self::Latest => timestamp::LATEST,
            Self::MaxTimestamp => timestamp::MAX,
            Self::At(time) => time,
            Self::EarliestLocal => timestamp::EARLIEST_LOCAL,
            Self::LatestTiered => timestamp::LATEST_TIERED,
        }
    }
}

/// An offset of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedOffset {
    /// The offset; none if no record is as late as that.
    pub offset: Option<i64>,
    /// The timestamp of the record there, in milliseconds since 1970, where one was searched for.
    pub timestamp: Option<i64>,
    /// The epoch of the leader that wrote it.
    pub leader_epoch: Option<LeaderEpoch>,
}

/// Said by a broker that does not lead the partition, or not yet.
const AGAIN: &[ErrorCode] = &[
    ErrorCode::NotLeaderOrFollower,
    ErrorCode::UnknownTopicOrPartition,
    ErrorCode::LeaderNotAvailable,
    ErrorCode::ReplicaNotAvailable,
    ErrorCode::OffsetNotAvailable,
    ErrorCode::FencedLeaderEpoch,
    ErrorCode::UnknownLeaderEpoch,
    ErrorCode::KafkaStorageError,
];

type Outcomes<T> = Vec<(TopicPartition, Outcome<T>)>;

impl Admin {
    /// An offset of each partition. Method of Java: `listOffsets`. A partition that is not known is asked for again, for it
    /// may be about to be created.
    ///
    /// Cancel safe.
    pub async fn list_offsets(
        &self,
        specs: &BTreeMap<TopicPartition, OffsetSpec>,
        isolation_level: IsolationLevel,
    ) -> Results<TopicPartition, ListedOffset> {
        let mut attempts = self.attempts(specs.keys().cloned());
        while let Some(partitions) = attempts.next().await {
            let left = attempts.left();
            let brought = async {
                let (led, mut brought) = self.by_leader(&partitions, left).await?;
                let asked = led.into_iter().map(|(leader, led)| {
                    self.list_offsets_of(leader, led, specs, isolation_level, left)
                });
                brought.extend(join_all(asked).await.into_iter().flatten());
                Ok(brought)
            };
            attempts.take(brought.await);
        }
        attempts.finish(|partition| format!("listing offsets of {partition}"))
    }

    async fn list_offsets_of(
        &self,
        leader: BrokerId,
        led: Vec<TopicPartition>,
        specs: &BTreeMap<TopicPartition, OffsetSpec>,
        isolation_level: IsolationLevel,
        left: Duration,
    ) -> Outcomes<ListedOffset> {
        let timeout = self.one_attempt(left);
        let build = |version| {
            // With tiered storage a broker may have to wait; it does not need to be told before that existed.
            let timeout_ms = if version >= 10 { millis(timeout) } else { 0 };
            let topics = by_topic(&led).into_iter().map(|(topic, partitions)| {
                let partitions = partitions.into_iter().map(|partition_index| {
                    let partition = TopicPartition {
                        topic: topic.clone(),
                        partition: partition_index,
                    };
                    ListOffsetsPartition {
                        partition_index,
                        current_leader_epoch: None,
                        timestamp: specs[&partition].timestamp(),
                    }
                });
                ListOffsetsTopic {
                    name: text(topic),
                    partitions: partitions.collect(),
                }
            });
            ListOffsetsRequest {
                isolation_level,
                topics: topics.collect(),
                timeout_ms,
                ..ListOffsetsRequest::default()
            }
        };
        let target = Target::Broker(leader);
        let answer = match self
            .cluster
            .request_own(target, Purpose::General, timeout, build)
            .await
        {
            Ok((answer, _)) => answer,
            Err(error) => return all_failed(led, &error),
        };
        let listed = answer.topics.into_iter().flat_map(|topic| {
            let name = topic.name;
            topic
                .partitions
                .into_iter()
                .map(move |listed| (TopicPartition::new(&*name, listed.partition_index), listed))
        });
        let listed = listed.map(|(partition, listed): (_, ListOffsetsPartitionResponse)| {
            (
                partition,
                self.led(listed.error_code, || read_listed(&listed)),
            )
        });
        listed.collect()
    }

    /// Deletes the records before an offset of each partition; -1 deletes all that there are. Answers the first offset that
    /// is left. Method of Java: `deleteRecords`.
    ///
    /// Not cancel safe: records may or may not be deleted.
    pub async fn delete_records(
        &self,
        before: &BTreeMap<TopicPartition, i64>,
    ) -> Results<TopicPartition, i64> {
        let mut attempts = self.attempts(before.keys().cloned());
        while let Some(partitions) = attempts.next().await {
            let left = attempts.left();
            let brought = async {
                let (led, mut brought) = self.by_leader(&partitions, left).await?;
                let asked = led
                    .into_iter()
                    .map(|(leader, led)| self.delete_records_of(leader, led, before, left));
                brought.extend(join_all(asked).await.into_iter().flatten());
                Ok(brought)
            };
            attempts.take(brought.await);
        }
        attempts.finish(|partition| format!("deleting records of {partition}"))
    }

    async fn delete_records_of(
        &self,
        leader: BrokerId,
        led: Vec<TopicPartition>,
        before: &BTreeMap<TopicPartition, i64>,
        left: Duration,
    ) -> Outcomes<i64> {
        let timeout = self.one_attempt(left);
        let topics = by_topic(&led).into_iter().map(|(topic, partitions)| {
            let partitions = partitions.into_iter().map(|partition_index| {
                let partition = TopicPartition {
                    topic: topic.clone(),
                    partition: partition_index,
                };
                DeleteRecordsPartition::default()
                    .with_partition_index(partition_index)
                    .with_offset(before[&partition])
            });
            DeleteRecordsTopic::default()
                .with_name(topic_name(topic))
                .with_partitions(partitions.collect())
        });
        let request = DeleteRecordsRequest::default()
            .with_topics(topics.collect())
            .with_timeout_ms(millis(timeout));
        let answer = match self
            .cluster
            .request(Target::Broker(leader), Purpose::General, request, timeout)
            .await
        {
            Ok(answer) => answer,
            Err(error) => return all_failed(led, &error),
        };
        let deleted = answer.topics.into_iter().flat_map(|topic| {
            let name = topic.name;
            topic.partitions.into_iter().map(move |deleted| {
                (
                    TopicPartition::new(&**name, deleted.partition_index),
                    deleted,
                )
            })
        });
        let deleted = deleted.map(|(partition, deleted)| {
            (
                partition,
                self.led(ErrorCode(deleted.error_code), || deleted.low_watermark),
            )
        });
        deleted.collect()
    }

    fn led<T>(&self, code: ErrorCode, result: impl FnOnce() -> T) -> Outcome<T> {
        self.distrust(code, None);
        Outcome::of(code, None, AGAIN, result)
    }
}

fn read_listed(listed: &ListOffsetsPartitionResponse) -> ListedOffset {
    ListedOffset {
        offset: Some(listed.offset).filter(|offset| *offset >= 0),
        timestamp: Some(listed.timestamp).filter(|timestamp| *timestamp >= 0),
        leader_epoch: listed.leader_epoch,
    }
}

fn all_failed<T>(partitions: Vec<TopicPartition>, error: &Error) -> Outcomes<T> {
    partitions
        .into_iter()
        .map(|partition| (partition, Outcome::failed(error.clone())))
        .collect()
}
