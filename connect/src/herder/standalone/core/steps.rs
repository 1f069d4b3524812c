//! What the steps of jobs do.

use std::sync::Arc;
use std::time::Instant;

use tracing::info;

use super::super::entry::{Step, Waiting, Which};
use super::{Action, CONNECTOR_STOP_TIMEOUT, Core, JobAnswer};
use crate::herder::order::{Outcome, Ticket};
use crate::herder::{HerderError, Put};
use crate::runtime::{ConnectorTaskId, RunId, State, TargetState};

impl Core {
    /// Does the steps of a connector's jobs until one has to wait.
    pub(super) fn advance(&mut self, now: Instant, name: &Arc<str>) {
        loop {
            let Some(entry) = self
                .entries
                .get_mut(name)
                .filter(|entry| entry.waiting.is_none())
            else {
                return;
            };
            let Some(job) = entry.jobs.front_mut() else {
                return;
            };
            match job.steps.pop_front() {
                Some(step) => self.step(now, name, step),
                None => {
                    let answer = entry.jobs.pop_front().and_then(|job| job.answer);
                    self.job_done(name, answer);
                }
            }
            self.changed.insert(Arc::clone(name));
        }
    }

    fn job_done(&mut self, name: &Arc<str>, answer: Option<(Ticket, JobAnswer)>) {
        let Some((ticket, answer)) = answer else {
            return;
        };
        let outcome = match (answer, self.entries.get(name)) {
            (JobAnswer::Put { created }, Some(entry)) => {
                let info = entry.view(name, &self.options.worker_id).info(name);
                Outcome::Put(Put { created, info })
            }
            _ => Outcome::Done,
        };
        self.answer(ticket, Ok(outcome));
    }

    fn step(&mut self, now: Instant, name: &Arc<str>, step: Step) {
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        match step {
            Step::StopTasks(which) => self.stop_tasks(now, name, &which),
            Step::ForgetTasks => {
                entry.tasks.clear();
                entry.task_configs.clear();
                entry.applied = None;
            }
            Step::StopConnector => {
                if let Some(run) = entry.connector.run {
                    entry.waiting = Some(Waiting::ConnectorGone {
                        deadline: now + CONNECTOR_STOP_TIMEOUT,
                    });
                    let name = Arc::clone(name);
                    self.actions.push_back(Action::StopConnector { name, run });
                }
            }
            Step::Configure(spec) => entry.spec = spec,
            Step::SetTarget(target) => self.apply_target(name, target),
            Step::StartConnector => self.start_connector(name),
            Step::UpdateTasks => {
                if let Some(run) = entry
                    .connector
                    .run
                    .filter(|_| entry.connector.state == Some(State::Running))
                {
                    entry.waiting = Some(Waiting::TaskConfigs);
                    let (name, tasks_max) = (Arc::clone(name), entry.spec.tasks_max);
                    self.actions.push_back(Action::AskTaskConfigs {
                        name,
                        run,
                        tasks_max,
                    });
                }
            }
            Step::ReplaceTasks(configs) => {
                entry.tasks = (0..)
                    .zip(&configs)
                    .map(|(task, _)| (task, Default::default()))
                    .collect();
                entry.task_configs = configs;
                entry.applied = Some(Arc::clone(&entry.spec.config));
                self.start_tasks(name, &Which::All);
            }
            Step::StartTasks(which) => self.start_tasks(name, &which),
            Step::Hold(ticket) => self.hold(ticket, name),
            Step::Forget => self.forget(name),
        }
    }

    /// Offsets are changed only of a connector that was told to stop and has no tasks any more.
    fn hold(&mut self, ticket: Ticket, name: &Arc<str>) {
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        let is_stopped = entry.target == TargetState::Stopped && entry.task_configs.is_empty();
        let answer = if is_stopped {
            entry.waiting = Some(Waiting::Release);
            Ok(Outcome::Config(Arc::clone(&entry.spec.config)))
        } else {
            Err(HerderError::not_stopped(name))
        };
        self.answer(ticket, answer);
    }

    fn forget(&mut self, name: &Arc<str>) {
        info!(connector = &**name, "connector deleted");
        let left = self
            .entries
            .remove(name)
            .map(|entry| entry.jobs)
            .unwrap_or_default();
        for (nth, job) in left.into_iter().enumerate() {
            // The first one is the deletion itself.
            let gone = if nth == 0 {
                Ok(Outcome::Done)
            } else {
                Err(HerderError::connector_not_found(name))
            };
            if let Some((ticket, _)) = job.answer {
                self.answer(ticket, gone);
            }
        }
    }

    fn start_connector(&mut self, name: &Arc<str>) {
        let run = self.next_run();
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        entry.connector.starts(run);
        entry.waiting = Some(Waiting::ConnectorState);
        self.actions.push_back(Action::StartConnector {
            name: Arc::clone(name),
            run,
            config: Arc::clone(&entry.spec.config),
            target: entry.target,
        });
    }

    fn apply_target(&mut self, name: &Arc<str>, target: TargetState) {
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        info!(connector = &**name, %target, "setting connector state");
        entry.target = target;
        for (&task, part) in &entry.tasks {
            if let Some(run) = part.run {
                let id = ConnectorTaskId::new(name, task);
                self.actions
                    .push_back(Action::SetTaskTarget { id, run, target });
            }
        }
        // One that has failed stays so until it is restarted.
        if let Some(run) = entry
            .connector
            .run
            .filter(|_| entry.connector.state != Some(State::Failed))
        {
            entry.waiting = Some(Waiting::ConnectorState);
            let name = Arc::clone(name);
            self.actions
                .push_back(Action::SetConnectorTarget { name, run, target });
        }
    }

    fn stop_tasks(&mut self, now: Instant, name: &Arc<str>, which: &Which) {
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        for (&task, part) in entry.tasks.iter().filter(|&(&task, _)| which.has(task)) {
            if let Some(run) = part.run {
                entry.stopping.insert(task);
                let id = ConnectorTaskId::new(name, task);
                self.actions.push_back(Action::StopTask { id, run });
            }
        }
        if !entry.stopping.is_empty() {
            entry.waiting = Some(Waiting::TasksGone {
                deadline: now + self.options.task_grace,
            });
        }
    }

    fn start_tasks(&mut self, name: &Arc<str>, which: &Which) {
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        for ((task, config), part) in (0..).zip(&entry.task_configs).zip(entry.tasks.values_mut()) {
            if !which.has(task) || part.run.is_some() {
                continue;
            }
            self.runs += 1;
            let run = RunId(self.runs);
            part.starts(run);
            self.actions.push_back(Action::StartTask {
                id: ConnectorTaskId::new(name, task),
                run,
                connector: Arc::clone(&entry.spec.config),
                config: Arc::clone(config),
                target: entry.target,
            });
        }
    }
}
