//! The journal's file: entries one after the other, each with its length and two checksums.
//!
//! The checksum of the length tells an entry that was not written to its end, which is dropped, from
//! a file that somebody has damaged, which is an error.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};

use super::failed;
use crate::core::journal::Entry;
use crate::error::Error;

const MAGIC: &[u8] = b"kconnect-broker journal 1\n";
/// Length, its checksum, and that of the entry.
const HEAD: usize = 12;
/// A journal below this size is not worth shortening, in bytes.
const SHORT: u64 = 1 << 20;

/// An open journal.
#[derive(Debug)]
pub(super) struct JournalFile {
    path: PathBuf,
    file: File,
    length: u64,
    /// Its length when it was written anew.
    snapshot: u64,
}

impl JournalFile {
    /// Opens a journal, which is made if it does not exist, and reads it.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<Entry>), Error> {
        let bytes = match fs::read(path) {
            Ok(bytes) => Bytes::from(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Bytes::new(),
            Err(error) => return Err(failed("read", path, error)),
        };
        let (entries, length) = read(&bytes).map_err(|(position, what)| Error::Damaged {
            path: path.to_owned(),
            position: position as u64,
            what,
        })?;
        let write = || -> io::Result<File> {
            let mut file = OpenOptions::new().append(true).create(true).open(path)?;
            file.set_len(length as u64)?;
            if length == 0 {
                file.write_all(MAGIC)?;
            }
            Ok(file)
        };
        let file = write().map_err(|error| failed("write", path, error))?;
        if length < bytes.len() {
            let lost = bytes.len() - length;
            tracing::warn!(path = %path.display(), lost, "the journal's end was not written whole");
        }
        let length = length.max(MAGIC.len()) as u64;
        let journal = Self {
            path: path.to_owned(),
            file,
            length,
            snapshot: length,
        };
        Ok((journal, entries))
    }

    pub(super) fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let frame = frame(entry)?;
        if let Err(error) = self.file.write_all(&frame) {
            if let Err(error) = self.file.set_len(self.length) {
                tracing::error!(%error, "half an entry of the journal could not be cut off");
            }
            return Err(error);
        }
        self.length += frame.len() as u64;
        Ok(())
    }

    /// Whether it would become much shorter if it were written anew.
    pub(super) fn is_mostly_history(&self) -> bool {
        self.length > SHORT && self.length > 4 * self.snapshot
    }

    /// Puts a journal of these entries in the place of this one. After a failure the old one is
    /// still there.
    pub(super) fn replace(&mut self, entries: &mut dyn Iterator<Item = Entry>) -> io::Result<()> {
        let path = self.path.with_extension("new");
        let mut bytes = BytesMut::from(MAGIC);
        for entry in entries {
            bytes.extend_from_slice(&frame(&entry)?);
        }
        let mut file = File::create(&path)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&path, &self.path)?;
        if let Some(parent) = self.path.parent() {
            File::open(parent)?.sync_all()?;
        }
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        self.length = bytes.len() as u64;
        self.snapshot = self.length;
        Ok(())
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

fn frame(entry: &Entry) -> io::Result<BytesMut> {
    let mut frame = BytesMut::zeroed(HEAD);
    entry.encode(&mut frame).map_err(io::Error::other)?;
    let length = u32::try_from(frame.len() - HEAD).map_err(io::Error::other)?;
    let checksum = crc32c::crc32c(&frame[HEAD..]);
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame[4..8].copy_from_slice(&crc32c::crc32c(&length.to_be_bytes()).to_be_bytes());
    frame[8..12].copy_from_slice(&checksum.to_be_bytes());
    Ok(frame)
}

/// Reads all entries, and says how many bytes of the file are good.
fn read(bytes: &Bytes) -> Result<(Vec<Entry>, usize), (usize, String)> {
    if MAGIC.starts_with(bytes) {
        // Not even the beginning was written whole, or there is nothing yet.
        let length = if bytes.len() == MAGIC.len() {
            bytes.len()
        } else {
            0
        };
        return Ok((Vec::new(), length));
    }
    if !bytes.starts_with(MAGIC) {
        return Err((0, "it is no journal of a broker".to_owned()));
    }
    let mut entries = Vec::new();
    let mut at = MAGIC.len();
    while at < bytes.len() {
        match next(&bytes.slice(at..)) {
            Ok(Next::Entry(entry, size)) => {
                entries.extend(entry);
                at += size;
            }
            Ok(Next::Torn) => break,
            Err(what) => return Err((at, what)),
        }
    }
    Ok((entries, at))
}

enum Next {
    Entry(Option<Entry>, usize),
    /// The last entry was not written to its end.
    Torn,
}

fn next(rest: &Bytes) -> Result<Next, String> {
    // A file that was extended before the crash, but not written, ends in zeros.
    if rest.len() < HEAD || rest.iter().all(|byte| *byte == 0) {
        return Ok(Next::Torn);
    }
    let number = |at: usize| {
        let mut raw = [0; 4];
        raw.copy_from_slice(&rest[at..at + 4]);
        u32::from_be_bytes(raw)
    };
    if crc32c::crc32c(&rest[..4]) != number(4) {
        return Err("the length of an entry has the wrong checksum".to_owned());
    }
    let length = usize::try_from(number(0)).map_err(|error| error.to_string())?;
    if rest.len() - HEAD < length {
        return Ok(Next::Torn);
    }
    let entry = rest.slice(HEAD..HEAD + length);
    if crc32c::crc32c(&entry) != number(8) {
        return match rest.len() == HEAD + length {
            true => Ok(Next::Torn),
            false => Err("an entry has the wrong checksum".to_owned()),
        };
    }
    let entry = Entry::decode(&entry).map_err(|error| error.to_string())?;
    Ok(Next::Entry(entry, HEAD + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        (1..=3).map(|next| Entry::ProducerIds { next }).collect()
    }

    fn written() -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for entry in entries() {
            bytes.extend_from_slice(&frame(&entry).unwrap());
        }
        bytes
    }

    #[test]
    fn a_journal_cut_off_anywhere_keeps_the_entries_before_the_cut() {
        let bytes = written();
        let size = (bytes.len() - MAGIC.len()) / 3;
        for end in 0..=bytes.len() {
            let (read, good) = read(&Bytes::copy_from_slice(&bytes[..end])).unwrap();
            let whole = end.saturating_sub(MAGIC.len()) / size;
            assert_eq!(read, entries()[..whole], "cut at {end}");
            assert!(good <= end);
        }
    }

    #[test]
    fn a_changed_byte_is_an_error_except_in_the_last_entry() {
        let bytes = written();
        let size = (bytes.len() - MAGIC.len()) / 3;
        for at in 0..bytes.len() - size {
            let mut changed = bytes.clone();
            changed[at] ^= 0x40;
            assert!(read(&changed.into()).is_err(), "changed at {at}");
        }
        let mut changed = bytes.clone();
        changed[bytes.len() - 1] ^= 0x40;
        assert_eq!(read(&changed.into()).unwrap().0, entries()[..2]);
    }

    #[test]
    fn zeros_at_the_end_are_not_damage() {
        let mut bytes = written();
        bytes.extend_from_slice(&[0; 4_096]);
        assert_eq!(read(&bytes.into()).unwrap().0, entries());
    }

    #[test]
    fn a_journal_is_replaced_as_a_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let (mut journal, none) = JournalFile::open(&path).unwrap();
        assert!(none.is_empty());
        for entry in entries() {
            journal.append(&entry).unwrap();
        }
        let last = Entry::ProducerIds { next: 9 };
        journal.replace(&mut [last.clone()].into_iter()).unwrap();
        journal.append(&last).unwrap();
        drop(journal);
        assert_eq!(JournalFile::open(&path).unwrap().1, [last.clone(), last]);
    }
}
