//! Failures of records whose senders keep no delivery: counted, and told by the next flush.

use std::sync::{Mutex, PoisonError};

use crate::Error;

/// How many such records failed since the last flush, and why the first of them did.
#[derive(Debug, Default)]
pub(crate) struct Unwatched(Mutex<Failures>);

#[derive(Debug, Default)]
struct Failures {
    records: u64,
    total: u64,
    first: Option<Error>,
}

impl Unwatched {
    /// Counts `records` that failed.
    pub(crate) fn add(&self, records: u32, error: &Error) {
        if records > 0 {
            let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            failures.records += u64::from(records);
            failures.total += u64::from(records);
            failures.first.get_or_insert_with(|| error.clone());
        }
    }

    /// The failures since the last call: how many, and the first one's cause.
    pub(crate) fn take(&self) -> Option<(u64, Error)> {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let records = std::mem::take(&mut failures.records);
        failures.first.take().map(|error| (records, error))
    }

    /// All failures since the producer began.
    pub(crate) fn total(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).total
    }
}
