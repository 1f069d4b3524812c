//! A consumer on a broker that fails it: every record comes once and in order all the same.

use std::time::Duration;

use kconnect_broker::Fault;
use kconnect_client::ErrorCode;
use kconnect_protocol::ApiKey;
use kconnect_tests::{Cluster, scenarios};

use crate::support::{assigned, consumer_config, fill, numbers, read, topic};

scenarios! {
    all: ;
    current: ;
    embedded: fetches_that_are_refused, fetches_that_are_late, fetches_that_nobody_answers,
        fetches_that_break_off, lookups_that_fail;
}

const RECORDS: i64 = 2_000;

/// Reads two partitions while `faults` happen. Answers are small, so that there are many.
async fn every_record_comes_once(cluster: &Cluster, faults: Vec<Fault>) {
    let topic = topic(cluster, "faults", 2).await;
    fill(cluster, &topic, &[0, 1], 0..RECORDS).await;
    let mut config = consumer_config(cluster);
    config.max_partition_fetch_bytes = 2_000;
    config.fetch_max_bytes = 2_000;
    config.common.request_timeout = Duration::from_secs(1);
    let mut consumer = assigned(config, &topic, &[0, 1]);
    let injected = cluster.embedded().unwrap().faults();
    for fault in faults {
        let id = injected.inject(fault.clone());
        consumer.seek_to_beginning(&[]).unwrap();
        let records = read(&mut consumer, 2 * usize::try_from(RECORDS).unwrap()).await;
        for (partition, numbers) in numbers(&records) {
            let complete = numbers.iter().copied().eq(0..RECORDS);
            assert!(complete, "partition {partition} after {fault:?}");
        }
        assert!(injected.hits(id) > 0, "{fault:?} never happened");
        injected.clear();
    }
}

async fn fetches_that_are_refused(cluster: Cluster) {
    let codes = [
        ErrorCode::NotLeaderOrFollower,
        ErrorCode::UnknownTopicOrPartition,
        ErrorCode::FencedLeaderEpoch,
        ErrorCode::UnknownLeaderEpoch,
        ErrorCode::KafkaStorageError,
        ErrorCode::OffsetNotAvailable,
        ErrorCode::UnknownServerError,
        ErrorCode::FetchSessionIdNotFound,
        ErrorCode::InvalidFetchSessionEpoch,
    ];
    let faults = codes.map(|code| Fault::error(ApiKey::FETCH, code).skip(2).times(2));
    every_record_comes_once(&cluster, faults.to_vec()).await;
}

async fn fetches_that_are_late(cluster: Cluster) {
    let late = Duration::from_millis(300);
    let faults = [
        Fault::delay(ApiKey::FETCH, late).skip(2).times(2),
        Fault::late_answer(ApiKey::FETCH, late).skip(2).times(2),
    ];
    every_record_comes_once(&cluster, faults.to_vec()).await;
}

async fn fetches_that_nobody_answers(cluster: Cluster) {
    let faults = [
        Fault::silence(ApiKey::FETCH).skip(3),
        Fault::swallow_answer(ApiKey::FETCH).skip(3),
    ];
    every_record_comes_once(&cluster, faults.to_vec()).await;
}

async fn fetches_that_break_off(cluster: Cluster) {
    let mut faults: Vec<Fault> = [0, 3, 4, 9, 40, 100, 1_000]
        .map(|bytes| Fault::disconnect_after(ApiKey::FETCH, bytes))
        .to_vec();
    faults.push(Fault::disconnect(ApiKey::FETCH));
    faults.push(Fault::lose_answer(ApiKey::FETCH));
    let faults = faults.into_iter().map(|fault| fault.skip(1).times(3));
    every_record_comes_once(&cluster, faults.collect()).await;
}

async fn lookups_that_fail(cluster: Cluster) {
    let mut faults = Vec::new();
    for api in [ApiKey::METADATA, ApiKey::LIST_OFFSETS] {
        faults.push(Fault::error(api, ErrorCode::LeaderNotAvailable).times(2));
        faults.push(Fault::disconnect(api).times(2));
        faults.push(Fault::silence(api));
        faults.push(Fault::disconnect_after(api, 7).times(2));
    }
    let topic = topic(&cluster, "lookups", 2).await;
    fill(&cluster, &topic, &[0, 1], 0..10).await;
    let injected = cluster.embedded().unwrap().faults();
    for fault in faults {
        let id = injected.inject(fault.clone());
        let mut config = consumer_config(&cluster);
        config.common.request_timeout = Duration::from_secs(1);
        let mut consumer = assigned(config, &topic, &[0, 1]);
        assert_eq!(read(&mut consumer, 20).await.len(), 20);
        assert!(injected.hits(id) > 0, "{fault:?} never happened");
        injected.clear();
    }
}
