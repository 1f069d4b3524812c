//! What a partition knows of its idempotent producers (KIP-98, KIP-360).
//!
//! Of each producer id the last five batches are kept, so that a batch sent again is answered with
//! the offset it already has, and a gap in the sequence is refused.

use std::collections::{BTreeMap, VecDeque};

use kconnect_protocol::ErrorCode;
use kconnect_protocol::records::BatchHeader;

/// Batches a producer may have in flight, and so the ones that may come twice.
const WINDOW: usize = 5;
/// Producers one partition remembers; beyond it the one silent for longest is forgotten.
const PRODUCERS_MAX: usize = 10_000;

/// The idempotent producers of one partition.
#[derive(Debug, Default)]
pub(crate) struct Producers {
    by_id: BTreeMap<i64, Producer>,
}

#[derive(Debug)]
struct Producer {
    epoch: i16,
    window: VecDeque<Written>,
    last_timestamp: i64,
}

/// A batch that is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    first_sequence: i32,
    last_sequence: i32,
    pub base_offset: i64,
    pub timestamp: i64,
}

/// What to do with a batch that has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Append,
    Duplicate(Written),
}

impl Producers {
    /// Judges a batch before it is appended.
    pub(crate) fn check(&self, batch: &BatchHeader) -> Result<Verdict, ErrorCode> {
        if batch.producer_id < 0 {
            return Ok(Verdict::Append);
        }
        let Some(producer) = self.by_id.get(&batch.producer_id) else {
            // Its state may have expired together with its batches: any sequence may begin.
            return Ok(Verdict::Append);
        };
        if batch.producer_epoch < producer.epoch {
            return Err(ErrorCode::InvalidProducerEpoch);
        }
        if batch.producer_epoch > producer.epoch {
            return match batch.base_sequence {
                0 => Ok(Verdict::Append),
                _ => Err(ErrorCode::OutOfOrderSequenceNumber),
            };
        }
        let last = batch.last_sequence();
        let same =
            |w: &&Written| w.first_sequence == batch.base_sequence && w.last_sequence == last;
        if let Some(written) = producer.window.iter().find(same) {
            return Ok(Verdict::Duplicate(*written));
        }
        match producer.window.back() {
            Some(newest) if next_sequence(newest.last_sequence) != batch.base_sequence => {
                Err(ErrorCode::OutOfOrderSequenceNumber)
            }
            _ => Ok(Verdict::Append),
        }
    }

    /// Takes note of a batch that was appended.
    pub(crate) fn appended(&mut self, batch: &BatchHeader) {
        let timestamp = batch.max_timestamp;
        if batch.producer_id < 0 {
            return;
        }
        if !self.by_id.contains_key(&batch.producer_id) && self.by_id.len() >= PRODUCERS_MAX {
            self.forget_oldest();
        }
        let producer = self
            .by_id
            .entry(batch.producer_id)
            .or_insert_with(|| Producer {
                epoch: batch.producer_epoch,
                window: VecDeque::new(),
                last_timestamp: timestamp,
            });
        if producer.epoch != batch.producer_epoch {
            producer.epoch = batch.producer_epoch;
            producer.window.clear();
        }
        if producer.window.len() == WINDOW {
            producer.window.pop_front();
        }
        producer.last_timestamp = timestamp;
        producer.window.push_back(Written {
            first_sequence: batch.base_sequence,
            last_sequence: batch.last_sequence(),
            base_offset: batch.base_offset,
            timestamp,
        });
    }

    /// Forgets producers that wrote nothing since `timestamp` (`producer.id.expiration.ms`).
    pub(crate) fn expire(&mut self, timestamp: i64) {
        self.by_id.retain(|_, p| p.last_timestamp >= timestamp);
    }

    fn forget_oldest(&mut self) {
        let oldest = self.by_id.iter().min_by_key(|(_, p)| p.last_timestamp);
        if let Some(id) = oldest.map(|(id, _)| *id) {
            self.by_id.remove(&id);
        }
    }
}

/// Sequences go from `i32::MAX` on to 0.
fn next_sequence(sequence: i32) -> i32 {
    sequence.checked_add(1).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use kconnect_protocol::records::Attributes;

    use super::*;

    fn batch(epoch: i16, sequence: i32, records: i32) -> BatchHeader {
        BatchHeader {
            base_offset: 0,
            length: 100,
            partition_leader_epoch: 0,
            magic: 2,
            crc: 0,
            attributes: Attributes::default(),
            last_offset_delta: records - 1,
            base_timestamp: 0,
            max_timestamp: 0,
            producer_id: 7,
            producer_epoch: epoch,
            base_sequence: sequence,
            record_count: records,
        }
    }

    fn append(producers: &mut Producers, mut b: BatchHeader, offset: i64) {
        assert_eq!(producers.check(&b), Ok(Verdict::Append));
        b.base_offset = offset;
        producers.appended(&b);
    }

    #[track_caller]
    fn duplicate_at(producers: &Producers, b: BatchHeader) -> i64 {
        match producers.check(&b) {
            Ok(Verdict::Duplicate(written)) => written.base_offset,
            other => panic!("expected a duplicate, got {other:?}"),
        }
    }

    #[test]
    fn one_of_the_last_five_batches_is_answered_with_its_offset() {
        let mut producers = Producers::default();
        for n in 0..6 {
            append(&mut producers, batch(0, n * 10, 10), i64::from(n) * 10);
        }
        for n in 1..6 {
            assert_eq!(
                duplicate_at(&producers, batch(0, n * 10, 10)),
                i64::from(n) * 10
            );
        }
        let forgotten = producers.check(&batch(0, 0, 10));
        assert_eq!(forgotten, Err(ErrorCode::OutOfOrderSequenceNumber));
    }

    #[test]
    fn a_gap_is_out_of_order() {
        let mut producers = Producers::default();
        append(&mut producers, batch(0, 0, 10), 0);
        let gap = producers.check(&batch(0, 11, 1));
        assert_eq!(gap, Err(ErrorCode::OutOfOrderSequenceNumber));
    }

    #[test]
    fn the_sequence_wraps_to_zero() {
        let mut producers = Producers::default();
        append(&mut producers, batch(0, i32::MAX - 1, 2), 0);
        append(&mut producers, batch(0, 0, 1), 2);
        let mut inside = Producers::default();
        append(&mut inside, batch(0, i32::MAX, 3), 0);
        append(&mut inside, batch(0, 2, 1), 3);
    }

    #[test]
    fn an_older_epoch_is_fenced_and_a_newer_one_begins_at_zero() {
        let mut producers = Producers::default();
        append(&mut producers, batch(3, 5, 1), 0);
        let older = producers.check(&batch(2, 6, 1));
        assert_eq!(older, Err(ErrorCode::InvalidProducerEpoch));
        let middle = producers.check(&batch(4, 6, 1));
        assert_eq!(middle, Err(ErrorCode::OutOfOrderSequenceNumber));
        append(&mut producers, batch(4, 0, 1), 1);
    }

    #[test]
    fn a_producer_nobody_remembers_may_begin_anywhere() {
        let mut producers = Producers::default();
        append(&mut producers, batch(0, 41, 1), 0);
        producers.expire(1);
        append(&mut producers, batch(0, 77, 1), 1);
    }

    #[test]
    fn the_number_of_producers_is_limited() {
        let mut producers = Producers::default();
        for id in 0..=10_000_i64 {
            let mut b = batch(0, 0, 1);
            b.producer_id = id;
            b.max_timestamp = id;
            producers.appended(&b);
        }
        assert_eq!(producers.by_id.len(), PRODUCERS_MAX);
        assert!(!producers.by_id.contains_key(&0));
    }
}
