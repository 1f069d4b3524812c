//! The producer.
#![allow(dead_code, reason = "temporary")]

mod accumulator;
mod batch;
mod delivery;
mod errors;
mod identity;
mod inbox;
mod memory;
mod partition;
mod record;
mod request;
mod sender;
mod terms;
mod topic;
mod unwatched;

pub use self::{
    delivery::{Delivery, RecordMetadata},
    record::{Header, ProducerRecord},
    sender::Abandoned,
};
pub use crate::config::ProducerConfig;
