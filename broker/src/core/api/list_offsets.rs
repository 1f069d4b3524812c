//! ListOffsets (API 2, versions 1-11): the ends of a log, and records by time (KIP-79, KIP-734).

use std::io;

use bytes::Bytes;
use kconnect_protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse, timestamp,
};
use kconnect_protocol::records::Batches;
use kconnect_protocol::types::LeaderEpoch;
use kconnect_protocol::{ApiKey, ErrorCode};

use super::fetch::check_epoch;
use super::{Api, Outcome, own};
use crate::core::call::Call;
use crate::core::log::Log;
use crate::core::state::State;
use crate::core::storage::Storage;

#[derive(Debug)]
pub(crate) struct ListOffsets;

/// The most that a batch may decompress to while a record is looked for in it, in bytes.
const DECOMPRESSED_MAX: usize = 64 << 20;

impl Api for ListOffsets {
    const KEY: ApiKey = ApiKey::LIST_OFFSETS;
    own!(ListOffsetsRequest, ListOffsetsResponse);

    fn handle(state: &mut State, call: &Call, request: Self::Request) -> Outcome<Self::Response> {
        let topics = request.topics.into_iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|partition| {
                let found = find(state, call, &topic.name, partition);
                found.unwrap_or_else(|error| ListOffsetsPartitionResponse {
                    partition_index: partition.partition_index,
                    error_code: error,
                    ..ListOffsetsPartitionResponse::default()
                })
            });
            let partitions = partitions.collect();
            ListOffsetsTopicResponse {
                name: topic.name,
                partitions,
            }
        });
        Outcome::Answer(ListOffsetsResponse {
            throttle_time_ms: 0,
            topics: topics.collect(),
        })
    }

    fn refuse(request: &Self::Request, _: i16, error: ErrorCode) -> Self::Response {
        let topics = request.topics.iter().map(|topic| ListOffsetsTopicResponse {
            name: topic.name.clone(),
            partitions: topic
                .partitions
                .iter()
                .map(|partition| ListOffsetsPartitionResponse {
                    partition_index: partition.partition_index,
                    error_code: error,
                    ..ListOffsetsPartitionResponse::default()
                })
                .collect(),
        });
        ListOffsetsResponse {
            throttle_time_ms: 0,
            topics: topics.collect(),
        }
    }

    fn partitions(_: &State, request: &Self::Request) -> Vec<(String, i32)> {
        let topics = request.topics.iter();
        topics
            .flat_map(|t| {
                t.partitions
                    .iter()
                    .map(|p| (t.name.to_string(), p.partition_index))
            })
            .collect()
    }
}

fn find(
    state: &mut State,
    call: &Call,
    name: &str,
    wanted: &ListOffsetsPartition,
) -> Result<ListOffsetsPartitionResponse, ErrorCode> {
    let number = wanted.partition_index;
    let unknown = ErrorCode::UnknownTopicOrPartition;
    let topic = state.topics.by_name_mut(name).ok_or(unknown)?;
    if let Some(error) = call.injected(name, number) {
        return Err(error);
    }
    match timestamp::first_version(wanted.timestamp) {
        Some(first) if first <= call.version => {}
        _ => return Err(ErrorCode::UnsupportedVersion),
    }
    let leader_epoch = topic.leader_epoch;
    check_epoch(topic, wanted.current_leader_epoch)?;
    let log = topic.partition_mut(number).ok_or(unknown)?;
    let mut response = ListOffsetsPartitionResponse {
        partition_index: number,
        ..ListOffsetsPartitionResponse::default()
    };
    let place = match wanted.timestamp {
        timestamp::LATEST => Some((log.high_watermark(), -1)),
        timestamp::EARLIEST | timestamp::EARLIEST_LOCAL => Some((log.log_start_offset(), -1)),
        // There is no tiered storage.
        timestamp::LATEST_TIERED | timestamp::EARLIEST_PENDING_UPLOAD => None,
        time => by_time(log, time, state.storage.as_ref()).map_err(|error| {
            tracing::error!(topic = name, partition = number, %error, "a log could not be read");
            ErrorCode::KafkaStorageError
        })?,
    };
    if let Some((offset, time)) = place {
        let epoch = log.epochs.at(offset).unwrap_or(leader_epoch);
        response.offset = offset;
        response.timestamp = time;
        response.leader_epoch = Some(LeaderEpoch(epoch));
    }
    Ok(response)
}

/// Offset and time of the first record at or after a time, or of the newest one.
fn by_time(log: &mut Log, time: i64, storage: &dyn Storage) -> io::Result<Option<(i64, i64)>> {
    let newest = time == timestamp::MAX;
    let found = match newest {
        true => log.batch_of_max_timestamp(storage)?,
        false => log.batch_since(time, storage)?,
    };
    let Some((entry, bytes)) = found else {
        return Ok(None);
    };
    let at_least = if newest { entry.max_timestamp } else { time };
    first_record_since(bytes, at_least, log.log_start_offset())
}

fn first_record_since(bytes: Bytes, time: i64, start: i64) -> io::Result<Option<(i64, i64)>> {
    for batch in Batches::new(bytes) {
        let records = batch.and_then(|batch| batch.records(DECOMPRESSED_MAX));
        for record in &records.map_err(io::Error::other)? {
            let record = record.map_err(io::Error::other)?;
            if record.timestamp >= time && record.offset >= start {
                return Ok(Some((record.offset, record.timestamp)));
            }
        }
    }
    Ok(None)
}
