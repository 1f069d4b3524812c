//! One worker at a time has an offsets file: an advisory lock on a file beside it, which ends with the process, however that
//! ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use tracing::warn;

use crate::api::ConnectError;

/// Locks the offsets file `path` until the answer is dropped. The offsets file itself cannot be locked: it is replaced by every
/// commit.
///
/// Where nothing can be locked, on a read-only file system for one, that is logged, and the answer is empty.
///
/// # Errors
///
/// If another worker has it.
pub(super) fn take(path: &Path) -> Result<Option<File>, ConnectError> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if fs::metadata(&target).is_ok_and(|existing| !existing.is_file()) {
        // A device, which nobody can have for himself.
        return Ok(None);
    }
    let beside = beside(&target);
    let cannot = |error: io::Error| {
        warn!(
            %error,
            "the offsets file {} cannot be locked, so nothing keeps a second worker from overwriting it: {} cannot be used",
            path.display(), beside.display()
        );
        Ok(None)
    };
    let file = match open(&beside) {
        Ok(file) => file,
        Err(error) => return cannot(error),
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(ConnectError::new(format!(
            "the offsets file {} is in use by another worker, which holds the lock on {}; stop that worker, or give this one \
             another file in offset.storage.file.filename",
            path.display(),
            beside.display()
        ))),
        Err(TryLockError::Error(error)) => cannot(error),
    }
}

fn beside(target: &Path) -> PathBuf {
    let mut name = target.to_owned().into_os_string();
    name.push(".lock");
    name.into()
}

/// The file stays when the worker goes: one that is deleted while another worker opens it would be locked twice.
fn open(path: &Path) -> io::Result<File> {
    let made = OpenOptions::new().create(true).append(true).open(path);
    match made {
        // Another user's: to lock it, it need not be written.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => File::open(path),
        made => made,
    }
}
