//! ApiVersions (API 18, versions 0-4): what the broker speaks (KIP-35, KIP-511, KIP-584).

use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use kconnect_protocol::{ApiKey, ErrorCode};

use super::{Api, Outcome, generated};
use crate::core::Core;
use crate::core::call::Call;
use crate::core::state::State;
use crate::core::time::Now;
use crate::core::versions;
use crate::options::Profile;

#[derive(Debug)]
pub(crate) struct ApiVersions;

impl Api for ApiVersions {
    const KEY: ApiKey = ApiKey::API_VERSIONS;
    generated!(ApiVersionsRequest, ApiVersionsResponse);

    fn handle(state: &mut State, _: &Call, _: Self::Request) -> Outcome<Self::Response> {
        let api_keys = offered(state.options.profile);
        Outcome::Answer(ApiVersionsResponse::default().with_api_keys(api_keys))
    }

    fn refuse(_: &Self::Request, _: i16, error: ErrorCode) -> Self::Response {
        ApiVersionsResponse::default().with_error_code(error.0)
    }
}

fn offered(profile: Profile) -> Vec<ApiVersion> {
    versions::all(profile)
        .map(|(api, range)| {
            // librdkafka takes a broker that does not say Produce 0 for one without compression
            // (KAFKA-18659); Kafka 4 says 0 as well and refuses it.
            let min = if api == ApiKey::PRODUCE { 0 } else { range.min };
            ApiVersion::default()
                .with_api_key(api.0)
                .with_min_version(min)
                .with_max_version(range.max)
        })
        .collect()
}

/// Deals with a version that is not on offer. A client that asks for a newer ApiVersions is told so
/// in version 0, which every client can read; nobody asks for another API in a version that he was
/// not offered.
pub(crate) fn refuse_version(core: &mut Core, now: Now, mut call: Call) {
    if call.api != ApiKey::API_VERSIONS {
        let why = format!("{} version {} is not on offer", call.api, call.version);
        return core.close(call.connection, None, why);
    }
    call.version = 0;
    let own = offered(core.state.options.profile);
    let own = own
        .into_iter()
        .filter(|v| v.api_key == ApiKey::API_VERSIONS.0);
    let response = ApiVersionsResponse::default()
        .with_error_code(ErrorCode::UnsupportedVersion.0)
        .with_api_keys(own.collect());
    super::answer::<ApiVersions>(core, now, call, &response);
}
