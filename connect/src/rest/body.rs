//! Request bodies: JSON objects of texts, as forgiving and as strict about them as Kafka Connect.

use std::collections::BTreeMap;

use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use bytes::Bytes;
use serde_json::{Map, Value};

use super::error::ApiError;
use crate::herder::TargetState;
use crate::herder::entities::{ConfigMap, ConnectorOffset, ConnectorOffsets};

/// A configuration whose keys may be null.
pub(super) type NullableConfig = BTreeMap<String, Option<String>>;

/// The body of a request, which has to be declared as JSON.
#[derive(Debug)]
pub(super) struct JsonBody(Value);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let declared = request.headers().get(header::CONTENT_TYPE);
        let declared = declared.map(|value| is_json(value.to_str().unwrap_or_default()));
        if declared == Some(false) {
            return Err(ApiError::Http(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejected| ApiError::Http(rejected.status()))?;
        if bytes.is_empty() {
            return Err(ApiError::Body(
                "The request has no body; expected a JSON object".to_owned(),
            ));
        }
        if declared.is_none() {
            return Err(ApiError::Http(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let value = serde_json::from_slice(&bytes).map_err(|error| no_json(&error))?;
        Ok(Self(value))
    }
}

fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/json")
}

/// The body of `POST /connectors`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CreateRequest {
    pub(super) name: String,
    pub(super) config: NullableConfig,
    pub(super) initial_state: Option<TargetState>,
}

impl JsonBody {
    /// Reads `{"name":..,"config":{..},"initial_state":..}`; other fields are an error.
    pub(super) fn create_request(self) -> Result<CreateRequest, ApiError> {
        let mut fields = self.object("CreateConnectorRequest")?;
        let name = fields
            .remove("name")
            .map(|value| text("name", value))
            .transpose()?
            .flatten();
        let config = fields.remove("config").unwrap_or(Value::Null);
        let initial_state = fields
            .remove("initial_state")
            .map(|value| text("initial_state", value))
            .transpose()?;
        known_only(
            &fields,
            "CreateConnectorRequest",
            &["config", "name", "initial_state"],
        )?;
        let Value::Object(config) = config else {
            return Err(ApiError::Body(
                "The field \"config\" has to be a JSON object".to_owned(),
            ));
        };
        let config = texts(config)?;
        Ok(CreateRequest {
            name: name.unwrap_or_default().trim().to_owned(),
            config,
            initial_state: initial_state
                .flatten()
                .map(|text| target_state(&text))
                .transpose()?,
        })
    }

    /// Reads `{"offsets":[{"partition":{..},"offset":{..}}]}`.
    pub(super) fn offsets(self) -> Result<ConnectorOffsets, ApiError> {
        let mut fields = self.object("ConnectorOffsets")?;
        let offsets = fields.remove("offsets").unwrap_or(Value::Null);
        known_only(&fields, "ConnectorOffsets", &["offsets"])?;
        let offsets = match offsets {
            Value::Null => Vec::new(),
            Value::Array(offsets) => offsets,
            other => return Err(cannot("java.util.ArrayList<ConnectorOffset>", &other)),
        };
        let offsets = offsets.into_iter().map(connector_offset);
        Ok(ConnectorOffsets {
            offsets: offsets.collect::<Result<_, _>>()?,
        })
    }

    /// Reads an object of texts, of which some may be null.
    pub(super) fn config(self) -> Result<NullableConfig, ApiError> {
        texts(self.object("java.util.Map<String,String>")?)
    }

    fn object(self, expected: &str) -> Result<Map<String, Value>, ApiError> {
        match self.0 {
            Value::Object(fields) => Ok(fields),
            other => Err(cannot(expected, &other)),
        }
    }
}

fn no_json(error: &serde_json::Error) -> ApiError {
    ApiError::Body(if error.is_eof() {
        format!("Unexpected end-of-input in the JSON body: {error}")
    } else {
        format!("Unexpected character or token in the JSON body: {error}")
    })
}

fn cannot(expected: &str, value: &Value) -> ApiError {
    // What is an object in JSON and a class of its own there is constructed from a single value, or not.
    let is_scalar = matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_));
    ApiError::Body(if is_scalar && !expected.starts_with("java.") {
        format!(
            "Cannot construct instance of `{expected}` (although at least one Creator exists): no creator for {}",
            kind(value)
        )
    } else {
        format!(
            "Cannot deserialize value of type `{expected}` from {}",
            kind(value)
        )
    })
}

fn known_only(fields: &Map<String, Value>, class: &str, known: &[&str]) -> Result<(), ApiError> {
    let Some(unknown) = fields.keys().find(|field| !known.contains(&field.as_str())) else {
        return Ok(());
    };
    let shown: Vec<String> = known.iter().map(|field| format!("\"{field}\"")).collect();
    Err(ApiError::Body(format!(
        "Unrecognized field \"{unknown}\" (class {class}), not marked as ignorable ({} known properties: {})",
        known.len(),
        shown.join(", ")
    )))
}

fn connector_offset(value: Value) -> Result<ConnectorOffset, ApiError> {
    let mut fields = JsonBody(value).object("ConnectorOffset")?;
    let mut map = |field| match fields.remove(field).unwrap_or(Value::Null) {
        Value::Null => Ok(None),
        Value::Object(map) => Ok(Some(map)),
        other => Err(cannot(
            "java.util.LinkedHashMap<java.lang.String,java.lang.Object>",
            &other,
        )),
    };
    let (partition, offset) = (map("partition")?, map("offset")?);
    known_only(&fields, "ConnectorOffset", &["offset", "partition"])?;
    Ok(ConnectorOffset { partition, offset })
}

/// The texts of a JSON object; numbers and booleans become texts.
fn texts(fields: Map<String, Value>) -> Result<NullableConfig, ApiError> {
    fields
        .into_iter()
        .map(|(key, value)| Ok((key.clone(), text(&key, value)?)))
        .collect()
}

fn text(key: &str, value: Value) -> Result<Option<String>, ApiError> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Bool(value) => Ok(Some(value.to_string())),
        Value::Number(number) => Ok(Some(number.to_string())),
        Value::Array(_) | Value::Object(_) => Err(ApiError::Body(format!(
            "Cannot deserialize value of type `java.lang.String` from {} (through reference chain: [\"{key}\"])",
            kind(&value)
        ))),
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "Null value (token `JsonToken.VALUE_NULL`)",
        Value::Bool(_) => "Boolean value",
        Value::Number(_) => "Number value",
        Value::String(_) => "String value (token `JsonToken.VALUE_STRING`)",
        Value::Array(_) => "Array value (token `JsonToken.START_ARRAY`)",
        Value::Object(_) => "Object value (token `JsonToken.START_OBJECT`)",
    }
}

fn target_state(text: &str) -> Result<TargetState, ApiError> {
    match text.to_uppercase().as_str() {
        "RUNNING" => Ok(TargetState::Started),
        "PAUSED" => Ok(TargetState::Paused),
        "STOPPED" => Ok(TargetState::Stopped),
        other => Err(ApiError::Body(format!(
            "Cannot construct instance of `CreateConnectorRequest$InitialState`, problem: No enum constant {other}; \
             expected RUNNING, PAUSED or STOPPED"
        ))),
    }
}

/// The texts of `config`; the whole of it back if one of them is null.
pub(super) fn without_nulls(config: NullableConfig) -> Result<ConfigMap, NullableConfig> {
    if config.values().any(Option::is_none) {
        return Err(config);
    }
    Ok(config
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .collect())
}

/// The task configurations that another worker sends: an array of objects of texts.
pub(super) fn task_configs(body: &[u8]) -> Result<Vec<ConfigMap>, ApiError> {
    let refused = |why: String| ApiError::Body(why);
    let value: Value = serde_json::from_slice(body).map_err(|error| no_json(&error))?;
    let Value::Array(configs) = value else {
        return Err(refused(format!(
            "Cannot deserialize value of type `java.util.List<java.util.Map<String,String>>` from {}",
            kind(&value)
        )));
    };
    let config = |value| {
        let config = JsonBody(value).config()?;
        without_nulls(config).map_err(|_| refused("a task configuration holds null".to_owned()))
    };
    configs.into_iter().map(config).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> JsonBody {
        JsonBody(serde_json::from_str(text).unwrap())
    }

    fn refused(result: Result<impl std::fmt::Debug, ApiError>) -> String {
        match result.unwrap_err() {
            ApiError::Body(message) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn numbers_and_booleans_become_texts() {
        let config = body(r#"{"a":1,"b":true,"c":"x","d":null,"e":1.5}"#)
            .config()
            .unwrap();
        let shown = |key: &str| config[key].as_deref();
        assert_eq!(
            (shown("a"), shown("b"), shown("c")),
            (Some("1"), Some("true"), Some("x"))
        );
        assert_eq!((shown("d"), shown("e")), (None, Some("1.5")));
    }

    #[test]
    fn nested_values_arrays_and_unknown_fields_are_refused_in_words_that_clients_look_for() {
        assert!(refused(body("[]").config()).contains("Cannot deserialize value"));
        assert!(refused(body(r#"{"a":{}}"#).config()).contains("Cannot deserialize value"));
        let unknown = body(r#"{"name":"c","config":{},"foo":1}"#).create_request();
        assert!(refused(unknown).contains("Unrecognized field \"foo\""));
        let state = body(r#"{"name":"c","config":{},"initial_state":"xx"}"#).create_request();
        assert!(refused(state).contains("Cannot construct instance"));
    }

    #[test]
    fn the_name_of_a_new_connector_is_trimmed_and_its_state_is_read_in_any_case() {
        let request = body(r#"{"name":"  c ","config":{"x":"1"},"initial_state":"paused"}"#)
            .create_request()
            .unwrap();
        assert_eq!(
            (request.name.as_str(), request.initial_state),
            ("c", Some(TargetState::Paused))
        );
    }
}
