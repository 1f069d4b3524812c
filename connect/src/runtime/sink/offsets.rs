//! Which offsets of a sink task are committed: those that it has put, as far as its `preCommit` agrees.
//!
//! For each partition: `current`, the offset after the last record put, and `committed`, the last one that was committed or
//! from which reading went on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kconnect_protocol::types::TopicPartition;
use tracing::warn;

use crate::api::SinkOffsets;

/// The offsets of a sink task's partitions, and the commit that is under way.
#[derive(Debug)]
pub(crate) struct SinkOffsetTracker {
    partitions: BTreeMap<TopicPartition, Progress>,
    /// `offset.flush.timeout.ms`.
    timeout: Duration,
    in_flight: Option<Commit>,
    commits: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progress {
    current: i64,
    committed: i64,
}

#[derive(Debug)]
struct Commit {
    id: u64,
    offsets: SinkOffsets,
    deadline: Instant,
}

/// One commit that does not block: a late answer to an older one is told apart by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CommitId(u64);

impl SinkOffsetTracker {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self {
            partitions: BTreeMap::new(),
            timeout,
            in_flight: None,
            commits: 0,
        }
    }

    /// A partition was assigned; reading goes on at `position`.
    pub(crate) fn opened(&mut self, partition: TopicPartition, position: i64) {
        self.partitions.insert(
            partition,
            Progress {
                current: position,
                committed: position,
            },
        );
    }

    /// A partition went to somebody else.
    pub(crate) fn closed(&mut self, partition: &TopicPartition) {
        self.partitions.remove(partition);
    }

    /// The task asked to go on elsewhere; false if the partition is not its own.
    pub(crate) fn rewound(&mut self, partition: &TopicPartition, offset: i64) -> bool {
        let found = self.partitions.get_mut(partition);
        found
            .map(|progress| {
                *progress = Progress {
                    current: offset,
                    committed: offset,
                }
            })
            .is_some()
    }

    /// Records before `next` were put, or left out on the way.
    pub(crate) fn put(&mut self, partition: &TopicPartition, next: i64) {
        if let Some(progress) = self.partitions.get_mut(partition) {
            progress.current = next;
        }
    }

    /// What to ask `preCommit` about: all partitions, or those of `only`.
    pub(crate) fn current(&self, only: Option<&[TopicPartition]>) -> SinkOffsets {
        self.of(only)
            .map(|(partition, progress)| (partition.clone(), progress.current))
            .collect()
    }

    fn of<'a>(
        &'a self,
        only: Option<&'a [TopicPartition]>,
    ) -> impl Iterator<Item = (&'a TopicPartition, &'a Progress)> {
        self.partitions
            .iter()
            .filter(move |(partition, _)| only.is_none_or(|only| only.contains(partition)))
    }

    /// Where each partition stands that `preCommit` failed for: reading goes on from what was committed last.
    pub(crate) fn rewind(&mut self) -> SinkOffsets {
        let mut positions = SinkOffsets::new();
        for (partition, progress) in &mut self.partitions {
            progress.current = progress.committed;
            positions.insert(partition.clone(), progress.committed);
        }
        positions
    }

    /// What of `answered`, the task's answer to `preCommit`, can be committed; empty if there is nothing new.
    pub(crate) fn committable(&self, answered: &SinkOffsets) -> SinkOffsets {
        let mut committable = SinkOffsets::new();
        let mut is_new = false;
        for (partition, &offset) in answered {
            match self.partitions.get(partition) {
                None => {
                    warn!(%partition, offset, "ignoring an offset to commit of a partition that is not assigned")
                }
                Some(progress) if offset > progress.current => {
                    let current = progress.current;
                    warn!(%partition, offset, current, "ignoring an offset to commit beyond what was put");
                }
                Some(progress) => {
                    is_new |= offset != progress.committed;
                    committable.insert(partition.clone(), offset);
                }
            }
        }
        if is_new {
            committable
        } else {
            SinkOffsets::new()
        }
    }

    /// A commit was sent whose answer comes later.
    pub(crate) fn commit_sent(&mut self, now: Instant, offsets: SinkOffsets) -> CommitId {
        self.commits += 1;
        let id = self.commits;
        self.in_flight = Some(Commit {
            id,
            offsets,
            deadline: now + self.timeout,
        });
        CommitId(id)
    }

    /// Whether the answer to a commit is still waited for; one that takes too long is given up, with true once.
    pub(crate) fn check_timeout(&mut self, now: Instant) -> bool {
        let timed_out = self
            .in_flight
            .as_ref()
            .is_some_and(|commit| commit.deadline <= now);
        if timed_out {
            self.in_flight = None;
        }
        timed_out
    }

    /// Whether the answer to a commit is waited for.
    pub(crate) const fn is_committing(&self) -> bool {
        self.in_flight.is_some()
    }

    /// When the commit under way is given up.
    pub(crate) fn commit_deadline(&self) -> Option<Instant> {
        self.in_flight.as_ref().map(|commit| commit.deadline)
    }

    /// The answer to a commit; one to an older commit than the last changes nothing.
    pub(crate) fn commit_answered(&mut self, id: CommitId, succeeded: bool) {
        if let Some(commit) = self.in_flight.take_if(|commit| commit.id == id.0)
            && succeeded
        {
            self.committed(&commit.offsets);
        }
    }

    /// These offsets have been committed.
    pub(crate) fn committed(&mut self, offsets: &SinkOffsets) {
        for (partition, &offset) in offsets {
            if let Some(progress) = self.partitions.get_mut(partition) {
                progress.committed = offset;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(number: i32) -> TopicPartition {
        TopicPartition::new("t", number)
    }

    fn offsets<const N: usize>(pairs: [(i32, i64); N]) -> SinkOffsets {
        pairs
            .into_iter()
            .map(|(number, offset)| (partition(number), offset))
            .collect()
    }

    /// Partitions 0 at 10 and 1 at 20, of which 0 has been put up to 15.
    fn tracker() -> SinkOffsetTracker {
        let mut tracker = SinkOffsetTracker::new(Duration::from_secs(5));
        tracker.opened(partition(0), 10);
        tracker.opened(partition(1), 20);
        tracker.put(&partition(0), 15);
        tracker
    }

    #[test]
    fn what_was_put_can_be_committed_and_only_once() {
        let mut tracker = tracker();
        let answered = tracker.current(None);
        assert_eq!(answered, offsets([(0, 15), (1, 20)]));
        assert_eq!(tracker.committable(&answered), answered);
        tracker.committed(&answered);
        assert_eq!(tracker.committable(&answered), offsets([]));
        assert_eq!(tracker.current(Some(&[partition(1)])), offsets([(1, 20)]));
    }

    #[test]
    fn offsets_of_others_and_offsets_not_reached_are_ignored() {
        let tracker = tracker();
        assert_eq!(
            tracker.committable(&offsets([(0, 12), (1, 21), (7, 1)])),
            offsets([(0, 12)])
        );
        assert_eq!(tracker.committable(&offsets([])), offsets([]));
    }

    #[test]
    fn a_failed_pre_commit_rewinds_to_what_was_committed() {
        let mut tracker = tracker();
        tracker.committed(&offsets([(0, 12)]));
        assert_eq!(tracker.rewind(), offsets([(0, 12), (1, 20)]));
        assert_eq!(tracker.current(None), offsets([(0, 12), (1, 20)]));
    }

    #[test]
    fn a_task_goes_on_where_it_asks_to_if_the_partition_is_its_own() {
        let mut tracker = tracker();
        assert!(tracker.rewound(&partition(0), 3));
        assert!(!tracker.rewound(&partition(9), 3));
        assert_eq!(tracker.current(None), offsets([(0, 3), (1, 20)]));
        tracker.closed(&partition(0));
        assert_eq!(tracker.current(None), offsets([(1, 20)]));
    }

    #[test]
    fn the_answer_to_an_older_commit_changes_nothing() {
        let mut tracker = tracker();
        let now = Instant::now();
        let first = tracker.commit_sent(now, offsets([(0, 11)]));
        assert!(tracker.is_committing());
        assert!(!tracker.check_timeout(now + Duration::from_secs(4)));
        assert!(tracker.check_timeout(now + Duration::from_secs(5)));
        assert!(!tracker.is_committing());
        let second = tracker.commit_sent(now, offsets([(0, 15)]));
        tracker.commit_answered(first, true);
        assert!(tracker.is_committing());
        tracker.commit_answered(second, true);
        assert_eq!(tracker.rewind(), offsets([(0, 15), (1, 20)]));
    }

    #[test]
    fn a_commit_that_failed_is_tried_again() {
        let mut tracker = tracker();
        let answered = tracker.current(None);
        let id = tracker.commit_sent(Instant::now(), answered.clone());
        tracker.commit_answered(id, false);
        assert_eq!(tracker.committable(&answered), answered);
    }
}
