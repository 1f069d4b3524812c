//! The driver's side of a partition: its batches in the order of their sequence numbers, from the first drain until each is
//! settled.
//!
//! ```text
//!            drain                    answer: written
//!  gathered -------> waiting -> in flight -------------> settled, gone
//!                       ^           |
//!                       '-- rewind -'  an answer that may pass: nothing more is sent until every request of the
//!                                      partition is answered, then all that is left goes again, in order
//! ```
//!
//! A batch keeps producer id, epoch and sequence through all attempts. They change only when a batch before it was given
//! up, or the broker lost track: then every batch that is left starts anew under the next epoch (KIP-360), except that one
//! which the broker may have written is first sent again as it was, until its fate is known.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use kconnect_protocol::types::{BrokerId, LeaderEpoch, Uuid};

use crate::{
    Error,
    producer::{
        batch::{Content, Place, ProducerBatch, Stamp},
        identity::{Identity, ProducerIdentity, advance},
        partition::Partition,
    },
};

/// A partition's leader, as metadata or a broker's answer named it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leader {
    pub(crate) broker: BrokerId,
    pub(crate) epoch: Option<LeaderEpoch>,
}

/// The batches of one partition that are not settled, and the sequence of the next one.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) partition: Arc<Partition>,
    pub(super) topic_id: Option<Uuid>,
    pub(super) leader: Option<Leader>,
    /// Why there is no leader.
    pub(super) problem: Option<Error>,
    /// In the order of their sequences; those in flight are the first ones, but for batches that were written out of turn.
    pub(super) batches: VecDeque<ProducerBatch>,
    pub(super) in_flight: usize,
    /// Whether an attempt failed, so that all answers are awaited before the next one.
    pub(super) rewinding: bool,
    /// Whether the sequence has a gap, so that what is left must start anew.
    pub(super) broken: bool,
    /// Whether this leader has acknowledged a batch since the last failure.
    ///
    /// Until then one batch at a time: a broker that knows nothing of a producer takes any first sequence, so that a
    /// second batch could overtake the first.
    pub(super) proven: bool,
    /// Failures in a row, for the backoff.
    pub(super) failures: u32,
    pub(super) retry_at: Option<Instant>,
    /// Batches begun by then do not linger.
    pub(super) rush: Option<Instant>,
    /// The entry of this partition among the timers.
    pub(super) timer: Option<Instant>,
    /// The broker that has this partition in its list.
    pub(super) listed: Option<BrokerId>,
    identity: Option<ProducerIdentity>,
    next_sequence: i32,
    next_batch: u64,
}

impl Queue {
    pub(super) fn new(partition: Arc<Partition>) -> Self {
        Self {
            partition,
            topic_id: None,
            leader: None,
            problem: None,
            batches: VecDeque::new(),
            in_flight: 0,
            rewinding: false,
            broken: false,
            proven: false,
            failures: 0,
            retry_at: None,
            rush: None,
            timer: None,
            listed: None,
            identity: None,
            next_sequence: 0,
            next_batch: 0,
        }
    }

    #[cfg(test)]
    pub(super) fn set_next_sequence(&mut self, sequence: i32) {
        self.next_sequence = sequence;
    }

    /// A number for a batch.
    pub(super) fn batch_id(&mut self) -> u64 {
        self.next_batch += 1;
        self.next_batch
    }

    /// Whether the answers on their way leave room for another batch.
    pub(super) fn may_send(&self, is_idempotent: bool, max_in_flight: usize) -> bool {
        let one_at_a_time = is_idempotent && (!self.proven || self.broken);
        let limit = if one_at_a_time { 1 } else { max_in_flight };
        self.in_flight < limit && !(self.rewinding && self.in_flight > 0)
    }

    /// The place of the batch to send next, if there is one in the queue.
    pub(super) fn next(&self) -> Option<usize> {
        if self.broken {
            // What may have been written is settled under its old stamp before the rest gets a new one.
            return self.first_unknown();
        }
        self.batches
            .iter()
            .position(|batch| batch.place == Place::Waiting)
    }

    /// Stamps the batch at `at` for its first attempt; false if there is no identity to do it with.
    pub(super) fn stamp(&mut self, at: usize, identity: &Identity) -> bool {
        let Some(known) = identity.known() else {
            return matches!(identity, Identity::Unneeded) || self.is_stamped(at);
        };
        if self.is_stamped(at) {
            return true;
        }
        let continues =
            self.identity.is_some() && self.batches.iter().any(|batch| batch.stamp.is_some());
        if !continues && self.identity != Some(known) {
            self.identity = Some(known);
            self.next_sequence = 0;
        }
        let (Some(identity), Some(batch)) = (self.identity, self.batches.get_mut(at)) else {
            return false;
        };
        batch.set_stamp(Some(Stamp {
            identity,
            base_sequence: self.next_sequence,
        }));
        self.next_sequence = advance(self.next_sequence, batch.records);
        true
    }

    fn is_stamped(&self, at: usize) -> bool {
        self.batches
            .get(at)
            .is_some_and(|batch| batch.stamp.is_some())
    }

    /// Marks the batch at `at` as sent with the request.
    pub(super) fn sent(&mut self, at: usize, request: u64) {
        if let Some(batch) = self.batches.get_mut(at) {
            if batch.attempts == 0 {
                self.partition.leaves_queue();
            }
            batch.attempts += 1;
            batch.place = Place::InFlight(request);
            self.in_flight += 1;
        }
    }

    /// Takes note that the request is answered, and says which batch it had.
    pub(super) fn answered(&mut self, request: u64) -> Option<usize> {
        let at = self
            .batches
            .iter()
            .position(|batch| batch.place == Place::InFlight(request))?;
        self.batches.get_mut(at)?.place = Place::Waiting;
        self.in_flight -= 1;
        Some(at)
    }

    /// Takes a batch out. One that was given up, and not written, leaves a gap in the sequence.
    pub(super) fn remove(&mut self, at: usize, was_written: bool) -> Option<ProducerBatch> {
        let batch = self.batches.remove(at)?;
        if batch.attempts == 0 {
            self.partition.leaves_queue();
        }
        if batch.stamp.is_some() && !was_written {
            self.broken = true;
            self.rewind();
        }
        Some(batch)
    }

    /// Stops sending until all requests of the partition are answered.
    pub(super) fn rewind(&mut self) {
        self.rewinding = true;
        self.proven = false;
    }

    /// After every answer: goes on if it was the last one.
    pub(super) fn resolve(&mut self, identity: &mut Identity) {
        if self.in_flight > 0 {
            return;
        }
        self.rewinding = false;
        self.drop_abandoned();
        if self.broken && self.first_unknown().is_none() {
            self.start_anew(identity);
        }
    }

    /// Moves on to the next epoch, in which all that is left gets new sequences.
    fn start_anew(&mut self, identity: &mut Identity) {
        if let Some(old) = self.identity.take() {
            identity.bump(old);
        }
        for batch in &mut self.batches {
            batch.set_stamp(None);
        }
        self.broken = false;
    }

    /// Drops batches that are kept only to leave no gap before one whose fate is open.
    ///
    /// Their senders have been told that the record may be written, so it is no harm if it is.
    fn drop_abandoned(&mut self) {
        if self.first_unknown().is_some() {
            return;
        }
        let before = self.batches.len();
        self.batches.retain(|batch| !batch.is_abandoned());
        if self.batches.len() < before {
            self.broken = true;
        }
    }

    /// The first batch that the broker may have written and whose senders still wait.
    fn first_unknown(&self) -> Option<usize> {
        self.batches
            .iter()
            .position(|batch| batch.maybe_written && !batch.is_abandoned())
    }

    /// The leader may have changed; true if it has.
    pub(super) fn set_leader(&mut self, leader: Option<Leader>) -> bool {
        self.partition.set_has_leader(leader.is_some());
        if self.leader == leader {
            return false;
        }
        let another_broker =
            self.leader.map(|leader| leader.broker) != leader.map(|leader| leader.broker);
        self.leader = leader;
        if another_broker && self.in_flight > 0 {
            // What the old leader still answers comes first, so that nothing overtakes it.
            self.rewinding = true;
        }
        self.proven = false;
        self.retry_at = None;
        true
    }

    /// The topic was deleted and created again: the new log knows none of this partition's sequences.
    pub(super) fn recreated(&mut self, identity: &mut Identity) {
        self.proven = false;
        for batch in self
            .batches
            .iter_mut()
            .filter(|batch| !batch.is_in_flight())
        {
            batch.maybe_written = false;
        }
        if self.identity.is_some() {
            self.broken = true;
            self.rewinding = true;
            self.resolve(identity);
        }
    }

    /// Whether the first batch to send is being compressed.
    pub(super) fn is_compressing(&self, at: usize) -> bool {
        self.batches
            .get(at)
            .is_some_and(|batch| matches!(batch.content, Content::Compressing))
    }

    /// When the oldest batch whose senders still wait was begun.
    pub(super) fn oldest(&self) -> Option<Instant> {
        let here = self
            .batches
            .iter()
            .filter(|batch| !batch.is_abandoned())
            .map(|batch| batch.created)
            .min();
        here.or_else(|| self.partition.oldest())
    }
}
