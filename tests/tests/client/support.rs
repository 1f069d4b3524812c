//! What the scenarios share: clients with short waits, topics, numbered records, and loops with a limit.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kconnect_client::admin::{Admin, NewTopic};
use kconnect_client::config::{AdminConfig, AutoOffsetReset};
use kconnect_client::config::{ConsumerConfig, ProducerConfig};
use kconnect_client::consumer::{Consumer, ConsumerEvent, ConsumerRecord};
use kconnect_client::producer::{Producer, ProducerRecord};
use kconnect_client::{Error, Topic, TopicPartition};
use kconnect_tests::Cluster;
use kconnect_tests::real::unique;

/// How long anything may take, on a machine that does ten other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// A record that outlives its buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) timestamp: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Kept {
    pub(crate) fn of(record: &ConsumerRecord<'_>) -> Self {
        let headers = record.headers().into_iter();
        Self {
            partition: record.partition(),
            offset: record.offset(),
            timestamp: record.timestamp(),
            key: record.key().map(<[u8]>::to_vec),
            value: record.value().map(<[u8]>::to_vec),
            headers: headers
                .map(|header| (header.key.to_vec(), header.value.map(<[u8]>::to_vec)))
                .collect(),
        }
    }

    /// The number that [`fill`] wrote.
    pub(crate) fn number(&self) -> i64 {
        let value = self.value.as_deref().unwrap();
        std::str::from_utf8(value).unwrap().parse().unwrap()
    }
}

pub(crate) fn admin(cluster: &Cluster) -> Admin {
    Admin::new(&AdminConfig::new(cluster.bootstrap_servers())).unwrap()
}

pub(crate) fn producer_config(cluster: &Cluster) -> ProducerConfig {
    ProducerConfig::new(cluster.bootstrap_servers())
}

/// A consumer that begins at the beginning, commits when it is told to, and is not kept waiting by the broker.
pub(crate) fn consumer_config(cluster: &Cluster) -> ConsumerConfig {
    let mut config = ConsumerConfig::new(cluster.bootstrap_servers());
    config.auto_offset_reset = AutoOffsetReset::Earliest;
    config.enable_auto_commit = false;
    config.fetch_max_wait = Duration::from_millis(100);
    config
}

pub(crate) fn group_config(cluster: &Cluster, group: &str) -> ConsumerConfig {
    let mut config = consumer_config(cluster);
    config.group_id = Some(group.to_owned());
    config.heartbeat_interval = Duration::from_millis(500);
    config.session_timeout = Duration::from_secs(30);
    config
}

/// A consumer of these partitions of a topic.
pub(crate) fn assigned(config: ConsumerConfig, topic: &str, partitions: &[i32]) -> Consumer {
    let mut consumer = Consumer::new(config).unwrap();
    consumer.assign(names(topic, partitions)).unwrap();
    consumer
}

pub(crate) fn names(topic: &str, partitions: &[i32]) -> Vec<TopicPartition> {
    let names = partitions.iter();
    names
        .map(|partition| TopicPartition::new(topic, *partition))
        .collect()
}

/// A new topic with a name of its own.
pub(crate) async fn topic(cluster: &Cluster, name: &str, partitions: i32) -> String {
    topic_with(cluster, name, partitions, &[]).await
}

pub(crate) async fn topic_with(
    cluster: &Cluster,
    name: &str,
    partitions: i32,
    configs: &[(&str, &str)],
) -> String {
    let mut topic = NewTopic::new(unique(name));
    topic.num_partitions = Some(partitions);
    let configs = configs.iter();
    topic.configs = configs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let admin = admin(cluster);
    admin.create_topic(&topic).await.unwrap();
    until_described(&admin, &topic.name, |described| {
        described.is_ok_and(|described| described.partitions.iter().all(|own| own.leader.is_some()))
    })
    .await;
    admin.close().await;
    topic.name
}

/// Asks for a topic until it is described as `expected`: brokers hear of changes a moment later than the controller.
pub(crate) async fn until_described(
    admin: &Admin,
    topic: &str,
    expected: impl Fn(Result<Arc<Topic>, Error>) -> bool,
) {
    let asking = async {
        while !expected(admin.describe_topic(topic).await) {
            tokio::task::yield_now().await;
        }
    };
    let asked = tokio::time::timeout(PATIENCE, asking).await;
    asked.expect("the topic is described as it should be");
}

/// Writes numbers as values to each of the partitions, and waits until they are acknowledged.
pub(crate) async fn fill(
    cluster: &Cluster,
    topic: &str,
    partitions: &[i32],
    numbers: std::ops::Range<i64>,
) {
    let producer = Producer::new(producer_config(cluster)).unwrap();
    for number in numbers {
        let value = number.to_string();
        for &partition in partitions {
            let record = ProducerRecord::to(topic).partition(partition);
            producer
                .enqueue(record.value(value.as_bytes()))
                .await
                .unwrap();
        }
    }
    producer.flush().await.unwrap();
    producer.close(PATIENCE).await;
}

/// Polls until `count` records have come.
pub(crate) async fn read(consumer: &mut Consumer, count: usize) -> Vec<Kept> {
    let mut kept = Vec::with_capacity(count);
    let reading = async {
        while kept.len() < count {
            if let ConsumerEvent::Records(records) = consumer.poll(PATIENCE).await.unwrap() {
                kept.extend(records.iter().map(|record| Kept::of(&record)));
            }
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, reading).await.is_ok();
    assert!(
        in_time,
        "{} of {count} records came in time, the last one was {:?}",
        kept.len(),
        kept.last()
    );
    assert_eq!(kept.len(), count, "more records came than there should be");
    kept
}

/// The next record that comes.
pub(crate) async fn next(consumer: &mut Consumer) -> Kept {
    let reading = async {
        loop {
            if let ConsumerEvent::Records(records) = consumer.poll(PATIENCE).await.unwrap() {
                break Kept::of(&records.iter().next().unwrap());
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("a record comes")
}

/// The numbers of [`fill`] by partition, in the order in which they came.
pub(crate) fn numbers(records: &[Kept]) -> BTreeMap<i32, Vec<i64>> {
    let mut numbers: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
    for record in records {
        numbers
            .entry(record.partition)
            .or_default()
            .push(record.number());
    }
    numbers
}
