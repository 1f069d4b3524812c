//! One stretch of a log: an index of its batches, and the batches themselves in memory or in storage.

use std::io;

use bytes::Bytes;
use kconnect_protocol::records::BatchHeader;

use super::runs::Runs;
use crate::core::storage::{SegmentId, Storage};

/// What is known of a batch without looking at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IndexEntry {
    pub base_offset: i64,
    pub last_offset: i64,
    pub max_timestamp: i64,
    position: u32,
    size: u32,
}

impl IndexEntry {
    fn end(&self) -> usize {
        self.position as usize + self.size as usize
    }
}

/// A stretch of a log.
#[derive(Debug)]
pub(crate) struct Segment {
    id: SegmentId,
    index: Vec<IndexEntry>,
    max_timestamp: i64,
    batches: Batches,
}

#[derive(Debug)]
enum Batches {
    InMemory(Runs),
    InStorage,
}

impl Segment {
    pub(crate) fn new(id: SegmentId) -> Self {
        Self {
            id,
            index: Vec::new(),
            max_timestamp: -1,
            batches: Batches::InMemory(Runs::default()),
        }
    }

    /// A segment that was found in storage.
    pub(crate) fn stored(id: SegmentId) -> Self {
        Self {
            batches: Batches::InStorage,
            ..Self::new(id)
        }
    }

    pub(crate) fn id(&self) -> SegmentId {
        self.id
    }

    pub(crate) fn base_offset(&self) -> i64 {
        self.id.base_offset
    }

    /// Bytes of all its batches.
    pub(crate) fn size(&self) -> usize {
        self.index.last().map_or(0, IndexEntry::end)
    }

    pub(crate) fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    pub(crate) fn index(&self) -> &[IndexEntry] {
        &self.index
    }

    /// The offset after its last record.
    pub(crate) fn next_offset(&self) -> i64 {
        let last = self.index.last();
        last.map_or(self.id.base_offset, |last| last.last_offset + 1)
    }

    /// Bytes of batches that it holds in memory.
    pub(crate) fn resident(&self) -> usize {
        match self.batches {
            Batches::InMemory(_) => self.size(),
            Batches::InStorage => 0,
        }
    }

    /// Whether a batch of `size` bytes can be appended.
    pub(crate) fn has_room(&self, size: usize, limit: usize) -> bool {
        match self.batches {
            Batches::InMemory(_) => self.is_empty() || self.size() + size <= limit,
            Batches::InStorage => false,
        }
    }

    /// Appends a batch: `stamp` writes the last fields into its copy, which then goes to storage.
    pub(crate) fn append(
        &mut self,
        batch: &[u8],
        stamp: impl FnOnce(&mut [u8]) -> io::Result<BatchHeader>,
        storage: &mut dyn Storage,
    ) -> io::Result<BatchHeader> {
        let before = self.size();
        let Batches::InMemory(runs) = &mut self.batches else {
            return Err(io::Error::other("a segment in storage takes no batches"));
        };
        let copy = runs.push(batch);
        let appended = stamp(copy).and_then(|header| {
            storage.append(self.id, copy)?;
            Ok(header)
        });
        match appended {
            Ok(header) => {
                self.note(&header, batch.len())?;
                Ok(header)
            }
            Err(error) => {
                runs.truncate(before);
                Err(error)
            }
        }
    }

    /// Adds a batch to the index; it begins where the last one ends.
    pub(crate) fn note(&mut self, header: &BatchHeader, size: usize) -> io::Result<()> {
        let wide = |_| io::Error::other("a segment has 4 GiB at most");
        self.index.push(IndexEntry {
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
            max_timestamp: header.max_timestamp,
            position: u32::try_from(self.size()).map_err(wide)?,
            size: u32::try_from(size).map_err(wide)?,
        });
        self.max_timestamp = self.max_timestamp.max(header.max_timestamp);
        Ok(())
    }

    /// Gives up the memory of its batches; from now on they are read from storage.
    pub(crate) fn release(&mut self) {
        self.batches = Batches::InStorage;
        self.index.shrink_to_fit();
    }

    /// The number of the first batch that ends at or after `offset`.
    pub(crate) fn batch_at(&self, offset: i64) -> usize {
        self.index.partition_point(|e| e.last_offset < offset)
    }

    /// Batches from number `first` on while they fit into `room` bytes; one that does not fit is
    /// read all the same if it is the first and `at_least_one`.
    pub(crate) fn read(
        &mut self,
        first: usize,
        room: usize,
        at_least_one: bool,
        storage: &dyn Storage,
    ) -> io::Result<Bytes> {
        let Some(from) = self.index.get(first).map(|entry| entry.position as usize) else {
            return Ok(Bytes::new());
        };
        let fitting = self.index[first..].partition_point(|e| e.end() - from <= room);
        let count = fitting.max(usize::from(at_least_one));
        match count.checked_sub(1) {
            None => Ok(Bytes::new()),
            Some(last) => self.bytes(from, self.index[first + last].end(), storage),
        }
    }

    /// One batch by its number.
    pub(crate) fn batch(&mut self, number: usize, storage: &dyn Storage) -> io::Result<Bytes> {
        let entry = self.index[number];
        self.bytes(entry.position as usize, entry.end(), storage)
    }

    fn bytes(&mut self, from: usize, to: usize, storage: &dyn Storage) -> io::Result<Bytes> {
        match &mut self.batches {
            Batches::InMemory(runs) => Ok(runs.read(from, to)),
            Batches::InStorage => storage.read(self.id, from as u64, to - from),
        }
    }
}
