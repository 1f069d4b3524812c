//! The producer as its users see it.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use tokio::{
    sync::{mpsc, oneshot},
    time::timeout_at,
};
use tokio_util::task::TaskTracker;

use super::{
    Abandoned, Delivery, ProducerConfig, ProducerRecord,
    accumulator::{Accumulator, Refused},
    driver::{COMMANDS_MAX, Command, Driver, partition_count},
    errors,
    memory::Reservation,
    terms::Terms,
};
use crate::{
    Error, ErrorKind,
    cluster::{Cluster, ClusterOptions, Partition, numbered_client_id},
    net::{Random, now},
};

/// Sends records to topics (`KafkaProducer`).
///
/// Clones are handles to one producer. When the last one is dropped, what is not acknowledged is given up: call
/// [`close`](Self::close) first.
///
/// A record's way: [`send`](Self::send) puts it into its batch and returns a [`Delivery`], which becomes the record's offset
/// or the reason why it failed. An error says with [`Error::may_have_taken_effect`] whether the broker may have the record
/// all the same. Those who do not want to keep deliveries [`enqueue`](Self::enqueue) and [`flush`](Self::flush).
#[derive(Debug, Clone)]
pub struct Producer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    cluster: Cluster,
    accumulator: Arc<Accumulator>,
    commands: mpsc::Sender<Command>,
    tasks: TaskTracker,
}

impl Producer {
    /// A producer. It connects when it has something to send.
    ///
    /// # Errors
    ///
    /// `Config` if the configuration contradicts itself, `Misuse` outside of a tokio runtime.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a configuration is used once"
    )]
    pub fn new(config: ProducerConfig) -> Result<Self, Error> {
        let options = ClusterOptions {
            allow_auto_topic_creation: true,
            client_id: numbered_client_id("producer"),
            ..ClusterOptions::default()
        };
        Self::with_options(&config, &options)
    }

    /// As [`new`](Self::new), with a dialer or a seed of the caller's.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    #[doc(hidden)]
    pub fn with_options(config: &ProducerConfig, options: &ClusterOptions) -> Result<Self, Error> {
        config.validate()?;
        let mut random = options
            .seed
            .map_or_else(Random::from_entropy, Random::seeded);
        let cluster = Cluster::new(&config.common, options)?;
        let accumulator = Accumulator::new(Terms::new(config), random.next());
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        let driver = Driver::new(
            cluster.clone(),
            Arc::clone(&accumulator),
            inbox,
            random.next(),
        );
        let tasks = TaskTracker::new();
        tasks.spawn(driver.run());
        tasks.close();
        Ok(Self {
            inner: Arc::new(Inner {
                cluster,
                accumulator,
                commands,
                tasks,
            }),
        })
    }

    /// Puts a record into its batch; the answer comes by the [`Delivery`]. (`KafkaProducer.send`)
    ///
    /// Waits, for up to `max.block.ms`, only while the topic is not known or `buffer.memory` is used up. Records that one task
    /// sends to a partition are written in the order of the sends.
    ///
    /// # Errors
    ///
    /// The record was not sent: `Timeout` after `max.block.ms`, `Misuse` for a record that is too large, `Closed`, or what
    /// the cluster says of the topic.
    ///
    /// *Cancel safe:* when dropped before it is ready, the record was not sent.
    pub async fn send(&self, record: ProducerRecord<'_>) -> Result<Delivery, Error> {
        let delivery = self.append(&record, true).await?;
        // A watched record has a delivery.
        delivery.ok_or_else(|| Error::new(ErrorKind::Bug, "a record without a delivery"))
    }

    /// As [`send`](Self::send) for a record whose fate the caller does not follow; the next [`flush`](Self::flush) tells
    /// whether any such record failed.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// *Cancel safe:* when dropped before it is ready, the record was not sent.
    pub async fn enqueue(&self, record: ProducerRecord<'_>) -> Result<(), Error> {
        self.append(&record, false).await.map(drop)
    }

    /// As [`send`](Self::send), but never waits: `None` if it had to. Wait by [`ready`](Self::ready) then, or send.
    ///
    /// A task that calls this in a loop does not let the producer run on its thread: let it await something now and then.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), without the `Timeout`.
    pub fn try_send(&self, record: ProducerRecord<'_>) -> Result<Option<Delivery>, Error> {
        match self.try_append(&record, true, &mut None) {
            Ok(delivery) => Ok(delivery),
            Err(Refused::Failed(error)) => Err(error),
            Err(
                Refused::UnknownTopic | Refused::UnknownPartition { .. } | Refused::NeedsMemory(_),
            ) => Ok(None),
        }
    }

    /// As [`enqueue`](Self::enqueue), but never waits: false if it had to.
    ///
    /// # Errors
    ///
    /// As [`try_send`](Self::try_send).
    pub fn try_enqueue(&self, record: ProducerRecord<'_>) -> Result<bool, Error> {
        match self.try_append(&record, false, &mut None) {
            Ok(_) => Ok(true),
            Err(Refused::Failed(error)) => Err(error),
            Err(
                Refused::UnknownTopic | Refused::UnknownPartition { .. } | Refused::NeedsMemory(_),
            ) => Ok(false),
        }
    }

    /// Waits until `topic` is known and there is memory for a batch, for up to `max.block.ms`, and lets the producer run.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// *Cancel safe.*
    pub async fn ready(&self, topic: &str) -> Result<(), Error> {
        let started = now();
        if !self.inner.accumulator.knows(topic) {
            self.await_topic(topic, started).await?;
        }
        let terms = &self.inner.accumulator.terms;
        drop(self.await_memory(topic, terms.batch_size, started).await?);
        tokio::task::yield_now().await;
        Ok(())
    }

    /// Sends what is there without lingering, and waits until all of it is acknowledged or has failed.
    /// (`KafkaProducer.flush`)
    ///
    /// # Errors
    ///
    /// If records that were [`enqueue`](Self::enqueue)d have failed since the last call: how many, and why the first one did.
    /// Records with a [`Delivery`] tell it there.
    ///
    /// *Cancel safe:* what is there is sent without lingering all the same.
    pub async fn flush(&self) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        if self
            .inner
            .commands
            .send(Command::Flush(reply))
            .await
            .is_ok()
        {
            for completion in answer.await.unwrap_or_default() {
                completion.settled().await;
            }
        }
        match self.inner.accumulator.terms.unwatched.take() {
            Some((records, first)) => Err(errors::unwatched(records, &first)),
            None => Ok(()),
        }
    }

    /// Takes no more records, sends what is there, and gives up what is not acknowledged within `timeout`.
    /// (`KafkaProducer.close`)
    ///
    /// Says what was given up; the deliveries of those records say it, too. Closing again does nothing.
    ///
    /// *Cancel safe:* the producer is closed all the same.
    pub async fn close(&self, timeout: Duration) -> Abandoned {
        let (reply, answer) = oneshot::channel();
        let close = Command::Close {
            deadline: deadline(now(), timeout),
            reply,
        };
        let abandoned = match self.inner.commands.send(close).await {
            Ok(()) => answer.await.unwrap_or_default(),
            Err(_) => Abandoned::default(),
        };
        self.inner.tasks.wait().await;
        self.inner.cluster.close().await;
        abandoned
    }

    /// A topic's partitions; waits for them for up to `max.block.ms`. (`KafkaProducer.partitionsFor`)
    ///
    /// # Errors
    ///
    /// `Timeout`, or what the cluster says of the topic.
    ///
    /// *Cancel safe.*
    pub async fn partitions_for(&self, topic: &str) -> Result<Vec<Partition>, Error> {
        let metadata = self.await_topic(topic, now()).await?;
        Ok(metadata
            .topic(topic)
            .map(|topic| topic.partitions.clone())
            .unwrap_or_default())
    }

    /// Bytes that records hold which are not acknowledged yet; `buffer.memory` limits them.
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        self.inner.accumulator.terms.memory.used()
    }

    /// Records sent by [`enqueue`](Self::enqueue) that have failed, since the producer began.
    #[must_use]
    pub fn failed_records(&self) -> u64 {
        self.inner.accumulator.terms.unwatched.total()
    }

    async fn append(
        &self,
        record: &ProducerRecord<'_>,
        is_watched: bool,
    ) -> Result<Option<Delivery>, Error> {
        // Before anything is done, so that cancelling it means that nothing was.
        if self.inner.accumulator.terms.inbox.is_driver_due() {
            tokio::task::yield_now().await;
        }
        match self.try_append(record, is_watched, &mut None) {
            Ok(delivery) => Ok(delivery),
            Err(Refused::Failed(error)) => Err(error),
            Err(refused) => self.append_slowly(record, is_watched, refused).await,
        }
    }

    /// Waits for what is missing, as often as something is.
    async fn append_slowly(
        &self,
        record: &ProducerRecord<'_>,
        is_watched: bool,
        mut refused: Refused,
    ) -> Result<Option<Delivery>, Error> {
        let started = now();
        let mut grant = None;
        loop {
            match refused {
                Refused::UnknownTopic => drop(self.await_topic(record.topic, started).await?),
                Refused::UnknownPartition { known } => {
                    self.await_partition(record, known, started).await?
                }
                Refused::NeedsMemory(bytes) => {
                    grant = Some(self.await_memory(record.topic, bytes, started).await?)
                }
                Refused::Failed(error) => return Err(error),
            }
            match self.try_append(record, is_watched, &mut grant) {
                Ok(delivery) => return Ok(delivery),
                Err(still) => refused = still,
            }
        }
    }

    fn try_append(
        &self,
        record: &ProducerRecord<'_>,
        is_watched: bool,
        grant: &mut Option<Reservation>,
    ) -> Result<Option<Delivery>, Refused> {
        self.inner
            .accumulator
            .append(record, is_watched, grant, wall_clock, now)
    }

    async fn await_topic(
        &self,
        topic: &str,
        started: Instant,
    ) -> Result<Arc<crate::cluster::Metadata>, Error> {
        let max_block = self.inner.accumulator.terms.max_block;
        let known = self
            .inner
            .cluster
            .topics(&[topic], deadline(started, max_block))
            .await;
        let metadata = known.map_err(|error| match error.kind() {
            ErrorKind::Closed => errors::closed(),
            _ => errors::no_metadata(topic, now().saturating_duration_since(started), &error),
        })?;
        if let Some(described) = metadata.topic(topic) {
            self.inner
                .accumulator
                .set_partitions(topic, partition_count(described));
        }
        Ok(metadata)
    }

    /// Waits until a topic has more partitions than are known.
    async fn await_partition(
        &self,
        record: &ProducerRecord<'_>,
        known: usize,
        started: Instant,
    ) -> Result<(), Error> {
        let terms = &self.inner.accumulator.terms;
        let until = deadline(started, terms.max_block);
        let reason = "a record is for a partition that is not known";
        let mut watch = self.inner.cluster.watch();
        // Subscribed first: a change between the two is not missed.
        let metadata = self.inner.cluster.refreshed(reason, until).await;
        let count = metadata.ok().and_then(|metadata| {
            metadata
                .topic(record.topic)
                .map(|topic| partition_count(topic))
        });
        if let Some(count) = count {
            self.inner.accumulator.set_partitions(record.topic, count);
        }
        if count.is_some_and(|count| count > known) {
            return Ok(());
        }
        let pause = now() + terms.retry_backoff_max;
        let _ = timeout_at(until.min(pause).into(), watch.changed()).await;
        if now() >= until {
            let partition = record.partition.unwrap_or_default();
            return Err(errors::no_such_partition(
                record.topic,
                partition,
                known,
                terms.max_block,
            ));
        }
        Ok(())
    }

    async fn await_memory(
        &self,
        topic: &str,
        bytes: usize,
        started: Instant,
    ) -> Result<Reservation, Error> {
        let terms = &self.inner.accumulator.terms;
        let wait = terms.memory.reserve(bytes, || terms.inbox.wake());
        match timeout_at(deadline(started, terms.max_block).into(), wait).await {
            Ok(Some(reservation)) => Ok(reservation),
            Ok(None) => Err(errors::closed()),
            Err(_) => Err(errors::no_memory(
                topic,
                bytes,
                terms.memory.total(),
                terms.max_block,
            )),
        }
    }
}

/// A time that far away, or as far as time goes.
fn deadline(from: Instant, wait: Duration) -> Instant {
    const LONGEST: Duration = Duration::from_secs(60 * 60 * 24 * 365);
    from.checked_add(wait.min(LONGEST)).unwrap_or(from)
}

/// Milliseconds since the epoch.
fn wall_clock() -> i64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
