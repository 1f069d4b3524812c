//! Configuration of topics and of the broker, under Kafka's names and with Kafka's defaults.
//!
//! Every key that Kafka 4.3 has for topics is taken, checked and shown; [`TopicSettings`] says which
//! of them this broker acts on.

pub(crate) mod broker;
pub(crate) mod key;
pub(crate) mod topic;

use std::collections::BTreeMap;

pub(crate) use self::key::{ConfigKey, ConfigType, items};
pub(crate) use self::topic::{TOPIC_KEYS, TopicSettings};

/// Values that somebody set, by name.
pub(crate) type Overrides = BTreeMap<String, String>;

/// Where a value comes from, as DescribeConfigs numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Topic = 1,
    Static = 4,
    Default = 5,
}

impl Source {
    pub(crate) fn to_wire(self) -> i8 {
        self as i8
    }
}

/// Finds a key of `keys`, which are sorted by name.
pub(crate) fn find<'a>(keys: &'a [ConfigKey], name: &str) -> Option<&'a ConfigKey> {
    let at = keys.binary_search_by(|key| key.name.cmp(name)).ok()?;
    keys.get(at)
}

/// Checks all of `overrides` against `keys`; the text says what is wrong with the first bad one.
pub(crate) fn check(keys: &[ConfigKey], overrides: &Overrides) -> Result<(), String> {
    for (name, value) in overrides {
        match find(keys, name) {
            Some(key) => key.check(value)?,
            None => return Err(format!("Unknown topic config name: {name}")),
        }
    }
    Ok(())
}
