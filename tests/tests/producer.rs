//! The producer against real Kafkas and Kafka's own consumer: what was acknowledged is there, once, in order, and readable.

#![allow(clippy::unwrap_used, reason = "a test that fails says enough")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kconnect_client::TopicPartition;
use kconnect_client::producer::{Delivery, Header, Producer, ProducerConfig, ProducerRecord};
use kconnect_protocol::compression::Compression;
use kconnect_tests::Tool;
use kconnect_tests::real::{shared_kafka, unique};

const CLOSE_WITHIN: Duration = Duration::from_secs(30);

fn create_topic(servers: &str, topic: &str, partitions: u32, replicas: u32) {
    let (partitions, replicas) = (partitions.to_string(), replicas.to_string());
    let arguments = [
        "--bootstrap-server",
        servers,
        "--create",
        "--topic",
        topic,
        "--partitions",
        &partitions,
        "--replication-factor",
        &replicas,
    ];
    Tool::Topics
        .run(&arguments, b"")
        .expect("the topic is created");
}

/// What Kafka's console consumer reads: `partition:value` lines and the like, as `properties` ask for.
fn consume(servers: &str, topic: &str, count: usize, properties: &[&str]) -> Vec<String> {
    let count = count.to_string();
    let mut arguments = vec![
        "--bootstrap-server",
        servers,
        "--topic",
        topic,
        "--from-beginning",
    ];
    arguments.extend(["--max-messages", &count, "--timeout-ms", "20000"]);
    for property in properties {
        arguments.extend(["--formatter-property", property]);
    }
    let text = Tool::ConsoleConsumer
        .run(&arguments, b"")
        .expect("the consumer reads");
    text.lines().map(str::to_owned).collect()
}

/// Every delivery's offset, by partition.
async fn offsets(deliveries: Vec<Delivery>) -> BTreeMap<TopicPartition, Vec<i64>> {
    let mut offsets: BTreeMap<_, Vec<i64>> = BTreeMap::new();
    for delivery in deliveries {
        let metadata = delivery.await.expect("the record is acknowledged");
        let offset = metadata.offset.expect("an offset");
        offsets
            .entry(metadata.topic_partition)
            .or_default()
            .push(offset);
    }
    offsets
}

async fn records_of_every_kind_are_read_by_kafkas_consumer(servers: &str) {
    let topic = unique("kinds");
    create_topic(servers, &topic, 1, 1);
    for compression in Compression::ALL {
        let mut config = ProducerConfig::new(servers);
        config.compression_type = compression;
        let producer = Producer::new(config).unwrap();
        let name = compression.name();
        let headers = [
            Header {
                key: b"codec",
                value: Some(name.as_bytes()),
            },
            Header {
                key: b"codec",
                value: None,
            },
        ];
        let long = format!("{name} {}", "long ".repeat(2_000));
        let records = [
            ProducerRecord::to(&topic)
                .key(b"k")
                .value(name.as_bytes())
                .headers(&headers)
                .timestamp(1_234),
            ProducerRecord::to(&topic).key(b"tombstone"),
            ProducerRecord::to(&topic).value(long.as_bytes()),
        ];
        let mut deliveries = Vec::new();
        for record in records {
            deliveries.push(producer.send(record).await.unwrap());
        }
        assert_eq!(offsets(deliveries).await.len(), 1);
        let abandoned = producer.close(CLOSE_WITHIN).await;
        assert_eq!((abandoned.not_written, abandoned.possibly_written), (0, 0));
    }
    let lines = consume(
        servers,
        &topic,
        15,
        &[
            "print.key=true",
            "print.headers=true",
            "print.timestamp=true",
            "key.separator=|",
            "null.literal=NULL",
        ],
    );
    for (lines, compression) in lines.chunks(3).zip(Compression::ALL) {
        let name = compression.name();
        assert_eq!(
            lines[0],
            format!("CreateTime:1234|codec:{name},codec:NULL|k|{name}")
        );
        assert!(
            lines[1].ends_with("|NO_HEADERS|tombstone|NULL"),
            "{}",
            lines[1]
        );
        assert!(
            lines[2].ends_with(&"long ".repeat(2_000)),
            "{}",
            &lines[2][..60]
        );
    }
}

async fn many_records_are_written_once_and_in_order(
    servers: &str,
    topic: &str,
    partitions: i32,
    count: usize,
) {
    let producer = Producer::new(ProducerConfig::new(servers)).unwrap();
    let mut deliveries = Vec::new();
    for number in 0..count {
        let partition = i32::try_from(number).unwrap() % partitions;
        let value = format!("{partition}:{number:08}");
        let record = ProducerRecord::to(topic)
            .partition(partition)
            .value(value.as_bytes());
        deliveries.push(producer.send(record).await.unwrap());
    }
    let offsets = offsets(deliveries).await;
    let expected = i64::try_from(count).unwrap() / i64::from(partitions);
    for (partition, offsets) in &offsets {
        assert!(
            offsets.iter().copied().eq(0..expected),
            "{partition} has gaps or repeats"
        );
    }
    producer.close(CLOSE_WITHIN).await;
    let lines = consume(servers, topic, count, &[]);
    let mut last: BTreeMap<String, String> = BTreeMap::new();
    for line in &lines {
        let (partition, number) = line.split_once(':').expect("partition:number");
        let before = last.insert(partition.to_owned(), number.to_owned());
        assert!(
            before.as_deref() < Some(number),
            "{line} comes after {before:?}"
        );
    }
    assert_eq!(lines.iter().collect::<BTreeSet<_>>().len(), count);
}

#[tokio::test(flavor = "multi_thread")]
async fn kafkas_consumer_reads_every_kind_of_record() {
    let Some(servers) = shared_kafka("kafkas_consumer_reads_every_kind_of_record") else {
        return;
    };
    records_of_every_kind_are_read_by_kafkas_consumer(&servers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_records_are_there_once_and_in_order() {
    let Some(servers) = shared_kafka("a_hundred_thousand_records_are_there_once_and_in_order")
    else {
        return;
    };
    let topic = unique("many");
    create_topic(&servers, &topic, 4, 1);
    many_records_are_written_once_and_in_order(&servers, &topic, 4, 100_000).await;
}

#[tokio::test]
async fn a_runtime_with_one_thread_is_enough() {
    let Some(servers) = shared_kafka("a_runtime_with_one_thread_is_enough") else {
        return;
    };
    let topic = unique("one-thread");
    create_topic(&servers, &topic, 4, 1);
    many_records_are_written_once_and_in_order(&servers, &topic, 4, 20_000).await;
}
