//! The way to other workers: one request, signed where the cluster signs.

use std::fmt::Debug;

use crate::api::BoxFuture;
use crate::herder::HerderError;

/// What a request to another worker is signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature {
    /// The value of `X-Connect-Request-Signature-Algorithm`.
    pub(crate) algorithm: &'static str,
    /// The value of `X-Connect-Authorization`.
    pub(crate) signature: String,
}

/// Sends requests to other workers.
pub(crate) trait Peers: Debug + Send + Sync {
    /// Posts a JSON body to `url` and waits for the answer.
    ///
    /// # Errors
    ///
    /// What the other worker answered, or that it did not.
    fn post(
        &self,
        url: String,
        body: Vec<u8>,
        signature: Option<Signature>,
    ) -> BoxFuture<'_, Result<(), HerderError>>;
}
