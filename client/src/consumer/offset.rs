//! What is committed: an offset, and what goes with it.

use kconnect_protocol::types::LeaderEpoch;

use super::core::Position;

/// A committed offset: the next record to consume.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct OffsetAndMetadata {
    /// The offset of the next record, that is, of the last one that was processed plus 1.
    pub offset: i64,
    /// The epoch of the last record that was processed, so that a truncated log is noticed (KIP-320).
    pub leader_epoch: Option<LeaderEpoch>,
    /// A note of the caller's. The broker limits its length (`offset.metadata.max.bytes`, 4096).
    pub metadata: String,
}

impl OffsetAndMetadata {
    /// An offset alone.
    #[must_use]
    pub fn new(offset: i64) -> Self {
        Self {
            offset,
            ..Self::default()
        }
    }

    /// The same with a note.
    #[must_use]
    pub fn with_metadata(self, metadata: impl Into<String>) -> Self {
        Self {
            metadata: metadata.into(),
            ..self
        }
    }
}

impl From<i64> for OffsetAndMetadata {
    fn from(offset: i64) -> Self {
        Self::new(offset)
    }
}

impl From<Position> for OffsetAndMetadata {
    fn from(position: Position) -> Self {
        Self {
            offset: position.offset,
            leader_epoch: position.leader_epoch,
            metadata: String::new(),
        }
    }
}

impl From<&OffsetAndMetadata> for Position {
    fn from(committed: &OffsetAndMetadata) -> Self {
        Self {
            offset: committed.offset,
            leader_epoch: committed.leader_epoch,
        }
    }
}
