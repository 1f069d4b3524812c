//! Object-safe twins of the plugin traits, so that the worker can hold any plugin.
//!
//! Authors implement the traits with `async fn`; a blanket implementation boxes the future, once a
//! call. A call is made once a batch.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use kconnect_protocol::types::TopicPartition;

use super::{
    BoxFuture, CommittedRecord, ConfigError, ConfigKey, ConnectError, ConnectorContext, Converter,
    ExactlyOnceSupport, HeaderConverter, OffsetChange, Plugin, Properties, Role, SinkConnector,
    SinkOffsets, SinkRecord, SinkTask, SinkTaskContext, SourceConnector, SourceConnectorContext,
    SourceRecord, SourceTask, SourceTaskContext, TaskError,
};

/// What can be asked of every plugin class.
pub(crate) trait Class: Send + Sync {
    fn class(&self) -> &'static str;
    fn version(&self) -> &'static str;
    fn config_keys(&self) -> &'static [ConfigKey];
    fn validate(&self, config: &Properties) -> Vec<ConfigError>;
}

/// The class of a plugin type; it has no size.
pub(crate) struct Of<P>(PhantomData<fn() -> P>);

impl<P: 'static> Of<P> {
    pub(crate) const CLASS: &'static Self = &Self(PhantomData);
}

impl<P: Plugin> Class for Of<P> {
    fn class(&self) -> &'static str {
        P::CLASS
    }

    fn version(&self) -> &'static str {
        P::VERSION
    }

    fn config_keys(&self) -> &'static [ConfigKey] {
        P::config_keys()
    }

    fn validate(&self, config: &Properties) -> Vec<ConfigError> {
        P::validate(config)
    }
}

/// A source connector class.
pub(crate) trait SourceClass: Class {
    fn start(
        &self,
        context: SourceConnectorContext,
        config: Properties,
    ) -> BoxFuture<'static, Result<Box<dyn DynConnector>, ConnectError>>;

    fn start_task(
        &self,
        context: SourceTaskContext,
        config: Properties,
    ) -> BoxFuture<'static, Result<Box<dyn DynSourceTask>, TaskError>>;

    fn task_commits_records(&self) -> bool;

    fn exactly_once_support(&self, config: &Properties) -> Option<ExactlyOnceSupport>;

    fn can_define_transaction_boundaries(&self, config: &Properties) -> bool;

    fn alter_offsets<'a>(
        &self,
        config: &'a Properties,
        offsets: &'a [OffsetChange],
    ) -> BoxFuture<'a, Result<bool, ConnectError>>;
}

impl<C: SourceConnector> SourceClass for Of<C> {
    fn start(
        &self,
        context: SourceConnectorContext,
        config: Properties,
    ) -> BoxFuture<'static, Result<Box<dyn DynConnector>, ConnectError>> {
        Box::pin(async {
            let connector = C::start(context, config).await?;
            Ok(Box::new(Source(connector)) as Box<dyn DynConnector>)
        })
    }

    fn start_task(
        &self,
        context: SourceTaskContext,
        config: Properties,
    ) -> BoxFuture<'static, Result<Box<dyn DynSourceTask>, TaskError>> {
        Box::pin(async {
            let task = C::Task::start(context, config).await?;
            Ok(Box::new(task) as Box<dyn DynSourceTask>)
        })
    }

    fn task_commits_records(&self) -> bool {
        C::Task::COMMITS_RECORDS
    }

    fn exactly_once_support(&self, config: &Properties) -> Option<ExactlyOnceSupport> {
        C::exactly_once_support(config)
    }

    fn can_define_transaction_boundaries(&self, config: &Properties) -> bool {
        C::can_define_transaction_boundaries(config)
    }

    fn alter_offsets<'a>(
        &self,
        config: &'a Properties,
        offsets: &'a [OffsetChange],
    ) -> BoxFuture<'a, Result<bool, ConnectError>> {
        Box::pin(C::alter_offsets(config, offsets))
    }
}

/// A sink connector class.
pub(crate) trait SinkClass: Class {
    fn start(
        &self,
        context: ConnectorContext,
        config: Properties,
    ) -> BoxFuture<'static, Result<Box<dyn DynConnector>, ConnectError>>;

    fn start_task(
        &self,
        context: SinkTaskContext,
        config: Properties,
    ) -> BoxFuture<'static, Result<Box<dyn DynSinkTask>, TaskError>>;

    fn alter_offsets<'a>(
        &self,
        config: &'a Properties,
        offsets: &'a BTreeMap<TopicPartition, Option<i64>>,
    ) -> BoxFuture<'a, Result<bool, ConnectError>>;
}

impl<C: SinkConnector> SinkClass for Of<C> {
    fn start(
        &self,
        context: ConnectorContext,
        config: Properties,
    ) -> BoxFuture<'static, Result<Box<dyn DynConnector>, ConnectError>> {
        Box::pin(async {
            let connector = C::start(context, config).await?;
            Ok(Box::new(Sink(connector)) as Box<dyn DynConnector>)
        })
    }

    fn start_task(
        &self,
        context: SinkTaskContext,
        config: Properties,
    ) -> BoxFuture<'static, Result<Box<dyn DynSinkTask>, TaskError>> {
        Box::pin(async {
            let task = C::Task::start(context, config).await?;
            Ok(Box::new(task) as Box<dyn DynSinkTask>)
        })
    }

    fn alter_offsets<'a>(
        &self,
        config: &'a Properties,
        offsets: &'a BTreeMap<TopicPartition, Option<i64>>,
    ) -> BoxFuture<'a, Result<bool, ConnectError>> {
        Box::pin(C::alter_offsets(config, offsets))
    }
}

/// A started connector of either direction.
pub(crate) trait DynConnector: Send {
    fn task_configs(
        &mut self,
        max_tasks: usize,
    ) -> BoxFuture<'_, Result<Vec<Properties>, ConnectError>>;

    fn stop(&mut self) -> BoxFuture<'_, ()>;
}

struct Source<C>(C);
struct Sink<C>(C);

impl<C: SourceConnector> DynConnector for Source<C> {
    fn task_configs(
        &mut self,
        max_tasks: usize,
    ) -> BoxFuture<'_, Result<Vec<Properties>, ConnectError>> {
        Box::pin(self.0.task_configs(max_tasks))
    }

    fn stop(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.0.stop())
    }
}

impl<C: SinkConnector> DynConnector for Sink<C> {
    fn task_configs(
        &mut self,
        max_tasks: usize,
    ) -> BoxFuture<'_, Result<Vec<Properties>, ConnectError>> {
        Box::pin(self.0.task_configs(max_tasks))
    }

    fn stop(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.0.stop())
    }
}

/// A started source task.
pub(crate) trait DynSourceTask: Send {
    fn poll(&mut self) -> BoxFuture<'_, Result<Vec<SourceRecord>, TaskError>>;
    fn commit(&mut self) -> BoxFuture<'_, Result<(), TaskError>>;
    fn commit_records(
        &mut self,
        records: Vec<CommittedRecord>,
    ) -> BoxFuture<'_, Result<(), TaskError>>;
    fn stop(&mut self) -> BoxFuture<'_, ()>;
}

impl<T: SourceTask> DynSourceTask for T {
    fn poll(&mut self) -> BoxFuture<'_, Result<Vec<SourceRecord>, TaskError>> {
        Box::pin(SourceTask::poll(self))
    }

    fn commit(&mut self) -> BoxFuture<'_, Result<(), TaskError>> {
        Box::pin(SourceTask::commit(self))
    }

    fn commit_records(
        &mut self,
        records: Vec<CommittedRecord>,
    ) -> BoxFuture<'_, Result<(), TaskError>> {
        Box::pin(SourceTask::commit_records(self, records))
    }

    fn stop(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(SourceTask::stop(self))
    }
}

/// A started sink task.
pub(crate) trait DynSinkTask: Send {
    fn open<'a>(
        &'a mut self,
        partitions: &'a [TopicPartition],
    ) -> BoxFuture<'a, Result<(), TaskError>>;
    fn put<'a>(&'a mut self, records: &'a [SinkRecord]) -> BoxFuture<'a, Result<(), TaskError>>;
    fn pre_commit(&mut self, offsets: SinkOffsets)
    -> BoxFuture<'_, Result<SinkOffsets, TaskError>>;
    fn close<'a>(
        &'a mut self,
        partitions: &'a [TopicPartition],
    ) -> BoxFuture<'a, Result<(), TaskError>>;
    fn stop(&mut self) -> BoxFuture<'_, ()>;
}

impl<T: SinkTask> DynSinkTask for T {
    fn open<'a>(
        &'a mut self,
        partitions: &'a [TopicPartition],
    ) -> BoxFuture<'a, Result<(), TaskError>> {
        Box::pin(SinkTask::open(self, partitions))
    }

    fn put<'a>(&'a mut self, records: &'a [SinkRecord]) -> BoxFuture<'a, Result<(), TaskError>> {
        Box::pin(SinkTask::put(self, records))
    }

    fn pre_commit(
        &mut self,
        offsets: SinkOffsets,
    ) -> BoxFuture<'_, Result<SinkOffsets, TaskError>> {
        Box::pin(SinkTask::pre_commit(self, offsets))
    }

    fn close<'a>(
        &'a mut self,
        partitions: &'a [TopicPartition],
    ) -> BoxFuture<'a, Result<(), TaskError>> {
        Box::pin(SinkTask::close(self, partitions))
    }

    fn stop(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(SinkTask::stop(self))
    }
}

/// A converter class.
pub(crate) trait ConverterClass: Class {
    fn create(
        &self,
        config: &Properties,
        role: Role,
    ) -> Result<Box<dyn Converter>, Vec<ConfigError>>;
}

impl<C: Plugin + Converter> ConverterClass for Of<C> {
    fn create(
        &self,
        config: &Properties,
        role: Role,
    ) -> Result<Box<dyn Converter>, Vec<ConfigError>> {
        Ok(Box::new(C::new(config, role)?))
    }
}

/// A header converter class.
pub(crate) trait HeaderConverterClass: Class {
    fn create(&self, config: &Properties) -> Result<Box<dyn HeaderConverter>, Vec<ConfigError>>;
}

impl<C: Plugin + HeaderConverter> HeaderConverterClass for Of<C> {
    fn create(&self, config: &Properties) -> Result<Box<dyn HeaderConverter>, Vec<ConfigError>> {
        Ok(Box::new(C::new(config)?))
    }
}
