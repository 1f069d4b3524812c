//! A producer on a broker that fails it: nothing acknowledged is lost, nothing is doubled, the order is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use kconnect_broker::Fault;
use kconnect_client::producer::{Producer, ProducerRecord};
use kconnect_client::{ErrorCode, ErrorKind};
use kconnect_protocol::ApiKey;
use kconnect_tests::jars::Version;
use kconnect_tests::{Cluster, KafkaCluster, real, scenarios};

use crate::support::{PATIENCE, assigned, consumer_config, numbers, producer_config, read, topic};

scenarios! {
    all: ;
    current: ;
    embedded: requests_that_are_refused, requests_that_are_late, requests_that_nobody_answers,
        connections_that_break, answers_that_are_lost, all_of_it_at_once,
        identities_that_are_hard_to_get, a_broker_that_never_answers,
        a_refusal_that_is_final_is_told_and_the_rest_goes_on;
}

const EACH: i64 = 3_000;
const PARTITIONS: [i32; 3] = [0, 1, 2];

/// Sends numbered records in small batches while `faults` happen, and reads them back.
async fn nothing_is_lost_doubled_or_reordered(cluster: &Cluster, faults: &[Fault]) {
    let topic = topic(cluster, "faults", 3).await;
    let mut config = producer_config(cluster);
    config.batch_size = 500;
    config.common.request_timeout = Duration::from_secs(2);
    let producer = Producer::new(config).unwrap();
    let injected = cluster.embedded().unwrap().faults();
    let ids = faults.iter().map(|fault| injected.inject(fault.clone()));
    let ids: Vec<_> = ids.collect();
    let mut deliveries = Vec::new();
    for number in 0..EACH {
        let value = number.to_string();
        for partition in PARTITIONS {
            let record = ProducerRecord::to(&topic).partition(partition);
            let record = record.value(value.as_bytes());
            deliveries.push((partition, number, producer.send(record).await.unwrap()));
        }
    }
    for (partition, number, delivery) in deliveries {
        let told = delivery.await;
        let told = told.unwrap_or_else(|error| panic!("{partition}:{number}: {error}"));
        // Each partition has exactly these records, so the number is the offset.
        assert!(
            told.offset.is_none_or(|offset| offset == number),
            "{told:?}"
        );
    }
    for (id, fault) in ids.into_iter().zip(faults) {
        assert!(injected.hits(id) > 0, "{fault:?} never happened");
    }
    injected.clear();
    producer.close(PATIENCE).await;
    let mut consumer = assigned(consumer_config(cluster), &topic, &PARTITIONS);
    let count = PARTITIONS.len() * usize::try_from(EACH).unwrap();
    let records = read(&mut consumer, count).await;
    for (partition, numbers) in numbers(&records) {
        assert!(
            numbers.into_iter().eq(0..EACH),
            "partition {partition} after {faults:?}"
        );
    }
}

async fn requests_that_are_refused(cluster: Cluster) {
    let refused = |code| {
        Fault::error(ApiKey::PRODUCE, code)
            .partition(1)
            .skip(3)
            .times(2)
    };
    for code in [
        ErrorCode::NotLeaderOrFollower,
        ErrorCode::UnknownTopicOrPartition,
        ErrorCode::NotEnoughReplicas,
        ErrorCode::KafkaStorageError,
        ErrorCode::RequestTimedOut,
        ErrorCode::CorruptMessage,
    ] {
        nothing_is_lost_doubled_or_reordered(&cluster, &[refused(code)]).await;
    }
}

async fn requests_that_are_late(cluster: Cluster) {
    let late = Duration::from_millis(200);
    for fault in [
        Fault::delay(ApiKey::PRODUCE, late),
        Fault::late_answer(ApiKey::PRODUCE, late),
    ] {
        nothing_is_lost_doubled_or_reordered(&cluster, &[fault.skip(2).times(4)]).await;
    }
}

async fn requests_that_nobody_answers(cluster: Cluster) {
    for fault in [
        Fault::silence(ApiKey::PRODUCE),
        Fault::swallow_answer(ApiKey::PRODUCE),
    ] {
        nothing_is_lost_doubled_or_reordered(&cluster, &[fault.skip(2)]).await;
    }
}

async fn connections_that_break(cluster: Cluster) {
    nothing_is_lost_doubled_or_reordered(
        &cluster,
        &[Fault::disconnect(ApiKey::PRODUCE).skip(2).times(3)],
    )
    .await;
    for bytes in [0, 3, 4, 12, 30] {
        let fault = Fault::disconnect_after(ApiKey::PRODUCE, bytes);
        nothing_is_lost_doubled_or_reordered(&cluster, &[fault.skip(2).times(2)]).await;
    }
}

async fn answers_that_are_lost(cluster: Cluster) {
    for times in [1, 5, 12] {
        let fault = Fault::lose_answer(ApiKey::PRODUCE).skip(1).times(times);
        nothing_is_lost_doubled_or_reordered(&cluster, &[fault]).await;
    }
}

async fn all_of_it_at_once(cluster: Cluster) {
    let refused = Fault::error(ApiKey::PRODUCE, ErrorCode::NotLeaderOrFollower);
    let faults = [
        refused.partition(0).skip(1).times(3),
        Fault::lose_answer(ApiKey::PRODUCE).skip(2).times(3),
        Fault::disconnect_after(ApiKey::PRODUCE, 20)
            .skip(2)
            .times(2),
        Fault::disconnect(ApiKey::PRODUCE).skip(2).times(2),
        Fault::silence(ApiKey::PRODUCE).skip(2),
        Fault::error(ApiKey::METADATA, ErrorCode::LeaderNotAvailable).skip(1),
        Fault::disconnect(ApiKey::METADATA).skip(1),
    ];
    nothing_is_lost_doubled_or_reordered(&cluster, &faults).await;
}

async fn identities_that_are_hard_to_get(cluster: Cluster) {
    let api = ApiKey::INIT_PRODUCER_ID;
    for fault in [
        Fault::error(api, ErrorCode::CoordinatorLoadInProgress).times(2),
        Fault::error(api, ErrorCode::NotCoordinator).times(2),
        Fault::disconnect(api).times(2),
        Fault::lose_answer(api),
        Fault::silence(api),
    ] {
        nothing_is_lost_doubled_or_reordered(&cluster, &[fault]).await;
    }
}

async fn a_broker_that_never_answers(cluster: Cluster) {
    let topic = topic(&cluster, "never", 1).await;
    let faults = cluster.embedded().unwrap().faults();
    let mut config = producer_config(&cluster);
    config.common.request_timeout = Duration::from_millis(500);
    config.delivery_timeout = Duration::from_secs(2);
    for (fault, may_be_there) in [
        (Fault::swallow_answer(ApiKey::PRODUCE).always(), true),
        (Fault::any_api_silence().always(), false),
    ] {
        let producer = Producer::new(config.clone()).unwrap();
        producer.partitions_for(&topic).await.unwrap();
        faults.inject(fault);
        let started = Instant::now();
        let record = ProducerRecord::to(&topic).value(b"x");
        let error = producer.send(record).await.unwrap().await.unwrap_err();
        assert!(
            started.elapsed() >= Duration::from_secs(1),
            "it was given up early"
        );
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert_eq!(error.may_have_taken_effect(), may_be_there, "{error}");
        assert!(error.to_string().contains(&topic), "{error}");
        faults.clear();
        producer.close(PATIENCE).await;
    }
}

async fn a_refusal_that_is_final_is_told_and_the_rest_goes_on(cluster: Cluster) {
    let topic = topic(&cluster, "final", 1).await;
    let faults = cluster.embedded().unwrap().faults();
    let mut config = producer_config(&cluster);
    config.batch_size = 1;
    let producer = Producer::new(config).unwrap();
    let code = ErrorCode::InvalidRecord;
    faults.inject(Fault::error(ApiKey::PRODUCE, code).skip(3));
    let mut deliveries = Vec::new();
    for number in 0..10 {
        let value = number.to_string();
        let record = ProducerRecord::to(&topic).value(value.as_bytes());
        deliveries.push(producer.send(record).await.unwrap());
    }
    let mut acknowledged = BTreeSet::new();
    let mut refused = 0;
    for (number, delivery) in (0..).zip(deliveries) {
        match delivery.await {
            Ok(_) => drop(acknowledged.insert(number)),
            Err(error) => {
                assert_eq!(error.code(), Some(code), "{error}");
                assert!(!error.may_have_taken_effect());
                refused += 1;
            }
        }
    }
    assert_eq!((acknowledged.len(), refused), (9, 1));
    producer.close(PATIENCE).await;
    let mut consumer = assigned(consumer_config(&cluster), &topic, &[0]);
    let records = read(&mut consumer, 9).await;
    assert!(numbers(&records)[&0].iter().copied().eq(acknowledged));
}

/// On three real brokers, one of which is stopped, another one killed, and each started again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_that_stop_and_start_lose_nothing() {
    let scenario = "client::producer_faults::brokers_that_stop_and_start_lose_nothing";
    if real::real_kafka_or_say_so(scenario).is_none() {
        return;
    }
    let kafka = KafkaCluster::start(Version::V4_3, 3).unwrap();
    let cluster = Cluster::at(kafka.bootstrap_servers());
    let topic = topic(&cluster, "brokers", 3).await;
    let producer = Producer::new(producer_config(&cluster)).unwrap();
    let sender = {
        let (producer, topic) = (producer.clone(), topic.clone());
        let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let mut deliveries = Vec::new();
            let mut number = 0_i64;
            let mut tick = tokio::time::interval(Duration::from_millis(5));
            while stopped.try_recv().is_err() {
                tick.tick().await;
                for partition in PARTITIONS {
                    let value = number.to_string();
                    let record = ProducerRecord::to(&topic).partition(partition);
                    let record = record.value(value.as_bytes());
                    deliveries.push((number, producer.send(record).await.unwrap()));
                }
                number += 1;
            }
            for (number, delivery) in deliveries {
                let told = delivery.await.unwrap();
                assert!(
                    told.offset.is_none_or(|offset| offset == number),
                    "{told:?}"
                );
            }
            number
        });
        (stop, task)
    };
    let kafka = tokio::task::spawn_blocking(move || {
        for node in 0..2 {
            match node {
                0 => kafka.stop(node).unwrap(),
                _ => kafka.kill(node).unwrap(),
            }
            kafka.restart(node).unwrap();
        }
        kafka
    });
    let kafka = kafka.await.unwrap();
    let (stop, task) = sender;
    let _ = stop.send(());
    let sent = task.await.unwrap();
    producer.close(PATIENCE).await;
    let mut consumer = assigned(consumer_config(&cluster), &topic, &PARTITIONS);
    let count = PARTITIONS.len() * usize::try_from(sent).unwrap();
    let records: BTreeMap<_, _> = numbers(&read(&mut consumer, count).await);
    for (partition, numbers) in records {
        assert!(numbers.into_iter().eq(0..sent), "partition {partition}");
    }
    drop(kafka);
}
