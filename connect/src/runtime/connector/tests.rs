//! What a connector reports, whatever its plugin does.

use std::sync::Arc;

use super::ConnectorCommand;
use crate::herder::entities::ConfigMap;
use crate::runtime::event::ConnectorEvent;
use crate::runtime::testing::{Bench, SinkScript, SourceScript};
use crate::runtime::{RunId, TargetState};

/// The next report, in short.
async fn report(bench: &mut Bench) -> String {
    match bench.connector_event().await {
        ConnectorEvent::State(state) => state.to_string(),
        ConnectorEvent::NotMade { why, .. } => format!("NOT MADE {why}"),
        ConnectorEvent::Failed(trace) => format!("FAILED {trace}"),
        ConnectorEvent::TaskConfigs(configs) => format!("{configs:?}"),
        ConnectorEvent::Reconfigure => "reconfigure".to_owned(),
        ConnectorEvent::Gone => "gone".to_owned(),
    }
}

async fn started(bench: &mut Bench, config: &ConfigMap) -> (Arc<str>, RunId) {
    let connector = bench.start_connector(config, TargetState::Started);
    assert_eq!(report(bench).await, "RUNNING");
    connector
}

fn ask(bench: &Bench, (name, run): &(Arc<str>, RunId)) {
    let command = ConnectorCommand::AskTaskConfigs { tasks_max: 2 };
    bench.worker.command_connector(name, *run, command);
}

#[tokio::test]
async fn a_connector_starts_splits_its_work_and_stops() {
    let (mut bench, script) = (Bench::new().await, SourceScript::new());
    let connector = started(&mut bench, &script.config(&[])).await;
    ask(&bench, &connector);
    let own = r#"{"own": "1", "task.class": "test.TestSourceTask"}"#;
    assert_eq!(report(&mut bench).await, format!("[{own}, {own}]"));
    bench.worker.stop_connector(&connector.0, connector.1);
    assert_eq!(report(&mut bench).await, "gone");
}

#[tokio::test]
async fn the_tasks_of_a_sink_are_told_its_topics() {
    let (mut bench, script) = (Bench::new().await, SinkScript::new());
    let connector = started(&mut bench, &script.config(&[("topics", "t,u")])).await;
    ask(&bench, &connector);
    let own = r#"{"task.class": "test.TestSinkTask", "topics": "t,u"}"#;
    assert_eq!(report(&mut bench).await, format!("[{own}, {own}]"));
}

#[tokio::test]
async fn a_connector_follows_its_target_state() {
    let (mut bench, script) = (Bench::new().await, SourceScript::new());
    let (name, run) = bench.start_connector(&script.config(&[]), TargetState::Stopped);
    assert_eq!(report(&mut bench).await, "STOPPED");
    ask(&bench, &(Arc::clone(&name), run));
    assert_eq!(report(&mut bench).await, "[]", "it does not run");
    for (target, state) in [
        (TargetState::Started, "RUNNING"),
        (TargetState::Paused, "PAUSED"),
        (TargetState::Started, "RUNNING"),
        (TargetState::Stopped, "STOPPED"),
    ] {
        let command = ConnectorCommand::Target(target);
        bench.worker.command_connector(&name, run, command);
        assert_eq!(report(&mut bench).await, state);
    }
    bench.worker.stop_connector(&name, run);
    assert_eq!(report(&mut bench).await, "gone");
}

#[tokio::test]
async fn a_connector_that_fails_or_panics_says_why() {
    let (mut bench, script) = (Bench::new().await, SourceScript::new());
    let class = "org.apache.kafka.connect.errors.ConnectException";
    for (step, trace) in [
        ("no such host", format!("FAILED {class}: no such host")),
        ("panic", "FAILED panic: connector.start panics".to_owned()),
    ] {
        let config = script.config(&[("connector.start", step)]);
        bench.start_connector(&config, TargetState::Started);
        assert_eq!(report(&mut bench).await, trace);
        assert_eq!(report(&mut bench).await, "gone");
    }
    for (step, trace) in [
        ("no tables", format!("FAILED {class}: no tables")),
        ("panic", "FAILED panic: connector.tasks panics".to_owned()),
    ] {
        let config = script.config(&[("connector.tasks", step)]);
        let connector = started(&mut bench, &config).await;
        ask(&bench, &connector);
        assert_eq!(report(&mut bench).await, trace);
        assert_eq!(report(&mut bench).await, "gone");
    }
    let connector = started(&mut bench, &script.config(&[("connector.stop", "panic")])).await;
    bench.worker.stop_connector(&connector.0, connector.1);
    assert_eq!(
        report(&mut bench).await,
        "FAILED panic: connector.stop panics"
    );
    assert_eq!(report(&mut bench).await, "gone");
}

#[tokio::test]
async fn a_connector_whose_configuration_is_wrong_is_not_made() {
    let (mut bench, script) = (Bench::new().await, SourceScript::new());
    let half = script.config(&[("topic.creation.default.partitions", "2")]);
    bench.start_connector(&half, TargetState::Started);
    assert_eq!(
        report(&mut bench).await,
        "NOT MADE Missing required configuration \"topic.creation.default.replication.factor\" which has no default value."
    );
    assert_eq!(report(&mut bench).await, "gone");
}

#[tokio::test]
async fn a_connector_may_ask_to_be_asked_again_and_may_fail_by_itself() {
    let (mut bench, script) = (Bench::new().await, SourceScript::new());
    let config = script.config(&[("connector.tasks", "reconfigure")]);
    let connector = started(&mut bench, &config).await;
    ask(&bench, &connector);
    assert!(report(&mut bench).await.starts_with('['));
    assert_eq!(report(&mut bench).await, "reconfigure");
    bench.worker.stop_connector(&connector.0, connector.1);
    assert_eq!(report(&mut bench).await, "gone");

    let config = script.config(&[("connector.tasks", "raise")]);
    let connector = started(&mut bench, &config).await;
    ask(&bench, &connector);
    assert!(report(&mut bench).await.starts_with('['));
    assert_eq!(
        report(&mut bench).await,
        "FAILED org.apache.kafka.connect.errors.ConnectException: the table has gone"
    );
    assert_eq!(report(&mut bench).await, "gone");
}

#[tokio::test]
async fn a_connector_that_hangs_is_abandoned_and_can_be_started_anew() {
    let (mut bench, script) = (Bench::new().await, SourceScript::new());
    for step in ["connector.start", "connector.stop"] {
        let config = script.config(&[(step, "hang")]);
        let (name, run) = bench.start_connector(&config, TargetState::Started);
        if step == "connector.stop" {
            assert_eq!(report(&mut bench).await, "RUNNING");
        }
        bench.worker.stop_connector(&name, run);
        bench.worker.abandon_connector(&name, run);
        let (name, run) = started(&mut bench, &script.config(&[])).await;
        bench.worker.stop_connector(&name, run);
        assert_eq!(report(&mut bench).await, "gone");
    }
}

#[tokio::test]
async fn a_class_that_is_not_there_is_named() {
    let (mut bench, script) = (Bench::new().await, SourceScript::new());
    let config = script.config(&[("connector.class", "Nope")]);
    bench.start_connector(&config, TargetState::Started);
    let trace = report(&mut bench).await;
    assert!(trace.contains("which name matches Nope"), "{trace}");
    assert_eq!(report(&mut bench).await, "gone");
}
