//! The consumer that decides: which partitions are read where, what to ask of which broker, and which
//! records to hand out next. No I/O, no clock, no tasks.
//!
//! Of each broker at most two answers are held: one that is being handed out and one that is under way or has
//! come already. The next is asked for when the caller takes the first record of the second, so brokers are
//! asked continuously as long as the caller polls, and memory is bounded when it does not.
//!
//! What is under way when a position changes, by `seek` or a rebalance, is recognised by the
//! position's version and dropped.

mod aborted;
mod answers;
mod fetch;
mod partition;
mod session;
mod slice;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use kconnect_protocol::TopicPartition;
use kconnect_protocol::messages::fetch::FetchRequest;
use kconnect_protocol::types::{BrokerId, StrBytes};

pub(crate) use self::fetch::Source;
pub(crate) use self::partition::{
    Leadership, LogBounds, Partition, Phase, Position, ResetTo, Wait,
};
pub(crate) use self::slice::{Reading, Segment, Slice};
use crate::attempts::Attempts;
use crate::{Error, ErrorKind};

/// What of the configuration matters here; sizes in bytes.
#[derive(Debug, Clone)]
pub(crate) struct CoreSettings {
    pub(crate) min_bytes: i32,
    pub(crate) max_bytes: i32,
    pub(crate) max_wait: Duration,
    pub(crate) partition_bytes: i32,
    pub(crate) rack: StrBytes,
    pub(crate) reading: Reading,
    /// `None`: `auto.offset.reset=none`.
    pub(crate) reset: Option<ResetTo>,
    pub(crate) retry_backoff: Duration,
    pub(crate) retry_backoff_max: Duration,
    /// How long a nearer replica is used before the leader is asked again.
    pub(crate) metadata_max_age: Duration,
}

/// Names a job for its whole life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct JobId(pub(crate) u64);

/// Something to ask of the cluster.
#[derive(Debug)]
pub(crate) enum Job {
    /// Answer with `handle_fetch`. Without topic ids no version from 13 on may be used.
    Fetch {
        id: JobId,
        broker: BrokerId,
        request: FetchRequest,
        has_ids: bool,
    },
    /// Answer with `handle_committed`.
    Committed(JobId, Vec<TopicPartition>),
    /// Answer with `handle_reset`.
    Reset(JobId, Vec<(TopicPartition, ResetTo)>),
    /// Metadata is out of date.
    RefreshMetadata(&'static str),
}

#[derive(Debug)]
pub(crate) struct Core {
    settings: CoreSettings,
    partitions: BTreeMap<TopicPartition, Partition>,
    sources: BTreeMap<BrokerId, Source>,
    ready: VecDeque<Slice>,
    /// With the partition that an error is about: it is void once the caller says where to go on.
    errors: VecDeque<(Option<TopicPartition>, Error)>,
    jobs: VecDeque<Job>,
    /// Whether something happened since the last look for jobs.
    is_dirty: bool,
    /// When the next look is due although nothing happens.
    due: Option<Instant>,
    wants_metadata: Option<&'static str>,
    last_version: u64,
    last_job: u64,
    last_served: u64,
    /// How often a position moved without a record to hand out.
    silent_moves: u64,
    seed: u64,
}

impl Core {
    pub(crate) fn new(settings: CoreSettings, seed: u64) -> Self {
        Self {
            settings,
            partitions: BTreeMap::new(),
            sources: BTreeMap::new(),
            ready: VecDeque::new(),
            errors: VecDeque::new(),
            jobs: VecDeque::new(),
            is_dirty: false,
            due: None,
            wants_metadata: None,
            last_version: 0,
            last_job: 0,
            last_served: 0,
            silent_moves: 0,
            seed,
        }
    }

    // Asks.

    pub(crate) fn assignment(&self) -> impl ExactSizeIterator<Item = &TopicPartition> {
        self.partitions.keys()
    }

    pub(crate) fn contains(&self, name: &TopicPartition) -> bool {
        self.partitions.contains_key(name)
    }

    pub(crate) fn paused(&self) -> impl Iterator<Item = &TopicPartition> {
        let paused = self
            .partitions
            .values()
            .filter(|partition| partition.is_paused);
        paused.map(|partition| &partition.name)
    }

    /// Positions that are known, of all partitions.
    pub(crate) fn positions(&self) -> impl Iterator<Item = (&TopicPartition, Position)> {
        let position = |partition: &Partition| partition.position();
        self.partitions
            .iter()
            .filter_map(move |(name, partition)| Some((name, position(partition)?)))
    }

    pub(crate) fn position(&self, name: &TopicPartition) -> Result<Option<Position>, Error> {
        Ok(self.assigned(name)?.position())
    }

    /// How often a position moved without a record to hand out: it was found, or only the end of a transaction, aborted
    /// records or a gap lay before it.
    pub(crate) const fn silent_moves(&self) -> u64 {
        self.silent_moves
    }

    pub(crate) fn bounds(&self, name: &TopicPartition) -> Result<Option<LogBounds>, Error> {
        Ok(self.assigned(name)?.bounds)
    }

    // Commands.

    /// Has exactly these partitions from now on; those that it had already go on as they are.
    ///
    /// `committed`: new ones begin at the group's committed offset, if there is one.
    pub(crate) fn assign(&mut self, names: &BTreeSet<TopicPartition>, committed: bool) {
        self.partitions.retain(|name, _| names.contains(name));
        let partitions = &self.partitions;
        self.ready
            .retain(|slice| partitions.contains_key(&slice.name));
        self.errors.retain(|(about, _)| {
            about
                .as_ref()
                .is_none_or(|name| partitions.contains_key(name))
        });
        for name in names {
            if !self.partitions.contains_key(name) {
                let partition = self.new_partition(name, committed);
                self.partitions.insert(name.clone(), partition);
                if !committed {
                    self.reset_by_policy(name, "it has no position yet");
                }
            }
        }
        self.is_dirty = true;
    }

    fn new_partition(&mut self, name: &TopicPartition, committed: bool) -> Partition {
        let version = self.next_version();
        Partition {
            name: name.clone(),
            phase: if committed {
                Phase::Committed(Wait::default())
            } else {
                Phase::Halted { position: None }
            },
            version,
            is_paused: false,
            is_revoking: false,
            leadership: Leadership::default(),
            preferred: None,
            bounds: None,
            fetch_bytes: self.settings.partition_bytes,
            served: 0,
            backoff: Attempts::new(
                self.settings.retry_backoff,
                self.settings.retry_backoff_max,
                self.seed.wrapping_add(version),
            ),
            not_before: None,
            ends_in_error: false,
        }
    }

    pub(crate) fn seek(&mut self, name: &TopicPartition, position: Position) -> Result<(), Error> {
        if position.offset < 0 {
            let text = format!(
                "seek `{name}` to {}: an offset is not negative",
                position.offset
            );
            return Err(Error::new(ErrorKind::Misuse, text));
        }
        let version = self.next_version();
        self.assigned_mut(name)?.activate(position, version);
        self.forget_slices(name);
        self.forget_errors(name);
        Ok(())
    }

    pub(crate) fn seek_to(&mut self, name: &TopicPartition, to: ResetTo) -> Result<(), Error> {
        let version = self.next_version();
        self.assigned_mut(name)?
            .set_phase(Phase::Reset(to, Wait::default()), version);
        self.forget_slices(name);
        self.forget_errors(name);
        Ok(())
    }

    pub(crate) fn pause(&mut self, name: &TopicPartition) -> Result<(), Error> {
        self.assigned_mut(name)?.is_paused = true;
        Ok(())
    }

    /// Goes on with a paused partition, or tries one again that an error stopped.
    pub(crate) fn resume(&mut self, name: &TopicPartition) -> Result<(), Error> {
        let version = self.next_version();
        let partition = self.assigned_mut(name)?;
        partition.is_paused = false;
        if let Phase::Halted {
            position: Some(position),
        } = partition.phase
        {
            partition.activate(position, version);
        }
        Ok(())
    }

    /// Hands out and fetches no more of these; their positions stay until the next `assign`.
    pub(crate) fn revoke(&mut self, names: &[TopicPartition]) {
        for name in names {
            if let Some(partition) = self.partitions.get_mut(name) {
                partition.is_revoking = true;
            }
        }
        self.is_dirty = true;
    }

    // Events.

    /// The cluster may look different now.
    pub(crate) fn handle_metadata(&mut self, look_up: impl Fn(&TopicPartition) -> Leadership) {
        let mut made_anew = Vec::new();
        for (name, partition) in &mut self.partitions {
            let leadership = look_up(name);
            let before = std::mem::replace(&mut partition.leadership, leadership);
            if before == leadership {
                continue;
            }
            self.is_dirty = true;
            if leadership.broker.is_some() {
                partition.not_before = None;
            }
            if before.topic_id.is_some() && leadership.topic_id.is_none() {
                // An answer without the topic says nothing about its id.
                partition.leadership.topic_id = before.topic_id;
            } else if before.topic_id.is_some() && before.topic_id != leadership.topic_id {
                made_anew.push(name.clone());
            }
            if before.broker != leadership.broker {
                partition.preferred = None;
            }
        }
        for name in made_anew {
            self.handle_made_anew(&name);
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.due.is_some_and(|due| now >= due) {
            self.is_dirty = true;
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// The next thing to ask of the cluster.
    pub(crate) fn poll_job(&mut self, now: Instant) -> Option<Job> {
        if self.is_dirty {
            self.is_dirty = false;
            self.plan(now);
        }
        self.jobs.pop_front()
    }

    /// Something went wrong outside.
    pub(crate) fn report(&mut self, error: Error) {
        self.errors.push_back((None, error));
    }

    /// An error for the caller; each is reported once.
    pub(crate) fn poll_error(&mut self) -> Option<Error> {
        self.errors.pop_front().map(|(_, error)| error)
    }

    /// Up to `limit` records, in the order in which they came; positions move behind them.
    pub(crate) fn poll_records(&mut self, limit: usize) -> Vec<Segment> {
        let mut out = Vec::new();
        let mut place = 0;
        let mut count = 0;
        while count < limit && place < self.ready.len() {
            let before = out.len();
            if !self.hand_out(place, limit - count, &mut out) {
                place += 1;
            }
            count += out[before..]
                .iter()
                .map(|segment| segment.count)
                .sum::<usize>();
        }
        out
    }

    /// Appends records of one slice. Returns whether the slice is used up and gone.
    fn hand_out(&mut self, place: usize, limit: usize, out: &mut Vec<Segment>) -> bool {
        let slice = &mut self.ready[place];
        let Some(partition) = self.partitions.get_mut(&slice.name) else {
            return self.forget_slice(place);
        };
        if partition.version != slice.version {
            return self.forget_slice(place);
        }
        if !partition.is_wanted() {
            return false;
        }
        let Phase::Active { position, .. } = &mut partition.phase else {
            return self.forget_slice(place);
        };
        if let Some(source) = self.sources.get_mut(&slice.broker)
            && source.draining.replace(slice.job) != Some(slice.job)
        {
            // Its second answer is begun: time to ask for the next.
            self.is_dirty = true;
        }
        let (before, handed_out) = (*position, out.len());
        let more = slice.hand_out(self.settings.reading, position, limit, out);
        if *position != before && out.len() == handed_out {
            self.silent_moves += 1;
        }
        match more {
            Ok(true) => false,
            Ok(false) => self.forget_slice(place),
            Err(unreadable) => {
                let name = slice.name.clone();
                self.halt_unreadable(&name, &unreadable);
                self.forget_slice(place)
            }
        }
    }

    fn forget_slice(&mut self, place: usize) -> bool {
        self.ready.remove(place);
        self.is_dirty = true;
        true
    }

    fn forget_slices(&mut self, name: &TopicPartition) {
        self.ready.retain(|slice| slice.name != *name);
        self.is_dirty = true;
    }

    fn forget_errors(&mut self, name: &TopicPartition) {
        self.errors
            .retain(|(about, _)| about.as_ref() != Some(name));
    }

    fn assigned(&self, name: &TopicPartition) -> Result<&Partition, Error> {
        self.partitions.get(name).ok_or_else(|| not_assigned(name))
    }

    fn assigned_mut(&mut self, name: &TopicPartition) -> Result<&mut Partition, Error> {
        self.is_dirty = true;
        self.partitions
            .get_mut(name)
            .ok_or_else(|| not_assigned(name))
    }

    /// Versions are never used twice, so a partition that comes back has no old data.
    fn next_version(&mut self) -> u64 {
        self.last_version += 1;
        self.last_version
    }

    fn next_job(&mut self) -> JobId {
        self.last_job += 1;
        JobId(self.last_job)
    }
}

fn not_assigned(name: &TopicPartition) -> Error {
    let text = format!(
        "partition `{name}` is not assigned to this consumer: \
         it was never assigned, is not assigned yet, or was revoked"
    );
    Error::new(ErrorKind::Misuse, text)
}
