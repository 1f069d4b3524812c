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
