//! A batch on its way: open while records are appended, then sealed, stamped and sent until the broker has settled it.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use kconnect_protocol::records::{
    AppendError, ProducerStamp, Record, RecordBatchBuilder, SealedBatch, record_size_upper_bound,
};

use super::{
    delivery::{Completion, Delivery, Outcome},
    errors,
    identity::ProducerIdentity,
    memory::Reservation,
    terms::Terms,
    unwatched::Unwatched,
};
use crate::Error;

/// A batch that records are appended to, under its partition's lock.
#[derive(Debug)]
pub(crate) struct OpenBatch {
    builder: RecordBatchBuilder,
    pub(crate) fate: Fate,
    pub(crate) memory: Reservation,
    pub(crate) created: Instant,
}

/// Whom to tell what became of a batch. A batch that is dropped untold tells that itself, so that nobody waits for ever.
#[derive(Debug)]
pub(crate) struct Fate {
    completion: Arc<Completion>,
    /// Records whose sender keeps no [`Delivery`](super::Delivery).
    unwatched_records: u32,
    unwatched: Arc<Unwatched>,
}

/// A sealed batch in its partition's queue.
#[derive(Debug)]
pub(crate) struct ProducerBatch {
    /// Names the batch within its partition.
    pub(crate) id: u64,
    pub(crate) content: Content,
    pub(crate) fate: Fate,
    pub(crate) memory: Reservation,
    pub(crate) created: Instant,
    pub(crate) records: u32,
    /// The producer and sequence it was first sent with: kept through all retries, as the broker knows the batch by it.
    pub(crate) stamp: Option<Stamp>,
    pub(crate) attempts: u32,
    pub(crate) place: Place,
    /// Whether an attempt ended without a definite answer, so that the broker may have the batch.
    ///
    /// Such a batch is neither dropped silently nor given another sequence: 1. batch A (seq 0) times out but was
    /// appended; 2. A goes again as seq 10, and is written twice; or A is dropped and B goes as seq 0; 3. the broker
    /// takes B for a duplicate of A, and B is lost.
    pub(crate) maybe_written: bool,
    /// Why the last attempt failed.
    pub(crate) last_error: Option<Error>,
}

/// A batch's records: compressing them may be somebody else's job for a while.
#[derive(Debug)]
pub(crate) enum Content {
    /// Ready to be stamped and sent.
    Sealed(SealedBatch),
    /// Away, being compressed.
    Compressing,
}

/// Where a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the queue.
    Waiting,
    /// In the request with this number.
    InFlight(u64),
}

/// Who wrote a batch, and as which of their records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) identity: ProducerIdentity,
    pub(crate) base_sequence: i32,
}

impl OpenBatch {
    /// An empty batch of at most `limit` bytes, in a buffer of the size of the memory reserved for it.
    pub(crate) fn new(limit: usize, fate: Fate, memory: Reservation, now: Instant) -> Self {
        let buffer = Vec::with_capacity(memory.bytes());
        Self {
            builder: RecordBatchBuilder::with_buffer(buffer, limit),
            fate,
            memory,
            created: now,
        }
    }

    /// Appends a record and returns its index.
    pub(crate) fn append(&mut self, record: &Record<'_>) -> Result<u32, AppendError> {
        self.builder.append(record)
    }

    /// Records so far.
    pub(crate) fn records(&self) -> u32 {
        u32::try_from(self.builder.len()).unwrap_or(u32::MAX)
    }

    /// Bytes so far.
    pub(crate) fn size(&self) -> usize {
        self.builder.size()
    }

    /// Reserves memory for a record of at most `bytes`, doubling what the batch has; false if there is none.
    pub(crate) fn make_room(&mut self, bytes: usize, terms: &Terms) -> bool {
        let (size, has) = (self.builder.size(), self.memory.bytes());
        // More than the limit is never used: the builder refuses such a record.
        let missing = (size + bytes)
            .min(self.builder.limit().max(size))
            .saturating_sub(has);
        if missing == 0 {
            return true;
        }
        let double = has.min(terms.batch_size.saturating_sub(has)).max(missing);
        let more = terms
            .memory
            .try_reserve(double)
            .or_else(|| terms.memory.try_reserve(missing));
        more.map(|more| self.memory.merge(more)).is_some()
    }

    /// When it is ready without being full: after the linger, or at once if it was begun by `rush`.
    pub(crate) fn ready_at(&self, terms: &Terms, rush: Option<Instant>) -> Instant {
        if rush.is_some_and(|rush| self.created <= rush) {
            self.created
        } else {
            self.created + terms.linger
        }
    }

    /// Ends the batch: nothing is appended any more. `id` is unique in its partition.
    pub(crate) fn seal(self, id: u64) -> ProducerBatch {
        ProducerBatch::new(
            id,
            self.builder.seal(),
            self.fate,
            self.memory,
            self.created,
        )
    }
}

impl ProducerBatch {
    pub(crate) fn new(
        id: u64,
        sealed: SealedBatch,
        fate: Fate,
        memory: Reservation,
        created: Instant,
    ) -> Self {
        let records = u32::try_from(sealed.len()).unwrap_or(u32::MAX);
        Self {
            id,
            content: Content::Sealed(sealed),
            fate,
            memory,
            created,
            records,
            stamp: None,
            attempts: 0,
            place: Place::Waiting,
            maybe_written: false,
            last_error: None,
        }
    }

    pub(crate) fn is_in_flight(&self) -> bool {
        matches!(self.place, Place::InFlight(_))
    }

    /// Whether its senders have their answer already, and it is kept only for the sake of its sequence.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.fate.completion.is_settled()
    }

    /// Bytes to send; 0 while it is being compressed.
    pub(crate) fn size(&self) -> usize {
        match &self.content {
            Content::Sealed(sealed) => sealed.size(),
            Content::Compressing => 0,
        }
    }

    /// The bytes to send, stamped; they are shared with every earlier attempt under the same stamp.
    pub(crate) fn bytes(&mut self) -> Option<Bytes> {
        match &mut self.content {
            Content::Sealed(sealed) => Some(sealed.bytes()),
            Content::Compressing => None,
        }
    }

    /// Gives the batch its stamp, or takes it away.
    pub(crate) fn set_stamp(&mut self, stamp: Option<Stamp>) {
        debug_assert!(!self.is_in_flight(), "a batch in flight keeps its stamp");
        self.stamp = stamp;
        if let (Content::Sealed(sealed), Some(stamp)) = (&mut self.content, stamp) {
            sealed.stamp(ProducerStamp {
                producer_id: stamp.identity.producer_id,
                producer_epoch: stamp.identity.epoch,
                base_sequence: stamp.base_sequence,
                transactional: false,
            });
        }
    }

    /// Tells everybody what became of it. Its memory is free by then: whoever waited finds room.
    pub(crate) fn settle(self, outcome: Outcome) {
        drop(self.memory);
        self.fate.settle(outcome);
    }

    /// The error for senders: it says whether the broker may have the records.
    pub(crate) fn failure(&self, error: &Error) -> Outcome {
        let is_unknown = self.maybe_written || self.is_in_flight();
        Outcome::Failed(if is_unknown {
            error.with_unknown_outcome()
        } else {
            error.clone()
        })
    }
}

impl Fate {
    pub(crate) fn new(completion: Arc<Completion>, unwatched: Arc<Unwatched>) -> Self {
        Self {
            completion,
            unwatched_records: 0,
            unwatched,
        }
    }

    pub(crate) fn completion(&self) -> &Arc<Completion> {
        &self.completion
    }

    /// Takes note of a record that was appended; its delivery, if its sender wants one.
    pub(crate) fn promise(
        &mut self,
        index: u32,
        timestamp: i64,
        is_watched: bool,
    ) -> Option<Delivery> {
        if is_watched {
            return Some(Delivery::new(
                Arc::clone(&self.completion),
                index,
                timestamp,
            ));
        }
        self.unwatched_records = self.unwatched_records.saturating_add(1);
        None
    }

    /// The fate of a part of the batch with `records` of its records.
    pub(crate) fn part(&mut self, records: u32) -> Self {
        let unwatched_records = self.unwatched_records.min(records);
        self.unwatched_records -= unwatched_records;
        let completion = Completion::new(self.completion.topic_partition().clone());
        Self {
            completion,
            unwatched_records,
            unwatched: Arc::clone(&self.unwatched),
        }
    }

    /// Tells everybody. Only the first call counts.
    pub(crate) fn settle(&self, outcome: Outcome) {
        if self.completion.is_settled() {
            return;
        }
        if let Outcome::Failed(error) | Outcome::Rejected { others: error, .. } = &outcome {
            self.unwatched.add(self.unwatched_records, error);
        }
        self.completion.settle(outcome);
    }
}

impl Drop for Fate {
    fn drop(&mut self) {
        if !self.completion.is_settled() {
            let error = errors::dropped(self.completion.topic_partition());
            self.settle(Outcome::Failed(error.with_unknown_outcome()));
        }
    }
}

/// The most bytes that a record adds to a batch.
pub(crate) fn record_bytes_max(record: &Record<'_>) -> usize {
    record_size_upper_bound(record)
}
