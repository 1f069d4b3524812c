//! DeleteRecords (API 21, versions 0-2): the log of a partition begins later.

use kafka_protocol::messages::delete_records_request::DeleteRecordsPartition;
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse};
use kconnect_protocol::{ApiKey, ErrorCode};

use super::{Api, Outcome, generated};
use crate::core::call::Call;
use crate::core::state::State;

#[derive(Debug)]
pub(crate) struct DeleteRecords;

/// Stands for the high watermark.
const TO_THE_END: i64 = -1;

impl Api for DeleteRecords {
    const KEY: ApiKey = ApiKey::DELETE_RECORDS;
    generated!(DeleteRecordsRequest, DeleteRecordsResponse);

    fn handle(state: &mut State, call: &Call, request: Self::Request) -> Outcome<Self::Response> {
        let topics = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|partition| {
                let deleted = match call.injected(&topic.name, partition.partition_index) {
                    Some(error) => Err(error),
                    None => delete(state, &topic.name, partition),
                };
                result(partition.partition_index, deleted)
            });
            DeleteRecordsTopicResult::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions.collect())
        });
        Outcome::Answer(DeleteRecordsResponse::default().with_topics(topics.collect()))
    }

    fn refuse(request: &Self::Request, _: i16, error: ErrorCode) -> Self::Response {
        let topics = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter();
            let partitions = partitions.map(|p| result(p.partition_index, Err(error)));
            DeleteRecordsTopicResult::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions.collect())
        });
        DeleteRecordsResponse::default().with_topics(topics.collect())
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

fn result(partition: i32, deleted: Result<i64, ErrorCode>) -> DeleteRecordsPartitionResult {
    DeleteRecordsPartitionResult::default()
        .with_partition_index(partition)
        .with_low_watermark(deleted.unwrap_or(-1))
        .with_error_code(deleted.err().unwrap_or(ErrorCode::None).0)
}

fn delete(
    state: &mut State,
    topic: &str,
    partition: &DeleteRecordsPartition,
) -> Result<i64, ErrorCode> {
    let unknown = ErrorCode::UnknownTopicOrPartition;
    let topic = state.topics.by_name(topic).ok_or(unknown)?;
    let id = topic.partition_id(partition.partition_index);
    let log = topic.partition(partition.partition_index).ok_or(unknown)?;
    if !topic.settings.deletes {
        return Err(ErrorCode::PolicyViolation);
    }
    let offset = match partition.offset {
        TO_THE_END => log.high_watermark(),
        offset => offset,
    };
    if !(0..=log.high_watermark()).contains(&offset) {
        return Err(ErrorCode::OffsetOutOfRange);
    }
    let offset = offset.max(log.log_start_offset());
    let deleted = state
        .topics
        .delete_records(id, offset, state.storage.as_mut());
    deleted.map_err(|error| {
        tracing::error!(partition = ?id, %error, "a new log start could not be written down");
        ErrorCode::KafkaStorageError
    })?;
    Ok(offset)
}
