//! From partitions with batches to requests: several partitions in a request, one batch of each, in turn.

use std::time::Instant;

use kconnect_protocol::{compression::Compression, types::BrokerId};

use super::{Action, ProduceCall, ProducePart, Request, Sender, queue::Queue};
use crate::producer::{
    batch::{Content, OpenBatch, Place},
    partition::{PartitionId, Waiting},
};

/// How many batches of a partition are compressed before the first of them can be sent.
const COMPRESSED_AHEAD_MAX: usize = 5;

/// What a partition adds to a request.
enum Part {
    Batch(ProducePart),
    /// Its batch would make the request too large.
    NoRoom,
    Nothing,
}

impl Sender {
    /// Finds out what a partition waits for, and lists it with its leader if it waits for a request.
    pub(super) fn look(&mut self, now: Instant, id: PartitionId) {
        let Some(queue) = self.queues.get(&id) else {
            return;
        };
        let may_send = queue.may_send(self.terms.is_idempotent, self.terms.max_in_flight);
        if queue.listed.is_some() || !may_send || self.fatal.is_some() {
            return;
        }
        if let Some(at) = queue.retry_at.filter(|&at| at > now) {
            return self.set_timer(id, at);
        }
        if self.terms.compression != Compression::None {
            self.compress_ahead(now, id);
        }
        let Some(queue) = self.queues.get(&id) else {
            return;
        };
        match queue.next() {
            Some(at) if queue.is_compressing(at) => return,
            Some(_) => {}
            None if queue.broken => return,
            None => match queue.partition.waiting(now, &self.terms, queue.rush) {
                Waiting::Nothing => return,
                Waiting::Until(at) => return self.set_timer(id, at),
                Waiting::Ready => {}
            },
        }
        if !self.identity.is_ready() {
            if self.identity.ask(now) {
                self.actions.push_back(Action::AskIdentity);
            }
            return;
        }
        self.list(now, id);
    }

    /// Puts a partition on its leader's list.
    fn list(&mut self, now: Instant, id: PartitionId) {
        let Some(queue) = self.queues.get_mut(&id) else {
            return;
        };
        match queue.leader {
            Some(leader) => {
                queue.listed = Some(leader.broker);
                self.outlets
                    .entry(leader.broker)
                    .or_default()
                    .listed
                    .push_back(id);
            }
            None => {
                queue.failures = queue.failures.saturating_add(1);
                let again = now + self.backoff.pause(queue.failures, &mut self.random);
                self.set_timer(id, again);
                self.refresh_metadata("a partition with records has no leader");
            }
        }
    }

    /// Makes up requests for all brokers that can take one.
    pub(super) fn drain(&mut self, now: Instant) {
        let max = self.terms.max_in_flight;
        let ready = |(id, outlet): (&BrokerId, &super::Outlet)| {
            (outlet.in_flight < max && !outlet.listed.is_empty()).then_some(*id)
        };
        let brokers: Vec<_> = self.outlets.iter().filter_map(ready).collect();
        for broker in brokers {
            while self
                .outlets
                .get(&broker)
                .is_some_and(|outlet| outlet.in_flight < max)
                && self.fill(now, broker)
            {}
        }
    }

    /// Makes up one request; false if there is nothing for it.
    fn fill(&mut self, now: Instant, broker: BrokerId) -> bool {
        let request = self.next_request;
        let mut parts = Vec::new();
        let mut bytes = 0;
        let turns = self
            .outlets
            .get(&broker)
            .map_or(0, |outlet| outlet.listed.len());
        for _ in 0..turns {
            let Some(id) = self
                .outlets
                .get_mut(&broker)
                .and_then(|outlet| outlet.listed.pop_front())
            else {
                break;
            };
            let Some(queue) = self
                .queues
                .get_mut(&id)
                .filter(|queue| queue.listed == Some(broker))
            else {
                continue;
            };
            queue.listed = None;
            match self.next_part(now, id, request, bytes) {
                Part::Batch(part) => {
                    bytes += part.batch.len();
                    parts.push(part);
                    self.look(now, id);
                }
                Part::NoRoom => {
                    self.list_first(broker, id);
                    break;
                }
                Part::Nothing => self.look(now, id),
            }
        }
        if parts.is_empty() {
            return false;
        }
        self.next_request += 1;
        let partitions = parts.iter().map(|part| part.partition.id).collect();
        self.requests
            .insert(request, Request { broker, partitions });
        self.outlets.entry(broker).or_default().in_flight += 1;
        self.actions.push_back(Action::Produce(ProduceCall {
            id: request,
            broker,
            parts,
        }));
        true
    }

    /// Takes the partition's next batch for a request that has `bytes` already.
    fn next_part(&mut self, now: Instant, id: PartitionId, request: u64, bytes: usize) -> Part {
        let Some(queue) = self.queues.get_mut(&id) else {
            return Part::Nothing;
        };
        let is_in_it = queue
            .batches
            .iter()
            .any(|batch| batch.place == Place::InFlight(request));
        if !queue.may_send(self.terms.is_idempotent, self.terms.max_in_flight)
            || queue.retry_at.is_some_and(|at| at > now)
        {
            return Part::Nothing;
        }
        if is_in_it {
            return Part::NoRoom;
        }
        if queue.next().is_none() && !queue.broken {
            let Some(open) = queue.partition.take(now, &self.terms, queue.rush) else {
                return Part::Nothing;
            };
            self.take(id, open);
        }
        let Some(queue) = self.queues.get_mut(&id) else {
            return Part::Nothing;
        };
        let Some(at) = queue.next() else {
            return Part::Nothing;
        };
        let Some(size) = queue.batches.get(at).map(|batch| batch.size()) else {
            return Part::Nothing;
        };
        if queue.is_compressing(at) || !self.identity.is_ready() {
            return Part::Nothing;
        }
        if bytes > 0 && bytes + size > self.terms.max_request_size {
            return Part::NoRoom;
        }
        queue.stamp(at, &self.identity);
        let Some(batch) = queue.batches.get_mut(at).and_then(|batch| batch.bytes()) else {
            return Part::Nothing;
        };
        queue.sent(at, request);
        Part::Batch(ProducePart {
            partition: queue.partition.clone(),
            topic_id: queue.topic_id,
            batch,
        })
    }

    /// Puts a partition back at the front of a list, where it was taken from.
    fn list_first(&mut self, broker: BrokerId, id: PartitionId) {
        if let Some(queue) = self.queues.get_mut(&id) {
            queue.listed = Some(broker);
            self.outlets
                .entry(broker)
                .or_default()
                .listed
                .push_front(id);
        }
    }

    /// Takes the batches that can be compressed before their turn.
    ///
    /// One that is not full waits for as long as the broker is busy, and grows.
    fn compress_ahead(&mut self, now: Instant, id: PartitionId) {
        let max = self.terms.max_in_flight;
        loop {
            let Some(queue) = self.queues.get(&id) else {
                return;
            };
            let unsent = queue
                .batches
                .iter()
                .filter(|batch| batch.attempts == 0)
                .count();
            if queue.broken || unsent >= COMPRESSED_AHEAD_MAX {
                return;
            }
            let outlet = queue
                .leader
                .and_then(|leader| self.outlets.get(&leader.broker));
            let is_busy = outlet.is_some_and(|outlet| outlet.in_flight >= max);
            let taken = match is_busy {
                true => queue.partition.take_full(),
                false => queue.partition.take(now, &self.terms, queue.rush),
            };
            let Some(open) = taken else { return };
            self.take(id, open);
        }
    }

    /// Ends a batch and puts it into its queue, by way of the compressor if there is one.
    fn take(&mut self, id: PartitionId, open: OpenBatch) {
        let Some(queue) = self.queues.get_mut(&id) else {
            return;
        };
        let batch_id = queue.batch_id();
        queue.batches.push_back(open.seal(batch_id));
        compress(
            queue,
            queue.batches.len() - 1,
            self.terms.compression,
            &mut self.actions,
        );
    }
}

/// Has the batch at `at` compressed, if batches are compressed.
pub(super) fn compress(
    queue: &mut Queue,
    at: usize,
    codec: Compression,
    actions: &mut std::collections::VecDeque<Action>,
) {
    if codec == Compression::None {
        return;
    }
    let Some(batch) = queue.batches.get_mut(at) else {
        return;
    };
    if let Content::Sealed(sealed) = std::mem::replace(&mut batch.content, Content::Compressing) {
        actions.push_back(Action::Compress {
            partition: queue.partition.id,
            batch: batch.id,
            sealed,
        });
    }
}
