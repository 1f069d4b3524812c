//! Which offsets are committed, and when; what Kafka does not take.

use std::sync::Arc;
use std::time::Duration;

use kconnect_broker::Fault;
use kconnect_protocol::{ApiKey, ErrorCode};

use super::{bench_that_refuses_u, polls_until_it_is_noticed};
use crate::config::WorkerConfig;
use crate::runtime::testing::{Bench, Poll, Setup, SourceCall, SourceScript, record};
use crate::runtime::{State, TargetState};

/// A bench whose offsets are committed all the time.
fn often() -> Setup {
    let usual = Setup::default();
    let worker = WorkerConfig {
        offset_flush_interval: Duration::from_millis(10),
        ..usual.worker
    };
    Setup { worker, ..usual }
}

/// What is to be stored of the script's connector.
fn entries<const N: usize>(script: &SourceScript, entries: [&str; N]) -> Vec<String> {
    let entry = |entry| format!("[\"{}\",{entry}", script.name);
    entries.map(entry).to_vec()
}

#[tokio::test]
async fn one_topic_that_is_slow_holds_up_its_own_source_partitions_only() {
    let (mut bench, script) = (Bench::with(often()).await, SourceScript::new());
    bench.create_topic("slow", 1).await;
    bench.create_topic("fast", 1).await;
    let refused = Fault::error(ApiKey::PRODUCE, ErrorCode::NotLeaderOrFollower);
    let faults = bench.broker.faults();
    let fault = faults.inject(refused.topic("slow").always());
    let task = bench.start_task(&script.config(&[]), TargetState::Started);
    let (slow, fast) = (Arc::from("slow"), Arc::from("fast"));
    script.answer(Poll::Records(vec![
        record(&fast, "f", 1, "a"),
        record(&slow, "f", 2, "b"),
        record(&fast, "f", 3, "c"),
        record(&fast, "g", 7, "d"),
    ]));
    let held = [
        r#"{"file":"f"}]={"position":1}"#,
        r#"{"file":"g"}]={"position":7}"#,
    ];
    bench.stores(entries(&script, held)).await;
    faults.hit(fault, 2).await;
    assert_eq!(bench.stored().await.len(), 2);
    assert!(bench.stored().await[0].ends_with(r#"{"position":1}"#));
    faults.remove(fault);
    let whole = [
        r#"{"file":"f"}]={"position":3}"#,
        r#"{"file":"g"}]={"position":7}"#,
    ];
    bench.stores(entries(&script, whole)).await;
    bench.stop_task(&task).await;
}

#[tokio::test]
async fn offsets_are_committed_while_a_poll_waits_and_while_the_task_is_paused() {
    let (mut bench, mut script) = (Bench::with(often()).await, SourceScript::new());
    let (id, run) = bench.start_task(&script.config(&[]), TargetState::Started);
    script.records("t", 1, &["a"]);
    bench.state(State::Running).await;
    // The next poll is not answered.
    script.called(SourceCall::Poll).await;
    script.called(SourceCall::Poll).await;
    bench.consume("t", 1, 1).await;
    let first = entries(&script, [r#"{"file":"f"}]={"position":1}"#]);
    bench.stores(first).await;
    bench.worker.set_task_target(&id, run, TargetState::Paused);
    script.records("t", 2, &["b"]);
    bench.state(State::Paused).await;
    let second = entries(&script, [r#"{"file":"f"}]={"position":2}"#]);
    bench.stores(second).await;
    script.called(SourceCall::Commit).await;
    bench.stop_task(&(id, run)).await;
}

#[tokio::test]
async fn a_record_that_kafka_refuses_for_good_fails_the_task_and_offsets_stay_before_it() {
    let (mut bench, script) = (bench_that_refuses_u().await, SourceScript::new());
    bench.start_task(&script.config(&[]), TargetState::Started);
    let (good, bad) = (Arc::from("t"), Arc::from("u"));
    script.answer(Poll::Records(vec![
        record(&good, "f", 1, "a"),
        record(&bad, "f", 2, "b"),
        record(&good, "g", 9, "c"),
        record(&good, "f", 3, "d"),
    ]));
    bench.consume("t", 1, 3).await;
    polls_until_it_is_noticed(&script);
    let trace = bench.failure().await;
    assert!(
        trace.contains("Unrecoverable exception from producer send callback")
            && trace.contains("TOPIC_AUTHORIZATION_FAILED"),
        "{trace}"
    );
    let name = &script.name;
    assert_eq!(
        bench.stored().await,
        [
            format!(r#"["{name}",{{"file":"f"}}]={{"position":1}}"#),
            format!(r#"["{name}",{{"file":"g"}}]={{"position":9}}"#),
        ]
    );
}

#[tokio::test]
async fn an_outage_that_passes_is_survived_without_gap_or_repetition() {
    let (mut bench, script) = (Bench::new().await, SourceScript::new());
    bench.create_topic("t", 1).await;
    let faults = bench.broker.faults();
    faults.inject(Fault::error(ApiKey::PRODUCE, ErrorCode::NotLeaderOrFollower).times(2));
    faults.inject(Fault::lose_answer(ApiKey::PRODUCE));
    faults.inject(Fault::disconnect(ApiKey::PRODUCE));
    let task = bench.start_task(&script.config(&[]), TargetState::Started);
    for position in 0..20 {
        script.records("t", position, &[position.to_string().as_str()]);
    }
    let expected: Vec<String> = (0..20).map(|number| format!("0:null={number}")).collect();
    assert_eq!(bench.consume("t", 1, 20).await, expected);
    bench.stop_task(&task).await;
    assert_eq!(bench.end_offset("t", 0).await, 20);
    assert!(bench.stored().await[0].ends_with(r#"{"position":19}"#));
}

#[tokio::test]
async fn a_task_that_stops_waits_for_records_on_their_way_and_commits_them() {
    let (mut bench, script) = (Bench::new().await, SourceScript::new());
    bench.create_topic("t", 1).await;
    let faults = bench.broker.faults();
    let late = faults.inject(Fault::late_answer(
        ApiKey::PRODUCE,
        Duration::from_millis(300),
    ));
    let task = bench.start_task(&script.config(&[]), TargetState::Started);
    script.records("t", 1, &["a", "b"]);
    faults.hit(late, 1).await;
    bench.stop_task(&task).await;
    assert!(bench.stored().await[0].ends_with(r#"{"position":2}"#));
}

#[tokio::test]
async fn a_task_that_stops_does_not_wait_for_ever_for_a_broker_that_is_silent() {
    let usual = Setup::default();
    let worker = WorkerConfig {
        offset_flush_timeout: Duration::from_millis(50),
        ..usual.worker
    };
    let mut bench = Bench::with(Setup { worker, ..usual }).await;
    let script = SourceScript::new();
    bench.create_topic("t", 1).await;
    let faults = bench.broker.faults();
    let silent = faults.inject(Fault::silence(ApiKey::PRODUCE).always());
    let task = bench.start_task(&script.config(&[]), TargetState::Started);
    script.records("t", 1, &["a"]);
    faults.hit(silent, 1).await;
    bench.stop_task(&task).await;
    assert!(bench.stored().await.is_empty());
}

#[tokio::test]
async fn a_source_that_is_faster_than_kafka_is_held_back() {
    let (mut bench, mut script) = (Bench::with(often()).await, SourceScript::new());
    bench.create_topic("t", 1).await;
    let faults = bench.broker.faults();
    let refused = Fault::error(ApiKey::PRODUCE, ErrorCode::NotLeaderOrFollower);
    let fault = faults.inject(refused.always());
    let memory = ("producer.override.buffer.memory", "65536");
    let task = bench.start_task(&script.config(&[memory]), TargetState::Started);
    let line = "x".repeat(1_000);
    let lines: Vec<&str> = (0..100).map(|_| line.as_str()).collect();
    for poll in 0..10 {
        script.records("t", poll * 100, &lines);
    }
    faults.hit(fault, 3).await;
    // One poll alone fills the memory: there is no second one, however often offsets are committed meanwhile.
    let mut calls = Vec::new();
    while calls
        .iter()
        .filter(|call| **call == SourceCall::Commit)
        .count()
        < 5
    {
        script.called(SourceCall::Commit).await;
        calls.push(SourceCall::Commit);
        calls.extend(script.calls());
    }
    assert!(!calls.contains(&SourceCall::Poll), "{calls:?}");
    faults.remove(fault);
    assert_eq!(bench.consume("t", 1, 1_000).await.len(), 1_000);
    bench.stop_task(&task).await;
    assert!(bench.stored().await[0].ends_with(r#"{"position":999}"#));
}

#[tokio::test]
async fn offsets_that_could_not_be_stored_are_stored_with_the_next_commit() {
    let often = often();
    let worker = WorkerConfig {
        offset_flush_timeout: Duration::from_millis(50),
        ..often.worker
    };
    let mut bench = Bench::with(Setup {
        worker,
        store_failures: 4,
        ..often
    })
    .await;
    let mut script = SourceScript::new();
    let task = bench.start_task(&script.config(&[]), TargetState::Started);
    script.records("t", 1, &["a"]);
    let first = entries(&script, [r#"{"file":"f"}]={"position":1}"#]);
    bench.stores(first).await;
    script.answer(Poll::Records(Vec::new()));
    script.called(SourceCall::Commit).await;
    bench.stop_task(&task).await;
}
