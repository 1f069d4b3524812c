//! Bytes from outside and from Kafka itself, against every decoder and encoder of messages.

mod beside_kafka;
mod entries;
mod frames;
mod fuzzing;
mod hostile;
#[path = "../../../fuzz/src/replay.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the tests of several crates share it"
)]
mod replay;
mod support;

use std::sync::{Mutex, MutexGuard, PoisonError};

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Memory is counted for the whole process, so the tests take turns.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
