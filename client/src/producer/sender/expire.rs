//! Batches that are not settled in time (`delivery.timeout.ms`), and those that a closing producer gives up.

use std::time::Instant;

use super::{Sender, queue::Queue};
use crate::{
    Error,
    producer::{batch::OpenBatch, delivery::Outcome, errors, partition::PartitionId},
};

/// What a producer gave up when it was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Abandoned {
    /// Records that are certainly not written.
    pub not_written: u64,
    /// Records that a broker may have written, but did not acknowledge.
    pub possibly_written: u64,
}

impl Sender {
    /// Fails the batches that are too old.
    pub(super) fn expire(&mut self, now: Instant) {
        let timeout = self.terms.delivery_timeout;
        if self.next_expiry.is_none_or(|at| at > now) {
            return;
        }
        if let Some(limit) = now.checked_sub(timeout) {
            let ids: Vec<_> = self.queues.keys().copied().collect();
            for id in ids {
                self.expire_before(id, limit);
                self.look(now, id);
            }
        }
        let oldest = self.queues.values().filter_map(Queue::oldest).min();
        self.next_expiry = oldest.map(|oldest| oldest + timeout);
    }

    fn expire_before(&mut self, id: PartitionId, limit: Instant) {
        let timeout = self.terms.delivery_timeout;
        let Some(queue) = self.queues.get_mut(&id) else {
            return;
        };
        let at = queue.partition.topic_partition.clone();
        let cause =
            |queue: &Queue, last: Option<&Error>| match (last, &queue.leader, &queue.problem) {
                (Some(error), ..) => error.to_string(),
                (None, None, Some(problem)) => problem.to_string(),
                (None, None, None) => "no broker leads the partition".to_owned(),
                (None, Some(leader), _) => format!(
                    "broker {} has not answered, or not fast enough",
                    leader.broker
                ),
            };
        let mut place = 0;
        while let Some(batch) = queue.batches.get(place) {
            let is_kept = batch.is_in_flight() || batch.maybe_written;
            if batch.created > limit || batch.is_abandoned() {
                place += 1;
                continue;
            }
            let error = errors::timed_out(&at, timeout, &cause(queue, batch.last_error.as_ref()));
            batch.fate.settle(batch.failure(&error));
            if is_kept {
                // Its sequence is still taken, perhaps; see `Queue::resolve`.
                place += 1;
            } else {
                drop(queue.remove(place, false));
            }
        }
        for batch in queue.partition.take_older(limit) {
            let error = errors::timed_out(&at, timeout, &cause(queue, None));
            discard(queue, &batch, error);
        }
        queue.resolve(&mut self.identity);
    }

    /// Fails everything, for good.
    pub(super) fn fail_all(&mut self, error: Error) {
        tracing::error!(%error, "the producer cannot go on");
        self.give_up(&error);
        self.accumulator.terms.memory.close();
        self.fatal = Some(error);
    }

    /// Gives up what is not settled, because the producer is closed; nothing is taken or sent any more.
    pub(crate) fn abandon(&mut self) -> Abandoned {
        let error = errors::closed();
        let abandoned = self.give_up(&error);
        self.fatal.get_or_insert(error);
        abandoned
    }

    fn give_up(&mut self, error: &Error) -> Abandoned {
        let mut abandoned = Abandoned::default();
        self.accumulator.refuse(error);
        for partition in self.accumulator.partitions() {
            let at = &partition.topic_partition;
            for batch in partition.end(error) {
                abandoned.not_written += u64::from(batch.records());
                batch
                    .fate
                    .settle(Outcome::Failed(errors::given_up(at, error)));
                partition.leaves_queue();
            }
        }
        for queue in self.queues.values_mut() {
            let at = queue.partition.topic_partition.clone();
            for batch in queue.batches.iter().filter(|batch| !batch.is_abandoned()) {
                let records = u64::from(batch.records);
                if batch.is_in_flight() || batch.maybe_written {
                    abandoned.possibly_written += records;
                } else {
                    abandoned.not_written += records;
                }
                batch
                    .fate
                    .settle(batch.failure(&errors::given_up(&at, error)));
            }
            queue
                .batches
                .retain(crate::producer::batch::ProducerBatch::is_in_flight);
        }
        abandoned
    }
}

/// Fails a batch that was never taken.
fn discard(queue: &Queue, batch: &OpenBatch, error: Error) {
    queue.partition.leaves_queue();
    batch.fate.settle(Outcome::Failed(error));
}
