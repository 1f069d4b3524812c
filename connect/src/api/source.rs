//! Writing a source: a connector that splits the work, and tasks that poll for records.

use std::fmt;
use std::sync::Arc;

use kconnect_protocol::types::TopicPartition;

use super::{
    ConnectError, ConnectorContext, ConnectorTaskId, OffsetReader, Plugin, Properties,
    SourceRecord, TaskError,
};
use crate::data::Map;

/// The brain of a source: checks the configuration and splits the work into tasks.
pub trait SourceConnector: Plugin + Sized {
    /// What does the work.
    type Task: SourceTask;

    /// Starts the connector; what it needs to watch runs in tasks of its own until
    /// [`stop`](Self::stop).
    ///
    /// # Errors
    ///
    /// What keeps it from working; the connector is shown as failed with this text.
    fn start(
        context: SourceConnectorContext,
        config: Properties,
    ) -> impl Future<Output = Result<Self, ConnectError>> + Send;

    /// The configuration of each task, at most `max_tasks` of them.
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

    /// Whether this configuration can deliver every record exactly once; none if unknown.
    /// Asked without starting.
    #[must_use]
    fn exactly_once_support(config: &Properties) -> Option<ExactlyOnceSupport> {
        let _ = config;
        None
    }

    /// Whether tasks of this configuration can say where transactions end. Asked without starting.
    #[must_use]
    fn can_define_transaction_boundaries(config: &Properties) -> bool {
        let _ = config;
        false
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
        offsets: &[OffsetChange],
    ) -> impl Future<Output = Result<bool, ConnectError>> + Send {
        let _ = (config, offsets);
        async { Ok(false) }
    }
}

/// Whether a source connector can deliver exactly once with a given configuration (KIP-618).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExactlyOnceSupport {
    /// It can.
    Supported,
    /// It cannot.
    Unsupported,
}

/// One wish of an operator about a source's offsets, as it came; nothing is checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetChange {
    /// The source partition.
    pub partition: Option<Map>,
    /// The new offset; none to forget the partition.
    pub offset: Option<Map>,
}

/// The work of a source: one part of it, polled for records.
pub trait SourceTask: Sized + Send + 'static {
    /// Whether [`commit_records`](Self::commit_records) shall be called. The worker keeps records
    /// until they are written only if so.
    const COMMITS_RECORDS: bool = false;

    /// Starts the task: opens what it reads and finds the place to go on from.
    ///
    /// # Errors
    ///
    /// What keeps it from working; the task is shown as failed with this text.
    fn start(
        context: SourceTaskContext,
        config: Properties,
    ) -> impl Future<Output = Result<Self, TaskError>> + Send;

    /// The next records, in order. It may wait for some, but should return an empty list after a
    /// second or so, because pausing waits for it.
    ///
    /// Drop safety: the worker drops a pending call only when the task stops for good. What was
    /// gathered and not returned is not committed, so a restarted task reads it again.
    ///
    /// # Errors
    ///
    /// [`TaskError::Retriable`] to be polled again later, [`TaskError::Failed`] to end the task.
    fn poll(&mut self) -> impl Future<Output = Result<Vec<SourceRecord>, TaskError>> + Send;

    /// The offsets of records returned so far, as far as those are written, have been committed.
    ///
    /// # Errors
    ///
    /// Logged; the commit stands.
    fn commit(&mut self) -> impl Future<Output = Result<(), TaskError>> + Send {
        async { Ok(()) }
    }

    /// These records have been written or filtered out, in order of acknowledgement; for sources
    /// that must tell their outside system. See [`COMMITS_RECORDS`](Self::COMMITS_RECORDS).
    ///
    /// # Errors
    ///
    /// Logged; the records are written.
    fn commit_records(
        &mut self,
        records: Vec<CommittedRecord>,
    ) -> impl Future<Output = Result<(), TaskError>> + Send {
        let _ = records;
        async { Ok(()) }
    }

    /// Stops the task: closes what it has opened. Called once, also after an error; no other call
    /// follows.
    fn stop(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// A record of a source that Kafka has, or that was filtered out on the way.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CommittedRecord {
    /// The record as the task returned it.
    pub record: SourceRecord,
    /// Partition and offset it was written to; none if it was filtered out.
    pub written: Option<(TopicPartition, i64)>,
}

impl CommittedRecord {
    /// A record with the place that it was written to, if it was.
    #[must_use]
    pub fn new(record: SourceRecord, written: Option<(TopicPartition, i64)>) -> Self {
        Self { record, written }
    }
}

/// The worker, as a source connector sees it.
#[derive(Debug, Clone)]
pub struct SourceConnectorContext {
    connector: ConnectorContext,
    offsets: OffsetReader,
}

impl SourceConnectorContext {
    /// A context over what the worker offers.
    #[must_use]
    pub fn new(connector: ConnectorContext, offsets: OffsetReader) -> Self {
        Self { connector, offsets }
    }

    /// What every connector is given.
    #[must_use]
    pub fn connector(&self) -> &ConnectorContext {
        &self.connector
    }

    /// Reads committed offsets.
    #[must_use]
    pub fn offsets(&self) -> &OffsetReader {
        &self.offsets
    }
}

/// The worker, as a source task sees it.
#[derive(Clone)]
pub struct SourceTaskContext {
    id: ConnectorTaskId,
    offsets: OffsetReader,
    config: Arc<Properties>,
}

impl SourceTaskContext {
    /// A context over what the worker offers.
    #[must_use]
    pub fn new(id: ConnectorTaskId, config: Arc<Properties>, offsets: OffsetReader) -> Self {
        Self {
            id,
            offsets,
            config,
        }
    }

    /// Which task this is.
    #[must_use]
    pub fn id(&self) -> &ConnectorTaskId {
        &self.id
    }

    /// Reads committed offsets.
    #[must_use]
    pub fn offsets(&self) -> &OffsetReader {
        &self.offsets
    }

    /// The task's whole configuration.
    #[must_use]
    pub fn config(&self) -> &Properties {
        &self.config
    }
}

impl fmt::Debug for SourceTaskContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceTaskContext")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
