//! The half that moves bytes: sockets or pipes, tasks and the clock. It decides nothing about Kafka.

pub(crate) mod clock;
pub(crate) mod connection;
pub(crate) mod driver;
pub(crate) mod listener;
pub(crate) mod outbox;
