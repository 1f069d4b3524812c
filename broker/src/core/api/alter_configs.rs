//! AlterConfigs (API 33, versions 0-2): a topic's configuration as a whole, the way before KIP-339.

use kafka_protocol::messages::alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{AlterConfigsRequest, AlterConfigsResponse};
use kconnect_protocol::{ApiKey, ErrorCode};

use super::describe_configs::TOPIC;
use super::{Api, Outcome, generated};
use crate::core::call::Call;
use crate::core::config::{self, Overrides, TOPIC_KEYS};
use crate::core::state::State;
use crate::core::topics::Refusal;

#[derive(Debug)]
pub(crate) struct AlterConfigs;

impl Api for AlterConfigs {
    const KEY: ApiKey = ApiKey::ALTER_CONFIGS;
    generated!(AlterConfigsRequest, AlterConfigsResponse);

    fn handle(state: &mut State, _: &Call, request: Self::Request) -> Outcome<Self::Response> {
        let responses = request.resources.iter().map(|resource| {
            let altered = alter(state, resource, request.validate_only);
            let (error, why) = altered.err().unwrap_or((ErrorCode::None, String::new()));
            result(resource, error, why)
        });
        Outcome::Answer(AlterConfigsResponse::default().with_responses(responses.collect()))
    }

    fn refuse(request: &Self::Request, _: i16, error: ErrorCode) -> Self::Response {
        let resources = request.resources.iter();
        let refuse = |resource| result(resource, error, error.meaning().to_owned());
        AlterConfigsResponse::default().with_responses(resources.map(refuse).collect())
    }
}

fn result(
    resource: &AlterConfigsResource,
    error: ErrorCode,
    why: String,
) -> AlterConfigsResourceResponse {
    AlterConfigsResourceResponse::default()
        .with_error_code(error.0)
        .with_error_message(super::message(why))
        .with_resource_type(resource.resource_type)
        .with_resource_name(resource.resource_name.clone())
}

fn alter(
    state: &mut State,
    resource: &AlterConfigsResource,
    validate_only: bool,
) -> Result<(), Refusal> {
    let name = &*resource.resource_name;
    current(state, resource.resource_type, name)?;
    let configs = resource.configs.iter();
    let configs = configs.filter_map(|c| Some((c.name.to_string(), c.value.as_ref()?.to_string())));
    apply(state, name, configs.collect(), validate_only)
}

/// What is configured for a topic now.
pub(crate) fn current<'a>(
    state: &'a State,
    resource_type: i8,
    name: &str,
) -> Result<&'a Overrides, Refusal> {
    if resource_type != TOPIC {
        let why = "only the configuration of topics can be changed while this broker runs";
        return Err((ErrorCode::InvalidRequest, why.to_owned()));
    }
    let topic = state.topics.by_name(name).ok_or_else(|| {
        let why = format!("The topic '{name}' does not exist.");
        (ErrorCode::UnknownTopicOrPartition, why)
    })?;
    Ok(&topic.configs)
}

/// Checks a topic's new configuration, and puts it in the place of the old one.
pub(crate) fn apply(
    state: &mut State,
    name: &str,
    configs: Overrides,
    validate_only: bool,
) -> Result<(), Refusal> {
    config::check(TOPIC_KEYS, &configs).map_err(|why| (ErrorCode::InvalidConfig, why))?;
    if validate_only {
        return Ok(());
    }
    let storage = state.storage.as_mut();
    let configured = state.topics.configure(name, configs, storage);
    configured.map_err(|error| (ErrorCode::KafkaStorageError, error.to_string()))
}
