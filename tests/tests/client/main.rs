//! The client against every Kafka there is: one binary, so that each of them is started once.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that fails says enough, and one that does not run has to be seen"
)]

mod admin;
mod consumer;
mod consumer_faults;
mod examples;
mod groups;
mod groups_faults;
mod interop;
mod producer;
mod producer_faults;
mod support;
mod wrong_port;
