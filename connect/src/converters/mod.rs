//! The converters that come with the worker.

pub mod json;
