//! DescribeGroups (API 15, versions 0-6): who is in a group, and what each member got.

use bytes::Bytes;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::{DescribeGroupsRequest, DescribeGroupsResponse, GroupId};
use kconnect_protocol::{ApiKey, ErrorCode};

use super::{Api, Outcome, generated, text};
use crate::core::call::Call;
use crate::core::groups::group::{Group, State as GroupState};
use crate::core::groups::member::Member;
use crate::core::state::State;

#[derive(Debug)]
pub(crate) struct DescribeGroups;

/// From here on a group that does not exist is an error instead of dead (KIP-1043).
const NOT_FOUND_SINCE: i16 = 6;
/// From here on instance ids are part of the answer.
const INSTANCE_SINCE: i16 = 4;
/// What a client may do with a group where nobody is refused anything: read, delete, describe, as
/// bits by operation.
const OPERATIONS: i32 = 0b1_0100_1000;

impl Api for DescribeGroups {
    const KEY: ApiKey = ApiKey::DESCRIBE_GROUPS;
    generated!(DescribeGroupsRequest, DescribeGroupsResponse);

    fn handle(state: &mut State, call: &Call, request: Self::Request) -> Outcome<Self::Response> {
        let groups = request.groups.iter().map(|id| {
            let mut described = match state.groups.get(&id.0) {
                Some(group) => describe(id, group, call.version),
                None => missing(id, call.version),
            };
            if request.include_authorized_operations {
                described.authorized_operations = OPERATIONS;
            }
            described
        });
        Outcome::Answer(DescribeGroupsResponse::default().with_groups(groups.collect()))
    }

    fn refuse(request: &Self::Request, _: i16, error: ErrorCode) -> Self::Response {
        let groups = request.groups.iter().map(|id| {
            DescribedGroup::default()
                .with_group_id(id.clone())
                .with_error_code(error.0)
        });
        DescribeGroupsResponse::default().with_groups(groups.collect())
    }
}

fn missing(id: &GroupId, version: i16) -> DescribedGroup {
    let group = DescribedGroup::default()
        .with_group_id(id.clone())
        .with_group_state(text("Dead"));
    match version >= NOT_FOUND_SINCE {
        true => group
            .with_error_code(ErrorCode::GroupIdNotFound.0)
            .with_error_message(Some(text(&format!("Group {} not found.", &*id.0)))),
        false => group,
    }
}

fn describe(id: &GroupId, group: &Group, version: i16) -> DescribedGroup {
    let stable = group.state == GroupState::Stable;
    // Before the group is stable, nobody can tell what belongs to which generation.
    let protocol = group.protocol.as_deref().filter(|_| stable);
    let members = group
        .members
        .iter()
        .map(|(id, member)| describe_member(id, member, protocol, version));
    DescribedGroup::default()
        .with_group_id(id.clone())
        .with_group_state(text(group.state.name()))
        .with_protocol_type(text(group.protocol_type.as_deref().unwrap_or_default()))
        .with_protocol_data(text(protocol.unwrap_or_default()))
        .with_members(members.collect())
}

fn describe_member(
    id: &str,
    member: &Member,
    protocol: Option<&str>,
    version: i16,
) -> DescribedGroupMember {
    let instance = member.profile.instance_id.as_deref().map(text);
    let assignment = match protocol {
        Some(_) => member.assignment.clone(),
        None => Bytes::new(),
    };
    DescribedGroupMember::default()
        .with_member_id(text(id))
        .with_group_instance_id(instance.filter(|_| version >= INSTANCE_SINCE))
        .with_client_id(text(&member.profile.client_id))
        .with_client_host(text(&format!("/{}", member.profile.client_host)))
        .with_member_metadata(protocol.map_or_else(Bytes::new, |p| member.metadata(p)))
        .with_member_assignment(assignment)
}
