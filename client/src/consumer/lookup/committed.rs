//! OffsetFetch: what a group has committed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{GroupId, OffsetFetchRequest, OffsetFetchResponse, TopicName};
use kconnect_protocol::types::{LeaderEpoch, StrBytes};
use kconnect_protocol::{ErrorCode, TopicPartition};

use crate::cluster::{Cluster, CoordinatorKind, Target};
use crate::consumer::OffsetAndMetadata;
use crate::net::Purpose;
use crate::{Error, ErrorKind};

/// The first version that asks for several groups at once (KIP-709).
const BATCHED: i16 = 8;

type Committed = BTreeMap<TopicPartition, Option<OffsetAndMetadata>>;

/// Asks the group's coordinator until `deadline`; offsets that an open transaction holds back are waited for.
pub(crate) async fn committed(
    cluster: Cluster,
    group: Arc<str>,
    partitions: Vec<TopicPartition>,
    deadline: Instant,
) -> Result<Committed, Error> {
    let mut retry = cluster.retry(deadline);
    loop {
        let target = Target::GroupCoordinator(&group);
        let timeout = cluster.request_timeout().min(retry.left());
        let build = |version| request(&group, &partitions, version);
        let answer = cluster
            .request_with(target, Purpose::General, timeout, build)
            .await;
        let error = match answer.and_then(|(response, version)| read(response, version)) {
            Ok(mut found) => {
                return Ok(partitions
                    .into_iter()
                    .map(|name| {
                        let offset = found.remove(&name).flatten();
                        (name, offset)
                    })
                    .collect());
            }
            Err(error) => error,
        };
        if matches!(
            error.code(),
            Some(ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable)
        ) {
            cluster.forget_coordinator(CoordinatorKind::Group, &group);
        }
        retry
            .pause(error.during(format!("asking for committed offsets of group `{group}`")))
            .await?;
    }
}

fn request(group: &str, partitions: &[TopicPartition], version: i16) -> OffsetFetchRequest {
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for name in partitions {
        topics.entry(&name.topic).or_default().push(name.partition);
    }
    let group = GroupId(text(group));
    let request = OffsetFetchRequest::default().with_require_stable(true);
    if version < BATCHED {
        let topic = |(name, partitions)| {
            OffsetFetchRequestTopic::default()
                .with_name(TopicName(text(name)))
                .with_partition_indexes(partitions)
        };
        return request
            .with_group_id(group)
            .with_topics(Some(topics.into_iter().map(topic).collect()));
    }
    let topic = |(name, partitions)| {
        OffsetFetchRequestTopics::default()
            .with_name(TopicName(text(name)))
            .with_partition_indexes(partitions)
    };
    let group = OffsetFetchRequestGroup::default()
        .with_group_id(group)
        .with_member_epoch(-1)
        .with_topics(Some(topics.into_iter().map(topic).collect()));
    request.with_groups(vec![group])
}

fn read(response: OffsetFetchResponse, version: i16) -> Result<Committed, Error> {
    let mut committed = Committed::new();
    if version < BATCHED {
        check(response.error_code)?;
        for topic in response.topics {
            let name: Arc<str> = Arc::from(&*topic.name.0);
            for p in topic.partitions {
                let name = TopicPartition::new(name.clone(), p.partition_index);
                check(p.error_code)
                    .map_err(|error| error.during(format_args!("partition `{name}`")))?;
                committed.insert(
                    name,
                    offset(
                        p.committed_offset,
                        p.committed_leader_epoch,
                        p.metadata.as_deref(),
                    ),
                );
            }
        }
        return Ok(committed);
    }
    let group = response.groups.into_iter().next().ok_or_else(|| {
        Error::new(
            ErrorKind::BrokerMisbehaved,
            "the coordinator left the group out of its answer to OffsetFetch",
        )
    })?;
    check(group.error_code)?;
    for topic in group.topics {
        let name: Arc<str> = Arc::from(&*topic.name.0);
        for p in topic.partitions {
            let name = TopicPartition::new(name.clone(), p.partition_index);
            check(p.error_code)
                .map_err(|error| error.during(format_args!("partition `{name}`")))?;
            committed.insert(
                name,
                offset(
                    p.committed_offset,
                    p.committed_leader_epoch,
                    p.metadata.as_deref(),
                ),
            );
        }
    }
    Ok(committed)
}

fn check(code: i16) -> Result<(), Error> {
    ErrorCode(code).check().map_err(Error::broker)
}

fn offset(offset: i64, leader_epoch: i32, metadata: Option<&str>) -> Option<OffsetAndMetadata> {
    (offset >= 0).then(|| OffsetAndMetadata {
        offset,
        leader_epoch: LeaderEpoch::from_wire(leader_epoch),
        metadata: metadata.unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::messages::offset_fetch_response::{
        OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
    };

    #[test]
    fn an_unstable_offset_is_an_error_to_be_tried_again() {
        let partition = OffsetFetchResponsePartitions::default()
            .with_error_code(ErrorCode::UnstableOffsetCommit.0);
        let topic = OffsetFetchResponseTopics::default()
            .with_name(TopicName(StrBytes::from_static_str("t")))
            .with_partitions(vec![partition]);
        let group = OffsetFetchResponseGroup::default().with_topics(vec![topic]);
        let response = OffsetFetchResponse::default().with_groups(vec![group]);
        let error = read(response, 9).unwrap_err();
        assert!(
            error.is_retriable() && error.to_string().contains("`t-0`"),
            "{error}"
        );
    }

    #[test]
    fn a_negative_offset_is_none() {
        assert_eq!(offset(-1, -1, Some("")), None);
        let found = offset(7, -1, None).unwrap();
        assert_eq!((found.offset, found.leader_epoch), (7, None));
    }
}
