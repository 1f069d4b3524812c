//! Where the records of one partition gather: callers append under a short lock, the driver takes what is ready.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Instant,
};

use kconnect_protocol::{
    records::{HEADER_LEN, Record},
    types::TopicPartition,
};

use super::{
    batch::{Fate, OpenBatch},
    delivery::{Completion, Delivery},
    errors,
    memory::Reservation,
    terms::Terms,
};
use crate::Error;

/// Names a partition within its producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PartitionId(pub(crate) u32);

/// The callers' side of a partition.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) id: PartitionId,
    pub(crate) topic_partition: TopicPartition,
    has_leader: AtomicBool,
    /// Batches that have not been sent yet, for the partitioner.
    queued: AtomicU32,
    gathered: Mutex<Gathered>,
}

#[derive(Debug, Default)]
struct Gathered {
    open: Option<OpenBatch>,
    /// Full batches, oldest first.
    full: VecDeque<OpenBatch>,
    told: Told,
    /// Bytes since the partitioner chose this partition.
    sticky_bytes: usize,
    /// What a batch here is likely to need.
    usual_bytes: usize,
    /// Why nothing is taken any more.
    end: Option<Error>,
}

/// What the driver knows of this partition, so that it is told once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Told {
    #[default]
    Nothing,
    /// There is a batch.
    Open,
    /// There is a full batch.
    Full,
}

/// How a record is appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct How {
    /// The partitioner chose the partition freely, so it may choose another one when a batch is full.
    pub(crate) is_sticky: bool,
    /// The sender wants to know what becomes of it.
    pub(crate) is_watched: bool,
    /// The most bytes that it adds to a batch: [`record_bytes_max`](super::batch::record_bytes_max).
    pub(crate) bytes: usize,
}

/// Why a record was not appended.
#[derive(Debug)]
pub(crate) enum NotAppended {
    /// So many bytes must be reserved first: what a batch here usually has, so that it need not grow step by step.
    NeedsMemory(usize),
    /// This partition has had its share; the partitioner chooses another.
    Switch,
    /// For good.
    Failed(Error),
}

/// What is there for the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// Nothing: the next record will be told.
    Nothing,
    /// A batch that is ready at that time, or when it is full, which will be told.
    Until(Instant),
    /// A batch that is ready.
    Ready,
}

impl Partition {
    pub(crate) fn new(id: PartitionId, topic_partition: TopicPartition) -> Arc<Self> {
        Arc::new(Self {
            id,
            topic_partition,
            has_leader: AtomicBool::new(true),
            queued: AtomicU32::new(0),
            gathered: Mutex::default(),
        })
    }

    /// Appends a record to the open batch, or to a new one.
    ///
    /// `grant` is memory that was waited for; what is not needed stays in it. `now` is asked only for a new batch.
    pub(crate) fn append(
        self: &Arc<Self>,
        record: &Record<'_>,
        how: How,
        terms: &Terms,
        grant: &mut Option<Reservation>,
        now: impl Fn() -> Instant,
    ) -> Result<Option<Delivery>, NotAppended> {
        let bytes = how.bytes;
        let mut gathered = self.gathered();
        if let Some(error) = &gathered.end {
            return Err(NotAppended::Failed(error.clone()));
        }
        if let Some(batch) = &mut gathered.open {
            if batch.make_room(bytes, terms)
                && let Ok(index) = batch.append(record)
            {
                let delivery = batch.fate.promise(index, record.timestamp, how.is_watched);
                gathered.sticky_bytes += bytes;
                return Ok(delivery);
            }
            self.close_open(&mut gathered, terms, now());
        }
        // A partition that was just chosen takes a record of any size.
        let had_its_share = gathered.sticky_bytes + bytes > terms.batch_size;
        if how.is_sticky && gathered.sticky_bytes > 0 && had_its_share {
            gathered.sticky_bytes = 0;
            return Err(NotAppended::Switch);
        }
        self.append_to_new(&mut gathered, record, how, terms, grant, now())
    }

    fn append_to_new(
        self: &Arc<Self>,
        gathered: &mut Gathered,
        record: &Record<'_>,
        how: How,
        terms: &Terms,
        grant: &mut Option<Reservation>,
        now: Instant,
    ) -> Result<Option<Delivery>, NotAppended> {
        let needed = how.bytes + HEADER_LEN;
        let usual = gathered.usual_bytes.min(terms.batch_size).max(needed);
        let granted = grant.take_if(|grant| grant.bytes() >= needed);
        let memory = granted
            .or_else(|| terms.memory.try_reserve(usual))
            .or_else(|| terms.memory.try_reserve(needed))
            .ok_or(NotAppended::NeedsMemory(usual))?;
        let completion = Completion::new(self.topic_partition.clone());
        let fate = Fate::new(completion, Arc::clone(&terms.unwatched));
        let mut batch = OpenBatch::new(terms.batch_size, fate, memory, now);
        // A first record is refused only if it exceeds what any batch can hold.
        let too_large = |_| {
            let topic = &self.topic_partition.topic;
            NotAppended::Failed(errors::record_too_large(
                topic,
                needed,
                terms.max_request_size,
            ))
        };
        let index = batch.append(record).map_err(too_large)?;
        let delivery = batch.fate.promise(index, record.timestamp, how.is_watched);
        gathered.sticky_bytes += needed;
        gathered.open = Some(batch);
        self.queued.fetch_add(1, Ordering::Relaxed);
        if gathered.told < Told::Open {
            gathered.told = Told::Open;
            terms.inbox.post(Arc::clone(self), now + terms.linger);
        }
        Ok(delivery)
    }

    /// Puts the open batch among the full ones.
    fn close_open(self: &Arc<Self>, gathered: &mut Gathered, terms: &Terms, now: Instant) {
        let Some(batch) = gathered.open.take() else {
            return;
        };
        gathered.usual_bytes = terms.batch_size;
        gathered.full.push_back(batch);
        if gathered.told < Told::Full {
            gathered.told = Told::Full;
            terms.inbox.post(Arc::clone(self), now);
        }
    }

    /// For the driver: takes a full batch, or the open one if it has waited long enough or was begun by `rush`.
    pub(crate) fn take(
        &self,
        now: Instant,
        terms: &Terms,
        rush: Option<Instant>,
    ) -> Option<OpenBatch> {
        let mut gathered = self.gathered();
        let gathered = &mut *gathered;
        gathered.full.pop_front().or_else(|| {
            let batch = gathered
                .open
                .take_if(|batch| batch.ready_at(terms, rush) <= now)?;
            gathered.usual_bytes = batch.size().next_power_of_two();
            Some(batch)
        })
    }

    /// For the driver: takes a full batch.
    pub(crate) fn take_full(&self) -> Option<OpenBatch> {
        self.gathered().full.pop_front()
    }

    /// For the driver, and noted as known to it: what there is to take.
    pub(crate) fn waiting(&self, now: Instant, terms: &Terms, rush: Option<Instant>) -> Waiting {
        self.gathered().waiting(now, terms, rush)
    }

    /// For the driver: takes the batches that were begun before `limit`, oldest first.
    pub(crate) fn take_older(&self, limit: Instant) -> Vec<OpenBatch> {
        let mut gathered = self.gathered();
        let mut older = Vec::new();
        while let Some(batch) = gathered.full.pop_front_if(|batch| batch.created <= limit) {
            older.push(batch);
        }
        if gathered.full.is_empty() {
            older.extend(gathered.open.take_if(|batch| batch.created <= limit));
        }
        older
    }

    /// For the driver: when the oldest batch was begun.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        let gathered = self.gathered();
        gathered
            .full
            .front()
            .or(gathered.open.as_ref())
            .map(|batch| batch.created)
    }

    /// The completions of all batches that the driver has not taken.
    pub(crate) fn completions(&self) -> Vec<Arc<Completion>> {
        let gathered = self.gathered();
        gathered
            .full
            .iter()
            .chain(&gathered.open)
            .map(|batch| Arc::clone(batch.fate.completion()))
            .collect()
    }

    /// Takes nothing any more, for that reason, and hands out what is there.
    ///
    /// After it no record can slip in: one that did would never be settled.
    pub(crate) fn end(&self, error: &Error) -> Vec<OpenBatch> {
        let mut gathered = self.gathered();
        gathered.end.get_or_insert_with(|| error.clone());
        let mut rest: Vec<_> = gathered.full.drain(..).collect();
        rest.extend(gathered.open.take());
        rest
    }

    /// Refuses further records; what is there stays.
    pub(crate) fn refuse(&self, error: &Error) {
        self.gathered().end.get_or_insert_with(|| error.clone());
    }

    /// Whether metadata names a leader.
    pub(crate) fn has_leader(&self) -> bool {
        self.has_leader.load(Ordering::Relaxed)
    }

    pub(crate) fn set_has_leader(&self, has_leader: bool) {
        self.has_leader.store(has_leader, Ordering::Relaxed);
    }

    /// Batches that have not been sent yet.
    pub(crate) fn queued(&self) -> u32 {
        self.queued.load(Ordering::Relaxed)
    }

    /// For the driver: a batch goes out for the first time, or never will.
    pub(crate) fn leaves_queue(&self) {
        // Only the driver counts down, and only what was counted up.
        self.queued.fetch_sub(1, Ordering::Relaxed);
    }

    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gathered {
    /// Says what there is, and remembers that the driver knows it.
    fn waiting(&mut self, now: Instant, terms: &Terms, rush: Option<Instant>) -> Waiting {
        let (told, waiting) = match &self.open {
            _ if !self.full.is_empty() => (Told::Full, Waiting::Ready),
            None => (Told::Nothing, Waiting::Nothing),
            Some(batch) => match batch.ready_at(terms, rush) {
                due if due <= now => (Told::Open, Waiting::Ready),
                due => (Told::Open, Waiting::Until(due)),
            },
        };
        self.told = told;
        waiting
    }
}
