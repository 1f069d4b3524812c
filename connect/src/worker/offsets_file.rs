//! The offsets file of a standalone worker, opened before anything runs that would write to it.

use std::path::Path;

use kconnect_client::config::ConfigError;

use super::Failure;
use crate::storage::FileOffsetStore;

const KEY: &str = "offset.storage.file.filename";

/// Reads the offsets file `path`, which need not exist yet; its folder has to.
pub(super) async fn open(path: &str) -> Result<FileOffsetStore, Failure> {
    let wrong = |why: &str| Failure::startup(ConfigError::invalid(KEY, path, why));
    let file = Path::new(path);
    if path.trim().is_empty() {
        return Err(wrong("a file name is needed"));
    }
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match tokio::fs::metadata(folder).await {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return Err(wrong(&format!("{} is not a folder", folder.display()))),
        Err(error) => {
            return Err(wrong(&format!(
                "the folder {} cannot be used: {error}; offsets could not be stored",
                folder.display()
            )));
        }
    }
    FileOffsetStore::open(file)
        .await
        .map_err(|error| Failure::startup(format!("{error:?}")))
}
