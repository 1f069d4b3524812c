//! JoinGroup (API 11, versions 0-9): becoming a member, and hearing of the new generation.

use bytes::Bytes;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse};
use kconnect_protocol::{ApiKey, ErrorCode, StrBytes};

use super::{Api, Outcome, generated, text};
use crate::core::Core;
use crate::core::call::Call;
use crate::core::groups::join::Join;
use crate::core::groups::member::Profile;
use crate::core::groups::{JoinReply, JoinedMember};
use crate::core::state::State;
use crate::core::time::Now;
use crate::core::waiting::Wait;

#[derive(Debug)]
pub(crate) struct JoinGroup;

/// `group.min.session.timeout.ms`
const SESSION_MIN: i32 = 6_000;
/// `group.max.session.timeout.ms`
const SESSION_MAX: i32 = 1_800_000;
/// From here on a member has to come back with the id that it is given (KIP-394).
const KNOWN_ID_SINCE: i16 = 4;
/// From here on a leader can be told to skip the assignment (KIP-814).
const SKIP_SINCE: i16 = 9;
/// From here on the protocol type is in the answer, and no protocol can be said as null.
const TYPE_SINCE: i16 = 7;

impl Api for JoinGroup {
    const KEY: ApiKey = ApiKey::JOIN_GROUP;
    generated!(JoinGroupRequest, JoinGroupResponse);

    fn handle(state: &mut State, call: &Call, request: Self::Request) -> Outcome<Self::Response> {
        if let Err(error) = check(&request) {
            return Outcome::Answer(Self::refuse(&request, call.version, error));
        }
        let group_id = request.group_id.0.to_string();
        let exists = state.groups.get(&group_id).is_some();
        if !exists && !request.member_id.is_empty() {
            let error = ErrorCode::UnknownMemberId;
            return Outcome::Answer(Self::refuse(&request, call.version, error));
        }
        let prefix = request.group_instance_id.as_deref();
        let new_id = format!(
            "{}-{}",
            prefix.unwrap_or_else(|| call.client_id()),
            state.random.uuid()
        );
        let error = Self::refuse(&request, call.version, ErrorCode::CoordinatorNotAvailable);
        let join = join(call, &request, new_id);
        let joined = state.groups.with_new(call.now, &group_id, |group| {
            group.join(call.now, call.id, join);
        });
        match joined {
            Some(()) => Outcome::Wait {
                wait: Wait::Group,
                until: None,
            },
            None => Outcome::Answer(error),
        }
    }

    fn refuse(request: &Self::Request, version: i16, error: ErrorCode) -> Self::Response {
        response(&JoinReply::refuse(&request.member_id, error), version)
    }
}

fn check(request: &JoinGroupRequest) -> Result<(), ErrorCode> {
    if request.group_id.0.is_empty() {
        return Err(ErrorCode::InvalidGroupId);
    }
    match (SESSION_MIN..=SESSION_MAX).contains(&request.session_timeout_ms) {
        true => Ok(()),
        false => Err(ErrorCode::InvalidSessionTimeout),
    }
}

fn join(call: &Call, request: &JoinGroupRequest, new_id: String) -> Join {
    let millis = |millis: i32| u64::try_from(millis).unwrap_or(0);
    let session_timeout = millis(request.session_timeout_ms);
    // Version 0 has one timeout for both.
    let rebalance_timeout = match call.version {
        0 => session_timeout,
        _ => millis(request.rebalance_timeout_ms),
    };
    let protocols = request.protocols.iter();
    let profile = Profile {
        instance_id: request.group_instance_id.as_ref().map(ToString::to_string),
        client_id: call.client_id().to_owned(),
        client_host: call.host.to_string(),
        session_timeout,
        rebalance_timeout,
        protocols: protocols
            .map(|p| (p.name.to_string(), Bytes::copy_from_slice(&p.metadata)))
            .collect(),
    };
    Join {
        member_id: request.member_id.to_string(),
        new_id,
        profile,
        protocol_type: request.protocol_type.to_string(),
        needs_known_id: call.version >= KNOWN_ID_SINCE,
        can_skip_assignment: call.version >= SKIP_SINCE,
    }
}

/// Answers a member that has waited for its group.
pub(crate) fn complete(core: &mut Core, now: Now, call: Call, reply: &JoinReply) {
    let response = response(reply, call.version);
    super::answer::<JoinGroup>(core, now, call, &response);
}

fn response(reply: &JoinReply, version: i16) -> JoinGroupResponse {
    let mut protocol = reply.protocol.as_deref().map(text);
    if version < TYPE_SINCE {
        protocol = protocol.or_else(|| Some(StrBytes::new()));
    }
    let member = |member: &JoinedMember| {
        let instance_id = member.instance_id.as_deref().map(text);
        JoinGroupResponseMember::default()
            .with_member_id(text(&member.member_id))
            .with_group_instance_id(instance_id.filter(|_| version >= 5))
            .with_metadata(member.metadata.clone())
    };
    let protocol_type = reply.protocol_type.as_deref().map(text);
    JoinGroupResponse::default()
        .with_error_code(reply.error.0)
        .with_generation_id(reply.generation)
        .with_protocol_type(protocol_type.filter(|_| version >= TYPE_SINCE))
        .with_protocol_name(protocol)
        .with_leader(text(&reply.leader))
        .with_skip_assignment(reply.skip_assignment && version >= SKIP_SINCE)
        .with_member_id(text(&reply.member_id))
        .with_members(reply.members.iter().map(member).collect())
}
