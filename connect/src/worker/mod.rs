//! Worker processes: from a property file to a worker that runs until it is told to stop.
//!
//! Both modes are put together from the same parts: [`settings`] reads and checks the property file, [`runtimes`] holds
//! the threads, [`endpoint`] the REST server's sockets, [`cluster`] looks for Kafka, [`signals`] says when to stop.

mod cluster;
pub(crate) mod connector_file;
pub(crate) mod distributed;
mod embedded_broker;
mod endpoint;
mod failure;
mod offsets_file;
mod peers;
mod rest_settings;
mod runtimes;
pub(crate) mod settings;
pub(crate) mod shutdown;
mod signals;
pub(crate) mod standalone;

pub(crate) use failure::Failure;
pub(crate) use runtimes::Runtimes;
pub(crate) use signals::{Signal, Signals};

/// The release of Apache Kafka whose Connect this worker speaks.
pub(crate) const KAFKA_VERSION: &str = "4.3.0";
