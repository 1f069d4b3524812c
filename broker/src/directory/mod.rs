//! Keeping a broker in a directory.
//!
//! ```text
//! DIR/kconnect-broker                     says whose directory it is; locked while a broker runs
//! DIR/journal                             topics, configurations, committed offsets, producer ids
//! DIR/topics/orders.<id>/0/00000000000000000000.log    batches as they came, one file a segment
//! ```
//!
//! As in Kafka a batch is in the system's page cache when it is acknowledged, so it outlives the
//! process, but perhaps not the machine. The journal is put in place of the old one atomically.

mod journal;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use uuid::Uuid;

use self::journal::JournalFile;
use crate::core::journal::Entry;
use crate::core::log::recover::Unrecoverable;
use crate::core::storage::{PartitionId, SegmentId, Storage};
use crate::error::Error;

/// Segment files that are kept open.
const OPEN_MAX: usize = 256;
/// Bytes of a topic's name that are part of its directory's name; the id makes it unique.
const NAME_MAX: usize = 200;
const MARKER: &str = "kconnect-broker";
const MARKER_TEXT: &[u8] = b"format 1\n";
const TOPICS: &str = "topics";

/// A broker's directory.
#[derive(Debug)]
pub(crate) struct Directory {
    root: PathBuf,
    journal: JournalFile,
    /// Names of the topics' directories.
    topics: BTreeMap<Uuid, String>,
    /// Directories of topics that are deleted, as the journal knows when it is read.
    deleted: BTreeSet<String>,
    open: BTreeMap<SegmentId, OpenSegment>,
    /// Locked as long as this lives.
    _marker: File,
}

#[derive(Debug)]
struct OpenSegment {
    file: File,
    length: u64,
}

impl Directory {
    /// Opens a directory, which is made if it does not exist, and reads its journal.
    pub(crate) fn open(root: &Path) -> Result<(Self, Vec<Entry>), Error> {
        fs::create_dir_all(root).map_err(|e| failed("create", root, e))?;
        let marker = lock(root)?;
        let (journal, entries) = JournalFile::open(&root.join("journal"))?;
        let mut directory = Self {
            root: root.to_owned(),
            journal,
            topics: BTreeMap::new(),
            deleted: BTreeSet::new(),
            open: BTreeMap::new(),
            _marker: marker,
        };
        for entry in &entries {
            directory.learn(entry);
        }
        directory.remove_strays()?;
        Ok((directory, entries))
    }

    fn learn(&mut self, entry: &Entry) {
        match entry {
            Entry::Topic { name, id, .. } => {
                let name: String = name.chars().take(NAME_MAX).collect();
                self.topics.insert(*id, format!("{name}.{}", id.simple()));
            }
            Entry::TopicDeleted { topic } => {
                self.deleted.extend(self.topics.remove(topic));
            }
            _ => {}
        }
    }

    /// Removes what is left of topics that were deleted just before the last stop. What the journal
    /// does not know at all stays: perhaps the journal is what was lost.
    fn remove_strays(&mut self) -> Result<(), Error> {
        let topics = self.root.join(TOPICS);
        let entries = match fs::read_dir(&topics) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed("read", &topics, error)),
        };
        for entry in entries {
            let entry = entry.map_err(|e| failed("read", &topics, e))?;
            let (path, name) = (entry.path(), entry.file_name());
            if self.deleted.iter().any(|deleted| name == **deleted) {
                tracing::info!(path = %path.display(), "removing a deleted topic");
                fs::remove_dir_all(&path).map_err(|e| failed("remove", &path, e))?;
            } else if !self.topics.values().any(|known| name == **known) {
                tracing::warn!(path = %path.display(), "a topic that the journal does not know is left alone");
            }
        }
        self.deleted.clear();
        Ok(())
    }

    fn topic_path(&self, topic: Uuid) -> io::Result<PathBuf> {
        let name = self.topics.get(&topic).ok_or(io::ErrorKind::NotFound)?;
        Ok(self.root.join(TOPICS).join(name))
    }

    fn partition_path(&self, partition: PartitionId) -> io::Result<PathBuf> {
        let topic = self.topic_path(partition.topic)?;
        Ok(topic.join(partition.partition.to_string()))
    }

    fn segment_path(&self, segment: SegmentId) -> io::Result<PathBuf> {
        let partition = self.partition_path(segment.partition)?;
        Ok(partition.join(format!("{:020}.log", segment.base_offset)))
    }

    fn opened(&mut self, segment: SegmentId) -> io::Result<&mut OpenSegment> {
        if !self.open.contains_key(&segment) {
            if self.open.len() >= OPEN_MAX {
                self.open.clear();
            }
            let path = self.segment_path(segment)?;
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            let file = OpenOptions::new().append(true).create(true).open(path)?;
            let length = file.metadata()?.len();
            self.open.insert(segment, OpenSegment { file, length });
        }
        self.open
            .get_mut(&segment)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Storage for Directory {
    fn keeps_batches(&self) -> bool {
        true
    }

    fn create_segment(&mut self, segment: SegmentId) -> io::Result<()> {
        self.opened(segment).map(drop)
    }

    fn append(&mut self, segment: SegmentId, batch: &[u8]) -> io::Result<()> {
        let open = self.opened(segment)?;
        if let Err(error) = open.file.write_all(batch) {
            // Half a batch must not stay: what comes next would follow it.
            if let Err(error) = open.file.set_len(open.length) {
                tracing::error!(%error, "half a batch could not be cut off");
            }
            return Err(error);
        }
        open.length += batch.len() as u64;
        Ok(())
    }

    fn read(&self, segment: SegmentId, position: u64, length: usize) -> io::Result<Bytes> {
        let mut file = File::open(self.segment_path(segment)?)?;
        file.seek(SeekFrom::Start(position))?;
        let mut bytes = vec![0; length];
        file.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }

    fn segments(&self, partition: PartitionId) -> io::Result<Vec<SegmentId>> {
        let entries = match fs::read_dir(self.partition_path(partition)?) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut segments = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let base_offset = name.to_str().and_then(|name| name.strip_suffix(".log"));
            if let Some(base_offset) = base_offset.and_then(|digits| digits.parse().ok()) {
                segments.push(SegmentId {
                    partition,
                    base_offset,
                });
            }
        }
        segments.sort();
        Ok(segments)
    }

    fn load(&self, segment: SegmentId) -> io::Result<Bytes> {
        fs::read(self.segment_path(segment)?).map(Bytes::from)
    }

    fn truncate(&mut self, segment: SegmentId, length: u64) -> io::Result<()> {
        let open = self.opened(segment)?;
        open.file.set_len(length)?;
        open.length = length;
        Ok(())
    }

    fn remove_segment(&mut self, segment: SegmentId) -> io::Result<()> {
        self.open.remove(&segment);
        match fs::remove_file(self.segment_path(segment)?) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn remove_topic(&mut self, topic: Uuid) -> io::Result<()> {
        self.open
            .retain(|segment, _| segment.partition.topic != topic);
        let Some(name) = self.topics.remove(&topic) else {
            return Ok(());
        };
        match fs::remove_dir_all(self.root.join(TOPICS).join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn note(&mut self, entry: &Entry) -> io::Result<()> {
        self.journal.append(entry)?;
        // A topic's directory is removed after its entry, and its name is needed for that.
        if !matches!(entry, Entry::TopicDeleted { .. }) {
            self.learn(entry);
        }
        Ok(())
    }

    fn wants_snapshot(&self) -> bool {
        self.journal.is_mostly_history()
    }

    fn snapshot(&mut self, entries: &mut dyn Iterator<Item = Entry>) -> io::Result<()> {
        self.journal.replace(entries)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.journal.sync()?;
        for open in self.open.values() {
            open.file.sync_data()?;
        }
        Ok(())
    }

    fn place(&self, segment: SegmentId) -> PathBuf {
        let path = self.segment_path(segment);
        path.unwrap_or_else(|_| self.root.join(TOPICS))
    }
}

/// Makes sure that the directory is a broker's, and nobody else's as long as the file is open.
fn lock(root: &Path) -> Result<File, Error> {
    let path = root.join(MARKER);
    if !path.exists() {
        let mut entries = fs::read_dir(root).map_err(|e| failed("read", root, e))?;
        let foreign = |entry: &io::Result<fs::DirEntry>| {
            entry.as_ref().is_ok_and(|e| e.file_name() != "lost+found")
        };
        if entries.any(|entry| foreign(&entry)) {
            return Err(Error::Foreign {
                path: root.to_owned(),
            });
        }
        fs::write(&path, MARKER_TEXT).map_err(|e| failed("write", &path, e))?;
    }
    let mut options = OpenOptions::new();
    let mut file = options
        .read(true)
        .write(true)
        .open(&path)
        .map_err(|e| failed("open", &path, e))?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)
        .map_err(|e| failed("read", &path, e))?;
    if text != MARKER_TEXT {
        return Err(Error::Damaged {
            path,
            position: 0,
            what: "it does not name the format that this broker writes".to_owned(),
        });
    }
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked {
            path: root.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(failed("lock", &path, error)),
    }
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Directory {
        action,
        path: path.to_owned(),
        source,
    }
}

/// What to say when the logs in a directory cannot be read back.
pub(crate) fn unusable(root: &Path, error: Unrecoverable) -> Error {
    match error {
        Unrecoverable::Io(error) => failed("use", root, error),
        Unrecoverable::Damaged {
            path,
            position,
            what,
        } => Error::Damaged {
            path,
            position: position as u64,
            what,
        },
    }
}

#[cfg(test)]
mod tests;
