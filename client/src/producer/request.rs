//! Between the core's batches and the Produce messages of every version.

use std::{sync::Arc, time::Duration};

use kconnect_protocol::{
    messages::produce::{
        FIRST_WITH_TOPIC_IDS, ProducePartition, ProducePartitionResponse, ProduceRequest,
        ProduceResponse, ProduceTopic, ProduceTopicResponse,
    },
    types::{StrBytes, Uuid},
};

use super::sender::{Leader, PartitionAnswer, ProducePart};
use crate::config::Acks;

/// The version to use where `highest` is the highest that both sides speak: below that with topic ids if one is not known.
pub(super) fn version(parts: &[ProducePart], highest: i16) -> i16 {
    let has_ids = parts
        .iter()
        .all(|part| part.topic_id.is_some_and(|id| id != Uuid::nil()));
    if has_ids {
        highest
    } else {
        highest.min(FIRST_WITH_TOPIC_IDS - 1)
    }
}

/// The request; its batches are shared, not copied.
pub(super) fn request(parts: &[ProducePart], acks: Acks, timeout: Duration) -> ProduceRequest {
    let mut topics: Vec<(&Arc<str>, ProduceTopic)> = Vec::new();
    for part in parts {
        let at = &part.partition.topic_partition;
        let partition = ProducePartition {
            index: at.partition,
            records: Some(part.batch.clone()),
        };
        // Partitions of a topic mostly come together.
        match topics
            .iter_mut()
            .rev()
            .find(|(name, _)| Arc::ptr_eq(name, &at.topic))
        {
            Some((_, topic)) => topic.partitions.push(partition),
            None => {
                let topic = ProduceTopic {
                    name: StrBytes::from_string(at.topic.to_string()),
                    topic_id: part.topic_id.unwrap_or_default(),
                    partitions: vec![partition],
                };
                topics.push((&at.topic, topic));
            }
        }
    }
    ProduceRequest {
        transactional_id: None,
        acks: acks.to_wire(),
        timeout_ms: i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX),
        topics: topics.into_iter().map(|(_, topic)| topic).collect(),
    }
}

/// The broker's answer for each of the parts, in their order; none where it says nothing.
pub(super) fn answers(
    parts: &[ProducePart],
    response: &ProduceResponse,
    version: i16,
) -> Vec<Option<PartitionAnswer>> {
    let is_for = |topic: &ProduceTopicResponse, part: &ProducePart| {
        if version >= FIRST_WITH_TOPIC_IDS {
            Some(topic.topic_id) == part.topic_id
        } else {
            *topic.name == *part.partition.topic_partition.topic
        }
    };
    let all: Vec<_> = response
        .topics
        .iter()
        .flat_map(|topic| {
            topic
                .partitions
                .iter()
                .map(move |partition| (topic, partition))
        })
        .collect();
    // Brokers mostly answer in the order of the request: the search goes on where the last one ended.
    let mut next = 0;
    let find = |part: &ProducePart| {
        let index = part.partition.topic_partition.partition;
        let places = (next..all.len()).chain(0..next.min(all.len()));
        let found = places.filter_map(|at| {
            all.get(at)
                .map(|&(topic, partition)| (at, topic, partition))
        });
        let (at, _, partition) = { found }
            .find(|(_, topic, partition)| partition.index == index && is_for(topic, part))?;
        next = at + 1;
        Some(answer(partition))
    };
    parts.iter().map(find).collect()
}

fn answer(partition: &ProducePartitionResponse) -> PartitionAnswer {
    let record_errors = partition.record_errors.iter().filter_map(|error| {
        let index = u32::try_from(error.batch_index).ok()?;
        Some((index, error.message.as_ref().map(ToString::to_string)))
    });
    PartitionAnswer {
        code: partition.error_code,
        base_offset: (partition.base_offset >= 0).then_some(partition.base_offset),
        log_append_time: (partition.log_append_time_ms >= 0)
            .then_some(partition.log_append_time_ms),
        message: partition.error_message.as_ref().map(ToString::to_string),
        record_errors: record_errors.collect(),
        leader: partition.current_leader.and_then(|leader| {
            Some(Leader {
                broker: leader.leader?,
                epoch: leader.leader_epoch,
            })
        }),
    }
}
