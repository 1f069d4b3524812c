//! The core of a producer: which batch goes to which broker and when, and what each answer means. No I/O, no clock.
//!
//! Events come in through `handle_*` with the time, [`Action`]s come out of [`Sender::poll_action`], and
//! [`Sender::poll_timeout`] says when to call again at the latest. Implements KIP-98 (idempotence), KIP-360 (epoch bump),
//! KIP-580 (backoff), KIP-91 (delivery timeout), KIP-467 (record errors), KIP-951 (leader in the answer).

mod answer;
mod drain;
mod expire;
mod queue;
mod split;
#[cfg(test)]
mod tests;
mod verdict;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use kconnect_protocol::{
    records::SealedBatch,
    types::{BrokerId, Uuid},
};

pub use self::expire::Abandoned;
use self::queue::Queue;
pub(crate) use self::{queue::Leader, verdict::PartitionAnswer};
use super::{
    accumulator::Accumulator,
    batch::Content,
    delivery::Completion,
    errors,
    identity::{Identity, ProducerIdentity},
    partition::{Partition, PartitionId},
    terms::Terms,
};
use crate::{
    Error,
    net::{Backoff, Random},
};

/// Everything that a producer has to send and waits for.
#[derive(Debug)]
pub(crate) struct Sender {
    terms: Arc<Terms>,
    accumulator: Arc<Accumulator>,
    identity: Identity,
    queues: BTreeMap<PartitionId, Queue>,
    outlets: BTreeMap<BrokerId, Outlet>,
    requests: BTreeMap<u64, Request>,
    next_request: u64,
    /// When to look at which partition again: the end of a linger or of a backoff.
    timers: BTreeSet<(Instant, PartitionId)>,
    /// No batch can be too old before then.
    next_expiry: Option<Instant>,
    actions: VecDeque<Action>,
    backoff: Backoff,
    random: Random,
    /// The error after which nothing can be sent any more.
    fatal: Option<Error>,
}

/// The way to one broker.
#[derive(Debug, Default)]
struct Outlet {
    /// Partitions with a batch for this broker, in turn.
    listed: VecDeque<PartitionId>,
    in_flight: usize,
}

/// A request that is not answered: one batch of each of its partitions.
#[derive(Debug)]
struct Request {
    broker: BrokerId,
    partitions: Vec<PartitionId>,
}

/// What is to be done outside.
#[derive(Debug)]
pub(crate) enum Action {
    /// Send it, then call [`Sender::handle_response`].
    Produce(ProduceCall),
    /// Ask for a producer id, then call [`Sender::handle_identity`].
    AskIdentity,
    /// Metadata is missing or out of date, for that reason.
    RefreshMetadata(&'static str),
    /// Compress it, then call [`Sender::handle_compressed`].
    Compress {
        partition: PartitionId,
        batch: u64,
        sealed: SealedBatch,
    },
}

/// A request to produce.
#[derive(Debug)]
pub(crate) struct ProduceCall {
    pub(crate) id: u64,
    pub(crate) broker: BrokerId,
    pub(crate) parts: Vec<ProducePart>,
}

/// A partition's batch in a request. The bytes are shared with the batch, so they outlive both.
#[derive(Debug, Clone)]
pub(crate) struct ProducePart {
    pub(crate) partition: Arc<Partition>,
    pub(crate) topic_id: Option<Uuid>,
    pub(crate) batch: Bytes,
}

/// What metadata says of a partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct PartitionState {
    pub(crate) topic_id: Option<Uuid>,
    pub(crate) leader: Option<Leader>,
    /// Why there is no leader.
    pub(crate) problem: Option<Error>,
}

impl Sender {
    pub(crate) fn new(accumulator: Arc<Accumulator>, seed: u64) -> Self {
        let terms = Arc::clone(&accumulator.terms);
        Self {
            identity: Identity::new(terms.is_idempotent),
            queues: BTreeMap::new(),
            outlets: BTreeMap::new(),
            requests: BTreeMap::new(),
            next_request: 0,
            timers: BTreeSet::new(),
            next_expiry: None,
            actions: VecDeque::new(),
            backoff: Backoff::new(terms.retry_backoff, terms.retry_backoff_max),
            random: Random::seeded(seed),
            fatal: None,
            terms,
            accumulator,
        }
    }

    /// Whether every batch that was told of is settled.
    pub(crate) fn is_idle(&self) -> bool {
        self.queues
            .values()
            .all(|queue| queue.batches.is_empty() && queue.partition.oldest().is_none())
    }

    /// Whether it has seen the partition before.
    pub(crate) fn knows(&self, partition: PartitionId) -> bool {
        self.queues.contains_key(&partition)
    }

    /// A partition has its first batch, or its first full one. `state` is asked for a partition that is new.
    pub(crate) fn handle_news(
        &mut self,
        now: Instant,
        partition: &Arc<Partition>,
        state: impl FnOnce() -> PartitionState,
    ) {
        let id = partition.id;
        if !self.knows(id) {
            self.queues.insert(id, Queue::new(Arc::clone(partition)));
            self.set_state(id, state());
        }
        if self.next_expiry.is_none() {
            self.next_expiry = partition
                .oldest()
                .map(|oldest| oldest + self.terms.delivery_timeout);
        }
        self.look(now, id);
    }

    /// Metadata has changed.
    pub(crate) fn handle_metadata(
        &mut self,
        now: Instant,
        state: impl Fn(&Partition) -> PartitionState,
    ) {
        let ids: Vec<_> = self.queues.keys().copied().collect();
        for id in ids {
            let Some(queue) = self.queues.get(&id) else {
                continue;
            };
            let new = state(&queue.partition);
            self.set_state(id, new);
            self.look(now, id);
        }
    }

    /// The answer to [`Action::AskIdentity`].
    pub(crate) fn handle_identity(
        &mut self,
        now: Instant,
        answer: Result<ProducerIdentity, Error>,
    ) {
        match answer {
            Ok(identity) => {
                self.identity.granted(identity);
                self.look_at_all(now);
            }
            Err(error) if error.is_retriable() => {
                let pause = self.pause(self.identity.attempts());
                tracing::debug!(%error, "no producer id yet");
                self.identity.refused(now + pause);
            }
            Err(error) => self.fail_all(errors::no_identity(&error)),
        }
    }

    /// The answer to [`Action::Compress`].
    pub(crate) fn handle_compressed(
        &mut self,
        now: Instant,
        partition: PartitionId,
        batch: u64,
        compressed: Result<SealedBatch, Error>,
    ) {
        let Some(queue) = self.queues.get_mut(&partition) else {
            return;
        };
        let Some(at) = queue.batches.iter().position(|known| known.id == batch) else {
            return;
        };
        match compressed {
            Ok(sealed) => {
                if let Some(batch) = queue.batches.get_mut(at) {
                    batch.content = Content::Sealed(sealed);
                }
            }
            Err(error) => {
                if let Some(batch) = queue.remove(at, false) {
                    batch.fate.settle(batch.failure(&error));
                }
            }
        }
        self.look(now, partition);
    }

    /// Sends what is there without lingering, and says what to wait for.
    pub(crate) fn flush(&mut self, now: Instant) -> Vec<Arc<Completion>> {
        self.rush(now);
        let open = |queue: &Queue| {
            let taken = queue.batches.iter().filter(|batch| !batch.is_abandoned());
            let taken = taken.map(|batch| Arc::clone(batch.fate.completion()));
            taken
                .chain(queue.partition.completions())
                .collect::<Vec<_>>()
        };
        self.queues.values().flat_map(open).collect()
    }

    /// Sends what is there without lingering.
    pub(crate) fn rush(&mut self, now: Instant) {
        for queue in self.queues.values_mut() {
            queue.rush = Some(now);
        }
        self.look_at_all(now);
    }

    /// The time has come that [`poll_timeout`](Self::poll_timeout) named, or has not.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some(&(at, id)) = self.timers.first()
            && at <= now
        {
            self.timers.pop_first();
            if let Some(queue) = self.queues.get_mut(&id) {
                queue.timer = None;
            }
            self.look(now, id);
        }
        if self.identity.ask_at().is_some_and(|at| at <= now) {
            self.look_at_all(now);
        }
        self.expire(now);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) at the latest.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let timer = self.timers.first().map(|&(at, _)| at);
        [timer, self.next_expiry, self.identity.ask_at()]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next thing to do; requests are made up when everything else is done.
    pub(crate) fn poll_action(&mut self, now: Instant) -> Option<Action> {
        if self.actions.is_empty() {
            self.drain(now);
        }
        self.actions.pop_front()
    }

    fn set_state(&mut self, id: PartitionId, state: PartitionState) {
        let Some(queue) = self.queues.get_mut(&id) else {
            return;
        };
        // A topic that is missing from one answer is not a topic that was deleted.
        if state.topic_id.is_some() {
            let is_another = queue.topic_id.is_some() && queue.topic_id != state.topic_id;
            queue.topic_id = state.topic_id;
            if is_another {
                tracing::warn!(partition = %queue.partition.topic_partition, "the topic was deleted and created again");
                queue.recreated(&mut self.identity);
            }
        }
        queue.problem = state.problem;
        if queue.set_leader(state.leader) {
            queue.listed = None;
        }
    }

    /// The pause after that many failures in a row.
    fn pause(&mut self, failures: u32) -> Duration {
        self.backoff.pause(failures, &mut self.random)
    }

    fn look_at_all(&mut self, now: Instant) {
        let ids: Vec<_> = self.queues.keys().copied().collect();
        for id in ids {
            self.look(now, id);
        }
    }

    fn refresh_metadata(&mut self, reason: &'static str) {
        let asked = self
            .actions
            .iter()
            .any(|action| matches!(action, Action::RefreshMetadata(_)));
        if !asked {
            self.actions.push_back(Action::RefreshMetadata(reason));
        }
    }

    fn set_timer(&mut self, id: PartitionId, at: Instant) {
        let Some(queue) = self.queues.get_mut(&id) else {
            return;
        };
        if queue.timer.is_some_and(|timer| timer <= at) {
            return;
        }
        if let Some(old) = queue.timer.replace(at) {
            self.timers.remove(&(old, id));
        }
        self.timers.insert((at, id));
    }
}
