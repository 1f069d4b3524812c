//! Writing a sink: a connector that splits the work, and tasks that are given records.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kconnect_protocol::types::TopicPartition;

use super::{
    ConnectError, ConnectorContext, ConnectorTaskId, ErrorKind, Plugin, Properties, SinkRecord,
    TaskError,
};

/// For each partition the offset of the next record to be delivered after a restart.
pub type SinkOffsets = BTreeMap<TopicPartition, i64>;

/// The brain of a sink: checks the configuration and splits the work into tasks.
pub trait SinkConnector: Plugin + Sized {
    /// What does the work.
    type Task: SinkTask;

    /// Starts the connector.
    ///
    /// # Errors
    ///
    /// What keeps it from working; the connector is shown as failed with this text.
    fn start(
        context: ConnectorContext,
        config: Properties,
    ) -> impl Future<Output = Result<Self, ConnectError>> + Send;

    /// The configuration of each task, at most `max_tasks` of them. Partitions are shared out among
    /// them by the consumer group.
    ///
    /// # Errors
    ///
    /// What keeps it from splitting the work.
    fn task_configs(
        &mut self,
        max_tasks: usize,
    ) -> impl Future<Output = Result<Vec<Properties>, ConnectError>> + Send;

    /// Stops the connector. Tasks are stopped by the worker.
    fn stop(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// An operator wants other offsets, or none where the offset is none; the connector is stopped.
    /// True says that the connector has checked or applied them; the worker stores them then.
    ///
    /// # Errors
    ///
    /// With the reason when they make no sense, [`ErrorKind::Unsupported`](super::ErrorKind::Unsupported) when they cannot be
    /// changed from outside; nothing is stored then.
    fn alter_offsets(
        config: &Properties,
        offsets: &BTreeMap<TopicPartition, Option<i64>>,
    ) -> impl Future<Output = Result<bool, ConnectError>> + Send {
        let _ = (config, offsets);
        async { Ok(false) }
    }
}

/// The work of a sink: one part of it, given records in batches.
///
/// Calls never overlap. Between [`open`](Self::open) and [`close`](Self::close) of a partition its
/// records come in order.
pub trait SinkTask: Sized + Send + 'static {
    /// Starts the task: opens what it writes to.
    ///
    /// # Errors
    ///
    /// What keeps it from working; the task is shown as failed with this text.
    fn start(
        context: SinkTaskContext,
        config: Properties,
    ) -> impl Future<Output = Result<Self, TaskError>> + Send;

    /// Partitions have been assigned, in addition to those that there are.
    ///
    /// # Errors
    ///
    /// Any error ends the task.
    fn open(
        &mut self,
        partitions: &[TopicPartition],
    ) -> impl Future<Output = Result<(), TaskError>> + Send {
        let _ = partitions;
        async { Ok(()) }
    }

    /// Takes records; called without any from time to time. It may keep them (a clone shares) and
    /// write them later, but before [`pre_commit`](Self::pre_commit) answers with their offsets.
    ///
    /// Drop safety: the worker drops a pending call only when it gives the task up after the grace
    /// period of a shutdown; the records are delivered again after a restart.
    ///
    /// # Errors
    ///
    /// [`TaskError::Retriable`] to be given the same records again later; keep none of them then.
    /// [`TaskError::Failed`] to end the task.
    fn put(&mut self, records: &[SinkRecord])
    -> impl Future<Output = Result<(), TaskError>> + Send;

    /// Writes everything that was put and that is before these offsets.
    ///
    /// # Errors
    ///
    /// The offsets are not committed, and the task is rewound to the last committed ones.
    fn flush(
        &mut self,
        offsets: &SinkOffsets,
    ) -> impl Future<Output = Result<(), TaskError>> + Send {
        let _ = offsets;
        async { Ok(()) }
    }

    /// Given the offsets behind the records that were put, answers with those that may be
    /// committed; an empty answer commits nothing. Flushes and accepts all, unless implemented.
    ///
    /// # Errors
    ///
    /// The offsets are not committed, and the task is rewound to the last committed ones.
    fn pre_commit(
        &mut self,
        offsets: SinkOffsets,
    ) -> impl Future<Output = Result<SinkOffsets, TaskError>> + Send {
        async move {
            self.flush(&offsets).await?;
            Ok(offsets)
        }
    }

    /// Partitions go to another task, or the task stops; their offsets have been committed, unless
    /// they are already lost to another task.
    ///
    /// # Errors
    ///
    /// Any error ends the task.
    fn close(
        &mut self,
        partitions: &[TopicPartition],
    ) -> impl Future<Output = Result<(), TaskError>> + Send {
        let _ = partitions;
        async { Ok(()) }
    }

    /// Stops the task: closes what it has opened. Called once, also after an error; no other call
    /// follows.
    fn stop(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// The worker, as a sink task sees it. Wishes are carried out when the current call returns.
#[derive(Clone)]
pub struct SinkTaskContext {
    id: ConnectorTaskId,
    config: Arc<Properties>,
    shared: Arc<Mutex<Shared>>,
}

/// The worker's end of a [`SinkTaskContext`]; tests of sinks hold it too.
pub struct SinkTaskControl {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    assignment: BTreeSet<TopicPartition>,
    requests: SinkRequests,
}

/// What a sink task has asked for since it was last looked at.
#[derive(Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkRequests {
    /// Where to go on reading.
    pub offsets: SinkOffsets,
    /// How long to wait before records are put again.
    pub timeout: Option<Duration>,
    /// Partitions to pause (true) or resume (false).
    pub paused: BTreeMap<TopicPartition, bool>,
    /// Whether offsets should be committed soon.
    pub commit: bool,
}

impl SinkTaskContext {
    /// A context, and the other end of it.
    #[must_use]
    pub fn new(id: ConnectorTaskId, config: Arc<Properties>) -> (Self, SinkTaskControl) {
        let shared = Arc::<Mutex<Shared>>::default();
        (
            Self {
                id,
                config,
                shared: shared.clone(),
            },
            SinkTaskControl { shared },
        )
    }

    /// Which task this is.
    #[must_use]
    pub fn id(&self) -> &ConnectorTaskId {
        &self.id
    }

    /// The task's whole configuration.
    #[must_use]
    pub fn config(&self) -> &Properties {
        &self.config
    }

    /// The partitions that this task has now.
    #[must_use]
    pub fn assignment(&self) -> BTreeSet<TopicPartition> {
        lock(&self.shared).assignment.clone()
    }

    /// Goes on with these offsets before the next records are put: for sinks that keep offsets in
    /// their outside system.
    pub fn offsets(&self, offsets: SinkOffsets) {
        lock(&self.shared).requests.offsets.extend(offsets);
    }

    /// Waits that long, once, before records are put again: for a retriable error.
    pub fn timeout(&self, timeout: Duration) {
        lock(&self.shared).requests.timeout = Some(timeout);
    }

    /// Takes no more records of these partitions until they are resumed.
    ///
    /// # Errors
    ///
    /// When a partition is not assigned to this task; none is paused then.
    pub fn pause(&self, partitions: &[TopicPartition]) -> Result<(), ConnectError> {
        self.set_paused(partitions, true, "pause")
    }

    /// Takes records of these partitions again.
    ///
    /// # Errors
    ///
    /// When a partition is not assigned to this task; none is resumed then.
    pub fn resume(&self, partitions: &[TopicPartition]) -> Result<(), ConnectError> {
        self.set_paused(partitions, false, "resume")
    }

    /// Asks for a commit before the next one would be due.
    pub fn request_commit(&self) {
        lock(&self.shared).requests.commit = true;
    }

    fn set_paused(
        &self,
        partitions: &[TopicPartition],
        paused: bool,
        verb: &str,
    ) -> Result<(), ConnectError> {
        let mut shared = lock(&self.shared);
        if !partitions
            .iter()
            .all(|partition| shared.assignment.contains(partition))
        {
            return Err(ConnectError::of(
                ErrorKind::IllegalState,
                format!(
                    "SinkTasks may not {verb} partitions that are not currently assigned to them."
                ),
            ));
        }
        let wishes = partitions
            .iter()
            .map(|partition| (partition.clone(), paused));
        shared.requests.paused.extend(wishes);
        Ok(())
    }
}

impl SinkTaskControl {
    /// Takes what the task has asked for.
    #[must_use]
    pub fn take_requests(&self) -> SinkRequests {
        std::mem::take(&mut lock(&self.shared).requests)
    }

    /// Says which partitions the task has now; wishes about others are forgotten.
    pub fn set_assignment(&self, assignment: BTreeSet<TopicPartition>) {
        let mut shared = lock(&self.shared);
        shared
            .requests
            .offsets
            .retain(|partition, _| assignment.contains(partition));
        shared
            .requests
            .paused
            .retain(|partition, _| assignment.contains(partition));
        shared.assignment = assignment;
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for SinkTaskContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SinkTaskContext")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SinkTaskControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SinkTaskControl").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(number: i32) -> TopicPartition {
        TopicPartition::new("t", number)
    }

    #[test]
    fn wishes_are_collected_until_they_are_taken() {
        let (context, control) =
            SinkTaskContext::new(ConnectorTaskId::new(&"c".into(), 0), Arc::default());
        control.set_assignment([partition(0), partition(1)].into());
        context.pause(&[partition(0), partition(1)]).unwrap();
        context.resume(&[partition(1)]).unwrap();
        context.offsets([(partition(0), 5)].into());
        context.timeout(Duration::from_secs(1));
        context.request_commit();
        let requests = control.take_requests();
        assert_eq!(
            requests.paused,
            [(partition(0), true), (partition(1), false)].into()
        );
        assert_eq!(requests.offsets, [(partition(0), 5)].into());
        assert_eq!(requests.timeout, Some(Duration::from_secs(1)));
        assert!(requests.commit);
        assert_eq!(control.take_requests(), SinkRequests::default());
    }

    #[test]
    fn only_assigned_partitions_can_be_paused() {
        let (context, control) =
            SinkTaskContext::new(ConnectorTaskId::new(&"c".into(), 0), Arc::default());
        control.set_assignment([partition(0)].into());
        let error = context.pause(&[partition(0), partition(1)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "SinkTasks may not pause partitions that are not currently assigned to them."
        );
        assert_eq!(control.take_requests(), SinkRequests::default());
    }
}
