//! What the reports of connectors and tasks change, and what is written about them.

use std::sync::Arc;
use std::time::Instant;

use tracing::error;

use super::orders::Until;
use super::parts::Ended;
use super::{Action, Core, Outcome};
use crate::distributed::status_log::{Status, StatusKey, StatusState};
use crate::herder::HerderError;
use crate::runtime::event::{ConnectorEvent, TaskEvent, WorkerEvent};
use crate::runtime::{ConnectorTaskId, RunId, State};

impl Core {
    /// A report of a connector or task. What an earlier run still says is nobody's business.
    pub(crate) fn handle_event(&mut self, now: Instant, event: WorkerEvent) {
        match event {
            WorkerEvent::Connector { name, run, event } => {
                self.handle_connector(now, &name, run, event)
            }
            WorkerEvent::Task { id, run, event } => self.handle_task(&id, run, event),
        }
        self.settle(now);
    }

    fn handle_connector(
        &mut self,
        now: Instant,
        name: &Arc<str>,
        run: RunId,
        event: ConnectorEvent,
    ) {
        let Some(part) = self.connectors.running(name, run) else {
            return;
        };
        match event {
            ConnectorEvent::State(state) => {
                part.state = Some(state);
                self.put_connector_status(name, state, None);
                self.connector_is_up(name, &Ok(()));
                if state == State::Running {
                    self.actions.push_back(Action::AskTaskConfigs {
                        name: Arc::clone(name),
                        run,
                    });
                }
            }
            ConnectorEvent::NotMade { trace, .. } => {
                part.state = Some(State::Failed);
                let status = Status {
                    // Nothing of the plugin has run.
                    version: None,
                    ..self.status(name, State::Failed, Some(trace.as_str().into()))
                };
                self.put_status_of_connector(name, status);
                self.connector_failed(name, &trace);
            }
            ConnectorEvent::Failed(trace) => {
                part.state = Some(State::Failed);
                self.put_connector_status(name, State::Failed, Some(trace.as_str().into()));
                self.connector_failed(name, &trace);
            }
            ConnectorEvent::TaskConfigs(configs) => self.take_task_configs(now, name, configs),
            ConnectorEvent::Reconfigure => {
                self.actions.push_back(Action::AskTaskConfigs {
                    name: Arc::clone(name),
                    run,
                });
            }
            ConnectorEvent::Gone => {
                if let Some(ended) = self.connectors.ended(name, run) {
                    self.connector_is_down(name, ended);
                }
            }
        }
    }

    fn connector_failed(&mut self, name: &Arc<str>, trace: &str) {
        error!(connector = &**name, "connector failed: {trace}");
        let reason = HerderError::Internal(format!("Failed to start connector: {name}"));
        self.connector_is_up(name, &Err(reason));
    }

    fn handle_task(&mut self, id: &ConnectorTaskId, run: RunId, event: TaskEvent) {
        let Some(part) = self.tasks.running(id, run) else {
            return;
        };
        match event {
            TaskEvent::State(state) => {
                part.state = Some(state);
                self.put_task_status(id, state, None);
                self.task_is_up(id, &Ok(()));
            }
            TaskEvent::Failed(trace) => {
                error!(task = %id, "task failed: {trace}");
                part.state = Some(State::Failed);
                self.put_task_status(id, State::Failed, Some(trace.into()));
                self.task_is_up(
                    id,
                    &Err(HerderError::Internal(format!("Failed to start task: {id}"))),
                );
            }
            TaskEvent::Topic(topic) => {
                if self.options.topic_tracking && !self.uses_topic(&id.connector, &topic) {
                    let connector = Arc::clone(&id.connector);
                    self.actions.push_back(Action::PutTopic {
                        connector,
                        topic,
                        task: id.task,
                    });
                }
            }
            TaskEvent::Gone => {
                if let Some(ended) = self.tasks.ended(id, run) {
                    self.task_is_down(id, ended);
                }
            }
        }
    }

    /// Says so, and that it comes back if it does. If it has been deleted its status goes as well: the leader may have taken it
    /// away already, and what was said here came after that. The leader's own turn comes at the end of the rebalance.
    fn connector_is_down(&mut self, name: &Arc<str>, ended: Ended) {
        if !ended.failed {
            self.put_connector_status(name, State::Unassigned, None);
        }
        if self.config.connectors.contains_key(name) {
            if ended.restarts {
                self.put_connector_status(name, State::Restarting, None);
            }
        } else if !self.group.is_leader() {
            let key = StatusKey::Connector(Arc::clone(name));
            self.actions
                .push_back(Action::PutStatus { key, status: None });
        }
    }

    fn task_is_down(&mut self, id: &ConnectorTaskId, ended: Ended) {
        if !ended.failed {
            self.put_task_status(id, State::Unassigned, None);
        }
        if self.config.task(id).is_some() {
            if ended.restarts {
                self.put_task_status(id, State::Restarting, None);
            }
        } else if !self.group.is_leader() {
            let key = StatusKey::Task(id.clone());
            self.actions
                .push_back(Action::PutStatus { key, status: None });
        }
    }

    fn uses_topic(&self, connector: &str, topic: &str) -> bool {
        self.statuses
            .topics
            .get(connector)
            .is_some_and(|topics| topics.contains_key(topic))
    }

    fn connector_is_up(&mut self, name: &str, result: &Result<(), HerderError>) {
        self.answer_those(
            result,
            |until| matches!(until, Until::ConnectorUp(connector) if **connector == *name),
        );
    }

    fn task_is_up(&mut self, id: &ConnectorTaskId, result: &Result<(), HerderError>) {
        self.answer_those(
            result,
            |until| matches!(until, Until::TaskUp(task) if task == id),
        );
    }

    fn answer_those(&mut self, result: &Result<(), HerderError>, is_it: impl Fn(&Until) -> bool) {
        let (answered, left): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|waiting| is_it(&waiting.until));
        self.waiting = left;
        for waiting in answered {
            self.answer(waiting.ticket, result.clone().map(|()| Outcome::Done));
        }
    }

    /// What an order waits for may have been given to another worker meanwhile, which says nothing here of how it is.
    pub(super) fn answer_for_what_went(&mut self) {
        let assigned = self.group.assigned().clone();
        let went = |until: &Until| match until {
            Until::Written(_) | Until::Settled(_) => false,
            Until::ConnectorUp(name) => !assigned.connectors.contains(name),
            Until::TaskUp(id) => !assigned.tasks.contains(id),
        };
        self.answer_those(&Err(HerderError::rebalancing()), went);
    }

    pub(super) fn put_connector_status(
        &mut self,
        name: &Arc<str>,
        state: State,
        trace: Option<Arc<str>>,
    ) {
        let status = self.status(name, state, trace);
        self.put_status_of_connector(name, status);
    }

    fn put_status_of_connector(&mut self, name: &Arc<str>, status: Status) {
        let now = self.statuses.connectors.get(name);
        if is_safe(status.state) && !StatusState::may_put(now, &status) {
            return;
        }
        let key = StatusKey::Connector(Arc::clone(name));
        self.actions.push_back(Action::PutStatus {
            key,
            status: Some(status),
        });
    }

    pub(super) fn put_task_status(
        &mut self,
        id: &ConnectorTaskId,
        state: State,
        trace: Option<Arc<str>>,
    ) {
        let now = self.statuses.tasks.get(id);
        let status = self.status(&id.connector, state, trace);
        if is_safe(state) && !StatusState::may_put(now, &status) {
            return;
        }
        self.actions.push_back(Action::PutStatus {
            key: StatusKey::Task(id.clone()),
            status: Some(status),
        });
    }

    fn status(&self, connector: &str, state: State, trace: Option<Arc<str>>) -> Status {
        let config = self.config.connectors.get(connector);
        // Kafka says no version of what it has stopped or is about to restart.
        let versioned = !matches!(state, State::Unassigned | State::Restarting);
        Status {
            state,
            trace,
            worker_id: Arc::clone(&self.options.worker_id),
            generation: self.group.generation(),
            version: config
                .filter(|_| versioned)
                .and_then(|connector| self.plugins.version(&connector.config)),
        }
    }
}

/// States that a worker only reports while nobody newer has said something else.
const fn is_safe(state: State) -> bool {
    matches!(state, State::Unassigned | State::Failed)
}
