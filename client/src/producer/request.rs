//! Between the core's batches and the Produce messages of every version.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use kconnect_protocol::{
    ApiKey, ErrorCode, VersionRange,
    messages::{
        Message,
        produce::{
            FIRST_WITH_TOPIC_IDS, ProducePartition, ProducePartitionResponse, ProduceRequest,
            ProduceResponse, ProduceTopic, ProduceTopicResponse,
        },
    },
    types::{BrokerId, StrBytes, Uuid},
};

use super::{
    sender::{Leader, PartitionAnswer, ProducePart},
    terms::Terms,
};
use crate::{
    Error, ErrorKind,
    cluster::{Broker, LeaderHint},
    net::{Address, Peer, RawRequest},
};

/// The versions that we speak.
pub(super) const VERSIONS: VersionRange = ProduceRequest::VERSIONS;

/// The request in the best version up to `highest`, in segments that share the batches.
pub(super) fn encode(
    parts: &[ProducePart],
    terms: &Terms,
    highest: i16,
) -> Result<RawRequest, Error> {
    let version = version(parts, highest);
    let segments =
        request(parts, terms.acks.to_wire(), terms.request_timeout).encode_segments(version);
    let segments = segments
        .map_err(|error| Error::new(ErrorKind::Bug, format!("a Produce request: {error}")))?;
    Ok(RawRequest {
        api: ApiKey::PRODUCE,
        version,
        segments,
    })
}

/// Reads the answer.
pub(super) fn decode(body: &Bytes, version: i16, peer: &Peer) -> Result<ProduceResponse, Error> {
    ProduceResponse::decode(body, version).map_err(|error| {
        let text = format!("{peer} answered Produce v{version} unreadably: {error}");
        Error::new(ErrorKind::BrokerMisbehaved, text).with_unknown_outcome()
    })
}

/// How long the broker asks to be left alone.
pub(super) fn throttle(response: &ProduceResponse) -> Option<Duration> {
    let millis = u64::try_from(response.throttle_time_ms)
        .ok()
        .filter(|&millis| millis > 0)?;
    Some(Duration::from_millis(millis))
}

/// The leaders that the answer names (KIP-951).
pub(super) fn leader_hints(
    parts: &[ProducePart],
    response: &ProduceResponse,
    version: i16,
) -> Vec<LeaderHint> {
    let endpoint = |leader: BrokerId| {
        let endpoint = response
            .node_endpoints
            .iter()
            .find(|endpoint| endpoint.node_id == leader)?;
        let port = u16::try_from(endpoint.port).ok()?;
        let rack = endpoint.rack.as_ref().map(|rack| Arc::from(&**rack));
        Some(Broker {
            id: leader,
            address: Address {
                host: Arc::from(&*endpoint.host),
                port,
            },
            rack,
        })
    };
    let hint = |part: &ProducePart, answer: Option<PartitionAnswer>| {
        let leader = answer?.leader?;
        Some(LeaderHint {
            partition: part.partition.topic_partition.clone(),
            leader: leader.broker,
            leader_epoch: leader.epoch?,
            broker: endpoint(leader.broker),
        })
    };
    let has_any = response
        .topics
        .iter()
        .flat_map(|topic| &topic.partitions)
        .any(|part| part.current_leader.is_some());
    if !has_any {
        return Vec::new();
    }
    let answers = answers(parts, response, version);
    parts
        .iter()
        .zip(answers)
        .filter_map(|(part, answer)| hint(part, answer))
        .collect()
}

/// What `acks=0` tells of each part: that it was written to the socket.
pub(super) fn written_unanswered(parts: &[ProducePart]) -> Vec<Option<PartitionAnswer>> {
    let written = PartitionAnswer {
        code: ErrorCode::None,
        base_offset: None,
        log_append_time: None,
        message: None,
        record_errors: Vec::new(),
        leader: None,
    };
    vec![Some(written); parts.len()]
}

/// The version to use where `highest` is the highest that both sides speak: one without topic ids if one is not known.
fn version(parts: &[ProducePart], highest: i16) -> i16 {
    let has_ids = parts
        .iter()
        .all(|part| part.topic_id.is_some_and(|id| id != Uuid::nil()));
    if has_ids {
        highest
    } else {
        highest.min(FIRST_WITH_TOPIC_IDS - 1)
    }
}

/// The message; its batches are shared, not copied.
fn request(parts: &[ProducePart], acks: i16, timeout: Duration) -> ProduceRequest {
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
        acks,
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
