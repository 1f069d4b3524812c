//! What runs connectors and tasks.

pub(crate) mod connector;
mod converters;
pub(crate) mod event;
pub(crate) mod offsets;
pub(crate) mod panics;
mod schedule;
mod sink;
mod source;
mod state;
mod task;
#[cfg(test)]
#[allow(dead_code, unused_imports, reason = "tests take what they need")]
pub(crate) mod testing;
pub(crate) mod worker;

pub use state::{ConnectorTaskId, RunId, State, TargetState};
