//! InitProducerId (API 22, versions 0-5): an identity for an idempotent producer (KIP-98, KIP-360).

use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};
use kconnect_protocol::{ApiKey, ErrorCode};

use super::{Api, Outcome, generated};
use crate::core::call::Call;
use crate::core::state::State;

#[derive(Debug)]
pub(crate) struct InitProducerId;

impl Api for InitProducerId {
    const KEY: ApiKey = ApiKey::INIT_PRODUCER_ID;
    generated!(InitProducerIdRequest, InitProducerIdResponse);

    fn handle(state: &mut State, call: &Call, request: Self::Request) -> Outcome<Self::Response> {
        if request.transactional_id.is_some() {
            // There are no transactions, and no retry will change that.
            let error = ErrorCode::InvalidRequest;
            return Outcome::Answer(Self::refuse(&request, call.version, error));
        }
        // Without a transaction a new id does what a new epoch of the old one would.
        match state.producer_id() {
            Ok(id) => Outcome::Answer(
                InitProducerIdResponse::default()
                    .with_producer_id(ProducerId(id))
                    .with_producer_epoch(0),
            ),
            Err(error) => {
                tracing::error!(%error, "a producer id could not be written down");
                let error = ErrorCode::CoordinatorNotAvailable;
                Outcome::Answer(Self::refuse(&request, call.version, error))
            }
        }
    }

    fn refuse(_: &Self::Request, _: i16, error: ErrorCode) -> Self::Response {
        InitProducerIdResponse::default()
            .with_error_code(error.0)
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1)
    }
}
