//! What the reports of connectors and tasks change.

use std::sync::Arc;
use std::time::Instant;

use tracing::{error, warn};

use super::super::entry::{Job, Step, Waiting, Which};
use super::Core;
use crate::herder::HerderError;
use crate::herder::entities::ConfigMap;
use crate::runtime::event::{ConnectorEvent, TaskEvent, WorkerEvent};
use crate::runtime::{ConnectorTaskId, RunId};

impl Core {
    /// A report of a connector or task.
    pub(crate) fn handle_event(&mut self, now: Instant, event: WorkerEvent) {
        match event {
            WorkerEvent::Connector { name, run, event } => {
                self.handle_connector(now, &name, run, event)
            }
            WorkerEvent::Task { id, run, event } => self.handle_task(now, &id, run, event),
        }
        self.check_stopped();
    }

    fn handle_connector(
        &mut self,
        now: Instant,
        name: &Arc<str>,
        run: RunId,
        event: ConnectorEvent,
    ) {
        // What an earlier run still says is nobody's business.
        let Some(entry) = self
            .entries
            .get_mut(name)
            .filter(|entry| entry.connector.run == Some(run))
        else {
            return;
        };
        self.changed.insert(Arc::clone(name));
        match event {
            ConnectorEvent::State(state) => {
                entry.connector.is(state);
                self.waited_for(now, name, |waiting| waiting == Waiting::ConnectorState);
            }
            ConnectorEvent::NotMade { why, trace } => {
                entry.connector.not_made = true;
                self.connector_failed(now, name, &trace, why);
            }
            ConnectorEvent::Failed(trace) => {
                let (waiting, target) = (entry.waiting, entry.target);
                let why = if waiting == Some(Waiting::ConnectorState) {
                    format!("Failed to transition connector {name} to state {target}")
                } else {
                    format!("Failed to start connector {name}: {trace}")
                };
                self.connector_failed(now, name, &trace, why);
            }
            ConnectorEvent::TaskConfigs(configs) => {
                if entry.waiting == Some(Waiting::TaskConfigs) {
                    self.take_task_configs(now, name, configs);
                }
            }
            ConnectorEvent::Reconfigure => {
                self.enqueue(now, name, Job::new([Step::UpdateTasks], None))
            }
            ConnectorEvent::Gone => {
                entry.connector.gone();
                match entry.waiting {
                    // It ended on its own while something was wanted of it.
                    Some(Waiting::ConnectorState | Waiting::TaskConfigs) => {
                        let ended =
                            HerderError::Internal(format!("Connector {name} ended unexpectedly"));
                        self.fail_job(name, ended);
                        self.advance(now, name);
                    }
                    _ => self.waited_for(now, name, |waiting| {
                        matches!(waiting, Waiting::ConnectorGone { .. })
                    }),
                }
            }
        }
    }

    /// `why` is what is answered to who has asked for its start.
    fn connector_failed(&mut self, now: Instant, name: &Arc<str>, trace: &str, why: String) {
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        error!(connector = &**name, "connector failed: {trace}");
        entry.connector.failed(trace);
        if matches!(
            entry.waiting,
            Some(Waiting::ConnectorState | Waiting::TaskConfigs)
        ) {
            self.fail_job(name, HerderError::Internal(why));
            self.advance(now, name);
        }
    }

    fn take_task_configs(&mut self, now: Instant, name: &Arc<str>, configs: Vec<Arc<ConfigMap>>) {
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        let (generated, max) = (configs.len(), entry.spec.tasks_max);
        if u32::try_from(generated).is_ok_and(|generated| generated > max) {
            let complaint = format!(
                "The connector {name} has generated {generated} tasks, which is greater than {max}, the maximum number \
                 of tasks it is configured to create."
            );
            if entry.spec.tasks_max_enforce {
                let why = format!("Failed to start connector {name}: {complaint}");
                return self.connector_failed(now, name, &complaint, why);
            }
            warn!("{complaint}");
        }
        entry.waiting = None;
        if entry.tasks_change(&configs)
            && let Some(job) = entry.jobs.front_mut()
        {
            job.steps.push_front(Step::ReplaceTasks(configs));
            job.steps.push_front(Step::StopTasks(Which::All));
        }
        self.advance(now, name);
    }

    fn handle_task(&mut self, now: Instant, id: &ConnectorTaskId, run: RunId, event: TaskEvent) {
        let Some(entry) = self.entries.get_mut(&id.connector) else {
            return;
        };
        let Some(task) = entry
            .tasks
            .get_mut(&id.task)
            .filter(|task| task.run == Some(run))
        else {
            return;
        };
        match event {
            TaskEvent::State(state) => task.is(state),
            TaskEvent::Failed(trace) => task.failed(&trace),
            TaskEvent::Topic(topic) => {
                if !self.options.topic_tracking || !entry.topics.insert(topic) {
                    return;
                }
            }
            TaskEvent::Gone => {
                task.gone();
                entry.stopping.remove(&id.task);
                if entry.stopping.is_empty() {
                    self.waited_for(now, &id.connector, |waiting| {
                        matches!(waiting, Waiting::TasksGone { .. })
                    });
                }
            }
        }
        self.changed.insert(Arc::clone(&id.connector));
    }

    /// Goes on if the current step waited for what has come.
    pub(super) fn waited_for(
        &mut self,
        now: Instant,
        name: &Arc<str>,
        is_it: impl FnOnce(Waiting) -> bool,
    ) {
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        if entry.waiting.is_some_and(is_it) {
            entry.waiting = None;
            self.advance(now, name);
        }
    }
}
