//! The life of a source task, from the producer that it is given to the last offset that is committed.

use std::sync::Arc;
use std::time::Duration;

use kconnect_client::producer::{DeliverySpan, Producer};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{info, warn};

use super::commit::Committer;
use super::new_topics::NewTopics;
use super::pipeline::Pipeline;
use super::topics::Topics;
use super::written::Unwritten;
use crate::api::{
    ConnectError, DynSourceTask, SourceClass, SourceRecord, SourceTaskContext, TaskError,
};
use crate::config::{ProducerKeys, producer_properties};
use crate::runtime::State;
use crate::runtime::connector::properties;
use crate::runtime::converters::Converters;
use crate::runtime::panics::caught;
use crate::runtime::schedule::CommitSchedule;
use crate::runtime::task::{TaskRun, warn_unused};

/// How long to wait before something is tried again that failed but may work later.
pub(super) const RETRY_BACKOFF: Duration = Duration::from_millis(100);
/// How long to wait after a poll that answered at once that there is nothing: some plugins do not wait themselves.
const EMPTY_POLL_PAUSE: Duration = Duration::from_millis(10);

/// A source task that has started.
pub(super) struct Source<'a> {
    pub(super) run: &'a mut TaskRun,
    task: Box<dyn DynSourceTask>,
    pub(super) pipeline: Pipeline,
    pub(super) producer: Producer,
    /// What creates topics, if the connector says how.
    pub(super) topics: Option<Topics>,
    /// Topics that are in use once their first record is written.
    pub(super) new_topics: NewTopics<DeliverySpan>,
    pub(super) committer: Committer,
    pub(super) schedule: CommitSchedule,
    /// Offsets were flushed while the plugin was busy; it has not been told yet.
    owes_commit: bool,
    /// For plugins that want to hear of their records again.
    pub(super) unwritten: Option<Unwritten>,
}

/// Whether the task goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
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
    let topics = Topics::of(run)?;
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
        topics,
        new_topics: NewTopics::new(),
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
    let config = ProducerKeys::from_properties(&mut properties)?.client;
    warn_unused("producer", &properties);
    Producer::new(config)
        .map_err(|error| ConnectError::new("Failed to construct kafka producer").caused_by(error))
}

impl Source<'_> {
    async fn live(mut self) -> Result<(), ConnectError> {
        let ended = match caught(self.work()).await {
            Ok(worked) => {
                let finished = caught(self.finish()).await;
                if let Err(panic) = caught(self.task.stop()).await {
                    warn!("Could not stop task: {panic}");
                }
                let finished = finished.unwrap_or_else(|panic| Err(ConnectError::new(panic)));
                worked.and(finished)
            }
            Err(panic) => {
                // Whatever state the plugin is in, what Kafka has can be committed.
                let _ = self.settle().await;
                self.report_topics().await;
                self.committer.flush().await;
                Err(ConnectError::new(panic))
            }
        };
        self.producer.close(Duration::ZERO).await;
        if let Some(topics) = &self.topics {
            topics.close().await;
        }
        ended
    }

    /// Polls and sends until the task is stopped.
    async fn work(&mut self) -> Result<(), ConnectError> {
        loop {
            self.report_topics().await;
            self.committer.collect()?;
            self.report_written().await;
            if self.schedule.is_due(now()) || self.owes_commit {
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
            new_topics,
            ..
        } = self;
        let started = Instant::now();
        let mut polling = task.poll();
        let polled = loop {
            tokio::select! {
                biased;
                () = run.stop.cancelled() => return Ok(None),
                polled = &mut polling => break polled,
                () = new_topics.known() => {
                    for topic in new_topics.take_written() {
                        run.reports.in_use(topic).await;
                    }
                }
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
                () = self.new_topics.known() => self.report_topics().await,
                () = sleep_until(self.schedule.next().into()) => self.commit_if_due().await?,
            }
        }
        self.run.reports.state(State::Running).await;
        Ok(Flow::GoOn)
    }

    /// Commits what Kafka has by now, if it is time.
    pub(super) async fn commit_if_due(&mut self) -> Result<(), ConnectError> {
        self.report_topics().await;
        self.committer.collect()?;
        self.report_written().await;
        if self.schedule.is_due(now()) {
            self.commit().await;
        }
        Ok(())
    }

    /// Stores what can be committed and tells the plugin, unless that failed.
    async fn commit(&mut self) {
        let is_stored = self.committer.flush().await;
        if (is_stored || std::mem::take(&mut self.owes_commit))
            && let Err(problem) = self.task.commit().await
        {
            warn!("exception thrown while calling task.commit(): {problem:?}");
        }
        self.owes_commit = false;
    }

    /// Reports the topics that something has been written to now for the first time.
    async fn report_topics(&mut self) {
        for topic in self.new_topics.take_written() {
            self.run.reports.in_use(topic).await;
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
        self.report_topics().await;
        self.report_written().await;
        self.commit().await;
        settled
    }

    /// Waits for what is on its way, and takes what Kafka has.
    async fn settle(&mut self) -> Result<(), ConnectError> {
        let patience = self.run.context.config.offset_flush_timeout;
        // Each record's fate is told by its delivery.
        if timeout(patience, self.producer.flush()).await.is_err() {
            warn!(
                "Kafka did not acknowledge all records in time; those that it did not will be read again"
            );
        }
        self.committer.collect()
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
