//! Decides what a standalone worker starts and stops: orders and reports come in, actions go out, time is told.
//!
//! Every connector has a queue of jobs, each a list of steps, done one after the other; some steps wait for a report of the
//! connector or its tasks. A stop has a deadline, after which what has not ended is abandoned. An order that stops a
//! connector does not wait for a plugin that hangs: it takes the place of the job that waits for it.
//!
//! ```text
//! put (new)       start connector -> update tasks
//! put (existing)  stop connector -> configure -> start connector -> update tasks
//! delete          stop tasks -> stop connector -> forget
//! stop            stop tasks -> forget tasks -> target STOPPED
//! pause, resume   target PAUSED; target STARTED -> update tasks
//! update tasks    ask for task configurations; if they changed: stop tasks -> replace tasks
//! change offsets  hold it as it is, until it is let go
//! ```

mod orders;
mod reports;
mod steps;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::error;

use super::entry::{Entry, Job, Step, Waiting, Which};
use crate::herder::entities::ConfigMap;
use crate::herder::order::{Outcome, Ticket};
use crate::herder::{ClusterView, ConnectorView, HerderError, Stage};
use crate::runtime::{ConnectorTaskId, RunId, TargetState};

/// How long a connector has to stop before it is abandoned; Kafka Connect has it fixed, too.
const CONNECTOR_STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// What to answer when a job is done.
#[derive(Debug, Clone, Copy)]
pub(super) enum JobAnswer {
    Done,
    Put { created: bool },
}

/// What the core wants done.
#[derive(Debug)]
pub(crate) enum Action {
    StartConnector {
        name: Arc<str>,
        run: RunId,
        config: Arc<ConfigMap>,
        target: TargetState,
    },
    SetConnectorTarget {
        name: Arc<str>,
        run: RunId,
        target: TargetState,
    },
    AskTaskConfigs {
        name: Arc<str>,
        run: RunId,
        tasks_max: u32,
    },
    StopConnector {
        name: Arc<str>,
        run: RunId,
    },
    /// Cut it off: it has not stopped in time.
    AbandonConnector {
        name: Arc<str>,
        run: RunId,
    },
    StartTask {
        id: ConnectorTaskId,
        run: RunId,
        connector: Arc<ConfigMap>,
        config: Arc<ConfigMap>,
        target: TargetState,
    },
    SetTaskTarget {
        id: ConnectorTaskId,
        run: RunId,
        target: TargetState,
    },
    StopTask {
        id: ConnectorTaskId,
        run: RunId,
    },
    /// Cut it off: it has not stopped in time.
    AbandonTask {
        id: ConnectorTaskId,
        run: RunId,
    },
    /// Set the level of a logger.
    SetLevel {
        namespace: String,
        level: String,
    },
    /// Tell whoever waits.
    Answer {
        ticket: Ticket,
        answer: Result<Outcome, HerderError>,
    },
    /// Everything has stopped, or has been abandoned: those are named.
    Stopped {
        abandoned: Vec<String>,
    },
}

/// What the core has to know about its worker.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) worker_id: Arc<str>,
    /// `task.shutdown.graceful.timeout.ms`.
    pub(crate) task_grace: Duration,
    /// `topic.tracking.enable`.
    pub(crate) topic_tracking: bool,
    /// `topic.tracking.allow.reset`.
    pub(crate) topic_tracking_reset: bool,
}

/// The brain of a standalone worker.
#[derive(Debug)]
pub(crate) struct Core {
    options: Options,
    entries: BTreeMap<Arc<str>, Entry>,
    runs: u64,
    actions: VecDeque<Action>,
    starting: Option<Stage>,
    /// The connectors whose view is out of date.
    changed: BTreeSet<Arc<str>>,
    views: BTreeMap<Arc<str>, Arc<ConnectorView>>,
    view_is_stale: bool,
    stopping: bool,
    stopped: bool,
    abandoned: Vec<String>,
}

impl Core {
    pub(crate) fn new(options: Options, starting: Stage) -> Self {
        Self {
            options,
            entries: BTreeMap::new(),
            runs: 0,
            actions: VecDeque::new(),
            starting: Some(starting),
            changed: BTreeSet::new(),
            views: BTreeMap::new(),
            view_is_stale: true,
            stopping: false,
            stopped: false,
            abandoned: Vec::new(),
        }
    }

    /// The worker, which is still starting, is busy with `doing`.
    pub(crate) fn starting(&mut self, doing: String) {
        self.starting = Some(Stage { doing });
        self.view_is_stale = true;
    }

    /// The connectors given at the start have been dealt with.
    pub(crate) fn ready(&mut self) {
        self.starting = None;
        self.view_is_stale = true;
    }

    /// Adds a job behind the others.
    fn enqueue(&mut self, now: Instant, name: &Arc<str>, job: Job) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.jobs.push_back(job);
            self.advance(now, name);
        }
    }

    /// Adds a job that begins by stopping something: a job that waits for a plugin's answer is given up for it.
    fn enqueue_stop(&mut self, now: Instant, name: &Arc<str>, job: Job) {
        let waiting = self.entries.get(name).and_then(|entry| entry.waiting);
        if matches!(
            waiting,
            Some(Waiting::ConnectorState | Waiting::TaskConfigs)
        ) {
            let overtaken = HerderError::Conflict(format!(
                "Connector {name} was stopped while it was starting"
            ));
            self.fail_job(name, overtaken);
        }
        self.enqueue(now, name, job);
    }

    /// Stops everything; what has not ended in time is abandoned.
    pub(crate) fn shutdown(&mut self, now: Instant) {
        self.stopping = true;
        for name in self.names() {
            while self.fail_job(&name, HerderError::ShuttingDown) {}
            let steps = [Step::StopTasks(Which::All), Step::StopConnector];
            self.enqueue(now, &name, Job::new(steps, None));
        }
        self.check_stopped();
    }

    fn names(&self) -> Vec<Arc<str>> {
        self.entries.keys().cloned().collect()
    }

    /// Abandons what has not stopped by now.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        for name in self.names() {
            let Some(entry) = self.entries.get_mut(&name) else {
                continue;
            };
            match entry.waiting {
                Some(Waiting::TasksGone { deadline }) if deadline <= now => {
                    for task in std::mem::take(&mut entry.stopping) {
                        let id = ConnectorTaskId::new(&name, task);
                        if let Some(part) = entry.tasks.get_mut(&task)
                            && let Some(run) = part.run
                        {
                            error!("Graceful stop of task {id} failed.");
                            part.gone();
                            self.abandoned.push(format!("task {id}"));
                            self.actions.push_back(Action::AbandonTask { id, run });
                        }
                    }
                }
                Some(Waiting::ConnectorGone { deadline }) if deadline <= now => {
                    if let Some(run) = entry.connector.run {
                        error!("Graceful stop of connector {name} failed.");
                        entry.connector.gone();
                        self.abandoned.push(format!("connector {name}"));
                        let name = Arc::clone(&name);
                        self.actions
                            .push_back(Action::AbandonConnector { name, run });
                    }
                }
                _ => continue,
            }
            self.changed.insert(Arc::clone(&name));
            self.waited_for(now, &name, |_| true);
        }
        self.check_stopped();
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.entries
            .values()
            .filter_map(|entry| entry.waiting?.deadline())
            .min()
    }

    /// The next thing to do.
    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// What is known now, if that has changed since the last call.
    pub(crate) fn poll_view(&mut self) -> Option<ClusterView> {
        if self.changed.is_empty() && !self.view_is_stale {
            return None;
        }
        self.view_is_stale = false;
        for name in std::mem::take(&mut self.changed) {
            match self.entries.get(&name) {
                Some(entry) => {
                    let view = entry.view(&name, &self.options.worker_id);
                    self.views.insert(name, Arc::new(view));
                }
                None => {
                    self.views.remove(&name);
                }
            }
        }
        Some(ClusterView {
            starting: self.starting.clone(),
            connectors: self.views.clone(),
        })
    }

    /// Ends the current job with an error; false if there was none.
    fn fail_job(&mut self, name: &Arc<str>, error: HerderError) -> bool {
        let Some(entry) = self.entries.get_mut(name) else {
            return false;
        };
        entry.waiting = None;
        let Some(job) = entry.jobs.pop_front() else {
            return false;
        };
        if let Some((ticket, _)) = job.answer {
            self.answer(ticket, Err(error));
        }
        true
    }

    fn answer(&mut self, ticket: Ticket, answer: Result<Outcome, HerderError>) {
        self.actions.push_back(Action::Answer { ticket, answer });
    }

    fn check_stopped(&mut self) {
        if self.stopping
            && !self.stopped
            && self
                .entries
                .values()
                .all(|entry| entry.is_idle() && entry.jobs.is_empty())
        {
            self.stopped = true;
            let abandoned = std::mem::take(&mut self.abandoned);
            self.actions.push_back(Action::Stopped { abandoned });
        }
    }

    fn next_run(&mut self) -> RunId {
        self.runs += 1;
        RunId(self.runs)
    }
}

#[cfg(test)]
mod tests;
