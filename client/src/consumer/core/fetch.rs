//! What to ask next, and of whom.

use std::collections::BTreeMap;
use std::time::Instant;

use kconnect_protocol::TopicPartition;
use kconnect_protocol::messages::fetch::{FetchPartition, FetchRequest};
use kconnect_protocol::types::BrokerId;

use super::session::{Asked, FetchSession};
use super::{Core, Job, JobId, Partition, Phase, ResetTo, Slice};
use crate::attempts::Attempts;

/// A broker that is fetched from.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) session: FetchSession,
    /// The fetch under way, and since when.
    pub(crate) in_flight: Option<(JobId, Instant)>,
    /// The answer that the caller is being handed.
    pub(crate) draining: Option<JobId>,
    pub(crate) backoff: Attempts,
    pub(crate) not_before: Option<Instant>,
    /// Answers in a row that had nothing and came too soon.
    pub(crate) hasty: u32,
}

impl Core {
    /// Fills `jobs` with whatever is due, and says in `due` when to look again.
    pub(super) fn plan(&mut self, now: Instant) {
        self.due = None;
        self.plan_committed(now);
        self.plan_resets(now);
        self.plan_fetches(now);
        if let Some(reason) = self.wants_metadata.take() {
            self.jobs.push_back(Job::RefreshMetadata(reason));
        }
    }

    fn plan_committed(&mut self, now: Instant) {
        let id = self.next_job();
        let mut names = Vec::new();
        for (name, partition) in &mut self.partitions {
            if let Phase::Committed(wait) = &mut partition.phase {
                if wait.is_due(now) {
                    wait.job = Some(id);
                    names.push(name.clone());
                } else if wait.job.is_none() {
                    look_again(&mut self.due, wait.not_before);
                }
            }
        }
        if !names.is_empty() {
            self.jobs.push_back(Job::Committed(id, names));
        }
    }

    fn plan_resets(&mut self, now: Instant) {
        let id = self.next_job();
        let mut resets: Vec<(TopicPartition, ResetTo)> = Vec::new();
        for (name, partition) in &mut self.partitions {
            if let Phase::Reset(to, wait) = &mut partition.phase {
                if wait.is_due(now) {
                    wait.job = Some(id);
                    resets.push((name.clone(), *to));
                } else if wait.job.is_none() {
                    look_again(&mut self.due, wait.not_before);
                }
            }
        }
        if !resets.is_empty() {
            self.jobs.push_back(Job::Reset(id, resets));
        }
    }

    fn plan_fetches(&mut self, now: Instant) {
        let mut wanted: BTreeMap<BrokerId, Vec<(u64, TopicPartition, Asked)>> = BTreeMap::new();
        for (name, partition) in &mut self.partitions {
            let Some(fetch) = partition.fetch_position(now) else {
                look_again(&mut self.due, partition.not_before.filter(|&at| at > now));
                continue;
            };
            let Some(broker) = partition.source(now) else {
                partition.back_off(now);
                look_again(&mut self.due, partition.not_before);
                self.wants_metadata = Some("a partition that is consumed has no leader");
                continue;
            };
            let asked = Asked {
                topic_id: partition.leadership.topic_id,
                version: partition.version,
                partition: FetchPartition {
                    partition: name.partition,
                    current_leader_epoch: partition.leadership.epoch,
                    fetch_offset: fetch.offset,
                    last_fetched_epoch: fetch.leader_epoch,
                    log_start_offset: -1,
                    partition_max_bytes: partition.fetch_bytes,
                },
            };
            wanted
                .entry(broker)
                .or_default()
                .push((partition.served, name.clone(), asked));
        }
        for (broker, mut wanted) in wanted {
            if self.may_fetch(now, broker) {
                // Who was served last stands last, or the first partitions would starve the others.
                wanted.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
                let wanted = wanted
                    .into_iter()
                    .map(|(_, name, asked)| (name, asked))
                    .collect();
                self.fetch(now, broker, wanted);
            }
        }
    }

    fn may_fetch(&mut self, now: Instant, broker: BrokerId) -> bool {
        let draining = match self.sources.get(&broker) {
            Some(source) if source.in_flight.is_some() => return false,
            Some(source) if source.not_before.is_some_and(|at| now < at) => {
                look_again(&mut self.due, source.not_before);
                return false;
            }
            Some(source) => source.draining,
            None => None,
        };
        let from_it = |slice: &&Slice| slice.broker == broker;
        if self
            .ready
            .iter()
            .filter(from_it)
            .all(|slice| Some(slice.job) == draining)
        {
            return self.has_room();
        }
        // Only data of paused partitions is left, and it would hold up the others of this broker.
        let wanted = |slice: &Slice| {
            self.partitions
                .get(&slice.name)
                .is_some_and(Partition::is_wanted)
        };
        if self.ready.iter().filter(from_it).any(wanted) {
            return false;
        }
        self.refetch_later(broker);
        self.has_room()
    }

    /// Whether all that waits to be handed out is less than `fetch.max.bytes`.
    fn has_room(&self) -> bool {
        let held: usize = self.ready.iter().map(|slice| slice.bytes).sum();
        usize::try_from(self.settings.max_bytes).is_ok_and(|max| held < max)
    }

    /// Drops what a broker sent; it is asked for again when somebody wants it.
    fn refetch_later(&mut self, broker: BrokerId) {
        for slice in self.ready.iter().filter(|slice| slice.broker == broker) {
            if let Some(partition) = self.partitions.get_mut(&slice.name)
                && let Phase::Active { position, fetch } = &mut partition.phase
            {
                *fetch = *position;
                partition.ends_in_error = false;
            }
        }
        self.ready.retain(|slice| slice.broker != broker);
    }

    fn fetch(&mut self, now: Instant, broker: BrokerId, wanted: Vec<(TopicPartition, Asked)>) {
        let id = self.next_job();
        let settings = &self.settings;
        let mut request = FetchRequest {
            max_wait_ms: i32::try_from(settings.max_wait.as_millis()).unwrap_or(i32::MAX),
            min_bytes: settings.min_bytes,
            max_bytes: settings.max_bytes,
            isolation_level: settings.reading.isolation_level,
            rack_id: settings.rack.clone(),
            ..FetchRequest::default()
        };
        let source = self.sources.entry(broker).or_insert_with(|| Source {
            session: FetchSession::default(),
            in_flight: None,
            draining: None,
            backoff: Attempts::new(
                settings.retry_backoff,
                settings.retry_backoff_max,
                self.seed ^ id.0,
            ),
            not_before: None,
            hasty: 0,
        });
        source.session.ask(wanted, &mut request);
        source.in_flight = Some((id, now));
        self.jobs.push_back(Job::Fetch {
            id,
            broker,
            request,
            has_ids: source.session.has_ids(),
        });
    }
}

/// Moves `due` to the front if `at` comes before it.
pub(super) fn look_again(due: &mut Option<Instant>, at: Option<Instant>) {
    if let Some(at) = at {
        *due = Some(due.map_or(at, |due| due.min(at)));
    }
}
