//! A file that grows, and may be truncated or replaced, read in large blocks. Every call here blocks.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::sync::Arc;

use tracing::warn;

/// How much is read at a time.
const BLOCK: usize = 256 * 1024;

/// An open file, and how far it has been read.
#[derive(Debug)]
pub(super) struct Followed {
    path: Arc<str>,
    file: File,
    /// A file with a length; neither a pipe nor a device.
    is_regular: bool,
    read_to: u64,
}

/// What a read found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Something more.
    More,
    /// Nothing yet.
    End,
    /// The file was truncated, or another one has its name: reading begins at the front.
    Restarted,
}

impl Followed {
    /// Opens a file and goes to `position`, or to the front if the file is shorter. None if there is no such file.
    pub(super) fn open(path: &Arc<str>, position: u64) -> io::Result<Option<Self>> {
        let mut file = match File::open(&**path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        let mut read_to = position;
        if metadata.is_file() {
            if metadata.len() < position {
                warn!(
                    file = &**path,
                    position,
                    length = metadata.len(),
                    "the file is shorter than what was read of it before; reading it from its beginning"
                );
                read_to = 0;
            }
            file.seek(SeekFrom::Start(read_to))?;
        }
        Ok(Some(Self {
            path: Arc::clone(path),
            file,
            is_regular: metadata.is_file(),
            read_to,
        }))
    }

    /// Where the next read begins.
    pub(super) fn read_to(&self) -> u64 {
        self.read_to
    }

    /// Appends what comes next, a block at most. After `Restarted` nothing has been read yet.
    pub(super) fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<Progress> {
        if self.append(buffer)? > 0 {
            return Ok(Progress::More);
        }
        if !self.is_regular {
            return Ok(Progress::End);
        }
        if self.file.metadata()?.len() < self.read_to {
            warn!(
                file = &*self.path,
                "the file was truncated; reading it from its beginning"
            );
            self.file.seek(SeekFrom::Start(0))?;
            self.read_to = 0;
            return Ok(Progress::Restarted);
        }
        let Some(successor) = self.successor() else {
            return Ok(Progress::End);
        };
        // It may have been written to until it lost its name.
        if self.append(buffer)? > 0 {
            return Ok(Progress::More);
        }
        warn!(
            file = &*self.path,
            "the file was replaced by another one; reading that from its beginning"
        );
        self.file = successor;
        self.read_to = 0;
        Ok(Progress::Restarted)
    }

    fn append(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        buffer.reserve(BLOCK);
        let read = if self.is_regular {
            (&self.file).take(BLOCK as u64).read_to_end(buffer)?
        } else {
            // One read: waiting until a block is full could take for ever.
            let length = buffer.len();
            buffer.resize(length + BLOCK, 0);
            let read = self.file.read(&mut buffer[length..]);
            buffer.truncate(length + *read.as_ref().unwrap_or(&0));
            read?
        };
        self.read_to += read as u64;
        Ok(read)
    }

    /// Another file under the same name, once something has been written to it: until then its writer may still hold
    /// this one.
    fn successor(&self) -> Option<File> {
        let named = fs::metadata(&*self.path).ok()?;
        let own = self.file.metadata().ok()?;
        if !named.is_file() || named.len() == 0 || is_same(&named, &own) {
            return None;
        }
        File::open(&*self.path).ok()
    }
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Without identities a replaced file is not recognized.
#[cfg(not(unix))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    struct Scene {
        directory: tempfile::TempDir,
        path: Arc<str>,
    }

    impl Scene {
        fn new(text: &str) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("f").to_str().unwrap().into();
            let scene = Self { directory, path };
            fs::write(&*scene.path, text).unwrap();
            scene
        }

        fn append(&self, text: &str) {
            let mut file = File::options().append(true).open(&*self.path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }

        fn open(&self, position: u64) -> Followed {
            Followed::open(&self.path, position).unwrap().unwrap()
        }
    }

    #[track_caller]
    fn check(followed: &mut Followed, progress: Progress, text: &str) {
        let mut buffer = Vec::new();
        assert_eq!(followed.read(&mut buffer).unwrap(), progress);
        assert_eq!(String::from_utf8(buffer).unwrap(), text);
    }

    #[test]
    fn reading_goes_on_where_it_was() {
        let scene = Scene::new("abcdef");
        let mut followed = scene.open(2);
        check(&mut followed, Progress::More, "cdef");
        check(&mut followed, Progress::End, "");
        scene.append("gh");
        check(&mut followed, Progress::More, "gh");
        assert_eq!(followed.read_to(), 8);
    }

    #[test]
    fn a_file_that_is_too_short_is_read_from_its_beginning() {
        let scene = Scene::new("abc");
        check(&mut scene.open(4), Progress::More, "abc");
        check(&mut scene.open(3), Progress::End, "");
    }

    #[test]
    fn a_truncated_file_is_read_from_its_beginning() {
        let scene = Scene::new("abc");
        let mut followed = scene.open(0);
        check(&mut followed, Progress::More, "abc");
        fs::write(&*scene.path, "x").unwrap();
        check(&mut followed, Progress::Restarted, "");
        check(&mut followed, Progress::More, "x");
    }

    #[test]
    fn a_replaced_file_is_read_to_its_end_before_its_successor() {
        let scene = Scene::new("abc");
        let mut followed = scene.open(0);
        check(&mut followed, Progress::More, "abc");
        let old = scene.directory.path().join("f.1");
        fs::rename(&*scene.path, &old).unwrap();
        check(&mut followed, Progress::End, "");
        fs::write(&*scene.path, "").unwrap();
        // Its writer has not noticed yet.
        let mut writer = File::options().append(true).open(&old).unwrap();
        writer.write_all(b"late").unwrap();
        check(&mut followed, Progress::More, "late");
        check(&mut followed, Progress::End, "");
        writer.write_all(b"later").unwrap();
        scene.append("new");
        check(&mut followed, Progress::More, "later");
        check(&mut followed, Progress::Restarted, "");
        check(&mut followed, Progress::More, "new");
    }

    #[test]
    fn a_file_that_is_not_there_is_no_error_but_a_directory_is() {
        let scene = Scene::new("");
        let missing: Arc<str> = format!("{}.missing", scene.path).into();
        assert!(Followed::open(&missing, 0).unwrap().is_none());
        let directory: Arc<str> = scene.directory.path().to_str().unwrap().into();
        let error = Followed::open(&directory, 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::IsADirectory);
    }

    #[test]
    fn a_block_at_most_is_read_at_a_time() {
        let scene = Scene::new(&"x".repeat(BLOCK + 1));
        let mut followed = scene.open(0);
        let mut buffer = b"rest".to_vec();
        assert_eq!(followed.read(&mut buffer).unwrap(), Progress::More);
        assert_eq!(buffer.len(), 4 + BLOCK);
        check(&mut followed, Progress::More, "x");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_device_is_read_as_far_as_it_gives() {
        let path: Arc<str> = "/dev/zero".into();
        let mut followed = Followed::open(&path, 0).unwrap().unwrap();
        let mut buffer = Vec::new();
        assert_eq!(followed.read(&mut buffer).unwrap(), Progress::More);
        assert_eq!(buffer.len(), BLOCK);
        let path: Arc<str> = "/dev/null".into();
        let mut followed = Followed::open(&path, 0).unwrap().unwrap();
        check(&mut followed, Progress::End, "");
    }
}
