//! Offsets in memory, for tests.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use super::offsets::{OffsetStore, StoredOffset};
use crate::api::{BoxFuture, ConnectError};

/// Keeps offsets for as long as the worker lives.
#[derive(Debug, Default)]
pub(crate) struct MemoryOffsetStore(Mutex<HashMap<Bytes, Option<Bytes>>>);

impl OffsetStore for MemoryOffsetStore {
    fn get<'a>(
        &'a self,
        keys: &'a [Bytes],
    ) -> BoxFuture<'a, Result<Vec<Option<Bytes>>, ConnectError>> {
        let offsets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = keys
            .iter()
            .map(|key| offsets.get(key).cloned().flatten())
            .collect();
        Box::pin(async { Ok(found) })
    }

    fn set(&self, new: Vec<StoredOffset>) -> BoxFuture<'_, Result<(), ConnectError>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(new);
        Box::pin(async { Ok(()) })
    }

    fn all(&self) -> BoxFuture<'_, Result<Vec<StoredOffset>, ConnectError>> {
        let offsets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all = offsets
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        Box::pin(async { Ok(all) })
    }
}
