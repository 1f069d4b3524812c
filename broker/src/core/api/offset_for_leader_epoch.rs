//! OffsetForLeaderEpoch (API 23, versions 2-4): where an epoch ended (KIP-101, KIP-320).

use kafka_protocol::messages::offset_for_leader_epoch_request::OffsetForLeaderPartition;
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};
use kconnect_protocol::types::LeaderEpoch;
use kconnect_protocol::{ApiKey, ErrorCode};

use super::fetch::check_epoch;
use super::{Api, Outcome, generated};
use crate::core::call::Call;
use crate::core::state::State;

#[derive(Debug)]
pub(crate) struct OffsetForLeaderEpoch;

impl Api for OffsetForLeaderEpoch {
    const KEY: ApiKey = ApiKey::OFFSET_FOR_LEADER_EPOCH;
    generated!(OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse);

    fn handle(state: &mut State, call: &Call, request: Self::Request) -> Outcome<Self::Response> {
        let topics = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|partition| {
                let injected = call.injected(&topic.topic, partition.partition);
                let end = injected.map_or_else(|| end_of(state, &topic.topic, partition), Err);
                result(partition.partition, end)
            });
            OffsetForLeaderTopicResult::default()
                .with_topic(topic.topic.clone())
                .with_partitions(partitions.collect())
        });
        Outcome::Answer(OffsetForLeaderEpochResponse::default().with_topics(topics.collect()))
    }

    fn refuse(request: &Self::Request, _: i16, error: ErrorCode) -> Self::Response {
        let topics = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter();
            OffsetForLeaderTopicResult::default()
                .with_topic(topic.topic.clone())
                .with_partitions(
                    partitions
                        .map(|p| result(p.partition, Err(error)))
                        .collect(),
                )
        });
        OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
    }

    fn partitions(_: &State, request: &Self::Request) -> Vec<(String, i32)> {
        let topics = request.topics.iter();
        topics
            .flat_map(|t| {
                t.partitions
                    .iter()
                    .map(|p| (t.topic.to_string(), p.partition))
            })
            .collect()
    }
}

/// Epoch and end offset, both -1 if the broker cannot know.
fn end_of(
    state: &State,
    topic: &str,
    wanted: &OffsetForLeaderPartition,
) -> Result<(i32, i64), ErrorCode> {
    let unknown = ErrorCode::UnknownTopicOrPartition;
    let topic = state.topics.by_name(topic).ok_or(unknown)?;
    let log = topic.partition(wanted.partition).ok_or(unknown)?;
    check_epoch(topic, LeaderEpoch::from_wire(wanted.current_leader_epoch))?;
    let (end, start) = (log.log_end_offset(), log.log_start_offset());
    let known = log
        .epochs
        .end_of(wanted.leader_epoch, topic.leader_epoch, end, start);
    Ok(known.unwrap_or((-1, -1)))
}

fn result(partition: i32, end: Result<(i32, i64), ErrorCode>) -> EpochEndOffset {
    let (epoch, offset) = end.unwrap_or((-1, -1));
    EpochEndOffset::default()
        .with_partition(partition)
        .with_error_code(end.err().unwrap_or(ErrorCode::None).0)
        .with_leader_epoch(epoch)
        .with_end_offset(offset)
}
