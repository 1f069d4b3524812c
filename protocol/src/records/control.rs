//! Control records: markers in the log that say where transactions end (KIP-98) and other things that are not data.

use bytes::Bytes;

use super::iter::RecordView;
use super::{ProducerStamp, Record, RecordBatchBuilder};

/// What a control record says; a number first, since newer brokers know more of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ControlType(pub i16);

impl ControlType {
    /// The transaction of the batch's producer is aborted.
    pub const ABORT: Self = Self(0);
    /// The transaction of the batch's producer is committed.
    pub const COMMIT: Self = Self(1);
    /// A new leader of the metadata quorum.
    pub const LEADER_CHANGE: Self = Self(2);
    /// The begin of a metadata snapshot.
    pub const SNAPSHOT_HEADER: Self = Self(3);
    /// The end of a metadata snapshot.
    pub const SNAPSHOT_FOOTER: Self = Self(4);
    /// The version of the metadata quorum's protocol.
    pub const KRAFT_VERSION: Self = Self(5);
    /// The voters of the metadata quorum.
    pub const KRAFT_VOTERS: Self = Self(6);

    /// What the control record with that key says; `None` if the key is not that of a control record.
    pub fn parse(key: Option<&[u8]>) -> Option<Self> {
        let [v0, v1, t0, t1, ..] = *key? else {
            return None;
        };
        let version = i16::from_be_bytes([v0, v1]);
        (version >= 0).then_some(Self(i16::from_be_bytes([t0, t1])))
    }
}

/// The record that ends a transaction in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndTransactionMarker {
    /// Whether the transaction is committed rather than aborted.
    pub committed: bool,
    /// The epoch of the transaction coordinator that wrote it.
    pub coordinator_epoch: i32,
}

impl EndTransactionMarker {
    /// Reads a record of a control batch; `None` if it is not such a marker.
    pub fn parse(record: &RecordView<'_>) -> Option<Self> {
        let committed = match ControlType::parse(record.key)? {
            ControlType::COMMIT => true,
            ControlType::ABORT => false,
            _ => return None,
        };
        let [v0, v1, e0, e1, e2, e3, ..] = *record.value? else {
            return None;
        };
        let version = i16::from_be_bytes([v0, v1]);
        (version >= 0).then_some(Self {
            committed,
            coordinator_epoch: i32::from_be_bytes([e0, e1, e2, e3]),
        })
    }

    /// The control batch that a broker appends, for the transaction of that producer; offset 0 and no leader epoch yet.
    ///
    /// `timestamp` is in milliseconds.
    pub fn batch(self, producer_id: i64, producer_epoch: i16, timestamp: i64) -> Bytes {
        let kind = if self.committed {
            ControlType::COMMIT
        } else {
            ControlType::ABORT
        };
        let mut key = [0; 4];
        key[2..].copy_from_slice(&kind.0.to_be_bytes());
        let mut value = [0; 6];
        value[2..].copy_from_slice(&self.coordinator_epoch.to_be_bytes());

        let mut builder = RecordBatchBuilder::new(128);
        let record = Record {
            timestamp,
            key: Some(&key),
            value: Some(&value),
            headers: &[],
        };
        let appended = builder.append(&record);
        debug_assert_eq!(appended, Ok(0), "the first record always fits");
        let mut sealed = builder.seal();
        sealed.mark_control();
        sealed.stamp(ProducerStamp {
            producer_id,
            producer_epoch,
            base_sequence: -1,
            transactional: true,
        });
        sealed.bytes()
    }
}
