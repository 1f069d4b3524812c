//! What the broker knows, apart from who is connected.

use std::sync::Arc;

use kconnect_protocol::StrBytes;

use super::groups::{GroupSettings, Groups};
use super::journal::Entry;
use super::log::recover::{Unrecoverable, recover};
use super::random::{Random, text};
use super::sessions::Sessions;
use super::storage::{PartitionId, Storage};
use super::time::Now;
use super::topics::Topics;
use crate::options::Options;

/// How clients reach this broker.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub host: Arc<str>,
    pub port: u16,
}

/// Topics, groups and the rest.
#[derive(Debug)]
pub(crate) struct State {
    pub options: Options,
    pub endpoint: Endpoint,
    pub cluster_id: String,
    pub topics: Topics,
    pub groups: Groups,
    pub sessions: Sessions,
    pub random: Random,
    pub storage: Box<dyn Storage>,
    /// Partitions that have grown, and by how many bytes: fetches wait for that.
    pub appended: Vec<(PartitionId, usize)>,
    next_producer_id: i64,
    /// Producer ids below this are noted in the journal.
    noted_producer_id: i64,
    run: i32,
}

/// Producer ids are noted in blocks of this size, as Kafka's controller hands them out.
const PRODUCER_ID_BLOCK: i64 = 1_000;
/// `producer.id.expiration.ms`
const PRODUCER_EXPIRY: i64 = 24 * 60 * 60 * 1_000;
/// `offsets.retention.minutes`, in milliseconds.
const OFFSETS_RETENTION: i64 = 7 * 24 * 60 * 60 * 1_000;
const GROUP_SIZE_MAX: usize = 10_000;
const GROUPS_MAX: usize = 100_000;

impl State {
    /// A broker that has never been started before.
    pub(crate) fn new(
        options: Options,
        endpoint: Endpoint,
        seed: u64,
        storage: Box<dyn Storage>,
    ) -> Self {
        let delay = options.group_initial_rebalance_delay.as_millis();
        let settings = GroupSettings {
            initial_delay: u64::try_from(delay).unwrap_or(u64::MAX),
            size_max: GROUP_SIZE_MAX,
            groups_max: GROUPS_MAX,
        };
        let mut random = Random::new(seed);
        Self {
            endpoint,
            cluster_id: text(random.uuid()),
            topics: Topics::new(options.memory_limit),
            groups: Groups::new(settings),
            sessions: Sessions::default(),
            random,
            storage,
            appended: Vec::new(),
            next_producer_id: 0,
            noted_producer_id: 0,
            run: 0,
            options,
        }
    }

    pub(crate) fn node_id(&self) -> i32 {
        self.options.node_id
    }

    pub(crate) fn host(&self) -> StrBytes {
        StrBytes::from_string(self.endpoint.host.to_string())
    }

    /// A producer id that nobody has been given before.
    pub(crate) fn producer_id(&mut self) -> std::io::Result<i64> {
        if self.next_producer_id >= self.noted_producer_id {
            let next = self.next_producer_id + PRODUCER_ID_BLOCK;
            self.storage.note(&Entry::ProducerIds { next })?;
            self.noted_producer_id = next;
        }
        let id = self.next_producer_id;
        self.next_producer_id += 1;
        Ok(id)
    }

    /// Applies retention and expiry, and writes the journal anew if it has grown long.
    pub(crate) fn sweep(&mut self, now: Now) {
        self.topics.enforce_retention(now, self.storage.as_mut());
        self.topics
            .expire_producers(now.timestamp - PRODUCER_EXPIRY);
        for entry in self.groups.expire(now.timestamp - OFFSETS_RETENTION) {
            self.note(&entry);
        }
        self.shorten_journal();
    }

    /// Writes an entry whose loss only means that something old comes back.
    pub(crate) fn note(&mut self, entry: &Entry) {
        if let Err(error) = self.storage.note(entry) {
            tracing::error!(%error, "the journal could not be written");
        }
    }

    /// Writes the journal anew if most of it is history.
    pub(crate) fn shorten_journal(&mut self) {
        if !self.storage.wants_snapshot() {
            return;
        }
        let mut entries = vec![
            Entry::Started {
                cluster_id: self.cluster_id.clone(),
                run: self.run,
            },
            Entry::ProducerIds {
                next: self.noted_producer_id,
            },
        ];
        entries.extend(self.topics.snapshot());
        entries.extend(self.groups.snapshot());
        if let Err(error) = self.storage.snapshot(&mut entries.into_iter()) {
            tracing::error!(%error, "the journal could not be written anew");
        }
    }

    /// Brings everything to the disk.
    pub(crate) fn sync(&mut self) {
        self.shorten_journal();
        if let Err(error) = self.storage.sync() {
            tracing::error!(%error, "the log could not be brought to the disk");
        }
    }

    /// Takes over what earlier runs have written down, then begins a run of its own.
    pub(crate) fn restore(&mut self, entries: Vec<Entry>, now: Now) -> Result<(), Unrecoverable> {
        for entry in entries {
            self.replay(entry, now);
        }
        for (id, start) in self.topics.logs() {
            let log = recover(id, start, self.storage.as_mut())?;
            self.topics.restore(id, log);
        }
        self.run += 1;
        self.topics.started(self.run);
        self.next_producer_id = self.noted_producer_id;
        self.storage.note(&Entry::Started {
            cluster_id: self.cluster_id.clone(),
            run: self.run,
        })?;
        Ok(())
    }

    fn replay(&mut self, entry: Entry, now: Now) {
        match entry {
            Entry::Started { cluster_id, run } => {
                self.cluster_id = cluster_id;
                self.run = run;
            }
            Entry::ProducerIds { next } => self.noted_producer_id = next,
            Entry::TopicDeleted { topic } => {
                if let Some(topic) = self.topics.by_id(topic) {
                    self.groups.topic_deleted(&topic.name);
                }
                self.topics.replay(entry);
            }
            Entry::Offsets { .. } | Entry::OffsetsDeleted { .. } | Entry::GroupDeleted { .. } => {
                self.groups.replay(entry, now);
            }
            Entry::LogStart { partition, offset } => {
                if let Some(log) = self.topics.log_mut(partition) {
                    log.starts_at(offset);
                }
            }
            _ => self.topics.replay(entry),
        }
    }
}
