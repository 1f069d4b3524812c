//! What becomes of records: where they go, what they hold, and those that cannot go.

use std::collections::BTreeMap;
use std::sync::Arc;

use kconnect_client::consumer::ConsumerRecord;

use super::{bench_that_refuses_u, polls_until_it_is_noticed};
use crate::api::{SourceRecord, SourceTask as _};
use crate::data::Value;
use crate::runtime::event::TaskEvent;
use crate::runtime::testing::{Bench, Poll, SourceCall, SourceScript, UNCONVERTIBLE, record, text};
use crate::runtime::{State, TargetState};

fn to(topic: &str, value: impl Into<Value>) -> SourceRecord {
    SourceRecord::new(None, None, Arc::from(topic), None, value)
}

#[tokio::test]
async fn records_go_where_they_say_with_all_that_they_hold() {
    let (mut bench, script) = (Bench::new().await, SourceScript::new());
    bench.create_topic("t", 3).await;
    let task = bench.start_task(&script.config(&[]), TargetState::Started);
    let mut full = to("t", "v");
    full.kafka_partition = Some(2);
    full.key = Value::from("k");
    full.timestamp = Some(1_234);
    full.headers.add_string("h", "1");
    full.headers.add_string("h", "2");
    let mut tombstone = to("t", Value::Null);
    tombstone.kafka_partition = Some(1);
    tombstone.key = Value::from("gone");
    tombstone.timestamp = Some(0);
    let mut empty = to("u", Value::Null);
    empty.timestamp = Some(-1);
    script.answer(Poll::Records(vec![full, tombstone, empty]));
    let shown = |record: &ConsumerRecord<'_>| {
        let headers = record.headers();
        let headers: Vec<String> = headers
            .into_iter()
            .map(|header| format!("{}={}", text(Some(header.key)), text(header.value)))
            .collect();
        let (key, value) = (text(record.key()), text(record.value()));
        format!(
            "{}@{} {key}={value} {headers:?}",
            record.partition(),
            record.timestamp()
        )
    };
    assert_eq!(
        bench.read("t", 3, 2, shown).await,
        [r#"1@0 gone=null []"#, r#"2@1234 k=v ["h=1", "h=2"]"#]
    );
    let times = bench.read("u", 1, 1, |record| record.timestamp()).await;
    assert!(
        times[0] > 1_600_000_000_000,
        "the time of the send: {times:?}"
    );
    bench.stop_task(&task).await;
    assert!(bench.stored().await.is_empty(), "they have no offsets");
}

#[tokio::test]
async fn each_topic_is_reported_once() {
    let (mut bench, script) = (Bench::new().await, SourceScript::new());
    let task = bench.start_task(&script.config(&[]), TargetState::Started);
    let records = ["t", "u", "t", "u", "t"].map(|topic| to(topic, "x"));
    script.answer(Poll::Records(records.to_vec()));
    let mut topics = Vec::new();
    bench.consume("u", 1, 2).await;
    bench.consume("t", 1, 3).await;
    bench.worker.stop_task(&task.0, task.1);
    loop {
        match bench.task_event().await {
            TaskEvent::Topic(topic) => topics.push(topic.to_string()),
            TaskEvent::State(State::Running) => {}
            TaskEvent::Gone => break,
            other => panic!("{other:?}"),
        }
    }
    // Whichever is written first.
    topics.sort();
    assert_eq!(topics, ["t", "u"]);
}

#[tokio::test]
async fn a_topic_is_in_use_when_a_record_is_written_to_it() {
    let (mut bench, script) = (bench_that_refuses_u().await, SourceScript::new());
    bench.start_task(&script.config(&[]), TargetState::Started);
    script.answer(Poll::Records(vec![to("t", "a")]));
    // The plugin has nothing more and waits; what is written is reported meanwhile.
    let expected = bench.task_event().await;
    assert!(matches!(expected, TaskEvent::State(State::Running)));
    let expected = bench.task_event().await;
    assert!(matches!(&expected, TaskEvent::Topic(topic) if **topic == *"t"));
    script.answer(Poll::Records(vec![to("u", "b")]));
    polls_until_it_is_noticed(&script);
    loop {
        match bench.task_event().await {
            TaskEvent::Failed(_) => {}
            TaskEvent::Gone => break,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_converted_fails_the_task_after_those_before_it() {
    let wrong = |part: &str| {
        let mut wrong = record(&Arc::from("t"), "f", 2, "x");
        match part {
            "key" => wrong.key = Value::from(UNCONVERTIBLE),
            "value" => wrong.value = Value::from(UNCONVERTIBLE),
            _ => wrong.headers.add_string("h", UNCONVERTIBLE),
        }
        wrong
    };
    for part in ["key", "value", "header"] {
        let (mut bench, script) = (Bench::new().await, SourceScript::new());
        bench.start_task(&script.config(&[]), TargetState::Started);
        let first = record(&Arc::from("t"), "f", 1, "a");
        script.answer(Poll::Records(vec![first, wrong(part)]));
        assert_eq!(
            bench.failure().await,
            format!(
                "org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded in error handler\n\
                 Caused by: org.apache.kafka.connect.errors.DataException: cannot convert the {part} of a record for topic \
                 't' of source partition {{file=f}} at {{position=2}}: cannot be converted"
            )
        );
        assert_eq!(bench.consume("t", 1, 1).await, ["0:null=a"]);
        let stored = format!(r#"["{}",{{"file":"f"}}]={{"position":1}}"#, script.name);
        assert_eq!(bench.stored().await, [stored]);
    }
}

#[tokio::test]
async fn a_time_before_all_times_is_refused() {
    let (mut bench, script) = (Bench::new().await, SourceScript::new());
    bench.start_task(&script.config(&[]), TargetState::Started);
    let mut early = to("t", "x");
    early.timestamp = Some(-2);
    script.answer(Poll::Records(vec![early]));
    let trace = bench.failure().await;
    assert!(
        trace.contains("InvalidRecordException: Invalid record timestamp -2"),
        "{trace}"
    );
}

#[tokio::test]
async fn a_record_that_is_too_large_fails_the_task() {
    let (mut bench, script) = (Bench::new().await, SourceScript::new());
    let config = script.config(&[("producer.override.max.request.size", "1000")]);
    bench.start_task(&config, TargetState::Started);
    script.records("t", 1, &["a"]);
    script.records("t", 2, &["x".repeat(2_000).as_str()]);
    let trace = bench.failure().await;
    assert!(
        trace.contains("Unrecoverable exception trying to send"),
        "{trace}"
    );
    let stored = format!(r#"["{}",{{"file":"f"}}]={{"position":1}}"#, script.name);
    assert_eq!(bench.stored().await, [stored]);
}

#[tokio::test]
async fn a_record_for_a_partition_that_is_not_there_waits_for_it() {
    let (mut bench, script) = (Bench::new().await, SourceScript::new());
    bench.create_topic("t", 1).await;
    let task = bench.start_task(&script.config(&[]), TargetState::Started);
    let mut far = to("t", "far");
    far.kafka_partition = Some(2);
    script.answer(Poll::Records(vec![to("t", "near"), far]));
    bench.consume("t", 1, 1).await;
    let more = BTreeMap::from([("t".to_owned(), 3)]);
    for result in bench.admin().create_partitions(&more).await.into_values() {
        result.unwrap();
    }
    assert_eq!(
        bench.consume("t", 3, 2).await,
        ["0:null=near", "2:null=far"]
    );
    bench.stop_task(&task).await;
}

#[tokio::test]
async fn a_task_that_wants_to_know_is_told_of_each_record_that_was_written() {
    const { assert!(crate::runtime::testing::TestSourceTask::COMMITS_RECORDS) };
    let (mut bench, mut script) = (Bench::new().await, SourceScript::new());
    let task = bench.start_task(&script.config(&[]), TargetState::Started);
    script.records("t", 1, &["a", "b"]);
    bench.consume("t", 1, 2).await;
    bench.stop_task(&task).await;
    let told = script.calls().into_iter().filter_map(|call| match call {
        SourceCall::CommitRecords(records) => Some(records),
        _ => None,
    });
    assert_eq!(told.flatten().collect::<Vec<_>>(), ["a@t-0@0", "b@t-0@1"]);
}
