//! The keys of transformations and predicates, which have a name of the operator's in them: `transforms.NAME.type`.

use kconnect_client::config::{ConfigType, ConfigValue as _, Properties};

use super::Parts;
use crate::config::ConfigProviders;
use crate::herder::entities::{ConfigInfo, ConfigKeyInfo, ConfigMap, ConfigValueInfo};

/// Adds the keys of all transformations and predicates that `given` names. Names that a variable in `raw` stands for are
/// nobody's to see, so their keys are not shown.
pub(super) fn put(parts: &mut Parts, raw: &ConfigMap, given: &Properties) {
    for kind in [
        Kind {
            list: "transforms",
            group: "Transforms",
            noun: "transformation",
            class: "Transformation",
        },
        Kind {
            list: "predicates",
            group: "Predicates",
            noun: "predicate",
            class: "Predicate",
        },
    ] {
        let is_variable = |text: &String| ConfigProviders::has_variable(text);
        if raw.get(kind.list).is_some_and(is_variable) {
            continue;
        }
        let listed = given.get(kind.list).unwrap_or_default();
        let aliases = Vec::<String>::parse(listed, ConfigType::List).unwrap_or_default();
        let mut seen: Vec<String> = Vec::new();
        for alias in aliases {
            if !seen.contains(&alias) {
                kind.put(parts, given, &alias);
                seen.push(alias);
            }
        }
    }
}

struct Kind {
    list: &'static str,
    group: &'static str,
    noun: &'static str,
    class: &'static str,
}

impl Kind {
    fn put(&self, parts: &mut Parts, given: &Properties, alias: &str) {
        let Self {
            list,
            group,
            noun,
            class,
        } = self;
        let key = format!("{list}.{alias}.type");
        let value = given.get(&key);
        let error = match value {
            None => format!("Missing required configuration \"{key}\" which has no default value."),
            Some(name) => {
                super::keys::invalid(&key, name, &format!("Class {name} could not be found."))
            }
        };
        let definition = ConfigKeyInfo {
            name: key.clone(),
            kind: ConfigType::Class.name(),
            required: true,
            default_value: None,
            importance: "HIGH",
            documentation: format!("The class of the {noun} '{alias}'."),
            group: Some(format!("{group}: {alias}")),
            width: "LONG",
            display_name: format!("{class} type for {alias}"),
            dependents: Vec::new(),
            order: 0,
        };
        parts.put(info(definition.clone(), None, vec![error]));
        let key = format!("{list}.{alias}.plugin.version");
        let version = given.get(&key).map(str::to_owned);
        let definition = ConfigKeyInfo {
            name: key,
            kind: ConfigType::String.name(),
            required: false,
            documentation: format!("The version of the {noun} '{alias}'."),
            display_name: format!("{class} version for {alias}"),
            order: 1,
            ..definition
        };
        parts.put(info(definition, version, Vec::new()));
    }
}

fn info(definition: ConfigKeyInfo, value: Option<String>, errors: Vec<String>) -> ConfigInfo {
    ConfigInfo {
        value: ConfigValueInfo {
            name: definition.name.clone(),
            value,
            recommended_values: Vec::new(),
            errors,
            visible: true,
        },
        definition: Some(definition),
    }
}
