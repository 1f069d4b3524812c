//! Errors of plugins: what happened, and whether trying again may help.

use std::error::Error;
use std::fmt;

use kconnect_client::config::ConfigError;

use crate::data::DataError;

/// An error of a connector, task or converter, one word wide.
///
/// The text is for people and may change. [`source`](Error::source) leads to the cause.
pub struct ConnectError(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What sort of error it is, after the exceptions of Java's Connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// `ConnectException`: anything that has no kind of its own.
    Connect,
    /// `DataException`: data that breaks a rule.
    Data,
    /// `SchemaBuilderException`: a schema that breaks a rule.
    SchemaBuilder,
    /// `SerializationException`: bytes that cannot be read or written.
    Serialization,
    /// `ConfigException`: a configuration that cannot be used.
    Config,
    /// `IllegalStateException`: a call at the wrong time.
    IllegalState,
    /// `NotFoundException`: something that is not there.
    NotFound,
    /// `UnsupportedOperationException`: what this plugin cannot do.
    Unsupported,
    /// `InvalidRecordException`: a record that Kafka does not take.
    InvalidRecord,
}

impl ErrorKind {
    /// The class that Java's worker would throw, as shown in error headers and traces.
    #[must_use]
    pub fn java_class(self) -> &'static str {
        match self {
            Self::Connect => "org.apache.kafka.connect.errors.ConnectException",
            Self::Data => "org.apache.kafka.connect.errors.DataException",
            Self::SchemaBuilder => "org.apache.kafka.connect.errors.SchemaBuilderException",
            Self::Serialization => "org.apache.kafka.common.errors.SerializationException",
            Self::Config => "org.apache.kafka.common.config.ConfigException",
            Self::IllegalState => "java.lang.IllegalStateException",
            Self::NotFound => "org.apache.kafka.connect.errors.NotFoundException",
            Self::InvalidRecord => "org.apache.kafka.common.InvalidRecordException",
            Self::Unsupported => "java.lang.UnsupportedOperationException",
        }
    }
}

impl ConnectError {
    /// An error of kind [`ErrorKind::Connect`].
    pub fn new(message: impl Into<String>) -> Self {
        Self::of(ErrorKind::Connect, message)
    }

    /// An error of the given kind.
    pub fn of(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            source: None,
        }))
    }

    /// Says what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The text without its causes.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

/// The text with all causes, as a log or a status shows it.
impl fmt::Debug for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind().java_class(), self.0.message)?;
        let mut cause = self.source();
        while let Some(error) = cause {
            match error.downcast_ref::<Self>() {
                Some(known) => {
                    let class = known.kind().java_class();
                    write!(f, "\nCaused by: {class}: {error}")?;
                }
                None => write!(f, "\nCaused by: {error}")?,
            }
            cause = error.source();
        }
        Ok(())
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<DataError> for ConnectError {
    fn from(error: DataError) -> Self {
        let kind = match error {
            DataError::SchemaBuilder(_) | DataError::InvalidDefault(_) => ErrorKind::SchemaBuilder,
            _ => ErrorKind::Data,
        };
        let whole = Self::of(kind, error.to_string());
        match error {
            DataError::InvalidDefault(cause) => whole.caused_by(cause),
            _ => whole,
        }
    }
}

impl From<ConfigError> for ConnectError {
    fn from(error: ConfigError) -> Self {
        Self::of(ErrorKind::Config, error.message())
    }
}

/// All complaints about a configuration, one a line.
impl From<Vec<ConfigError>> for ConnectError {
    fn from(errors: Vec<ConfigError>) -> Self {
        let lines: Vec<_> = errors.iter().map(ConfigError::message).collect();
        Self::of(ErrorKind::Config, lines.join("\n"))
    }
}

impl From<std::io::Error> for ConnectError {
    fn from(error: std::io::Error) -> Self {
        Self::new(error.to_string()).caused_by(error)
    }
}

/// How a call of a task ended badly: whether to try again is said by type.
#[derive(Debug)]
pub enum TaskError {
    /// Trying again later may help: Java's `RetriableException`. A sink is given the same batch
    /// again, a source is polled again.
    Retriable(ConnectError),
    /// The task cannot go on.
    Failed(ConnectError),
}

impl TaskError {
    /// An error after which the call should be made again.
    pub fn retriable(message: impl Into<String>) -> Self {
        Self::Retriable(ConnectError::new(message))
    }

    /// An error that ends the task.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed(ConnectError::new(message))
    }

    /// The error.
    #[must_use]
    pub fn error(&self) -> &ConnectError {
        match self {
            Self::Retriable(error) | Self::Failed(error) => error,
        }
    }

    /// The error.
    #[must_use]
    pub fn into_error(self) -> ConnectError {
        match self {
            Self::Retriable(error) | Self::Failed(error) => error,
        }
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.error(), f)
    }
}

impl Error for TaskError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error().source()
    }
}

/// What `?` makes of other errors ends the task; retrying is asked for by name.
macro_rules! failed_from {
    ($($error:ty)*) => {
        $(impl From<$error> for TaskError {
            fn from(error: $error) -> Self {
                Self::Failed(error.into())
            }
        })*
    };
}

failed_from! { ConnectError DataError ConfigError Vec<ConfigError> std::io::Error }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_story_is_told_from_the_outside_in() {
        let cause = std::io::Error::other("disk on fire");
        let error = ConnectError::new("while reading f").caused_by(cause);
        assert_eq!(error.to_string(), "while reading f");
        assert_eq!(
            format!("{error:?}"),
            "org.apache.kafka.connect.errors.ConnectException: while reading f\n\
             Caused by: disk on fire"
        );
    }

    #[test]
    fn a_question_mark_ends_the_task() {
        let fail = || -> Result<(), TaskError> { Err(DataError::other("bad"))? };
        let error = fail().unwrap_err();
        assert!(matches!(&error, TaskError::Failed(inner) if inner.kind() == ErrorKind::Data));
    }
}
