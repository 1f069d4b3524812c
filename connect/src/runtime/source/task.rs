//! The life of a source task, from the producer that it is given to the last offset that is committed.

use std::sync::Arc;
use std::time::Duration;

use kconnect_client::producer::{Producer, ProducerConfig};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{info, warn};

use super::commit::Committer;
use super::pipeline::{NotSent, Pipeline};
use super::written::Unwritten;
use crate::api::{
    ConnectError, DynSourceTask, SourceClass, SourceRecord, SourceTaskContext, TaskError,
};
use crate::config::producer_properties;
use crate::runtime::State;
use crate::runtime::connector::properties;
use crate::runtime::converters::Converters;
use crate::runtime::panics::caught;
use crate::runtime::schedule::CommitSchedule;
use crate::runtime::task::{TaskRun, warn_unused};

/// How long to wait before something is tried again that failed but may work later.
const RETRY_BACKOFF: Duration = Duration::from_millis(100);
/// How long to wait after a poll that answered at once that there is nothing: some plugins do not wait themselves.
const EMPTY_POLL_PAUSE: Duration = Duration::from_millis(10);

/// A source task that has started.
struct Source<'a> {
    run: &'a mut TaskRun,
    task: Box<dyn DynSourceTask>,
    pipeline: Pipeline,
    producer: Producer,
    committer: Committer,
    schedule: CommitSchedule,
    /// Offsets were flushed while the plugin was busy; it has not been told yet.
    owes_commit: bool,
    /// For plugins that want to hear of their records again.
    unwritten: Option<Unwritten>,
}

/// Whether the task goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    GoOn,
    Stop,
}

/// Runs a source task until it is stopped or fails.
pub(crate) async fn execute(
    run: &mut TaskRun,
    class: &'static dyn SourceClass,
) -> Result<(), ConnectError> {
    let context = Arc::clone(&run.context);
    let connector = properties(&run.connector);
    let pipeline = Pipeline::new(Converters::new(&context, &connector)?);
    let store = context.offsets_of(&run.id.connector);
    let producer = producer(run)?;
    let config = properties(&run.config);
    let task_context =
        SourceTaskContext::new(run.id.clone(), Arc::new(config.clone()), store.reader());
    let task = tokio::select! {
        () = run.stop.cancelled() => return Ok(()),
        started = class.start_task(task_context, config) => started.map_err(TaskError::into_error)?,
    };
    info!(
        "WorkerSourceTask{{id={}}} Source task finished initialization and start",
        run.id
    );
    run.reports.state(State::Running).await;
    let source = Source {
        task,
        pipeline,
        producer,
        committer: Committer::new(&run.id, store, context.config.offset_flush_timeout),
        schedule: CommitSchedule::new(
            Instant::now().into_std(),
            context.config.offset_flush_interval,
        ),
        owes_commit: false,
        unwritten: class.task_commits_records().then(Unwritten::default),
        run,
    };
    source.live().await
}

fn producer(run: &TaskRun) -> Result<Producer, ConnectError> {
    let mut properties = producer_properties(&run.context.properties, &run.connector, &run.id);
    let config = ProducerConfig::from_properties(&mut properties)?;
    warn_unused("producer", &properties);
    Producer::new(config)
        .map_err(|error| ConnectError::new("Failed to construct kafka producer").caused_by(error))
}

impl Source<'_> {
    async fn live(mut self) -> Result<(), ConnectError> {
        match caught(self.work()).await {
            Ok(worked) => {
                let finished = self.finish().await;
                self.task.stop().await;
                self.producer.close(Duration::ZERO).await;
                worked.and(finished)
            }
            Err(panic) => {
                // Whatever state the plugin is in, what Kafka has can be committed.
                let _ = self.settle().await;
                self.producer.close(Duration::ZERO).await;
                Err(ConnectError::new(panic))
            }
        }
    }

    /// Polls and sends until the task is stopped.
    async fn work(&mut self) -> Result<(), ConnectError> {
        loop {
            self.committer.collect()?;
            self.report_written().await;
            if self.owes_commit || self.schedule.is_due(now()) {
                self.commit().await;
            }
            if self.run.is_paused() && self.pause().await? == Flow::Stop {
                return Ok(());
            }
            let Some(records) = self.poll().await? else {
                return Ok(());
            };
            if self.send(records).await? == Flow::Stop {
                return Ok(());
            }
        }
    }

    /// The plugin's next records; none when the task is to stop. A call that is under way is dropped only then.
    async fn poll(&mut self) -> Result<Option<Vec<SourceRecord>>, ConnectError> {
        let Self {
            run,
            task,
            committer,
            schedule,
            owes_commit,
            ..
        } = self;
        let started = Instant::now();
        let mut polling = task.poll();
        let polled = loop {
            tokio::select! {
                biased;
                () = run.stop.cancelled() => return Ok(None),
                polled = &mut polling => break polled,
                () = sleep_until(schedule.next().into()) => {
                    // The plugin may take its time; what Kafka has by now is committed all the same.
                    schedule.is_due(now());
                    committer.collect()?;
                    *owes_commit |= committer.flush().await;
                }
            }
        };
        drop(polling);
        let pause = match polled {
            Ok(records) if records.is_empty() && started.elapsed() < EMPTY_POLL_PAUSE => {
                EMPTY_POLL_PAUSE
            }
            Ok(records) => return Ok(Some(records)),
            Err(TaskError::Retriable(problem)) => {
                warn!("the task will be polled again: {problem:?}");
                RETRY_BACKOFF
            }
            Err(TaskError::Failed(problem)) => return Err(problem),
        };
        tokio::select! {
            () = run.stop.cancelled() => Ok(None),
            () = sleep(pause) => Ok(Some(Vec::new())),
        }
    }

    /// Hands all of `records` to the producer, waiting for room where there is none.
    async fn send(&mut self, records: Vec<SourceRecord>) -> Result<Flow, ConnectError> {
        for record in records {
            let delivery = loop {
                match self.pipeline.try_send(&self.producer, &record) {
                    Ok(delivery) => break delivery,
                    Err(NotSent::Failed(problem)) => return Err(problem),
                    Err(NotSent::Wait) => {
                        if self.wait_for_room(&record.topic).await? == Flow::Stop {
                            return Ok(Flow::Stop);
                        }
                    }
                }
            };
            if self.run.reports.is_new_topic(&record.topic) {
                self.run.reports.topic(&record.topic).await;
            }
            let submitted = &mut self.committer.submitted;
            match &mut self.unwritten {
                None => submitted.submit(
                    record.source_partition.as_ref(),
                    record.source_offset,
                    &delivery,
                ),
                Some(unwritten) => {
                    let offset = record.source_offset.clone();
                    submitted.submit(record.source_partition.as_ref(), offset, &delivery);
                    unwritten.push(record, delivery);
                }
            }
        }
        // Lets the producer run on this thread.
        tokio::task::yield_now().await;
        Ok(Flow::GoOn)
    }

    /// Waits until the producer takes records for `topic`; offsets are committed meanwhile.
    async fn wait_for_room(&mut self, topic: &str) -> Result<Flow, ConnectError> {
        loop {
            let problem = tokio::select! {
                biased;
                () = self.run.stop.cancelled() => return Ok(Flow::Stop),
                ready = self.producer.ready(topic) => match ready {
                    Ok(()) => return Ok(Flow::GoOn),
                    Err(problem) => problem,
                },
                () = sleep_until(self.schedule.next().into()) => {
                    self.schedule.is_due(now());
                    self.committer.collect()?;
                    self.owes_commit |= self.committer.flush().await;
                    continue;
                }
            };
            if !problem.is_retriable() {
                return Err(
                    ConnectError::new("Unrecoverable exception trying to send").caused_by(problem)
                );
            }
            warn!(%problem, "failed to send; will be tried again");
            sleep(RETRY_BACKOFF).await;
        }
    }

    /// Waits until the task is resumed; offsets are committed meanwhile.
    async fn pause(&mut self) -> Result<Flow, ConnectError> {
        self.run.reports.state(State::Paused).await;
        while self.run.is_paused() {
            tokio::select! {
                goes_on = self.run.target_changed() => {
                    if !goes_on {
                        return Ok(Flow::Stop);
                    }
                }
                () = sleep_until(self.schedule.next().into()) => {
                    self.schedule.is_due(now());
                    self.committer.collect()?;
                    self.report_written().await;
                    self.commit().await;
                }
            }
        }
        self.run.reports.state(State::Running).await;
        Ok(Flow::GoOn)
    }

    /// Stores what can be committed and tells the plugin.
    async fn commit(&mut self) {
        if self.committer.flush().await || self.owes_commit {
            self.owes_commit = false;
            if let Err(problem) = self.task.commit().await {
                warn!("exception thrown while calling task.commit(): {problem:?}");
            }
        }
    }

    /// Tells the plugin which of its records have been written, if it wants to know.
    async fn report_written(&mut self) {
        let Some(unwritten) = &mut self.unwritten else {
            return;
        };
        let written = unwritten.take_written();
        if !written.is_empty()
            && let Err(problem) = self.task.commit_records(written).await
        {
            warn!("exception thrown while calling task.commitRecord(): {problem:?}");
        }
    }

    /// Commits all that Kafka has, waiting for what is on its way.
    async fn finish(&mut self) -> Result<(), ConnectError> {
        let settled = self.settle().await;
        self.report_written().await;
        self.owes_commit = true;
        self.commit().await;
        settled
    }

    /// As [`finish`](Self::finish), without a word to the plugin.
    async fn settle(&mut self) -> Result<(), ConnectError> {
        let patience = self.run.context.config.offset_flush_timeout;
        // Each record's fate is told by its delivery.
        if timeout(patience, self.producer.flush()).await.is_err() {
            warn!(
                "Kafka did not acknowledge all records in time; those that it did not will be read again"
            );
        }
        let collected = self.committer.collect();
        self.committer.flush().await;
        collected
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
