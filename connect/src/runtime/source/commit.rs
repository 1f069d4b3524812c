//! From acknowledgements to stored offsets: what is committable is collected and flushed to the store.

use std::time::Duration;

use kconnect_client::producer::DeliverySpan;
use tokio::time::timeout;
use tracing::{Instrument as _, debug, error, info_span, warn};

use super::pending::PendingOffsets;
use super::submitted::Submitted;
use crate::api::{ConnectError, ConnectorTaskId};
use crate::storage::ConnectorOffsets;

/// The offsets of a source task, from submission to storage.
#[derive(Debug)]
pub(super) struct Committer {
    id: ConnectorTaskId,
    store: ConnectorOffsets,
    /// `offset.flush.timeout.ms`.
    timeout: Duration,
    pub(super) submitted: Submitted<DeliverySpan>,
    pending: PendingOffsets,
}

impl Committer {
    pub(super) fn new(id: &ConnectorTaskId, store: ConnectorOffsets, timeout: Duration) -> Self {
        let (submitted, pending) = (Submitted::new(), PendingOffsets::default());
        Self {
            id: id.clone(),
            store,
            timeout,
            submitted,
            pending,
        }
    }

    /// Takes what Kafka has acknowledged.
    ///
    /// # Errors
    ///
    /// When a record could not be written: the task must not go on.
    pub(super) fn collect(&mut self) -> Result<(), ConnectError> {
        let pending = &mut self.pending;
        let taken = self
            .submitted
            .take_acknowledged(|partition, offset| pending.set(partition, offset));
        self.submitted.forget_idle();
        taken.map_err(|error| {
            ConnectError::new("Unrecoverable exception from producer send callback")
                .caused_by(error)
        })
    }

    /// Stores what has been collected, and says whether that worked. What could not be stored is stored with the next
    /// flush.
    ///
    /// Not cancel safe: a dropped flush may have stored its offsets; the next one repeats them.
    pub(super) async fn flush(&mut self) -> bool {
        let span = info_span!(
            "offsets",
            connector = &*self.id.connector,
            task = self.id.task,
            scope = "offsets"
        );
        self.flush_inside().instrument(span).await
    }

    async fn flush_inside(&mut self) -> bool {
        // A flush that was dropped half-way is repeated.
        self.pending.flush_failed();
        let Some(offsets) = self.pending.begin_flush() else {
            return true;
        };
        let partitions = offsets.len();
        match timeout(self.timeout, self.store.write(offsets)).await {
            Ok(Ok(())) => {
                debug!(partitions, "committed source offsets");
                self.pending.flushed();
                true
            }
            Ok(Err(problem)) => {
                error!("Failed to commit offsets: {problem:?}");
                self.pending.flush_failed();
                false
            }
            Err(_) => {
                warn!(
                    "timed out while committing source offsets; they are committed with the next flush"
                );
                self.pending.flush_failed();
                false
            }
        }
    }
}
