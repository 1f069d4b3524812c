//! The port through which a core keeps what shall survive the process.
//!
//! A core without a directory has [`NoStorage`]: everything is in memory, and gone with it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use uuid::Uuid;

use super::journal::Entry;

/// One partition, under a name that no other partition ever has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PartitionId {
    /// The topic's id.
    pub topic: Uuid,
    /// The partition's number.
    pub partition: i32,
}

/// One segment of a partition's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentId {
    /// Whose log it is.
    pub partition: PartitionId,
    /// The offset that the segment begins at.
    pub base_offset: i64,
}

/// Keeps segments and journal entries. Its calls are short reads and writes of local files; an
/// error makes the request that needed them fail, and nothing else.
pub(crate) trait Storage: Send + fmt::Debug {
    /// Whether what was appended can be read back, so that memory need not hold it.
    fn keeps_batches(&self) -> bool;

    /// Makes an empty segment.
    fn create_segment(&mut self, segment: SegmentId) -> io::Result<()>;

    /// Adds a batch to the end of a segment, all of it or nothing.
    fn append(&mut self, segment: SegmentId, batch: &[u8]) -> io::Result<()>;

    /// Reads a range of a segment.
    fn read(&self, segment: SegmentId, position: u64, length: usize) -> io::Result<Bytes>;

    /// The segments of a partition in ascending order.
    fn segments(&self, partition: PartitionId) -> io::Result<Vec<SegmentId>>;

    /// All bytes of a segment.
    fn load(&self, segment: SegmentId) -> io::Result<Bytes>;

    /// Cuts a segment off after `length` bytes.
    fn truncate(&mut self, segment: SegmentId, length: u64) -> io::Result<()>;

    /// Removes a segment.
    fn remove_segment(&mut self, segment: SegmentId) -> io::Result<()>;

    /// Removes all segments of a topic.
    fn remove_topic(&mut self, topic: Uuid) -> io::Result<()>;

    /// Adds an entry to the journal.
    fn note(&mut self, entry: &Entry) -> io::Result<()>;

    /// Whether the journal has grown enough to be written anew.
    fn wants_snapshot(&self) -> bool;

    /// Puts `entries` in place of the whole journal, atomically.
    fn snapshot(&mut self, entries: &mut dyn Iterator<Item = Entry>) -> io::Result<()>;

    /// Brings everything to the disk.
    fn sync(&mut self) -> io::Result<()>;

    /// Where a segment lies, for people to read.
    fn place(&self, segment: SegmentId) -> PathBuf;
}

/// Keeps nothing.
#[derive(Debug, Default)]
pub(crate) struct NoStorage;

impl Storage for NoStorage {
    fn keeps_batches(&self) -> bool {
        false
    }

    fn create_segment(&mut self, _: SegmentId) -> io::Result<()> {
        Ok(())
    }

    fn append(&mut self, _: SegmentId, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, _: SegmentId, _: u64, _: usize) -> io::Result<Bytes> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn segments(&self, _: PartitionId) -> io::Result<Vec<SegmentId>> {
        Ok(Vec::new())
    }

    fn load(&self, _: SegmentId) -> io::Result<Bytes> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn truncate(&mut self, _: SegmentId, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn remove_segment(&mut self, _: SegmentId) -> io::Result<()> {
        Ok(())
    }

    fn remove_topic(&mut self, _: Uuid) -> io::Result<()> {
        Ok(())
    }

    fn note(&mut self, _: &Entry) -> io::Result<()> {
        Ok(())
    }

    fn wants_snapshot(&self) -> bool {
        false
    }

    fn snapshot(&mut self, _: &mut dyn Iterator<Item = Entry>) -> io::Result<()> {
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn place(&self, _: SegmentId) -> PathBuf {
        PathBuf::new()
    }
}
