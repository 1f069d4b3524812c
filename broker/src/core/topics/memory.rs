//! How much memory batches take, and which segment has to go when it is too much.

use std::collections::VecDeque;

use crate::core::storage::SegmentId;

/// Accounts for the batches that are in memory.
#[derive(Debug)]
pub(crate) struct Memory {
    limit: usize,
    used: usize,
    /// Segments in the order in which they were begun. Some may be gone by now.
    order: VecDeque<SegmentId>,
}

impl Memory {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            used: 0,
            order: VecDeque::new(),
        }
    }

    /// A batch of `bytes` was appended; `began` is the segment that it is the first of.
    pub(crate) fn took(&mut self, bytes: usize, began: Option<SegmentId>) {
        self.used += bytes;
        self.order.extend(began);
    }

    pub(crate) fn freed(&mut self, bytes: usize) {
        self.used = self.used.saturating_sub(bytes);
    }

    /// The oldest segment while there is too much. The newest one always stays: it holds what was
    /// appended just now.
    pub(crate) fn next_to_go(&mut self) -> Option<SegmentId> {
        if self.used <= self.limit || self.order.len() < 2 {
            return None;
        }
        self.order.pop_front()
    }

    /// Takes back segments that were to go and may stay for now; they are the oldest again.
    pub(crate) fn put_back(&mut self, segments: Vec<SegmentId>) {
        for segment in segments.into_iter().rev() {
            self.order.push_front(segment);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::core::storage::PartitionId;

    fn segment(base_offset: i64) -> SegmentId {
        SegmentId {
            partition: PartitionId {
                topic: Uuid::nil(),
                partition: 0,
            },
            base_offset,
        }
    }

    #[test]
    fn the_segment_begun_first_goes_first_and_the_newest_stays() {
        let mut memory = Memory::new(100);
        memory.took(60, Some(segment(0)));
        memory.took(30, Some(segment(7)));
        assert_eq!(memory.next_to_go(), None);
        memory.took(30, None);
        assert_eq!(memory.next_to_go(), Some(segment(0)));
        assert_eq!(memory.next_to_go(), None);
    }
}
