//! Where a worker keeps what must survive it.

#[cfg(test)]
mod memory;
mod offset_file;
mod offsets;
pub(crate) mod topic;

#[cfg(test)]
pub(crate) use memory::MemoryOffsetStore;
pub(crate) use offset_file::{FileOffsetStore, stream as offset_stream};
pub(crate) use offsets::{ConnectorOffsets, OffsetStore, check_primitive};
