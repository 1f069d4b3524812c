//! Why an order was not carried out, in the words of Kafka Connect.

/// Why the herder did not do what it was told; the text is what the caller is shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HerderError {
    /// The order makes no sense as it is: HTTP 400.
    #[error("{0}")]
    BadRequest(String),
    /// The worker's configuration forbids it: HTTP 403.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such connector or task: HTTP 404.
    #[error("{0}")]
    NotFound(String),
    /// It is there already, or something else is under way: HTTP 409.
    #[error("{0}")]
    Conflict(String),
    /// Another worker has to do it: the one with this address. REST sends the request on.
    #[error("the worker at {0} has to do this")]
    Elsewhere(String),
    /// It was tried and did not work: HTTP 500.
    #[error("{0}")]
    Internal(String),
    /// It cannot be done yet: HTTP 503.
    #[error("{0}")]
    Unavailable(String),
    /// The worker is going away: HTTP 503.
    #[error("Worker is shutting down")]
    ShuttingDown,
}

impl HerderError {
    /// The HTTP status that goes with it.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::BadRequest(_) => 400,
            Self::Forbidden(_) => 403,
            Self::NotFound(_) => 404,
            Self::Conflict(_) | Self::Elsewhere(_) => 409,
            Self::Internal(_) => 500,
            Self::Unavailable(_) | Self::ShuttingDown => 503,
        }
    }

    /// Nobody knows who has what while the group rebalances.
    pub(crate) fn rebalancing() -> Self {
        Self::Conflict(
            "Cannot complete request because of a conflicting operation (e.g. worker rebalance)"
                .to_owned(),
        )
    }

    /// The group is about to rebalance for a change that this request does not know of.
    pub(crate) fn stale_configuration() -> Self {
        Self::Conflict(
            "Cannot complete request momentarily due to stale configuration (typically caused by a concurrent config \
             change)"
                .to_owned(),
        )
    }

    /// `Connector X not found`.
    pub(crate) fn connector_not_found(name: &str) -> Self {
        Self::NotFound(format!("Connector {name} not found"))
    }

    /// Offsets are changed of connectors only that are stopped and have no tasks.
    pub(crate) fn not_stopped(name: &str) -> Self {
        Self::BadRequest(format!(
            "Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the specified \
             connector by issuing a 'PUT' request to the '/connectors/{name}/stop' endpoint"
        ))
    }

    /// `No status found for connector X`.
    pub(crate) fn no_status(name: &str) -> Self {
        Self::NotFound(format!("No status found for connector {name}"))
    }
}
