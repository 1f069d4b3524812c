//! FindCoordinator (API 10, versions 0-6): who coordinates a group; here there is only one broker.

use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{BrokerId, FindCoordinatorRequest, FindCoordinatorResponse};
use kconnect_protocol::{ApiKey, ErrorCode, StrBytes};

use super::{Api, Outcome, generated, text};
use crate::core::call::Call;
use crate::core::state::State;

#[derive(Debug)]
pub(crate) struct FindCoordinator;

/// From here on several keys are asked for at once (KIP-699).
const BATCH_SINCE: i16 = 4;
const GROUP: i8 = 0;

impl Api for FindCoordinator {
    const KEY: ApiKey = ApiKey::FIND_COORDINATOR;
    generated!(FindCoordinatorRequest, FindCoordinatorResponse);

    fn handle(state: &mut State, call: &Call, request: Self::Request) -> Outcome<Self::Response> {
        if request.key_type != GROUP {
            let why = "this broker has no transactions and no share groups";
            let error = ErrorCode::InvalidRequest;
            return Outcome::Answer(refusal(&request, call.version, error, why));
        }
        if call.version < BATCH_SINCE {
            let response = FindCoordinatorResponse::default()
                .with_node_id(BrokerId(state.node_id()))
                .with_host(state.host())
                .with_port(state.endpoint.port.into());
            return Outcome::Answer(response);
        }
        let coordinators = request.coordinator_keys.iter().map(|key| {
            Coordinator::default()
                .with_key(key.clone())
                .with_node_id(BrokerId(state.node_id()))
                .with_host(state.host())
                .with_port(state.endpoint.port.into())
        });
        let coordinators = coordinators.collect();
        Outcome::Answer(FindCoordinatorResponse::default().with_coordinators(coordinators))
    }

    fn refuse(request: &Self::Request, version: i16, error: ErrorCode) -> Self::Response {
        refusal(request, version, error, error.meaning())
    }
}

fn refusal(
    request: &FindCoordinatorRequest,
    version: i16,
    error: ErrorCode,
    why: &str,
) -> FindCoordinatorResponse {
    let why = Some(text(why));
    if version < BATCH_SINCE {
        return FindCoordinatorResponse::default()
            .with_error_code(error.0)
            .with_error_message(why.filter(|_| version >= 1))
            .with_node_id(BrokerId(-1))
            .with_port(-1);
    }
    let refuse = |key: &StrBytes| {
        Coordinator::default()
            .with_key(key.clone())
            .with_error_code(error.0)
            .with_error_message(why.clone())
            .with_node_id(BrokerId(-1))
            .with_port(-1)
    };
    let coordinators = request.coordinator_keys.iter().map(refuse).collect();
    FindCoordinatorResponse::default().with_coordinators(coordinators)
}
