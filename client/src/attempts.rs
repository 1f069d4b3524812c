//! Counts failures in a row of one thing, and says how long to wait before the next attempt (KIP-580).

use std::time::Duration;

use crate::net::{Backoff, Random};

/// The attempts at one thing that may fail; a success starts over.
#[derive(Debug, Clone)]
pub(crate) struct Attempts {
    backoff: Backoff,
    random: Random,
    failures: u32,
}

impl Attempts {
    /// `seed` spreads the waits of many clients.
    pub(crate) fn new(first: Duration, max: Duration, seed: u64) -> Self {
        Self {
            backoff: Backoff::new(first, max),
            random: Random::seeded(seed),
            failures: 0,
        }
    }

    /// The pause after one more failure.
    pub(crate) fn pause(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.backoff.pause(self.failures, &mut self.random)
    }

    /// None after the first failure, then as [`pause`](Self::pause): for errors whose first retry is
    /// expected to succeed.
    pub(crate) fn pause_unless_first(&mut self) -> Duration {
        if self.failures == 0 {
            self.failures = 1;
            return Duration::ZERO;
        }
        self.pause()
    }

    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_a_success() {
        let mut attempts = Attempts::new(Duration::from_millis(100), Duration::from_secs(1), 7);
        assert_eq!(attempts.pause_unless_first(), Duration::ZERO);
        assert!(attempts.pause_unless_first() >= Duration::from_millis(160));
        assert!(attempts.pause() >= Duration::from_millis(320));
        attempts.reset();
        assert!(attempts.pause() <= Duration::from_millis(120));
    }
}
