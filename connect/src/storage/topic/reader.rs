//! Reads a log from its beginning and for ever, whatever becomes of the brokers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kconnect_client::TopicPartition;
use kconnect_client::consumer::{Consumer, ConsumerEvent};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tracing::{debug, warn};

use super::log::LogEvent;

/// How long one poll waits.
const POLL: Duration = Duration::from_secs(60);
/// The wait after an error.
const RETRY: Duration = Duration::from_secs(1);
/// How long closing may take.
const CLOSE: Duration = Duration::from_secs(1);

/// Somebody waits until the log has been read so far.
#[derive(Debug)]
pub(super) struct ReadTo {
    pub(super) ends: BTreeMap<TopicPartition, i64>,
    pub(super) reply: oneshot::Sender<()>,
}

/// The task that reads a log.
pub(super) struct Reader {
    topic: Arc<str>,
    consumer: Consumer,
    commands: mpsc::Receiver<ReadTo>,
    events: mpsc::Sender<LogEvent>,
    waiting: Vec<ReadTo>,
}

/// What it waited for.
enum Wake {
    Command(Option<ReadTo>),
    Polled(Result<ConsumerEvent, kconnect_client::Error>),
}

impl Reader {
    pub(super) const fn new(
        topic: Arc<str>,
        consumer: Consumer,
        commands: mpsc::Receiver<ReadTo>,
        events: mpsc::Sender<LogEvent>,
    ) -> Self {
        Self {
            topic,
            consumer,
            commands,
            events,
            waiting: Vec::new(),
        }
    }

    /// Runs until nobody has a handle to the log, or takes its events, any more.
    pub(super) async fn run(mut self) {
        while self.step().await.is_some() {}
        debug!("topic '{}' is not read any more", self.topic);
        let _ = self.consumer.close(CLOSE).await;
    }

    async fn step(&mut self) -> Option<()> {
        self.release().await?;
        let wake = tokio::select! {
            command = self.commands.recv() => Wake::Command(command),
            polled = self.consumer.poll_or_move(POLL) => Wake::Polled(polled),
        };
        match wake {
            Wake::Command(command) => self.waiting.push(command?),
            Wake::Polled(Ok(ConsumerEvent::Records(records))) => {
                self.events.send(LogEvent::Records(records)).await.ok()?;
            }
            Wake::Polled(Ok(_)) => {}
            Wake::Polled(Err(error)) => {
                // The consumer goes on where it was: nothing is lost, whatever it was.
                warn!(%error, "Error polling topic '{}'; it is tried again", self.topic);
                sleep(RETRY).await;
                self.resume();
            }
        }
        Some(())
    }

    /// A partition that an error has stopped is tried again.
    fn resume(&mut self) {
        let partitions = self.consumer.assignment();
        if let Err(error) = self.consumer.resume(&partitions) {
            warn!(%error, "topic '{}' cannot be read on", self.topic);
        }
    }

    /// Tells those who wait that all they wait for has been told; forgets those who do not wait any more.
    async fn release(&mut self) -> Option<()> {
        self.waiting.retain(|waiting| !waiting.reply.is_closed());
        if self.waiting.is_empty() {
            return Some(());
        }
        let positions: BTreeMap<TopicPartition, i64> = self
            .consumer
            .positions()
            .map(|(partition, offset)| (partition.clone(), offset))
            .collect();
        let is_there = |waiting: &ReadTo| {
            let mut ends = waiting.ends.iter();
            ends.all(|(partition, &end)| {
                end <= 0 || positions.get(partition).is_some_and(|&at| at >= end)
            })
        };
        let (there, left) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition::<Vec<_>, _>(is_there);
        self.waiting = left;
        for reached in there {
            self.events
                .send(LogEvent::Reached(reached.reply))
                .await
                .ok()?;
        }
        Some(())
    }
}
