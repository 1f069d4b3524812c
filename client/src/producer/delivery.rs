//! The answer to a send: one completion shared by a whole batch, and an index into it for each record.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    task::{Context, Poll, Waker},
};

use kconnect_protocol::types::TopicPartition;

use crate::Error;

/// Where a record was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordMetadata {
    /// The topic and partition that the record went to.
    pub topic_partition: TopicPartition,
    /// The record's offset; `None` when the broker did not tell it: with `acks=0`, and for a retry that the broker
    /// recognised as written before but no longer had the offset of.
    pub offset: Option<i64>,
    /// The record's timestamp in milliseconds since the epoch: the one it was sent with, or the broker's own where the
    /// topic has `message.timestamp.type=LogAppendTime`.
    pub timestamp: i64,
}

/// The answer to one send, ready when its batch is settled.
///
/// A `Delivery` costs no allocation: it is a share of its batch's one completion. Dropping it gives up the answer, not the
/// record. It can be awaited, or asked with [`try_result`](Self::try_result).
///
/// *Cancel safe:* the answer stays; awaiting `&mut delivery` again returns it.
///
/// # Errors
///
/// The error says why the record was not acknowledged, and its
/// [`may_have_taken_effect`](Error::may_have_taken_effect) whether the broker may have it all the same.
#[must_use = "a record whose delivery nobody looks at may be lost without anybody noticing"]
pub struct Delivery {
    completion: Arc<Completion>,
    index: u32,
    timestamp: i64,
    /// The place of this delivery's waker among the completion's, once it has waited.
    waker_slot: Option<usize>,
}

/// What became of a batch, told once to all who hold a [`Delivery`] of it.
pub(crate) struct Completion {
    topic_partition: TopicPartition,
    outcome: OnceLock<Outcome>,
    wakers: Mutex<Vec<Waker>>,
}

/// The fate of a batch.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The broker has it.
    Written {
        base_offset: Option<i64>,
        log_append_time: Option<i64>,
    },
    /// It failed as a whole.
    Failed(Error),
    /// The broker named the records it did not like, by their index, and refused the others because of them.
    Rejected {
        others: Error,
        records: Box<[(u32, Error)]>,
    },
    /// It was too large and goes on as smaller batches: the index of each one's first record, ascending from 0.
    Split(Box<[(u32, Arc<Completion>)]>),
}

impl Delivery {
    pub(crate) fn new(completion: Arc<Completion>, index: u32, timestamp: i64) -> Self {
        Self {
            completion,
            index,
            timestamp,
            waker_slot: None,
        }
    }

    /// The result if it is known already.
    #[must_use]
    pub fn try_result(&self) -> Option<Result<RecordMetadata, Error>> {
        self.completion.result(self.index, self.timestamp)
    }

    /// The topic and partition that the record was put into.
    #[must_use]
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.completion.topic_partition
    }

    /// The batch's completion, and the record's index in the batch.
    pub(crate) fn parts(&self) -> (&Arc<Completion>, u32) {
        (&self.completion, self.index)
    }

    /// Moves on to the part that has this record, as often as its batch was split.
    fn follow_split(&mut self) {
        while let Some(Outcome::Split(parts)) = self.completion.outcome.get() {
            let Some((first, part)) = part_of(parts, self.index) else {
                return;
            };
            (self.index, self.completion, self.waker_slot) = (self.index - first, part, None);
        }
    }
}

impl Future for Delivery {
    type Output = Result<RecordMetadata, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            this.follow_split();
            if let Some(result) = this.try_result() {
                return Poll::Ready(result);
            }
            if this
                .completion
                .register(context.waker(), &mut this.waker_slot)
            {
                return Poll::Pending;
            }
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("topic_partition", &self.completion.topic_partition)
            .field("result", &self.try_result())
            .finish_non_exhaustive()
    }
}

impl Completion {
    pub(crate) fn new(topic_partition: TopicPartition) -> Arc<Self> {
        Arc::new(Self {
            topic_partition,
            outcome: OnceLock::new(),
            wakers: Mutex::new(Vec::new()),
        })
    }

    pub(crate) fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    pub(crate) fn outcome(&self) -> Option<&Outcome> {
        self.outcome.get()
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.outcome.get().is_some()
    }

    /// Tells the outcome to everybody who waits. Only the first call counts.
    pub(crate) fn settle(&self, outcome: Outcome) {
        if self.outcome.set(outcome).is_ok() {
            let wakers = std::mem::take(&mut *self.wakers());
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    /// Waits until the batch, with all the parts it was split into, is settled.
    ///
    /// *Cancel safe.*
    pub(crate) async fn settled(self: Arc<Self>) {
        let mut todo = vec![self];
        while let Some(completion) = todo.pop() {
            let mut slot = None;
            std::future::poll_fn(|context| {
                let done =
                    completion.is_settled() || !completion.register(context.waker(), &mut slot);
                if done { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            if let Some(Outcome::Split(parts)) = completion.outcome.get() {
                todo.extend(parts.iter().map(|(_, part)| Arc::clone(part)));
            }
        }
    }

    fn result(&self, index: u32, timestamp: i64) -> Option<Result<RecordMetadata, Error>> {
        Some(match self.outcome.get()? {
            Outcome::Written {
                base_offset,
                log_append_time,
            } => Ok(RecordMetadata {
                topic_partition: self.topic_partition.clone(),
                offset: base_offset.map(|base| base.saturating_add(i64::from(index))),
                timestamp: log_append_time.unwrap_or(timestamp),
            }),
            Outcome::Failed(error) => Err(error.clone()),
            Outcome::Rejected { others, records } => Err(records
                .iter()
                .find(|(at, _)| *at == index)
                .map_or(others, |(_, error)| error)
                .clone()),
            Outcome::Split(parts) => {
                let (first, part) = part_of(parts, index)?;
                return part.result(index - first, timestamp);
            }
        })
    }

    /// Leaves a waker, in `slot` if this waiter has one; false if the outcome is known by now.
    ///
    /// Neighbours polled by the same task share one waker; so a task that waits for a whole batch costs one entry.
    fn register(&self, waker: &Waker, slot: &mut Option<usize>) -> bool {
        let mut wakers = self.wakers();
        // Under the lock: `settle` sets the outcome before it takes the lock for the wakers.
        if self.is_settled() {
            return false;
        }
        let has_same = |at: usize| wakers.get(at).is_some_and(|known| known.will_wake(waker));
        if slot.is_some_and(has_same) {
            return true;
        }
        let last = wakers.len().checked_sub(1);
        *slot = match last.filter(|&last| has_same(last)) {
            Some(last) => Some(last),
            None => {
                wakers.push(waker.clone());
                Some(wakers.len() - 1)
            }
        };
        true
    }

    fn wakers(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completion")
            .field("topic_partition", &self.topic_partition)
            .field("outcome", &self.outcome.get())
            .finish_non_exhaustive()
    }
}

/// The part that has the record at `index`, with the index of that part's first record.
fn part_of(parts: &[(u32, Arc<Completion>)], index: u32) -> Option<(u32, Arc<Completion>)> {
    let at = parts
        .partition_point(|(first, _)| *first <= index)
        .checked_sub(1)?;
    parts
        .get(at)
        .map(|(first, part)| (*first, Arc::clone(part)))
}
