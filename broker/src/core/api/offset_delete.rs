//! OffsetDelete (API 47, version 0): a group forgets offsets of topics that it does not read (KIP-496).

use std::collections::BTreeSet;

use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse};
use kconnect_protocol::wire::Reader;
use kconnect_protocol::{ApiKey, DecodeError, ErrorCode};

use super::{Api, Outcome, generated};
use crate::core::call::Call;
use crate::core::groups::group::{Group, State as GroupState};
use crate::core::journal::Entry;
use crate::core::state::State;

#[derive(Debug)]
pub(crate) struct OffsetDelete;

impl Api for OffsetDelete {
    const KEY: ApiKey = ApiKey::OFFSET_DELETE;
    generated!(OffsetDeleteRequest, OffsetDeleteResponse);

    fn handle(state: &mut State, call: &Call, request: Self::Request) -> Outcome<Self::Response> {
        let group_id = &request.group_id.0;
        let subscribed = match state.groups.get(group_id) {
            Some(group) => subscribed(group),
            None => Err(ErrorCode::GroupIdNotFound),
        };
        let subscribed = match subscribed {
            Ok(subscribed) => subscribed,
            Err(error) => return Outcome::Answer(Self::refuse(&request, call.version, error)),
        };
        let mut partitions = Vec::new();
        let topics = request.topics.iter().map(|topic| {
            let error = match subscribed.contains(topic.name.as_str()) {
                true => ErrorCode::GroupSubscribedToTopic,
                false => ErrorCode::None,
            };
            let results = topic.partitions.iter().map(|partition| {
                if error.is_none() {
                    partitions.push((topic.name.to_string(), partition.partition_index));
                }
                OffsetDeleteResponsePartition::default()
                    .with_partition_index(partition.partition_index)
                    .with_error_code(error.0)
            });
            OffsetDeleteResponseTopic::default()
                .with_name(topic.name.clone())
                .with_partitions(results.collect())
        });
        let response = OffsetDeleteResponse::default().with_topics(topics.collect());
        let entry = Entry::OffsetsDeleted {
            group: group_id.to_string(),
            partitions,
        };
        state.note(&entry);
        state.groups.replay(entry, call.now);
        Outcome::Answer(response)
    }

    fn refuse(_: &Self::Request, _: i16, error: ErrorCode) -> Self::Response {
        OffsetDeleteResponse::default().with_error_code(error.0)
    }
}

/// The topics that the members of a consumer group read.
fn subscribed(group: &Group) -> Result<BTreeSet<String>, ErrorCode> {
    if group.state == GroupState::Empty {
        return Ok(BTreeSet::new());
    }
    if group.protocol_type.as_deref() != Some("consumer") {
        return Err(ErrorCode::NonEmptyGroup);
    }
    let mut topics = BTreeSet::new();
    for member in group.members.values() {
        for (_, metadata) in &member.profile.protocols {
            // What cannot be read subscribes to nothing.
            topics.extend(subscription(metadata).unwrap_or_default());
        }
    }
    Ok(topics)
}

/// The topics of a `Subscription` of the consumer protocol: a version, then names.
fn subscription(metadata: &bytes::Bytes) -> Result<Vec<String>, DecodeError> {
    let mut reader = Reader::new(metadata, false);
    reader.i16("Subscription.version")?;
    reader.vec("Subscription.topics", 2, |r| {
        r.string("Subscription.topics").map(|name| name.to_string())
    })
}
