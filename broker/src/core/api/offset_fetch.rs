//! OffsetFetch (API 9, versions 1-9): where groups go on, from version 8 on of several (KIP-709).

use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{GroupId, OffsetFetchRequest, OffsetFetchResponse};
use kconnect_protocol::{ApiKey, ErrorCode};

use super::{Api, Outcome, generated, text};
use crate::core::call::Call;
use crate::core::groups::offsets::Committed;
use crate::core::state::State;

#[derive(Debug)]
pub(crate) struct OffsetFetch;

/// From here on several groups are asked for at once.
const GROUPS_SINCE: i16 = 8;
/// From here on a leader epoch is part of the answer.
const EPOCH_SINCE: i16 = 5;
/// From here on the answer as a whole can say an error.
const ERROR_SINCE: i16 = 2;

impl Api for OffsetFetch {
    const KEY: ApiKey = ApiKey::OFFSET_FETCH;
    generated!(OffsetFetchRequest, OffsetFetchResponse);

    fn handle(state: &mut State, call: &Call, request: Self::Request) -> Outcome<Self::Response> {
        let groups: Vec<_> = wanted(&request, call.version)
            .iter()
            .map(|group| fetch(state, group))
            .collect();
        Outcome::Answer(response(groups, call.version))
    }

    fn refuse(request: &Self::Request, version: i16, error: ErrorCode) -> Self::Response {
        let groups = wanted(request, version).into_iter().map(|group| {
            let topics = group.topics.iter().flatten().map(|topic| {
                let partitions = topic.partition_indexes.iter();
                let failed = |p: &i32| offset(*p, None).with_error_code(error.0);
                OffsetFetchResponseTopics::default()
                    .with_name(topic.name.clone())
                    .with_partitions(partitions.map(failed).collect())
            });
            OffsetFetchResponseGroup::default()
                .with_topics(if version < ERROR_SINCE {
                    topics.collect()
                } else {
                    Vec::new()
                })
                .with_group_id(group.group_id)
                .with_error_code(error.0)
        });
        response(groups.collect(), version)
    }
}

/// The request in the shape of the newest version.
fn wanted(request: &OffsetFetchRequest, version: i16) -> Vec<OffsetFetchRequestGroup> {
    if version >= GROUPS_SINCE {
        return request.groups.clone();
    }
    let topics = request.topics.as_ref().map(|topics| {
        let topic = topics.iter().map(|topic| {
            OffsetFetchRequestTopics::default()
                .with_name(topic.name.clone())
                .with_partition_indexes(topic.partition_indexes.clone())
        });
        topic.collect()
    });
    let group = OffsetFetchRequestGroup::default()
        .with_group_id(request.group_id.clone())
        .with_topics(topics);
    vec![group]
}

fn fetch(state: &State, wanted: &OffsetFetchRequestGroup) -> OffsetFetchResponseGroup {
    let GroupId(group_id) = &wanted.group_id;
    let group = state.groups.get(group_id);
    let topics = match &wanted.topics {
        Some(topics) => topics
            .iter()
            .map(|topic| {
                let partitions = topic.partition_indexes.iter().map(|partition| {
                    let committed = group.and_then(|g| g.offsets.get(&topic.name, *partition));
                    offset(*partition, committed)
                });
                OffsetFetchResponseTopics::default()
                    .with_name(topic.name.clone())
                    .with_partitions(partitions.collect())
            })
            .collect(),
        None => group
            .into_iter()
            .flat_map(|group| group.offsets.iter())
            .map(|(topic, partitions)| {
                let partitions = partitions.iter().map(|(p, c)| offset(*p, Some(c)));
                OffsetFetchResponseTopics::default()
                    .with_name(text(topic).into())
                    .with_partitions(partitions.collect())
            })
            .collect(),
    };
    OffsetFetchResponseGroup::default()
        .with_group_id(wanted.group_id.clone())
        .with_topics(topics)
}

fn offset(partition: i32, committed: Option<&Committed>) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions::default()
        .with_partition_index(partition)
        .with_committed_offset(committed.map_or(-1, |c| c.offset))
        .with_committed_leader_epoch(committed.map_or(-1, |c| c.leader_epoch))
        .with_metadata(Some(text(committed.map_or("", |c| &c.metadata))))
}

/// The answer in the shape of `version`.
fn response(groups: Vec<OffsetFetchResponseGroup>, version: i16) -> OffsetFetchResponse {
    if version >= GROUPS_SINCE {
        return OffsetFetchResponse::default().with_groups(groups);
    }
    let Some(group) = groups.into_iter().next() else {
        return OffsetFetchResponse::default();
    };
    let partition = |p: OffsetFetchResponsePartitions| {
        let epoch = if version >= EPOCH_SINCE {
            p.committed_leader_epoch
        } else {
            -1
        };
        OffsetFetchResponsePartition::default()
            .with_partition_index(p.partition_index)
            .with_committed_offset(p.committed_offset)
            .with_committed_leader_epoch(epoch)
            .with_metadata(p.metadata)
            .with_error_code(p.error_code)
    };
    let topics = group.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(partition);
        OffsetFetchResponseTopic::default()
            .with_name(topic.name)
            .with_partitions(partitions.collect())
    });
    let error = if version >= ERROR_SINCE {
        group.error_code
    } else {
        0
    };
    OffsetFetchResponse::default()
        .with_topics(topics.collect())
        .with_error_code(error)
}
