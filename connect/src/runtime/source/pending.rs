//! Source offsets between acknowledgement and storage: the latest of each source partition, and those being stored right now.

use std::collections::HashMap;

use crate::api::{SourceOffset, SourcePartition};

/// Offsets by source partition; none is a tombstone, which forgets the stored one.
pub(crate) type Offsets = HashMap<SourcePartition, Option<SourceOffset>>;

/// Offsets that have to be stored, and those for which that is under way.
#[derive(Debug, Default)]
pub(crate) struct PendingOffsets {
    next: Offsets,
    flushing: Offsets,
}

impl PendingOffsets {
    /// The offset to store next for `partition`.
    pub(crate) fn set(&mut self, partition: &SourcePartition, offset: Option<SourceOffset>) {
        match self.next.get_mut(partition) {
            Some(known) => *known = offset,
            None => {
                self.next.insert(partition.clone(), offset);
            }
        }
    }

    /// What to store now; nothing if there is nothing, or if a flush is under way.
    pub(crate) fn begin_flush(&mut self) -> Option<&Offsets> {
        if self.next.is_empty() || !self.flushing.is_empty() {
            return None;
        }
        std::mem::swap(&mut self.next, &mut self.flushing);
        Some(&self.flushing)
    }

    /// What is being stored has been stored.
    pub(crate) fn flushed(&mut self) {
        self.flushing.clear();
    }

    /// What is being stored has not been stored: it is again, unless something newer has come.
    pub(crate) fn flush_failed(&mut self) {
        for (partition, offset) in self.flushing.drain() {
            self.next.entry(partition).or_insert(offset);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Text;

    fn partition(name: &str) -> SourcePartition {
        SourcePartition::new([("file", name)])
    }

    fn offset(position: i64) -> Option<SourceOffset> {
        Some(SourceOffset::one(Text::from_static("position"), position))
    }

    #[test]
    fn the_latest_offset_of_each_partition_is_stored() {
        let mut pending = PendingOffsets::default();
        assert_eq!(pending.begin_flush(), None);
        pending.set(&partition("f"), offset(1));
        pending.set(&partition("g"), None);
        pending.set(&partition("f"), offset(2));
        let stored = Offsets::from([(partition("f"), offset(2)), (partition("g"), None)]);
        assert_eq!(pending.begin_flush(), Some(&stored));
        pending.set(&partition("f"), offset(3));
        assert_eq!(pending.begin_flush(), None, "one flush at a time");
        pending.flushed();
        assert_eq!(
            pending.begin_flush(),
            Some(&Offsets::from([(partition("f"), offset(3))]))
        );
    }

    #[test]
    fn a_failed_flush_is_made_up_for_by_the_next_but_never_goes_back() {
        let mut pending = PendingOffsets::default();
        pending.set(&partition("f"), offset(1));
        pending.set(&partition("g"), offset(1));
        pending.begin_flush();
        pending.set(&partition("f"), offset(2));
        pending.flush_failed();
        let again = Offsets::from([(partition("f"), offset(2)), (partition("g"), offset(1))]);
        assert_eq!(pending.begin_flush(), Some(&again));
    }
}
