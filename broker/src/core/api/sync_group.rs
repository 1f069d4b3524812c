//! SyncGroup (API 14, versions 0-5): the leader hands in assignments, everybody gets its own.

use bytes::Bytes;
use kafka_protocol::messages::{SyncGroupRequest, SyncGroupResponse};
use kconnect_protocol::{ApiKey, ErrorCode};

use super::{Api, Outcome, generated, text};
use crate::core::Core;
use crate::core::call::Call;
use crate::core::groups::SyncReply;
use crate::core::groups::sync::Sync;
use crate::core::state::State;
use crate::core::time::Now;
use crate::core::waiting::Wait;

#[derive(Debug)]
pub(crate) struct SyncGroup;

/// From here on the answer names the protocol.
const PROTOCOL_SINCE: i16 = 5;

impl Api for SyncGroup {
    const KEY: ApiKey = ApiKey::SYNC_GROUP;
    generated!(SyncGroupRequest, SyncGroupResponse);

    fn handle(state: &mut State, call: &Call, request: Self::Request) -> Outcome<Self::Response> {
        let refusal = |error| Outcome::Answer(response(&SyncReply::refuse(error), call.version));
        if request.group_id.0.is_empty() {
            return refusal(ErrorCode::InvalidGroupId);
        }
        let assignments = request.assignments.iter().map(|assignment| {
            let bytes = Bytes::copy_from_slice(&assignment.assignment);
            (assignment.member_id.to_string(), bytes)
        });
        let sync = Sync {
            member_id: request.member_id.to_string(),
            instance_id: request.group_instance_id.as_ref().map(ToString::to_string),
            generation: request.generation_id,
            protocol_type: request.protocol_type.as_ref().map(ToString::to_string),
            protocol: request.protocol_name.as_ref().map(ToString::to_string),
            assignments: assignments.collect(),
        };
        let synced = state.groups.with(&request.group_id.0, |group| {
            group.sync(call.now, call.id, sync);
        });
        match synced {
            Some(()) => Outcome::Wait {
                wait: Wait::Group,
                until: None,
            },
            None => refusal(ErrorCode::UnknownMemberId),
        }
    }

    fn refuse(_: &Self::Request, version: i16, error: ErrorCode) -> Self::Response {
        response(&SyncReply::refuse(error), version)
    }
}

/// Answers a member that has waited for its assignment.
pub(crate) fn complete(core: &mut Core, now: Now, call: Call, reply: &SyncReply) {
    let response = response(reply, call.version);
    super::answer::<SyncGroup>(core, now, call, &response);
}

fn response(reply: &SyncReply, version: i16) -> SyncGroupResponse {
    let named = |name: &Option<String>| {
        let name = name.as_deref().map(text);
        name.filter(|_| version >= PROTOCOL_SINCE)
    };
    SyncGroupResponse::default()
        .with_error_code(reply.error.0)
        .with_protocol_type(named(&reply.protocol_type))
        .with_protocol_name(named(&reply.protocol))
        .with_assignment(reply.assignment.clone())
}
