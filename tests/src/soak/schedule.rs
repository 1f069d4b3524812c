//! What happens to a cluster, and when: decided by a seed alone.

use std::time::Duration;

use super::fleet::{DELAY, SESSION};

/// The fewest workers that are left to run.
const WORKERS_MIN: usize = 2;
/// The most workers that run at a time.
const WORKERS_MAX: usize = 4;
/// What happens in one round: as many workers come as go.
const ROUND: [Kind; 6] = [
    Kind::Add,
    Kind::Add,
    Kind::Stop,
    Kind::Kill,
    Kind::Freeze,
    Kind::RestartBroker,
];

/// A kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The run begins.
    Start,
    /// A worker joins.
    Add,
    /// A worker is stopped in order, with SIGTERM.
    Stop,
    /// A worker is killed, with SIGKILL.
    Kill,
    /// A worker stands still for a while, with SIGSTOP and SIGCONT.
    Freeze,
    /// A broker is stopped in order and started again.
    RestartBroker,
}

impl Kind {
    const fn is_possible(self, workers: usize) -> bool {
        match self {
            Self::Add => workers < WORKERS_MAX,
            Self::Stop | Self::Kill => workers > WORKERS_MIN,
            Self::Freeze | Self::RestartBroker => true,
            Self::Start => false,
        }
    }

    /// What it is called in a report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "the start, with three workers",
            Self::Add => "a worker joins",
            Self::Stop => "a worker is stopped (SIGTERM)",
            Self::Kill => "a worker is killed (SIGKILL)",
            Self::Freeze => "a worker stood still (SIGSTOP) and goes on",
            Self::RestartBroker => "a broker was restarted",
        }
    }

    /// How long the configuration makes a cluster wait afterwards, at most.
    pub(super) const fn configured(self) -> Duration {
        match self {
            // Nobody is missing, or has been for long.
            Self::Start | Self::Add | Self::RestartBroker => Duration::ZERO,
            // Its work is kept for it in case it comes back, from when its end is known or its session is over.
            Self::Stop | Self::Freeze => DELAY,
            Self::Kill => DELAY.saturating_add(SESSION),
        }
    }
}

/// One piece of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Event {
    /// What happens.
    pub kind: Kind,
    /// Chooses whom it happens to, modulo how many there are.
    pub whom: usize,
    /// How long everything is left alone before.
    pub after: Duration,
    /// How long a worker is frozen, or a broker is away.
    pub lasting: Duration,
}

/// The events of a run, without an end.
#[derive(Debug)]
pub(super) struct Schedule {
    random: Random,
    round: Vec<Kind>,
}

impl Schedule {
    /// The events that `seed` stands for.
    #[must_use]
    pub(super) const fn new(seed: u64) -> Self {
        Self {
            random: Random(seed),
            round: Vec::new(),
        }
    }

    /// The next event for a cluster of this many workers: rounds in which each kind comes up, in an order of their own.
    pub(super) fn next(&mut self, workers: usize) -> Event {
        if self.round.is_empty() {
            self.round = ROUND.to_vec();
            for last in (1..self.round.len()).rev() {
                let other = self.random.below(last + 1);
                self.round.swap(last, other);
            }
        }
        let possible = self
            .round
            .iter()
            .rposition(|kind| kind.is_possible(workers));
        let kind = match possible {
            Some(at) => self.round.remove(at),
            // Only workers that come, or only workers that go, are left of the round.
            None => {
                self.round.clear();
                Kind::Freeze
            }
        };
        Event {
            kind,
            whom: self.random.below(1 << 16),
            after: self.random.between(2_000, 8_000),
            lasting: match kind {
                // Some are noticed by nobody, most cost the worker its membership.
                Kind::Freeze => self.random.between(2_000, 16_000),
                _ => self.random.between(1_000, 5_000),
            },
        }
    }
}

/// A generator of numbers (SplitMix64): the same seed gives the same numbers.
#[derive(Debug)]
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        let number = self.next() >> 33;
        usize::try_from(number).unwrap_or(0) % limit.max(1)
    }

    fn between(&mut self, least: usize, most: usize) -> Duration {
        let millis = least + self.below(most - least + 1);
        Duration::from_millis(millis as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events of a cluster that begins with three workers, and how many workers each one finds.
    fn events(seed: u64, count: usize) -> Vec<(Event, usize)> {
        let (mut schedule, mut workers) = (Schedule::new(seed), 3);
        let mut next = || {
            let event = schedule.next(workers);
            let found = workers;
            match event.kind {
                Kind::Add => workers += 1,
                Kind::Stop | Kind::Kill => workers -= 1,
                Kind::Start | Kind::Freeze | Kind::RestartBroker => {}
            }
            (event, found)
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn a_seed_decides_the_events() {
        assert_eq!(events(7, 50), events(7, 50));
        assert_ne!(events(7, 50), events(8, 50));
    }

    #[test]
    fn every_kind_comes_up_in_a_round_and_the_cluster_keeps_its_size() {
        for seed in 0..200 {
            let events = events(seed, 60);
            for round in events.chunks(12) {
                for kind in ROUND {
                    let came = round.iter().any(|(event, _)| event.kind == kind);
                    assert!(came, "{kind:?} is missing: seed {seed}");
                }
            }
            let sizes = events.iter().map(|(_, workers)| *workers);
            assert!(sizes.into_iter().all(|workers| (2..=4).contains(&workers)));
        }
    }
}
