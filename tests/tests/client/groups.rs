//! Consumers in groups: who gets what, who gives up what, and where the next one goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kconnect_client::admin::{Admin, NewTopic};
use kconnect_client::config::ConsumerConfig;
use kconnect_client::consumer::{Assignor, Consumer, ConsumerEvent, OffsetAndMetadata};
use kconnect_client::producer::{Producer, ProducerRecord};
use kconnect_client::{ErrorCode, ErrorKind, TopicPartition};
use kconnect_tests::real::unique;
use kconnect_tests::{Cluster, scenarios};
use tokio::sync::{mpsc, oneshot};

use crate::support::{
    Kept, PATIENCE, admin, fill, group_config, names, numbers, producer_config, read, topic,
};

scenarios! {
    all: a_group_goes_on_where_it_committed, two_members_share_by_range,
        two_members_share_cooperatively, positions_are_committed_by_themselves,
        commits_of_members_are_checked;
    current: nothing_is_lost_or_repeated_while_members_come_and_go,
        a_pattern_finds_topics_that_are_created_later, new_partitions_are_shared_out,
        a_static_member_that_returns_keeps_its_partitions,
        a_static_member_is_fenced_by_its_successor, unsubscribing_leaves_the_group,
        a_member_that_does_not_poll_is_taken_out;
}

/// More than any scenario has to tell.
const HEARD_MAX: usize = 10_000;

/// What a member heard.
#[derive(Debug)]
pub(crate) enum Heard {
    Assigned(Vec<TopicPartition>),
    Revoked(Vec<TopicPartition>),
    Lost(Vec<TopicPartition>),
    Failed(kconnect_client::Error),
}

/// A consumer that is polled by a task of its own, commits when it has to give something up, and tells what it hears.
pub(crate) struct Running {
    heard: mpsc::Receiver<Heard>,
    records: mpsc::Receiver<Vec<Kept>>,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(config: ConsumerConfig, topic: &str) -> Self {
        let (tell, heard) = mpsc::channel(HEARD_MAX);
        let (hand, records) = mpsc::channel(HEARD_MAX);
        let (stop, mut stopped) = oneshot::channel();
        let mut consumer = Consumer::new(config).unwrap();
        consumer.subscribe(&[topic]).unwrap();
        let task = tokio::spawn(async move {
            loop {
                let event = tokio::select! {
                    event = consumer.poll(PATIENCE) => event,
                    _ = &mut stopped => break,
                };
                match event {
                    Ok(ConsumerEvent::Records(records)) => {
                        let kept = records.iter().map(|record| Kept::of(&record));
                        let _ = hand.try_send(kept.collect());
                    }
                    Ok(ConsumerEvent::Assigned(names)) => {
                        drop(tell.try_send(Heard::Assigned(names)))
                    }
                    Ok(ConsumerEvent::Revoked(names)) => {
                        if let Err(error) = consumer.commit_sync(None).await {
                            let _ = tell.try_send(Heard::Failed(error));
                        }
                        let _ = tell.try_send(Heard::Revoked(names));
                    }
                    Ok(ConsumerEvent::Lost(names)) => drop(tell.try_send(Heard::Lost(names))),
                    Ok(_) => {}
                    Err(error) => drop(tell.try_send(Heard::Failed(error))),
                }
            }
            consumer.commit_sync(None).await.unwrap();
            consumer.close(PATIENCE).await.unwrap();
        });
        Self {
            heard,
            records,
            stop,
            task,
        }
    }

    /// The next thing that this member hears.
    pub(crate) async fn hears(&mut self) -> Heard {
        let heard = tokio::time::timeout(PATIENCE, self.heard.recv()).await;
        heard.expect("it hears something").expect("it lives")
    }

    pub(crate) async fn assigned(&mut self) -> Vec<TopicPartition> {
        match self.hears().await {
            Heard::Assigned(names) => names,
            other => panic!("{other:?} in place of an assignment"),
        }
    }

    pub(crate) async fn revoked(&mut self) -> Vec<TopicPartition> {
        match self.hears().await {
            Heard::Revoked(names) => names,
            other => panic!("{other:?} in place of a revocation"),
        }
    }

    /// Follows assignments and revocations until it has `count` partitions.
    async fn has(&mut self, owned: &mut BTreeSet<TopicPartition>, count: usize) {
        while owned.len() != count {
            match self.hears().await {
                Heard::Assigned(names) => owned.extend(names),
                Heard::Revoked(names) => owned.retain(|name| !names.contains(name)),
                other => panic!("{other:?} while waiting for {count} partitions"),
            }
        }
    }

    /// Commits, leaves the group, and gives what was consumed.
    pub(crate) async fn stop(mut self) -> Vec<Kept> {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
        let mut all = Vec::new();
        while let Some(records) = self.records.recv().await {
            all.extend(records);
        }
        all
    }
}

fn with(mut config: ConsumerConfig, assignor: Assignor) -> ConsumerConfig {
    config.partition_assignment_strategy = vec![assignor];
    config
}

async fn a_group_goes_on_where_it_committed(cluster: Cluster) {
    let (topic, group) = (topic(&cluster, "restart", 2).await, unique("restart"));
    fill(&cluster, &topic, &[0, 1], 0..100).await;
    let mut config = group_config(&cluster, &group);
    config.max_poll_records = 10;
    let mut consumer = Consumer::new(config.clone()).unwrap();
    consumer.subscribe(&[&topic]).unwrap();
    let mut kept = read(&mut consumer, 60).await;
    consumer.commit_sync(None).await.unwrap();
    kept.extend(read(&mut consumer, 40).await);
    let commit = consumer.commit_async(None).unwrap();
    // Not committed: the next member gets them again.
    let again = read(&mut consumer, 30).await;
    commit.await.unwrap();
    consumer.close(PATIENCE).await.unwrap();

    let mut consumer = Consumer::new(config).unwrap();
    consumer.subscribe(&[&topic]).unwrap();
    let rest = read(&mut consumer, 100).await;
    assert!(again.iter().all(|record| rest.contains(record)));
    kept.extend(rest);
    for numbers in numbers(&kept).values() {
        assert!(numbers.iter().copied().eq(0..100));
    }
    let name = TopicPartition::new(&*topic, 0);
    let noted = OffsetAndMetadata::new(42).with_metadata("a note");
    let offsets = BTreeMap::from([(name.clone(), noted)]);
    consumer.commit_sync(Some(offsets)).await.unwrap();
    let other = TopicPartition::new(&*topic, 1);
    let committed = consumer.committed(&[name.clone(), other.clone()]).await;
    let committed = committed.unwrap();
    let found = committed[&name].as_ref().unwrap();
    assert_eq!((found.offset, &*found.metadata), (42, "a note"));
    consumer.close(PATIENCE).await.unwrap();
    let offsets = admin(&cluster).list_consumer_group_offsets(&group).await;
    let offsets = offsets.unwrap();
    assert_eq!(offsets[&name].offset, 42);
    assert_eq!(offsets.keys().collect::<Vec<_>>(), [&name, &other]);
}

async fn two_members_share_by_range(cluster: Cluster) {
    let (topic, group) = (topic(&cluster, "range", 4).await, unique("range"));
    let config = with(group_config(&cluster, &group), Assignor::Range);
    let mut first = Running::start(config.clone(), &topic);
    let all = names(&topic, &[0, 1, 2, 3]);
    assert_eq!(first.assigned().await, all);
    let mut second = Running::start(config, &topic);
    // Range is eager: everything is given up, and given out again.
    assert_eq!(first.revoked().await, all);
    let (mut ones, mut twos) = (first.assigned().await, second.assigned().await);
    assert_eq!((ones.len(), twos.len()), (2, 2));
    ones.append(&mut twos);
    ones.sort();
    assert_eq!(ones, all);
    second.stop().await;
    first.revoked().await;
    assert_eq!(first.assigned().await, all);
    first.stop().await;
}

async fn two_members_share_cooperatively(cluster: Cluster) {
    let (topic, group) = (topic(&cluster, "sticky", 4).await, unique("sticky"));
    let config = with(group_config(&cluster, &group), Assignor::CooperativeSticky);
    let mut first = Running::start(config.clone(), &topic);
    let all: BTreeSet<_> = names(&topic, &[0, 1, 2, 3]).into_iter().collect();
    let (mut ones, mut twos) = (BTreeSet::new(), BTreeSet::new());
    first.has(&mut ones, 4).await;
    let mut second = Running::start(config, &topic);
    // Only what moves is given up, in one step.
    let moved = loop {
        match first.hears().await {
            Heard::Revoked(names) => break names,
            Heard::Assigned(names) if names.is_empty() => {}
            other => panic!("{other:?} in place of a revocation"),
        }
    };
    assert_eq!(moved.len(), 2);
    ones.retain(|name| !moved.contains(name));
    second.has(&mut twos, 2).await;
    assert_eq!(twos, moved.into_iter().collect());
    assert_eq!(ones.union(&twos).cloned().collect::<BTreeSet<_>>(), all);
    second.stop().await;
    first.has(&mut ones, 4).await;
    first.stop().await;
}

async fn positions_are_committed_by_themselves(cluster: Cluster) {
    let (topic, group) = (topic(&cluster, "auto", 1).await, unique("auto"));
    fill(&cluster, &topic, &[0], 0..50).await;
    let name = TopicPartition::new(&*topic, 0);
    let mut config = group_config(&cluster, &group);
    config.enable_auto_commit = true;
    config.auto_commit_interval = Duration::from_millis(50);
    config.max_poll_records = 10;
    let mut consumer = Consumer::new(config.clone()).unwrap();
    consumer.subscribe(&[&topic]).unwrap();
    read(&mut consumer, 20).await;
    // What was handed out counts as processed from the next poll on.
    let committing = async {
        loop {
            let _ = consumer.poll(Duration::from_millis(20)).await.unwrap();
            let committed = consumer.committed(std::slice::from_ref(&name)).await;
            let committed = committed.unwrap().remove(&name).flatten();
            if committed.is_some_and(|committed| committed.offset >= 20) {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, committing).await.unwrap();
    let position = consumer.position(&name).await.unwrap();
    consumer.close(PATIENCE).await.unwrap();
    let offsets = admin(&cluster).list_consumer_group_offsets(&group).await;
    assert_eq!(offsets.unwrap()[&name].offset, position);
}

async fn commits_of_members_are_checked(cluster: Cluster) {
    let (topic, group) = (topic(&cluster, "checked", 1).await, unique("checked"));
    let mut consumer = Consumer::new(group_config(&cluster, &group)).unwrap();
    consumer.subscribe(&[&topic]).unwrap();
    while consumer.assignment().is_empty() {
        consumer.poll(PATIENCE).await.unwrap();
    }
    let own = TopicPartition::new(&*topic, 0);
    for (name, offset) in [
        (TopicPartition::new(&*topic, 1), 1),
        (TopicPartition::new("other", 0), 1),
        (own.clone(), -1),
    ] {
        let offsets = BTreeMap::from([(name, offset.into())]);
        let error = consumer.commit_async(Some(offsets)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse, "{error}");
    }
    // Whoever is no member of a group that has some may not commit for it.
    let mut stranger = Consumer::new(group_config(&cluster, &group)).unwrap();
    stranger.assign([own.clone()]).unwrap();
    let offsets = BTreeMap::from([(own, 1.into())]);
    let error = stranger.commit_sync(Some(offsets)).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UnknownMemberId), "{error}");
    consumer.close(PATIENCE).await.unwrap();
}

async fn nothing_is_lost_or_repeated_while_members_come_and_go(cluster: Cluster) {
    const RECORDS: i64 = 400;
    let partitions = [0, 1, 2, 3, 4, 5];
    for assignor in [Assignor::Range, Assignor::CooperativeSticky] {
        let (topic, group) = (topic(&cluster, "come-and-go", 6).await, unique("group"));
        let config = with(group_config(&cluster, &group), assignor);
        let producer = Producer::new(producer_config(&cluster)).unwrap();
        let mut owned = [const { BTreeSet::new() }; 3];
        let mut all = Vec::new();
        let mut first = Running::start(config.clone(), &topic);
        let write = async |from: i64| {
            for number in from..from + RECORDS / 4 {
                for partition in partitions {
                    let value = number.to_string();
                    let record = ProducerRecord::to(&topic).partition(partition);
                    let record = record.value(value.as_bytes());
                    producer.enqueue(record).await.unwrap();
                }
            }
            producer.flush().await.unwrap();
        };
        write(0).await;
        first.has(&mut owned[0], 6).await;
        let mut second = Running::start(config.clone(), &topic);
        write(RECORDS / 4).await;
        second.has(&mut owned[1], 3).await;
        let mut third = Running::start(config.clone(), &topic);
        write(RECORDS / 2).await;
        third.has(&mut owned[2], 2).await;
        all.extend(first.stop().await);
        write(RECORDS / 4 * 3).await;
        second.has(&mut owned[1], 3).await;
        all.extend(second.stop().await);
        third.has(&mut owned[2], 6).await;
        all.extend(third.stop().await);
        // What nobody has read yet, its successor reads.
        let total = usize::try_from(RECORDS).unwrap() * partitions.len();
        let mut last = Consumer::new(config).unwrap();
        last.subscribe(&[&topic]).unwrap();
        let rest = read(&mut last, total - all.len()).await;
        all.extend(rest);
        last.close(PATIENCE).await.unwrap();
        producer.close(PATIENCE).await;
        all.sort_by_key(|record| (record.partition, record.offset));
        for (partition, numbers) in numbers(&all) {
            let complete = numbers.iter().copied().eq(0..RECORDS);
            assert!(
                complete,
                "partition {partition} with {assignor:?}: {numbers:?}"
            );
        }
    }
}

async fn a_pattern_finds_topics_that_are_created_later(cluster: Cluster) {
    let prefix = unique("pattern");
    let admin = admin(&cluster);
    let create = async |name: &str| {
        let mut topic = NewTopic::new(format!("{prefix}.{name}"));
        topic.num_partitions = Some(1);
        admin.create_topic(&topic).await.unwrap();
    };
    create("one").await;
    let mut config = group_config(&cluster, &unique("pattern"));
    config.common.metadata_max_age = Duration::from_millis(300);
    let mut consumer = Consumer::new(config).unwrap();
    let pattern = format!("{prefix}\\.(one|two)");
    consumer.subscribe_pattern(&pattern).unwrap();
    let mut waits_for = async |count: usize| {
        let polling = async {
            while consumer.assignment().len() != count {
                consumer.poll(Duration::from_millis(200)).await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, polling).await.unwrap();
    };
    waits_for(1).await;
    create("two").await;
    create("three").await;
    waits_for(2).await;
    let subscription = consumer.subscription();
    let expected = [format!("{prefix}.one"), format!("{prefix}.two")];
    assert!(subscription.iter().map(|name| &**name).eq(expected));
    consumer.close(PATIENCE).await.unwrap();
}

async fn new_partitions_are_shared_out(cluster: Cluster) {
    let topic = topic(&cluster, "grows", 1).await;
    let mut config = group_config(&cluster, &unique("grows"));
    config.common.metadata_max_age = Duration::from_millis(300);
    config.partition_assignment_strategy = vec![Assignor::CooperativeSticky];
    let mut member = Running::start(config, &topic);
    assert_eq!(member.assigned().await, names(&topic, &[0]));
    let totals = BTreeMap::from([(topic.clone(), 3)]);
    let grown = admin(&cluster).create_partitions(&totals).await;
    grown[&topic].as_ref().unwrap();
    let mut owned = BTreeSet::from_iter(names(&topic, &[0]));
    member.has(&mut owned, 3).await;
    member.stop().await;
}

fn static_config(cluster: &Cluster, group: &str) -> ConsumerConfig {
    let mut config = group_config(cluster, group);
    config.group_instance_id = Some("the-one".to_owned());
    config
}

async fn a_static_member_that_returns_keeps_its_partitions(cluster: Cluster) {
    let (topic, group) = (topic(&cluster, "static", 2).await, unique("static"));
    let mut other = Running::start(group_config(&cluster, &group), &topic);
    assert_eq!(other.assigned().await.len(), 2);
    let mut member = Running::start(static_config(&cluster, &group), &topic);
    other.revoked().await;
    let own = member.assigned().await;
    assert_eq!((own.len(), other.assigned().await.len()), (1, 1));
    // A static member does not say that it leaves: its partitions wait for it, and the other one hears nothing.
    member.stop().await;
    let mut member = Running::start(static_config(&cluster, &group), &topic);
    assert_eq!(member.assigned().await, own);
    assert!(other.heard.try_recv().is_err());
    other.stop().await;
    member.stop().await;
}

async fn a_static_member_is_fenced_by_its_successor(cluster: Cluster) {
    let (topic, group) = (topic(&cluster, "fenced", 1).await, unique("fenced"));
    let mut first = Running::start(static_config(&cluster, &group), &topic);
    assert_eq!(first.assigned().await.len(), 1);
    let mut second = Running::start(static_config(&cluster, &group), &topic);
    assert_eq!(second.assigned().await.len(), 1);
    let mut lost = false;
    let error = loop {
        match first.hears().await {
            Heard::Lost(_) => lost = true,
            Heard::Failed(error) => break error,
            other => panic!("{other:?} in place of an error"),
        }
    };
    assert!(error.is_fatal() && lost, "{error:?}, lost: {lost}");
    assert!(error.to_string().contains("group.instance.id"), "{error}");
    first.task.abort();
    second.stop().await;
}

async fn unsubscribing_leaves_the_group(cluster: Cluster) {
    let (topic, group) = (topic(&cluster, "leaves", 1).await, unique("leaves"));
    fill(&cluster, &topic, &[0], 0..10).await;
    let mut consumer = Consumer::new(group_config(&cluster, &group)).unwrap();
    for _ in 0..2 {
        consumer.subscribe(&[&topic]).unwrap();
        assert_eq!(read(&mut consumer, 10).await.len(), 10);
        consumer.unsubscribe().await.unwrap();
        assert!(consumer.assignment().is_empty() && consumer.subscription().is_empty());
        let described = described(&admin(&cluster), &group).await;
        assert_eq!(described, ("Empty".to_owned(), 0));
    }
    consumer.assign(names(&topic, &[0])).unwrap();
    assert_eq!(read(&mut consumer, 10).await.len(), 10);
    consumer.close(PATIENCE).await.unwrap();
}

async fn described(admin: &Admin, group: &str) -> (String, usize) {
    let description = admin.describe_group(group).await.unwrap();
    (description.state, description.members.len())
}

async fn a_member_that_does_not_poll_is_taken_out(cluster: Cluster) {
    let (topic, group) = (topic(&cluster, "slow", 1).await, unique("slow"));
    let mut config = group_config(&cluster, &group);
    config.max_poll_interval = Duration::from_secs(2);
    config.session_timeout = Duration::from_secs(10);
    let mut slow = Consumer::new(config.clone()).unwrap();
    slow.subscribe(&[&topic]).unwrap();
    while slow.assignment().is_empty() {
        slow.poll(PATIENCE).await.unwrap();
    }
    config.max_poll_interval = Duration::from_mins(5);
    let mut other = Running::start(config, &topic);
    // The slow one does not come back to rejoin, so its partition goes to the other.
    let mut owned = BTreeSet::new();
    other.has(&mut owned, 1).await;
    let event = slow.poll(PATIENCE).await.unwrap();
    assert!(
        matches!(&event, ConsumerEvent::Lost(names) if names.len() == 1),
        "{event:?}"
    );
    let error = slow.commit_sync(Some(BTreeMap::from([(
        TopicPartition::new(&*topic, 0),
        1.into(),
    )])));
    assert!(error.await.is_err());
    drop(slow);
    other.stop().await;
}
