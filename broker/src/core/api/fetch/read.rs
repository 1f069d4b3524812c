//! Reading the partitions of a fetch.

use bytes::Bytes;
use kconnect_protocol::ErrorCode;
use kconnect_protocol::messages::fetch::{DivergingEpoch, FetchPartition, FetchPartitionResponse};
use kconnect_protocol::types::LeaderEpoch;

use crate::core::call::Call;
use crate::core::sessions::{TopicRef, Watched};
use crate::core::state::State;
use crate::core::storage::{PartitionId, Storage};
use crate::core::topics::{Topic, Topics};

/// How to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// Bytes for all partitions together.
    pub room: usize,
    /// Only committed records (`isolation.level`).
    pub committed: bool,
}

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// One for each partition that was asked for.
    pub responses: Vec<FetchPartitionResponse>,
    /// Those that exist.
    pub partitions: Vec<PartitionId>,
    pub bytes: usize,
    /// Something has to be said at once, such as an error.
    pub is_urgent: bool,
}

/// Reads all partitions.
pub(crate) fn gather(
    state: &mut State,
    call: &Call,
    partitions: &[Watched],
    reading: Reading,
) -> Gathered {
    let mut gathered = Gathered::default();
    let storage = state.storage.as_ref();
    for watched in partitions {
        let number = watched.fetch.partition;
        let room = reading.room.saturating_sub(gathered.bytes);
        let first = gathered.bytes == 0;
        let response = match resolve(&state.topics, &watched.topic) {
            Err(error) => failed(number, error),
            Ok(id) => {
                let id = PartitionId {
                    topic: id,
                    partition: number,
                };
                gathered.partitions.push(id);
                let read = read(
                    &mut state.topics,
                    call,
                    id,
                    watched.fetch,
                    room,
                    first,
                    storage,
                );
                read.unwrap_or_else(|error| failed(number, error))
            }
        };
        gathered.is_urgent |= response.error_code.is_error() || response.diverging_epoch.is_some();
        gathered.bytes += response.records.as_ref().map_or(0, Bytes::len);
        gathered.responses.push(FetchPartitionResponse {
            aborted_transactions: reading.committed.then(Vec::new),
            ..response
        });
    }
    gathered
}

fn resolve(topics: &Topics, topic: &TopicRef) -> Result<kconnect_protocol::Uuid, ErrorCode> {
    match topic {
        TopicRef::Id(id) => match topics.by_id(*id) {
            Some(topic) => Ok(topic.id),
            None => Err(ErrorCode::UnknownTopicId),
        },
        TopicRef::Name(name) => match topics.by_name(name) {
            Some(topic) => Ok(topic.id),
            None => Err(ErrorCode::UnknownTopicOrPartition),
        },
    }
}

/// The name of a topic that exists.
pub(crate) fn name(state: &State, topic: &TopicRef) -> Option<String> {
    let id = resolve(&state.topics, topic).ok()?;
    state.topics.by_id(id).map(|topic| topic.name.to_string())
}

fn read(
    topics: &mut Topics,
    call: &Call,
    id: PartitionId,
    fetch: FetchPartition,
    room: usize,
    first: bool,
    storage: &dyn Storage,
) -> Result<FetchPartitionResponse, ErrorCode> {
    let unknown = ErrorCode::UnknownTopicOrPartition;
    let topic = topics.by_id_mut(id.topic).ok_or(unknown)?;
    if let Some(error) = call.injected(&topic.name, id.partition) {
        return Err(error);
    }
    check_epoch(topic, fetch.current_leader_epoch)?;
    let leader_epoch = topic.leader_epoch;
    let log = topic.partition_mut(id.partition).ok_or(unknown)?;
    let mut response = FetchPartitionResponse {
        partition_index: id.partition,
        high_watermark: log.high_watermark(),
        last_stable_offset: log.last_stable_offset(),
        log_start_offset: log.log_start_offset(),
        records: Some(Bytes::new()),
        ..FetchPartitionResponse::default()
    };
    if let Some(LeaderEpoch(epoch)) = fetch.last_fetched_epoch {
        let (end, start) = (log.log_end_offset(), log.log_start_offset());
        let (known, end_offset) = log
            .epochs
            .end_of(epoch, leader_epoch, end, start)
            .ok_or(ErrorCode::OffsetOutOfRange)?;
        if known < epoch || end_offset < fetch.fetch_offset {
            response.diverging_epoch = Some(DivergingEpoch {
                epoch: Some(LeaderEpoch(known)),
                end_offset,
            });
            return Ok(response);
        }
    }
    if !(log.log_start_offset()..=log.log_end_offset()).contains(&fetch.fetch_offset) {
        return Err(ErrorCode::OffsetOutOfRange);
    }
    let room = room.min(usize::try_from(fetch.partition_max_bytes).unwrap_or(0));
    let records = log.read(fetch.fetch_offset, room, first, storage);
    response.records = Some(records.map_err(|error| {
        tracing::error!(partition = ?id, %error, "a log could not be read");
        ErrorCode::KafkaStorageError
    })?);
    Ok(response)
}

/// Whether the client and the broker mean the same leader.
pub(crate) fn check_epoch(topic: &Topic, said: Option<LeaderEpoch>) -> Result<(), ErrorCode> {
    match said {
        Some(LeaderEpoch(epoch)) if epoch < topic.leader_epoch => Err(ErrorCode::FencedLeaderEpoch),
        Some(LeaderEpoch(epoch)) if epoch > topic.leader_epoch => {
            Err(ErrorCode::UnknownLeaderEpoch)
        }
        _ => Ok(()),
    }
}

/// A partition that could not be read.
pub(crate) fn failed(partition: i32, error: ErrorCode) -> FetchPartitionResponse {
    FetchPartitionResponse {
        partition_index: partition,
        error_code: error,
        records: Some(Bytes::new()),
        ..FetchPartitionResponse::default()
    }
}
