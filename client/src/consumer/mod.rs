//! The consumer.

mod assignor;
mod core;
mod records;

pub use records::{ConsumerRecord, ConsumerRecordIter, ConsumerRecords};
