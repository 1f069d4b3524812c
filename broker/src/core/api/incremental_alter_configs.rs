//! IncrementalAlterConfigs (API 44, versions 0-1): single values of a topic's configuration (KIP-339).

use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};
use kconnect_protocol::{ApiKey, ErrorCode};

use super::alter_configs::{apply, current};
use super::{Api, Outcome, generated};
use crate::core::call::Call;
use crate::core::config::{ConfigKey, ConfigType, Overrides, TOPIC_KEYS, find, items};
use crate::core::state::State;
use crate::core::topics::Refusal;

#[derive(Debug)]
pub(crate) struct IncrementalAlterConfigs;

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

impl Api for IncrementalAlterConfigs {
    const KEY: ApiKey = ApiKey::INCREMENTAL_ALTER_CONFIGS;
    generated!(
        IncrementalAlterConfigsRequest,
        IncrementalAlterConfigsResponse
    );

    fn handle(state: &mut State, _: &Call, request: Self::Request) -> Outcome<Self::Response> {
        let responses = request.resources.iter().map(|resource| {
            let altered = alter(state, resource, request.validate_only);
            let (error, why) = altered.err().unwrap_or((ErrorCode::None, String::new()));
            result(resource, error, why)
        });
        let responses = responses.collect();
        Outcome::Answer(IncrementalAlterConfigsResponse::default().with_responses(responses))
    }

    fn refuse(request: &Self::Request, _: i16, error: ErrorCode) -> Self::Response {
        let resources = request.resources.iter();
        let refuse = |resource| result(resource, error, error.meaning().to_owned());
        let responses = resources.map(refuse).collect();
        IncrementalAlterConfigsResponse::default().with_responses(responses)
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
    let mut configs = current(state, resource.resource_type, name)?.clone();
    for change in &resource.configs {
        change_one(&mut configs, change).map_err(|why| (ErrorCode::InvalidConfig, why))?;
    }
    apply(state, name, configs, validate_only)
}

fn change_one(configs: &mut Overrides, change: &AlterableConfig) -> Result<(), String> {
    let name = &*change.name;
    let key = find(TOPIC_KEYS, name).ok_or_else(|| format!("Unknown topic config name: {name}"))?;
    let value = || {
        let value = change.value.as_ref();
        value.ok_or_else(|| format!("Null value not supported for topic configs: {name}"))
    };
    match change.config_operation {
        DELETE => {
            configs.remove(name);
        }
        SET => {
            configs.insert(name.to_owned(), value()?.to_string());
        }
        operation @ (APPEND | SUBTRACT) => {
            let changed = change_list(key, configs, operation, value()?)?;
            configs.insert(name.to_owned(), changed);
        }
        other => return Err(format!("Unknown operation {other} for {name}")),
    }
    Ok(())
}

fn change_list(
    key: &ConfigKey,
    configs: &Overrides,
    operation: i8,
    value: &str,
) -> Result<String, String> {
    if key.kind != ConfigType::List {
        return Err(format!(
            "Can't append to or subtract from key {} because its type is not LIST.",
            key.name
        ));
    }
    let now = configs.get(key.name).map_or(key.default, String::as_str);
    let mut list: Vec<&str> = items(now).collect();
    for item in items(value) {
        let at = list.iter().position(|have| *have == item);
        match (operation, at) {
            (APPEND, None) => list.push(item),
            (SUBTRACT, Some(at)) => {
                list.remove(at);
            }
            _ => {}
        }
    }
    Ok(list.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(
        now: &[(&str, &str)],
        name: &str,
        operation: i8,
        value: &str,
    ) -> Result<Overrides, String> {
        let now = now.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        let mut configs = now.collect();
        let change = AlterableConfig::default()
            .with_name(super::super::text(name))
            .with_config_operation(operation)
            .with_value(Some(super::super::text(value)));
        change_one(&mut configs, &change)?;
        Ok(configs)
    }

    #[track_caller]
    fn policy(now: &[(&str, &str)], operation: i8, value: &str) -> Option<String> {
        let configs = change(now, "cleanup.policy", operation, value).expect("a legal change");
        configs.get("cleanup.policy").cloned()
    }

    #[test]
    fn values_are_set_deleted_appended_and_subtracted() {
        let compact = [("cleanup.policy", "compact")];
        assert_eq!(policy(&[], SET, "compact").as_deref(), Some("compact"));
        assert_eq!(policy(&compact, DELETE, ""), None);
        assert_eq!(
            policy(&[], APPEND, "compact").as_deref(),
            Some("delete,compact")
        );
        assert_eq!(
            policy(&compact, APPEND, "compact").as_deref(),
            Some("compact")
        );
        let both = [("cleanup.policy", "delete,compact")];
        assert_eq!(
            policy(&both, SUBTRACT, "delete").as_deref(),
            Some("compact")
        );
    }

    #[test]
    fn only_lists_can_be_appended_to_and_only_known_keys_changed() {
        assert!(change(&[], "retention.ms", APPEND, "1").is_err());
        assert!(change(&[], "no.such.key", SET, "1").is_err());
        assert!(change(&[], "retention.ms", 9, "1").is_err());
    }
}
