//! The core's requests as Kafka's messages, and its answers out of them.

use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    GroupId, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupRequest, LeaveGroupResponse, SyncGroupRequest, SyncGroupResponse,
};
use kconnect_protocol::ErrorCode;
use kconnect_protocol::types::StrBytes;

use super::protocol::{Generation, GroupSettings, RoundMember};
use super::request::{Answer, Failure, Join, JoinAnswer, Leave, Sync};
use crate::{Error, ErrorKind};

/// The first versions that have a field.
const JOIN_REASON: i16 = 8;
const SYNC_PROTOCOL: i16 = 5;
const LEAVE_REASON: i16 = 5;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn group(settings: &GroupSettings) -> GroupId {
    GroupId(text(&settings.group_id))
}

fn instance(settings: &GroupSettings) -> Option<StrBytes> {
    settings.group_instance_id.as_deref().map(text)
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

pub(super) fn join(
    settings: &GroupSettings,
    protocol_type: &'static str,
    join: &Join,
    version: i16,
) -> JoinGroupRequest {
    let offer = |offer: &super::Offer| {
        JoinGroupRequestProtocol::default()
            .with_name(text(&offer.name))
            .with_metadata(offer.metadata.clone())
    };
    JoinGroupRequest::default()
        .with_group_id(group(settings))
        .with_session_timeout_ms(millis(settings.session_timeout))
        .with_rebalance_timeout_ms(millis(settings.rebalance_timeout))
        .with_member_id(text(join.member_id.as_deref().unwrap_or_default()))
        .with_group_instance_id(instance(settings))
        .with_protocol_type(StrBytes::from_static_str(protocol_type))
        .with_protocols(join.protocols.iter().map(offer).collect())
        .with_reason((version >= JOIN_REASON).then(|| text(&join.reason)))
}

pub(super) fn joined(response: JoinGroupResponse) -> Result<Answer, Failure> {
    let code = ErrorCode(response.error_code);
    if code == ErrorCode::MemberIdRequired {
        return Err(Failure::MemberIdRequired((*response.member_id).into()));
    }
    code.check().map_err(Failure::Code)?;
    let Some(protocol) = response.protocol_name else {
        let text = "the coordinator completed a join without naming a protocol";
        return Err(Failure::Fatal(Error::new(
            ErrorKind::BrokerMisbehaved,
            text,
        )));
    };
    let members = response.members.into_iter().map(|member| RoundMember {
        member_id: (*member.member_id).into(),
        group_instance_id: member.group_instance_id.map(|id| (*id).into()),
        metadata: member.metadata,
    });
    Ok(Answer::Joined(JoinAnswer {
        generation: Generation {
            id: response.generation_id,
            member_id: (*response.member_id).into(),
        },
        protocol: (*protocol).into(),
        leader: (*response.leader).into(),
        members: members.collect(),
        skip_assignment: response.skip_assignment,
    }))
}

pub(super) fn sync(
    settings: &GroupSettings,
    protocol_type: &'static str,
    sync: &Sync,
    version: i16,
) -> SyncGroupRequest {
    let assignment = |(member_id, assignment): &(Arc<str>, bytes::Bytes)| {
        SyncGroupRequestAssignment::default()
            .with_member_id(text(member_id))
            .with_assignment(assignment.clone())
    };
    let request = SyncGroupRequest::default()
        .with_group_id(group(settings))
        .with_generation_id(sync.generation.id)
        .with_member_id(text(&sync.generation.member_id))
        .with_group_instance_id(instance(settings))
        .with_assignments(sync.assignments.iter().map(assignment).collect());
    if version < SYNC_PROTOCOL {
        return request;
    }
    request
        .with_protocol_type(Some(StrBytes::from_static_str(protocol_type)))
        .with_protocol_name(Some(text(&sync.protocol)))
}

pub(super) fn synced(response: SyncGroupResponse) -> Result<Answer, Failure> {
    let code = ErrorCode(response.error_code);
    code.check().map_err(Failure::Code)?;
    Ok(Answer::Synced(response.assignment))
}

pub(super) fn heartbeat(settings: &GroupSettings, generation: &Generation) -> HeartbeatRequest {
    HeartbeatRequest::default()
        .with_group_id(group(settings))
        .with_generation_id(generation.id)
        .with_member_id(text(&generation.member_id))
        .with_group_instance_id(instance(settings))
}

pub(super) fn heartbeat_done(response: &HeartbeatResponse) -> Result<Answer, Failure> {
    let code = ErrorCode(response.error_code);
    code.check().map_err(Failure::Code)?;
    Ok(Answer::Done)
}

pub(super) fn leave(settings: &GroupSettings, leave: &Leave, version: i16) -> LeaveGroupRequest {
    let member = MemberIdentity::default()
        .with_member_id(text(&leave.member_id))
        .with_group_instance_id(instance(settings))
        .with_reason((version >= LEAVE_REASON).then(|| text(&leave.reason)));
    LeaveGroupRequest::default()
        .with_group_id(group(settings))
        .with_members(vec![member])
}

pub(super) fn left(response: &LeaveGroupResponse) -> Result<Answer, Failure> {
    let member = response
        .members
        .first()
        .map_or(0, |member| member.error_code);
    let codes = [response.error_code, member];
    for code in codes {
        ErrorCode(code).check().map_err(Failure::Code)?;
    }
    Ok(Answer::Done)
}

/// An error without an answer.
pub(super) fn failure(error: Error) -> Failure {
    match error.code() {
        // Said by the client itself: metadata no longer has the coordinator.
        Some(ErrorCode::BrokerNotAvailable) => Failure::Unreachable(error),
        Some(code) => Failure::Code(code),
        None if error.is_retriable() => Failure::Unreachable(error),
        None => Failure::Fatal(error),
    }
}
