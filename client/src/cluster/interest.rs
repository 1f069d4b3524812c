//! Being told of changes, and keeping topics up to date.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use super::{Cluster, Known, Metadata, Shared};

impl Cluster {
    /// Tells when metadata changes.
    pub fn watch(&self) -> MetadataWatch {
        MetadataWatch(self.shared.known.subscribe())
    }

    /// Keeps topics up to date as long as what this returns is held.
    pub fn interest(&self) -> Interest {
        Interest {
            shared: Arc::clone(&self.shared),
            topics: Vec::new(),
            is_all: false,
        }
    }
}

/// Tells when metadata changes.
#[derive(Debug)]
pub struct MetadataWatch(watch::Receiver<Known>);

impl MetadataWatch {
    /// Waits until metadata has changed since the last time this was awaited; for ever if the client is closed. Cancel safe.
    pub async fn changed(&mut self) -> Arc<Metadata> {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        Arc::clone(&self.0.borrow_and_update().metadata)
    }

    /// Whether metadata has changed since the last time this was asked, or [`changed`](Self::changed) awaited. Never waits.
    pub fn has_changed(&mut self) -> bool {
        let has_changed = self.0.has_changed().unwrap_or(false);
        if has_changed {
            self.0.mark_unchanged();
        }
        has_changed
    }

    /// What is known now.
    pub fn current(&self) -> Arc<Metadata> {
        Arc::clone(&self.0.borrow().metadata)
    }
}

/// Topics that are kept up to date as long as this is held.
pub struct Interest {
    shared: Arc<Shared>,
    topics: Vec<Arc<str>>,
    is_all: bool,
}

impl Interest {
    /// Exactly these topics, from now on.
    pub fn set(&mut self, topics: impl IntoIterator<Item = Arc<str>>) {
        let topics: Vec<Arc<str>> = topics.into_iter().collect();
        let mut refresh = self.shared.refresh();
        topics.iter().for_each(|topic| refresh.hold(topic));
        self.topics.iter().for_each(|topic| refresh.release(topic));
        drop(refresh);
        self.topics = topics;
        self.shared.wake.notify_one();
    }

    /// The topics.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<str>> {
        self.topics.iter()
    }

    /// All topics of the cluster besides, or not any more.
    pub fn set_all(&mut self, is_all: bool) {
        let mut refresh = self.shared.refresh();
        match (self.is_all, is_all) {
            (false, true) => refresh.hold_all(),
            (true, false) => refresh.release_all(),
            _ => {}
        }
        drop(refresh);
        self.is_all = is_all;
        self.shared.wake.notify_one();
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        self.set([]);
        self.set_all(false);
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Interest");
        debug
            .field("topics", &self.topics)
            .field("is_all", &self.is_all)
            .finish()
    }
}
