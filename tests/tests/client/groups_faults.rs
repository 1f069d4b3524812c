//! Groups on a broker that fails them: membership is found again, and commits arrive once and in order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kconnect_broker::Fault;
use kconnect_client::consumer::Consumer;
use kconnect_client::{ErrorCode, TopicPartition};
use kconnect_protocol::ApiKey;
use kconnect_tests::real::unique;
use kconnect_tests::{Cluster, scenarios};

use crate::groups::{Heard, Running};
use crate::support::{PATIENCE, fill, group_config, read, topic};

scenarios! {
    all: ;
    current: ;
    embedded: a_member_that_is_forgotten_loses_its_partitions_and_joins_again,
        joining_survives_every_fault, commits_survive_every_fault;
}

async fn a_member_that_is_forgotten_loses_its_partitions_and_joins_again(cluster: Cluster) {
    let faults = cluster.embedded().unwrap().faults();
    for code in [ErrorCode::UnknownMemberId, ErrorCode::IllegalGeneration] {
        let topic = topic(&cluster, "forgotten", 1).await;
        let mut member = Running::start(group_config(&cluster, &unique("forgotten")), &topic);
        let own = member.assigned().await;
        faults.inject(Fault::error(ApiKey::HEARTBEAT, code));
        match member.hears().await {
            Heard::Lost(lost) => assert_eq!(lost, own),
            other => panic!("{other:?} in place of a loss after {code}"),
        }
        assert_eq!(member.assigned().await, own);
        member.stop().await;
    }
}

/// What a coordinator, or the way to it, may do to a request.
fn faults_of(api: ApiKey) -> Vec<Fault> {
    vec![
        Fault::error(api, ErrorCode::NotCoordinator).times(2),
        Fault::error(api, ErrorCode::CoordinatorNotAvailable).times(2),
        Fault::error(api, ErrorCode::CoordinatorLoadInProgress).times(2),
        Fault::disconnect(api).times(2),
        Fault::disconnect_after(api, 5).times(2),
        Fault::lose_answer(api),
        Fault::silence(api),
        Fault::swallow_answer(api),
        Fault::late_answer(api, Duration::from_millis(200)),
    ]
}

async fn joining_survives_every_fault(cluster: Cluster) {
    let topic = topic(&cluster, "joining", 2).await;
    fill(&cluster, &topic, &[0, 1], 0..10).await;
    let faults = cluster.embedded().unwrap().faults();
    for api in [
        ApiKey::FIND_COORDINATOR,
        ApiKey::JOIN_GROUP,
        ApiKey::SYNC_GROUP,
        ApiKey::OFFSET_FETCH,
    ] {
        for fault in faults_of(api) {
            let mut config = group_config(&cluster, &unique("joining"));
            config.common.request_timeout = Duration::from_secs(1);
            config.session_timeout = Duration::from_secs(6);
            config.max_poll_interval = Duration::from_secs(6);
            let id = faults.inject(fault.clone());
            let mut consumer = Consumer::new(config).unwrap();
            consumer.subscribe(&[&topic]).unwrap();
            let records = read(&mut consumer, 20).await;
            let places = records
                .iter()
                .map(|record| (record.partition, record.offset));
            assert_eq!(places.collect::<BTreeSet<_>>().len(), 20, "{fault:?}");
            assert!(faults.hits(id) > 0, "{fault:?} never happened");
            faults.clear();
            consumer.close(PATIENCE).await.unwrap();
        }
    }
}

async fn commits_survive_every_fault(cluster: Cluster) {
    let topic = topic(&cluster, "commits", 1).await;
    let name = TopicPartition::new(&*topic, 0);
    let faults = cluster.embedded().unwrap().faults();
    let mut config = group_config(&cluster, &unique("commits"));
    config.common.request_timeout = Duration::from_secs(1);
    let mut consumer = Consumer::new(config).unwrap();
    consumer.subscribe(&[&topic]).unwrap();
    while consumer.assignment().is_empty() {
        consumer.poll(PATIENCE).await.unwrap();
    }
    let mut offset = 0;
    for fault in faults_of(ApiKey::OFFSET_COMMIT) {
        let id = faults.inject(fault.clone());
        // Several under way, the last one counts.
        let mut commits = Vec::new();
        for _ in 0..5 {
            offset += 1;
            let offsets = BTreeMap::from([(name.clone(), offset.into())]);
            commits.push(consumer.commit_async(Some(offsets)).unwrap());
        }
        for commit in commits {
            commit.await.unwrap();
        }
        assert!(faults.hits(id) > 0, "{fault:?} never happened");
        faults.clear();
        let committed = consumer.committed(std::slice::from_ref(&name)).await;
        let committed = committed.unwrap()[&name].clone().unwrap();
        assert_eq!(committed.offset, offset, "{fault:?}");
        // It is still a member.
        consumer.poll(Duration::from_millis(10)).await.unwrap();
    }
    consumer.close(PATIENCE).await.unwrap();
}
