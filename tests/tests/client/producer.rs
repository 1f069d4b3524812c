//! The producer: what was acknowledged is there, once, in order, and as it was sent.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kconnect_client::config::Acks;
use kconnect_client::producer::{Delivery, Header, Producer, ProducerConfig, ProducerRecord};
use kconnect_client::{Compression, ErrorCode, ErrorKind, TopicPartition};
use kconnect_tests::{Cluster, scenarios};

use crate::support::{
    Kept, PATIENCE, assigned, consumer_config, numbers, producer_config, read, topic, topic_with,
};

scenarios! {
    all: every_part_of_a_record_comes_back, many_records_are_there_once_and_in_order,
        every_level_of_acknowledgement_works, keys_decide_the_partition,
        a_record_that_is_too_large_is_refused;
    current: records_without_keys_are_spread, a_small_memory_slows_down_and_loses_nothing,
        a_partition_that_does_not_exist_is_an_error,
        a_topic_is_created_when_something_is_sent_to_it;
}

/// Every delivery's offset, by partition.
async fn offsets(deliveries: Vec<Delivery>) -> BTreeMap<TopicPartition, Vec<i64>> {
    let mut offsets: BTreeMap<_, Vec<i64>> = BTreeMap::new();
    for delivery in deliveries {
        let metadata = delivery.await.expect("the record is acknowledged");
        let offset = metadata.offset.expect("an offset");
        let own = offsets.entry(metadata.topic_partition).or_default();
        own.push(offset);
    }
    offsets
}

async fn every_part_of_a_record_comes_back(cluster: Cluster) {
    let topic = topic(&cluster, "parts", 1).await;
    let mut expected = Vec::new();
    for compression in Compression::ALL {
        let mut config = producer_config(&cluster);
        config.compression_type = compression;
        let producer = Producer::new(config).unwrap();
        let headers = [
            header(b"same", Some(b"1")),
            header(b"same", None),
            header(b"", Some(b"")),
        ];
        let long = vec![b'x'; 20_000];
        let records = [
            ProducerRecord::to(&topic)
                .key(b"k")
                .value(b"v")
                .headers(&headers),
            ProducerRecord::to(&topic).key(b"tombstone"),
            ProducerRecord::to(&topic).value(&long),
            ProducerRecord::to(&topic).key(b"").value(b""),
            ProducerRecord::to(&topic),
        ];
        for (record, time) in records.into_iter().zip(1_700_000_000_000..) {
            let record = record.timestamp(time);
            let offset = i64::try_from(expected.len()).unwrap();
            producer.enqueue(record).await.unwrap();
            expected.push(as_kept(&record, offset));
        }
        producer.flush().await.unwrap();
        let abandoned = producer.close(PATIENCE).await;
        assert_eq!((abandoned.not_written, abandoned.possibly_written), (0, 0));
    }
    let mut consumer = assigned(consumer_config(&cluster), &topic, &[0]);
    let records = read(&mut consumer, expected.len()).await;
    for (record, expected) in records.iter().zip(&expected) {
        assert_eq!(record, expected);
    }
}

const fn header<'a>(key: &'a [u8], value: Option<&'a [u8]>) -> Header<'a> {
    Header { key, value }
}

fn as_kept(record: &ProducerRecord<'_>, offset: i64) -> Kept {
    let headers = record.headers.iter();
    Kept {
        partition: 0,
        offset,
        timestamp: record.timestamp.unwrap(),
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.map(<[u8]>::to_vec),
        headers: headers
            .map(|header| (header.key.to_vec(), header.value.map(<[u8]>::to_vec)))
            .collect(),
    }
}

async fn many_records_are_there_once_and_in_order(cluster: Cluster) {
    const EACH: i64 = 10_000;
    let partitions = [0, 1, 2, 3];
    let topic = topic(&cluster, "many", 4).await;
    let producer = Producer::new(producer_config(&cluster)).unwrap();
    let mut deliveries = Vec::new();
    for number in 0..EACH {
        let value = number.to_string();
        for partition in partitions {
            let record = ProducerRecord::to(&topic).partition(partition);
            deliveries.push(producer.send(record.value(value.as_bytes())).await.unwrap());
        }
    }
    for (partition, offsets) in offsets(deliveries).await {
        assert!(
            offsets.into_iter().eq(0..EACH),
            "{partition} has gaps or repeats"
        );
    }
    producer.close(PATIENCE).await;
    let mut consumer = assigned(consumer_config(&cluster), &topic, &partitions);
    let records = read(&mut consumer, 4 * usize::try_from(EACH).unwrap()).await;
    for (partition, numbers) in numbers(&records) {
        assert!(
            numbers.into_iter().eq(0..EACH),
            "{partition} is not as it was sent"
        );
    }
}

async fn every_level_of_acknowledgement_works(cluster: Cluster) {
    let topic = topic(&cluster, "acks", 1).await;
    let mut sent = 0;
    for acks in [Acks::All, Acks::Leader, Acks::None] {
        let mut config = producer_config(&cluster);
        config.acks = acks;
        let producer = Producer::new(config).unwrap();
        for _ in 0..100 {
            let value = sent.to_string();
            let record = ProducerRecord::to(&topic).value(value.as_bytes());
            producer.enqueue(record).await.unwrap();
            sent += 1;
        }
        let record = ProducerRecord::to(&topic).value(b"last");
        let told = producer.send(record).await.unwrap().await.unwrap();
        assert_eq!(told.offset.is_some(), acks != Acks::None);
        producer.close(PATIENCE).await;
        sent += 1;
    }
    let mut consumer = assigned(consumer_config(&cluster), &topic, &[0]);
    assert_eq!(read(&mut consumer, sent).await.len(), sent);
}

/// As Kafka's own partitioner has it: murmur2 of the key.
async fn keys_decide_the_partition(cluster: Cluster) {
    let topic = topic(&cluster, "keys", 10).await;
    let producer = Producer::new(producer_config(&cluster)).unwrap();
    // What Kafka's Java producer chooses among ten partitions.
    for (key, partition) in [("21", 0), ("foobar", 6), ("a-little-bit-long-string", 2)] {
        for _ in 0..2 {
            let record = ProducerRecord::to(&topic).key(key.as_bytes());
            let told = producer.send(record).await.unwrap().await.unwrap();
            assert_eq!(told.topic_partition.partition, partition, "{key}");
        }
    }
    producer.close(PATIENCE).await;
}

async fn a_record_that_is_too_large_is_refused(cluster: Cluster) {
    let configs = [("max.message.bytes", "10000")];
    let topic = topic_with(&cluster, "too-large", 1, &configs).await;
    let producer = Producer::new(producer_config(&cluster)).unwrap();
    // The client's own limit.
    let value = vec![0; 2_000_000];
    let error = producer
        .send(ProducerRecord::to(&topic).value(&value))
        .await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Misuse);
    // The topic's.
    let value = vec![0; 20_000];
    let record = ProducerRecord::to(&topic).value(&value);
    let error = producer.send(record).await.unwrap().await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::MessageTooLarge), "{error}");
    assert!(error.to_string().contains(&topic), "{error}");
    assert!(!error.may_have_taken_effect());
    // Those that fit go on, also those that came together in a batch that was too large.
    let small = vec![b'1'; 900];
    let mut deliveries = Vec::new();
    for _ in 0..30 {
        let record = ProducerRecord::to(&topic).value(&small);
        deliveries.push(producer.send(record).await.unwrap());
    }
    let offsets = offsets(deliveries).await.into_values().next().unwrap();
    assert!(offsets.into_iter().eq(0..30));
    producer.close(PATIENCE).await;
}

async fn records_without_keys_are_spread(cluster: Cluster) {
    let topic = topic(&cluster, "spread", 4).await;
    let mut config = producer_config(&cluster);
    config.batch_size = 1_000;
    let producer = Producer::new(config).unwrap();
    let mut deliveries = Vec::new();
    for _ in 0..2_000 {
        let record = ProducerRecord::to(&topic).value(&[7; 100]);
        deliveries.push(producer.send(record).await.unwrap());
    }
    let offsets = offsets(deliveries).await;
    assert_eq!(offsets.len(), 4, "{:?}", offsets.keys());
    producer.close(PATIENCE).await;
}

async fn a_small_memory_slows_down_and_loses_nothing(cluster: Cluster) {
    let topic = topic(&cluster, "memory", 2).await;
    let mut config = producer_config(&cluster);
    config.buffer_memory = 100_000;
    let producer = Producer::new(config).unwrap();
    let writers = (0..2).map(|partition| {
        let (producer, topic) = (producer.clone(), topic.clone());
        tokio::spawn(async move {
            for number in 0..2_000 {
                let value = format!("{number:0>500}");
                let record = ProducerRecord::to(&topic).partition(partition);
                let record = record.value(value.as_bytes());
                producer.enqueue(record).await.unwrap();
                assert!(producer.buffered_bytes() <= 100_000);
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    producer.flush().await.unwrap();
    assert_eq!(producer.buffered_bytes(), 0);
    producer.close(PATIENCE).await;
    let mut consumer = assigned(consumer_config(&cluster), &topic, &[0, 1]);
    let records = read(&mut consumer, 4_000).await;
    for numbers in numbers(&records).into_values() {
        assert!(numbers.into_iter().eq(0..2_000));
    }
}

async fn a_partition_that_does_not_exist_is_an_error(cluster: Cluster) {
    let topic = topic(&cluster, "no-partition", 1).await;
    let mut config = producer_config(&cluster);
    config.max_block = Duration::from_millis(500);
    let producer = Producer::new(config).unwrap();
    let record = ProducerRecord::to(&topic).partition(7);
    let error = producer.send(record).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&topic) && text.contains('7'), "{text}");
    producer.close(PATIENCE).await;
    let error = producer.send(ProducerRecord::to(&topic)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}

async fn a_topic_is_created_when_something_is_sent_to_it(cluster: Cluster) {
    let topic = kconnect_tests::real::unique("sent-to");
    let producer = Producer::new(ProducerConfig::new(cluster.bootstrap_servers())).unwrap();
    let record = ProducerRecord::to(&topic).value(b"1");
    let told = producer.send(record).await.unwrap().await.unwrap();
    assert_eq!(told.offset, Some(0));
    let known: BTreeSet<_> = producer
        .partitions_for(&topic)
        .await
        .unwrap()
        .into_iter()
        .map(|partition| partition.index)
        .collect();
    assert!(known.contains(&0));
    producer.close(PATIENCE).await;
}

/// One thread is enough: nothing blocks it.
#[tokio::test]
async fn a_runtime_with_one_thread_is_enough() {
    let scenario = "client::producer::a_runtime_with_one_thread_is_enough";
    let backend = kconnect_tests::Backend::Embedded;
    let cluster = backend.cluster(scenario).await.unwrap();
    many_records_are_there_once_and_in_order(cluster).await;
}
