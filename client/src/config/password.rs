//! A secret in configuration: it can be used, and it is never printed.

use std::fmt;

/// What stands in place of a secret wherever configuration is shown.
pub(super) const HIDDEN: &str = "[hidden]";

/// A secret. `Debug` and `Display` print `[hidden]`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself: for the code that logs in with it, never for a log line or an error text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Password {
    fn from(secret: &str) -> Self {
        Self::new(secret)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_printed() {
        let password = Password::new("s3cret");
        assert_eq!(
            format!("{password} {password:?} {:?}", Some(&password)),
            "[hidden] [hidden] Some([hidden])"
        );
        assert_eq!(password.reveal(), "s3cret");
    }
}
