//! The records of one poll on their way to the producer: topics are created, room is waited for.

use std::sync::Arc;

use kconnect_client::producer::Delivery;
use tokio::time::{sleep, sleep_until};
use tracing::warn;

use super::pipeline::cannot_be_sent;
use super::task::{Flow, RETRY_BACKOFF, Source};
use crate::api::{ConnectError, SourceRecord, TaskError};

/// After so many records others have their turn on this thread: the producer above all.
const BREATHER: usize = 256;

/// What waiting for room has come to.
enum Waited {
    Sent(Delivery),
    Failed(kconnect_client::Error),
    CommitDue,
}

impl Source<'_> {
    /// Hands all of `records` to the producer, waiting for room where there is none.
    pub(super) async fn send(&mut self, records: Vec<SourceRecord>) -> Result<Flow, ConnectError> {
        for (number, record) in (1..).zip(records) {
            let mut is_first = false;
            if self.run.reports.is_new_topic(&record.topic) {
                if self.create_topic(&record.topic).await? == Flow::Stop {
                    return Ok(Flow::Stop);
                }
                is_first = self.run.reports.meet(&record.topic);
            }
            let delivery = match self.pipeline.try_send(&self.producer, &record)? {
                Some(delivery) => delivery,
                None => match self.wait_and_send(&record).await? {
                    Some(delivery) => delivery,
                    None => return Ok(Flow::Stop),
                },
            };
            if is_first {
                self.new_topics.sent(&record.topic, (&delivery).into());
            }
            self.note_sent(record, delivery);
            if number % BREATHER == 0 {
                tokio::task::yield_now().await;
            }
        }
        // Lets the producer run on this thread.
        tokio::task::yield_now().await;
        Ok(Flow::GoOn)
    }

    fn note_sent(&mut self, record: SourceRecord, delivery: Delivery) {
        let submitted = &mut self.committer.submitted;
        let partition = record.source_partition.as_ref();
        match &mut self.unwritten {
            None => submitted.submit(partition, record.source_offset, &delivery),
            Some(unwritten) => {
                submitted.submit(partition, record.source_offset.clone(), &delivery);
                unwritten.push(record, delivery);
            }
        }
    }

    /// Makes sure before the first record for a topic that it exists, if the connector says how topics are created.
    async fn create_topic(&mut self, topic: &Arc<str>) -> Result<Flow, ConnectError> {
        if let Some(topics) = &self.topics
            && !self.run.reports.knows_topic(topic)
        {
            loop {
                let ensured = tokio::select! {
                    () = self.run.stop.cancelled() => return Ok(Flow::Stop),
                    ensured = topics.ensure(topic) => ensured,
                };
                match ensured {
                    Ok(()) => break,
                    Err(TaskError::Failed(problem)) => return Err(problem),
                    Err(TaskError::Retriable(problem)) => {
                        warn!(
                            "Failed to send record to topic '{topic}'. Backing off before retrying: {problem:?}"
                        );
                        sleep(RETRY_BACKOFF).await;
                    }
                }
            }
        }
        Ok(Flow::GoOn)
    }

    /// Sends a record for which there is no room yet, or whose topic is not known yet; offsets are committed meanwhile.
    /// Nothing when the task is to stop.
    async fn wait_and_send(
        &mut self,
        record: &SourceRecord,
    ) -> Result<Option<Delivery>, ConnectError> {
        loop {
            let waited = tokio::select! {
                biased;
                () = self.run.stop.cancelled() => return Ok(None),
                sent = self.pipeline.send(&self.producer, record) => match sent? {
                    Ok(delivery) => Waited::Sent(delivery),
                    Err(problem) => Waited::Failed(problem),
                },
                () = sleep_until(self.schedule.next().into()) => Waited::CommitDue,
            };
            match waited {
                Waited::Sent(delivery) => return Ok(Some(delivery)),
                Waited::CommitDue => self.commit_if_due().await?,
                Waited::Failed(problem) if problem.is_retriable() => {
                    warn!(%problem, "Failed to send record to topic '{}'. Backing off before retrying", record.topic);
                    sleep(RETRY_BACKOFF).await;
                }
                Waited::Failed(problem) => return Err(cannot_be_sent(problem)),
            }
        }
    }
}
