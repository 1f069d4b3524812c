//! Kafka Connect without the JVM: the worker, its connectors, its REST API, and the binary.
//!
//! A worker of one's own, with one's own connectors, is one call in `main`; see [`run`]. What connectors are written
//! against is in [`api`] and [`data`].

pub mod api;
mod cli;
pub mod config;
pub mod connectors;
pub mod converters;
pub mod data;
pub mod distributed;
#[doc(hidden)]
pub mod fuzzing;
pub mod herder;
mod java_base64;
pub mod logging;
#[doc(hidden)]
#[cfg(target_arch = "x86_64")]
pub mod mem;
mod program;
pub mod rest;
pub mod runtime;
mod storage;
mod worker;

pub use program::run;
