//! Writes the status topic in the background, in order, for as long as it takes: nobody waits for a status.

use std::collections::{BTreeMap, HashMap};
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
    /// By the order in which they came.
    records: BTreeMap<u64, Record>,
    /// The last of each key that waits.
    last: HashMap<String, u64>,
    put: u64,
    is_closed: bool,
}

impl Waiting {
    fn push(&mut self, key: String, value: Option<Vec<u8>>) {
        self.put += 1;
        let before = self.last.insert(key.clone(), self.put);
        if let Some(before) = before.filter(|_| self.records.len() >= QUEUE_MAX) {
            self.records.remove(&before);
        }
        self.records.insert(self.put, (key, value));
    }

    fn pop(&mut self) -> Option<Record> {
        let (number, record) = self.records.pop_first()?;
        if self.last.get(&record.0) == Some(&number) {
            self.last.remove(&record.0);
        }
        Some(record)
    }
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
        self.queue.lock().push(key, value);
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
            let next = waiting.pop();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_leave_in_order_and_none_is_dropped_while_few_wait() {
        let mut waiting = Waiting::default();
        for (key, value) in [("a", b"1"), ("b", b"2"), ("a", b"3")] {
            waiting.push(key.to_owned(), Some(value.to_vec()));
        }
        let out = std::iter::from_fn(|| waiting.pop());
        let out: Vec<_> = out.map(|(key, value)| (key, value.unwrap()[0])).collect();
        let expected = [("a", b'1'), ("b", b'2'), ("a", b'3')].map(|(k, v)| (k.to_owned(), v));
        assert_eq!(out, expected);
        assert!(waiting.last.is_empty());
    }

    #[test]
    fn a_long_queue_keeps_the_last_record_of_each_key() {
        let mut waiting = Waiting::default();
        for number in 0..QUEUE_MAX {
            waiting.push(format!("key {number}"), None);
        }
        // Some hundred thousand records about the same keys take a moment, and no more space.
        for round in 0..50_u8 {
            for number in (0..QUEUE_MAX).rev() {
                waiting.push(format!("key {number}"), Some(vec![round]));
            }
        }
        assert_eq!(waiting.records.len(), QUEUE_MAX);
        for number in (0..QUEUE_MAX).rev() {
            assert_eq!(
                waiting.pop(),
                Some((format!("key {number}"), Some(vec![49])))
            );
        }
        assert_eq!(waiting.pop(), None);
        assert!(waiting.last.is_empty());
    }
}
