//! A topic as a log that all workers share: written by whoever has something to say, read by all from its beginning.
//!
//! One reader hands on what it reads, in order, with the answers to [`TopicLog::read_to_end`] in between: when that returns,
//! whoever takes the events has seen every record that was there when it was called.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kconnect_client::TopicPartition;
use kconnect_client::admin::{Admin, OffsetSpec};
use kconnect_client::consumer::{ConsumerRecords, IsolationLevel};
use kconnect_client::producer::{Delivery, Producer, ProducerRecord};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::clients::LogClients;
use super::reader::{ReadTo, Reader};
use crate::api::ConnectError;

/// Batches of records that may wait for who takes them.
const EVENTS_MAX: usize = 16;
/// Barriers that may wait for the reader.
const COMMANDS_MAX: usize = 64;
/// The wait after the ends of the partitions could not be asked for.
const RETRY: Duration = Duration::from_secs(1);
/// After this time without having come there, the ends of the partitions are asked for again.
const RECHECK: Duration = Duration::from_secs(1);

/// What the reader of a log tells.
#[derive(Debug)]
pub(crate) enum LogEvent {
    /// Records, in order within each partition.
    Records(ConsumerRecords),
    /// All that was there when this was asked for has been told; to be answered when it has been taken in.
    Reached(oneshot::Sender<()>),
}

/// A handle to a log. The reader ends with the last handle.
#[derive(Clone)]
pub(crate) struct TopicLog {
    topic: Arc<str>,
    partitions: Arc<[TopicPartition]>,
    producer: Producer,
    admin: Admin,
    commands: mpsc::Sender<ReadTo>,
}

impl TopicLog {
    /// Starts to read a topic that is there, and has this many partitions.
    ///
    /// # Errors
    ///
    /// If the worker's settings make no client.
    pub(crate) fn start(
        clients: &LogClients<'_>,
        admin: Admin,
        topic: &str,
        partitions: i32,
    ) -> Result<(Self, mpsc::Receiver<LogEvent>), ConnectError> {
        let topic: Arc<str> = topic.into();
        let partitions: Arc<[TopicPartition]> = (0..partitions)
            .map(|partition| TopicPartition {
                topic: Arc::clone(&topic),
                partition,
            })
            .collect();
        let mut consumer = clients.consumer()?;
        let assigned = consumer.assign(partitions.iter().cloned());
        assigned.map_err(|error| {
            ConnectError::new(format!("cannot read topic '{topic}'")).caused_by(error)
        })?;
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        let (outbox, events) = mpsc::channel(EVENTS_MAX);
        tokio::spawn(Reader::new(Arc::clone(&topic), consumer, inbox, outbox).run());
        let log = Self {
            topic,
            partitions,
            producer: clients.producer()?,
            admin,
            commands,
        };
        Ok((log, events))
    }

    /// Writes a record; a tombstone without a value. Records of one caller stand in the topic in the order of the calls.
    ///
    /// # Errors
    ///
    /// The record was not sent; the delivery says what becomes of one that was.
    pub(crate) async fn send(
        &self,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<Delivery, kconnect_client::Error> {
        let record = ProducerRecord::to(&self.topic).key(key);
        let record = match value {
            Some(value) => record.value(value),
            None => record,
        };
        self.producer.send(record).await
    }

    /// Writes records in this order, and waits until the brokers have all of them.
    ///
    /// # Errors
    ///
    /// Why the first that failed did.
    pub(crate) async fn write<K, V>(
        &self,
        records: impl IntoIterator<Item = (K, Option<V>)>,
    ) -> Result<(), ConnectError>
    where
        K: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        let mut deliveries = Vec::new();
        for (key, value) in records {
            let sent = self
                .send(key.as_ref(), value.as_ref().map(AsRef::as_ref))
                .await;
            deliveries.push(sent.map_err(|error| self.not_written(error))?);
        }
        for delivery in deliveries {
            delivery.await.map_err(|error| self.not_written(error))?;
        }
        Ok(())
    }

    pub(super) fn not_written(&self, error: kconnect_client::Error) -> ConnectError {
        ConnectError::new(format!("cannot write to topic '{}'", self.topic)).caused_by(error)
    }

    /// Waits until every record that is there now has been told and taken in. Tries for as long as it is let. Records that the
    /// topic loses meanwhile, because it is truncated or made anew, are not waited for.
    ///
    /// # Errors
    ///
    /// If the log has been closed.
    ///
    /// Cancel safe.
    pub(crate) async fn read_to_end(&self) -> Result<(), ConnectError> {
        let ends = self.ends().await;
        self.read_to(ends).await
    }

    pub(super) async fn read_to(
        &self,
        mut ends: BTreeMap<TopicPartition, i64>,
    ) -> Result<(), ConnectError> {
        let closed = || ConnectError::new(format!("topic '{}' is not read any more", self.topic));
        loop {
            let (reply, reached) = oneshot::channel();
            let command = ReadTo {
                ends: ends.clone(),
                reply,
            };
            self.commands.send(command).await.map_err(|_| closed())?;
            if let Ok(reached) = timeout(RECHECK, reached).await {
                return reached.map_err(|_| closed());
            }
            lower(&mut ends, &self.ends().await);
        }
    }

    /// The offsets that the next records will get.
    ///
    /// Also those of transactions that are still open: what was written before must not be missed.
    async fn ends(&self) -> BTreeMap<TopicPartition, i64> {
        let mut ends = BTreeMap::new();
        loop {
            let missing = self
                .partitions
                .iter()
                .filter(|partition| !ends.contains_key(*partition));
            let missing = missing
                .map(|partition| (partition.clone(), OffsetSpec::Latest))
                .collect();
            let listed = self
                .admin
                .list_offsets(&missing, IsolationLevel::ReadUncommitted)
                .await;
            for (partition, listed) in listed {
                match listed {
                    Ok(listed) => {
                        ends.insert(partition, listed.offset.unwrap_or(0));
                    }
                    Err(error) => {
                        warn!(%error, "the end of {partition} cannot be seen; trying again")
                    }
                }
            }
            if ends.len() == self.partitions.len() {
                return ends;
            }
            sleep(RETRY).await;
        }
    }

    /// Writes what is waiting, for up to `timeout`, and takes nothing more.
    pub(crate) async fn close(&self, timeout: Duration) {
        let given_up = self.producer.close(timeout).await;
        let records = given_up.not_written + given_up.possibly_written;
        if records > 0 {
            warn!(
                "{records} records for topic '{}' could not be written before the worker stopped",
                self.topic
            );
        }
    }
}

/// Waits for nothing that is not there any more.
fn lower(ends: &mut BTreeMap<TopicPartition, i64>, now: &BTreeMap<TopicPartition, i64>) {
    for (partition, end) in ends {
        if let Some(&now) = now.get(partition).filter(|&now| now < end) {
            warn!(
                "{partition} has lost records: it ended at offset {end} and ends at {now} now; going on with what is left"
            );
            *end = now;
        }
    }
}

impl fmt::Debug for TopicLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicLog")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}
