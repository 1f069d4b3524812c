//! Source tasks: polled for records, which are converted straight into the producer's batches.

mod pending;
mod submitted;
