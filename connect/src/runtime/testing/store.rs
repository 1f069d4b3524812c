//! A store of offsets that tells when something is stored, and that fails as often as a test wants it to.

use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use tokio::sync::watch;

use crate::api::{BoxFuture, ConnectError};
use crate::storage::{MemoryOffsetStore, OffsetStore};

/// Keeps offsets in memory.
pub(crate) struct WatchedStore {
    inner: MemoryOffsetStore,
    failures: AtomicU32,
    /// Counts what was stored.
    pub(crate) changes: watch::Sender<u64>,
}

impl WatchedStore {
    /// One that fails so often first, in turn with an error and by hanging.
    pub(crate) fn failing(failures: u32) -> Self {
        Self {
            inner: MemoryOffsetStore::default(),
            failures: AtomicU32::new(failures),
            changes: watch::Sender::default(),
        }
    }
}

impl OffsetStore for WatchedStore {
    fn get<'a>(
        &'a self,
        keys: &'a [Bytes],
    ) -> BoxFuture<'a, Result<Vec<Option<Bytes>>, ConnectError>> {
        self.inner.get(keys)
    }

    fn set(&self, offsets: Vec<(Bytes, Option<Bytes>)>) -> BoxFuture<'_, Result<(), ConnectError>> {
        let left = self.failures.load(Ordering::Relaxed);
        self.failures
            .store(left.saturating_sub(1), Ordering::Relaxed);
        Box::pin(async move {
            match left {
                0 => {}
                odd if odd % 2 == 1 => std::future::pending().await,
                _ => return Err(ConnectError::new("the disk is full")),
            }
            self.inner.set(offsets).await?;
            self.changes.send_modify(|count| *count += 1);
            Ok(())
        })
    }

    fn all(&self) -> BoxFuture<'_, Result<Vec<(Bytes, Option<Bytes>)>, ConnectError>> {
        self.inner.all()
    }
}
