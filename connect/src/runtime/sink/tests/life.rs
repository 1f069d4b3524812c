//! How a sink task begins, pauses and ends, whatever its plugin does.

use super::{often, texts};
use crate::runtime::event::TaskEvent;
use crate::runtime::testing::{Bench, Put, SinkCall, SinkScript};
use crate::runtime::{State, TargetState};

#[tokio::test]
async fn records_are_put_and_their_offsets_committed_at_the_end() {
    let (mut bench, mut script) = (Bench::new().await, SinkScript::new());
    bench.create_topic("t", 1).await;
    bench.produce("t", 0, &["a", "b"]).await;
    let config = script.config(&[("topics", "t")]);
    let task = bench.start_task(&config, TargetState::Started);
    script
        .called(&[SinkCall::Start, SinkCall::Open(texts(["t-0"]))])
        .await;
    assert_eq!(script.values(2).await, ["t-0@0=a", "t-0@1=b"]);
    bench.worker.stop_task(&task.0, task.1);
    script
        .called(&[
            SinkCall::PreCommit(texts(["t-0@2"])),
            SinkCall::Close(texts(["t-0"])),
            SinkCall::Stop,
        ])
        .await;
    let events = [
        bench.task_event().await,
        bench.task_event().await,
        bench.task_event().await,
    ];
    assert!(
        matches!(&events, [TaskEvent::State(State::Running), TaskEvent::Topic(topic), TaskEvent::Gone] if **topic == *"t"),
        "{events:?}"
    );
    assert_eq!(bench.committed(&script.group()).await, ["t-0@2"]);

    bench.produce("t", 0, &["c"]).await;
    let task = bench.start_task(&config, TargetState::Started);
    assert_eq!(
        script.values(1).await,
        ["t-0@2=c"],
        "it goes on where it was"
    );
    bench.stop_task(&task).await;
    assert_eq!(bench.committed(&script.group()).await, ["t-0@3"]);
}

#[tokio::test]
async fn a_task_whose_start_fails_or_panics_fails_with_its_words() {
    let (mut bench, mut script) = (Bench::new().await, SinkScript::new());
    bench.create_topic("t", 1).await;
    for (start, words) in [
        (
            "no such host",
            "org.apache.kafka.connect.errors.ConnectException: no such host",
        ),
        ("panic", "panic: start panics"),
    ] {
        let config = script.config(&[("topics", "t"), ("start", start)]);
        bench.start_task(&config, TargetState::Started);
        assert_eq!(bench.failure().await, words);
        script.called(&[SinkCall::Start]).await;
    }
    let config = script.config(&[("topics", "t"), ("start", "hang")]);
    let task = bench.start_task(&config, TargetState::Started);
    script.called(&[SinkCall::Start]).await;
    bench.stop_task(&task).await;
}

#[tokio::test]
async fn a_put_that_fails_ends_the_task_and_what_was_put_before_is_committed() {
    let (mut bench, mut script) = (Bench::new().await, SinkScript::new());
    bench.create_topic("t", 1).await;
    bench.start_task(&script.config(&[("topics", "t")]), TargetState::Started);
    script.puts(&[Put::Take, Put::Fail("the disk is full")]);
    bench.produce("t", 0, &["a"]).await;
    script.values(1).await;
    bench.produce("t", 0, &["b"]).await;
    let trace = bench.failure().await;
    assert_eq!(
        trace,
        "org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask due to unrecoverable exception.\n\
         Caused by: org.apache.kafka.connect.errors.ConnectException: the disk is full"
    );
    script
        .called(&[
            SinkCall::Put(texts(["t-0@1=b"])),
            SinkCall::PreCommit(texts(["t-0@1"])),
            SinkCall::Close(texts(["t-0"])),
            SinkCall::Stop,
        ])
        .await;
    assert_eq!(bench.committed(&script.group()).await, ["t-0@1"]);
}

#[tokio::test]
async fn a_plugin_that_has_panicked_is_not_called_again() {
    let (mut bench, mut script) = (Bench::new().await, SinkScript::new());
    bench.create_topic("t", 1).await;
    bench.start_task(&script.config(&[("topics", "t")]), TargetState::Started);
    script.puts(&[Put::Panic]);
    bench.produce("t", 0, &["a"]).await;
    let trace = bench.failure().await;
    assert!(trace.contains("panic: put panics"), "{trace}");
    script
        .called(&[
            SinkCall::Start,
            SinkCall::Open(texts(["t-0"])),
            SinkCall::Put(texts(["t-0@0=a"])),
        ])
        .await;
    assert_eq!(script.calls(), []);
    assert!(bench.committed(&script.group()).await.is_empty());
}

#[tokio::test]
async fn an_error_in_open_or_close_fails_the_task_and_a_panic_in_stop_does_not() {
    let (mut bench, mut script) = (Bench::new().await, SinkScript::new());
    bench.create_topic("t", 1).await;
    let config = script.config(&[("topics", "t"), ("open", "no room"), ("stop", "panic")]);
    bench.start_task(&config, TargetState::Started);
    let trace = bench.failure().await;
    assert!(trace.contains("no room"), "{trace}");
    script
        .called(&[SinkCall::Start, SinkCall::Open(texts(["t-0"]))])
        .await;
    let config = script.config(&[("topics", "t"), ("close", "no way"), ("stop", "panic")]);
    let task = bench.start_task(&config, TargetState::Started);
    while script.call().await != SinkCall::Open(texts(["t-0"])) {}
    bench.worker.stop_task(&task.0, task.1);
    let trace = bench.failure().await;
    assert!(trace.contains("no way"), "{trace}");
    let config = script.config(&[("topics", "t"), ("stop", "panic")]);
    let task = bench.start_task(&config, TargetState::Started);
    bench.state(State::Running).await;
    bench.stop_task(&task).await;
}

#[tokio::test]
async fn a_put_that_hangs_can_be_abandoned_and_the_records_come_again() {
    let (mut bench, mut script) = (Bench::new().await, SinkScript::new());
    bench.create_topic("t", 1).await;
    bench.produce("t", 0, &["a"]).await;
    let config = script.config(&[("topics", "t")]);
    let (id, run) = bench.start_task(&config, TargetState::Started);
    script.puts(&[Put::Hang]);
    assert_eq!(script.values(1).await, ["t-0@0=a"]);
    bench.worker.stop_task(&id, run);
    bench.worker.abandon_task(&id, run);
    let task = bench.start_task(&config, TargetState::Started);
    assert_eq!(script.values(1).await, ["t-0@0=a"]);
    bench.stop_task(&task).await;
    assert_eq!(bench.committed(&script.group()).await, ["t-0@1"]);
}

#[tokio::test]
async fn a_task_that_is_paused_from_the_start_does_not_start() {
    let (mut bench, mut script) = (Bench::new().await, SinkScript::new());
    bench.create_topic("t", 1).await;
    let config = script.config(&[("topics", "t")]);
    let (id, run) = bench.start_task(&config, TargetState::Paused);
    bench.state(State::Paused).await;
    assert_eq!(script.calls(), []);
    bench.worker.set_task_target(&id, run, TargetState::Started);
    bench.state(State::Running).await;
    script.called(&[SinkCall::Start]).await;
    bench.stop_task(&(id, run)).await;
}

#[tokio::test]
async fn a_paused_task_is_put_nothing_and_keeps_its_partitions() {
    let (mut bench, mut script) = (Bench::with(often()).await, SinkScript::new());
    bench.create_topic("t", 1).await;
    bench.produce("t", 0, &["a"]).await;
    let config = script.config(&[("topics", "t")]);
    let (id, run) = bench.start_task(&config, TargetState::Started);
    assert_eq!(script.values(1).await, ["t-0@0=a"]);
    bench.worker.set_task_target(&id, run, TargetState::Paused);
    bench.state(State::Running).await;
    bench.state(State::Paused).await;
    script.calls();
    bench.produce("t", 0, &["b"]).await;
    // Commits go on: their calls are the clock here.
    for _ in 0..10 {
        let call = script.call().await;
        assert!(matches!(call, SinkCall::PreCommit(_)), "{call:?}");
    }
    bench.worker.set_task_target(&id, run, TargetState::Started);
    bench.state(State::Running).await;
    assert_eq!(script.values(1).await, ["t-0@1=b"]);
    bench.stop_task(&(id, run)).await;
    let opened = |call: &SinkCall| matches!(call, SinkCall::Open(_));
    assert!(
        !script.calls().iter().any(opened),
        "it was not opened again"
    );
}
