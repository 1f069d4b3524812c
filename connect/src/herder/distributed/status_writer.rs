//! Writes the status topic in the background, in order, for as long as it takes: nobody waits for a status.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::sleep;
use tracing::{error, warn};

use crate::storage::topic::TopicLog;

/// From so many waiting records on, one that is overtaken by another about the same is dropped.
const QUEUE_MAX: usize = 10_000;
/// The wait after a record that could not be sent.
const RETRY: Duration = Duration::from_secs(1);

/// A handle to the writer, which ends with it.
#[derive(Debug)]
pub(super) struct StatusWriter {
    queue: Arc<Queue>,
    written: watch::Receiver<u64>,
}

/// A record: its key, and its value unless it is a tombstone.
type Record = (String, Option<Vec<u8>>);

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// Something is waiting, or nothing ever will again.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    records: VecDeque<Record>,
    put: u64,
    is_closed: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StatusWriter {
    /// Starts to write to `log`.
    pub(super) fn start(log: TopicLog) -> Self {
        let queue = Arc::<Queue>::default();
        let (report, written) = watch::channel(0);
        tokio::spawn(write(log, Arc::clone(&queue), report));
        Self { queue, written }
    }

    /// Has a record written.
    pub(super) fn put(&self, key: String, value: Option<Vec<u8>>) {
        let mut waiting = self.queue.lock();
        if waiting.records.len() >= QUEUE_MAX {
            waiting.records.retain(|(other, _)| *other != key);
        }
        waiting.records.push_back((key, value));
        waiting.put += 1;
        drop(waiting);
        self.queue.changed.notify_one();
    }

    /// Waits for up to `timeout` until all that was put has been handed to the producer.
    pub(super) async fn flush(&mut self, timeout: Duration) {
        let put = self.queue.lock().put;
        let all = self.written.wait_for(|written| *written >= put);
        if tokio::time::timeout(timeout, all).await.is_err() {
            warn!("not all statuses could be written before the worker stopped");
        }
    }
}

impl Drop for StatusWriter {
    fn drop(&mut self) {
        self.queue.lock().is_closed = true;
        self.queue.changed.notify_one();
    }
}

async fn write(log: TopicLog, queue: Arc<Queue>, report: watch::Sender<u64>) {
    loop {
        let (next, is_closed, done) = {
            let mut waiting = queue.lock();
            let next = waiting.records.pop_front();
            let done = waiting.put
                - u64::from(next.is_some())
                - u64::try_from(waiting.records.len()).unwrap_or(0);
            (next, waiting.is_closed, done)
        };
        report.send_replace(done);
        match next {
            Some((key, value)) => put(&log, &key, value.as_deref()).await,
            None if is_closed => return,
            None => queue.changed.notified().await,
        }
    }
}

/// Hands a record to the producer, which sends it again until the brokers have it.
async fn put(log: &TopicLog, key: &str, value: Option<&[u8]>) {
    loop {
        match log.send(key.as_bytes(), value).await {
            Ok(delivery) => {
                let key = key.to_owned();
                tokio::spawn(async move {
                    if let Err(error) = delivery.await {
                        error!(%error, "Failed to write status update {key}");
                    }
                });
                return;
            }
            Err(error) if error.is_retriable() => sleep(RETRY).await,
            Err(error) => {
                error!(%error, "Failed to write status update {key}");
                return;
            }
        }
    }
}
