//! One key of a configuration held against its declaration, with the complaints that Kafka has about it.

use kconnect_client::config::{Check, ConfigKey, ConfigType, ConfigValue};

use crate::herder::entities::{ConfigInfo, ConfigKeyInfo, ConfigValueInfo};

/// A value as it was sent: not at all, as null, or as a text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Given<'a> {
    Absent,
    Null,
    Text(&'a str),
}

/// What REST says of a declared key.
pub(super) fn key_info(key: &ConfigKey) -> ConfigKeyInfo {
    ConfigKeyInfo {
        name: key.name.to_owned(),
        kind: key.config_type.name(),
        required: key.required,
        default_value: key.default_value(),
        importance: key.importance.name(),
        documentation: key.documentation(),
        group: key.group.map(str::to_owned),
        width: key.width.name(),
        display_name: key.display_name.to_owned(),
        dependents: key.dependents.iter().map(|&name| name.to_owned()).collect(),
        order: key.order_in_group,
    }
}

/// What REST says of a client's key with a prefix; clients' keys have no groups.
pub(super) fn client_key_info(key: &ConfigKey, prefix: &str) -> ConfigKeyInfo {
    ConfigKeyInfo {
        name: format!("{prefix}{}", key.name),
        group: None,
        width: "NONE",
        display_name: key.name.to_owned(),
        dependents: Vec::new(),
        order: -1,
        ..key_info(key)
    }
}

/// A key and its value, or its default, with what is wrong with it.
pub(super) fn checked(key: &ConfigKey, given: Given<'_>) -> ConfigInfo {
    let mut errors = Vec::new();
    let value = match given {
        Given::Absent if key.required => {
            errors.push(format!(
                "Missing required configuration \"{}\" which has no default value.",
                key.name
            ));
            errors.extend(null_complaint(key));
            None
        }
        Given::Absent => key.default_value(),
        Given::Null => {
            errors.extend(null_complaint(key));
            None
        }
        Given::Text(text) => match canonical(key.config_type, text) {
            Ok(value) => {
                errors.extend(
                    key.check(text)
                        .err()
                        .map(|error| error.message().to_owned()),
                );
                Some(value)
            }
            Err(why) => {
                let shown = if key.config_type == ConfigType::Password {
                    "[hidden]"
                } else {
                    text
                };
                errors.push(invalid(key.name, shown, &why));
                errors.extend(null_complaint(key));
                None
            }
        },
    };
    ConfigInfo {
        definition: Some(key_info(key)),
        value: ConfigValueInfo {
            name: key.name.to_owned(),
            value,
            recommended_values: key
                .recommended_values
                .iter()
                .map(|&value| value.to_owned())
                .collect(),
            errors,
            visible: true,
        },
    }
}

/// `Invalid value X for configuration K: why`.
pub(super) fn invalid(key: &str, value: &str, why: &str) -> String {
    format!("Invalid value {value} for configuration {key}: {why}")
}

/// The value as Kafka prints it once it is read as its type.
///
/// # Errors
///
/// Says why it is not of that type.
pub(super) fn canonical(kind: ConfigType, text: &str) -> Result<String, String> {
    let text = text.trim();
    let shown = match kind {
        ConfigType::Boolean => bool::parse(text, kind)?.to_text(),
        ConfigType::Int => i32::parse(text, kind)?.to_text(),
        ConfigType::Short => i16::parse(text, kind)?.to_text(),
        ConfigType::Long => i64::parse(text, kind)?.to_text(),
        ConfigType::Double => f64::parse(text, kind)?.to_text(),
        ConfigType::List => Vec::<String>::parse(text, kind)?.to_text(),
        ConfigType::Password => Some("[hidden]".to_owned()),
        ConfigType::String | ConfigType::Class => Some(text.to_owned()),
    };
    Ok(shown.unwrap_or_default())
}

/// What Kafka's validators say about a value that is null, because it was, or because it could not be read.
fn null_complaint(key: &ConfigKey) -> Option<String> {
    if !key.required && key.default_value().is_none() {
        return None;
    }
    // A null is as wrong as a name that is not known.
    let unknown = || Some(key.check("null").err()?.message().to_owned());
    if !key.allowed.is_empty() {
        return unknown();
    }
    key.checks.iter().find_map(|check| match check {
        Check::AtLeast(_) | Check::Within(..) | Check::WithinReal(..) => {
            Some(invalid(key.name, "null", "Value must be non-null"))
        }
        Check::OneOf(_) | Check::OneOfIgnoringCase(_) if key.config_type != ConfigType::List => {
            unknown()
        }
        Check::Unique => Some(format!(
            "Configuration '{}' values must not be null.",
            key.name
        )),
        Check::Custom(..) if key.config_type == ConfigType::List => {
            Some(invalid(key.name, "null", "entry must be non null"))
        }
        _ => None,
    })
}

/// A value under a name that nobody declares.
pub(super) fn undeclared(name: &str, value: Option<&str>, errors: Vec<String>) -> ConfigInfo {
    ConfigInfo {
        definition: None,
        value: ConfigValueInfo {
            name: name.to_owned(),
            value: value.map(str::to_owned),
            recommended_values: Vec::new(),
            errors,
            visible: true,
        },
    }
}
