//! DescribeTopicPartitions (API 75, version 0): topics page by page (KIP-966).

use kafka_protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use kafka_protocol::messages::{
    BrokerId, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, TopicName,
};
use kconnect_protocol::{ApiKey, ErrorCode, StrBytes};

use super::metadata::TOPIC_OPERATIONS;
use super::{Api, Outcome, generated, text};
use crate::core::call::Call;
use crate::core::state::State;
use crate::core::topics::{Topic, name};

#[derive(Debug)]
pub(crate) struct DescribeTopicPartitions;

/// `max.request.partition.size.limit`
const PAGE_MAX: i32 = 2_000;

impl Api for DescribeTopicPartitions {
    const KEY: ApiKey = ApiKey::DESCRIBE_TOPIC_PARTITIONS;
    generated!(
        DescribeTopicPartitionsRequest,
        DescribeTopicPartitionsResponse
    );

    fn handle(state: &mut State, _: &Call, request: Self::Request) -> Outcome<Self::Response> {
        let mut names: Vec<StrBytes> = match request.topics.is_empty() {
            true => state.topics.iter().map(|topic| text(&topic.name)).collect(),
            false => request
                .topics
                .into_iter()
                .map(|topic| topic.name.0)
                .collect(),
        };
        names.sort();
        names.dedup();
        let (from_topic, from_partition) = match &request.cursor {
            Some(cursor) => (cursor.topic_name.0.clone(), cursor.partition_index),
            None => (StrBytes::new(), 0),
        };
        let mut response = DescribeTopicPartitionsResponse::default();
        let mut room = request.response_partition_limit.clamp(1, PAGE_MAX);
        for name in names.into_iter().filter(|name| *name >= from_topic) {
            let first = if name == from_topic {
                from_partition
            } else {
                0
            };
            let Some(topic) = state.topics.by_name(&name) else {
                response.topics.push(unknown(name));
                continue;
            };
            let first = first.clamp(0, topic.count());
            let end = topic.count().min(first.saturating_add(room));
            if room > 0 {
                response.topics.push(describe(state, topic, first..end));
                room -= end - first;
            }
            if end < topic.count() {
                let cursor = Cursor::default()
                    .with_topic_name(TopicName(name))
                    .with_partition_index(end);
                response.next_cursor = Some(cursor);
                break;
            }
        }
        Outcome::Answer(response)
    }

    fn refuse(request: &Self::Request, _: i16, error: ErrorCode) -> Self::Response {
        let topics = request.topics.iter().map(|topic| {
            DescribeTopicPartitionsResponseTopic::default()
                .with_name(Some(topic.name.clone()))
                .with_error_code(error.0)
        });
        DescribeTopicPartitionsResponse::default().with_topics(topics.collect())
    }

    fn partitions(_: &State, request: &Self::Request) -> Vec<(String, i32)> {
        request
            .topics
            .iter()
            .map(|t| (t.name.to_string(), 0))
            .collect()
    }
}

fn unknown(topic: StrBytes) -> DescribeTopicPartitionsResponseTopic {
    let error = match name::check(&topic) {
        Ok(()) => ErrorCode::UnknownTopicOrPartition,
        Err(_) => ErrorCode::InvalidTopicException,
    };
    DescribeTopicPartitionsResponseTopic::default()
        .with_name(Some(TopicName(topic)))
        .with_error_code(error.0)
}

fn describe(
    state: &State,
    topic: &Topic,
    numbers: std::ops::Range<i32>,
) -> DescribeTopicPartitionsResponseTopic {
    let me = BrokerId(state.node_id());
    let partitions = numbers.map(|number| {
        DescribeTopicPartitionsResponsePartition::default()
            .with_partition_index(number)
            .with_leader_id(me)
            .with_leader_epoch(topic.leader_epoch)
            .with_replica_nodes(vec![me])
            .with_isr_nodes(vec![me])
            .with_eligible_leader_replicas(Some(Vec::new()))
            .with_last_known_elr(Some(Vec::new()))
    });
    DescribeTopicPartitionsResponseTopic::default()
        .with_name(Some(TopicName(text(&topic.name))))
        .with_topic_id(topic.id)
        .with_partitions(partitions.collect())
        .with_topic_authorized_operations(TOPIC_OPERATIONS)
}
