//! Which leader wrote from which offset on (KIP-101, KIP-320): how a reader finds out that a log
//! was cut off behind its back.

/// The leader epochs of one log, ascending.
#[derive(Debug, Default)]
pub(crate) struct Epochs {
    /// Epoch and the first offset that it wrote.
    entries: Vec<(i32, i64)>,
}

impl Epochs {
    /// Takes note that `epoch` wrote at `offset`.
    pub(crate) fn assign(&mut self, epoch: i32, offset: i64) {
        if self.entries.last().is_none_or(|(last, _)| *last < epoch) {
            self.entries.push((epoch, offset));
        }
    }

    /// Forgets what lies before the log's start.
    pub(crate) fn trim(&mut self, log_start_offset: i64) {
        let passed = self
            .entries
            .partition_point(|(_, start)| *start <= log_start_offset);
        if passed > 0 {
            self.entries.drain(..passed - 1);
            self.entries[0].1 = log_start_offset;
        }
    }

    /// The epoch that wrote the record at `offset`.
    pub(crate) fn at(&self, offset: i64) -> Option<i32> {
        let after = self.entries.partition_point(|(_, start)| *start <= offset);
        after.checked_sub(1).map(|at| self.entries[at].0)
    }

    /// The largest epoch that is not above `epoch`, and the offset at which it ends.
    ///
    /// `None` if the log cannot know: the epoch is newer than the `current` one.
    pub(crate) fn end_of(
        &self,
        epoch: i32,
        current: i32,
        log_end_offset: i64,
        log_start_offset: i64,
    ) -> Option<(i32, i64)> {
        if epoch > current || epoch < 0 {
            return None;
        }
        if epoch == current {
            return Some((epoch, log_end_offset));
        }
        let after = self.entries.partition_point(|(e, _)| *e <= epoch);
        let end = self
            .entries
            .get(after)
            .map_or(log_end_offset, |(_, start)| *start);
        match after.checked_sub(1) {
            Some(at) => Some((self.entries[at].0, end)),
            // Older than everything that is left: it ends where the log begins.
            None => Some((
                epoch,
                self.entries.first().map_or(log_start_offset, |e| e.1),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs() -> Epochs {
        let mut epochs = Epochs::default();
        for (epoch, offset) in [(1, 0), (1, 5), (3, 10), (4, 20)] {
            epochs.assign(epoch, offset);
        }
        epochs
    }

    #[track_caller]
    fn check(epoch: i32, expected: Option<(i32, i64)>) {
        assert_eq!(epochs().end_of(epoch, 5, 30, 0), expected);
    }

    #[test]
    fn an_epoch_ends_where_the_next_one_begins() {
        check(1, Some((1, 10)));
        check(2, Some((1, 10)));
        check(3, Some((3, 20)));
        check(4, Some((4, 30)));
    }

    #[test]
    fn the_current_epoch_ends_at_the_log_end_and_a_newer_one_is_unknown() {
        check(5, Some((5, 30)));
        check(6, None);
        check(-1, None);
    }

    #[test]
    fn an_epoch_older_than_the_log_ends_at_its_start() {
        check(0, Some((0, 0)));
        let mut trimmed = epochs();
        trimmed.trim(12);
        assert_eq!(trimmed.end_of(1, 5, 30, 12), Some((1, 12)));
        assert_eq!(trimmed.end_of(3, 5, 30, 12), Some((3, 20)));
    }

    #[test]
    fn each_offset_has_the_epoch_that_wrote_it() {
        assert_eq!(epochs().at(0), Some(1));
        assert_eq!(epochs().at(10), Some(3));
        assert_eq!(epochs().at(25), Some(4));
        assert_eq!(Epochs::default().at(0), None);
    }
}
