//! Converters: which there are to choose from, and the keys of those that a connector names itself.

use kconnect_client::config::{ConfigError, ConfigKey, Properties};

use super::connector::other_version;
use super::keys::{Given, checked, invalid};
use super::version::VersionRange;
use super::{Parts, Validator};
use crate::api::{Class, ConnectorClass, Role};
use crate::herder::entities::ConfigInfos;

/// A key that names a converter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    key: &'static str,
    version: &'static str,
    /// For records' keys or values; headers have converters of another kind.
    role: Option<Role>,
}

const SLOTS: [Slot; 3] = [
    Slot {
        key: "header.converter",
        version: "header.converter.plugin.version",
        role: None,
    },
    Slot {
        key: "key.converter",
        version: "key.converter.plugin.version",
        role: Some(Role::Key),
    },
    Slot {
        key: "value.converter",
        version: "value.converter.plugin.version",
        role: Some(Role::Value),
    },
];

/// A converter that was found.
struct Found {
    class: &'static str,
    version: &'static str,
    keys: &'static [ConfigKey],
}

impl Found {
    fn of(class: &(impl Class + ?Sized)) -> Self {
        Self {
            class: class.class(),
            version: class.version(),
            keys: class.config_keys(),
        }
    }
}

impl Validator {
    fn find_converter(&self, slot: Slot, name: &str) -> Option<Found> {
        let name = name.trim();
        match slot.role {
            Some(_) => self.plugins.find_converter(name).ok().map(Found::of),
            None => self.plugins.find_header_converter(name).ok().map(Found::of),
        }
    }

    fn converter_names(&self, slot: Slot) -> Vec<String> {
        let mut names: Vec<String> = match slot.role {
            Some(_) => self
                .plugins
                .converters()
                .iter()
                .map(|class| class.class().to_owned())
                .collect(),
            None => self
                .plugins
                .header_converters()
                .iter()
                .map(|class| class.class().to_owned())
                .collect(),
        };
        names.sort();
        names.dedup();
        names
    }

    /// Fills in what depends on the plugins that there are: defaults, and values to choose from.
    pub(super) fn recommend(&self, parts: &mut Parts, class: ConnectorClass, given: &Properties) {
        let version = class.info().version();
        if let Some(info) = parts.find("connector.plugin.version") {
            info.value.recommended_values = vec![version.to_owned()];
            info.value.value.get_or_insert_with(|| version.to_owned());
            if let Some(definition) = &mut info.definition {
                definition.default_value = Some(version.to_owned());
            }
        }
        for slot in SLOTS {
            self.recommend_converter(parts, slot, given);
        }
    }

    fn recommend_converter(&self, parts: &mut Parts, slot: Slot, given: &Properties) {
        let default = self.worker.get(slot.key).or_else(|| {
            let header = "org.apache.kafka.connect.storage.SimpleHeaderConverter";
            slot.role.is_none().then_some(header)
        });
        let default = default.map(|name| match self.find_converter(slot, name) {
            Some(found) => found.class.to_owned(),
            None => name.trim().to_owned(),
        });
        let named = given.get(slot.key);
        let found = named
            .or(default.as_deref())
            .and_then(|name| self.find_converter(slot, name));
        let names = self.converter_names(slot);
        if let Some(info) = parts.find(slot.key) {
            if let Some(definition) = &mut info.definition {
                definition.default_value.clone_from(&default);
            }
            info.value.recommended_values = names;
            match (named, &found) {
                (_, Some(found)) => info.value.value = Some(found.class.to_owned()),
                (Some(name), None) => {
                    let why = format!("Class {name} could not be found.");
                    info.value.errors.push(invalid(slot.key, name, &why));
                    info.value.value = None;
                }
                (None, None) => info.value.value = default,
            }
        }
        if let Some(info) = parts.find(slot.version) {
            let version = found.as_ref().map(|found| found.version.to_owned());
            if let Some(definition) = &mut info.definition {
                definition.default_value.clone_from(&version);
            }
            if given.get(slot.version).is_none() {
                info.value.value.clone_from(&version);
            }
            if let Err(why) = VersionRange::parse(given.get(slot.version)) {
                info.value.errors.push(why);
            }
            info.value.visible = found.is_some();
            info.value.recommended_values = version.into_iter().collect();
        }
    }

    /// The keys of the converters that the connector names itself; of the worker's own converters nothing is said.
    pub(super) fn converter_keys(&self, parts: &mut Parts, given: &Properties) -> ConfigInfos {
        let mut all = ConfigInfos {
            name: String::new(),
            error_count: 0,
            groups: Vec::new(),
            configs: Vec::new(),
        };
        for slot in SLOTS {
            let Some(name) = given.get(slot.key) else {
                continue;
            };
            let Some(found) = self.find_converter(slot, name) else {
                continue;
            };
            let Ok(range) = VersionRange::parse(given.get(slot.version)) else {
                // The version has its complaint already.
                continue;
            };
            if let Some(range) = range.filter(|range| !range.contains(found.version)) {
                let why = other_version(found.class, &range, found.version);
                parts.complain(slot.key, Some(name), why.clone());
                parts.complain(slot.version, given.get(slot.version), why);
                continue;
            }
            let prefix = format!("{}.", slot.key);
            let own = given.scoped(&prefix);
            let mut keys = Parts::default();
            for key in found.keys {
                keys.put(converter_key(key, &prefix, &own, slot));
            }
            let infos = keys.into_prefixed_infos();
            if infos.error_count == 0 {
                self.try_converter(parts, slot, name, &own);
            }
            all.error_count += infos.error_count;
            let new: Vec<String> = infos
                .groups
                .into_iter()
                .filter(|group| !all.groups.contains(group))
                .collect();
            all.groups.extend(new);
            all.configs.extend(infos.configs);
        }
        all
    }

    /// Makes the converter with its configuration: what no key alone is wrong about shows only then.
    fn try_converter(&self, parts: &mut Parts, slot: Slot, name: &str, own: &Properties) {
        let errors: Vec<ConfigError> = match slot.role {
            Some(role) => {
                let class = self.plugins.find_converter(name.trim()).ok();
                class
                    .and_then(|class| class.create(own, role).err())
                    .unwrap_or_default()
            }
            None => {
                let class = self.plugins.find_header_converter(name.trim()).ok();
                class
                    .and_then(|class| class.create(own).err())
                    .unwrap_or_default()
            }
        };
        for error in errors {
            parts.complain(slot.key, Some(name), error.message().to_owned());
        }
    }
}

fn converter_key(
    key: &ConfigKey,
    prefix: &str,
    own: &Properties,
    slot: Slot,
) -> crate::herder::entities::ConfigInfo {
    let injected = match slot.role {
        Some(Role::Key) => "key",
        Some(Role::Value) => "value",
        _ => "header",
    };
    let given = match own.get(key.name) {
        Some(text) => Given::Text(text),
        None if key.name == "converter.type" => Given::Text(injected),
        None => Given::Absent,
    };
    let mut info = checked(key, given);
    info.value.name = format!("{prefix}{}", info.value.name);
    if let Some(definition) = &mut info.definition {
        definition.name.clone_from(&info.value.name);
    }
    info
}
