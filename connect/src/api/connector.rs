//! What every connector is given, whichever way it moves records.

use std::fmt;
use std::sync::Arc;

use super::ConnectError;

/// The worker, as a connector sees it.
#[derive(Clone)]
pub struct ConnectorContext {
    name: Arc<str>,
    events: Arc<dyn ConnectorEvents>,
}

/// What a connector tells its worker: implemented by the worker, and by tests of connectors.
///
/// Both calls return at once; the worker acts on them later.
pub trait ConnectorEvents: Send + Sync {
    /// The connector wants to be asked for its task configurations again.
    fn request_task_reconfiguration(&self);

    /// The connector cannot go on.
    fn raise_error(&self, error: ConnectError);
}

impl ConnectorContext {
    /// A context for the connector of that name.
    pub fn new(name: impl Into<Arc<str>>, events: Arc<dyn ConnectorEvents>) -> Self {
        Self {
            name: name.into(),
            events,
        }
    }

    /// The connector's name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Asks the worker to call `task_configs` again and to replace the tasks if they changed: for
    /// connectors that watch their outside system, for example for new tables.
    pub fn request_task_reconfiguration(&self) {
        self.events.request_task_reconfiguration();
    }

    /// Tells the worker that the connector failed on its own, outside of a call.
    pub fn raise_error(&self, error: ConnectError) {
        self.events.raise_error(error);
    }
}

impl fmt::Debug for ConnectorContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectorContext")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
