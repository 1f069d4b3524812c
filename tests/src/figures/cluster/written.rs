//! What workers wrote into a topic: every line at least once, or an error.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use kconnect_client::TopicPartition;
use kconnect_client::config::{AutoOffsetReset, ConsumerConfig};
use kconnect_client::consumer::{Consumer, ConsumerEvent};

use crate::Result;

/// How long the lines may take to arrive once they all run.
const LIMIT: Duration = Duration::from_secs(120);

/// Waits until `topic` has this many different lines; how many records it has then.
///
/// What a source repeats comes before what it has not sent yet: all repeated records are there by then.
pub(super) fn wait_for_all(servers: &str, topic: &str, lines: usize) -> Result<usize> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut config = ConsumerConfig::new(servers);
        config.auto_offset_reset = AutoOffsetReset::Earliest;
        let mut consumer = Consumer::new(config)?;
        consumer.assign([TopicPartition::new(topic, 0)])?;
        let (begun, mut records, mut different) = (Instant::now(), 0, HashSet::new());
        while different.len() < lines {
            if begun.elapsed() > LIMIT {
                let found = different.len();
                return Err(format!("{topic} has {found} of {lines} lines after {LIMIT:?}").into());
            }
            let event = consumer.poll(Duration::from_secs(1)).await?;
            if let ConsumerEvent::Records(found) = event {
                records += found.iter().count();
                different.extend(
                    found
                        .iter()
                        .filter_map(|record| record.value()?.to_vec().into()),
                );
            }
        }
        Ok(records)
    })
}
