//! The config topic: its records, byte for byte as Java's, and the state that they add up to.

mod record;
mod state;

pub use record::{BadRecord, ConfigRecord, SessionKey};
pub use state::{ConfigEvent, ConfigState, ConnectorConfig};
