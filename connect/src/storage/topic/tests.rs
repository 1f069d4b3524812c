//! The log, the checks of topics and the offset store, on the embedded broker.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use kconnect_broker::{Broker, Options};
use kconnect_client::TopicPartition;
use kconnect_client::admin::Admin;
use kconnect_client::config::Properties;
use tokio::sync::mpsc;

use super::{CompactedTopic, LogClients, LogEvent, TopicLog, TopicOffsetStore, admin};
use crate::storage::OffsetStore;

fn options() -> Options {
    Options {
        listen: ([127, 0, 0, 1], 0).into(),
        ..Options::default()
    }
}

struct Test {
    _broker: Broker,
    worker: Properties,
    admin: Admin,
}

impl Test {
    async fn start() -> Self {
        let broker = Broker::start(options()).await.unwrap();
        let worker = Properties::from([
            ("bootstrap.servers", broker.bootstrap_servers()),
            ("group.id", "workers".to_owned()),
        ]);
        let admin = admin(&worker, "workers-shared-admin").unwrap();
        Self {
            _broker: broker,
            worker,
            admin,
        }
    }

    async fn log(&self, partitions: i32) -> (TopicLog, mpsc::Receiver<LogEvent>) {
        let partitions = topic(partitions).ensure(&self.admin).await.unwrap();
        let clients = LogClients {
            worker: &self.worker,
            client_id: "workers-test".to_owned(),
            read_committed: false,
        };
        TopicLog::start(&clients, self.admin.clone(), "internal", partitions).unwrap()
    }
}

fn topic(partitions: i32) -> CompactedTopic {
    CompactedTopic {
        name: "internal".to_owned(),
        key: "config.storage.topic",
        purpose: "connector configurations",
        partitions,
        replication_factor: 1,
        configs: BTreeMap::from([("segment.bytes".to_owned(), "1048576".to_owned())]),
        patience: Duration::from_secs(60),
        backoff: Duration::from_millis(50),
    }
}

/// Takes events until the next barrier; says what was in the records before it.
async fn until_reached(events: &mut mpsc::Receiver<LogEvent>) -> Vec<(String, Option<String>)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut seen = Vec::new();
    loop {
        match events.recv().await.unwrap() {
            LogEvent::Records(records) => {
                seen.extend(
                    records
                        .iter()
                        .map(|record| (text(record.key().unwrap()), record.value().map(text))),
                );
            }
            LogEvent::Reached(reply) => {
                reply.send(()).unwrap();
                return seen;
            }
        }
    }
}

#[tokio::test]
async fn a_topic_is_made_compacted_and_found_the_next_time() {
    let test = Test::start().await;
    assert_eq!(topic(3).ensure(&test.admin).await.unwrap(), 3);
    let configs = test.admin.describe_topic_config("internal").await.unwrap();
    assert_eq!(configs["cleanup.policy"].value.as_deref(), Some("compact"));
    assert_eq!(configs["segment.bytes"].value.as_deref(), Some("1048576"));
    assert_eq!(topic(5).ensure(&test.admin).await.unwrap(), 3);
}

#[tokio::test]
async fn a_topic_that_forgets_is_refused_in_kafkas_words() {
    let test = Test::start().await;
    let mut forgetful = kconnect_client::admin::NewTopic::new("internal");
    forgetful
        .configs
        .insert("cleanup.policy".to_owned(), "delete".to_owned());
    test.admin.create_topic(&forgetful).await.unwrap();
    let error = topic(1).ensure(&test.admin).await.unwrap_err().to_string();
    assert!(
        error.starts_with(
            "Topic 'internal' supplied via the 'config.storage.topic' property is required to have \
             'cleanup.policy=compact' to guarantee consistency and durability of connector configurations, but found the \
             topic currently has 'cleanup.policy=delete'."
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_barrier_comes_behind_everything_that_was_written_before() {
    let test = Test::start().await;
    let (log, mut events) = test.log(1).await;
    let (reached, seen) = tokio::join!(log.read_to_end(), until_reached(&mut events));
    reached.unwrap();
    assert_eq!(seen, []);
    for round in 0..20 {
        let key = format!("key-{round}");
        log.write([(&key, Some("1")), (&key, None)]).await.unwrap();
        let (reached, seen) = tokio::join!(log.read_to_end(), until_reached(&mut events));
        reached.unwrap();
        assert_eq!(seen, [(key.clone(), Some("1".to_owned())), (key, None)]);
    }
}

#[tokio::test]
async fn records_that_the_topic_has_lost_are_not_waited_for() {
    let test = Test::start().await;
    let (log, mut events) = test.log(2).await;
    log.write([("key", Some("1"))]).await.unwrap();
    let ends = (0..2)
        .map(|partition| (TopicPartition::new("internal", partition), 100))
        .collect();
    let (reached, seen) = tokio::join!(log.read_to(ends), until_reached(&mut events));
    reached.unwrap();
    assert_eq!(seen, [("key".to_owned(), Some("1".to_owned()))]);
}

#[tokio::test]
async fn a_log_goes_on_when_its_topic_is_made_anew() {
    let test = Test::start().await;
    let (log, mut events) = test.log(1).await;
    let old = ["1", "2", "3"].map(|value| ("key", Some(value)));
    log.write(old).await.unwrap();
    let (reached, _) = tokio::join!(log.read_to_end(), until_reached(&mut events));
    reached.unwrap();
    test.admin.delete_topic("internal").await.unwrap();
    let (other, _other_events) = test.log(1).await;
    other.write([("new", Some("1"))]).await.unwrap();
    // The next is read when the topic was found to be another one.
    let next = async {
        loop {
            if let LogEvent::Records(records) = events.recv().await.unwrap() {
                return records.iter().next().unwrap().key().unwrap().to_vec();
            }
        }
    };
    assert_eq!(next.await, b"new");
    let (reached, _) = tokio::join!(log.read_to_end(), until_reached(&mut events));
    reached.unwrap();
}

#[tokio::test]
async fn a_second_log_reads_all_from_the_beginning() {
    let test = Test::start().await;
    let (first, _events) = test.log(4).await;
    let keys: Vec<String> = (0..200).map(|number| format!("key-{number}")).collect();
    first
        .write(keys.iter().map(|key| (key, Some("v"))))
        .await
        .unwrap();
    let (second, mut events) = test.log(4).await;
    let (reached, mut seen) = tokio::join!(second.read_to_end(), until_reached(&mut events));
    reached.unwrap();
    seen.sort();
    let mut expected: Vec<_> = keys
        .into_iter()
        .map(|key| (key, Some("v".to_owned())))
        .collect();
    expected.sort();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn offsets_are_there_for_the_next_worker() {
    let test = Test::start().await;
    let (log, events) = test.log(5).await;
    let store = TopicOffsetStore::new(log, events);
    let key = |name: &str| Bytes::from(format!(r#"["c",{{"file":"{name}"}}]"#));
    let offset = |position: u32| Some(Bytes::from(format!(r#"{{"position":{position}}}"#)));
    store
        .set(vec![(key("a"), offset(1)), (key("b"), offset(2))])
        .await
        .unwrap();
    store
        .set(vec![(key("a"), offset(3)), (key("b"), None)])
        .await
        .unwrap();
    let (log, events) = test.log(5).await;
    let next = TopicOffsetStore::new(log, events);
    let found = next.get(&[key("a"), key("b"), key("c")]).await.unwrap();
    assert_eq!(found, [offset(3), None, None]);
    assert_eq!(next.all().await.unwrap(), [(key("a"), offset(3))]);
}
