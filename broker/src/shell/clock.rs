//! The one place that reads the clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::core::time::Now;

/// Tells the core what time it is. Under tokio's paused clock it stands still as well.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
    /// Milliseconds between the Unix epoch and the start.
    epoch: i64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        let since_epoch = since_epoch.unwrap_or_default().as_millis();
        Self {
            start: Instant::now(),
            epoch: i64::try_from(since_epoch).unwrap_or(0),
        }
    }

    pub(crate) fn now(&self) -> Now {
        let millis = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now {
            millis,
            timestamp: self.epoch.saturating_add_unsigned(millis),
        }
    }

    /// The instant of one of the core's deadlines. It lies one millisecond later than it need, so
    /// that the core's time, which is cut to milliseconds, has reached it.
    pub(crate) fn instant(&self, millis: u64) -> Instant {
        const FAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
        self.start + Duration::from_millis(millis).min(FAR)
    }
}
