//! Which offsets are committed: as far as the plugin agrees, and not beyond what it was given.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kconnect_broker::Fault;
use kconnect_protocol::{ApiKey, ErrorCode};

use super::{often, texts};
use crate::api::{SinkOffsets, TaskError, TopicPartition};
use crate::config::WorkerConfig;
use crate::runtime::testing::{Bench, Put, Setup, SinkCall, SinkScript};
use crate::runtime::{State, TargetState};

/// Starts a task on a topic of one partition with these records, and waits until they have been put.
async fn started(
    setup: Setup,
    script: &mut SinkScript,
    values: &[&str],
) -> (
    Bench,
    (crate::runtime::ConnectorTaskId, crate::runtime::RunId),
) {
    let mut bench = Bench::with(setup).await;
    bench.create_topic("t", 1).await;
    bench.produce("t", 0, values).await;
    let task = bench.start_task(&script.config(&[("topics", "t")]), TargetState::Started);
    script.values(values.len()).await;
    (bench, task)
}

/// Waits until the group has committed this.
async fn committed(bench: &Bench, script: &mut SinkScript, expected: &str) {
    while bench.committed(&script.group()).await != [expected] {
        while !matches!(script.call().await, SinkCall::PreCommit(_)) {}
    }
}

#[tokio::test]
async fn offsets_are_committed_now_and_then() {
    let mut script = SinkScript::new();
    let (mut bench, task) = started(often(), &mut script, &["a", "b"]).await;
    committed(&bench, &mut script, "t-0@2").await;
    bench.produce("t", 0, &["c"]).await;
    committed(&bench, &mut script, "t-0@3").await;
    bench.stop_task(&task).await;
}

#[tokio::test]
async fn what_has_been_committed_is_not_committed_again() {
    let mut script = SinkScript::new();
    let (mut bench, task) = started(often(), &mut script, &["a"]).await;
    committed(&bench, &mut script, "t-0@1").await;
    let commits = bench.broker.faults().requests(ApiKey::OFFSET_COMMIT);
    for _ in 0..10 {
        script.call().await;
    }
    bench.stop_task(&task).await;
    assert_eq!(
        bench.broker.faults().requests(ApiKey::OFFSET_COMMIT),
        commits
    );
}

#[tokio::test]
async fn a_plugin_may_commit_less_but_not_more_nor_what_is_others() {
    for (answer, expected) in [
        (vec![("t", 0, 1)], vec!["t-0@1"]),
        (vec![("t", 0, 3)], vec![]),
        (vec![("t", 0, 2), ("u", 5, 1)], vec!["t-0@2"]),
        (vec![], vec![]),
    ] {
        let mut script = SinkScript::new();
        script.on_pre_commit(move |_| {
            let answer = answer.iter();
            Ok(answer
                .map(|&(topic, partition, offset)| (TopicPartition::new(topic, partition), offset))
                .collect())
        });
        let (mut bench, task) = started(Setup::default(), &mut script, &["a", "b"]).await;
        bench.stop_task(&task).await;
        assert_eq!(bench.committed(&script.group()).await, expected);
    }
}

#[tokio::test]
async fn a_pre_commit_that_fails_rewinds_to_what_was_committed() {
    let mut script = SinkScript::new();
    let (mut bench, task) = started(often(), &mut script, &["a"]).await;
    committed(&bench, &mut script, "t-0@1").await;
    let failures = AtomicU32::new(0);
    script.on_pre_commit(move |offsets: SinkOffsets| {
        let is_new = offsets.values().any(|&offset| offset > 1);
        if is_new && failures.fetch_add(1, Ordering::Relaxed) == 0 {
            return Err(TaskError::failed("the connection is gone"));
        }
        Ok(offsets)
    });
    bench.produce("t", 0, &["b"]).await;
    assert_eq!(script.values(2).await, ["t-0@1=b", "t-0@1=b"]);
    committed(&bench, &mut script, "t-0@2").await;
    bench.stop_task(&task).await;
}

#[tokio::test]
async fn a_pre_commit_that_fails_at_the_end_commits_nothing_and_fails_nothing() {
    let mut script = SinkScript::new();
    script.on_pre_commit(|_| Err(TaskError::failed("the connection is gone")));
    let (mut bench, task) = started(Setup::default(), &mut script, &["a"]).await;
    bench.stop_task(&task).await;
    assert!(bench.committed(&script.group()).await.is_empty());
}

#[tokio::test]
async fn a_last_commit_that_nobody_answers_does_not_keep_the_task_from_closing() {
    let worker = WorkerConfig {
        task_shutdown_graceful_timeout: Duration::from_millis(50),
        ..Setup::default().worker
    };
    let setup = Setup {
        worker,
        ..Setup::default()
    };
    let mut script = SinkScript::new();
    let (mut bench, task) = started(setup, &mut script, &["a"]).await;
    let never = Fault::late_answer(ApiKey::OFFSET_COMMIT, Duration::from_hours(1));
    bench.broker.faults().inject(never.times(100));
    bench.stop_task(&task).await;
    let partition = vec!["t-0".to_owned()];
    let expected = [
        SinkCall::PreCommit(texts(["t-0@1"])),
        SinkCall::Close(partition),
        SinkCall::Stop,
    ];
    script.called(&expected).await;
}

#[tokio::test]
async fn a_plugin_may_ask_for_a_commit() {
    let mut script = SinkScript::new();
    let (mut bench, task) = started(Setup::default(), &mut script, &["a"]).await;
    script.context().request_commit();
    bench.produce("t", 0, &["b"]).await;
    script
        .called(&[
            SinkCall::Put(texts(["t-0@1=b"])),
            SinkCall::PreCommit(texts(["t-0@2"])),
        ])
        .await;
    bench.stop_task(&task).await;
}

#[tokio::test]
async fn a_plugin_may_say_where_to_begin() {
    let (mut bench, mut script) = (Bench::new().await, SinkScript::new());
    bench.create_topic("t", 1).await;
    bench.produce("t", 0, &["a", "b", "c"]).await;
    script.on_open(|context| {
        let foreign = (TopicPartition::new("u", 3), 1);
        context.offsets([(TopicPartition::new("t", 0), 2), foreign].into());
    });
    let task = bench.start_task(&script.config(&[("topics", "t")]), TargetState::Started);
    assert_eq!(script.values(1).await, ["t-0@2=c"]);
    bench.stop_task(&task).await;
    assert_eq!(bench.committed(&script.group()).await, ["t-0@3"]);
}

#[tokio::test]
async fn a_plugin_may_go_back() {
    let mut script = SinkScript::new();
    let (mut bench, task) = started(Setup::default(), &mut script, &["a", "b"]).await;
    let partition = TopicPartition::new("t", 0);
    script.context().offsets([(partition, 1)].into());
    bench.produce("t", 0, &["c"]).await;
    // The record that woke it, and then all from where it wants to go on.
    assert_eq!(script.values(3).await, ["t-0@2=c", "t-0@1=b", "t-0@2=c"]);
    bench.stop_task(&task).await;
    assert_eq!(bench.committed(&script.group()).await, ["t-0@3"]);
}

#[tokio::test]
async fn a_plugin_that_goes_back_is_not_put_again_what_it_did_not_take() {
    let (mut bench, mut script) = (Bench::new().await, SinkScript::new());
    bench.create_topic("t", 1).await;
    script.puts(&[Put::Take, Put::Retriable("busy")]);
    let task = bench.start_task(&script.config(&[("topics", "t")]), TargetState::Started);
    bench.produce("t", 0, &["a"]).await;
    script.values(1).await;
    script
        .context()
        .offsets([(TopicPartition::new("t", 0), 0)].into());
    bench.produce("t", 0, &["b"]).await;
    assert_eq!(script.values(3).await, ["t-0@1=b", "t-0@0=a", "t-0@1=b"]);
    bench.stop_task(&task).await;
}

#[tokio::test]
async fn a_plugin_may_pause_partitions() {
    let (mut bench, mut script) = (Bench::with(often()).await, SinkScript::new());
    bench.create_topic("t", 2).await;
    let held = TopicPartition::new("t", 1);
    script.on_open({
        let held = held.clone();
        move |context| context.pause(std::slice::from_ref(&held)).unwrap()
    });
    bench.produce("t", 1, &["held"]).await;
    bench.produce("t", 0, &["a"]).await;
    let task = bench.start_task(&script.config(&[("topics", "t")]), TargetState::Started);
    assert_eq!(script.values(1).await, ["t-0@0=a"]);
    for _ in 0..10 {
        let call = script.call().await;
        assert!(matches!(call, SinkCall::PreCommit(_)), "{call:?}");
    }
    script.context().resume(&[held]).unwrap();
    assert_eq!(script.values(1).await, ["t-1@0=held"]);
    let foreign = [TopicPartition::new("u", 0)];
    assert!(script.context().pause(&foreign).is_err());
    bench.stop_task(&task).await;
}

#[tokio::test]
async fn a_commit_that_fails_is_made_up_for_by_the_next() {
    let mut script = SinkScript::new();
    let (mut bench, mut script) = {
        let bench = Bench::with(often()).await;
        bench.create_topic("t", 1).await;
        script.calls();
        (bench, script)
    };
    let refused = Fault::error(ApiKey::OFFSET_COMMIT, ErrorCode::GroupAuthorizationFailed);
    let fault = bench.broker.faults().inject(refused.times(3));
    bench.produce("t", 0, &["a"]).await;
    let task = bench.start_task(&script.config(&[("topics", "t")]), TargetState::Started);
    script.values(1).await;
    bench.broker.faults().hit(fault, 3).await;
    committed(&bench, &mut script, "t-0@1").await;
    bench.stop_task(&task).await;
}

#[tokio::test]
async fn a_commit_that_takes_too_long_is_given_up_and_the_next_one_counts() {
    let usual = often();
    let worker = WorkerConfig {
        offset_flush_timeout: Duration::from_millis(20),
        ..usual.worker
    };
    let mut bench = Bench::with(Setup { worker, ..usual }).await;
    let mut script = SinkScript::new();
    bench.create_topic("t", 1).await;
    let late = Fault::late_answer(ApiKey::OFFSET_COMMIT, Duration::from_millis(300));
    let late = bench.broker.faults().inject(late);
    bench.produce("t", 0, &["a"]).await;
    let task = bench.start_task(&script.config(&[("topics", "t")]), TargetState::Started);
    bench.state(State::Running).await;
    script.values(1).await;
    bench.broker.faults().hit(late, 1).await;
    bench.produce("t", 0, &["b"]).await;
    // It is asked again and again while nothing is known of the first commit.
    committed(&bench, &mut script, "t-0@2").await;
    bench.worker.stop_task(&task.0, task.1);
    bench.gone().await;
    assert_eq!(bench.committed(&script.group()).await, ["t-0@2"]);
}
