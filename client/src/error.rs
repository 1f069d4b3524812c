//! The client's error: whose fault it is, what was being done, and whether it may have taken effect.

use std::fmt;
use std::sync::Arc;

use kconnect_protocol::ErrorCode;

use crate::config::ConfigError;

/// What went wrong, in one word of memory.
///
/// The text names what was being done, to whom, and where one cause is likely, that cause. It may change at any time: decide
/// by [`Error::kind`] and the predicates, never by the text.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

/// Whose fault an error is, for that decides what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operator's: the configuration is wrong.
    Config,
    /// The caller's: the call was not allowed.
    Misuse,
    /// A broker said no, by the book.
    Broker(ErrorCode),
    /// A broker answered against the book, or is no Kafka broker.
    BrokerMisbehaved,
    /// A broker does not speak a version that is needed.
    BrokerIncompatible,
    /// The path's: no connection, or it broke.
    Network,
    /// Nobody knows whose: no answer in time.
    Timeout,
    /// A newer instance of this client has taken over.
    Fenced,
    /// The client was closed.
    Closed,
    /// Ours. Please report it.
    Bug,
}

struct Inner {
    kind: ErrorKind,
    text: String,
    /// The request may have reached its broker, and nobody knows what became of it.
    may_have_taken_effect: bool,
}

impl Error {
    /// An error with its whole text. A network error or a time-out is taken to leave the outcome open; see
    /// [`Error::without_effect`].
    pub fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            text: text.into(),
            may_have_taken_effect: matches!(kind, ErrorKind::Network | ErrorKind::Timeout),
        }))
    }

    /// A broker's error code in the answer to a request.
    pub fn broker(code: ErrorCode) -> Self {
        Self::broker_says(code, None)
    }

    /// A broker's error code, with the message that came with it.
    pub fn broker_says(code: ErrorCode, message: Option<&str>) -> Self {
        let said = message
            .filter(|message| !message.is_empty())
            .unwrap_or_else(|| code.meaning());
        Self::new(
            ErrorKind::Broker(code),
            format!("broker error {code}: {said}"),
        )
    }

    /// Every complaint about a configuration.
    pub fn config(errors: &[ConfigError]) -> Self {
        let texts: Vec<&str> = errors.iter().map(ConfigError::message).collect();
        Self::new(ErrorKind::Config, texts.join("\n"))
    }

    /// The same error, saying also what was being done: `while <doing>: <text>`.
    #[must_use]
    pub fn during(&self, doing: impl fmt::Display) -> Self {
        self.with_text(format!("while {doing}: {}", self.0.text))
    }

    /// The same error of a request that certainly did not reach a broker.
    #[must_use]
    pub fn without_effect(&self) -> Self {
        self.with_outcome(false)
    }

    /// The same error of a request of which nobody knows whether it took effect.
    #[must_use]
    pub fn with_unknown_outcome(&self) -> Self {
        self.with_outcome(true)
    }

    /// Whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The broker's error code, if it is a broker's error.
    pub fn code(&self) -> Option<ErrorCode> {
        match self.0.kind {
            ErrorKind::Broker(code) => Some(code),
            _ => None,
        }
    }

    /// Whether the same may succeed later. The client has retried already, as long as it was allowed to.
    pub fn is_retriable(&self) -> bool {
        match self.0.kind {
            ErrorKind::Broker(code) => code.is_retriable(),
            ErrorKind::Network | ErrorKind::Timeout => true,
            _ => false,
        }
    }

    /// Whether this client is of no use any more.
    pub fn is_fatal(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Fenced | ErrorKind::Closed | ErrorKind::Bug
        )
    }

    /// Whether the request may have taken effect all the same: it was sent, and no answer tells what became of it.
    pub fn may_have_taken_effect(&self) -> bool {
        self.0.may_have_taken_effect
    }

    fn with_text(&self, text: String) -> Self {
        Self(Arc::new(Inner { text, ..*self.0 }))
    }

    fn with_outcome(&self, may_have_taken_effect: bool) -> Self {
        Self(Arc::new(Inner {
            kind: self.0.kind,
            text: self.0.text.clone(),
            may_have_taken_effect,
        }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.0.text)
    }
}

impl std::error::Error for Error {}

impl From<ErrorCode> for Error {
    fn from(code: ErrorCode) -> Self {
        Self::broker(code)
    }
}

impl From<Vec<ConfigError>> for Error {
    fn from(errors: Vec<ConfigError>) -> Self {
        Self::config(&errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_word_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<(), Error>>(), size_of::<usize>());
    }

    #[test]
    fn the_text_tells_what_was_being_done() {
        let error = Error::broker(ErrorCode::NotLeaderOrFollower).during("producing to `orders-3`");
        let text = error.to_string();
        assert!(
            text.starts_with(
                "while producing to `orders-3`: broker error NOT_LEADER_OR_FOLLOWER: "
            ),
            "{text}"
        );
        assert_eq!(error.code(), Some(ErrorCode::NotLeaderOrFollower));
        assert!(error.is_retriable() && !error.is_fatal());
    }

    #[test]
    fn the_outcome_of_a_lost_request_is_unknown_unless_said_otherwise() {
        let lost = Error::new(ErrorKind::Network, "connection lost");
        assert!(lost.may_have_taken_effect());
        assert!(!lost.without_effect().during("x").may_have_taken_effect());
        assert!(!Error::broker(ErrorCode::RequestTimedOut).may_have_taken_effect());
    }

    #[test]
    fn a_brokers_own_words_win_over_the_table() {
        let error = Error::broker_says(
            ErrorCode::PolicyViolation,
            Some("names start with a letter"),
        );
        assert_eq!(
            error.to_string(),
            "broker error POLICY_VIOLATION: names start with a letter"
        );
    }
}
