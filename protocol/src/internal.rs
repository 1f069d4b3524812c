//! What our own tests and fuzz targets need and nobody else should use.

pub use crate::bounded::sample::{every_message, sample_message};
