//! Metadata (API 3, versions 0-13): topics, their partitions, and the one broker (KIP-516 topic ids).

use kconnect_protocol::messages::metadata::{
    MetadataBroker, MetadataPartition, MetadataRequest, MetadataRequestTopic, MetadataResponse,
    MetadataTopic,
};
use kconnect_protocol::types::{BrokerId, LeaderEpoch};
use kconnect_protocol::{ApiKey, ErrorCode, StrBytes};

use super::{Api, Outcome, own, text};
use crate::core::call::Call;
use crate::core::config::Overrides;
use crate::core::state::State;
use crate::core::topics::Topic;

#[derive(Debug)]
pub(crate) struct Metadata;

/// What a client may do with a topic where nobody is refused anything, as bits by operation: read,
/// write, create, delete, alter, describe, describe configs, alter configs.
pub(crate) const TOPIC_OPERATIONS: i32 = 0b1101_1111_1000;
/// The same for the cluster: create, alter, describe, cluster action, describe and alter configs,
/// idempotent write.
pub(crate) const CLUSTER_OPERATIONS: i32 = 0b1_1111_1010_0000;

impl Api for Metadata {
    const KEY: ApiKey = ApiKey::METADATA;
    own!(MetadataRequest, MetadataResponse);

    fn handle(state: &mut State, call: &Call, request: Self::Request) -> Outcome<Self::Response> {
        let create = request.allow_auto_topic_creation && state.options.auto_create_topics;
        let mut topics = match &request.topics {
            None => state
                .topics
                .iter()
                .map(|t| describe(state, t, call))
                .collect(),
            Some(wanted) => wanted
                .iter()
                .map(|topic| find(state, call, topic, create))
                .collect::<Vec<_>>(),
        };
        if request.include_topic_authorized_operations {
            for topic in topics.iter_mut().filter(|t| t.error_code.is_none()) {
                topic.topic_authorized_operations = TOPIC_OPERATIONS;
            }
        }
        let mut response = MetadataResponse {
            brokers: vec![MetadataBroker {
                node_id: BrokerId(state.node_id()),
                host: state.host(),
                port: state.endpoint.port.into(),
                rack: None,
            }],
            cluster_id: Some(text(&state.cluster_id)),
            controller_id: BrokerId::from_wire(state.node_id()),
            topics,
            ..MetadataResponse::default()
        };
        if request.include_cluster_authorized_operations {
            response.cluster_authorized_operations = CLUSTER_OPERATIONS;
        }
        Outcome::Answer(response)
    }

    fn refuse(request: &Self::Request, _: i16, error: ErrorCode) -> Self::Response {
        let topics = request.topics.iter().flatten();
        MetadataResponse {
            topics: topics.map(|topic| unknown(topic, error)).collect(),
            ..MetadataResponse::default()
        }
    }

    fn partitions(state: &State, request: &Self::Request) -> Vec<(String, i32)> {
        let named = request.topics.iter().flatten();
        named
            .filter_map(|topic| lookup(state, topic))
            .flat_map(|topic| (0..topic.count()).map(|p| (topic.name.to_string(), p)))
            .collect()
    }
}

fn lookup<'a>(state: &'a State, wanted: &MetadataRequestTopic) -> Option<&'a Topic> {
    match &wanted.name {
        Some(name) => state.topics.by_name(name),
        None => state.topics.by_id(wanted.topic_id),
    }
}

fn find(
    state: &mut State,
    call: &Call,
    wanted: &MetadataRequestTopic,
    create: bool,
) -> MetadataTopic {
    if let Some(topic) = lookup(state, wanted) {
        return describe(state, topic, call);
    }
    match &wanted.name {
        None => unknown(wanted, ErrorCode::UnknownTopicId),
        Some(name) if create => match auto_create(state, name) {
            Ok(()) => find(state, call, wanted, false),
            Err(error) => unknown(wanted, error),
        },
        Some(name) => match crate::core::topics::name::check(name) {
            Ok(()) => unknown(wanted, ErrorCode::UnknownTopicOrPartition),
            Err(_) => unknown(wanted, ErrorCode::InvalidTopicException),
        },
    }
}

fn auto_create(state: &mut State, name: &StrBytes) -> Result<(), ErrorCode> {
    let partitions = state.options.default_partitions;
    let none = Overrides::new();
    let checked = state.topics.check_new(name, partitions, &none);
    checked.map_err(|(error, _)| error)?;
    let id = state.random.uuid();
    let storage = state.storage.as_mut();
    match state.topics.create(name, id, partitions, none, storage) {
        Ok(_) => {
            tracing::info!(topic = %name, partitions, "topic created because it was asked for");
            Ok(())
        }
        Err(error) => {
            tracing::error!(topic = %name, %error, "a topic could not be written down");
            Err(ErrorCode::KafkaStorageError)
        }
    }
}

fn unknown(wanted: &MetadataRequestTopic, error: ErrorCode) -> MetadataTopic {
    MetadataTopic {
        error_code: error,
        name: wanted.name.clone(),
        topic_id: wanted.topic_id,
        ..MetadataTopic::default()
    }
}

fn describe(state: &State, topic: &Topic, call: &Call) -> MetadataTopic {
    let me = BrokerId(state.node_id());
    let partition = |number: i32| {
        let error = call.injected(&topic.name, number);
        MetadataPartition {
            error_code: error.unwrap_or(ErrorCode::None),
            partition_index: number,
            leader_id: error.is_none().then_some(me),
            leader_epoch: Some(LeaderEpoch(topic.leader_epoch)),
            replica_nodes: std::iter::once(me).collect(),
            isr_nodes: std::iter::once(me).collect(),
            ..MetadataPartition::default()
        }
    };
    MetadataTopic {
        name: Some(text(&topic.name)),
        topic_id: topic.id,
        is_internal: false,
        partitions: (0..topic.count()).map(partition).collect(),
        ..MetadataTopic::default()
    }
}
