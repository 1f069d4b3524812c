//! The callers' side of a producer: topics, and appending to their partitions.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use kconnect_protocol::{records::HEADER_LEN, types::TopicPartition};

use super::{
    batch::record_bytes_max,
    delivery::Delivery,
    errors,
    memory::Reservation,
    partition::{How, NotAppended, Partition, PartitionId},
    record::ProducerRecord,
    terms::Terms,
    topic::{Topic, mix},
};
use crate::Error;

/// All topics of a producer.
#[derive(Debug)]
pub(crate) struct Accumulator {
    pub(crate) terms: Arc<Terms>,
    topics: RwLock<Topics>,
    next_id: AtomicU32,
    seed: u64,
}

#[derive(Debug, Default)]
struct Topics {
    /// Looked up for each record, and mostly there are few: comparing names costs less than hashing one.
    by_name: BTreeMap<Arc<str>, Arc<Topic>>,
    /// Why nothing is taken any more.
    end: Option<Error>,
}

/// Why a record was not taken.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The topic's partitions are not known.
    UnknownTopic,
    /// The topic is known to have fewer partitions.
    UnknownPartition { known: usize },
    /// So many bytes of memory must be waited for.
    NeedsMemory(usize),
    /// For good.
    Failed(Error),
}

impl Accumulator {
    pub(crate) fn new(terms: Arc<Terms>, seed: u64) -> Arc<Self> {
        Arc::new(Self {
            terms,
            topics: RwLock::default(),
            next_id: AtomicU32::new(0),
            seed,
        })
    }

    /// Serializes a record into its batch.
    ///
    /// `timestamp` is for a record that has none; `now` is asked only when a batch begins or ends.
    pub(crate) fn append(
        &self,
        record: &ProducerRecord<'_>,
        is_watched: bool,
        grant: &mut Option<Reservation>,
        timestamp: impl FnOnce() -> i64,
        now: impl Fn() -> Instant,
    ) -> Result<Option<Delivery>, Refused> {
        let topics = self.read();
        let Some(topic) = topics.by_name.get(record.topic) else {
            return Err(topics
                .end
                .clone()
                .map_or(Refused::UnknownTopic, Refused::Failed));
        };
        let serialized = record.serialized(record.timestamp.unwrap_or_else(timestamp));
        let bytes = record_bytes_max(&serialized);
        self.check_size(record.topic, bytes + HEADER_LEN)?;
        let mut append = |partition: &Arc<Partition>, is_sticky| {
            let how = How {
                is_sticky,
                is_watched,
                bytes,
            };
            partition.append(&serialized, how, &self.terms, grant, &now)
        };
        let appended = match (record.partition, record.key) {
            (Some(number), _) => append(explicit(topic, number)?, false),
            (None, Some(key)) if !self.terms.ignores_keys => {
                append(some(topic.for_key(key))?, false)
            }
            (None, _) => loop {
                let partition = some(topic.sticky(self.terms.is_adaptive))?;
                match append(partition, true) {
                    Err(NotAppended::Switch) => {
                        topic.switch_from(partition, self.terms.is_adaptive)
                    }
                    other => break other,
                }
            },
        };
        appended.map_err(|why| match why {
            NotAppended::NeedsMemory(bytes) => Refused::NeedsMemory(bytes),
            // Only a sticky choice is told to switch, and that is followed above.
            NotAppended::Switch => Refused::UnknownTopic,
            NotAppended::Failed(error) => Refused::Failed(error),
        })
    }

    /// Whether the topic's partitions are known.
    pub(crate) fn knows(&self, topic: &str) -> bool {
        self.read().by_name.contains_key(topic)
    }

    /// Takes note of how many partitions a topic has. They are never taken away: a partition's sequence numbers outlive
    /// metadata in which it is missing.
    pub(crate) fn set_partitions(&self, name: &str, count: usize) {
        let known = self
            .read()
            .by_name
            .get(name)
            .map_or(0, |topic| topic.partitions.len());
        if known >= count {
            return;
        }
        let mut topics = self.write();
        let topic = topics.by_name.get(name);
        let (shared, known) = match topic {
            Some(topic) => (Arc::clone(&topic.name), topic.partitions.len()),
            None => (Arc::from(name), 0),
        };
        let more = (known..count).filter_map(|number| {
            let topic_partition =
                TopicPartition::new(Arc::clone(&shared), i32::try_from(number).ok()?);
            let id = PartitionId(self.next_id.fetch_add(1, Ordering::Relaxed));
            let partition = Partition::new(id, topic_partition);
            if let Some(error) = &topics.end {
                partition.refuse(error);
            }
            Some(partition)
        });
        let more: Vec<_> = more.collect();
        let topic = match topic {
            Some(topic) => topic.grown(more),
            None => {
                let seed = mix(self.seed ^ u64::from(self.next_id.load(Ordering::Relaxed)));
                Topic::new(Arc::clone(&shared), more, seed)
            }
        };
        topics.by_name.insert(shared, Arc::new(topic));
    }

    /// Every partition, in the order in which they became known.
    pub(crate) fn partitions(&self) -> Vec<Arc<Partition>> {
        let topics = self.read();
        let mut all: Vec<_> = topics
            .by_name
            .values()
            .flat_map(|topic| topic.partitions.iter().cloned())
            .collect();
        all.sort_unstable_by_key(|partition| partition.id);
        all
    }

    /// The names of all topics, sorted.
    pub(crate) fn topics(&self) -> Vec<Arc<str>> {
        self.read().by_name.keys().cloned().collect()
    }

    /// Takes no record any more, for that reason; what is there stays.
    pub(crate) fn refuse(&self, error: &Error) {
        let mut topics = self.write();
        topics.end.get_or_insert_with(|| error.clone());
        for topic in topics.by_name.values() {
            topic
                .partitions
                .iter()
                .for_each(|partition| partition.refuse(error));
        }
    }

    fn check_size(&self, topic: &str, size: usize) -> Result<(), Refused> {
        let terms = &self.terms;
        if size > terms.max_request_size {
            return Err(Refused::Failed(errors::record_too_large(
                topic,
                size,
                terms.max_request_size,
            )));
        }
        if size > terms.memory.total() {
            return Err(Refused::Failed(errors::record_exceeds_memory(
                topic,
                size,
                terms.memory.total(),
            )));
        }
        Ok(())
    }

    fn read(&self) -> RwLockReadGuard<'_, Topics> {
        self.topics.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Topics> {
        self.topics.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn explicit(topic: &Topic, number: i32) -> Result<&Arc<Partition>, Refused> {
    let Ok(at) = usize::try_from(number) else {
        return Err(Refused::Failed(errors::negative_partition(
            &topic.name,
            number,
        )));
    };
    topic.partitions.get(at).ok_or(Refused::UnknownPartition {
        known: topic.partitions.len(),
    })
}

/// A topic without partitions is one that is not known yet.
fn some(partition: Option<&Arc<Partition>>) -> Result<&Arc<Partition>, Refused> {
    partition.ok_or(Refused::UnknownTopic)
}
