//! What Kafka's own system tests do to Connect, on a real Kafka: workers with their connectors, bounced in turn, and what the
//! connectors print on standard output held against each other.

#[path = "system_tests/bounce.rs"]
mod bounce;
#[path = "system_tests/cluster.rs"]
mod cluster;
#[path = "system_tests/failures.rs"]
mod failures;
#[path = "system_tests/files.rs"]
mod files;
#[path = "system_tests/loggers.rs"]
mod loggers;
#[path = "system_tests/output.rs"]
mod output;
#[path = "system_tests/pauses.rs"]
mod pauses;
