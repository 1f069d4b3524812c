//! The connectors that come with the worker.

pub mod file_sink;
pub mod file_source;
