//! Source offsets in a topic that all workers of a cluster share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::log::{LogEvent, TopicLog};
use crate::api::{BoxFuture, ConnectError};
use crate::storage::offsets::{OffsetStore, StoredOffset};

/// Keeps offsets in a topic.
#[derive(Debug)]
pub(crate) struct TopicOffsetStore {
    log: TopicLog,
    known: Arc<Known>,
    /// Writes of one caller after the other: a late one must not overwrite a newer one.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// What the topic said last about each key.
#[derive(Debug, Default)]
struct Known(Mutex<HashMap<Bytes, Bytes>>);

impl Known {
    fn lock(&self) -> MutexGuard<'_, HashMap<Bytes, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what the log tells, until it ends.
    async fn follow(self: Arc<Self>, mut events: mpsc::Receiver<LogEvent>) {
        while let Some(event) = events.recv().await {
            match event {
                LogEvent::Records(records) => {
                    let mut known = self.lock();
                    for record in &records {
                        // A key of no use to anybody; Java's worker keeps it, and asks for it as little.
                        let Some(key) = record.key() else { continue };
                        // A copy: a part of it would keep the whole answer of the broker alive.
                        match record.value() {
                            Some(value) => {
                                known.insert(
                                    Bytes::copy_from_slice(key),
                                    Bytes::copy_from_slice(value),
                                );
                            }
                            None => {
                                known.remove(key);
                            }
                        }
                    }
                }
                // Who asked may have given up.
                LogEvent::Reached(reply) => drop(reply.send(())),
            }
        }
    }
}

impl TopicOffsetStore {
    /// A store upon a log that has just been started.
    pub(crate) fn new(log: TopicLog, events: mpsc::Receiver<LogEvent>) -> Self {
        let known = Arc::<Known>::default();
        tokio::spawn(Arc::clone(&known).follow(events));
        Self {
            log,
            known,
            turn: Arc::default(),
        }
    }

    /// The log beneath.
    pub(crate) const fn log(&self) -> &TopicLog {
        &self.log
    }
}

impl OffsetStore for TopicOffsetStore {
    fn get<'a>(
        &'a self,
        keys: &'a [Bytes],
    ) -> BoxFuture<'a, Result<Vec<Option<Bytes>>, ConnectError>> {
        Box::pin(async move {
            self.log.read_to_end().await?;
            let known = self.known.lock();
            Ok(keys.iter().map(|key| known.get(key).cloned()).collect())
        })
    }

    fn set(&self, offsets: Vec<StoredOffset>) -> BoxFuture<'_, Result<(), ConnectError>> {
        Box::pin(async move {
            let turn = Arc::clone(&self.turn).lock_owned().await;
            let log = self.log.clone();
            // A task of its own, so that a caller who gives up leaves no half of a commit.
            let writing = tokio::spawn(async move {
                let mut deliveries = Vec::with_capacity(offsets.len());
                for (key, value) in &offsets {
                    let sent = log.send(key, value.as_deref()).await;
                    deliveries.push(sent.map_err(|error| log.not_written(error))?);
                }
                drop(turn);
                for delivery in deliveries {
                    delivery.await.map_err(|error| log.not_written(error))?;
                }
                Ok(())
            });
            writing
                .await
                .unwrap_or_else(|_| Err(ConnectError::new("the worker is going away")))
        })
    }

    fn all(&self) -> BoxFuture<'_, Result<Vec<StoredOffset>, ConnectError>> {
        Box::pin(async {
            self.log.read_to_end().await?;
            let known = self.known.lock();
            Ok(known
                .iter()
                .map(|(key, value)| (key.clone(), Some(value.clone())))
                .collect())
        })
    }
}
