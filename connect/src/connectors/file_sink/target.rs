//! A file that whole lines are appended to, also when its disk is full in between. Every call here blocks.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::sync::Arc;

use memchr::memrchr;
use tracing::warn;

/// Where lines go.
#[derive(Debug)]
pub(super) enum Target {
    File(Appended),
    Stdout,
}

/// A file that is open for appending.
#[derive(Debug)]
pub(super) struct Appended {
    path: Arc<str>,
    file: File,
}

impl Target {
    /// Opens a file, and creates it if it is not there.
    pub(super) fn file(path: Arc<str>) -> io::Result<Self> {
        let file = open(&path)?;
        Ok(Self::File(Appended { path, file }))
    }

    /// Writes `lines` and removes from it what was written: all of it, or whole lines when an error is returned.
    pub(super) fn write(&mut self, lines: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::File(file) => file.write(lines),
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                write(&mut stdout, lines).map_err(|(_, error)| error)?;
                stdout.flush()
            }
        }
    }

    /// Whether what was written is lost, because the file was deleted.
    pub(super) fn is_deleted(&self) -> bool {
        match self {
            Self::File(file) => file.is_deleted(),
            Self::Stdout => false,
        }
    }
}

fn open(path: &str) -> io::Result<File> {
    File::options().create(true).append(true).open(path)
}

impl Appended {
    fn write(&mut self, lines: &mut Vec<u8>) -> io::Result<()> {
        if self.is_deleted() {
            warn!(
                file = &*self.path,
                "the file was deleted; creating it again"
            );
            self.file = open(&self.path)?;
        }
        write(&mut &self.file, lines).map_err(|(torn, error)| {
            self.untear(torn, lines);
            error
        })
    }

    /// A line of which only `torn` bytes were written is taken back, so that it can be written whole later; if that
    /// cannot be, it will be completed.
    fn untear(&mut self, torn: usize, lines: &mut Vec<u8>) {
        if torn == 0 {
            return;
        }
        let taken_back = self.take_back(torn as u64);
        if !matches!(taken_back, Ok(true)) {
            lines.drain(..torn);
        }
    }

    /// Shortens the file, unless somebody else has appended to it.
    fn take_back(&mut self, torn: u64) -> io::Result<bool> {
        use std::io::Seek;
        let metadata = self.file.metadata()?;
        let end = self.file.stream_position()?;
        if !metadata.is_file() || metadata.len() != end || end < torn {
            return Ok(false);
        }
        self.file.set_len(end - torn)?;
        Ok(true)
    }

    #[cfg(unix)]
    fn is_deleted(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        self.file
            .metadata()
            .is_ok_and(|metadata| metadata.is_file() && metadata.nlink() == 0)
    }

    #[cfg(not(unix))]
    fn is_deleted(&self) -> bool {
        false
    }
}

/// Writes `lines` and removes whole lines that were written; an error comes with the bytes of the next line that were.
fn write(output: &mut impl Write, lines: &mut Vec<u8>) -> Result<(), (usize, io::Error)> {
    let mut written = 0;
    while written < lines.len() {
        let error = match output.write(&lines[written..]) {
            Ok(0) => ErrorKind::WriteZero.into(),
            Ok(count) => {
                written += count;
                continue;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => error,
        };
        let whole = memrchr(b'\n', &lines[..written]).map_or(0, |at| at + 1);
        lines.drain(..whole);
        return Err((written - whole, error));
    }
    lines.clear();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes, a few at a time, and no more.
    struct Full {
        taken: Vec<u8>,
        room: usize,
    }

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.room).min(3);
            if count == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            self.room -= count;
            self.taken.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[track_caller]
    fn check(room: usize, left: &str, torn: usize) {
        let mut full = Full {
            taken: Vec::new(),
            room,
        };
        let mut lines = b"one\ntwo\nthree\n".to_vec();
        let (at, error) = write(&mut full, &mut lines).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert_eq!(
            (String::from_utf8(lines).unwrap().as_str(), at),
            (left, torn)
        );
    }

    #[test]
    fn what_does_not_fit_is_kept_from_the_first_unwritten_line_on() {
        check(0, "one\ntwo\nthree\n", 0);
        check(2, "one\ntwo\nthree\n", 2);
        check(4, "two\nthree\n", 0);
        check(13, "three\n", 5);
        let mut full = Full {
            taken: Vec::new(),
            room: 14,
        };
        let mut lines = b"one\ntwo\nthree\n".to_vec();
        write(&mut full, &mut lines).unwrap();
        assert_eq!((lines.len(), full.taken.len()), (0, 14));
    }

    fn appended(directory: &tempfile::TempDir) -> Appended {
        let path: Arc<str> = directory.path().join("f").to_str().unwrap().into();
        let file = open(&path).unwrap();
        Appended { path, file }
    }

    #[test]
    fn a_torn_line_is_taken_back() {
        let directory = tempfile::tempdir().unwrap();
        let mut appended = appended(&directory);
        let mut lines = b"one\ntw".to_vec();
        appended.write(&mut lines).unwrap();
        let mut left = b"two\n".to_vec();
        appended.untear(2, &mut left);
        appended.write(&mut left).unwrap();
        assert_eq!(
            std::fs::read_to_string(&*appended.path).unwrap(),
            "one\ntwo\n"
        );
    }

    #[test]
    fn a_torn_line_is_completed_when_somebody_has_written_behind_it() {
        let directory = tempfile::tempdir().unwrap();
        let mut appended = appended(&directory);
        appended.write(&mut b"tw".to_vec()).unwrap();
        open(&appended.path).unwrap().write_all(b"|").unwrap();
        let mut left = b"two\n".to_vec();
        appended.untear(2, &mut left);
        assert_eq!(left, b"o\n");
    }

    #[test]
    fn a_deleted_file_is_created_again() {
        let directory = tempfile::tempdir().unwrap();
        let mut appended = appended(&directory);
        appended.write(&mut b"one\n".to_vec()).unwrap();
        std::fs::remove_file(&*appended.path).unwrap();
        assert!(appended.is_deleted());
        appended.write(&mut b"two\n".to_vec()).unwrap();
        assert!(!appended.is_deleted());
        assert_eq!(std::fs::read_to_string(&*appended.path).unwrap(), "two\n");
    }
}
