//! Source tasks: polled for records, which are converted straight into the producer's batches.
//!
//! ```text
//! poll --> records --> convert --> producer --> acknowledged --> pending offsets --> flushed to the store --> commit()
//!                                   |  per batch, per source partition the prefix without a gap
//! ```
//!
//! Offsets are flushed every `offset.flush.interval.ms`, also while the plugin's `poll` or the producer waits, and once more
//! when the task ends.

mod commit;
pub(crate) mod creation;
mod new_topics;
mod pending;
mod pipeline;
mod send;
mod submitted;
mod task;
mod topics;
mod written;

#[cfg(test)]
mod tests;

pub(super) use task::execute;
