//! What a fetch brought for one partition, handed out piece by piece.

use kconnect_protocol::TopicPartition;
use kconnect_protocol::records::{
    Batch, BatchError, Batches, ControlType, Cursor, Records, TimestampType,
};
use kconnect_protocol::types::{BrokerId, IsolationLevel, LeaderEpoch};

use super::JobId;
use super::aborted::Aborted;
use super::partition::Position;

/// The most bytes that one batch may unpack to. Producers send batches of about a megabyte; a batch
/// beyond this is a mistake or an attack.
const BATCH_UNPACKED_MAX: usize = 256 << 20;

/// One partition's part of an answer.
#[derive(Debug)]
pub(crate) struct Slice {
    pub(crate) name: TopicPartition,
    pub(crate) version: u64,
    pub(crate) broker: BrokerId,
    /// The fetch that brought it.
    pub(crate) job: JobId,
    pub(crate) bytes: usize,
    pub(crate) batches: Batches,
    pub(crate) aborted: Aborted,
    pub(crate) open: Option<Open>,
}

/// A batch that is partly handed out.
#[derive(Debug)]
pub(crate) struct Open {
    records: Records,
    cursor: Cursor,
    next: Position,
    timestamp_type: TimestampType,
}

/// Records of one batch, to be read in place.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) name: TopicPartition,
    pub(crate) records: Records,
    pub(crate) from: Cursor,
    pub(crate) count: usize,
    pub(crate) timestamp_type: TimestampType,
    pub(crate) leader_epoch: Option<LeaderEpoch>,
}

/// How a slice is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) isolation_level: IsolationLevel,
    pub(crate) check_crcs: bool,
}

/// Why a slice cannot go on.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) error: BatchError,
    /// Where the batch after it begins, if that can be told.
    pub(crate) skip_to: Option<i64>,
}

impl Slice {
    /// Appends up to `limit` records from `position` on, and moves `position` behind them. Returns
    /// false when nothing is left.
    ///
    /// # Errors
    ///
    /// At a batch that cannot be read; what was appended before is good.
    pub(crate) fn hand_out(
        &mut self,
        how: Reading,
        position: &mut Position,
        limit: usize,
        out: &mut Vec<Segment>,
    ) -> Result<bool, Unreadable> {
        let mut left = limit;
        while left > 0 {
            let mut open = match self.open.take() {
                Some(open) => open,
                None => match self.next_batch(how, position)? {
                    Some(open) => open,
                    None => return Ok(false),
                },
            };
            let segment = open.take(&self.name, position, left)?;
            left -= segment.count;
            if segment.count > 0 {
                out.push(segment);
            }
            if open.cursor.records_left() == 0 {
                if open.next.offset > position.offset {
                    *position = open.next;
                }
            } else {
                self.open = Some(open);
            }
        }
        Ok(true)
    }

    /// The next batch with data; `position` moves past those without.
    fn next_batch(
        &mut self,
        how: Reading,
        position: &mut Position,
    ) -> Result<Option<Open>, Unreadable> {
        let committed_only = how.isolation_level == IsolationLevel::ReadCommitted;
        for batch in self.batches.by_ref() {
            let batch = batch.map_err(|error| Unreadable {
                error,
                skip_to: None,
            })?;
            let unreadable = |error| Unreadable {
                error,
                skip_to: Some(batch.next_offset()),
            };
            let next = Position {
                offset: batch.next_offset(),
                leader_epoch: LeaderEpoch::from_wire(batch.header().partition_leader_epoch),
            };
            if how.check_crcs {
                batch.verify_crc().map_err(unreadable)?;
            }
            let aborted = committed_only && self.aborted.skips(&batch);
            if batch.is_control() {
                if committed_only {
                    let kind = control_type(&batch).map_err(unreadable)?;
                    self.aborted.marker(&batch, kind);
                }
            } else if !aborted && next.offset > position.offset {
                let records = batch.records(BATCH_UNPACKED_MAX).map_err(unreadable)?;
                return Ok(Some(Open {
                    cursor: records.start(),
                    records,
                    next,
                    timestamp_type: batch.timestamp_type(),
                }));
            }
            if next.offset > position.offset {
                *position = next;
            }
        }
        Ok(None)
    }
}

impl Open {
    /// Takes up to `limit` records from `position` on: this is where each is read for the first time.
    fn take(
        &mut self,
        name: &TopicPartition,
        position: &mut Position,
        limit: usize,
    ) -> Result<Segment, Unreadable> {
        let mut records = self.records.iter_from(self.cursor);
        let mut from = self.cursor;
        let mut count = 0;
        while count < limit {
            let before = records.cursor();
            let Some(record) = records.next() else { break };
            let record = match record {
                Ok(record) => record,
                // What came before it is handed out first.
                Err(_) if count > 0 => {
                    self.cursor = before;
                    return Ok(self.segment(name, from, count));
                }
                Err(error) => {
                    return Err(Unreadable {
                        error,
                        skip_to: Some(self.next.offset),
                    });
                }
            };
            // The batch may begin before the offset that was asked for.
            if record.offset < position.offset {
                continue;
            }
            if count == 0 {
                from = before;
            }
            count += 1;
            *position = Position {
                offset: record.offset + 1,
                leader_epoch: self.next.leader_epoch,
            };
        }
        self.cursor = records.cursor();
        Ok(self.segment(name, from, count))
    }

    fn segment(&self, name: &TopicPartition, from: Cursor, count: usize) -> Segment {
        Segment {
            name: name.clone(),
            records: self.records.clone(),
            from,
            count,
            timestamp_type: self.timestamp_type,
            leader_epoch: self.next.leader_epoch,
        }
    }
}

/// What the marker in a control batch says.
fn control_type(batch: &Batch) -> Result<ControlType, BatchError> {
    let records = batch.records(BATCH_UNPACKED_MAX)?;
    let first = records.iter().next().transpose()?;
    let kind = first.and_then(|record| ControlType::parse(record.key));
    // A control batch that compaction emptied ends nothing.
    Ok(kind.unwrap_or(ControlType(-1)))
}
