//! The consumer.

mod assignor;
mod commit;
mod core;
mod offset;
mod records;

pub use assignor::Assignor;
pub use commit::Commit;
pub use offset::OffsetAndMetadata;
pub use records::{ConsumerRecord, ConsumerRecordIter, ConsumerRecords};
