//! What a sink is given: which topics, how many records at once, and what they hold.

use std::time::Duration;

use super::{often, texts};
use crate::api::TimestampType;
use crate::data::Value;
use crate::runtime::TargetState;
use crate::runtime::testing::{Bench, Setup, SinkCall, SinkScript, UNCONVERTIBLE};

#[tokio::test]
async fn records_come_with_all_that_they_hold() {
    let (mut bench, mut script) = (Bench::new().await, SinkScript::new());
    bench.create_topic("t", 1).await;
    bench.produce("t", 0, &["a"]).await;
    let task = bench.start_task(&script.config(&[("topics", "t")]), TargetState::Started);
    script.values(1).await;
    bench.stop_task(&task).await;
    let records = script.records();
    let record = &records[0];
    assert_eq!((&*record.topic, record.kafka_partition), ("t", 0));
    assert_eq!(record.kafka_offset, 0);
    assert_eq!(
        (&record.key, &record.value),
        (&Value::Null, &Value::from("a"))
    );
    assert_eq!(record.timestamp_type, TimestampType::CreateTime);
    assert!(
        record
            .timestamp
            .is_some_and(|time| time > 1_600_000_000_000)
    );
    let header = record.headers.iter().next().unwrap();
    assert_eq!((&*header.key, &header.value), ("h", &Value::from("a")));
}

#[tokio::test]
async fn a_record_that_cannot_be_converted_fails_the_task() {
    let (mut bench, mut script) = (Bench::new().await, SinkScript::new());
    bench.create_topic("t", 1).await;
    bench.start_task(&script.config(&[("topics", "t")]), TargetState::Started);
    bench.produce("t", 0, &["a"]).await;
    script.values(1).await;
    bench.produce("t", 0, &[UNCONVERTIBLE]).await;
    let trace = bench.failure().await;
    let words = "org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded in error handler\n\
                 Caused by: org.apache.kafka.connect.errors.DataException: Error converting message value in topic 't' partition \
                 0 at offset 1 and timestamp ";
    assert!(trace.starts_with(words), "{trace}");
    assert!(trace.ends_with(": cannot be converted"), "{trace}");
    assert_eq!(bench.committed(&script.group()).await, ["t-0@1"]);
}

#[tokio::test]
async fn a_put_has_no_more_records_than_the_consumer_polls() {
    let (mut bench, mut script) = (Bench::new().await, SinkScript::new());
    bench.create_topic("t", 1).await;
    bench.produce("t", 0, &["a", "b", "c", "d", "e"]).await;
    let config = script.config(&[("topics", "t"), ("consumer.override.max.poll.records", "2")]);
    let task = bench.start_task(&config, TargetState::Started);
    let mut seen = Vec::new();
    while seen.len() < 5 {
        if let SinkCall::Put(put) = script.call().await {
            assert!(put.len() <= 2, "{put:?}");
            seen.extend(put);
        }
    }
    assert_eq!(
        seen,
        ["t-0@0=a", "t-0@1=b", "t-0@2=c", "t-0@3=d", "t-0@4=e"]
    );
    bench.stop_task(&task).await;
}

#[tokio::test]
async fn topics_may_be_listed() {
    let (mut bench, mut script) = (Bench::new().await, SinkScript::new());
    for topic in ["t", "u", "v"] {
        bench.create_topic(topic, 1).await;
        bench.produce(topic, 0, &["a"]).await;
    }
    let task = bench.start_task(
        &script.config(&[("topics", " t, u,")]),
        TargetState::Started,
    );
    let mut values = script.values(2).await;
    values.sort();
    assert_eq!(values, ["t-0@0=a", "u-0@0=a"]);
    bench.stop_task(&task).await;
}

#[tokio::test]
async fn topics_may_be_found_by_a_pattern_also_those_that_come_later() {
    let setup = Setup {
        properties: vec![("consumer.metadata.max.age.ms", "50".to_owned())],
        ..Setup::default()
    };
    let (mut bench, mut script) = (Bench::with(setup).await, SinkScript::new());
    for topic in ["logs-a", "logs", "other-logs-a"] {
        bench.create_topic(topic, 1).await;
        bench.produce(topic, 0, &["a"]).await;
    }
    let config = script.config(&[("topics.regex", "logs-.*")]);
    let task = bench.start_task(&config, TargetState::Started);
    assert_eq!(script.values(1).await, ["logs-a-0@0=a"]);
    bench.create_topic("logs-b", 1).await;
    bench.produce("logs-b", 0, &["b"]).await;
    assert_eq!(script.values(1).await, ["logs-b-0@0=b"]);
    bench.stop_task(&task).await;
}

#[tokio::test]
async fn a_topic_that_is_not_there_yet_is_waited_for() {
    let mut setup = Setup {
        properties: vec![("consumer.metadata.max.age.ms", "50".to_owned())],
        ..often()
    };
    setup.options.auto_create_topics = false;
    let (mut bench, mut script) = (Bench::with(setup).await, SinkScript::new());
    let task = bench.start_task(&script.config(&[("topics", "t")]), TargetState::Started);
    script.called(&[SinkCall::Start]).await;
    bench.create_topic("t", 1).await;
    bench.produce("t", 0, &["a"]).await;
    assert_eq!(script.values(1).await, ["t-0@0=a"]);
    bench.stop_task(&task).await;
}

#[tokio::test]
async fn what_waits_for_another_put_is_put_again_as_it_was() {
    use crate::runtime::testing::Put;

    let (mut bench, mut script) = (Bench::new().await, SinkScript::new());
    bench.create_topic("t", 1).await;
    // Without the first the next put would wait until a commit is due.
    let soon = Duration::from_millis(1);
    script.puts(&[Put::Busy(soon), Put::Busy(soon)]);
    let task = bench.start_task(&script.config(&[("topics", "t")]), TargetState::Started);
    script
        .called(&[SinkCall::Start, SinkCall::Open(texts(["t-0"]))])
        .await;
    bench.produce("t", 0, &["a"]).await;
    let mut puts = Vec::new();
    while puts.len() < 3 {
        match script.call().await {
            SinkCall::Put(put) => puts.push(put),
            other => panic!("{other:?}"),
        }
        if puts.len() == 1 {
            // Nothing else is put before it.
            bench.produce("t", 0, &["b"]).await;
        }
    }
    assert_eq!(puts, [["t-0@0=a"], ["t-0@0=a"], ["t-0@0=a"]]);
    assert_eq!(script.values(1).await, ["t-0@1=b"]);
    bench.stop_task(&task).await;
}
