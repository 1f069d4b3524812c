//! What runs connectors and tasks.

mod state;

pub use state::{ConnectorTaskId, RunId, State, TargetState};
