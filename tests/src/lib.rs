//! The test harness: a Kafka for every scenario, processes that never outlive their test, and files of lines.
//!
//! A scenario takes a [`Backend`] and asks it for a [`Cluster`]:
//!
//! | backend | what it is |
//! | --- | --- |
//! | [`Backend::Embedded`] | our own broker, in this process, over TCP |
//! | [`Backend::EmbeddedRedpanda`] | the same, offering the versions that Redpanda offers |
//! | [`Backend::Kafka`] | `KAFKA_BOOTSTRAP_SERVERS` if set (a containerized Kafka, say), else Apache Kafka from Maven Central |
//! | [`Backend::Kafka39`], [`Backend::Kafka28`] | older Apache Kafka, from Maven Central |
//!
//! A real Kafka is started once per test binary, shared by its tests, and ends with it, however it ends. Where none can
//! be had (no Java, no Maven, no network), the test says so by name and passes; with `CI` set it fails.

pub mod backend;
pub mod clients;
pub mod either;
pub mod figures;
pub mod http;
pub mod jars;
pub mod java;
pub mod kafka;
pub mod lines;
pub mod pipeline;
pub mod ports;
pub mod process;
pub mod real;
pub mod site;
pub mod soak;
pub mod worker;
pub mod workers;

pub use backend::{Backend, Cluster};
pub use either::{EitherWorker, Kind};
pub use java::{JavaWorker, Tool};
pub use kafka::KafkaCluster;
pub use process::Process;
pub use real::unique;
pub use worker::{KconnectWorker, kconnect_binary, kconnect_is_optimized};
pub use workers::Workers;

/// The common error of the harness: a test only prints it.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// What harness functions return.
pub type Result<T> = std::result::Result<T, Error>;
