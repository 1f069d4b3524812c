//! The time as the shell tells it to the core: no clock is read in here.

use std::time::Duration;

/// The moment at which an event reaches the core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Now {
    /// Milliseconds since the broker was started; never goes back. Deadlines are told in it.
    pub millis: u64,
    /// Milliseconds since the Unix epoch, as records and commits carry them.
    pub timestamp: i64,
}

impl Now {
    /// The deadline that is `wait` away.
    pub(crate) fn after(self, wait: Duration) -> u64 {
        let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.millis.saturating_add(wait)
    }

    /// The deadline that is `millis` away; a negative wait is none at all.
    pub(crate) fn after_millis(self, millis: i32) -> u64 {
        self.millis
            .saturating_add(u64::try_from(millis).unwrap_or(0))
    }
}
