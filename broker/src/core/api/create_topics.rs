//! CreateTopics (API 19, versions 2-7): topics with partitions and configuration.

use std::collections::BTreeSet;

use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{
    CreatableTopicConfigs, CreatableTopicResult,
};
use kafka_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse};
use kconnect_protocol::{ApiKey, ErrorCode};

use super::{Api, Outcome, generated, text};
use crate::core::call::Call;
use crate::core::config::Overrides;
use crate::core::state::State;
use crate::core::topics::{Refusal, Topic};

#[derive(Debug)]
pub(crate) struct CreateTopics;

/// From here on the answer shows what was created (KIP-525).
const DETAILS_SINCE: i16 = 5;
/// From here on it names the topic's id.
const ID_SINCE: i16 = 7;

impl Api for CreateTopics {
    const KEY: ApiKey = ApiKey::CREATE_TOPICS;
    generated!(CreateTopicsRequest, CreateTopicsResponse);

    fn handle(state: &mut State, call: &Call, request: Self::Request) -> Outcome<Self::Response> {
        let mut seen = BTreeSet::new();
        let twice: BTreeSet<_> = request
            .topics
            .iter()
            .filter(|topic| !seen.insert(&topic.name))
            .map(|topic| &topic.name)
            .collect();
        let topics = request.topics.iter().map(|topic| {
            let created = match twice.contains(&topic.name) {
                true => Err((
                    ErrorCode::InvalidRequest,
                    "Duplicate topic name.".to_owned(),
                )),
                false => create(state, topic, request.validate_only, call.version),
            };
            created.unwrap_or_else(|(error, why)| refusal(topic, call.version, error, why))
        });
        Outcome::Answer(CreateTopicsResponse::default().with_topics(topics.collect()))
    }

    fn refuse(request: &Self::Request, version: i16, error: ErrorCode) -> Self::Response {
        let topics = request.topics.iter();
        let refuse = |topic| refusal(topic, version, error, error.meaning().to_owned());
        CreateTopicsResponse::default().with_topics(topics.map(refuse).collect())
    }

    fn partitions(_: &State, request: &Self::Request) -> Vec<(String, i32)> {
        request
            .topics
            .iter()
            .map(|t| (t.name.to_string(), 0))
            .collect()
    }
}

fn refusal(
    topic: &CreatableTopic,
    version: i16,
    error: ErrorCode,
    why: String,
) -> CreatableTopicResult {
    let result = CreatableTopicResult::default()
        .with_name(topic.name.clone())
        .with_error_code(error.0)
        .with_error_message(super::message(why));
    match version >= DETAILS_SINCE {
        true => result.with_num_partitions(-1).with_replication_factor(-1),
        false => result,
    }
}

fn create(
    state: &mut State,
    wanted: &CreatableTopic,
    validate_only: bool,
    version: i16,
) -> Result<CreatableTopicResult, Refusal> {
    let partitions = partitions(state, wanted)?;
    let configs = wanted.configs.iter();
    let configs: Overrides = configs
        .filter_map(|c| Some((c.name.to_string(), c.value.as_ref()?.to_string())))
        .collect();
    state.topics.check_new(&wanted.name, partitions, &configs)?;
    let result = CreatableTopicResult::default().with_name(wanted.name.clone());
    if validate_only {
        return Ok(match version >= DETAILS_SINCE {
            true => result
                .with_num_partitions(partitions)
                .with_replication_factor(1)
                .with_configs(Some(Vec::new())),
            false => result,
        });
    }
    let id = state.random.uuid();
    let storage = state.storage.as_mut();
    let topic = state
        .topics
        .create(&wanted.name, id, partitions, configs, storage)
        .map_err(|error| (ErrorCode::KafkaStorageError, error.to_string()))?;
    tracing::info!(topic = %topic.name, partitions, "topic created");
    Ok(details(topic, version, result))
}

/// How many partitions are wanted. Replicas can only be on this broker.
fn partitions(state: &State, wanted: &CreatableTopic) -> Result<i32, Refusal> {
    if !wanted.assignments.is_empty() {
        return assigned(state, wanted);
    }
    let factor = wanted.replication_factor;
    if factor > 1 {
        let why = format!(
            "Unable to replicate the partition {factor} time(s): The target replication factor of \
             {factor} cannot be reached because only 1 broker(s) are registered."
        );
        return Err((ErrorCode::InvalidReplicationFactor, why));
    }
    if factor == 0 || factor < -1 {
        let why = "Replication factor must be larger than 0, or -1 to use the default value.";
        return Err((ErrorCode::InvalidReplicationFactor, why.to_owned()));
    }
    match wanted.num_partitions {
        -1 => Ok(state.options.default_partitions),
        count if count <= 0 => {
            let why = "Number of partitions was set to an invalid non-positive value.";
            Err((ErrorCode::InvalidPartitions, why.to_owned()))
        }
        count => Ok(count),
    }
}

fn assigned(state: &State, wanted: &CreatableTopic) -> Result<i32, Refusal> {
    let me = state.node_id();
    let refuse = |why: &str| Err((ErrorCode::InvalidReplicaAssignment, why.to_owned()));
    if wanted.num_partitions != -1 || wanted.replication_factor != -1 {
        let why = "A manual partition assignment was specified, but numPartitions or \
                   replicationFactor was not set to -1.";
        return Err((ErrorCode::InvalidRequest, why.to_owned()));
    }
    let numbers: BTreeSet<i32> = wanted
        .assignments
        .iter()
        .map(|a| a.partition_index)
        .collect();
    if !(0..)
        .zip(&numbers)
        .all(|(expected, number)| expected == *number)
        || numbers.len() != wanted.assignments.len()
    {
        return refuse("partitions should be a consecutive 0-based integer sequence");
    }
    let here = |ids: &[kafka_protocol::messages::BrokerId]| ids.len() == 1 && ids[0] == me;
    if !wanted.assignments.iter().all(|a| here(&a.broker_ids)) {
        return refuse("this broker is the only one there is");
    }
    i32::try_from(numbers.len()).or_else(|_| refuse("too many partitions"))
}

fn details(topic: &Topic, version: i16, result: CreatableTopicResult) -> CreatableTopicResult {
    let result = match version >= ID_SINCE {
        true => result.with_topic_id(topic.id),
        false => result,
    };
    if version < DETAILS_SINCE {
        return result;
    }
    let configs = super::describe_configs::topic_values(topic).map(|value| {
        CreatableTopicConfigs::default()
            .with_name(text(value.key.name))
            .with_value(Some(text(value.value)))
            .with_config_source(value.source.to_wire())
    });
    result
        .with_num_partitions(topic.count())
        .with_replication_factor(1)
        .with_configs(Some(configs.collect()))
}
