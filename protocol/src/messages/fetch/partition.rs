//! One partition's part of a fetch response.

use bytes::Bytes;

use crate::error::{DecodeError, EncodeError};
use crate::error_code::ErrorCode;
use crate::messages::CurrentLeader;
use crate::types::{BrokerId, LeaderEpoch};
use crate::wire::{Reader, Writer};

/// One partition's batches, and how its log stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchPartitionResponse {
    /// The partition's number.
    pub partition_index: i32,
    /// Whether the partition could be read.
    pub error_code: ErrorCode,
    /// The end of what all in-sync replicas have: consumers read up to here.
    pub high_watermark: i64,
    /// The first offset of an open transaction; consumers of committed records read up to here.
    /// -1 if it is not known.
    pub last_stable_offset: i64,
    /// The first offset of the log, from version 5; -1 if it is not known.
    pub log_start_offset: i64,
    /// The aborted transactions among the batches; `None` unless committed records were asked for.
    /// Not every broker sorts them.
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
    /// The replica to fetch from instead (KIP-392), from version 11.
    pub preferred_read_replica: Option<BrokerId>,
    /// Record batches as they lie in the log, sharing the frame. The first may begin before the
    /// offset asked for, and the last may be cut off.
    pub records: Option<Bytes>,
    /// Where the reader's log and this one part, from version 12.
    pub diverging_epoch: Option<DivergingEpoch>,
    /// Who leads the partition if this broker does not, from version 12.
    pub current_leader: Option<CurrentLeader>,
}

/// An aborted transaction whose records are among those fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// The producer that aborted it.
    pub producer_id: i64,
    /// The offset of its first record.
    pub first_offset: i64,
}

/// The end of the largest epoch of the leader's log that is not above the reader's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DivergingEpoch {
    /// The epoch; `None` if the leader has none that matches.
    pub epoch: Option<LeaderEpoch>,
    /// The offset after its last record; -1 if there is none.
    pub end_offset: i64,
}

impl Default for FetchPartitionResponse {
    fn default() -> Self {
        Self {
            partition_index: 0,
            error_code: ErrorCode::None,
            high_watermark: -1,
            last_stable_offset: -1,
            log_start_offset: -1,
            aborted_transactions: None,
            preferred_read_replica: None,
            records: None,
            diverging_epoch: None,
            current_leader: None,
        }
    }
}

impl FetchPartitionResponse {
    /// Index, error, high watermark, last stable offset, and the lengths of two fields.
    pub(super) const BYTES_MIN: usize = 4 + 2 + 8 + 8 + 1 + 1;

    pub(super) fn read(r: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        let mut partition = Self {
            partition_index: r.i32("FetchResponse.topics.partitions.partition_index")?,
            error_code: ErrorCode(r.i16("FetchResponse.topics.partitions.error_code")?),
            high_watermark: r.i64("FetchResponse.topics.partitions.high_watermark")?,
            last_stable_offset: r.i64("FetchResponse.topics.partitions.last_stable_offset")?,
            ..Self::default()
        };
        if version >= 5 {
            partition.log_start_offset =
                r.i64("FetchResponse.topics.partitions.log_start_offset")?;
        }
        partition.aborted_transactions = r.nullable_vec(
            "FetchResponse.topics.partitions.aborted_transactions",
            8 + 8,
            AbortedTransaction::read,
        )?;
        if version >= 11 {
            partition.preferred_read_replica = BrokerId::from_wire(
                r.i32("FetchResponse.topics.partitions.preferred_read_replica")?,
            );
        }
        partition.records = r.nullable_bytes("FetchResponse.topics.partitions.records")?;
        r.tags("FetchResponse.topics.partitions.tagged_fields", |tag, r| {
            partition.read_tag(tag, r)
        })?;
        Ok(partition)
    }

    fn read_tag(&mut self, tag: u32, r: &mut Reader<'_>) -> Result<(), DecodeError> {
        match tag {
            0 => {
                self.diverging_epoch = Some(DivergingEpoch {
                    epoch: LeaderEpoch::from_wire(
                        r.i32("FetchResponse.topics.partitions.diverging_epoch.epoch")?,
                    ),
                    end_offset: r
                        .i64("FetchResponse.topics.partitions.diverging_epoch.end_offset")?,
                });
            }
            1 => {
                self.current_leader = Some(CurrentLeader::read(
                    r,
                    "FetchResponse.topics.partitions.current_leader",
                )?);
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn write(&self, w: &mut Writer<'_>, version: i16) -> Result<(), EncodeError> {
        w.i32(self.partition_index);
        w.i16(self.error_code.0);
        w.i64(self.high_watermark);
        w.i64(self.last_stable_offset);
        if version >= 5 {
            w.i64(self.log_start_offset);
        }
        w.nullable_array(
            "FetchResponse.topics.partitions.aborted_transactions",
            self.aborted_transactions.as_deref(),
            |w, transaction| {
                transaction.write(w);
                Ok(())
            },
        )?;
        if version >= 11 {
            w.i32(BrokerId::to_wire(self.preferred_read_replica));
        }
        w.records(
            "FetchResponse.topics.partitions.records",
            self.records.as_ref(),
        )?;
        self.write_tags(w, version)
    }

    fn write_tags(&self, w: &mut Writer<'_>, version: i16) -> Result<(), EncodeError> {
        if version < 12 {
            return Ok(());
        }
        let count =
            u32::from(self.diverging_epoch.is_some()) + u32::from(self.current_leader.is_some());
        w.tag_count(count);
        if let Some(diverging) = self.diverging_epoch {
            w.tag("FetchResponse.topics.partitions.diverging_epoch", 0, |w| {
                w.i32(LeaderEpoch::to_wire(diverging.epoch));
                w.i64(diverging.end_offset);
                w.no_tags();
                Ok(())
            })?;
        }
        if let Some(leader) = self.current_leader {
            w.tag("FetchResponse.topics.partitions.current_leader", 1, |w| {
                leader.write(w);
                Ok(())
            })?;
        }
        Ok(())
    }
}

impl AbortedTransaction {
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let transaction = Self {
            producer_id: r
                .i64("FetchResponse.topics.partitions.aborted_transactions.producer_id")?,
            first_offset: r
                .i64("FetchResponse.topics.partitions.aborted_transactions.first_offset")?,
        };
        r.skip_tags("FetchResponse.topics.partitions.aborted_transactions.tagged_fields")?;
        Ok(transaction)
    }

    fn write(self, w: &mut Writer<'_>) {
        w.i64(self.producer_id);
        w.i64(self.first_offset);
        w.no_tags();
    }
}
