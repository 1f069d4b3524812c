//! Bytes and numbers: the bounds-checked cursor and its mirror that all own messages use.

mod reader;
pub mod varint;
mod writer;

pub use reader::Reader;
pub use writer::Writer;
