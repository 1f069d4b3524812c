//! A Kafka broker in one process, for quick starts, tests and CI.
