//! Produce (API 0, versions 3-13): batches into logs (KIP-98 idempotence, KIP-467 record errors).

use kconnect_protocol::messages::produce::{
    FIRST_WITH_TOPIC_IDS, ProducePartition, ProducePartitionResponse, ProduceRequest,
    ProduceResponse, ProduceTopic, ProduceTopicResponse, RecordError,
};
use kconnect_protocol::{ApiKey, ErrorCode};

use super::{Api, Outcome, own};
use crate::core::call::Call;
use crate::core::log::producers::Verdict;
use crate::core::log::validate::{self, Refused, Rules};
use crate::core::state::State;
use crate::core::storage::PartitionId;
use crate::core::topics::Topic;

#[derive(Debug)]
pub(crate) struct Produce;

impl Api for Produce {
    const KEY: ApiKey = ApiKey::PRODUCE;
    own!(ProduceRequest, ProduceResponse);

    fn handle(state: &mut State, call: &Call, request: Self::Request) -> Outcome<Self::Response> {
        if !matches!(request.acks, -1..=1) {
            let error = ErrorCode::InvalidRequiredAcks;
            return Outcome::Answer(Self::refuse(&request, call.version, error));
        }
        let acks = request.acks;
        let mut failed = false;
        let topics = request.topics.into_iter().map(|topic| {
            let response = produce_topic(state, call, acks, topic);
            failed |= response.partitions.iter().any(|p| p.error_code.is_error());
            response
        });
        let response = ProduceResponse {
            topics: topics.collect(),
            ..ProduceResponse::default()
        };
        match (acks, failed) {
            (0, false) => Outcome::NoAnswer,
            // Nobody reads an answer: this is the only way to say that something went wrong.
            (0, true) => Outcome::Close("a batch of a produce request with acks=0 was refused"),
            _ => Outcome::Answer(response),
        }
    }

    fn refuse(request: &Self::Request, _: i16, error: ErrorCode) -> Self::Response {
        let topics = request.topics.iter().map(|topic| ProduceTopicResponse {
            name: topic.name.clone(),
            topic_id: topic.topic_id,
            partitions: topic
                .partitions
                .iter()
                .map(|partition| ProducePartitionResponse {
                    index: partition.index,
                    error_code: error,
                    ..ProducePartitionResponse::default()
                })
                .collect(),
        });
        ProduceResponse {
            topics: topics.collect(),
            ..ProduceResponse::default()
        }
    }

    fn partitions(state: &State, request: &Self::Request) -> Vec<(String, i32)> {
        let mut all = Vec::new();
        for topic in &request.topics {
            let name = match state.topics.by_id(topic.topic_id) {
                Some(known) => known.name.to_string(),
                None => topic.name.to_string(),
            };
            all.extend(topic.partitions.iter().map(|p| (name.clone(), p.index)));
        }
        all
    }
}

fn produce_topic(
    state: &mut State,
    call: &Call,
    acks: i16,
    topic: ProduceTopic,
) -> ProduceTopicResponse {
    let mut response = ProduceTopicResponse {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partitions: Vec::with_capacity(topic.partitions.len()),
    };
    for partition in topic.partitions {
        let index = partition.index;
        let known = match call.version >= FIRST_WITH_TOPIC_IDS {
            true => state.topics.by_id(topic.topic_id),
            false => state.topics.by_name(&topic.name),
        };
        let done = match known {
            Some(known) => accept(known, call, acks, partition),
            None if call.version >= FIRST_WITH_TOPIC_IDS => {
                Err(Refused::new(ErrorCode::UnknownTopicId, ""))
            }
            None => Err(Refused::new(ErrorCode::UnknownTopicOrPartition, "")),
        };
        let done = done.and_then(|accepted| append(state, call, accepted));
        response.partitions.push(match done {
            Ok(done) => done,
            Err(refused) => refusal(index, refused),
        });
    }
    response
}

/// A batch that may be appended.
struct Accepted {
    id: PartitionId,
    batch: kconnect_protocol::records::Batch,
    verdict: Verdict,
}

/// Looks at a batch from all sides before anything is changed.
fn accept(
    topic: &Topic,
    call: &Call,
    acks: i16,
    partition: ProducePartition,
) -> Result<Accepted, Refused> {
    let log = topic
        .partition(partition.index)
        .ok_or_else(|| Refused::new(ErrorCode::UnknownTopicOrPartition, ""))?;
    if let Some(error) = call.injected(&topic.name, partition.index) {
        return Err(Refused::new(error, ""));
    }
    if acks == -1 && topic.settings.min_insync_replicas > 1 {
        let message = "min.insync.replicas is above 1, and this broker is the only one";
        return Err(Refused::new(ErrorCode::NotEnoughReplicas, message));
    }
    let settings = &topic.settings;
    let now = call.now.timestamp;
    let rules = Rules {
        max_message_bytes: settings.max_message_bytes,
        compacted: settings.compacts,
        timestamps: (!settings.log_append_time).then(|| {
            let oldest = now.saturating_sub(settings.timestamp_before_max);
            (oldest, now.saturating_add(settings.timestamp_after_max))
        }),
    };
    let batch = validate::check(partition.records, call.version, &rules)?;
    let verdict = log.producers.check(batch.header()).map_err(|error| {
        let header = batch.header();
        Refused::new(
            error,
            format!(
                "producer {} epoch {} came with sequence {} to {}-{}",
                header.producer_id,
                header.producer_epoch,
                header.base_sequence,
                topic.name,
                partition.index
            ),
        )
    })?;
    Ok(Accepted {
        id: topic.partition_id(partition.index),
        batch,
        verdict,
    })
}

fn append(
    state: &mut State,
    call: &Call,
    accepted: Accepted,
) -> Result<ProducePartitionResponse, Refused> {
    let Accepted { id, batch, verdict } = accepted;
    let (base_offset, timestamp) = match verdict {
        Verdict::Duplicate(written) => (written.base_offset, written.timestamp),
        Verdict::Append => {
            let storage = state.storage.as_mut();
            let appended = state.topics.append(id, &batch, call.now, storage);
            let appended = appended.map_err(|error| Refused::new(error, ""))?;
            state.appended.push((id, appended.bytes));
            (appended.base_offset, call.now.timestamp)
        }
    };
    let topic = state.topics.by_id(id.topic);
    let append_time = topic.is_some_and(|topic| topic.settings.log_append_time);
    Ok(ProducePartitionResponse {
        index: id.partition,
        base_offset,
        log_append_time_ms: if append_time { timestamp } else { -1 },
        log_start_offset: state
            .topics
            .log(id)
            .map_or(-1, |log| log.log_start_offset()),
        ..ProducePartitionResponse::default()
    })
}

fn refusal(index: i32, refused: Refused) -> ProducePartitionResponse {
    let message = super::message(refused.message);
    let record_error = |batch_index| RecordError {
        batch_index,
        message: message.clone(),
    };
    ProducePartitionResponse {
        index,
        error_code: refused.error,
        record_errors: refused.record.map(record_error).into_iter().collect(),
        error_message: message.clone(),
        ..ProducePartitionResponse::default()
    }
}
