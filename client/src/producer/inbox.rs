//! How the callers' side tells the driver that a partition has something, without waking it needlessly.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use tokio::sync::Notify;

use super::partition::Partition;

/// News for the driver: at most two a batch, "there is one" and "it is full".
#[derive(Debug)]
pub(crate) struct Inbox {
    state: Mutex<State>,
    wake: Notify,
    /// The driver was woken and has not looked here since.
    is_due: AtomicBool,
}

#[derive(Debug)]
struct State {
    news: Vec<Arc<Partition>>,
    driver: Driver,
}

/// What the driver does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Driver {
    /// It runs, or has been woken: it looks here before it sleeps.
    Awake,
    /// It sleeps, and wakes by itself at that time, if there is one.
    Asleep(Option<Instant>),
}

impl Inbox {
    pub(crate) fn new() -> Self {
        let state = State {
            news: Vec::new(),
            driver: Driver::Awake,
        };
        Self {
            state: Mutex::new(state),
            wake: Notify::new(),
            is_due: AtomicBool::new(false),
        }
    }

    /// Tells that `partition` has something to be looked at by `due`.
    pub(crate) fn post(&self, partition: Arc<Partition>, due: Instant) {
        let mut state = self.state();
        state.news.push(partition);
        let too_late = match state.driver {
            Driver::Awake => false,
            Driver::Asleep(until) => until.is_none_or(|until| until > due),
        };
        if too_late {
            state.driver = Driver::Awake;
            self.is_due.store(true, Ordering::Relaxed);
            drop(state);
            self.wake.notify_one();
        }
    }

    /// Whether the driver waits to run. A caller that sends without a pause should let it: the task that wakes another one
    /// keeps it from running on its own thread, and no other thread takes it over.
    pub(crate) fn is_driver_due(&self) -> bool {
        self.is_due.load(Ordering::Relaxed)
    }

    /// Wakes the driver.
    pub(crate) fn wake(&self) {
        self.state().driver = Driver::Awake;
        self.wake.notify_one();
    }

    /// For the driver: takes the news into `news`, which is empty.
    pub(crate) fn take(&self, news: &mut Vec<Arc<Partition>>) {
        debug_assert!(news.is_empty(), "the last news have been read");
        self.is_due.store(false, Ordering::Relaxed);
        let mut state = self.state();
        state.driver = Driver::Awake;
        std::mem::swap(&mut state.news, news);
    }

    /// For the driver: it is about to sleep until `until`. If there is news, [`woken`](Self::woken) is ready at once.
    pub(crate) fn sleep(&self, until: Option<Instant>) {
        let mut state = self.state();
        if state.news.is_empty() {
            state.driver = Driver::Asleep(until);
        } else {
            self.wake.notify_one();
        }
    }

    /// For the driver: waits for news that cannot wait until the time it named.
    ///
    /// *Cancel safe.*
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
