//! `buffer.memory`: the bytes that all batches of a producer may hold together, and the queue for them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Semaphore, time::timeout};

/// Who waited for memory also waits until this share of all of it is free, the eighth part, and can then go on for a while:
/// waiting once more for each batch would cost more than the batch itself.
const ROOM: usize = 8;
/// For room nobody waits longer than this: the rest may belong to a partition that has no leader.
const ROOM_PATIENCE: Duration = Duration::from_millis(5);

/// The memory of one producer. Waiting for it is first come, first served, and cancel safe.
#[derive(Debug)]
pub(crate) struct Memory {
    free: Semaphore,
    total: usize,
    /// Somebody has begun to wait since the last time that the driver asked.
    is_wanted: AtomicBool,
}

/// A share of the memory, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    memory: Arc<Memory>,
    bytes: usize,
}

impl Memory {
    pub(crate) fn new(total: usize) -> Arc<Self> {
        let total = total.min(Semaphore::MAX_PERMITS).min(u32::MAX as usize);
        Arc::new(Self {
            free: Semaphore::new(total),
            total,
            is_wanted: AtomicBool::new(false),
        })
    }

    /// The most that one reservation can have.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Bytes that batches hold now.
    pub(crate) fn used(&self) -> usize {
        self.total.saturating_sub(self.free.available_permits())
    }

    /// For the driver: whether somebody has begun to wait for memory since the last call. Then no batch should linger.
    pub(crate) fn take_wanted(&self) -> bool {
        self.is_wanted.swap(false, Ordering::AcqRel)
    }

    /// Takes `bytes` if they are free and nobody waits for them.
    pub(crate) fn try_reserve(self: &Arc<Self>, bytes: usize) -> Option<Reservation> {
        let permits = u32::try_from(bytes).ok()?;
        self.free.try_acquire_many(permits).ok()?.forget();
        Some(Reservation {
            memory: Arc::clone(self),
            bytes,
        })
    }

    /// Waits for `bytes`, or for all there is if that is less; `None` once the producer is closed. `wake` wakes the driver, so
    /// that what lingers is sent and its memory freed.
    ///
    /// *Cancel safe:* a waiter that goes away leaves the queue and gives back what it was handed meanwhile.
    pub(crate) async fn reserve(
        self: &Arc<Self>,
        bytes: usize,
        wake: impl FnOnce(),
    ) -> Option<Reservation> {
        let bytes = bytes.min(self.total);
        let permits = u32::try_from(bytes).ok()?;
        if let Some(reservation) = self.try_reserve(bytes) {
            return Some(reservation);
        }
        self.is_wanted.store(true, Ordering::Release);
        wake();
        self.free.acquire_many(permits).await.ok()?.forget();
        let reservation = Reservation {
            memory: Arc::clone(self),
            bytes,
        };
        // Whether there is room or not, and even if the producer was closed: the reservation stands.
        let room = u32::try_from(self.total / ROOM).unwrap_or(u32::MAX);
        let _ = timeout(ROOM_PATIENCE, self.free.acquire_many(room)).await;
        Some(reservation)
    }

    /// Ends every wait.
    pub(crate) fn close(&self) {
        self.free.close();
    }
}

impl Reservation {
    /// Takes another share into this one.
    pub(crate) fn merge(&mut self, mut other: Self) {
        debug_assert!(
            Arc::ptr_eq(&self.memory, &other.memory),
            "shares of one memory"
        );
        self.bytes += std::mem::take(&mut other.bytes);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Splits off a share of `bytes`, or of what there is.
    pub(crate) fn split(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self {
            memory: Arc::clone(&self.memory),
            bytes,
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.memory.free.add_permits(self.bytes);
        }
    }
}
