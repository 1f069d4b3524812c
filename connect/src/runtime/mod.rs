//! What runs connectors and tasks.

pub(crate) mod connector;
mod converters;
pub(crate) mod event;
mod panics;
mod schedule;
mod sink;
mod source;
mod state;
mod task;
pub(crate) mod worker;

pub use state::{ConnectorTaskId, RunId, State, TargetState};
