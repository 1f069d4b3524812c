//! DeleteTopics (API 20, versions 1-6): by name, or by id (KIP-516).

use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse};
use kconnect_protocol::{ApiKey, ErrorCode};

use super::{Api, Outcome, generated, text};
use crate::core::call::Call;
use crate::core::state::State;
use crate::core::topics::Topic;

#[derive(Debug)]
pub(crate) struct DeleteTopics;

/// From here on topics are named by name or id.
const ID_SINCE: i16 = 6;
/// From here on a text goes with an error.
const MESSAGE_SINCE: i16 = 5;

impl Api for DeleteTopics {
    const KEY: ApiKey = ApiKey::DELETE_TOPICS;
    generated!(DeleteTopicsRequest, DeleteTopicsResponse);

    fn handle(state: &mut State, call: &Call, request: Self::Request) -> Outcome<Self::Response> {
        let responses = wanted(&request, call.version).into_iter().map(|topic| {
            let deleted = delete(state, &topic);
            result(
                topic,
                call.version,
                deleted.err().unwrap_or(ErrorCode::None),
            )
        });
        Outcome::Answer(DeleteTopicsResponse::default().with_responses(responses.collect()))
    }

    fn refuse(request: &Self::Request, version: i16, error: ErrorCode) -> Self::Response {
        let topics = wanted(request, version).into_iter();
        let refuse = |topic| result(topic, version, error);
        DeleteTopicsResponse::default().with_responses(topics.map(refuse).collect())
    }

    fn partitions(state: &State, request: &Self::Request) -> Vec<(String, i32)> {
        let named = request.topic_names.iter().map(|name| name.to_string());
        let topics = request
            .topics
            .iter()
            .filter_map(|topic| lookup(state, topic));
        let topics = topics.map(|topic| topic.name.to_string());
        named.chain(topics).map(|name| (name, 0)).collect()
    }
}

/// The request in the shape of the newest version.
fn wanted(request: &DeleteTopicsRequest, version: i16) -> Vec<DeleteTopicState> {
    if version >= ID_SINCE {
        return request.topics.clone();
    }
    let names = request.topic_names.iter();
    names
        .map(|name| DeleteTopicState::default().with_name(Some(name.clone())))
        .collect()
}

fn lookup<'a>(state: &'a State, wanted: &DeleteTopicState) -> Option<&'a Topic> {
    match &wanted.name {
        Some(name) => state.topics.by_name(name),
        None => state.topics.by_id(wanted.topic_id),
    }
}

fn delete(state: &mut State, wanted: &DeleteTopicState) -> Result<(), ErrorCode> {
    let unknown = match wanted.name {
        Some(_) => ErrorCode::UnknownTopicOrPartition,
        None => ErrorCode::UnknownTopicId,
    };
    let topic = lookup(state, wanted).ok_or(unknown)?;
    let (id, name) = (topic.id, topic.name.clone());
    // Fetches that wait for it have to hear that it is gone.
    let gone = (0..topic.count()).map(|number| (topic.partition_id(number), usize::MAX));
    let gone: Vec<_> = gone.collect();
    let deleted = state.topics.delete(id, state.storage.as_mut());
    deleted.map_err(|error| {
        tracing::error!(topic = %name, %error, "the deletion of a topic could not be written down");
        ErrorCode::KafkaStorageError
    })?;
    state.appended.extend(gone);
    state.groups.topic_deleted(&name);
    tracing::info!(topic = %name, "topic deleted");
    Ok(())
}

fn result(topic: DeleteTopicState, version: i16, error: ErrorCode) -> DeletableTopicResult {
    let message = error.is_error().then(|| text(error.meaning()));
    let result = DeletableTopicResult::default()
        .with_name(topic.name)
        .with_error_code(error.0)
        .with_error_message(message.filter(|_| version >= MESSAGE_SINCE));
    match version >= ID_SINCE {
        true => result.with_topic_id(topic.topic_id),
        false => result,
    }
}
