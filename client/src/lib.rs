//! An async Kafka client in pure Rust: producer, consumer, groups, admin.

pub mod config;
