//! What an operator can set of the REST API beyond where it listens.

use super::basic_auth::BasicAuth;
use super::cors::Cors;
use super::response_headers::HeaderRules;

/// The Java class whose place [`BasicAuth`] takes.
const BASIC_AUTH_EXTENSION: &str =
    "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension";

/// Where `/admin/loggers` is answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AdminPlace {
    /// Where the rest is.
    #[default]
    WithTheRest,
    /// Nowhere: `admin.listeners` is empty.
    Nowhere,
    /// On listeners of its own.
    OnItsOwn,
}

/// What an operator can set of the REST API beyond where it listens.
#[derive(Debug, Clone, Default)]
pub struct RestSettings {
    /// `admin.listeners`.
    pub admin: AdminPlace,
    /// `access.control.allow.origin` and `access.control.allow.methods`.
    pub cors: Option<Cors>,
    /// `response.http.headers.config`.
    pub headers: HeaderRules,
    /// The users that may ask, with `BasicAuthSecurityRestExtension`.
    pub basic_auth: Option<BasicAuth>,
}

/// Whether `class` is a REST extension that this worker has, by its full or simple name.
#[must_use]
pub fn is_known_extension(class: &str) -> bool {
    let simple = BASIC_AUTH_EXTENSION.rsplit('.').next();
    class == BASIC_AUTH_EXTENSION || Some(class) == simple
}
