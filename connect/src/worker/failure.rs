//! Why a worker's process ends by itself, and the exit code that says so.

use kconnect_client::config::ConfigError;

/// Why a worker's process ends by itself; logged as its last word.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The worker did not start.
    #[error("Stopping due to error: {0}")]
    Startup(String),
    /// A connector given on the command line cannot be created; which one is in the log.
    #[error("Stopping after connector error")]
    Connector,
    /// The herder of a distributed worker cannot go on.
    #[error("Uncaught exception in herder work thread, exiting: {0}")]
    Herder(String),
}

impl Failure {
    /// The worker did not start because of that.
    pub(crate) fn startup(cause: impl Into<Box<dyn std::error::Error>>) -> Self {
        Self::Startup(cause.into().to_string())
    }

    /// Every complaint about the configuration that `source` holds.
    pub(crate) fn config(source: &str, errors: &[ConfigError]) -> Self {
        let complaints: Vec<&str> = errors.iter().map(ConfigError::message).collect();
        let complaints = complaints.join("\n  ");
        Self::Startup(format!(
            "the configuration in {source} is wrong:\n  {complaints}"
        ))
    }

    /// The exit code, which is the one that a Java worker ends with.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Herder(_) => 1,
            Self::Startup(_) => 2,
            Self::Connector => 3,
        }
    }
}
