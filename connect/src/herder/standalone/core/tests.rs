//! The core against scripted events: what it does is compared as text.

mod not_made;

use std::fmt::Write as _;

use super::*;
use crate::herder::RestartRequest;
use crate::herder::entities::{ConnectorStateInfo, ConnectorType};
use crate::herder::order::{ConnectorSpec, Order};
use crate::runtime::State;
use crate::runtime::event::{ConnectorEvent, TaskEvent, WorkerEvent};

/// Drives a core and writes down what it does.
struct Drive {
    core: Core,
    now: Instant,
    tickets: u64,
}

fn spec(config: &[(&str, &str)]) -> ConnectorSpec {
    let config = config
        .iter()
        .map(|&(key, value)| (key.to_owned(), value.to_owned()));
    ConnectorSpec {
        config: Arc::new(config.collect()),
        kind: ConnectorType::Source,
        version: "1".into(),
        tasks_max: 2,
        tasks_max_enforce: true,
    }
}

fn configs(topics: &[&str]) -> Vec<Arc<ConfigMap>> {
    let config = |topic: &&str| ConfigMap::from([("topic".to_owned(), (*topic).to_owned())]);
    topics.iter().map(config).map(Arc::new).collect()
}

fn name() -> Arc<str> {
    "c".into()
}

impl Drive {
    fn new() -> Self {
        let options = Options {
            worker_id: "w:1".into(),
            task_grace: Duration::from_secs(7),
            topic_tracking: true,
            topic_tracking_reset: false,
        };
        let doing = "starting".to_owned();
        Self {
            core: Core::new(options, Stage { doing }),
            now: Instant::now(),
            tickets: 0,
        }
    }

    /// A core with a connector and two tasks that run: runs 1, 2 and 3.
    fn with_two_tasks() -> Self {
        let mut drive = Self::new();
        drive.put(&[("v", "1")], false);
        drive.connector(1, ConnectorEvent::State(State::Running));
        drive.connector(1, ConnectorEvent::TaskConfigs(configs(&["a", "b"])));
        drive.task(0, 2, TaskEvent::State(State::Running));
        drive.task(1, 3, TaskEvent::State(State::Running));
        drive
    }

    fn order(&mut self, order: Order) -> String {
        self.tickets += 1;
        self.core
            .handle_order(self.now, Ticket(self.tickets), order);
        self.actions()
    }

    fn put(&mut self, config: &[(&str, &str)], allow_replace: bool) -> String {
        let (spec, initial_state) = (spec(config), Some(TargetState::Started));
        self.order(Order::Put {
            name: name(),
            spec,
            initial_state,
            allow_replace,
        })
    }

    fn target(&mut self, target: TargetState) -> String {
        self.order(Order::SetTarget {
            name: name(),
            target,
        })
    }

    fn connector(&mut self, run: u64, event: ConnectorEvent) -> String {
        let event = WorkerEvent::Connector {
            name: name(),
            run: RunId(run),
            event,
        };
        self.core.handle_event(self.now, event);
        self.actions()
    }

    fn task(&mut self, task: u32, run: u64, event: TaskEvent) -> String {
        let id = ConnectorTaskId::new(&name(), task);
        self.core.handle_event(
            self.now,
            WorkerEvent::Task {
                id,
                run: RunId(run),
                event,
            },
        );
        self.actions()
    }

    fn wait(&mut self, seconds: u64) -> String {
        self.now += Duration::from_secs(seconds);
        self.core.handle_timeout(self.now);
        self.actions()
    }

    fn actions(&mut self) -> String {
        let mut text = String::new();
        while let Some(action) = self.core.poll_action() {
            if !text.is_empty() {
                text.push_str(", ");
            }
            let _ = match action {
                Action::StartConnector { run, target, .. } => {
                    write!(text, "start c#{} {target}", run.0)
                }
                Action::SetConnectorTarget { run, target, .. } => {
                    write!(text, "c#{} {target}", run.0)
                }
                Action::AskTaskConfigs { run, tasks_max, .. } => {
                    write!(text, "ask c#{} {tasks_max}", run.0)
                }
                Action::StopConnector { run, .. } => write!(text, "stop c#{}", run.0),
                Action::AbandonConnector { run, .. } => write!(text, "abandon c#{}", run.0),
                Action::StartTask {
                    id,
                    run,
                    config,
                    target,
                    ..
                } => {
                    write!(text, "start {id}#{} {} {target}", run.0, config["topic"])
                }
                Action::SetTaskTarget { id, run, target } => {
                    write!(text, "{id}#{} {target}", run.0)
                }
                Action::StopTask { id, run } => write!(text, "stop {id}#{}", run.0),
                Action::AbandonTask { id, run } => write!(text, "abandon {id}#{}", run.0),
                Action::Answer { ticket, answer } => match answer {
                    Ok(Outcome::Done) => write!(text, "ok {}", ticket.0),
                    Ok(Outcome::Put(put)) => {
                        write!(
                            text,
                            "put {} new={} tasks={}",
                            ticket.0,
                            put.created,
                            put.info.tasks.len()
                        )
                    }
                    Ok(Outcome::Config(config)) => write!(text, "config {} {config:?}", ticket.0),
                    Ok(Outcome::Status(status)) => write!(text, "status {}", states(&status)),
                    Err(error) => write!(text, "error {} {error}", ticket.0),
                },
                Action::SetLevel { namespace, level } => write!(text, "{namespace} {level}"),
                Action::Stopped { abandoned } => write!(text, "stopped {abandoned:?}"),
            };
        }
        text
    }

    /// The connector's and its tasks' states as the view shows them.
    fn shown(&mut self) -> String {
        let view = self.core.poll_view();
        let connectors = view.map(|view| view.connectors).unwrap_or_default();
        match connectors
            .get("c")
            .map(|connector| connector.status.clone())
        {
            Some(Some(status)) => states(&status),
            Some(None) => "no status".to_owned(),
            None => "no connector".to_owned(),
        }
    }
}

fn states(status: &ConnectorStateInfo) -> String {
    let tasks = status
        .tasks
        .iter()
        .map(|task| format!(" {}={}", task.id, task.state.state));
    format!("{}{}", status.connector.state, tasks.collect::<String>())
}

#[test]
fn a_new_connector_is_started_then_asked_for_tasks_which_are_started() {
    let mut drive = Drive::new();
    assert_eq!(drive.put(&[], false), "start c#1 STARTED");
    assert_eq!(drive.shown(), "no status");
    assert_eq!(
        drive.connector(1, ConnectorEvent::State(State::Running)),
        "ask c#1 2"
    );
    assert_eq!(
        drive.connector(1, ConnectorEvent::TaskConfigs(configs(&["a", "b"]))),
        "start c-0#2 a STARTED, start c-1#3 b STARTED, put 1 new=true tasks=2"
    );
    drive.task(0, 2, TaskEvent::State(State::Running));
    drive.task(1, 3, TaskEvent::Failed("boom".to_owned()));
    drive.task(1, 3, TaskEvent::Gone);
    assert_eq!(drive.shown(), "RUNNING 0=RUNNING 1=FAILED");
    assert_eq!(drive.put(&[], false), "error 2 Connector c already exists");
}

#[test]
fn a_connector_that_cannot_start_fails_the_order_and_stays_on_record() {
    let mut drive = Drive::new();
    drive.put(&[], false);
    let failed = drive.connector(1, ConnectorEvent::Failed("no such host".to_owned()));
    assert_eq!(
        failed,
        "error 1 Failed to transition connector c to state STARTED"
    );
    drive.connector(1, ConnectorEvent::Gone);
    assert_eq!(drive.shown(), "FAILED");
    assert_eq!(
        drive.order(Order::RestartConnector { name: name() }),
        "start c#2 STARTED"
    );
    assert_eq!(
        drive.connector(2, ConnectorEvent::State(State::Running)),
        "ask c#2 2"
    );
    assert_eq!(
        drive.connector(2, ConnectorEvent::TaskConfigs(Vec::new())),
        "ok 2"
    );
}

#[test]
fn new_configuration_replaces_the_tasks_and_the_same_one_leaves_them() {
    let mut drive = Drive::with_two_tasks();
    assert_eq!(drive.put(&[("v", "2")], true), "stop c#1");
    assert_eq!(
        drive.connector(1, ConnectorEvent::Gone),
        "start c#4 STARTED"
    );
    assert_eq!(
        drive.connector(4, ConnectorEvent::State(State::Running)),
        "ask c#4 2"
    );
    // The same task configurations, but of another configuration: a converter may be another.
    assert_eq!(
        drive.connector(4, ConnectorEvent::TaskConfigs(configs(&["a", "b"]))),
        "stop c-0#2, stop c-1#3"
    );
    assert_eq!(drive.task(0, 2, TaskEvent::Gone), "");
    assert_eq!(
        drive.task(1, 3, TaskEvent::Gone),
        "start c-0#5 a STARTED, start c-1#6 b STARTED, put 2 new=false tasks=2"
    );
    // The connector asks by itself, and nothing has changed.
    assert_eq!(drive.connector(4, ConnectorEvent::Reconfigure), "ask c#4 2");
    assert_eq!(
        drive.connector(4, ConnectorEvent::TaskConfigs(configs(&["a", "b"]))),
        ""
    );
}

#[test]
fn a_restarted_connector_leaves_tasks_alone_whose_configuration_is_the_same() {
    let mut drive = Drive::with_two_tasks();
    assert_eq!(
        drive.order(Order::RestartConnector { name: name() }),
        "stop c#1"
    );
    drive.connector(1, ConnectorEvent::Gone);
    drive.connector(4, ConnectorEvent::State(State::Running));
    assert_eq!(
        drive.connector(4, ConnectorEvent::TaskConfigs(configs(&["a", "b"]))),
        "ok 2"
    );
    assert_eq!(drive.shown(), "RUNNING 0=RUNNING 1=RUNNING");
}

#[test]
fn more_tasks_than_allowed_fail_the_connector() {
    let mut drive = Drive::new();
    drive.put(&[], false);
    drive.connector(1, ConnectorEvent::State(State::Running));
    let answer = drive.connector(1, ConnectorEvent::TaskConfigs(configs(&["a", "b", "c"])));
    assert!(
        answer.starts_with(
            "error 1 Failed to start connector c: The connector c has generated 3 tasks"
        )
    );
    assert_eq!(drive.shown(), "FAILED");
}

#[test]
fn pause_and_resume_are_answered_at_once_and_reach_connector_and_tasks() {
    let mut drive = Drive::with_two_tasks();
    assert_eq!(
        drive.target(TargetState::Paused),
        "ok 2, c-0#2 PAUSED, c-1#3 PAUSED, c#1 PAUSED"
    );
    drive.connector(1, ConnectorEvent::State(State::Paused));
    assert_eq!(
        drive.target(TargetState::Started),
        "ok 3, c-0#2 STARTED, c-1#3 STARTED, c#1 STARTED"
    );
    assert_eq!(
        drive.connector(1, ConnectorEvent::State(State::Running)),
        "ask c#1 2"
    );
    assert_eq!(
        drive.connector(1, ConnectorEvent::TaskConfigs(configs(&["a", "b"]))),
        ""
    );
}

#[test]
fn a_stopped_connector_has_no_tasks_until_it_is_resumed() {
    let mut drive = Drive::with_two_tasks();
    assert_eq!(drive.target(TargetState::Stopped), "stop c-0#2, stop c-1#3");
    drive.task(0, 2, TaskEvent::Gone);
    assert_eq!(drive.task(1, 3, TaskEvent::Gone), "c#1 STOPPED");
    assert_eq!(
        drive.connector(1, ConnectorEvent::State(State::Stopped)),
        "ok 2"
    );
    assert_eq!(drive.shown(), "STOPPED");
    assert_eq!(drive.target(TargetState::Started), "ok 3, c#1 STARTED");
    drive.connector(1, ConnectorEvent::State(State::Running));
    assert_eq!(
        drive.connector(1, ConnectorEvent::TaskConfigs(configs(&["a", "b"]))),
        "start c-0#4 a STARTED, start c-1#5 b STARTED"
    );
}

#[test]
fn only_what_failed_is_restarted_if_that_is_asked_for() {
    let mut drive = Drive::with_two_tasks();
    drive.task(1, 3, TaskEvent::Failed("boom".to_owned()));
    drive.task(1, 3, TaskEvent::Gone);
    let request = RestartRequest {
        name: name(),
        only_failed: true,
        include_tasks: true,
    };
    assert_eq!(
        drive.order(Order::Restart(request)),
        "start c-1#4 b STARTED, status RUNNING 0=RUNNING 1=RESTARTING"
    );
    let request = RestartRequest {
        name: name(),
        only_failed: false,
        include_tasks: true,
    };
    assert_eq!(
        drive.order(Order::Restart(request)),
        "stop c-0#2, stop c-1#4, status RESTARTING 0=RESTARTING 1=RESTARTING"
    );
    drive.task(0, 2, TaskEvent::Gone);
    assert_eq!(drive.task(1, 4, TaskEvent::Gone), "stop c#1");
    assert_eq!(
        drive.connector(1, ConnectorEvent::Gone),
        "start c#5 STARTED"
    );
    assert_eq!(
        drive.connector(5, ConnectorEvent::State(State::Running)),
        "start c-0#6 a STARTED, start c-1#7 b STARTED, ask c#5 2"
    );
}

#[test]
fn one_task_is_restarted_by_itself() {
    let mut drive = Drive::with_two_tasks();
    let id = ConnectorTaskId::new(&name(), 1);
    assert_eq!(drive.order(Order::RestartTask(id)), "stop c-1#3");
    assert_eq!(
        drive.task(1, 3, TaskEvent::Gone),
        "start c-1#4 b STARTED, ok 2"
    );
    let missing = ConnectorTaskId::new(&name(), 8);
    assert_eq!(
        drive.order(Order::RestartTask(missing)),
        "error 3 Task c-8 not found"
    );
}

#[test]
fn a_deleted_connector_is_forgotten_when_everything_of_it_has_ended() {
    let mut drive = Drive::with_two_tasks();
    assert_eq!(
        drive.order(Order::Delete { name: name() }),
        "stop c-0#2, stop c-1#3"
    );
    drive.task(0, 2, TaskEvent::Gone);
    assert_eq!(drive.task(1, 3, TaskEvent::Gone), "stop c#1");
    assert_eq!(drive.connector(1, ConnectorEvent::Gone), "ok 2");
    assert_eq!(drive.shown(), "no connector");
    assert_eq!(
        drive.order(Order::Delete { name: name() }),
        "error 3 Connector c not found"
    );
}

#[test]
fn orders_for_one_connector_are_carried_out_one_after_the_other() {
    let mut drive = Drive::with_two_tasks();
    drive.put(&[("v", "2")], true);
    assert_eq!(drive.put(&[("v", "3")], true), "");
    drive.connector(1, ConnectorEvent::Gone);
    drive.connector(4, ConnectorEvent::State(State::Running));
    drive.connector(4, ConnectorEvent::TaskConfigs(configs(&["a"])));
    drive.task(0, 2, TaskEvent::Gone);
    assert_eq!(
        drive.task(1, 3, TaskEvent::Gone),
        "start c-0#5 a STARTED, put 2 new=false tasks=1, stop c#4"
    );
}

#[test]
fn a_plugin_that_hangs_while_it_starts_does_not_keep_its_connector_from_being_deleted() {
    let mut drive = Drive::new();
    drive.put(&[], false);
    let overtaken = "error 1 Connector c was stopped while it was starting";
    assert_eq!(
        drive.order(Order::Delete { name: name() }),
        format!("{overtaken}, stop c#1")
    );
    assert_eq!(drive.wait(4), "");
    assert_eq!(drive.wait(1), "abandon c#1, ok 2");
}

#[test]
fn tasks_that_do_not_stop_in_time_are_abandoned_and_reported() {
    let mut drive = Drive::with_two_tasks();
    drive.core.shutdown(drive.now);
    assert_eq!(drive.actions(), "stop c-0#2, stop c-1#3");
    assert_eq!(
        drive.core.poll_timeout(),
        Some(drive.now + Duration::from_secs(7))
    );
    drive.task(0, 2, TaskEvent::Gone);
    assert_eq!(drive.wait(7), "abandon c-1#3, stop c#1");
    // What it still says comes too late.
    assert_eq!(drive.task(1, 3, TaskEvent::State(State::Running)), "");
    assert_eq!(
        drive.connector(1, ConnectorEvent::Gone),
        r#"stopped ["task c-1"]"#
    );
    assert_eq!(drive.shown(), "UNASSIGNED 0=UNASSIGNED 1=UNASSIGNED");
    assert_eq!(drive.order(Order::Ping), "error 2 Worker is shutting down");
}

#[test]
fn shutdown_answers_whoever_waits_and_stops_what_was_starting() {
    let mut drive = Drive::new();
    drive.put(&[], false);
    drive.core.shutdown(drive.now);
    assert_eq!(drive.actions(), "error 1 Worker is shutting down, stop c#1");
    assert_eq!(drive.connector(1, ConnectorEvent::Gone), "stopped []");
    let mut idle = Drive::new();
    idle.core.shutdown(idle.now);
    assert_eq!(idle.actions(), "stopped []");
}

#[test]
fn topics_are_noted_once_and_forgotten_only_if_that_is_allowed() {
    let mut drive = Drive::with_two_tasks();
    for topic in ["b", "a", "b"] {
        drive.task(0, 2, TaskEvent::Topic(topic.into()));
    }
    let view = drive.core.poll_view().unwrap();
    assert_eq!(view.connectors["c"].topics, ["a".into(), "b".into()]);
    assert!(drive.core.poll_view().is_none());
    drive.task(0, 2, TaskEvent::Topic("a".into()));
    assert!(drive.core.poll_view().is_none(), "nothing changed");
    assert_eq!(
        drive.order(Order::ResetTopics { name: name() }),
        "error 2 Topic tracking reset is disabled."
    );
}

#[test]
fn the_worker_is_ready_when_it_is_told_so() {
    let mut drive = Drive::new();
    assert!(drive.core.poll_view().unwrap().starting.is_some());
    drive.core.ready();
    assert!(drive.core.poll_view().unwrap().starting.is_none());
}

#[test]
fn a_connector_whose_offsets_are_changed_is_not_resumed_before_that_is_done() {
    let mut drive = Drive::with_two_tasks();
    let hold = || Order::HoldStopped { name: name() };
    let not_stopped = drive.order(hold());
    assert!(
        not_stopped.starts_with("error 2 Connectors must be in the STOPPED state"),
        "{not_stopped}"
    );
    // What is asked for while it stops is answered when it has stopped.
    assert_eq!(drive.target(TargetState::Stopped), "stop c-0#2, stop c-1#3");
    assert_eq!(drive.order(hold()), "");
    drive.task(0, 2, TaskEvent::Gone);
    assert_eq!(drive.task(1, 3, TaskEvent::Gone), "c#1 STOPPED");
    assert_eq!(
        drive.connector(1, ConnectorEvent::State(State::Stopped)),
        "ok 3, config 4 {\"v\": \"1\"}"
    );
    assert_eq!(drive.target(TargetState::Started), "ok 5");
    let release = Order::Release { name: name() };
    assert_eq!(drive.order(release), "c#1 STARTED, ok 6");
}

#[test]
fn a_connector_whose_offsets_are_changed_does_not_keep_the_worker() {
    let mut drive = Drive::with_two_tasks();
    drive.target(TargetState::Stopped);
    drive.task(0, 2, TaskEvent::Gone);
    drive.task(1, 3, TaskEvent::Gone);
    drive.connector(1, ConnectorEvent::State(State::Stopped));
    drive.order(Order::HoldStopped { name: name() });
    drive.core.shutdown(drive.now);
    assert_eq!(drive.actions(), "stop c#1");
    assert_eq!(drive.connector(1, ConnectorEvent::Gone), "stopped []");
}
