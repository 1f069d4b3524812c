//! The offsets file of standalone mode (`offset.storage.file.filename`), in Java's own format.
//!
//! The file is replaced as a whole: written beside, synced, renamed. A crash leaves the old file or
//! the new one. A file that cannot be understood is an error and stays as it is; Java's worker would
//! take a truncated one for empty and start every source over.

mod lock;
pub(crate) mod stream;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::offsets::{OffsetStore, StoredOffset};
use crate::api::{BoxFuture, ConnectError};

/// The largest file that is read, in bytes: some millions of source partitions.
const FILE_MAX: u64 = 1 << 30;

type Offsets = HashMap<Bytes, Option<Bytes>>;

/// Keeps offsets in memory and in a file.
#[derive(Debug, Clone)]
pub(crate) struct FileOffsetStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// What the file holds.
    offsets: Mutex<Arc<Offsets>>,
    /// Held while the file is being written, so that one version follows the other.
    writing: Mutex<()>,
    /// Keeps other workers away from the file.
    _lock: Option<File>,
}

impl FileOffsetStore {
    /// Reads the file; one that does not exist or has no bytes is empty. It is locked until the last handle is gone.
    ///
    /// # Errors
    ///
    /// When another worker has the file. When the file cannot be read or is not an offsets file. It is not touched.
    pub(crate) async fn open(path: impl Into<PathBuf>) -> Result<Self, ConnectError> {
        let path = path.into();
        blocking(move || {
            let lock = lock::take(&path)?;
            let offsets = load(&path)?;
            Ok(Self(Arc::new(Inner {
                path,
                offsets: Mutex::new(Arc::new(offsets)),
                writing: Mutex::new(()),
                _lock: lock,
            })))
        })
        .await
    }

    fn snapshot(&self) -> Arc<Offsets> {
        lock(&self.0.offsets).clone()
    }
}

impl OffsetStore for FileOffsetStore {
    fn get<'a>(
        &'a self,
        keys: &'a [Bytes],
    ) -> BoxFuture<'a, Result<Vec<Option<Bytes>>, ConnectError>> {
        let offsets = self.snapshot();
        let found = keys
            .iter()
            .map(|key| offsets.get(key).cloned().flatten())
            .collect();
        Box::pin(async { Ok(found) })
    }

    fn set(&self, new: Vec<StoredOffset>) -> BoxFuture<'_, Result<(), ConnectError>> {
        let inner = self.0.clone();
        Box::pin(blocking(move || {
            let _writing = lock(&inner.writing);
            let mut offsets = Offsets::clone(&lock(&inner.offsets));
            offsets.extend(new);
            save(&inner.path, &offsets)?;
            *lock(&inner.offsets) = Arc::new(offsets);
            Ok(())
        }))
    }

    fn all(&self) -> BoxFuture<'_, Result<Vec<StoredOffset>, ConnectError>> {
        let offsets = self.snapshot();
        let all = offsets
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        Box::pin(async { Ok(all) })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs file work where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ConnectError> + Send + 'static,
) -> Result<T, ConnectError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => {
            Err(ConnectError::new("the work on the offsets file was cut off").caused_by(error))
        }
    }
}

fn load(path: &Path) -> Result<Offsets, ConnectError> {
    let fail =
        |what: &str| ConnectError::new(format!("the offsets file {} {what}", path.display()));
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Offsets::new()),
        Err(error) => return Err(fail("cannot be opened").caused_by(error)),
    };
    let mut bytes = Vec::new();
    file.take(FILE_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| fail("cannot be read").caused_by(error))?;
    if bytes.is_empty() {
        return Ok(Offsets::new());
    }
    if bytes.len() as u64 > FILE_MAX {
        return Err(fail("is larger than 1 GiB"));
    }
    let offsets = stream::read(&bytes.into()).map_err(|error| {
        fail(
            "is not what a Connect worker writes; nothing was changed. Restore it from a copy, or \
             move it away to start every source from its beginning",
        )
        .caused_by(error)
    })?;
    Ok(offsets.into_iter().collect())
}

/// Replaces the file.
fn save(path: &Path, offsets: &Offsets) -> Result<(), ConnectError> {
    let fail = |error: io::Error| {
        let text = format!("the offsets file {} cannot be written", path.display());
        ConnectError::new(text).caused_by(error)
    };
    let stream = stream::write(offsets.iter().map(|(key, value)| (key, value.as_ref())))
        .map_err(|_| fail(io::Error::other("more offsets than a Java map can hold")))?;
    // A link goes on pointing to where the operator wanted the file to be.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let existing = fs::metadata(&target).ok();
    if existing
        .as_ref()
        .is_some_and(|existing| !existing.is_file())
    {
        // A device is written to: renaming would put a file in place of /dev/null.
        return fs::write(&target, &stream).map_err(fail);
    }
    let mut beside = target.clone().into_os_string();
    beside.push(".tmp");
    let beside = PathBuf::from(beside);
    let mut file = File::create(&beside).map_err(fail)?;
    if let Some(existing) = existing {
        file.set_permissions(existing.permissions()).map_err(fail)?;
    }
    file.write_all(&stream).map_err(fail)?;
    file.sync_all().map_err(fail)?;
    fs::rename(&beside, &target).map_err(fail)?;
    sync_directory(&target).map_err(fail)
}

/// Makes a rename in the file's directory survive a crash.
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    match File::open(directory)?.sync_all() {
        // Some file systems cannot sync a directory; they have no such promise to keep.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        result => result,
    }
}
