//! DescribeCluster (API 60, versions 0-2): the one broker, and what may be done with it (KIP-700).

use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{BrokerId, DescribeClusterRequest, DescribeClusterResponse};
use kconnect_protocol::{ApiKey, ErrorCode};

use super::metadata::CLUSTER_OPERATIONS;
use super::{Api, Outcome, generated, text};
use crate::core::call::Call;
use crate::core::state::State;

#[derive(Debug)]
pub(crate) struct DescribeCluster;

/// The endpoints of brokers; the other ones are those of controllers.
const BROKERS: i8 = 1;

impl Api for DescribeCluster {
    const KEY: ApiKey = ApiKey::DESCRIBE_CLUSTER;
    generated!(DescribeClusterRequest, DescribeClusterResponse);

    fn handle(state: &mut State, call: &Call, request: Self::Request) -> Outcome<Self::Response> {
        if request.endpoint_type != BROKERS {
            let error = ErrorCode::MismatchedEndpointType;
            return Outcome::Answer(Self::refuse(&request, call.version, error));
        }
        let me = BrokerId(state.node_id());
        let broker = DescribeClusterBroker::default()
            .with_broker_id(me)
            .with_host(state.host())
            .with_port(state.endpoint.port.into());
        let mut response = DescribeClusterResponse::default()
            .with_cluster_id(text(&state.cluster_id))
            .with_controller_id(me)
            .with_brokers(vec![broker]);
        if request.include_cluster_authorized_operations {
            response.cluster_authorized_operations = CLUSTER_OPERATIONS;
        }
        Outcome::Answer(response)
    }

    fn refuse(_: &Self::Request, _: i16, error: ErrorCode) -> Self::Response {
        DescribeClusterResponse::default()
            .with_error_code(error.0)
            .with_error_message(Some(text(error.meaning())))
    }
}
