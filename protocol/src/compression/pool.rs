//! Keeps codec states for the next batch: their tables cost more to allocate than a small batch to compress.

use std::sync::{Mutex, PoisonError};

/// States that wait for work at most; others are dropped when their batch is done.
const IDLE_MAX: usize = 4;

/// A few idle states of one codec, shared by all threads. The lock is held for a push or a pop.
pub(super) struct Pool<T>(Mutex<Vec<T>>);

impl<T> Pool<T> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Runs `work` on an idle state, or on a new one. A state that met an error or a panic is not used again.
    pub(super) fn with<R, E>(
        &self,
        new: impl FnOnce() -> Result<T, E>,
        work: impl FnOnce(&mut T) -> Result<R, E>,
    ) -> Result<R, E> {
        let idle = self.lock().pop();
        let mut state = match idle {
            Some(state) => state,
            None => new()?,
        };
        let result = work(&mut state)?;
        let mut idle = self.lock();
        if idle.len() < IDLE_MAX {
            idle.push(state);
        }
        Ok(result)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<T>> {
        // Nothing can be half done in there, so a poisoned lock is as good as any.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
