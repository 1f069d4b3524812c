//! Administration: topics, configurations, offsets, groups.

use std::collections::{BTreeMap, BTreeSet};

use kconnect_client::admin::{AlterOperation, ConfigResource, ConfigSource, NewTopic, OffsetSpec};
use kconnect_client::config::ConsumerConfig;
use kconnect_client::consumer::{Consumer, OffsetAndMetadata};
use kconnect_client::producer::{Producer, ProducerRecord};
use kconnect_client::{ErrorCode, ErrorKind, IsolationLevel, TopicPartition};
use kconnect_tests::real::unique;
use kconnect_tests::{Cluster, scenarios};

use crate::support::{
    PATIENCE, admin, fill, group_config, names, producer_config, read, topic, topic_with,
    until_described,
};

scenarios! {
    all: topics_are_created_described_and_deleted, a_topic_that_cannot_be_created_says_why,
        partitions_are_added, the_cluster_is_described, topic_configurations_are_changed,
        a_topics_configuration_is_replaced,
        offsets_are_listed, records_are_deleted, groups_are_described_and_deleted,
        group_offsets_are_set_and_deleted;
    current: a_brokers_configuration_is_described, the_largest_timestamp_is_found;
}

async fn topics_are_created_described_and_deleted(cluster: Cluster) {
    let admin = admin(&cluster);
    let names: Vec<String> = (0..3).map(|_| unique("created")).collect();
    let topics: Vec<NewTopic> = names
        .iter()
        .zip(1..)
        .map(|(name, partitions)| {
            let mut topic = NewTopic::new(name);
            topic.num_partitions = Some(partitions);
            topic.replication_factor = Some(1);
            topic
        })
        .collect();
    let checked = admin.validate_topics(&topics).await;
    assert!(checked.values().all(Result::is_ok), "{checked:?}");
    let created = admin.create_topics(&topics).await;
    assert_eq!(created.len(), 3);
    for created in created.into_values() {
        let created = created.unwrap();
        assert!(
            created
                .num_partitions
                .is_none_or(|count| (1..=3).contains(&count))
        );
    }
    let asked: Vec<&str> = names.iter().map(|name| &**name).collect();
    for name in &asked {
        until_described(&admin, name, |described| described.is_ok()).await;
    }
    let described = admin.describe_topics(&asked).await;
    for (name, partitions) in names.iter().zip(1..) {
        let topic = described[name].as_ref().unwrap();
        assert_eq!(topic.partitions.len(), partitions);
        let partition = topic.partition(0).unwrap();
        assert!(partition.leader.is_some());
        assert_eq!((partition.replicas.len(), partition.isr.len()), (1, 1));
    }
    let listed = admin.list_topics().await.unwrap();
    let listed: BTreeSet<&str> = listed.iter().map(|topic| &*topic.name).collect();
    assert!(asked.iter().all(|name| listed.contains(name)));
    let deleted = admin.delete_topics(&asked).await;
    assert!(deleted.values().all(Result::is_ok), "{deleted:?}");
    for name in asked {
        let error = admin.delete_topic(name).await.unwrap_err();
        assert_eq!(
            error.code(),
            Some(ErrorCode::UnknownTopicOrPartition),
            "{error}"
        );
        until_described(&admin, name, |described| described.is_err()).await;
        let error = admin.describe_topic(name).await.unwrap_err();
        assert_eq!(
            error.code(),
            Some(ErrorCode::UnknownTopicOrPartition),
            "{error}"
        );
        assert!(error.to_string().contains(name), "{error}");
    }
}

async fn a_topic_that_cannot_be_created_says_why(cluster: Cluster) {
    let admin = admin(&cluster);
    let there = topic(&cluster, "there", 1).await;
    let mut copies = NewTopic::new(unique("copies"));
    copies.replication_factor = Some(99);
    let mut partitions = NewTopic::new(unique("partitions"));
    partitions.num_partitions = Some(0);
    let mut config = NewTopic::new(unique("config"));
    config
        .configs
        .insert("no.such.key".to_owned(), "1".to_owned());
    let good = NewTopic::new(unique("good"));
    let topics = [
        (NewTopic::new(&there), Some(ErrorCode::TopicAlreadyExists)),
        (
            NewTopic::new("not/a/name"),
            Some(ErrorCode::InvalidTopicException),
        ),
        (copies, Some(ErrorCode::InvalidReplicationFactor)),
        (partitions, Some(ErrorCode::InvalidPartitions)),
        (config, Some(ErrorCode::InvalidConfig)),
        (good, None),
    ];
    let wanted: Vec<NewTopic> = topics.iter().map(|(topic, _)| topic.clone()).collect();
    let created = admin.create_topics(&wanted).await;
    for (topic, expected) in topics {
        let error = created[&topic.name].as_ref().err();
        assert_eq!(
            error.and_then(kconnect_client::Error::code),
            expected,
            "{error:?}"
        );
        let names_it = error.is_none_or(|error| error.to_string().contains(&topic.name));
        assert!(names_it, "{error:?}");
    }
}

async fn partitions_are_added(cluster: Cluster) {
    let admin = admin(&cluster);
    let topic = topic(&cluster, "added", 1).await;
    let more = BTreeMap::from([(topic.clone(), 4)]);
    admin.create_partitions(&more).await[&topic]
        .as_ref()
        .unwrap();
    until_described(&admin, &topic, |described| {
        described.is_ok_and(|described| described.partitions.len() == 4)
    })
    .await;
    let fewer = BTreeMap::from([(topic.clone(), 2)]);
    let error = admin
        .create_partitions(&fewer)
        .await
        .remove(&topic)
        .unwrap();
    assert_eq!(
        error.unwrap_err().code(),
        Some(ErrorCode::InvalidPartitions)
    );
    // A producer that knew the topic before finds the new ones.
    fill(&cluster, &topic, &[0, 3], 0..1).await;
}

async fn the_cluster_is_described(cluster: Cluster) {
    let described = admin(&cluster).describe_cluster().await.unwrap();
    assert!(described.cluster_id.is_some_and(|id| !id.is_empty()));
    let ids: Vec<_> = described.brokers.iter().map(|broker| broker.id).collect();
    assert!(
        described.controller.is_some_and(|id| ids.contains(&id)),
        "{ids:?}"
    );
    let first = &described.brokers[0].address;
    let address = format!("{}:{}", first.host, first.port);
    assert!(!ids.is_empty() && !address.is_empty());
}

async fn topic_configurations_are_changed(cluster: Cluster) {
    let admin = admin(&cluster);
    let configs = [("retention.ms", "1000"), ("cleanup.policy", "compact")];
    let topic = topic_with(&cluster, "configured", 1, &configs).await;
    let described = admin.describe_topic_config(&topic).await.unwrap();
    let entry = &described["retention.ms"];
    assert_eq!(
        (entry.value.as_deref(), entry.source),
        (Some("1000"), ConfigSource::TopicConfig)
    );
    assert!(!entry.is_default() && described["segment.bytes"].is_default());
    let resource = ConfigResource::topic(&topic);
    let change = |operations: &[(&str, AlterOperation)]| {
        let operations = operations.iter();
        let operations = operations.map(|(key, operation)| ((*key).to_owned(), operation.clone()));
        BTreeMap::from([(resource.clone(), operations.collect::<BTreeMap<_, _>>())])
    };
    let changes = change(&[
        ("retention.ms", AlterOperation::Delete),
        ("max.message.bytes", AlterOperation::Set("2000".to_owned())),
        (
            "cleanup.policy",
            AlterOperation::Append("delete".to_owned()),
        ),
    ]);
    let changed = admin.incremental_alter_configs(&changes).await;
    changed[&resource].as_ref().unwrap();
    let value = async |key: &str| {
        let described = admin.describe_topic_config(&topic).await.unwrap();
        let entry = &described[key];
        (entry.value.clone().unwrap_or_default(), entry.is_default())
    };
    // A real broker applies a change a moment after it has acknowledged it.
    let applied = async {
        while value("max.message.bytes").await.0 != "2000" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, applied).await.unwrap();
    assert!(value("retention.ms").await.1);
    assert_eq!(
        value("cleanup.policy").await,
        ("compact,delete".to_owned(), false)
    );
    let wrong = change(&[("max.message.bytes", AlterOperation::Set("many".to_owned()))]);
    let answer = admin.incremental_alter_configs(&wrong).await;
    let error = answer[&resource].as_ref().unwrap_err();
    // Kafka 2.8 has another code for it.
    let codes = [ErrorCode::InvalidConfig, ErrorCode::InvalidRequest];
    let code = error.code();
    assert!(code.is_some_and(|code| codes.contains(&code)), "{error}");
    assert!(error.to_string().contains("many"), "{error}");
}

async fn a_topics_configuration_is_replaced(cluster: Cluster) {
    let admin = admin(&cluster);
    let configs = [("max.message.bytes", "2000")];
    let topic = topic_with(&cluster, "replaced", 1, &configs).await;
    let resource = ConfigResource::topic(&topic);
    let replaced = BTreeMap::from([("segment.ms".to_owned(), "5000".to_owned())]);
    let replaced = BTreeMap::from([(resource.clone(), replaced)]);
    admin.alter_configs(&replaced).await[&resource]
        .as_ref()
        .unwrap();
    let applied = async {
        loop {
            let described = admin.describe_topic_config(&topic).await.unwrap();
            if described["segment.ms"].value.as_deref() == Some("5000") {
                break described;
            }
        }
    };
    let described = tokio::time::timeout(PATIENCE, applied).await.unwrap();
    assert!(described["max.message.bytes"].is_default());
    let error = admin
        .describe_topic_config("no-such-topic")
        .await
        .unwrap_err();
    let code = error.code();
    assert_eq!(code, Some(ErrorCode::UnknownTopicOrPartition), "{error}");
}

async fn a_brokers_configuration_is_described(cluster: Cluster) {
    let admin = admin(&cluster);
    let broker = admin.describe_cluster().await.unwrap().brokers[0].id;
    let resource = ConfigResource::broker(broker);
    let described = admin
        .describe_configs(std::slice::from_ref(&resource))
        .await;
    let described = described[&resource].as_ref().unwrap();
    assert!(
        described.contains_key("num.partitions"),
        "{:?}",
        described.keys()
    );
}

async fn offsets_are_listed(cluster: Cluster) {
    let admin = admin(&cluster);
    let topic = topic(&cluster, "offsets", 3).await;
    let producer = Producer::new(producer_config(&cluster)).unwrap();
    let base = 1_700_000_000_000;
    for time in [1, 5, 3] {
        let record = ProducerRecord::to(&topic).partition(1).value(b"0");
        producer
            .enqueue(record.timestamp(base + time))
            .await
            .unwrap();
    }
    producer.flush().await.unwrap();
    producer.close(PATIENCE).await;
    let partitions = names(&topic, &[0, 1, 2]);
    for (spec, expected) in [
        (OffsetSpec::Earliest, [Some(0); 3]),
        (OffsetSpec::Latest, [Some(0), Some(3), Some(0)]),
        (OffsetSpec::At(base + 2), [None, Some(1), None]),
        (OffsetSpec::At(base + 6), [None; 3]),
    ] {
        let specs = partitions.iter().map(|name| (name.clone(), spec)).collect();
        let listed = admin
            .list_offsets(&specs, IsolationLevel::ReadUncommitted)
            .await;
        let offsets = partitions
            .iter()
            .map(|name| listed[name].as_ref().unwrap().offset);
        assert_eq!(offsets.collect::<Vec<_>>(), expected, "{spec:?}");
    }
}

async fn the_largest_timestamp_is_found(cluster: Cluster) {
    let topic = topic(&cluster, "largest", 1).await;
    let name = TopicPartition::new(&*topic, 0);
    let producer = Producer::new(producer_config(&cluster)).unwrap();
    let base = 1_700_000_000_000;
    for time in [1, 5, 3] {
        let record = ProducerRecord::to(&topic)
            .value(b"0")
            .timestamp(base + time);
        producer.enqueue(record).await.unwrap();
    }
    producer.flush().await.unwrap();
    producer.close(PATIENCE).await;
    let specs = BTreeMap::from([(name.clone(), OffsetSpec::MaxTimestamp)]);
    let listed = admin(&cluster)
        .list_offsets(&specs, IsolationLevel::ReadCommitted)
        .await;
    let listed = listed[&name].as_ref().unwrap();
    assert_eq!((listed.offset, listed.timestamp), (Some(1), Some(base + 5)));
}

async fn records_are_deleted(cluster: Cluster) {
    let admin = admin(&cluster);
    let topic = topic(&cluster, "deleted", 2).await;
    fill(&cluster, &topic, &[0, 1], 0..10).await;
    let [first, second] = names(&topic, &[0, 1]).try_into().unwrap();
    let before = BTreeMap::from([(first.clone(), 4), (second.clone(), -1)]);
    let deleted = admin.delete_records(&before).await;
    assert_eq!(*deleted[&first].as_ref().unwrap(), 4);
    assert_eq!(*deleted[&second].as_ref().unwrap(), 10);
    let before = BTreeMap::from([(first.clone(), 11)]);
    let error = admin
        .delete_records(&before)
        .await
        .remove(&first)
        .unwrap()
        .unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::OffsetOutOfRange), "{error}");
}

fn member_config(cluster: &Cluster, group: &str) -> ConsumerConfig {
    let mut config = group_config(cluster, group);
    config.common.client_id = "the-member".to_owned();
    config
}

async fn groups_are_described_and_deleted(cluster: Cluster) {
    let admin = admin(&cluster);
    let (topic, group) = (topic(&cluster, "grouped", 2).await, unique("grouped"));
    fill(&cluster, &topic, &[0, 1], 0..5).await;
    let mut consumer = Consumer::new(member_config(&cluster, &group)).unwrap();
    consumer.subscribe(&[&topic]).unwrap();
    read(&mut consumer, 10).await;
    let described = admin.describe_group(&group).await.unwrap();
    assert_eq!(
        (&*described.state, &*described.protocol_type),
        ("Stable", "consumer")
    );
    assert_eq!(described.protocol, "range");
    let [member] = &described.members[..] else {
        panic!("{described:?}");
    };
    assert_eq!(member.client_id, "the-member");
    assert_eq!(member.partitions, names(&topic, &[0, 1]));
    let listed = admin.list_groups().await.unwrap();
    let listed = listed
        .iter()
        .find(|listed| listed.group_id == group)
        .unwrap();
    assert_eq!(listed.protocol_type, "consumer");
    let error = admin
        .delete_groups(&[&group])
        .await
        .remove(&group)
        .unwrap()
        .unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::NonEmptyGroup), "{error}");
    consumer.close(PATIENCE).await.unwrap();
    admin.delete_groups(&[&group]).await[&group]
        .as_ref()
        .unwrap();
    let error = admin.describe_group(&group).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::GroupIdNotFound), "{error}");
    let error = admin
        .delete_groups(&[&group])
        .await
        .remove(&group)
        .unwrap()
        .unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::GroupIdNotFound), "{error}");
}

async fn group_offsets_are_set_and_deleted(cluster: Cluster) {
    let admin = admin(&cluster);
    let (topic, group) = (topic(&cluster, "set", 2).await, unique("set"));
    fill(&cluster, &topic, &[0, 1], 0..10).await;
    assert!(
        admin
            .list_consumer_group_offsets(&group)
            .await
            .unwrap()
            .is_empty()
    );
    let [first, second] = names(&topic, &[0, 1]).try_into().unwrap();
    let noted = OffsetAndMetadata::new(7).with_metadata("by hand");
    let offsets = BTreeMap::from([(first.clone(), noted), (second.clone(), 9.into())]);
    let set = admin.alter_consumer_group_offsets(&group, &offsets).await;
    assert!(set.len() == 2 && set.values().all(Result::is_ok), "{set:?}");
    let listed = admin.list_consumer_group_offsets(&group).await.unwrap();
    assert_eq!(
        (listed[&first].offset, &*listed[&first].metadata),
        (7, "by hand")
    );
    let mut consumer = Consumer::new(member_config(&cluster, &group)).unwrap();
    consumer.subscribe(&[&topic]).unwrap();
    assert_eq!(read(&mut consumer, 4).await.len(), 4);
    let set = admin.alter_consumer_group_offsets(&group, &offsets).await;
    let error = set[&first].as_ref().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UnknownMemberId), "{error}");
    let partitions = [first.clone(), second.clone()];
    let deleted = admin
        .delete_consumer_group_offsets(&group, &partitions[..1])
        .await;
    let error = deleted[&first].as_ref().unwrap_err();
    assert_eq!(
        error.code(),
        Some(ErrorCode::GroupSubscribedToTopic),
        "{error}"
    );
    consumer.close(PATIENCE).await.unwrap();
    let deleted = admin
        .delete_consumer_group_offsets(&group, &partitions[..1])
        .await;
    deleted[&first].as_ref().unwrap();
    let listed = admin.list_consumer_group_offsets(&group).await.unwrap();
    assert_eq!(listed.keys().collect::<Vec<_>>(), [&second]);
    let error = admin.create_topic(&NewTopic::new("")).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Broker(_)), "{error:?}");
}
