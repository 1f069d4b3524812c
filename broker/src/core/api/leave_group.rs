//! LeaveGroup (API 13, versions 0-5): members go, from version 3 on several at once (KIP-345).

use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{LeaveGroupRequest, LeaveGroupResponse};
use kconnect_protocol::{ApiKey, ErrorCode};

use super::{Api, Outcome, generated};
use crate::core::call::Call;
use crate::core::state::State;

#[derive(Debug)]
pub(crate) struct LeaveGroup;

/// From here on members are listed.
const LIST_SINCE: i16 = 3;

impl Api for LeaveGroup {
    const KEY: ApiKey = ApiKey::LEAVE_GROUP;
    generated!(LeaveGroupRequest, LeaveGroupResponse);

    fn handle(state: &mut State, call: &Call, request: Self::Request) -> Outcome<Self::Response> {
        if request.group_id.0.is_empty() {
            let error = ErrorCode::InvalidGroupId;
            return Outcome::Answer(Self::refuse(&request, call.version, error));
        }
        let mut leave = |member: &MemberIdentity| {
            let instance = member.group_instance_id.as_deref();
            let left = state.groups.with(&request.group_id.0, |group| {
                group.leave(call.now, &member.member_id, instance)
            });
            let left = left.unwrap_or(Err(ErrorCode::UnknownMemberId));
            left.err().unwrap_or(ErrorCode::None)
        };
        if call.version < LIST_SINCE {
            let id = request.member_id.clone();
            let error = leave(&MemberIdentity::default().with_member_id(id));
            return Outcome::Answer(LeaveGroupResponse::default().with_error_code(error.0));
        }
        let members = request.members.iter().map(|member| {
            MemberResponse::default()
                .with_member_id(member.member_id.clone())
                .with_group_instance_id(member.group_instance_id.clone())
                .with_error_code(leave(member).0)
        });
        Outcome::Answer(LeaveGroupResponse::default().with_members(members.collect()))
    }

    fn refuse(_: &Self::Request, _: i16, error: ErrorCode) -> Self::Response {
        LeaveGroupResponse::default().with_error_code(error.0)
    }
}
