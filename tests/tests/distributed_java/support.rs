//! What the tests of this binary share: scenarios on a real Kafka, files of lines, and what is in a topic.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use kconnect_client::TopicPartition;
use kconnect_client::config::{AutoOffsetReset, ConsumerConfig};
use kconnect_client::consumer::{Consumer, ConsumerEvent};
use kconnect_tests::Result;
use kconnect_tests::real::shared_kafka;
use serde_json::Value;

pub(crate) fn append(file: &Path, lines: std::ops::Range<usize>) -> Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    for line in lines {
        writeln!(file, "line {line}")?;
    }
    Ok(())
}

pub(crate) fn lines(range: std::ops::Range<usize>) -> String {
    range.map(|line| format!("line {line}\n")).collect()
}

/// Runs a scenario on a real Kafka, if there is one.
pub(crate) fn run(name: &str, scenario: fn(&str) -> Result<()>) {
    if let Some(servers) = shared_kafka(name) {
        scenario(&servers).unwrap_or_else(|error| panic!("{error}"));
    }
}

/// A record of an internal topic.
pub(crate) type Record = (String, Option<Value>);

/// Everything that is in a topic now, in order within each partition, partition by partition.
pub(crate) fn records(servers: &str, topic: &str, partitions: i32) -> Result<Vec<Record>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut config = ConsumerConfig::new(servers);
        config.auto_offset_reset = AutoOffsetReset::Earliest;
        let mut consumer = Consumer::new(config)?;
        let all: Vec<TopicPartition> = (0..partitions)
            .map(|partition| TopicPartition::new(topic, partition))
            .collect();
        consumer.assign(all.iter().cloned())?;
        let ends = consumer.end_offsets(&all).await?;
        let mut read: BTreeMap<i32, Vec<Record>> = BTreeMap::new();
        let mut at: BTreeMap<TopicPartition, i64> = BTreeMap::new();
        while ends
            .iter()
            .any(|(partition, end)| at.get(partition).copied().unwrap_or(0) < *end)
        {
            if let ConsumerEvent::Records(records) = consumer.poll(Duration::from_secs(1)).await? {
                for record in &records {
                    let key =
                        String::from_utf8_lossy(record.key().unwrap_or_default()).into_owned();
                    let value = record.value().map(serde_json::from_slice).transpose()?;
                    read.entry(record.partition())
                        .or_default()
                        .push((key, value));
                }
            }
            at = consumer
                .positions()
                .map(|(partition, at)| (partition.clone(), at))
                .collect();
        }
        Ok(read.into_values().flatten().collect())
    })
}
