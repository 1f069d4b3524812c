//! The offsets that groups have committed: listed, set, deleted.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::offset_fetch_response::OffsetFetchResponsePartitions;
use kafka_protocol::messages::{
    OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest, OffsetFetchResponse,
};
use kconnect_protocol::types::LeaderEpoch;
use kconnect_protocol::{ErrorCode, TopicPartition};

use super::groups::{AGAIN, group_id};
use super::topics::{text, topic_name};
use super::{Admin, Outcome, Results, by_topic, only};
use crate::cluster::Target;
use crate::consumer::OffsetAndMetadata;
use crate::error::Error;
use crate::net::Purpose;

/// The first version of OffsetFetch that asks for several groups at once (KIP-709).
const BATCHED: i16 = 8;

/// Offsets of a group, by partition.
type Offsets = BTreeMap<TopicPartition, OffsetAndMetadata>;

impl Admin {
    /// All offsets that a group has committed; none of a group that does not exist. Method of Java:
    /// `listConsumerGroupOffsets`.
    ///
    /// # Errors
    ///
    /// `Broker(GROUP_AUTHORIZATION_FAILED)` and the like, or if the coordinator does not answer.
    ///
    /// Cancel safe.
    pub async fn list_consumer_group_offsets(&self, group: &str) -> Result<Offsets, Error> {
        let mut attempts = self.attempts([()]);
        while attempts.next().await.is_some() {
            let timeout = self.one_attempt(attempts.left());
            let target = Target::GroupCoordinator(group);
            let build = |version| fetch_all(group, version);
            let answer = self
                .cluster
                .request_with(target, Purpose::General, timeout, build)
                .await;
            let outcome = answer.map(|(answer, version)| {
                let (code, partitions) = read_fetched(answer, version);
                self.distrust(code, Some(group));
                let committed = committed_of(partitions);
                match (code.check(), committed) {
                    (Ok(()), Err(code)) => Outcome::of(code, None, AGAIN, Offsets::new),
                    (Ok(()), Ok(committed)) => Outcome::Done(Ok(committed)),
                    (Err(code), _) => Outcome::of(code, None, AGAIN, Offsets::new),
                }
            });
            attempts.take(Ok(vec![((), outcome.unwrap_or_else(Outcome::failed))]));
        }
        only(attempts.finish(|()| format!("listing the offsets of group `{group}`")))
    }

    /// Sets offsets of a group that has no members; a result for each partition. Method of Java: `alterConsumerGroupOffsets`.
    ///
    /// With members the group answers `Broker(UNKNOWN_MEMBER_ID)`.
    ///
    /// Not cancel safe: offsets may or may not be set.
    pub async fn alter_consumer_group_offsets(
        &self,
        group: &str,
        offsets: &Offsets,
    ) -> Results<TopicPartition, ()> {
        let mut attempts = self.attempts(offsets.keys().cloned());
        while let Some(partitions) = attempts.next().await {
            let topics = by_topic(&partitions).into_iter().map(|(topic, indexes)| {
                let partitions = indexes.into_iter().map(|index| {
                    let partition = TopicPartition {
                        topic: topic.clone(),
                        partition: index,
                    };
                    write_offset(index, &offsets[&partition])
                });
                OffsetCommitRequestTopic::default()
                    .with_name(topic_name(topic))
                    .with_partitions(partitions.collect())
            });
            let request = OffsetCommitRequest::default()
                .with_group_id(group_id(group))
                .with_generation_id_or_member_epoch(-1)
                .with_topics(topics.collect());
            let timeout = self.one_attempt(attempts.left());
            let target = Target::GroupCoordinator(group);
            let answer = self
                .cluster
                .request(target, Purpose::General, request, timeout)
                .await;
            attempts.take(answer.map(|answer| {
                let set = answer.topics.into_iter().flat_map(|topic| {
                    let name = topic.name;
                    topic
                        .partitions
                        .into_iter()
                        .map(move |set| (TopicPartition::new(&**name, set.partition_index), set))
                });
                set.map(|(partition, set)| (partition, self.coordinated(group, set.error_code)))
                    .collect()
            }));
        }
        attempts
            .finish(|partition| format!("setting the offset of group `{group}` for {partition}"))
    }

    /// Deletes offsets of a group that does not consume those topics; a result for each partition. Method of Java:
    /// `deleteConsumerGroupOffsets`.
    ///
    /// For a topic that the group consumes it is `Broker(GROUP_SUBSCRIBED_TO_TOPIC)`.
    ///
    /// Not cancel safe: offsets may or may not be deleted.
    pub async fn delete_consumer_group_offsets(
        &self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Results<TopicPartition, ()> {
        let mut attempts = self.attempts(partitions.iter().cloned());
        while let Some(partitions) = attempts.next().await {
            let left = attempts.left();
            attempts.take(self.delete_offsets_once(group, &partitions, left).await);
        }
        attempts
            .finish(|partition| format!("deleting the offset of group `{group}` for {partition}"))
    }

    async fn delete_offsets_once(
        &self,
        group: &str,
        partitions: &[TopicPartition],
        left: Duration,
    ) -> Result<Vec<(TopicPartition, Outcome<()>)>, Error> {
        let topics = by_topic(partitions).into_iter().map(|(topic, indexes)| {
            let partition =
                |index| OffsetDeleteRequestPartition::default().with_partition_index(index);
            OffsetDeleteRequestTopic::default()
                .with_name(topic_name(topic))
                .with_partitions(indexes.into_iter().map(partition).collect())
        });
        let request = OffsetDeleteRequest::default()
            .with_group_id(group_id(group))
            .with_topics(topics.collect());
        let target = Target::GroupCoordinator(group);
        let answer = self
            .cluster
            .request(target, Purpose::General, request, self.one_attempt(left))
            .await?;
        if ErrorCode(answer.error_code).is_error() {
            let all = partitions.iter().map(|partition| {
                (
                    partition.clone(),
                    self.coordinated(group, answer.error_code),
                )
            });
            return Ok(all.collect());
        }
        let deleted = answer.topics.into_iter().flat_map(|topic| {
            let name = topic.name;
            topic.partitions.into_iter().map(move |deleted| {
                (
                    TopicPartition::new(&**name, deleted.partition_index),
                    deleted,
                )
            })
        });
        Ok(deleted
            .map(|(partition, deleted)| (partition, self.coordinated(group, deleted.error_code)))
            .collect())
    }

    fn coordinated(&self, group: &str, code: i16) -> Outcome<()> {
        let code = ErrorCode(code);
        self.distrust(code, Some(group));
        Outcome::of(code, None, AGAIN, || ())
    }
}

fn fetch_all(group: &str, version: i16) -> OffsetFetchRequest {
    let request = OffsetFetchRequest::default();
    if version < BATCHED {
        return request.with_group_id(group_id(group)).with_topics(None);
    }
    let group = OffsetFetchRequestGroup::default()
        .with_group_id(group_id(group))
        .with_topics(None);
    request.with_groups(vec![group])
}

/// The error of the whole group, and its partitions in the shape that newer versions have.
fn read_fetched(
    answer: OffsetFetchResponse,
    version: i16,
) -> (
    ErrorCode,
    Vec<(TopicPartition, OffsetFetchResponsePartitions)>,
) {
    let mut partitions = Vec::new();
    if version < BATCHED {
        for topic in answer.topics {
            for partition in topic.partitions {
                let name = TopicPartition::new(&**topic.name, partition.partition_index);
                let partition = OffsetFetchResponsePartitions::default()
                    .with_committed_offset(partition.committed_offset)
                    .with_committed_leader_epoch(partition.committed_leader_epoch)
                    .with_metadata(partition.metadata)
                    .with_error_code(partition.error_code);
                partitions.push((name, partition));
            }
        }
        return (ErrorCode(answer.error_code), partitions);
    }
    let Some(group) = answer.groups.into_iter().next() else {
        return (ErrorCode::UnknownServerError, partitions);
    };
    for topic in group.topics {
        for partition in topic.partitions {
            partitions.push((
                TopicPartition::new(&**topic.name, partition.partition_index),
                partition,
            ));
        }
    }
    (ErrorCode(group.error_code), partitions)
}

/// What is committed; or the first error of a partition.
fn committed_of(
    partitions: Vec<(TopicPartition, OffsetFetchResponsePartitions)>,
) -> Result<Offsets, ErrorCode> {
    let mut committed = Offsets::new();
    for (name, partition) in partitions {
        ErrorCode(partition.error_code).check()?;
        if partition.committed_offset >= 0 {
            let mut offset = OffsetAndMetadata::new(partition.committed_offset)
                .with_metadata(partition.metadata.as_deref().unwrap_or_default());
            offset.leader_epoch = LeaderEpoch::from_wire(partition.committed_leader_epoch);
            committed.insert(name, offset);
        }
    }
    Ok(committed)
}

fn write_offset(index: i32, offset: &OffsetAndMetadata) -> OffsetCommitRequestPartition {
    OffsetCommitRequestPartition::default()
        .with_partition_index(index)
        .with_committed_offset(offset.offset)
        .with_committed_leader_epoch(LeaderEpoch::to_wire(offset.leader_epoch))
        .with_committed_metadata(Some(text(&offset.metadata)))
}
