//! CreatePartitions (API 37, versions 0-3): a topic grows.

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse};
use kconnect_protocol::{ApiKey, ErrorCode};

use super::{Api, Outcome, generated};
use crate::core::call::Call;
use crate::core::state::State;
use crate::core::topics::Refusal;

#[derive(Debug)]
pub(crate) struct CreatePartitions;

impl Api for CreatePartitions {
    const KEY: ApiKey = ApiKey::CREATE_PARTITIONS;
    generated!(CreatePartitionsRequest, CreatePartitionsResponse);

    fn handle(state: &mut State, _: &Call, request: Self::Request) -> Outcome<Self::Response> {
        let results = request.topics.iter().map(|topic| {
            let grown = grow(state, topic, request.validate_only);
            let (error, why) = grown.err().unwrap_or((ErrorCode::None, String::new()));
            result(topic, error, why)
        });
        Outcome::Answer(CreatePartitionsResponse::default().with_results(results.collect()))
    }

    fn refuse(request: &Self::Request, _: i16, error: ErrorCode) -> Self::Response {
        let topics = request.topics.iter();
        let refuse = |topic| result(topic, error, error.meaning().to_owned());
        CreatePartitionsResponse::default().with_results(topics.map(refuse).collect())
    }

    fn partitions(_: &State, request: &Self::Request) -> Vec<(String, i32)> {
        request
            .topics
            .iter()
            .map(|t| (t.name.to_string(), 0))
            .collect()
    }
}

fn result(
    topic: &CreatePartitionsTopic,
    error: ErrorCode,
    why: String,
) -> CreatePartitionsTopicResult {
    CreatePartitionsTopicResult::default()
        .with_name(topic.name.clone())
        .with_error_code(error.0)
        .with_error_message(super::message(why))
}

fn grow(
    state: &mut State,
    wanted: &CreatePartitionsTopic,
    validate_only: bool,
) -> Result<(), Refusal> {
    let topic = state.topics.by_name(&wanted.name);
    let topic = topic.ok_or_else(|| {
        let why = ErrorCode::UnknownTopicOrPartition.meaning().to_owned();
        (ErrorCode::UnknownTopicOrPartition, why)
    })?;
    let (have, count) = (topic.count(), wanted.count);
    if count <= have {
        let why = match count == have {
            true => format!("Topic already has {have} partition(s)."),
            false => format!(
                "The topic {} currently has {have} partition(s); {count} would not be an increase.",
                &*wanted.name
            ),
        };
        return Err((ErrorCode::InvalidPartitions, why));
    }
    check_assignments(state.node_id(), wanted, count - have)?;
    if validate_only {
        return Ok(());
    }
    state
        .topics
        .add_partitions(&wanted.name, count, state.storage.as_mut())
}

fn check_assignments(me: i32, wanted: &CreatePartitionsTopic, more: i32) -> Result<(), Refusal> {
    let Some(assignments) = &wanted.assignments else {
        return Ok(());
    };
    let here = |ids: &[kafka_protocol::messages::BrokerId]| ids.len() == 1 && ids[0] == me;
    let fits = i32::try_from(assignments.len()) == Ok(more);
    match fits && assignments.iter().all(|a| here(&a.broker_ids)) {
        true => Ok(()),
        false => {
            let why = "each new partition needs one replica, on the only broker there is";
            Err((ErrorCode::InvalidReplicaAssignment, why.to_owned()))
        }
    }
}
