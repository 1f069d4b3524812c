//! Bytes and numbers: the bounds-checked cursor and its mirror that all own messages use.

mod reader;
mod varint;
mod writer;

pub use reader::Reader;
pub use writer::Writer;
pub(crate) use writer::into_segments;
