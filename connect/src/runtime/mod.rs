//! What runs connectors and tasks.

pub(crate) mod event;
mod schedule;
mod sink;
mod source;
mod state;

pub use state::{ConnectorTaskId, RunId, State, TargetState};
