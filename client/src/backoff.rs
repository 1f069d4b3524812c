//! How long to wait before the next attempt: doubling, capped, with jitter (KIP-580).

use std::time::Duration;

/// Counts attempts of one thing that may fail; a success starts over.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    max: Duration,
    attempts: u32,
    random: u64,
}

impl Backoff {
    /// `seed` only spreads the waits of many clients; it need not be secret.
    pub(crate) fn new(first: Duration, max: Duration, seed: u64) -> Self {
        Self {
            first,
            max: max.max(first),
            attempts: 0,
            random: seed | 1,
        }
    }

    /// The wait before the next attempt: within a fifth of `first` × 2^attempts, at most `max`.
    pub(crate) fn next(&mut self) -> Duration {
        let doubled = self.first.saturating_mul(1 << self.attempts.min(20));
        self.attempts = self.attempts.saturating_add(1);
        doubled.min(self.max).mul_f64(self.jitter())
    }

    /// Nothing before the first attempt, then as [`next`](Self::next): for errors whose first retry
    /// is expected to succeed.
    pub(crate) fn next_after_first(&mut self) -> Duration {
        if self.attempts == 0 {
            self.attempts = 1;
            return Duration::ZERO;
        }
        self.next()
    }

    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// Between 0.8 and 1.2 (xorshift64).
    fn jitter(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let thousandth = u32::try_from(self.random % 401).unwrap_or(200);
        0.8 + f64::from(thousandth) / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_maximum() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1), 7);
        for expected in [100, 200, 400, 800, 1000, 1000] {
            let wait = backoff.next().as_millis();
            assert!(
                (expected * 8 / 10..=expected * 12 / 10).contains(&wait),
                "{wait} for {expected}"
            );
        }
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(120));
    }

    #[test]
    fn the_first_retry_of_an_expected_error_is_at_once() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1), 7);
        assert_eq!(backoff.next_after_first(), Duration::ZERO);
        assert!(backoff.next_after_first() >= Duration::from_millis(80));
    }
}
