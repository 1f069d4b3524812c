//! How a source task begins, pauses and ends, whatever its plugin does.

use std::sync::Arc;

use crate::api::SourceOffset;
use crate::runtime::event::TaskEvent;
use crate::runtime::testing::{Bench, Poll, Setup, SourceCall, SourceScript, record, soon};
use crate::runtime::{State, TargetState};

#[tokio::test]
async fn records_are_written_and_their_offsets_committed_at_the_end() {
    let (mut bench, mut script) = (Bench::new().await, SourceScript::new());
    let task = bench.start_task(&script.config(&[]), TargetState::Started);
    bench.state(State::Running).await;
    script.records("t", 1, &["a", "b", "c"]);
    assert_eq!(
        bench.consume("t", 1, 3).await,
        ["0:null=a", "0:null=b", "0:null=c"]
    );
    bench.stop_task(&task).await;
    let calls = script.calls();
    assert_eq!(calls[..2], [SourceCall::Start(None), SourceCall::Poll]);
    assert_eq!(
        calls[calls.len() - 2..],
        [SourceCall::Commit, SourceCall::Stop]
    );
    let stored = format!(r#"["{}",{{"file":"f"}}]={{"position":3}}"#, script.name);
    assert_eq!(bench.stored().await, [stored]);

    let task = bench.start_task(&script.config(&[]), TargetState::Started);
    bench.state(State::Running).await;
    let resumed = SourceOffset::new([("position", 3_i64)]);
    script.called(SourceCall::Start(Some(resumed))).await;
    bench.stop_task(&task).await;
}

#[tokio::test]
async fn a_task_whose_start_fails_or_panics_fails_with_its_words() {
    let (mut bench, mut script) = (Bench::new().await, SourceScript::new());
    for (start, words) in [
        (
            "no such table",
            "org.apache.kafka.connect.errors.ConnectException: no such table",
        ),
        ("panic", "panic: start panics"),
    ] {
        bench.start_task(&script.config(&[("start", start)]), TargetState::Started);
        assert_eq!(bench.failure().await, words);
        assert_eq!(script.calls(), [SourceCall::Start(None)]);
    }
}

#[tokio::test]
async fn a_task_that_hangs_in_its_start_can_be_stopped() {
    let (mut bench, mut script) = (Bench::new().await, SourceScript::new());
    let task = bench.start_task(&script.config(&[("start", "hang")]), TargetState::Started);
    script.called(SourceCall::Start(None)).await;
    bench.stop_task(&task).await;
}

#[tokio::test]
async fn a_poll_that_may_work_later_is_repeated() {
    let (mut bench, script) = (Bench::new().await, SourceScript::new());
    let task = bench.start_task(&script.config(&[]), TargetState::Started);
    script.answer(Poll::Retriable("not now"));
    script.answer(Poll::Records(Vec::new()));
    script.records("t", 1, &["a"]);
    assert_eq!(bench.consume("t", 1, 1).await, ["0:null=a"]);
    bench.stop_task(&task).await;
}

#[tokio::test]
async fn a_poll_that_fails_or_panics_fails_the_task_and_what_kafka_has_is_committed() {
    for (answer, words, is_stopped) in [
        (Poll::Fail("the table has gone"), "the table has gone", true),
        (Poll::Panic, "panic: poll panics", false),
    ] {
        let (mut bench, mut script) = (Bench::new().await, SourceScript::new());
        bench.start_task(&script.config(&[]), TargetState::Started);
        script.records("t", 1, &["a", "b"]);
        script.answer(answer);
        let trace = bench.failure().await;
        assert!(trace.contains(words), "{trace}");
        assert_eq!(
            script.calls().contains(&SourceCall::Stop),
            is_stopped,
            "a plugin that has panicked is not called again"
        );
        let stored = format!(r#"["{}",{{"file":"f"}}]={{"position":2}}"#, script.name);
        assert_eq!(bench.stored().await, [stored]);
    }
}

#[tokio::test]
async fn an_error_in_commit_is_only_logged_and_so_is_a_panic_in_stop() {
    let (mut bench, script) = (Bench::new().await, SourceScript::new());
    let config = script.config(&[
        ("commit", "no"),
        ("commit.records", "neither"),
        ("stop", "panic"),
    ]);
    let task = bench.start_task(&config, TargetState::Started);
    script.records("t", 1, &["a"]);
    bench.consume("t", 1, 1).await;
    bench.stop_task(&task).await;
    assert_eq!(bench.stored().await.len(), 1);
}

#[tokio::test]
async fn a_panic_in_commit_fails_the_task() {
    let (mut bench, script) = (Bench::new().await, SourceScript::new());
    let task = bench.start_task(&script.config(&[("commit", "panic")]), TargetState::Started);
    bench.state(State::Running).await;
    bench.worker.stop_task(&task.0, task.1);
    assert!(bench.failure().await.ends_with("panic: commit panics"));
}

#[tokio::test]
async fn a_task_that_does_not_end_can_be_abandoned_and_started_anew() {
    let (mut bench, mut script) = (Bench::new().await, SourceScript::new());
    let (id, run) = bench.start_task(&script.config(&[("stop", "hang")]), TargetState::Started);
    bench.state(State::Running).await;
    bench.worker.stop_task(&id, run);
    script.called(SourceCall::Stop).await;
    bench.worker.abandon_task(&id, run);
    let task = bench.start_task(&script.config(&[]), TargetState::Started);
    bench.state(State::Running).await;
    script.records("t", 1, &["a"]);
    bench.consume("t", 1, 1).await;
    bench.stop_task(&task).await;
}

#[tokio::test]
async fn a_task_that_is_paused_from_the_start_does_not_start() {
    let (mut bench, mut script) = (Bench::new().await, SourceScript::new());
    let (id, run) = bench.start_task(&script.config(&[]), TargetState::Paused);
    bench.state(State::Paused).await;
    assert_eq!(script.calls(), []);
    bench.worker.set_task_target(&id, run, TargetState::Started);
    bench.state(State::Running).await;
    script.called(SourceCall::Start(None)).await;
    bench.stop_task(&(id, run)).await;
    let task = bench.start_task(&script.config(&[]), TargetState::Paused);
    bench.state(State::Paused).await;
    bench.stop_task(&task).await;
}

#[tokio::test]
async fn a_paused_task_is_not_polled_until_it_is_resumed() {
    let (mut bench, mut script) = (Bench::new().await, SourceScript::new());
    let (id, run) = bench.start_task(&script.config(&[]), TargetState::Started);
    bench.state(State::Running).await;
    script.called(SourceCall::Poll).await;
    bench.worker.set_task_target(&id, run, TargetState::Paused);
    script.records("t", 1, &["a"]);
    bench.state(State::Paused).await;
    let polls = |calls: Vec<SourceCall>| calls.contains(&SourceCall::Poll);
    assert!(!polls(script.calls()));
    assert_eq!(bench.consume("t", 1, 1).await, ["0:null=a"], "a last batch");
    assert!(!polls(script.calls()));
    bench.worker.set_task_target(&id, run, TargetState::Started);
    bench.state(State::Running).await;
    script.called(SourceCall::Poll).await;
    bench.worker.set_task_target(&id, run, TargetState::Paused);
    script.answer(Poll::Records(Vec::new()));
    bench.state(State::Paused).await;
    bench.stop_task(&(id, run)).await;
    assert_eq!(bench.stored().await.len(), 1);
}

#[tokio::test]
async fn a_plugin_that_blocks_its_thread_holds_up_no_other_task() {
    let plugins = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let mut bench = Bench::with(Setup {
        runtime: plugins.handle().clone(),
        ..Setup::default()
    })
    .await;
    let (mut blocks, script) = (SourceScript::new(), SourceScript::new());
    let (release, held) = std::sync::mpsc::channel();
    blocks.answer(Poll::Block(held));
    bench.start_task(&blocks.config(&[]), TargetState::Started);
    bench.state(State::Running).await;
    blocks.called(SourceCall::Poll).await;
    let task = bench.start_task(&script.config(&[]), TargetState::Started);
    bench.state(State::Running).await;
    script.records("t", 1, &["a"]);
    bench.consume("t", 1, 1).await;
    bench.stop_task(&task).await;
    release.send(()).unwrap();
    soon(blocks.called(SourceCall::Poll)).await;
    plugins.shutdown_background();
}

#[tokio::test]
async fn a_huge_batch_lets_others_have_their_turn() {
    let (mut bench, script) = (Bench::new().await, SourceScript::new());
    let task = bench.start_task(&script.config(&[]), TargetState::Started);
    let topic = Arc::<str>::from("t");
    let records = (0..20_000).map(|position| record(&topic, "f", position, "x"));
    script.answer(Poll::Records(records.collect()));
    // One thread runs all of it: without turns of their own the producer and this test would wait for the whole batch.
    assert!(matches!(
        bench.task_event().await,
        TaskEvent::State(State::Running)
    ));
    assert!(matches!(bench.task_event().await, TaskEvent::Topic(_)));
    assert_eq!(bench.consume("t", 1, 20_000).await.len(), 20_000);
    bench.stop_task(&task).await;
    let stored = format!(r#"["{}",{{"file":"f"}}]={{"position":19999}}"#, script.name);
    assert_eq!(bench.stored().await, [stored]);
}
