//! Configuration as text: names and values, taken out one by one by whoever knows what they mean.

use std::collections::BTreeMap;
use std::fmt;

/// Configuration as it was given: an ordered map of names to values.
///
/// A configuration *claims* its keys, so that what is left at the end is what nobody knows. `Debug` prints names only,
/// for a value may be a secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties {
    entries: BTreeMap<String, String>,
}

impl Properties {
    /// Nothing given.
    pub const fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
        }
    }

    /// Gives `key` a value; answers the value that it replaces.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) -> Option<String> {
        self.entries.insert(key.into(), value.into())
    }

    /// The value of `key`; it stays unclaimed.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(String::as_str)
    }

    /// Whether `key` has a value.
    pub fn contains(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Takes the value of `key`.
    pub fn claim(&mut self, key: &str) -> Option<String> {
        self.entries.remove(key)
    }

    /// A copy of all that starts with `prefix`, without the prefix. A key equal to the prefix is not part of it.
    pub fn scoped(&self, prefix: &str) -> Self {
        self.under(prefix)
            .map(|(key, value)| (key[prefix.len()..].to_owned(), value.to_owned()))
            .collect()
    }

    /// Takes all that starts with `prefix`, without the prefix.
    pub fn claim_scoped(&mut self, prefix: &str) -> Self {
        let scoped = self.scoped(prefix);
        for key in scoped.entries.keys() {
            self.entries.remove(&format!("{prefix}{key}"));
        }
        scoped
    }

    /// The names that nobody has claimed, in order.
    pub fn unclaimed(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Names and values, in order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// How many names have a value.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is there, or nothing is left.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.entries
            .range(prefix.to_owned()..)
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .take_while(move |(key, _)| key.starts_with(prefix))
            .filter(move |(key, _)| key.len() > prefix.len())
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Properties {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self {
            entries: pairs
                .into_iter()
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        }
    }
}

impl<K: Into<String>, V: Into<String>> Extend<(K, V)> for Properties {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        for (key, value) in pairs {
            self.set(key, value);
        }
    }
}

impl<K: Into<String>, V: Into<String>, const N: usize> From<[(K, V); N]> for Properties {
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl From<BTreeMap<String, String>> for Properties {
    fn from(entries: BTreeMap<String, String>) -> Self {
        Self { entries }
    }
}

impl From<Properties> for BTreeMap<String, String> {
    fn from(properties: Properties) -> Self {
        properties.entries
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Properties")?;
        f.debug_set().entries(self.entries.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Properties {
        Properties::from([
            ("producer.", "x"),
            ("producer.acks", "all"),
            ("producer.linger.ms", "5"),
            ("producers", "y"),
            ("acks", "1"),
        ])
    }

    #[test]
    fn a_scope_is_what_follows_the_prefix() {
        let scoped = sample().scoped("producer.");
        assert_eq!(
            scoped,
            Properties::from([("acks", "all"), ("linger.ms", "5")])
        );
    }

    #[test]
    fn claiming_leaves_what_nobody_knows() {
        let mut properties = sample();
        assert_eq!(properties.claim("acks").as_deref(), Some("1"));
        assert_eq!(properties.claim("acks"), None);
        assert_eq!(properties.claim_scoped("producer.").len(), 2);
        assert_eq!(
            properties.unclaimed().collect::<Vec<_>>(),
            ["producer.", "producers"]
        );
    }

    #[test]
    fn debug_shows_names_and_no_values() {
        let properties = Properties::from([("sasl.jaas.config", "s3cret")]);
        assert_eq!(
            format!("{properties:?}"),
            "Properties{\"sasl.jaas.config\"}"
        );
    }
}
