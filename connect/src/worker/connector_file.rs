//! Connector files of the command line: a JSON object of texts, the JSON of a create request, or a property file.
//!
//! The name's ending says nothing; the three are tried in this order, as Kafka Connect does.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::config::{parse_properties, read_config_file};
use crate::herder::PutConnector;
use crate::herder::entities::ConfigMap;
use crate::runtime::TargetState;

/// Reads the connector file `path`.
///
/// # Errors
///
/// With what is wrong with the file.
pub(crate) fn read(path: &Path) -> Result<PutConnector, String> {
    let bytes = read_config_file(path).map_err(|error| error.to_string())?;
    parse(path, &bytes)
}

/// Reads the connector in `bytes`, which came from the file `path`.
pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<PutConnector, String> {
    let json = serde_json::from_slice::<Map<String, Value>>(bytes);
    match json {
        Ok(fields) => match flat(&fields) {
            Some(config) => named(path, config),
            None => create_request(path, &fields),
        },
        Err(error) => {
            let properties = parse_properties(path, bytes).map_err(|error| error.to_string())?;
            if !properties.contains("name") && bytes.trim_ascii_start().starts_with(b"{") {
                return Err(format!(
                    "Connector configuration at '{}' is not valid JSON: {error}",
                    path.display()
                ));
            }
            let pairs = properties.iter();
            named(
                path,
                pairs
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .collect(),
            )
        }
    }
}

/// The object as a configuration, if it holds nothing but texts, numbers and truth values.
fn flat(fields: &Map<String, Value>) -> Option<ConfigMap> {
    let entry = |(key, value): (&String, &Value)| Some((key.clone(), text(value)?));
    fields
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(entry)
        .collect()
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A connector of that configuration, which has to say its name.
fn named(path: &Path, config: ConfigMap) -> Result<PutConnector, String> {
    match config.get("name") {
        Some(name) => Ok(put(name.as_str().into(), config, TargetState::Started)),
        None => Err(format!(
            "Connector configuration at '{}' is missing the mandatory 'name' configuration",
            path.display()
        )),
    }
}

fn create_request(path: &Path, fields: &Map<String, Value>) -> Result<PutConnector, String> {
    let wrong = |why: &str| format!("Connector configuration at '{}' {why}", path.display());
    let Some(name) = fields.get("name").and_then(text) else {
        return Err(wrong("is missing the mandatory 'name' configuration"));
    };
    let config = match fields.get("config") {
        Some(Value::Object(config)) => flat(config),
        _ => None,
    };
    let Some(mut config) = config else {
        return Err(wrong(
            "is neither an object of texts nor a create request: 'config' has to be an object of texts",
        ));
    };
    let initial_state = match fields.get("initial_state").filter(|state| !state.is_null()) {
        None => TargetState::Started,
        Some(state) => initial_state(state).ok_or_else(|| {
            wrong(&format!(
                "has the initial_state {state}; expected RUNNING, PAUSED or STOPPED"
            ))
        })?,
    };
    let inside = config
        .entry("name".to_owned())
        .or_insert_with(|| name.clone());
    if *inside != name {
        return Err(format!(
            "Connector name configuration in 'config' doesn't match the one specified in 'name' at '{}'",
            path.display()
        ));
    }
    Ok(put(name.into(), config, initial_state))
}

fn initial_state(state: &Value) -> Option<TargetState> {
    match state.as_str()?.to_ascii_uppercase().as_str() {
        "RUNNING" => Some(TargetState::Started),
        "PAUSED" => Some(TargetState::Paused),
        "STOPPED" => Some(TargetState::Stopped),
        _ => None,
    }
}

const fn put(name: Arc<str>, config: ConfigMap, initial_state: TargetState) -> PutConnector {
    PutConnector {
        name,
        config,
        initial_state: Some(initial_state),
        allow_replace: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<PutConnector, String> {
        parse(Path::new("c.json"), text.as_bytes())
    }

    fn config(text: &str) -> (String, Vec<(String, String)>) {
        let put = read_text(text).unwrap();
        (put.name.to_string(), put.config.into_iter().collect())
    }

    fn refused(text: &str) -> String {
        read_text(text).unwrap_err()
    }

    #[test]
    fn all_three_shapes_are_read() {
        let expected = (
            "c".to_owned(),
            vec![
                ("name".to_owned(), "c".to_owned()),
                ("tasks.max".to_owned(), "2".to_owned()),
            ],
        );
        assert_eq!(config(r#"{"name":"c","tasks.max":2}"#), expected);
        assert_eq!(
            config(r#"{"name":"c","config":{"tasks.max":"2"},"more":[]}"#),
            expected
        );
        assert_eq!(config("# a comment\nname=c\ntasks.max=2"), expected);
    }

    #[test]
    fn a_create_request_says_the_state_to_begin_with() {
        let request = |state: &str| {
            format!(r#"{{"name":"c","config":{{"name":"c"}},"initial_state":{state}}}"#)
        };
        let state = |text: &str| read_text(&request(text)).unwrap().initial_state;
        assert_eq!(state(r#""stopped""#), Some(TargetState::Stopped));
        assert_eq!(state(r#""PAUSED""#), Some(TargetState::Paused));
        assert_eq!(state("null"), Some(TargetState::Started));
        assert!(refused(&request(r#""xx""#)).contains(r#"initial_state "xx""#));
    }

    #[test]
    fn what_is_wrong_is_said_in_kafkas_words_or_clearer_ones() {
        let nameless =
            "Connector configuration at 'c.json' is missing the mandatory 'name' configuration";
        for text in [
            "{}",
            r#"{"tasks.max":"1"}"#,
            "tasks.max=1",
            "",
            r#"{"config":{}}"#,
        ] {
            assert_eq!(refused(text), nameless, "{text}");
        }
        assert!(refused(r#"{"name":"c","config":{"name":"d"}}"#).contains("doesn't match the one"));
        assert!(refused(r#"{"name":"c","config":{"x":{}}}"#).contains("an object of texts"));
        assert!(refused(r#"{"name":"c","tasks"#).contains("is not valid JSON: EOF"));
        assert!(refused("\u{1}\u{2}").contains("no text"));
    }
}
