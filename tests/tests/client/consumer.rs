//! A consumer with partitions assigned by hand: positions, seeks, resets, pauses and times.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kconnect_client::config::AutoOffsetReset;
use kconnect_client::consumer::{Consumer, ConsumerEvent, IsolationLevel, TimestampType};
use kconnect_client::producer::{Producer, ProducerRecord};
use kconnect_client::{Compression, ErrorCode, ErrorKind, TopicPartition};
use kconnect_tests::{Cluster, scenarios};

use crate::support::{
    PATIENCE, admin, assigned, consumer_config, fill, names, next, numbers, producer_config, read,
    topic, topic_with,
};

scenarios! {
    all: assigned_partitions_are_read_to_the_end, a_seek_goes_anywhere,
        without_a_position_the_reset_decides, an_offset_that_is_gone_is_reset,
        paused_partitions_hand_out_nothing, times_lead_to_offsets,
        a_record_larger_than_a_fetch_comes_all_the_same, polls_are_limited,
        the_end_is_the_same_for_both_isolation_levels_without_transactions;
    current: the_broker_may_set_the_time, records_come_as_they_are_written,
        a_topic_that_does_not_exist_is_an_error_that_names_it;
}

async fn assigned_partitions_are_read_to_the_end(cluster: Cluster) {
    let topic = topic(&cluster, "assigned", 3).await;
    fill(&cluster, &topic, &[0, 1, 2], 0..500).await;
    let mut consumer = assigned(consumer_config(&cluster), &topic, &[0, 2]);
    let records = read(&mut consumer, 1_000).await;
    let numbers = numbers(&records);
    assert_eq!(numbers.keys().copied().collect::<Vec<_>>(), [0, 2]);
    for numbers in numbers.values() {
        assert!(numbers.iter().copied().eq(0..500));
    }
    for name in names(&topic, &[0, 2]) {
        assert_eq!(consumer.position(&name).await.unwrap(), 500);
        assert_eq!(consumer.lag(&name).unwrap(), Some(0));
    }
    let event = consumer.poll(Duration::from_millis(200)).await.unwrap();
    assert!(matches!(event, ConsumerEvent::Idle), "{event:?}");
    let other = TopicPartition::new(&*topic, 1);
    let error = consumer.position(&other).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
    assert_eq!(consumer.partitions_for(&topic).await.unwrap().len(), 3);
    consumer.close(PATIENCE).await.unwrap();
}

async fn a_seek_goes_anywhere(cluster: Cluster) {
    let topic = topic(&cluster, "seek", 1).await;
    let name = TopicPartition::new(&*topic, 0);
    // Compressed, so that an offset lies in the middle of what a broker can send.
    let mut config = producer_config(&cluster);
    config.compression_type = Compression::Lz4;
    config.linger = Duration::from_millis(50);
    let producer = Producer::new(config).unwrap();
    for number in 0..100 {
        let value = number.to_string();
        let record = ProducerRecord::to(&topic).value(value.as_bytes());
        producer.enqueue(record).await.unwrap();
    }
    producer.flush().await.unwrap();
    let mut consumer = assigned(consumer_config(&cluster), &topic, &[0]);
    assert_eq!(next(&mut consumer).await.offset, 0);
    for offset in [50, 99, 0, 37] {
        consumer.seek(&name, offset).unwrap();
        assert_eq!(consumer.position(&name).await.unwrap(), offset);
        let record = next(&mut consumer).await;
        assert_eq!((record.offset, record.number()), (offset, offset));
    }
    consumer.seek_to_beginning(&[]).unwrap();
    assert_eq!(next(&mut consumer).await.offset, 0);
    consumer.seek_to_end(&[]).unwrap();
    assert_eq!(consumer.position(&name).await.unwrap(), 100);
    let record = ProducerRecord::to(&topic).value(b"100");
    producer.send(record).await.unwrap().await.unwrap();
    assert_eq!(next(&mut consumer).await.offset, 100);
    let error = consumer.seek(&name, -1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
    producer.close(PATIENCE).await;
}

async fn without_a_position_the_reset_decides(cluster: Cluster) {
    let topic = topic(&cluster, "reset", 1).await;
    let name = TopicPartition::new(&*topic, 0);
    let producer = Producer::new(producer_config(&cluster)).unwrap();
    let hour = Duration::from_hours(1);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    for (age, count) in [(hour * 3, 10), (Duration::ZERO, 10)] {
        let time = i64::try_from((now - age).as_millis()).unwrap();
        for _ in 0..count {
            let record = ProducerRecord::to(&topic).value(b"0").timestamp(time);
            producer.enqueue(record).await.unwrap();
        }
    }
    producer.flush().await.unwrap();
    for (reset, expected) in [
        (AutoOffsetReset::Earliest, 0),
        (AutoOffsetReset::Latest, 20),
        (AutoOffsetReset::ByDuration(hour), 10),
        (AutoOffsetReset::ByDuration(hour * 9), 0),
    ] {
        let mut config = consumer_config(&cluster);
        config.auto_offset_reset = reset;
        let mut consumer = assigned(config, &topic, &[0]);
        assert_eq!(
            consumer.position(&name).await.unwrap(),
            expected,
            "{reset:?}"
        );
    }
    let mut config = consumer_config(&cluster);
    config.auto_offset_reset = AutoOffsetReset::None;
    let mut consumer = assigned(config, &topic, &[0]);
    let error = consumer.poll(PATIENCE).await.unwrap_err();
    assert!(error.to_string().contains(&name.to_string()), "{error}");
    consumer.seek(&name, 7).unwrap();
    assert_eq!(next(&mut consumer).await.offset, 7);
    producer.close(PATIENCE).await;
}

async fn an_offset_that_is_gone_is_reset(cluster: Cluster) {
    let topic = topic(&cluster, "gone", 1).await;
    let name = TopicPartition::new(&*topic, 0);
    fill(&cluster, &topic, &[0], 0..100).await;
    let before = BTreeMap::from([(name.clone(), 60)]);
    let deleted = admin(&cluster).delete_records(&before).await;
    assert_eq!(*deleted[&name].as_ref().unwrap(), 60);
    let mut consumer = assigned(consumer_config(&cluster), &topic, &[0]);
    for gone in [10, 1_000] {
        consumer.seek(&name, gone).unwrap();
        assert_eq!(next(&mut consumer).await.offset, 60);
    }
    let first = consumer.beginning_offsets(std::slice::from_ref(&name));
    assert_eq!(first.await.unwrap()[&name], 60);
    let mut config = consumer_config(&cluster);
    config.auto_offset_reset = AutoOffsetReset::None;
    let mut consumer = assigned(config, &topic, &[0]);
    consumer.seek(&name, 10).unwrap();
    let error = consumer.poll(PATIENCE).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains(&name.to_string()) && text.contains("10"),
        "{text}"
    );
}

async fn paused_partitions_hand_out_nothing(cluster: Cluster) {
    let topic = topic(&cluster, "paused", 2).await;
    fill(&cluster, &topic, &[0, 1], 0..100).await;
    let mut consumer = assigned(consumer_config(&cluster), &topic, &[0, 1]);
    let paused = names(&topic, &[0]);
    consumer.pause(&paused).unwrap();
    assert_eq!(consumer.paused(), paused);
    let records = read(&mut consumer, 100).await;
    assert!(records.iter().all(|record| record.partition == 1));
    let event = consumer.poll(Duration::from_millis(300)).await.unwrap();
    assert!(matches!(event, ConsumerEvent::Idle), "{event:?}");
    consumer.resume(&paused).unwrap();
    assert!(consumer.paused().is_empty());
    let records = read(&mut consumer, 100).await;
    assert!(numbers(&records)[&0].iter().copied().eq(0..100));
}

async fn times_lead_to_offsets(cluster: Cluster) {
    let topic = topic(&cluster, "times", 2).await;
    let name = TopicPartition::new(&*topic, 0);
    let producer = Producer::new(producer_config(&cluster)).unwrap();
    let base = 1_700_000_000_000;
    for time in [base + 1_000, base + 2_000, base + 3_000] {
        let record = ProducerRecord::to(&topic).partition(0).timestamp(time);
        producer.enqueue(record.value(b"0")).await.unwrap();
    }
    producer.flush().await.unwrap();
    let consumer = Consumer::new(consumer_config(&cluster)).unwrap();
    for (time, expected) in [
        (base, Some((0, base + 1_000))),
        (base + 1_500, Some((1, base + 2_000))),
        (base + 3_000, Some((2, base + 3_000))),
        (base + 3_001, None),
    ] {
        let times = BTreeMap::from([(name.clone(), time)]);
        let found = consumer.offsets_for_times(&times).await.unwrap();
        let found = found[&name].map(|found| (found.offset, found.timestamp));
        assert_eq!(found, expected, "{time}");
    }
    let both = names(&topic, &[0, 1]);
    let first = consumer.beginning_offsets(&both).await.unwrap();
    assert_eq!(first.into_values().collect::<Vec<_>>(), [0, 0]);
    let end = consumer.end_offsets(&both).await.unwrap();
    assert_eq!(end.into_values().collect::<Vec<_>>(), [3, 0]);
    producer.close(PATIENCE).await;
}

async fn the_broker_may_set_the_time(cluster: Cluster) {
    let configs = [("message.timestamp.type", "LogAppendTime")];
    let topic = topic_with(&cluster, "append-time", 1, &configs).await;
    let producer = Producer::new(producer_config(&cluster)).unwrap();
    let record = ProducerRecord::to(&topic).value(b"0").timestamp(1);
    let told = producer.send(record).await.unwrap().await.unwrap();
    let mut consumer = assigned(consumer_config(&cluster), &topic, &[0]);
    let event = consumer.poll(PATIENCE).await.unwrap();
    let ConsumerEvent::Records(records) = event else {
        panic!("{event:?} in place of a record");
    };
    let record = records.iter().next().unwrap();
    assert_eq!(record.timestamp_type(), TimestampType::LogAppendTime);
    assert_eq!(record.timestamp(), told.timestamp);
    assert!(record.timestamp() > 1_600_000_000_000);
    producer.close(PATIENCE).await;
}

async fn a_record_larger_than_a_fetch_comes_all_the_same(cluster: Cluster) {
    let topic = topic(&cluster, "large", 1).await;
    let producer = Producer::new(producer_config(&cluster)).unwrap();
    let large = vec![b'1'; 500_000];
    for value in [&large[..], b"2", &large] {
        let record = ProducerRecord::to(&topic).value(value);
        producer.send(record).await.unwrap().await.unwrap();
    }
    let mut config = consumer_config(&cluster);
    config.max_partition_fetch_bytes = 1_000;
    config.fetch_max_bytes = 2_000;
    let mut consumer = assigned(config, &topic, &[0]);
    let records = read(&mut consumer, 3).await;
    let lengths = records
        .iter()
        .map(|record| record.value.as_ref().unwrap().len());
    assert_eq!(lengths.collect::<Vec<_>>(), [large.len(), 1, large.len()]);
    producer.close(PATIENCE).await;
}

async fn polls_are_limited(cluster: Cluster) {
    let topic = topic(&cluster, "limited", 2).await;
    fill(&cluster, &topic, &[0, 1], 0..100).await;
    let mut config = consumer_config(&cluster);
    config.max_poll_records = 7;
    let mut consumer = assigned(config, &topic, &[0, 1]);
    let mut kept = Vec::new();
    while kept.len() < 200 {
        if let ConsumerEvent::Records(records) = consumer.poll(PATIENCE).await.unwrap() {
            assert!((1..=7).contains(&records.len()), "{}", records.len());
            assert_eq!(records.iter().count(), records.len());
            let next: BTreeMap<_, _> = records.next_offsets().collect();
            for (name, next) in next {
                assert_eq!(consumer.position(name).await.unwrap(), next);
            }
            let records = records.iter();
            kept.extend(records.map(|record| crate::support::Kept::of(&record)));
        }
    }
    for numbers in numbers(&kept).values() {
        assert!(numbers.iter().copied().eq(0..100));
    }
}

async fn the_end_is_the_same_for_both_isolation_levels_without_transactions(cluster: Cluster) {
    let topic = topic(&cluster, "isolation", 1).await;
    fill(&cluster, &topic, &[0], 0..10).await;
    let name = TopicPartition::new(&*topic, 0);
    for level in [
        IsolationLevel::ReadCommitted,
        IsolationLevel::ReadUncommitted,
    ] {
        let mut config = consumer_config(&cluster);
        config.isolation_level = level;
        let mut consumer = assigned(config, &topic, &[0]);
        assert_eq!(read(&mut consumer, 10).await.len(), 10);
        let end = consumer.end_offsets(std::slice::from_ref(&name)).await;
        assert_eq!(end.unwrap()[&name], 10);
        assert_eq!(consumer.lag(&name).unwrap(), Some(0));
    }
}

/// A consumer that waits gets what is written, without waiting for anything else.
async fn records_come_as_they_are_written(cluster: Cluster) {
    let topic = topic(&cluster, "live", 1).await;
    let producer = Producer::new(producer_config(&cluster)).unwrap();
    let mut consumer = assigned(consumer_config(&cluster), &topic, &[0]);
    for number in 0..20 {
        let value = number.to_string();
        let record = ProducerRecord::to(&topic).value(value.as_bytes());
        let delivery = producer.send(record).await.unwrap();
        assert_eq!(next(&mut consumer).await.number(), number);
        delivery.await.unwrap();
    }
    producer.close(PATIENCE).await;
}

async fn a_topic_that_does_not_exist_is_an_error_that_names_it(cluster: Cluster) {
    let mut config = consumer_config(&cluster);
    config.allow_auto_create_topics = false;
    config.default_api_timeout = Duration::from_secs(2);
    let mut consumer = assigned(config, "no-such-topic", &[0]);
    let name = TopicPartition::new("no-such-topic", 0);
    let asked = [
        consumer.position(&name).await.map(drop),
        consumer.end_offsets(&[name]).await.map(drop),
        consumer.partitions_for("no-such-topic").await.map(drop),
    ];
    for answer in asked {
        let error = answer.unwrap_err();
        assert!(error.to_string().contains("no-such-topic"), "{error}");
        let is_unknown = error.code() == Some(ErrorCode::UnknownTopicOrPartition);
        assert!(
            is_unknown || error.kind() == ErrorKind::Timeout,
            "{error:?}"
        );
    }
}
