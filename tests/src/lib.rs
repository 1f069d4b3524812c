//! The test harness (real Kafka, the embedded broker, faults) and the integration tests.
