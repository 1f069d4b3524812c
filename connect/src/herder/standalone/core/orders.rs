//! What orders from outside become: jobs, or an answer at once.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::super::entry::{Entry, Job, Step, Waiting, Which};
use super::{Action, Core, JobAnswer};
use crate::herder::entities::ConnectorStateInfo;
use crate::herder::order::{ConnectorSpec, Order, Outcome, Ticket};
use crate::herder::{HerderError, RestartRequest};
use crate::runtime::{ConnectorTaskId, State, TargetState};

impl Core {
    /// An order from outside.
    pub(crate) fn handle_order(&mut self, now: Instant, ticket: Ticket, order: Order) {
        if self.stopping {
            return self.answer(ticket, Err(HerderError::ShuttingDown));
        }
        match order {
            Order::Put {
                name,
                spec,
                initial_state,
                allow_replace,
            } => {
                let target = initial_state.unwrap_or(TargetState::Started);
                self.put(now, ticket, &name, spec, target, allow_replace);
            }
            Order::Delete { name } if !self.entries.contains_key(&name) => {
                self.answer(ticket, Err(HerderError::connector_not_found(&name)));
            }
            Order::Delete { name } => {
                let steps = [
                    Step::StopTasks(Which::All),
                    Step::StopConnector,
                    Step::Forget,
                ];
                self.enqueue_stop(now, &name, Job::new(steps, Some((ticket, JobAnswer::Done))));
            }
            Order::SetTarget { name, target } => self.set_target(now, ticket, &name, target),
            Order::RestartConnector { name } if !self.entries.contains_key(&name) => {
                let unknown = HerderError::NotFound(format!("Unknown connector: {name}"));
                self.answer(ticket, Err(unknown));
            }
            Order::RestartConnector { name } => {
                let steps = [Step::StopConnector, Step::StartConnector, Step::UpdateTasks];
                self.enqueue_stop(now, &name, Job::new(steps, Some((ticket, JobAnswer::Done))));
            }
            Order::Restart(request) => {
                let answer = self.restart(now, &request);
                self.answer(ticket, answer.map(Outcome::Status));
            }
            Order::RestartTask(id) => self.restart_task(now, ticket, &id),
            Order::ResetTopics { name } => {
                let answer = self.reset_topics(&name);
                self.answer(ticket, answer.map(|()| Outcome::Done));
            }
            Order::HoldStopped { name } if self.entries.contains_key(&name) => {
                self.enqueue(now, &name, Job::new([Step::Hold(ticket)], None));
            }
            Order::Release { name } => {
                self.waited_for(now, &name, |waiting| waiting == Waiting::Release);
                self.answer(ticket, Ok(Outcome::Done));
            }
            Order::CurrentConfig { name } | Order::HoldStopped { name } => {
                let config = self.entries.get(&name).map(|entry| &entry.spec.config);
                let config = config.ok_or_else(|| HerderError::connector_not_found(&name));
                let answer = config.map(|config| Outcome::Config(Arc::clone(config)));
                self.answer(ticket, answer);
            }
            Order::PutTasks { .. } => self.refuse(ticket, "externally setting task configurations"),
            Order::Fence { .. } => self.refuse(ticket, "exactly-once source connectors"),
            Order::SetLevel { namespace, level } => {
                // This worker is the whole cluster.
                let set = Action::SetLevel { namespace, level };
                self.actions.push_back(set);
                self.answer(ticket, Ok(Outcome::Done));
            }
            Order::Ping => self.answer(ticket, Ok(Outcome::Done)),
        }
    }

    fn refuse(&mut self, ticket: Ticket, what: &str) {
        let text = format!("Kafka Connect in standalone mode does not support {what}.");
        self.answer(ticket, Err(HerderError::Internal(text)));
    }

    fn put(
        &mut self,
        now: Instant,
        ticket: Ticket,
        name: &Arc<str>,
        spec: ConnectorSpec,
        initial_state: TargetState,
        allow_replace: bool,
    ) {
        if !self.entries.contains_key(name) {
            self.entries
                .insert(Arc::clone(name), Entry::new(spec, initial_state));
            self.changed.insert(Arc::clone(name));
            let steps = [Step::StartConnector, Step::UpdateTasks];
            let answer = JobAnswer::Put { created: true };
            return self.enqueue(now, name, Job::new(steps, Some((ticket, answer))));
        }
        if !allow_replace {
            let exists = HerderError::Conflict(format!("Connector {name} already exists"));
            return self.answer(ticket, Err(exists));
        }
        let steps = [
            Step::StopConnector,
            Step::Configure(spec),
            Step::StartConnector,
            Step::UpdateTasks,
        ];
        let answer = JobAnswer::Put { created: false };
        self.enqueue_stop(now, name, Job::new(steps, Some((ticket, answer))));
    }

    fn set_target(&mut self, now: Instant, ticket: Ticket, name: &Arc<str>, target: TargetState) {
        if !self.entries.contains_key(name) {
            return self.answer(
                ticket,
                Err(HerderError::NotFound(format!("Unknown connector {name}"))),
            );
        }
        match target {
            TargetState::Stopped => {
                let steps = [
                    Step::StopTasks(Which::All),
                    Step::ForgetTasks,
                    Step::SetTarget(target),
                ];
                self.enqueue_stop(now, name, Job::new(steps, Some((ticket, JobAnswer::Done))));
            }
            TargetState::Paused => {
                self.answer(ticket, Ok(Outcome::Done));
                self.enqueue(now, name, Job::new([Step::SetTarget(target)], None));
            }
            TargetState::Started => {
                self.answer(ticket, Ok(Outcome::Done));
                self.enqueue(
                    now,
                    name,
                    Job::new([Step::SetTarget(target), Step::UpdateTasks], None),
                );
            }
        }
    }

    /// Restarts what `request` selects; says what that is.
    fn restart(
        &mut self,
        now: Instant,
        request: &RestartRequest,
    ) -> Result<ConnectorStateInfo, HerderError> {
        let name = &request.name;
        let entry = self.entries.get_mut(name);
        let entry =
            entry.ok_or_else(|| HerderError::NotFound(format!("Unknown connector: {name}")))?;
        let selects = |state: Option<State>| !request.only_failed || state == Some(State::Failed);
        let connector = selects(entry.connector.state);
        let chosen = entry
            .tasks
            .iter()
            .filter(|(_, part)| request.include_tasks && selects(part.state));
        let tasks: BTreeSet<u32> = chosen.map(|(&task, _)| task).collect();
        if connector {
            entry.connector.state = Some(State::Restarting);
        }
        for task in &tasks {
            if let Some(part) = entry.tasks.get_mut(task) {
                part.state = Some(State::Restarting);
            }
        }
        let status = entry
            .status(name, &self.options.worker_id)
            .ok_or_else(|| HerderError::no_status(name))?;
        let which = Which::These(tasks);
        let mut steps = VecDeque::from([Step::StopTasks(which.clone())]);
        if connector {
            steps.extend([Step::StopConnector, Step::StartConnector]);
        }
        steps.push_back(Step::StartTasks(which));
        if connector {
            steps.push_back(Step::UpdateTasks);
        }
        self.enqueue_stop(now, name, Job::new(steps, None));
        Ok(status)
    }

    fn restart_task(&mut self, now: Instant, ticket: Ticket, id: &ConnectorTaskId) {
        let Some(entry) = self.entries.get(&id.connector) else {
            return self.answer(ticket, Err(HerderError::connector_not_found(&id.connector)));
        };
        if !entry.tasks.contains_key(&id.task) {
            return self.answer(
                ticket,
                Err(HerderError::NotFound(format!("Task {id} not found"))),
            );
        }
        let which = Which::These(BTreeSet::from([id.task]));
        let steps = [Step::StopTasks(which.clone()), Step::StartTasks(which)];
        self.enqueue(
            now,
            &id.connector,
            Job::new(steps, Some((ticket, JobAnswer::Done))),
        );
    }

    fn reset_topics(&mut self, name: &Arc<str>) -> Result<(), HerderError> {
        if !self.options.topic_tracking {
            return Err(HerderError::Forbidden(
                "Topic tracking is disabled.".to_owned(),
            ));
        }
        if !self.options.topic_tracking_reset {
            return Err(HerderError::Forbidden(
                "Topic tracking reset is disabled.".to_owned(),
            ));
        }
        if let Some(entry) = self.entries.get_mut(name) {
            entry.topics.clear();
            self.changed.insert(Arc::clone(name));
        }
        Ok(())
    }
}
