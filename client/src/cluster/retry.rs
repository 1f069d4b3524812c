//! When to try again, and when to give up.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::Cluster;
use crate::error::{Error, ErrorKind};
use crate::net::{Backoff, Random, now};

/// The attempts at one thing, up to a deadline, with a pause after each failure.
#[derive(Debug)]
pub struct Retry {
    deadline: Instant,
    backoff: Backoff,
    random: Random,
    failures: u32,
}

impl Cluster {
    /// Attempts until `deadline`, with the pauses of `retry.backoff.ms` and `retry.backoff.max.ms`.
    pub fn retry(&self, deadline: Instant) -> Retry {
        Retry {
            deadline,
            backoff: self.shared.settings.retry,
            random: Random::seeded(self.shared.random().next()),
            failures: 0,
        }
    }
}

impl Retry {
    /// How long the next attempt may take.
    pub fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(now())
    }

    /// Waits before the next attempt after `error`.
    ///
    /// # Errors
    ///
    /// `error` itself, if trying again cannot help or there is no time left for it.
    ///
    /// Cancel safe.
    pub async fn pause(&mut self, error: Error) -> Result<(), Error> {
        self.failures = self.failures.saturating_add(1);
        let pause = self.backoff.pause(self.failures, &mut self.random);
        if !error.is_retriable() || self.left() <= pause {
            return Err(self.judged(error));
        }
        sleep(pause).await;
        Ok(())
    }

    /// A time-out says how often it was tried.
    fn judged(&self, error: Error) -> Error {
        if self.failures > 1 && error.is_retriable() && error.kind() != ErrorKind::Closed {
            error.during(format_args!("trying {} times", self.failures))
        } else {
            error
        }
    }
}
