//! Partitions come and go between the tasks of a sink.

use std::collections::BTreeSet;
use std::sync::Arc;

use kconnect_broker::Fault;
use kconnect_protocol::{ApiKey, ErrorCode};

use super::{often, texts};
use crate::runtime::testing::{Bench, SinkCall, SinkScript};
use crate::runtime::{ConnectorTaskId, TargetState};

const COOPERATIVE: (&str, &str) = (
    "consumer.override.partition.assignment.strategy",
    "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
);

/// Waits for calls until one fulfils the condition; all of them, in order.
async fn until(script: &mut SinkScript, is_last: impl Fn(&SinkCall) -> bool) -> Vec<SinkCall> {
    let mut calls = Vec::new();
    loop {
        let call = script.call().await;
        let is_done = is_last(&call);
        calls.push(call);
        if is_done {
            return calls;
        }
    }
}

#[tokio::test]
async fn a_partition_that_goes_to_another_task_is_committed_first_and_nothing_is_put_twice() {
    for cooperative in [false, true] {
        let (mut bench, mut script) = (Bench::new().await, SinkScript::new());
        bench.create_topic("t", 2).await;
        bench.produce("t", 0, &["a"]).await;
        bench.produce("t", 1, &["b"]).await;
        let mut config = script.config(&[
            ("topics", "t"),
            ("consumer.override.heartbeat.interval.ms", "20"),
        ]);
        if cooperative {
            config.insert(COOPERATIVE.0.to_owned(), COOPERATIVE.1.to_owned());
        }
        let first = bench.start_task(&config, TargetState::Started);
        script.values(2).await;
        let second = ConnectorTaskId::new(&Arc::from(script.name.as_str()), 1);
        let run = bench.start_task_of(&second, &config, TargetState::Started);
        let calls = until(&mut script, |call| matches!(call, SinkCall::Close(_))).await;
        let (gone, offsets) = match cooperative {
            true => (texts(["t-1"]), texts(["t-1@1"])),
            false => (texts(["t-0", "t-1"]), texts(["t-0@1", "t-1@1"])),
        };
        let committed = calls
            .iter()
            .position(|call| *call == SinkCall::PreCommit(offsets.clone()));
        assert!(committed.is_some(), "{calls:?}");
        assert_eq!(calls.last(), Some(&SinkCall::Close(gone)), "{calls:?}");
        // Both have one partition in the end: each goes on where the first task was.
        bench.produce("t", 0, &["c"]).await;
        bench.produce("t", 1, &["d"]).await;
        let values: BTreeSet<String> = script.values(2).await.into_iter().collect();
        assert_eq!(
            values.into_iter().collect::<Vec<_>>(),
            ["t-0@1=c", "t-1@1=d"]
        );
        bench.stop_task(&(second, run)).await;
        bench.produce("t", 0, &["e"]).await;
        bench.produce("t", 1, &["f"]).await;
        let values: BTreeSet<String> = script.values(2).await.into_iter().collect();
        assert_eq!(
            values.into_iter().collect::<Vec<_>>(),
            ["t-0@2=e", "t-1@2=f"]
        );
        bench.stop_task(&first).await;
        assert_eq!(bench.committed(&script.group()).await, ["t-0@3", "t-1@3"]);
    }
}

#[tokio::test]
async fn partitions_that_are_lost_are_closed_without_a_commit_and_their_records_come_again() {
    let (mut bench, mut script) = (Bench::new().await, SinkScript::new());
    bench.create_topic("t", 1).await;
    bench.produce("t", 0, &["a"]).await;
    let config = script.config(&[
        ("topics", "t"),
        ("consumer.override.heartbeat.interval.ms", "20"),
        // The broker believes in the member that forgot itself until then.
        ("consumer.override.session.timeout.ms", "6000"),
    ]);
    let task = bench.start_task(&config, TargetState::Started);
    script.values(1).await;
    let unknown = Fault::error(ApiKey::HEARTBEAT, ErrorCode::UnknownMemberId);
    bench.broker.faults().inject(unknown);
    script
        .called(&[
            SinkCall::Close(texts(["t-0"])),
            SinkCall::Open(texts(["t-0"])),
            SinkCall::Put(texts(["t-0@0=a"])),
        ])
        .await;
    bench.stop_task(&task).await;
    assert_eq!(bench.committed(&script.group()).await, ["t-0@1"]);
}

#[tokio::test]
async fn what_waits_to_be_put_again_goes_with_its_partition() {
    use crate::runtime::testing::Put;

    let (mut bench, mut script) = (Bench::with(often()).await, SinkScript::new());
    bench.create_topic("t", 1).await;
    bench.produce("t", 0, &["a"]).await;
    script.puts(&[Put::Busy(std::time::Duration::from_hours(1))]);
    let config = script.config(&[
        ("topics", "t"),
        ("consumer.override.heartbeat.interval.ms", "20"),
        // The broker believes in the member that forgot itself until then.
        ("consumer.override.session.timeout.ms", "6000"),
    ]);
    let task = bench.start_task(&config, TargetState::Started);
    script.values(1).await;
    let unknown = Fault::error(ApiKey::HEARTBEAT, ErrorCode::UnknownMemberId);
    bench.broker.faults().inject(unknown);
    until(&mut script, |call| matches!(call, SinkCall::Open(_))).await;
    assert_eq!(script.values(1).await, ["t-0@0=a"], "once, read again");
    bench.stop_task(&task).await;
    assert_eq!(bench.committed(&script.group()).await, ["t-0@1"]);
}
