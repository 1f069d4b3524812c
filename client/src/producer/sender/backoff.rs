//! The pause before the next attempt: it doubles with each failure and has a random part (KIP-580).

use std::time::Duration;

use crate::producer::topic::mix;

/// Pauses from `first` to `max`, give or take a fifth.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    max: Duration,
    random: u64,
}

impl Backoff {
    pub(super) fn new(first: Duration, max: Duration, seed: u64) -> Self {
        Self {
            first,
            max: max.max(first),
            random: seed,
        }
    }

    /// The pause after `failures` failures in a row before this one.
    pub(super) fn pause(&mut self, failures: u32) -> Duration {
        let exact = self
            .first
            .saturating_mul(1_u32.checked_shl(failures.min(31)).unwrap_or(u32::MAX))
            .min(self.max);
        self.random = mix(self.random.wrapping_add(0x9e37_79b9_7f4a_7c15));
        // 80 to 120 per cent.
        let percent = 80 + u32::try_from(self.random % 41).unwrap_or(20);
        exact.saturating_mul(percent) / 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_give_or_take_a_fifth() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1), 7);
        for (failures, exact) in [(0, 100), (1, 200), (3, 800), (4, 1000), (40, 1000)] {
            for _ in 0..50 {
                let millis = backoff.pause(failures).as_millis();
                assert!(
                    (exact * 4 / 5..=exact * 6 / 5).contains(&millis),
                    "{failures}: {millis}"
                );
            }
        }
    }
}
