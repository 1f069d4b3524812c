//! The consumer.

mod assignor;
mod commit;
mod core;
mod event;
mod group;
mod offset;
mod records;

pub use assignor::Assignor;
pub use commit::Commit;
pub use event::ConsumerEvent;
pub use offset::OffsetAndMetadata;
pub use records::{ConsumerRecord, ConsumerRecordIter, ConsumerRecords};
