//! Measuring: candidates take turns in one process, and the best of many rounds counts.
//!
//! A shared machine slows down and speeds up from second to second. Whatever it does, it does to all candidates, and the
//! best round of each is the one that was least disturbed.

mod counting;

use std::time::{Duration, Instant};

pub use self::counting::{Counting, allocations};

/// What one candidate does in one round, and for how many units of work that counts.
pub struct Candidate<'a> {
    name: &'a str,
    units: usize,
    round: Box<dyn FnMut() + 'a>,
}

impl<'a> Candidate<'a> {
    /// `round` does `units` of work each time that it is called.
    pub fn new(name: &'a str, units: usize, round: impl FnMut() + 'a) -> Self {
        Self {
            name,
            units,
            round: Box::new(round),
        }
    }

    /// The name.
    pub const fn name(&self) -> &'a str {
        self.name
    }
}

/// The best round of one candidate.
#[derive(Clone, Debug)]
pub struct Best {
    /// The candidate's name.
    pub name: String,
    /// Nanoseconds for one unit of work.
    pub nanoseconds: f64,
    /// Allocations for one unit of work; the least of all rounds.
    pub allocations: f64,
}

/// How long candidates take turns for one table: what `SECONDS` says, or two seconds.
pub fn time_for_a_table() -> Duration {
    let seconds = std::env::var("SECONDS").ok();
    let seconds = seconds.and_then(|text| text.parse().ok());
    Duration::from_secs_f64(seconds.unwrap_or(2.0))
}

/// Lets the candidates take turns for `time`, and returns the best round of each, in their order.
pub fn measure(time: Duration, mut candidates: Vec<Candidate<'_>>) -> Vec<Best> {
    let mut best: Vec<Best> = candidates
        .iter()
        .map(|candidate| Best {
            name: candidate.name.to_owned(),
            nanoseconds: f64::INFINITY,
            allocations: f64::INFINITY,
        })
        .collect();
    let end = Instant::now() + time;
    while Instant::now() < end {
        for (candidate, best) in candidates.iter_mut().zip(&mut best) {
            let units = candidate.units as f64;
            let allocated = allocations();
            let start = Instant::now();
            (candidate.round)();
            let nanoseconds = start.elapsed().as_nanos() as f64 / units;
            best.nanoseconds = best.nanoseconds.min(nanoseconds);
            best.allocations = best
                .allocations
                .min((allocations() - allocated) as f64 / units);
        }
    }
    best
}
