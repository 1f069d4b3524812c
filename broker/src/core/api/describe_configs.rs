//! DescribeConfigs (API 32, versions 1-4): what is configured, and where each value comes from.

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};
use kconnect_protocol::{ApiKey, ErrorCode};

use super::{Api, Outcome, generated, text};
use crate::core::call::Call;
use crate::core::config::broker::{self, BrokerValue};
use crate::core::config::{ConfigKey, Source, TOPIC_KEYS};
use crate::core::state::State;
use crate::core::topics::{Refusal, Topic};

#[derive(Debug)]
pub(crate) struct DescribeConfigs;

pub(crate) const TOPIC: i8 = 2;
pub(crate) const BROKER: i8 = 4;
/// From here on types and documentation are part of the answer.
const TYPES_SINCE: i16 = 3;

/// A value of a topic's configuration.
#[derive(Debug)]
pub(crate) struct TopicValue<'a> {
    pub key: &'static ConfigKey,
    pub value: &'a str,
    pub source: Source,
}

/// Every key of a topic with its value.
pub(crate) fn topic_values(topic: &Topic) -> impl Iterator<Item = TopicValue<'_>> {
    TOPIC_KEYS
        .iter()
        .map(|key| match topic.configs.get(key.name) {
            Some(value) => TopicValue {
                key,
                value,
                source: Source::Topic,
            },
            None => TopicValue {
                key,
                value: key.default,
                source: Source::Default,
            },
        })
}

impl Api for DescribeConfigs {
    const KEY: ApiKey = ApiKey::DESCRIBE_CONFIGS;
    generated!(DescribeConfigsRequest, DescribeConfigsResponse);

    fn handle(state: &mut State, call: &Call, request: Self::Request) -> Outcome<Self::Response> {
        let shown = Shown {
            types: call.version >= TYPES_SINCE,
            synonyms: request.include_synonyms,
            documentation: request.include_documentation && call.version >= TYPES_SINCE,
        };
        let results =
            request
                .resources
                .iter()
                .map(|resource| match describe(state, resource, shown) {
                    Ok(configs) => {
                        result(resource, ErrorCode::None, String::new()).with_configs(configs)
                    }
                    Err((error, why)) => result(resource, error, why),
                });
        Outcome::Answer(DescribeConfigsResponse::default().with_results(results.collect()))
    }

    fn refuse(request: &Self::Request, _: i16, error: ErrorCode) -> Self::Response {
        let results = request.resources.iter();
        let refuse = |resource| result(resource, error, error.meaning().to_owned());
        DescribeConfigsResponse::default().with_results(results.map(refuse).collect())
    }
}

/// What the client wants to see beside the values.
#[derive(Debug, Clone, Copy)]
struct Shown {
    types: bool,
    synonyms: bool,
    documentation: bool,
}

fn result(
    resource: &DescribeConfigsResource,
    error: ErrorCode,
    why: String,
) -> DescribeConfigsResult {
    DescribeConfigsResult::default()
        .with_error_code(error.0)
        .with_error_message(super::message(why))
        .with_resource_type(resource.resource_type)
        .with_resource_name(resource.resource_name.clone())
}

fn describe(
    state: &State,
    resource: &DescribeConfigsResource,
    shown: Shown,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    let keys = resource.configuration_keys.as_ref();
    // An empty list of keys is no wish for nothing: Java's broker takes it for all of them.
    let keys = keys.filter(|keys| !keys.is_empty());
    let wanted = |name: &str| keys.is_none_or(|keys| keys.iter().any(|key| &**key == name));
    let name = &*resource.resource_name;
    match resource.resource_type {
        TOPIC => {
            super::super::topics::name::check(name)
                .map_err(|why| (ErrorCode::InvalidTopicException, why))?;
            let topic = state.topics.by_name(name);
            let topic = topic.ok_or((ErrorCode::UnknownTopicOrPartition, String::new()))?;
            let values = topic_values(topic).filter(|v| wanted(v.key.name));
            Ok(values.map(|value| show_topic(&value, shown)).collect())
        }
        // The default of all brokers, for which nothing can be set here.
        BROKER if name.is_empty() => Ok(Vec::new()),
        BROKER if name == state.node_id().to_string() => {
            let listener = format!("{}:{}", state.endpoint.host, state.endpoint.port);
            let values = broker::values(&state.options, state.node_id(), &listener);
            let values = values.iter().filter(|v| wanted(v.name));
            Ok(values.map(|value| show_broker(value, shown)).collect())
        }
        BROKER => {
            let why = format!(
                "Unexpected broker id, expected {} or empty string, but received {name}",
                state.node_id()
            );
            Err((ErrorCode::InvalidRequest, why))
        }
        other => {
            let why = format!("this broker keeps no configuration of resource type {other}");
            Err((ErrorCode::InvalidRequest, why))
        }
    }
}

fn show_topic(value: &TopicValue<'_>, shown: Shown) -> DescribeConfigsResourceResult {
    let synonym = |name: &str, value: &str, source: Source| {
        DescribeConfigsSynonym::default()
            .with_name(text(name))
            .with_value(Some(text(value)))
            .with_source(source.to_wire())
    };
    let mut synonyms = Vec::new();
    if value.source == Source::Topic {
        synonyms.push(synonym(value.key.name, value.value, Source::Topic));
    }
    if let Some(name) = value.key.synonym {
        synonyms.push(synonym(name, value.key.default, Source::Default));
    }
    let mut result = DescribeConfigsResourceResult::default()
        .with_name(text(value.key.name))
        .with_value(Some(text(value.value)))
        .with_config_source(value.source.to_wire());
    if shown.synonyms {
        result.synonyms = synonyms;
    }
    if shown.types {
        result.config_type = value.key.kind.to_wire();
    }
    if shown.documentation {
        result.documentation = Some(text(value.key.documentation));
    }
    result
}

fn show_broker(value: &BrokerValue, shown: Shown) -> DescribeConfigsResourceResult {
    let mut result = DescribeConfigsResourceResult::default()
        .with_name(text(value.name))
        .with_value(Some(text(&value.value)))
        .with_read_only(true)
        .with_config_source(value.source.to_wire());
    if shown.synonyms {
        let synonym = DescribeConfigsSynonym::default()
            .with_name(text(value.name))
            .with_value(Some(text(&value.value)))
            .with_source(value.source.to_wire());
        result.synonyms = vec![synonym];
    }
    if shown.types {
        result.config_type = value.kind.to_wire();
    }
    result
}
