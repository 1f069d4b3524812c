//! Heartbeat (API 12, versions 0-4): a member lives, and hears whether it has to join again.

use kafka_protocol::messages::{HeartbeatRequest, HeartbeatResponse};
use kconnect_protocol::{ApiKey, ErrorCode};

use super::{Api, Outcome, generated};
use crate::core::call::Call;
use crate::core::state::State;

#[derive(Debug)]
pub(crate) struct Heartbeat;

impl Api for Heartbeat {
    const KEY: ApiKey = ApiKey::HEARTBEAT;
    generated!(HeartbeatRequest, HeartbeatResponse);

    fn handle(state: &mut State, call: &Call, request: Self::Request) -> Outcome<Self::Response> {
        let instance = request.group_instance_id.as_deref();
        let (member, generation) = (&request.member_id, request.generation_id);
        let beat = state.groups.with(&request.group_id.0, |group| {
            group.heartbeat(call.now, member, instance, generation)
        });
        let beat = beat.unwrap_or(Err(ErrorCode::UnknownMemberId));
        let error = beat.err().unwrap_or(ErrorCode::None);
        Outcome::Answer(Self::refuse(&request, call.version, error))
    }

    fn refuse(_: &Self::Request, _: i16, error: ErrorCode) -> Self::Response {
        HeartbeatResponse::default().with_error_code(error.0)
    }
}
