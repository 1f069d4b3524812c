//! What runs connectors and tasks.

pub(crate) mod event;
mod state;

pub use state::{ConnectorTaskId, RunId, State, TargetState};
