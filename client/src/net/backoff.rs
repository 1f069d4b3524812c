//! Pauses that grow with each failure, with a random part so that many clients do not come back at once (KIP-580).

use std::time::Duration;

/// A pause that doubles with each failure, from `initial` up to `max`, give or take a fifth.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    initial: Duration,
    max: Duration,
}

/// The random part of a pause, as a share of it.
const JITTER: f64 = 0.2;

impl Backoff {
    /// From `initial` to `max`; a `max` below `initial` is no limit below it.
    pub fn new(initial: Duration, max: Duration) -> Self {
        Self {
            initial,
            max: max.max(initial),
        }
    }

    /// The pause after `failures` failures in a row; the first failure is number 1.
    pub fn pause(&self, failures: u32, random: &mut Random) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let pause = self.initial.saturating_mul(1 << doublings).min(self.max);
        let factor = 1.0 - JITTER + 2.0 * JITTER * random.fraction();
        pause.mul_f64(factor).min(self.max)
    }
}

/// A small source of random numbers: the same seed gives the same numbers, so that a core can be replayed.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Numbers that follow from `seed`.
    pub const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Numbers that nobody can foresee.
    pub fn from_entropy() -> Self {
        use std::hash::{BuildHasher, RandomState};
        Self(RandomState::new().hash_one(0x6b_61_66_6b_61_u64))
    }

    /// The next number (SplitMix64).
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to `bound`, which is not reached; 0 for a bound of 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = bound as u64;
        let number = self.next().checked_rem(bound).unwrap_or(0);
        usize::try_from(number).unwrap_or(0)
    }

    /// A number from 0 up to 1, which is not reached.
    pub fn fraction(&mut self) -> f64 {
        let high = u32::try_from(self.next() >> 32).unwrap_or(0);
        f64::from(high) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_up_to_its_limit_give_or_take_a_fifth() {
        let backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
        let mut random = Random::seeded(1);
        for (failures, about) in [
            (0, 50),
            (1, 50),
            (2, 100),
            (3, 200),
            (5, 800),
            (6, 1000),
            (4_000_000_000, 1000),
        ] {
            for _ in 0..100 {
                let pause = backoff.pause(failures, &mut random).as_secs_f64() * 1000.0;
                let about = f64::from(about);
                assert!(
                    (about * 0.79..=about * 1.21).contains(&pause) && pause <= 1000.0,
                    "{failures}: {pause}"
                );
            }
        }
    }

    #[test]
    fn a_limit_below_the_first_pause_does_not_shorten_it() {
        let backoff = Backoff::new(Duration::from_secs(5), Duration::from_secs(1));
        assert!(backoff.pause(9, &mut Random::seeded(1)) >= Duration::from_secs(4));
    }

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let numbers = |seed| {
            let mut random = Random::seeded(seed);
            [random.next(), random.next(), random.next()]
        };
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
        assert_eq!(Random::seeded(1).below(0), 0);
        assert!((0..1000).all(|seed| Random::seeded(seed).below(3) < 3));
    }
}
