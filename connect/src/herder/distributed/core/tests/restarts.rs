//! What is answered to who asks for a restart.

use std::sync::Arc;

use super::super::orders::restarting;
use crate::herder::RestartRequest;
use crate::herder::entities::{ConnectorState, ConnectorStateInfo, ConnectorType, TaskState};
use crate::runtime::State;

#[test]
fn what_is_restarted_is_shown_with_why_it_had_failed_however_quick_its_worker_is() {
    let status = |task: State, trace: Option<&str>| {
        let part = |state, trace: Option<&str>| ConnectorState {
            state,
            worker_id: "w1".into(),
            version: trace.map(|_| "1".into()),
            trace: trace.map(Arc::from),
        };
        ConnectorStateInfo {
            name: "a".into(),
            connector: part(State::Running, None),
            tasks: vec![TaskState {
                id: 0,
                state: part(task, trace),
            }],
            kind: ConnectorType::Sink,
        }
    };
    let request = RestartRequest {
        name: "a".into(),
        include_tasks: true,
        only_failed: true,
    };
    let failed = status(State::Failed, Some("boom"));
    let expected = status(State::Restarting, Some("boom"));
    for now in [
        failed.clone(),
        status(State::Restarting, None),
        status(State::Running, None),
    ] {
        let shown = restarting(now, &failed, &request);
        assert_eq!(shown, expected);
    }
    // What fails only now is restarted as well.
    let running = status(State::Running, None);
    assert_eq!(restarting(failed, &running, &request), expected);
}
