//! A complaint about one configuration key, in Kafka's words.

use std::fmt;

/// What is wrong with the value of one key.
///
/// The text is Kafka's: `Invalid value X for configuration K: why`, or
/// `Missing required configuration "K" which has no default value.`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    key: String,
    message: String,
}

impl ConfigError {
    /// A complaint about `key` in words of the caller's.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            message: message.into(),
        }
    }

    /// `value` is not valid for `key`. Do not pass a secret.
    pub fn invalid(key: impl Into<String>, value: &str, why: &str) -> Self {
        let key = key.into();
        let message = format!("Invalid value {value} for configuration {key}: {why}");
        Self { key, message }
    }

    /// `key` must be given.
    pub fn missing(key: impl Into<String>) -> Self {
        let key = key.into();
        let message =
            format!("Missing required configuration \"{key}\" which has no default value.");
        Self { key, message }
    }

    /// The same complaint where the key stands under `prefix`, as in `prefix.key`.
    #[must_use]
    pub fn under(self, prefix: &str) -> Self {
        let key = format!("{prefix}{}", self.key);
        let named = [
            (
                format!(" for configuration {}: ", self.key),
                format!(" for configuration {key}: "),
            ),
            (format!("\"{}\"", self.key), format!("\"{key}\"")),
            (format!("'{}'", self.key), format!("'{key}'")),
        ];
        let found = named.iter().find(|(old, _)| self.message.contains(old));
        let message = match found {
            Some((old, new)) => self.message.replacen(old, new, 1),
            None => self.message,
        };
        Self { key, message }
    }

    /// The key that the complaint is about.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The whole complaint; it names the key.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_under_a_prefix_is_named_with_it() {
        let invalid = ConfigError::invalid("size", "x", "no number").under("a.");
        assert_eq!(invalid.key(), "a.size");
        assert_eq!(
            invalid.message(),
            "Invalid value x for configuration a.size: no number"
        );
        assert_eq!(
            ConfigError::missing("size").under("a.").message(),
            "Missing required configuration \"a.size\" which has no default value."
        );
    }
}
