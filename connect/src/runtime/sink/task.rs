//! The life of a sink task, from its subscription to its last commit.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kconnect_client::consumer::{
    Commit, Consumer, ConsumerEvent, ConsumerRecords, OffsetAndMetadata,
};
use kconnect_protocol::types::TopicPartition;
use tokio::time::{Instant, sleep};
use tracing::{debug, error, info, warn};

use super::convert::Conversion;
use super::offsets::{CommitId, SinkOffsetTracker};
use crate::api::{
    ConnectError, DynSinkTask, SinkClass, SinkRecord, SinkTaskContext, SinkTaskControl, TaskError,
};
use crate::config::{ConsumerKeys, consumer_properties};
use crate::runtime::State;
use crate::runtime::connector::properties;
use crate::runtime::converters::Converters;
use crate::runtime::panics::caught;
use crate::runtime::schedule::CommitSchedule;
use crate::runtime::task::{TaskRun, warn_unused};

/// How long to wait before the consumer is asked again after an error that may pass.
const RETRY_BACKOFF: Duration = Duration::from_millis(100);

/// A sink task that has started.
pub(super) struct Sink<'a> {
    pub(super) run: &'a mut TaskRun,
    pub(super) task: Box<dyn DynSinkTask>,
    pub(super) consumer: Consumer,
    /// What the task has asked for.
    pub(super) control: SinkTaskControl,
    conversion: Conversion,
    pub(super) offsets: SinkOffsetTracker,
    /// The commit whose answer is waited for.
    commit: Option<(CommitId, Commit)>,
    pub(super) schedule: CommitSchedule,
    /// What `put` is given next: new records, or those that it wants again.
    pub(super) batch: Vec<SinkRecord>,
    /// `put` could not take the batch, and gets it again.
    pub(super) redelivers: bool,
    /// Whether the target state is reached that keeps records away from the task.
    is_paused: bool,
    pub(super) paused_by_task: BTreeSet<TopicPartition>,
    /// Until when the task wants to be left alone, once.
    left_alone_until: Option<Instant>,
}

/// What a task has waited for.
enum Next {
    Event(ConsumerEvent),
    /// Something else has changed.
    Other,
    Stop,
}

/// Runs a sink task until it is stopped or fails.
pub(crate) async fn execute(
    run: &mut TaskRun,
    class: &'static dyn SinkClass,
) -> Result<(), ConnectError> {
    let context = Arc::clone(&run.context);
    let conversion = Conversion::new(Converters::new(&context, &properties(&run.connector))?);
    let consumer = consumer(run)?;
    let config = properties(&run.config);
    let (task_context, control) = SinkTaskContext::new(run.id.clone(), Arc::new(config.clone()));
    let task = tokio::select! {
        () = run.stop.cancelled() => return Ok(()),
        started = class.start_task(task_context, config) => started.map_err(TaskError::into_error)?,
    };
    info!(
        "WorkerSinkTask{{id={}}} Sink task finished initialization and start",
        run.id
    );
    run.reports.state(State::Running).await;
    let config = &context.config;
    let sink = Sink {
        task,
        consumer,
        control,
        conversion,
        offsets: SinkOffsetTracker::new(config.offset_flush_timeout),
        commit: None,
        schedule: CommitSchedule::new(now(), config.offset_flush_interval),
        batch: Vec::new(),
        redelivers: false,
        is_paused: false,
        paused_by_task: BTreeSet::new(),
        left_alone_until: None,
        run,
    };
    sink.live().await
}

/// A consumer that has subscribed to what the connector reads.
fn consumer(run: &TaskRun) -> Result<Consumer, ConnectError> {
    let failed = |error: kconnect_client::Error| {
        ConnectError::new("Failed to construct kafka consumer").caused_by(error)
    };
    let mut properties = consumer_properties(&run.context.properties, &run.connector, &run.id);
    let config = ConsumerKeys::from_properties(&mut properties)?.client;
    warn_unused("consumer", &properties);
    let mut consumer = Consumer::new(config).map_err(failed)?;
    let topics = run
        .connector
        .get("topics")
        .map(|topics| topics.trim())
        .filter(|topics| !topics.is_empty());
    let subscribed = match topics {
        Some(topics) => {
            let topics = topics.split(',').map(str::trim);
            let topics = topics.filter(|topic| !topic.is_empty());
            consumer.subscribe(&topics.collect::<Vec<_>>())
        }
        None => {
            let regex = run
                .connector
                .get("topics.regex")
                .map(|regex| regex.trim())
                .unwrap_or_default();
            consumer.subscribe_pattern(regex)
        }
    };
    subscribed.map_err(failed)?;
    Ok(consumer)
}

impl Sink<'_> {
    async fn live(mut self) -> Result<(), ConnectError> {
        let ended = match caught(self.work()).await {
            Ok(worked) => {
                let closed = caught(self.give_up_everything()).await;
                if let Err(panic) = caught(self.task.stop()).await {
                    warn!("Could not stop task: {panic}");
                }
                let closed = closed.unwrap_or_else(|panic| Err(ConnectError::new(panic)));
                worked.and(closed)
            }
            // Whatever state the plugin is in, it is not called again; what it has put is put again after a restart.
            Err(panic) => Err(ConnectError::new(panic)),
        };
        let patience = self.patience_at_the_end();
        if let Err(problem) = self.consumer.close(patience).await {
            warn!(%problem, "the consumer did not close in order");
        }
        ended
    }

    /// How long the brokers are waited for once the task has been stopped: for the last commit, and again for the consumer to
    /// close. Of the time after which the task is abandoned, a part is left for what the plugin does at the end.
    pub(super) fn patience_at_the_end(&self) -> Duration {
        let config = &self.run.context.config;
        (config.task_shutdown_graceful_timeout * 2 / 5).min(config.offset_flush_timeout)
    }

    /// Polls and puts until the task is stopped.
    async fn work(&mut self) -> Result<(), ConnectError> {
        loop {
            self.apply_requests()?;
            self.follow_target().await?;
            self.commit_if_due().await?;
            match self.wait().await? {
                Next::Stop => return Ok(()),
                Next::Other => {}
                Next::Event(ConsumerEvent::Records(records)) => {
                    self.left_alone_until = None;
                    self.take(&records).await?;
                    self.put().await?;
                }
                Next::Event(ConsumerEvent::Assigned(partitions)) => {
                    self.assigned(&partitions).await?
                }
                Next::Event(ConsumerEvent::Revoked(partitions)) => {
                    self.revoked(&partitions).await?
                }
                Next::Event(ConsumerEvent::Lost(partitions)) => self.lost(&partitions).await?,
                // Also without records: a task may want to do something from time to time.
                Next::Event(_) => {
                    self.left_alone_until = None;
                    self.put().await?;
                }
            }
        }
    }

    /// Waits for the consumer, an order, or the answer to a commit; no longer than until the next commit.
    async fn wait(&mut self) -> Result<Next, ConnectError> {
        // While one commit is under way the next one cannot be due.
        let due = self
            .offsets
            .commit_deadline()
            .unwrap_or_else(|| self.schedule.next());
        let left_alone = self.left_alone_until.map(Instant::into_std);
        let wake = left_alone.map_or(due, |until| until.min(due));
        let patience = wake.saturating_duration_since(now());
        let waits_longer = left_alone.is_some_and(|until| until > due);
        let Self {
            run,
            consumer,
            commit,
            offsets,
            ..
        } = self;
        let problem = tokio::select! {
            biased;
            () = run.stop.cancelled() => return Ok(Next::Stop),
            Ok(()) = run.target.changed() => {
                // It is looked at again before anything else is done.
                run.target.mark_changed();
                return Ok(Next::Other);
            }
            (id, result) = answer(commit) => {
                *commit = None;
                if let Err(problem) = &result {
                    warn!(%problem, "commit of offsets failed; it is tried again with the next");
                }
                offsets.commit_answered(id, result.is_ok());
                return Ok(Next::Other);
            }
            polled = consumer.poll(patience) => match polled {
                // Only the commit is due; the task still wants to be left alone.
                Ok(ConsumerEvent::Idle) if waits_longer => return Ok(Next::Other),
                Ok(event) => return Ok(Next::Event(event)),
                Err(problem) => problem,
            },
        };
        if !problem.is_retriable() {
            return Err(
                ConnectError::new("Unrecoverable exception from the consumer").caused_by(problem),
            );
        }
        warn!(%problem, "consumer failed; it is asked again");
        tokio::select! {
            () = run.stop.cancelled() => Ok(Next::Stop),
            () = sleep(RETRY_BACKOFF) => Ok(Next::Other),
        }
    }

    /// Does what the task has asked for since the last time.
    fn apply_requests(&mut self) -> Result<(), ConnectError> {
        let requests = self.control.take_requests();
        for (partition, offset) in requests.offsets {
            if self.offsets.rewound(&partition, offset) {
                info!(%partition, offset, "rewinding as the task asks");
                // What it did not take is read again, from there on.
                self.forget_batch_of(std::slice::from_ref(&partition));
                self.seek(&partition, offset)?;
            } else {
                warn!(%partition, offset, "ignoring an offset of a partition that is not assigned");
            }
        }
        if let Some(timeout) = requests.timeout {
            self.left_alone_until = Instant::now().checked_add(timeout);
        }
        if requests.commit {
            self.schedule.request(now());
        }
        if !requests.paused.is_empty() {
            for (partition, paused) in requests.paused {
                if paused {
                    self.paused_by_task.insert(partition);
                } else {
                    self.paused_by_task.remove(&partition);
                }
            }
            self.pause_and_resume()?;
        }
        if self.redelivers && self.batch.is_empty() {
            // Nothing is left of what was to be put again.
            self.redelivers = false;
            self.pause_and_resume()?;
        }
        Ok(())
    }

    pub(super) fn seek(
        &mut self,
        partition: &TopicPartition,
        offset: i64,
    ) -> Result<(), ConnectError> {
        self.consumer.seek(partition, offset).map_err(|error| {
            ConnectError::new(format!("cannot go on at offset {offset} of {partition}"))
                .caused_by(error)
        })
    }

    /// Pauses or resumes the task when its target state has changed.
    async fn follow_target(&mut self) -> Result<(), ConnectError> {
        let wants_pause = self.run.is_paused();
        if wants_pause == self.is_paused {
            return Ok(());
        }
        self.is_paused = wants_pause;
        self.pause_and_resume()?;
        let state = if wants_pause {
            self.schedule.request(now());
            State::Paused
        } else {
            State::Running
        };
        self.run.reports.state(state).await;
        Ok(())
    }

    /// Pauses the partitions of which the task shall have nothing now, and resumes the others.
    pub(super) fn pause_and_resume(&mut self) -> Result<(), ConnectError> {
        let none = self.is_paused || self.redelivers;
        let (paused, resumed): (Vec<_>, Vec<_>) = self
            .consumer
            .assignment()
            .into_iter()
            .partition(|partition| none || self.paused_by_task.contains(partition));
        let done = self
            .consumer
            .pause(&paused)
            .and_then(|()| self.consumer.resume(&resumed));
        done.map_err(|error| {
            ConnectError::new("cannot pause or resume partitions").caused_by(error)
        })
    }

    /// Converts `records` into the batch.
    async fn take(&mut self, records: &ConsumerRecords) -> Result<(), ConnectError> {
        self.batch.reserve(records.len());
        for record in records {
            match self.conversion.convert(&record) {
                Ok(record) => self.batch.push(record),
                Err(problem) => {
                    // The task has used the topics of those that could be read.
                    for record in &self.batch {
                        self.run.reports.topic(&record.topic).await;
                    }
                    return Err(problem);
                }
            }
        }
        for partition in records.partitions() {
            if self.run.reports.is_new_topic(&partition.topic) {
                self.run.reports.topic(&partition.topic).await;
            }
        }
        Ok(())
    }

    /// Gives the batch to the task. One that it wants again is kept, and nothing else is fetched meanwhile.
    async fn put(&mut self) -> Result<(), ConnectError> {
        match self.task.put(&self.batch).await {
            Ok(()) => {
                self.note_put();
                self.batch.clear();
                if std::mem::take(&mut self.redelivers) {
                    self.pause_and_resume()?;
                }
                Ok(())
            }
            Err(TaskError::Retriable(problem)) => {
                error!(
                    "RetriableException from SinkTask; the batch will be put again: {problem:?}"
                );
                if !std::mem::replace(&mut self.redelivers, true) {
                    self.pause_and_resume()?;
                }
                Ok(())
            }
            Err(TaskError::Failed(problem)) => Err(ConnectError::new(
                "Exiting WorkerSinkTask due to unrecoverable exception.",
            )
            .caused_by(problem)),
        }
    }

    /// The offsets after the batch are the current ones. A partition's records stand together, mostly.
    fn note_put(&mut self) {
        let is_same = |one: &SinkRecord, other: &SinkRecord| {
            one.original_kafka_partition() == other.original_kafka_partition()
                && Arc::ptr_eq(one.original_topic(), other.original_topic())
        };
        for records in self.batch.chunk_by(is_same) {
            if let Some(last) = records.last() {
                let partition = TopicPartition {
                    topic: Arc::clone(last.original_topic()),
                    partition: last.original_kafka_partition(),
                };
                self.offsets
                    .put(&partition, last.original_kafka_offset() + 1);
            }
        }
    }

    /// Drops what waits to be put again of these partitions.
    pub(super) fn forget_batch_of(&mut self, partitions: &[TopicPartition]) {
        self.batch.retain(|record| {
            !partitions.iter().any(|gone| {
                gone.partition == record.original_kafka_partition()
                    && gone.topic == *record.original_topic()
            })
        });
    }

    async fn commit_if_due(&mut self) -> Result<(), ConnectError> {
        if self.offsets.check_timeout(now()) {
            warn!("Commit of offsets timed out; it is tried again with the next");
            self.commit = None;
        }
        if self.offsets.is_committing() || !self.schedule.is_due(now()) {
            return Ok(());
        }
        let current = self.offsets.current(None);
        if current.is_empty() {
            return Ok(());
        }
        let answered = match self.task.pre_commit(current).await {
            Ok(answered) => answered,
            Err(problem) => {
                error!("Offset commit failed, rewinding to last committed offsets: {problem:?}");
                return self.rewind();
            }
        };
        let committable = self.offsets.committable(&answered);
        if committable.is_empty() {
            return Ok(());
        }
        debug!(partitions = committable.len(), "committing offsets");
        match self
            .consumer
            .commit_async(Some(with_metadata(&committable)))
        {
            Ok(commit) => {
                let id = self.offsets.commit_sent(now(), committable);
                self.commit = Some((id, commit));
            }
            Err(problem) => {
                warn!(%problem, "commit of offsets failed; it is tried again with the next")
            }
        }
        Ok(())
    }

    /// Goes back to what was committed last; records that wait for `put` are read again.
    fn rewind(&mut self) -> Result<(), ConnectError> {
        for (partition, offset) in self.offsets.rewind() {
            self.seek(&partition, offset)?;
        }
        self.batch.clear();
        if std::mem::take(&mut self.redelivers) {
            self.pause_and_resume()?;
        }
        Ok(())
    }
}

/// Offsets as the consumer takes them.
pub(super) fn with_metadata(
    offsets: &crate::api::SinkOffsets,
) -> std::collections::BTreeMap<TopicPartition, OffsetAndMetadata> {
    offsets
        .iter()
        .map(|(partition, &offset)| (partition.clone(), offset.into()))
        .collect()
}

/// The answer to the commit under way; never without one.
async fn answer(
    commit: &mut Option<(CommitId, Commit)>,
) -> (CommitId, Result<(), kconnect_client::Error>) {
    match commit {
        Some((id, commit)) => (*id, commit.await),
        None => std::future::pending().await,
    }
}

pub(super) fn now() -> std::time::Instant {
    Instant::now().into_std()
}
