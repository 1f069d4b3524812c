//! The consumer.

mod assignor;
mod core;
mod records;

pub use assignor::Assignor;
pub use records::{ConsumerRecord, ConsumerRecordIter, ConsumerRecords};
