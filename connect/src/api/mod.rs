//! What a plugin is written against: connectors, tasks, converters, their contexts, records, errors.
//!
//! Authors write plain `async fn`s; the worker runs each connector and task on its own, so that one
//! that blocks, panics or hangs hurts nobody else. Records travel in batches.

mod connector;
mod converter;
mod erased;
mod error;
mod offsets;
mod plugin;
mod record;
mod registry;
mod sink;
mod source;

pub use crate::runtime::ConnectorTaskId;
pub use connector::{ConnectorContext, ConnectorEvents};
pub use converter::{Converter, HeaderConverter, RawHeaders, Role};
pub(crate) use erased::{Class, DynConnector, DynSinkTask, DynSourceTask, SinkClass, SourceClass};
pub use error::{ConnectError, ErrorKind, TaskError};
pub use kconnect_client::config::{ConfigError, ConfigKey, Properties, check};
pub use kconnect_client::{config, config_enum};
pub use kconnect_protocol::records::TimestampType;
pub use kconnect_protocol::types::TopicPartition;
pub use offsets::{OffsetReader, ReadOffsets, SourceOffset, SourcePartition};
pub use plugin::{Plugin, PluginKind};
pub(crate) use plugin::{pruned_name, simple_name};
pub use record::{SinkRecord, SourceRecord};
pub(crate) use registry::ConnectorClass;
pub use registry::{FindError, Plugins};
pub use sink::{
    SinkConnector, SinkOffsets, SinkRequests, SinkTask, SinkTaskContext, SinkTaskControl,
};
pub use source::{
    CommittedRecord, ExactlyOnceSupport, OffsetChange, SourceConnector, SourceConnectorContext,
    SourceTask, SourceTaskContext,
};

/// A future whose type is erased; made once a batch, never once a record.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
