//! The shell around the core: orders and events in one task, the view behind them.

use std::sync::Arc;
use std::time::Duration;

use kconnect_client::config::Properties;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::testing::plugins;
use super::{Control, Settings, start};
use crate::config::{OverridePolicy, WorkerConfig};
use crate::herder::entities::{ConfigMap, ServerInfo};
use crate::herder::{
    Herder, HerderError, HerderHandle, InternalRequest, Put, PutConnector, RestartRequest,
};
use crate::runtime::worker::WorkerContext;
use crate::runtime::{State, TargetState};
use crate::storage::MemoryOffsetStore;

fn herder() -> (HerderHandle, Control) {
    let info = ServerInfo {
        version: String::new(),
        commit: String::new(),
        kafka_cluster_id: None,
    };
    let context = WorkerContext {
        config: WorkerConfig::default(),
        properties: Properties::new(),
        plugins: Arc::new(plugins()),
        offsets: Arc::new(MemoryOffsetStore::default()),
        runtime: Handle::current(),
        in_cluster: false,
    };
    start(Settings {
        context: Arc::new(context),
        worker_id: "w:1".into(),
        override_policy: OverridePolicy::All,
        server_info: watch::channel(info).1,
    })
}

async fn put(herder: &HerderHandle, more: &[(&str, &str)]) -> Result<Put, HerderError> {
    let fixed = [
        ("name", "c"),
        ("connector.class", "Scripted"),
        ("steps", "ok"),
    ];
    let config: ConfigMap = fixed
        .iter()
        .chain(more)
        .map(|&(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let initial_state = TargetState::Started;
    herder
        .put_connector(PutConnector {
            name: "c".into(),
            config,
            initial_state: Some(initial_state),
            allow_replace: true,
        })
        .await
}

fn state(herder: &HerderHandle) -> Option<State> {
    let view = herder.view();
    let connector = view.connectors.get("c")?;
    connector
        .status
        .as_ref()
        .map(|status| status.connector.state)
}

#[tokio::test(start_paused = true)]
async fn a_connector_lives_through_its_states() {
    let (herder, control) = herder();
    control.starting("creating connector c".to_owned()).await;
    herder.ping().await.unwrap();
    let starting = herder.view().starting.clone().map(|stage| stage.doing);
    assert_eq!(starting.as_deref(), Some("creating connector c"));
    control.ready().await;
    let new = put(&herder, &[]).await.unwrap();
    assert!(new.created);
    assert!(herder.view().starting.is_none());
    assert_eq!(state(&herder), Some(State::Running));
    let again = put(&herder, &[("x", "y")]).await.unwrap();
    assert_eq!(
        (again.created, again.info.config["x"].as_str()),
        (false, "y")
    );
    herder
        .set_target_state("c".into(), TargetState::Stopped)
        .await
        .unwrap();
    assert_eq!(state(&herder), Some(State::Stopped));
    herder
        .set_target_state("c".into(), TargetState::Started)
        .await
        .unwrap();
    herder.restart_connector("c".into()).await.unwrap();
    assert_eq!(state(&herder), Some(State::Running));
    let request = RestartRequest {
        name: "c".into(),
        only_failed: false,
        include_tasks: true,
    };
    let status = herder.restart_connector_and_tasks(request).await.unwrap();
    assert_eq!(status.connector.state, State::Restarting);
    herder.delete_connector("c".into()).await.unwrap();
    assert_eq!(state(&herder), None);
    assert_eq!(control.shutdown().await, [""; 0]);
    assert_eq!(herder.ping().await, Err(HerderError::ShuttingDown));
}

#[tokio::test(start_paused = true)]
async fn keys_are_patched_one_by_one() {
    let (herder, _control) = herder();
    put(&herder, &[("x", "1"), ("y", "2")]).await.unwrap();
    let patch = [
        ("x".to_owned(), None),
        ("y".to_owned(), Some("3".to_owned())),
    ];
    let info = herder
        .patch_connector("c".into(), patch.into())
        .await
        .unwrap();
    assert_eq!(
        (info.config.get("x"), info.config["y"].as_str()),
        (None, "3")
    );
    let missing = herder.patch_connector("d".into(), [].into()).await;
    assert_eq!(
        missing,
        Err(HerderError::NotFound("Connector d not found".to_owned()))
    );
}

#[tokio::test(start_paused = true)]
async fn a_connector_that_fails_or_panics_is_shown_as_failed_with_its_trace() {
    let (herder, _control) = herder();
    for (steps, trace) in [
        ("no such host", "no such host"),
        ("panic", "panic: as the script says"),
    ] {
        let error = put(&herder, &[("steps", steps)]).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "Failed to transition connector c to state STARTED"
        );
        assert_eq!(state(&herder), Some(State::Failed));
        let status = herder.view().connectors["c"].status.clone().unwrap();
        let shown = status.connector.trace.clone().unwrap_or_default();
        assert!(shown.contains(trace), "{shown}");
    }
    let error = put(&herder, &[("task.configs", "no tables")])
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("no tables"), "{error}");
    let error = put(&herder, &[("steps", "panic in validation")])
        .await
        .unwrap_err();
    assert!(matches!(error, HerderError::Internal(_)));
    put(&herder, &[("task.configs", "twice")]).await.unwrap();
    assert_eq!(state(&herder), Some(State::Running));
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_hangs_holds_up_neither_answers_nor_the_shutdown() {
    let (herder, control) = herder();
    let hangs = tokio::spawn({
        let herder = herder.clone();
        async move { put(&herder, &[("steps", "hang")]).await }
    });
    while !herder.view().connectors.contains_key("c") {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    herder.ping().await.unwrap();
    let abandoned = control.shutdown().await;
    assert_eq!(abandoned, ["connector c"]);
    assert_eq!(hangs.await.unwrap(), Err(HerderError::ShuttingDown));
}

#[tokio::test(start_paused = true)]
async fn plugins_are_listed_by_kind_and_name() {
    let (herder, _control) = herder();
    let listed = herder.plugins(true);
    assert_eq!(
        (listed[0].class.as_str(), listed[0].kind.as_str()),
        ("test.ScriptedConnector", "source")
    );
    assert_eq!(listed[0].version.as_deref(), Some("1.2"));
}

#[tokio::test(start_paused = true)]
async fn offsets_are_changed_of_a_stopped_connector_which_runs_on_afterwards() {
    let (herder, _control) = herder();
    put(&herder, &[]).await.unwrap();
    let refused = herder.reset_offsets("c".into()).await;
    assert_eq!(refused, Err(HerderError::not_stopped("c")));
    let missing = herder.reset_offsets("d".into()).await;
    assert_eq!(missing, Err(HerderError::connector_not_found("d")));
    for target in [TargetState::Stopped, TargetState::Started] {
        herder.set_target_state("c".into(), target).await.unwrap();
        if target == TargetState::Stopped {
            herder.reset_offsets("c".into()).await.unwrap();
        }
    }
    herder.restart_connector("c".into()).await.unwrap();
    assert_eq!(state(&herder), Some(State::Running));
}

#[tokio::test(start_paused = true)]
async fn what_only_a_cluster_does_is_refused() {
    let (herder, _control) = herder();
    let request = InternalRequest::default;
    for (refused, what) in [
        (
            herder
                .put_task_configs("c".into(), Vec::new(), request())
                .await,
            "externally setting task configurations",
        ),
        (
            herder.fence_zombies("c".into(), request()).await,
            "exactly-once source connectors",
        ),
    ] {
        let text = format!("Kafka Connect in standalone mode does not support {what}.");
        assert_eq!(refused, Err(HerderError::Internal(text)));
    }
}
