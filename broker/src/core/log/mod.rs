//! The log of one partition: batches in the order in which they came, in segments.
//!
//! ```text
//! log start offset                high watermark = last stable offset = log end offset
//!   |                                                   |
//!   v                                                   v
//! [ segment 0 ][ segment 4711 ][ segment 9000: the active one ]
//! ```
//!
//! One node has no followers to wait for: what is appended is committed.

pub(crate) mod epochs;
pub(crate) mod producers;
pub(crate) mod recover;
pub(crate) mod runs;
pub(crate) mod segment;
pub(crate) mod validate;

use std::collections::VecDeque;
use std::io;

use bytes::Bytes;
use kconnect_protocol::records::{self, Batch, BatchError, BatchHeader};

use self::epochs::Epochs;
use self::producers::Producers;
use self::segment::{IndexEntry, Segment};
use super::storage::{PartitionId, SegmentId, Storage};

/// Segments are small, so that retention and the memory limit work in small steps;
/// `segment.bytes` makes them smaller still.
pub(crate) const SEGMENT_BYTES_MAX: usize = 16 << 20;

/// The log of one partition.
#[derive(Debug)]
pub(crate) struct Log {
    id: PartitionId,
    /// Never empty; the last is the active one.
    segments: VecDeque<Segment>,
    log_start_offset: i64,
    log_end_offset: i64,
    size: u64,
    pub epochs: Epochs,
    pub producers: Producers,
}

/// What an append did to the memory of the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Appended {
    pub base_offset: i64,
    pub bytes: usize,
    /// The segment that the append began, if it began one.
    pub began: Option<SegmentId>,
}

impl Log {
    /// An empty log that begins at offset 0.
    pub(crate) fn new(id: PartitionId) -> Self {
        Self::at(id, 0)
    }

    /// An empty log that begins at `offset`.
    pub(crate) fn at(id: PartitionId, offset: i64) -> Self {
        let segment = SegmentId {
            partition: id,
            base_offset: offset,
        };
        Self {
            id,
            segments: VecDeque::from([Segment::new(segment)]),
            log_start_offset: offset,
            log_end_offset: offset,
            size: 0,
            epochs: Epochs::default(),
            producers: Producers::default(),
        }
    }

    pub(crate) fn log_start_offset(&self) -> i64 {
        self.log_start_offset
    }

    pub(crate) fn log_end_offset(&self) -> i64 {
        self.log_end_offset
    }

    /// The log start that the journal knows, before the log itself is read back.
    pub(crate) fn starts_at(&mut self, offset: i64) {
        *self = Self::at(self.id, offset);
    }

    pub(crate) fn high_watermark(&self) -> i64 {
        self.log_end_offset
    }

    /// No transaction is ever open here.
    pub(crate) fn last_stable_offset(&self) -> i64 {
        self.log_end_offset
    }

    /// Bytes of batches that are in memory.
    pub(crate) fn resident(&self) -> usize {
        self.segments.iter().map(Segment::resident).sum()
    }

    /// Appends a batch that was found good. With `append_time` the broker sets the timestamp.
    pub(crate) fn append(
        &mut self,
        batch: &Batch,
        leader_epoch: i32,
        append_time: Option<i64>,
        segment_bytes: usize,
        storage: &mut dyn Storage,
    ) -> io::Result<Appended> {
        let began = self.make_room(batch.bytes().len(), segment_bytes);
        let base_offset = self.log_end_offset;
        let stamp = |copy: &mut [u8]| {
            stamp(copy, base_offset, leader_epoch, append_time).map_err(io::Error::other)
        };
        let header = self.active().append(batch.bytes(), stamp, storage)?;
        self.log_end_offset = header.next_offset();
        self.size += batch.bytes().len() as u64;
        self.epochs.assign(leader_epoch, base_offset);
        self.producers.appended(&header);
        Ok(Appended {
            base_offset,
            bytes: batch.bytes().len(),
            began,
        })
    }

    /// Batches from the one that has `offset` on, perhaps fewer than fit into `room` bytes; the first
    /// even if it does not fit, when `at_least_one`. The offset must not lie before the log start.
    pub(crate) fn read(
        &mut self,
        offset: i64,
        room: usize,
        at_least_one: bool,
        storage: &dyn Storage,
    ) -> io::Result<Bytes> {
        if offset >= self.log_end_offset {
            return Ok(Bytes::new());
        }
        let at = self.segment_of(offset);
        let segment = &mut self.segments[at];
        let first = segment.batch_at(offset);
        segment.read(first, room, at_least_one, storage)
    }

    /// The first batch, with its index entry, whose largest timestamp is at least `timestamp`.
    pub(crate) fn batch_since(
        &mut self,
        timestamp: i64,
        storage: &dyn Storage,
    ) -> io::Result<Option<(IndexEntry, Bytes)>> {
        let log_start_offset = self.log_start_offset;
        let newer =
            |e: &IndexEntry| e.max_timestamp >= timestamp && e.last_offset >= log_start_offset;
        for segment in &mut self.segments {
            if segment.max_timestamp() < timestamp {
                continue;
            }
            if let Some(number) = segment.index().iter().position(newer) {
                let batch = segment.batch(number, storage)?;
                return Ok(Some((segment.index()[number], batch)));
            }
        }
        Ok(None)
    }

    /// The first batch that has the largest timestamp of the log.
    pub(crate) fn batch_of_max_timestamp(
        &mut self,
        storage: &dyn Storage,
    ) -> io::Result<Option<(IndexEntry, Bytes)>> {
        let newest = self.segments.iter().map(Segment::max_timestamp).max();
        match newest {
            Some(timestamp) if timestamp >= 0 => self.batch_since(timestamp, storage),
            _ => Ok(None),
        }
    }

    /// Moves the log start to `offset` (DeleteRecords); segments that lie before it are removed.
    pub(crate) fn delete_before(
        &mut self,
        offset: i64,
        storage: &mut dyn Storage,
    ) -> Vec<SegmentId> {
        self.log_start_offset = self.log_start_offset.max(offset.min(self.log_end_offset));
        let mut removed = Vec::new();
        while self
            .segments
            .front()
            .is_some_and(|s| !s.is_empty() && s.next_offset() <= self.log_start_offset)
        {
            removed.extend(self.remove_oldest(storage));
        }
        removed
    }

    /// Removes segments whose newest record is older than `oldest_timestamp`, and the oldest ones
    /// while the rest still has `bytes_max`.
    pub(crate) fn enforce_retention(
        &mut self,
        oldest_timestamp: Option<i64>,
        bytes_max: Option<u64>,
        storage: &mut dyn Storage,
    ) -> Vec<SegmentId> {
        let mut removed = Vec::new();
        while let Some(oldest) = self.segments.front().filter(|s| !s.is_empty()) {
            let expired = oldest_timestamp.is_some_and(|limit| oldest.max_timestamp() < limit);
            let rest = self.size - oldest.size() as u64;
            let too_many = bytes_max.is_some_and(|max| rest >= max);
            if !expired && !too_many {
                break;
            }
            removed.extend(self.remove_oldest(storage));
        }
        removed
    }

    /// Removes the oldest segment, whatever is in it, and begins an empty one if it was the last.
    pub(crate) fn remove_oldest(&mut self, storage: &mut dyn Storage) -> Option<SegmentId> {
        if self.segments.len() == 1 {
            let next = self.segment_at(self.log_end_offset);
            if let Err(error) = storage.create_segment(next) {
                tracing::warn!(%error, "an empty segment could not be made");
                return None;
            }
            self.begin(next);
        }
        let oldest = self.segments.pop_front()?;
        self.size -= oldest.size() as u64;
        if let Err(error) = storage.remove_segment(oldest.id()) {
            tracing::warn!(%error, "a segment could not be removed");
        }
        let first = self.segments.front().map_or(0, Segment::base_offset);
        self.log_start_offset = self.log_start_offset.max(first);
        self.epochs.trim(self.log_start_offset);
        Some(oldest.id())
    }

    /// Gives up the memory of a segment that storage can read back; returns the bytes won.
    pub(crate) fn release(&mut self, segment: SegmentId) -> usize {
        let Some(at) = self.segments.iter().position(|s| s.id() == segment) else {
            return 0;
        };
        if at == self.segments.len() - 1 {
            self.begin(self.segment_at(self.log_end_offset));
        }
        let won = self.segments[at].resident();
        self.segments[at].release();
        won
    }

    /// Whether `segment` is still the oldest one of this log.
    pub(crate) fn is_oldest(&self, segment: SegmentId) -> bool {
        self.segments.front().is_some_and(|s| s.id() == segment)
    }

    fn make_room(&mut self, size: usize, segment_bytes: usize) -> Option<SegmentId> {
        let limit = segment_bytes.min(SEGMENT_BYTES_MAX);
        let active = self.segments.back()?;
        if !active.has_room(size, limit) {
            self.begin(self.segment_at(self.log_end_offset));
            return self.segments.back().map(Segment::id);
        }
        active.is_empty().then(|| active.id())
    }

    fn begin(&mut self, segment: SegmentId) {
        self.segments.push_back(Segment::new(segment));
    }

    fn segment_at(&self, base_offset: i64) -> SegmentId {
        SegmentId {
            partition: self.id,
            base_offset,
        }
    }

    fn active(&mut self) -> &mut Segment {
        if self.segments.is_empty() {
            self.begin(self.segment_at(self.log_end_offset));
        }
        let last = self.segments.len() - 1;
        &mut self.segments[last]
    }

    fn segment_of(&self, offset: i64) -> usize {
        self.segments
            .partition_point(|s| s.base_offset() <= offset)
            .saturating_sub(1)
    }
}

/// Writes into a batch what only the broker knows.
fn stamp(
    batch: &mut [u8],
    base_offset: i64,
    leader_epoch: i32,
    append_time: Option<i64>,
) -> Result<BatchHeader, BatchError> {
    records::set_base_offset(batch, base_offset)?;
    records::set_partition_leader_epoch(batch, leader_epoch)?;
    if let Some(timestamp) = append_time {
        records::set_log_append_time(batch, timestamp)?;
    }
    BatchHeader::parse(batch)
}
