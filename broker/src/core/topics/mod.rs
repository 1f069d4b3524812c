//! The topics of the broker: names, ids, partitions and what was configured.

pub(crate) mod memory;
pub(crate) mod name;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use kconnect_protocol::ErrorCode;
use kconnect_protocol::records::Batch;
use uuid::Uuid;

use self::memory::Memory;
use super::config::{self, Overrides, TOPIC_KEYS, TopicSettings};
use super::journal::Entry;
use super::log::{Appended, Log};
use super::storage::{PartitionId, SegmentId, Storage};
use super::time::Now;

/// Partitions of the whole broker: one process has to hold what each of them needs.
pub(crate) const PARTITIONS_MAX: usize = 100_000;

/// A topic.
#[derive(Debug)]
pub(crate) struct Topic {
    pub name: Arc<str>,
    pub id: Uuid,
    pub partitions: Vec<Log>,
    pub configs: Overrides,
    pub settings: TopicSettings,
    pub leader_epoch: i32,
    run: i32,
}

impl Topic {
    fn new(name: Arc<str>, id: Uuid, run: i32, configs: Overrides) -> Self {
        Self {
            name,
            id,
            partitions: Vec::new(),
            settings: TopicSettings::new(&configs),
            configs,
            leader_epoch: 0,
            run,
        }
    }

    pub(crate) fn partition(&self, number: i32) -> Option<&Log> {
        self.partitions.get(usize::try_from(number).ok()?)
    }

    pub(crate) fn partition_mut(&mut self, number: i32) -> Option<&mut Log> {
        self.partitions.get_mut(usize::try_from(number).ok()?)
    }

    pub(crate) fn partition_id(&self, partition: i32) -> PartitionId {
        PartitionId {
            topic: self.id,
            partition,
        }
    }

    /// How many partitions there are, as the wire counts them.
    pub(crate) fn count(&self) -> i32 {
        i32::try_from(self.partitions.len()).unwrap_or(i32::MAX)
    }

    fn grow(&mut self, count: i32) {
        for number in self.count()..count {
            self.partitions.push(Log::new(self.partition_id(number)));
        }
    }
}

/// A refusal with the text that goes with it.
pub(crate) type Refusal = (ErrorCode, String);

/// All topics.
#[derive(Debug)]
pub(crate) struct Topics {
    by_id: BTreeMap<Uuid, Topic>,
    by_name: BTreeMap<Arc<str>, Uuid>,
    partitions: usize,
    memory: Memory,
    run: i32,
}

impl Topics {
    /// No topics yet; their batches may take `memory_limit` bytes.
    pub(crate) fn new(memory_limit: usize) -> Self {
        Self {
            by_id: BTreeMap::new(),
            by_name: BTreeMap::new(),
            partitions: 0,
            memory: Memory::new(memory_limit),
            run: 0,
        }
    }

    /// Tells how often the broker has been started: every start begins a leader epoch.
    pub(crate) fn started(&mut self, run: i32) {
        self.run = run;
        for topic in self.by_id.values_mut() {
            topic.leader_epoch = run.saturating_sub(topic.run).max(0);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Topic> {
        self.by_name.values().filter_map(|id| self.by_id.get(id))
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<&Topic> {
        self.by_id.get(self.by_name.get(name)?)
    }

    pub(crate) fn by_name_mut(&mut self, name: &str) -> Option<&mut Topic> {
        self.by_id.get_mut(self.by_name.get(name)?)
    }

    pub(crate) fn by_id(&self, id: Uuid) -> Option<&Topic> {
        self.by_id.get(&id)
    }

    pub(crate) fn by_id_mut(&mut self, id: Uuid) -> Option<&mut Topic> {
        self.by_id.get_mut(&id)
    }

    pub(crate) fn log(&self, id: PartitionId) -> Option<&Log> {
        self.by_id.get(&id.topic)?.partition(id.partition)
    }

    /// Whether a topic could be created, with the reason if not.
    pub(crate) fn check_new(
        &self,
        name: &str,
        partitions: i32,
        configs: &Overrides,
    ) -> Result<(), Refusal> {
        name::check(name).map_err(|why| (ErrorCode::InvalidTopicException, why))?;
        if self.by_name.contains_key(name) {
            let why = format!("Topic '{name}' already exists.");
            return Err((ErrorCode::TopicAlreadyExists, why));
        }
        if let Some(other) = self.by_name.keys().find(|other| name::collide(name, other)) {
            let why = format!("Topic '{name}' collides with existing topic: {other}");
            return Err((ErrorCode::InvalidTopicException, why));
        }
        self.check_count(partitions)?;
        config::check(TOPIC_KEYS, configs).map_err(|why| (ErrorCode::InvalidConfig, why))
    }

    fn check_count(&self, more: i32) -> Result<(), Refusal> {
        let more = usize::try_from(more).ok().filter(|more| *more > 0);
        match more {
            Some(more) if self.partitions + more <= PARTITIONS_MAX => Ok(()),
            Some(_) => {
                let why =
                    format!("this broker has no room for more than {PARTITIONS_MAX} partitions");
                Err((ErrorCode::PolicyViolation, why))
            }
            None => {
                let why = "Number of partitions must be larger than 0.".to_owned();
                Err((ErrorCode::InvalidPartitions, why))
            }
        }
    }

    /// Creates a topic that [`Topics::check_new`] found good.
    pub(crate) fn create(
        &mut self,
        name: &str,
        id: Uuid,
        partitions: i32,
        configs: Overrides,
        storage: &mut dyn Storage,
    ) -> io::Result<&Topic> {
        storage.note(&Entry::Topic {
            name: name.to_owned(),
            id,
            run: self.run,
            partitions,
        })?;
        if !configs.is_empty() {
            storage.note(&Entry::Configs {
                topic: id,
                configs: configs.clone(),
            })?;
        }
        Ok(self.insert(name, id, self.run, partitions, configs))
    }

    fn insert(
        &mut self,
        name: &str,
        id: Uuid,
        run: i32,
        partitions: i32,
        configs: Overrides,
    ) -> &mut Topic {
        let name: Arc<str> = name.into();
        let mut topic = Topic::new(name.clone(), id, run, configs);
        topic.grow(partitions);
        self.partitions += topic.partitions.len();
        self.by_name.insert(name, id);
        self.by_id.entry(id).insert_entry(topic).into_mut()
    }

    /// Removes a topic with all its records.
    pub(crate) fn delete(&mut self, id: Uuid, storage: &mut dyn Storage) -> io::Result<()> {
        storage.note(&Entry::TopicDeleted { topic: id })?;
        self.remove(id);
        if let Err(error) = storage.remove_topic(id) {
            tracing::warn!(%error, "the files of a deleted topic could not be removed");
        }
        Ok(())
    }

    fn remove(&mut self, id: Uuid) {
        if let Some(topic) = self.by_id.remove(&id) {
            self.by_name.remove(&topic.name);
            self.partitions -= topic.partitions.len();
            let resident = topic.partitions.iter().map(Log::resident).sum();
            self.memory.freed(resident);
        }
    }

    /// Gives a topic `count` partitions in all, unless that is too many.
    pub(crate) fn add_partitions(
        &mut self,
        name: &str,
        count: i32,
        storage: &mut dyn Storage,
    ) -> Result<(), Refusal> {
        let have = self.by_name(name).map_or(0, Topic::count);
        self.check_count(count - have)?;
        let topic = self
            .by_name_mut(name)
            .ok_or_else(|| (ErrorCode::UnknownTopicOrPartition, String::new()))?;
        let entry = Entry::Partitions {
            topic: topic.id,
            count,
        };
        storage
            .note(&entry)
            .map_err(|error| (ErrorCode::KafkaStorageError, error.to_string()))?;
        topic.grow(count);
        self.partitions += usize::try_from(count - have).unwrap_or(0);
        Ok(())
    }

    /// Puts `configs` in the place of what was configured; they were checked before.
    pub(crate) fn configure(
        &mut self,
        name: &str,
        configs: Overrides,
        storage: &mut dyn Storage,
    ) -> io::Result<()> {
        let Some(topic) = self.by_name_mut(name) else {
            return Ok(());
        };
        storage.note(&Entry::Configs {
            topic: topic.id,
            configs: configs.clone(),
        })?;
        topic.settings = TopicSettings::new(&configs);
        topic.configs = configs;
        Ok(())
    }

    /// Appends a batch that was found good, and makes room when memory is full.
    pub(crate) fn append(
        &mut self,
        id: PartitionId,
        batch: &Batch,
        now: Now,
        storage: &mut dyn Storage,
    ) -> Result<Appended, ErrorCode> {
        let unknown = ErrorCode::UnknownTopicOrPartition;
        let topic = self.by_id.get_mut(&id.topic).ok_or(unknown)?;
        let append_time = topic.settings.log_append_time.then_some(now.timestamp);
        let segment_bytes = topic.settings.segment_bytes;
        let epoch = topic.leader_epoch;
        let log = topic.partition_mut(id.partition).ok_or(unknown)?;
        let appended = log
            .append(batch, epoch, append_time, segment_bytes, storage)
            .map_err(|error| {
                tracing::error!(%error, "a batch could not be written to the log");
                ErrorCode::KafkaStorageError
            })?;
        self.memory.took(appended.bytes, appended.began);
        self.reclaim(storage);
        Ok(appended)
    }

    /// Brings the memory that batches take back under its limit: oldest segments first. With a
    /// directory they are read from there from now on; without one their records are gone, those of
    /// topics that are only compacted last, since their readers count on every key.
    fn reclaim(&mut self, storage: &mut dyn Storage) {
        let mut spared = Vec::new();
        while let Some(segment) = self.memory.next_to_go() {
            if !storage.keeps_batches() && self.is_only_compacted(segment) {
                spared.push(segment);
            } else {
                self.give_up(segment, storage);
            }
        }
        self.memory.put_back(spared);
        while let Some(segment) = self.memory.next_to_go() {
            self.give_up(segment, storage);
        }
    }

    fn is_only_compacted(&self, segment: SegmentId) -> bool {
        let topic = self.by_id.get(&segment.partition.topic);
        topic.is_some_and(|topic| topic.settings.compacts && !topic.settings.deletes)
    }

    /// Gives up the memory of a segment.
    fn give_up(&mut self, segment: SegmentId, storage: &mut dyn Storage) {
        let Some(log) = self.log_mut(segment.partition) else {
            return;
        };
        let before = log.resident();
        if storage.keeps_batches() {
            log.release(segment);
        } else if log.is_oldest(segment) {
            log.remove_oldest(storage);
            let (topic, partition) = (segment.partition.topic, segment.partition.partition);
            tracing::warn!(%topic, partition, log_start_offset = log.log_start_offset(),
                "memory is full: the oldest records are dropped");
        }
        let won = before.saturating_sub(log.resident());
        self.memory.freed(won);
    }

    /// Moves a partition's log start and drops the segments before it (DeleteRecords).
    pub(crate) fn delete_records(
        &mut self,
        id: PartitionId,
        offset: i64,
        storage: &mut dyn Storage,
    ) -> io::Result<()> {
        storage.note(&Entry::LogStart {
            partition: id,
            offset,
        })?;
        if let Some(log) = self.log_mut(id) {
            let before = log.resident();
            log.delete_before(offset, storage);
            let freed = before.saturating_sub(log.resident());
            self.memory.freed(freed);
        }
        Ok(())
    }

    /// Applies `retention.ms` and `retention.bytes` everywhere.
    pub(crate) fn enforce_retention(&mut self, now: Now, storage: &mut dyn Storage) {
        let mut freed = 0;
        for topic in self.by_id.values_mut().filter(|t| t.settings.deletes) {
            let oldest = topic.settings.retention_millis;
            let oldest = oldest.map(|millis| now.timestamp.saturating_sub(millis));
            let bytes_max = topic.settings.retention_bytes;
            for log in &mut topic.partitions {
                let before = log.resident();
                if !log.enforce_retention(oldest, bytes_max, storage).is_empty() {
                    let (topic, log_start_offset) = (&topic.name, log.log_start_offset());
                    tracing::info!(%topic, log_start_offset, "retention removed old segments");
                }
                freed += before.saturating_sub(log.resident());
            }
        }
        self.memory.freed(freed);
    }

    /// Forgets idempotent producers that wrote nothing since `timestamp`.
    pub(crate) fn expire_producers(&mut self, timestamp: i64) {
        let logs = self.by_id.values_mut().flat_map(|t| &mut t.partitions);
        for log in logs {
            log.producers.expire(timestamp);
        }
    }

    pub(crate) fn log_mut(&mut self, id: PartitionId) -> Option<&mut Log> {
        self.by_id.get_mut(&id.topic)?.partition_mut(id.partition)
    }

    /// Takes over an entry of the journal at start.
    pub(crate) fn replay(&mut self, entry: Entry) {
        match entry {
            Entry::Topic {
                name,
                id,
                run,
                partitions,
            } => {
                self.insert(&name, id, run, partitions, Overrides::new());
            }
            Entry::Partitions { topic, count } => {
                if let Some(topic) = self.by_id.get_mut(&topic) {
                    let before = topic.partitions.len();
                    topic.grow(count);
                    self.partitions += topic.partitions.len() - before;
                }
            }
            Entry::Configs { topic, configs } => {
                if let Some(topic) = self.by_id.get_mut(&topic) {
                    topic.settings = TopicSettings::new(&configs);
                    topic.configs = configs;
                }
            }
            Entry::TopicDeleted { topic } => self.remove(topic),
            _ => {}
        }
    }

    /// The entries that lead to the topics of now.
    pub(crate) fn snapshot(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        for topic in self.by_id.values() {
            entries.push(Entry::Topic {
                name: topic.name.to_string(),
                id: topic.id,
                run: topic.run,
                partitions: topic.count(),
            });
            if !topic.configs.is_empty() {
                entries.push(Entry::Configs {
                    topic: topic.id,
                    configs: topic.configs.clone(),
                });
            }
            for (log, number) in topic.partitions.iter().zip(0..) {
                if log.log_start_offset() > 0 {
                    entries.push(Entry::LogStart {
                        partition: topic.partition_id(number),
                        offset: log.log_start_offset(),
                    });
                }
            }
        }
        entries
    }

    /// Every log with the offset that it begins at.
    pub(crate) fn logs(&self) -> Vec<(PartitionId, i64)> {
        let logs = self.by_id.values().flat_map(|topic| {
            let logs = topic.partitions.iter().zip(0..);
            logs.map(|(log, number)| (topic.partition_id(number), log.log_start_offset()))
        });
        logs.collect()
    }

    /// Puts a log that was read from storage in the place of the empty one. Nothing of it is in
    /// memory.
    pub(crate) fn restore(&mut self, id: PartitionId, log: Log) {
        if let Some(empty) = self.log_mut(id) {
            *empty = log;
        }
    }
}
