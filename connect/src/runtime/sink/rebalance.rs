//! Partitions come and go: offsets are committed before one goes, and the task is told of both.

use kconnect_protocol::types::TopicPartition;
use std::time::Duration;
use tokio::time::sleep;
use tracing::{error, info, warn};

use super::task::{Sink, with_metadata};
use crate::api::ConnectError;

/// How long to wait before a position is asked for again.
const RETRY_BACKOFF: Duration = Duration::from_millis(100);

impl Sink<'_> {
    /// New partitions: the task opens them where the group left off, or where it says.
    pub(super) async fn assigned(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<(), ConnectError> {
        let mut positions = Vec::with_capacity(partitions.len());
        for partition in partitions {
            match self.position(partition).await? {
                Some(position) => positions.push(position),
                // It stops before it has opened any of them.
                None => return Ok(()),
            }
        }
        for (partition, position) in partitions.iter().zip(positions) {
            self.offsets.opened(partition.clone(), position);
        }
        self.control
            .set_assignment(self.consumer.assignment().into_iter().collect());
        self.pause_and_resume()?;
        if partitions.is_empty() {
            return Ok(());
        }
        info!(?partitions, "opening partitions");
        // What it asks for in this call is done before records are fetched.
        self.task
            .open(partitions)
            .await
            .map_err(|error| because("open", error))
    }

    /// Where reading begins; none when the task is to stop.
    async fn position(&mut self, partition: &TopicPartition) -> Result<Option<i64>, ConnectError> {
        loop {
            let problem = tokio::select! {
                biased;
                () = self.run.stop.cancelled() => return Ok(None),
                position = self.consumer.position(partition) => match position {
                    Ok(position) => return Ok(Some(position)),
                    Err(problem) => problem,
                },
            };
            if !problem.is_retriable() {
                let text = format!("cannot find out where to begin in {partition}");
                return Err(ConnectError::new(text).caused_by(problem));
            }
            warn!(%partition, %problem, "cannot find out where to begin; asking again");
            sleep(RETRY_BACKOFF).await;
        }
    }

    /// Partitions are taken away in order: what was put of them is committed.
    pub(super) async fn revoked(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<(), ConnectError> {
        self.commit_and_wait(partitions).await;
        self.close(partitions).await
    }

    /// Partitions are somebody else's already.
    pub(super) async fn lost(&mut self, partitions: &[TopicPartition]) -> Result<(), ConnectError> {
        warn!(
            ?partitions,
            "partitions were lost; what was not committed will be delivered again"
        );
        self.close(partitions).await
    }

    /// The task ends: what was put is committed.
    pub(super) async fn give_up_everything(&mut self) -> Result<(), ConnectError> {
        let partitions: Vec<TopicPartition> = self.offsets.current(None).into_keys().collect();
        if partitions.is_empty() {
            return Ok(());
        }
        self.revoked(&partitions).await
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<(), ConnectError> {
        let closed = self
            .task
            .close(partitions)
            .await
            .map_err(|error| because("close", error));
        for partition in partitions {
            self.offsets.closed(partition);
            self.paused_by_task.remove(partition);
        }
        self.forget_batch_of(partitions);
        let left = self
            .consumer
            .assignment()
            .into_iter()
            .filter(|partition| !partitions.contains(partition));
        self.control.set_assignment(left.collect());
        closed
    }

    /// Commits what the task agrees to and waits for it. A failure is logged: the records are delivered again.
    async fn commit_and_wait(&mut self, partitions: &[TopicPartition]) {
        let current = self.offsets.current(Some(partitions));
        if current.is_empty() {
            return;
        }
        let answered = match self.task.pre_commit(current).await {
            Ok(answered) => answered,
            Err(problem) => {
                error!("Offset commit failed during close: {problem:?}");
                return;
            }
        };
        let committable = self.offsets.committable(&answered);
        if committable.is_empty() {
            return;
        }
        let committing = self
            .consumer
            .commit_async(Some(with_metadata(&committable)));
        let patience = self.patience_at_the_end();
        let stop = self.run.stop.clone();
        let too_late = async {
            stop.cancelled().await;
            sleep(patience).await;
        };
        let committed = async { committing?.await };
        tokio::select! {
            biased;
            committed = committed => match committed {
                Ok(()) => self.offsets.committed(&committable),
                Err(problem) => error!(%problem, "Offset commit failed during close"),
            },
            // It goes on while the task closes.
            () = too_late => warn!("the last commit of offsets is not answered in time: records may be delivered again"),
        }
    }
}

fn because(call: &str, error: crate::api::TaskError) -> ConnectError {
    ConnectError::new(format!("SinkTask.{call} failed")).caused_by(error.into_error())
}
