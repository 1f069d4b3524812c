//! Sink tasks: given records as the consumer fetched them, in place.
//!
//! ```text
//! consumer --> records --> convert --> put --> current offsets --> preCommit --> committed to the group
//! ```
//!
//! A batch that `put` wants again later is kept, with all partitions paused, until it is taken. Offsets are committed every
//! `offset.flush.interval.ms` without waiting for the answer, and with waiting when partitions are given up.

mod convert;
mod offsets;
mod rebalance;
mod task;

#[cfg(test)]
mod tests;

pub(super) use task::execute;
