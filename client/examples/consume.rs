//! Prints the values of a topic's records as a member of a group: `consume SERVERS GROUP TOPIC [COUNT]`. It ends after COUNT
//! records, or on Ctrl-C; the next one of the group goes on behind the last record that was printed.

#![expect(clippy::print_stdout, reason = "it is what this program is for")]

use std::error::Error;
use std::time::Duration;

use kconnect_client::config::{AutoOffsetReset, ConsumerConfig};
use kconnect_client::consumer::{Consumer, ConsumerEvent};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let [Some(servers), Some(group), Some(topic)] = [(); 3].map(|()| arguments.next()) else {
        return Err("usage: consume SERVERS GROUP TOPIC [COUNT]".into());
    };
    let count = arguments.next().map(|count| count.parse()).transpose()?;
    let mut left: u64 = count.unwrap_or(u64::MAX);

    let mut config = ConsumerConfig::new(&servers);
    config.group_id = Some(group);
    config.auto_offset_reset = AutoOffsetReset::Earliest;
    config.enable_auto_commit = false;
    // No more records at a time than are wanted, so that no more are committed.
    let at_a_time = u64::from(config.max_poll_records).min(left.max(1));
    config.max_poll_records = u32::try_from(at_a_time)?;
    let mut consumer = Consumer::new(config)?;
    consumer.subscribe(&[&topic])?;

    while left > 0 {
        let event = tokio::select! {
            event = consumer.poll(Duration::from_secs(1)) => event?,
            _ = tokio::signal::ctrl_c() => break,
        };
        match event {
            ConsumerEvent::Records(records) => {
                for record in records.iter().take(usize::try_from(left)?) {
                    let value = record.value().unwrap_or(b"null");
                    println!("{}", String::from_utf8_lossy(value));
                    left -= 1;
                }
                consumer.commit_sync(None).await?;
            }
            ConsumerEvent::Assigned(partitions) => eprint_all("assigned", &partitions),
            ConsumerEvent::Revoked(partitions) => eprint_all("revoked", &partitions),
            ConsumerEvent::Lost(partitions) => eprint_all("lost", &partitions),
            _ => {}
        }
    }
    consumer.close(Duration::from_secs(10)).await?;
    Ok(())
}

#[expect(clippy::print_stderr, reason = "standard output is for records")]
fn eprint_all(what: &str, partitions: &[kconnect_client::TopicPartition]) {
    for partition in partitions {
        eprintln!("{what}: {partition}");
    }
}
