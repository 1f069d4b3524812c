//! The topics between sources and sinks: created before a run, read after it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kconnect_client::TopicPartition;
use kconnect_client::admin::{Admin, NewTopic};
use kconnect_client::config::{AdminConfig, AutoOffsetReset, ConsumerConfig};
use kconnect_client::consumer::{Consumer, ConsumerEvent, ConsumerRecord};

use super::tally::Tally;
use crate::Result;

/// Partitions of each topic: more than there are tasks of its sink.
const PARTITIONS: i32 = 8;
/// How long it may take to read everything.
const LIMIT: Duration = Duration::from_secs(300);

/// Creates the topics, each with a copy on three brokers.
///
/// # Errors
/// If one cannot be created.
pub(super) async fn create(servers: &str, names: &[String]) -> Result<()> {
    let admin = Admin::new(&AdminConfig::new(servers))?;
    let topics: Vec<NewTopic> = names
        .iter()
        .map(|name| {
            let mut topic = NewTopic::new(name);
            topic.num_partitions = Some(PARTITIONS);
            topic.replication_factor = Some(3);
            topic
        })
        .collect();
    for (name, created) in admin.create_topics(&topics).await {
        created.map_err(|error| format!("cannot create {name}: {error}"))?;
    }
    admin.close().await;
    Ok(())
}

/// Reads the topics from their beginnings, each record once.
pub(super) struct Reader {
    consumer: Consumer,
    /// How far each partition has been read.
    next: BTreeMap<TopicPartition, i64>,
}

impl Reader {
    /// A reader of all partitions of the topics `names`, on the runtime in which this is called.
    ///
    /// # Errors
    /// If the consumer refuses its configuration.
    pub(super) fn open(servers: &str, names: &[String]) -> Result<Self> {
        let mut config = ConsumerConfig::new(servers);
        config.auto_offset_reset = AutoOffsetReset::Earliest;
        config.enable_auto_commit = false;
        let mut consumer = Consumer::new(config)?;
        let topics = names.iter().map(String::as_str);
        let next: BTreeMap<TopicPartition, i64> = topics
            .flat_map(|name| (0..PARTITIONS).map(move |number| TopicPartition::new(name, number)))
            .map(|partition| (partition, 0))
            .collect();
        consumer.assign(next.keys().cloned())?;
        Ok(Self { consumer, next })
    }

    /// Takes in every record that the topics have by now.
    ///
    /// # Errors
    /// If they cannot be read to their ends in time, or hold what no source task made.
    pub(super) async fn read_to_end(&mut self, tally: &mut Tally) -> Result<()> {
        let partitions: Vec<TopicPartition> = self.next.keys().cloned().collect();
        let mut left = self.consumer.end_offsets(&partitions).await?;
        let begun = Instant::now();
        loop {
            left.retain(|partition, end| self.next.get(partition).is_none_or(|next| *next < *end));
            if left.is_empty() {
                return Ok(());
            }
            if begun.elapsed() > LIMIT {
                return Err(format!("not read to their ends after {LIMIT:?}: {left:?}").into());
            }
            let ConsumerEvent::Records(records) =
                self.consumer.poll(Duration::from_secs(1)).await?
            else {
                continue;
            };
            for record in records.iter() {
                note(&record, tally)?;
            }
            for (partition, next) in records.next_offsets() {
                self.next.insert(partition.clone(), next);
            }
        }
    }

    /// Ends the reader.
    ///
    /// # Errors
    /// If the consumer does not end in order.
    pub(super) async fn close(self) -> Result<()> {
        Ok(self.consumer.close(Duration::from_secs(10)).await?)
    }
}

/// A record's key is the number of its task, its value that of the record: four bytes and eight.
fn note(record: &ConsumerRecord<'_>, tally: &mut Tally) -> Result<()> {
    let task = record.key().and_then(|key| key.try_into().ok());
    let seqno = record.value().and_then(|value| value.try_into().ok());
    let (Some(task), Some(seqno)) = (task.map(i32::from_be_bytes), seqno.map(i64::from_be_bytes))
    else {
        let (at, offset) = (record.topic_partition(), record.offset());
        return Err(format!("{at} offset {offset}: not a record of a source task").into());
    };
    let seen = tally.stream(record.topic(), i64::from(task));
    seen.in_topic.add(seqno);
    Ok(())
}
