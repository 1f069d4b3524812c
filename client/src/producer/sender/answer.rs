//! What becomes of batches when their request is answered.

use std::time::Instant;

use super::{
    PartitionAnswer, Request, Sender,
    queue::Queue,
    verdict::{Circumstances, Verdict, judge},
};
use crate::{
    Error,
    producer::{batch::ProducerBatch, delivery::Outcome, errors, partition::PartitionId},
};

impl Sender {
    /// A request is answered: for each of its parts, in their order, what the broker said of it; or it failed as a whole.
    pub(crate) fn handle_response(
        &mut self,
        now: Instant,
        request: u64,
        response: Result<Vec<Option<PartitionAnswer>>, Error>,
    ) {
        // An answer to a question that nobody asked, or that was answered.
        let Some(Request { broker, partitions }) = self.requests.remove(&request) else {
            return;
        };
        if let Some(outlet) = self.outlets.get_mut(&broker) {
            outlet.in_flight = outlet.in_flight.saturating_sub(1);
        }
        let (mut answers, failure) = match response {
            Ok(answers) => (answers, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        answers.resize_with(partitions.len(), || None);
        for (id, answer) in partitions.into_iter().zip(answers) {
            self.handle_part(now, id, request, answer, failure.as_ref());
            self.look(now, id);
        }
    }

    fn handle_part(
        &mut self,
        now: Instant,
        id: PartitionId,
        request: u64,
        answer: Option<PartitionAnswer>,
        failure: Option<&Error>,
    ) {
        let is_idempotent = self.terms.is_idempotent;
        let Some(queue) = self.queues.get_mut(&id) else {
            return;
        };
        let Some(at) = queue.answered(request) else {
            return;
        };
        let leader = answer.as_ref().and_then(|answer| answer.leader);
        let verdict = match (answer, failure) {
            (Some(answer), None) => {
                let Some(batch) = queue.batches.get(at) else {
                    return;
                };
                let circumstances = Circumstances {
                    is_idempotent,
                    is_first: at == 0 || queue.broken,
                    maybe_written: batch.maybe_written,
                    records: batch.records,
                    bytes: batch.size(),
                };
                judge(&queue.partition.topic_partition, &answer, circumstances)
            }
            (_, Some(error)) => lost(queue, error),
            (None, None) => {
                let error = errors::unanswered(&queue.partition.topic_partition);
                Verdict::Retry {
                    error,
                    is_unknown: true,
                    refresh: false,
                }
            }
        };
        self.apply(now, id, at, verdict);
        let Some(queue) = self.queues.get_mut(&id) else {
            return;
        };
        queue.resolve(&mut self.identity);
        // The broker that refused knows better than our metadata, if its leader is a later one.
        if let Some(named) = leader
            && queue.leader.is_none_or(|known| known.epoch < named.epoch)
            && queue.set_leader(Some(named))
        {
            queue.listed = None;
        }
    }

    fn apply(&mut self, now: Instant, id: PartitionId, at: usize, verdict: Verdict) {
        match verdict {
            Verdict::Written {
                base_offset,
                log_append_time,
            } => self.written(id, at, base_offset, log_append_time),
            Verdict::Retry {
                error,
                is_unknown,
                refresh,
            } => {
                if refresh {
                    self.refresh_metadata("a broker could not take a batch");
                }
                self.retry(now, id, at, error, is_unknown);
            }
            Verdict::OutOfTurn { error } => {
                if let Some(queue) = self.queues.get_mut(&id) {
                    queue.rewind();
                    if let Some(batch) = queue.batches.get_mut(at) {
                        batch.last_error = Some(error);
                    }
                }
            }
            Verdict::StartAnew { error, is_fenced } => {
                self.start_anew(now, id, at, error, is_fenced)
            }
            Verdict::Split => self.split(id, at),
            Verdict::Fail(error) => self.fail(id, at, |batch| batch.failure(&error)),
            Verdict::Reject { others, records } => {
                self.fail(id, at, |_| Outcome::Rejected { others, records })
            }
        }
    }

    fn written(
        &mut self,
        id: PartitionId,
        at: usize,
        base_offset: Option<i64>,
        log_append_time: Option<i64>,
    ) {
        let Some(queue) = self.queues.get_mut(&id) else {
            return;
        };
        if !queue.rewinding {
            queue.proven = true;
        }
        queue.failures = 0;
        if let Some(batch) = queue.remove(at, true) {
            batch.settle(Outcome::Written {
                base_offset,
                log_append_time,
            });
        }
    }

    fn retry(&mut self, now: Instant, id: PartitionId, at: usize, error: Error, is_unknown: bool) {
        let retries = self.terms.retries;
        let Some(queue) = self.queues.get_mut(&id) else {
            return;
        };
        let Some(batch) = queue.batches.get_mut(at) else {
            return;
        };
        batch.maybe_written |= is_unknown;
        if batch.attempts > retries {
            return self.fail(id, at, |batch| batch.failure(&error));
        }
        tracing::debug!(partition = %queue.partition.topic_partition, %error, attempt = batch.attempts, "a batch goes again");
        batch.last_error = Some(error);
        self.back_off(now, id);
    }

    fn start_anew(
        &mut self,
        now: Instant,
        id: PartitionId,
        at: usize,
        error: Error,
        is_fenced: bool,
    ) {
        let retries = self.terms.retries;
        let Some(queue) = self.queues.get_mut(&id) else {
            return;
        };
        let Some(batch) = queue.batches.get_mut(at) else {
            return;
        };
        let stamp = batch.stamp;
        if batch.attempts > retries {
            return self.fail(id, at, |batch| batch.failure(&error));
        }
        tracing::warn!(
            partition = %queue.partition.topic_partition,
            %error,
            "the broker has lost track of this producer, which goes on in a new epoch"
        );
        batch.last_error = Some(error);
        queue.broken = true;
        if let Some(stamp) = stamp.filter(|_| is_fenced) {
            self.identity.fenced(stamp.identity);
        }
        self.back_off(now, id);
    }

    /// Pauses a partition. Batches that fail together count as one failure.
    fn back_off(&mut self, now: Instant, id: PartitionId) {
        let Some(queue) = self.queues.get_mut(&id) else {
            return;
        };
        if !queue.rewinding {
            queue.failures = queue.failures.saturating_add(1);
            queue.retry_at = Some(now + self.backoff.pause(queue.failures, &mut self.random));
        }
        queue.rewind();
    }

    pub(super) fn fail(
        &mut self,
        id: PartitionId,
        at: usize,
        outcome: impl FnOnce(&ProducerBatch) -> Outcome,
    ) {
        let Some(queue) = self.queues.get_mut(&id) else {
            return;
        };
        if let Some(batch) = queue.remove(at, false) {
            let outcome = outcome(&batch);
            if let Outcome::Failed(error) = &outcome {
                tracing::debug!(partition = %queue.partition.topic_partition, %error, records = batch.records, "a batch failed");
            }
            batch.settle(outcome);
        }
    }
}

/// The verdict on a batch whose request has failed.
fn lost(queue: &Queue, error: &Error) -> Verdict {
    let error = errors::request_failed(&queue.partition.topic_partition, error);
    if error.is_retriable() {
        let is_unknown = error.may_have_taken_effect();
        Verdict::Retry {
            error,
            is_unknown,
            refresh: true,
        }
    } else {
        Verdict::Fail(error)
    }
}
