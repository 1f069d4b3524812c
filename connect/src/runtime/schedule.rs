//! When offsets are committed: at an interval, or earlier when somebody asks for it.

use std::time::{Duration, Instant};

/// The shortest interval, so that `offset.flush.interval.ms=0` is no busy loop.
const INTERVAL_MIN: Duration = Duration::from_millis(1);

/// When the next commit is due.
#[derive(Debug, Clone)]
pub(crate) struct CommitSchedule {
    interval: Duration,
    next: Instant,
}

impl CommitSchedule {
    /// The first commit is due one `interval` after `now`.
    pub(crate) fn new(now: Instant, interval: Duration) -> Self {
        let interval = interval.max(INTERVAL_MIN);
        Self {
            interval,
            next: after(now, interval),
        }
    }

    /// When the next commit is due.
    pub(crate) const fn next(&self) -> Instant {
        self.next
    }

    /// Whether a commit is due; then the next one is due one interval from now.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        let is_due = now >= self.next;
        if is_due {
            self.next = after(now, self.interval);
        }
        is_due
    }

    /// Somebody wants a commit now.
    pub(crate) fn request(&mut self, now: Instant) {
        self.next = self.next.min(now);
    }
}

/// `now` plus `interval`, or a century later where the interval is beyond any clock.
fn after(now: Instant, interval: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(3_155_760_000);
    now.checked_add(interval).unwrap_or_else(|| now + CENTURY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_due_at_the_interval_and_on_request() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut schedule = CommitSchedule::new(start, Duration::from_secs(10));
        assert!(!schedule.is_due(at(9)));
        assert!(schedule.is_due(at(12)));
        assert_eq!(
            schedule.next(),
            at(22),
            "counted from the commit, not from when it was due"
        );
        schedule.request(at(13));
        assert!(schedule.is_due(at(13)));
        assert!(!schedule.is_due(at(13)));
    }

    #[test]
    fn an_interval_beyond_any_clock_and_none_at_all_are_survived() {
        let start = Instant::now();
        assert!(!CommitSchedule::new(start, Duration::from_millis(u64::MAX)).is_due(start));
        let mut often = CommitSchedule::new(start, Duration::ZERO);
        assert!(!often.is_due(start));
        assert!(often.is_due(start + Duration::from_millis(1)));
    }
}
