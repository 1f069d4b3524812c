//! Where a worker keeps what must survive it.

mod offset_file;
mod offsets;
pub(crate) mod topic;

pub(crate) use offset_file::{FileOffsetStore, stream as offset_stream};
pub(crate) use offsets::{ConnectorOffsets, MemoryOffsetStore, OffsetStore, check_primitive};
