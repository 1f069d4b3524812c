//! What is asked of this worker over REST: answered, written down for the whole cluster, or sent on to whoever can do it.

use std::sync::Arc;
use std::time::Instant;

use super::{Action, Core, Order, Outcome, Ticket};
use crate::distributed::config_log::ConfigRecord;
use crate::distributed::status_log::StatusKey;
use crate::herder::entities::{ConfigMap, ConnectorState, ConnectorStateInfo};
use crate::herder::order::ConnectorSpec;
use crate::herder::{HerderError, Put, RestartRequest};
use crate::runtime::{ConnectorTaskId, State, TargetState};

/// An order that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) ticket: Ticket,
    pub(super) until: Until,
}

/// What an order waits for.
#[derive(Debug, Clone)]
pub(super) enum Until {
    /// Its records have been written and read back.
    Written(What),
    /// The connector, started again, says how it is.
    ConnectorUp(Arc<str>),
    /// The task, started again, says how it is.
    TaskUp(ConnectorTaskId),
    /// Whatever was taken away from somebody has ended: so have the tasks of the connector, if it is stopped.
    Settled(Arc<str>),
}

/// What to answer once records have been written.
#[derive(Debug, Clone)]
pub(super) enum What {
    Done,
    /// The connector is stopped.
    Stopped(Arc<str>),
    Connector {
        name: Arc<str>,
        created: bool,
    },
    Restarting {
        request: RestartRequest,
        /// How all was when the order came.
        before: Box<ConnectorStateInfo>,
    },
}

impl Waiting {
    pub(super) fn is_about(&self, name: &str) -> bool {
        match &self.until {
            Until::Written(_) | Until::Settled(_) => false,
            Until::ConnectorUp(connector) => **connector == *name,
            Until::TaskUp(id) => *id.connector == *name,
        }
    }
}

impl Core {
    /// An order from outside.
    pub(crate) fn handle_order(&mut self, now: Instant, ticket: Ticket, order: Order) {
        if self.stopping {
            return self.answer(ticket, Err(HerderError::ShuttingDown));
        }
        let written = match order {
            Order::Put {
                name,
                spec,
                initial_state,
                allow_replace,
            } => self.put(&name, spec, initial_state, allow_replace),
            Order::Delete { name } => self.delete(&name),
            Order::SetTarget { name, target } => self.set_target(&name, target),
            Order::Restart(request) => self.restart(request),
            Order::PutTasks { name, configs } => self.put_tasks(&name, configs),
            Order::SetLevel { namespace, level } => Ok((
                vec![ConfigRecord::LoggerLevel { namespace, level }],
                What::Done,
            )),
            Order::RestartConnector { name } => return self.restart_connector(now, ticket, name),
            Order::RestartTask(id) => return self.restart_task(now, ticket, id),
            Order::ResetTopics { name } => {
                let answer = self.reset_topics(&name);
                return self.answer(ticket, answer);
            }
            Order::CurrentConfig { name } => {
                let answer = self.current_config(&name);
                return self.answer(ticket, answer);
            }
            Order::HoldStopped { name } => {
                self.waiting.push(Waiting {
                    ticket,
                    until: Until::Settled(name),
                });
                return self.answer_the_settled();
            }
            Order::Fence { name } => self.fence(&name),
            // Nothing was held: any worker may resume the connector.
            Order::Release { .. } | Order::Ping => return self.answer(ticket, Ok(Outcome::Done)),
        };
        match written {
            Ok((records, what)) => self.write(ticket, records, what),
            Err(error) => self.answer(ticket, Err(error)),
        }
    }

    fn write(&mut self, ticket: Ticket, records: Vec<ConfigRecord>, what: What) {
        self.waiting.push(Waiting {
            ticket,
            until: Until::Written(what),
        });
        self.actions
            .push_back(Action::WriteConfig { ticket, records });
    }

    /// Only the leader changes what all workers have to agree on.
    pub(super) fn check_leader(&self) -> Result<(), HerderError> {
        if self.group.is_leader() {
            return Ok(());
        }
        Err(self.group.leader_url().map_or_else(
            || {
                HerderError::Conflict(
                    "Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway."
                        .to_owned(),
                )
            },
            |url| HerderError::Elsewhere(url.to_string()),
        ))
    }

    fn put(
        &self,
        name: &Arc<str>,
        spec: ConnectorSpec,
        initial_state: Option<TargetState>,
        allow_replace: bool,
    ) -> Result<(Vec<ConfigRecord>, What), HerderError> {
        self.check_leader()?;
        let exists = self.config.connectors.contains_key(name);
        if exists && !allow_replace {
            return Err(HerderError::Conflict(format!(
                "Connector {name} already exists"
            )));
        }
        let target = initial_state.filter(|_| !exists);
        let target = target.map(|target| ConfigRecord::TargetState(Arc::clone(name), Some(target)));
        let connector =
            ConfigRecord::Connector(Arc::clone(name), Some(Arc::unwrap_or_clone(spec.config)));
        let what = What::Connector {
            name: Arc::clone(name),
            created: !exists,
        };
        Ok((target.into_iter().chain([connector]).collect(), what))
    }

    fn delete(&self, name: &Arc<str>) -> Result<(Vec<ConfigRecord>, What), HerderError> {
        self.check_leader()?;
        if !self.config.connectors.contains_key(name) {
            return Err(HerderError::connector_not_found(name));
        }
        let records = vec![
            ConfigRecord::Connector(Arc::clone(name), None),
            ConfigRecord::TargetState(Arc::clone(name), None),
        ];
        Ok((records, What::Done))
    }

    /// Any worker may pause and resume; stopping changes the tasks, which is the leader's business.
    fn set_target(
        &self,
        name: &Arc<str>,
        target: TargetState,
    ) -> Result<(Vec<ConfigRecord>, What), HerderError> {
        if target == TargetState::Stopped {
            self.check_leader()?;
        }
        if !self.config.connectors.contains_key(name) {
            return Err(HerderError::NotFound(format!("Unknown connector {name}")));
        }
        let wish = ConfigRecord::TargetState(Arc::clone(name), Some(target));
        if target == TargetState::Stopped {
            let no_tasks = ConfigRecord::Commit(Arc::clone(name), 0);
            return Ok((vec![no_tasks, wish], What::Stopped(Arc::clone(name))));
        }
        Ok((vec![wish], What::Done))
    }

    /// Whether the connector is stopped, or will be when what is being written has been read back: tasks that come now would
    /// stand behind that in the topic.
    pub(super) fn is_stopped(&self, name: &str) -> bool {
        let connector = self.config.connectors.get(name);
        let stops = |waiting: &Waiting| matches!(&waiting.until, Until::Written(What::Stopped(stopped)) if **stopped == *name);
        connector.is_some_and(|connector| connector.target == TargetState::Stopped)
            || self.waiting.iter().any(stops)
    }

    fn restart(&self, request: RestartRequest) -> Result<(Vec<ConfigRecord>, What), HerderError> {
        self.check_leader()?;
        let name = &request.name;
        if !self.config.connectors.contains_key(name) {
            return Err(HerderError::NotFound(format!("Unknown connector: {name}")));
        }
        self.check_settled()?;
        let before = self.status_of(name).ok_or_else(|| {
            HerderError::NotFound(format!("Status for connector {name} not found"))
        })?;
        let before = Box::new(before);
        let record = ConfigRecord::Restart {
            connector: Arc::clone(name),
            include_tasks: request.include_tasks,
            only_failed: request.only_failed,
        };
        Ok((vec![record], What::Restarting { request, before }))
    }

    fn put_tasks(
        &self,
        name: &Arc<str>,
        configs: Vec<ConfigMap>,
    ) -> Result<(Vec<ConfigRecord>, What), HerderError> {
        self.check_leader()?;
        if !self.config.connectors.contains_key(name) {
            return Err(HerderError::connector_not_found(name));
        }
        if !configs.is_empty() && self.is_stopped(name) {
            return Err(HerderError::BadRequest(format!(
                "Cannot submit non-empty set of task configs for stopped connector {name}"
            )));
        }
        Ok((task_records(name, configs), What::Done))
    }

    fn current_config(&self, name: &str) -> Result<Outcome, HerderError> {
        self.check_leader()?;
        let connector = self.config.connectors.get(name);
        let connector = connector.ok_or_else(|| HerderError::connector_not_found(name))?;
        Ok(Outcome::Config(Arc::clone(&connector.config)))
    }

    /// Answers those who want a connector's tasks to have ended, now that they have, or that another worker knows.
    pub(super) fn answer_the_settled(&mut self) {
        if self.group.is_leader() && !self.group.is_settled() {
            return;
        }
        let waiting = std::mem::take(&mut self.waiting);
        for Waiting { ticket, until } in waiting {
            match until {
                Until::Settled(name) => {
                    let answer = self.check_stopped_connector(&name);
                    self.answer(ticket, answer);
                }
                until => self.waiting.push(Waiting { ticket, until }),
            }
        }
    }

    /// In a settled group, tasks that are not configured any more have been stopped or abandoned.
    fn check_stopped_connector(&self, name: &str) -> Result<Outcome, HerderError> {
        self.check_leader()?;
        let connector = self.config.connectors.get(name);
        let connector = connector.ok_or_else(|| HerderError::connector_not_found(name))?;
        if connector.target != TargetState::Stopped || !connector.tasks.is_empty() {
            return Err(HerderError::not_stopped(name));
        }
        Ok(Outcome::Config(Arc::clone(&connector.config)))
    }

    /// A worker with exactly-once support is about to start a task. Former tasks may have transactions open if a task count
    /// has been written before, and locking those out needs what is not there yet; else the count is all there is to write.
    fn fence(&self, name: &Arc<str>) -> Result<(Vec<ConfigRecord>, What), HerderError> {
        self.check_leader()?;
        let connector = self.config.connectors.get(name);
        let connector = connector.ok_or_else(|| HerderError::connector_not_found(name))?;
        let tasks = u32::try_from(connector.tasks.len()).unwrap_or(u32::MAX);
        match connector.task_count {
            _ if !connector.pending_fencing => Ok((Vec::new(), What::Done)),
            Some(before) if (before, tasks) != (1, 1) => Err(HerderError::Internal(format!(
                "Could not fence out zombies for connector {name}: this leader cannot do that yet; let a Java worker lead the \
                 cluster, or set exactly.once.source.support=disabled on all workers"
            ))),
            _ => Ok((
                vec![ConfigRecord::TaskCount(Arc::clone(name), tasks)],
                What::Done,
            )),
        }
    }

    fn restart_connector(&mut self, now: Instant, ticket: Ticket, name: Arc<str>) {
        let here = self
            .check_restart(&name, || {
                HerderError::NotFound(format!("Unknown connector: {name}"))
            })
            .and_then(|()| {
                if self.group.assigned().connectors.contains(&name) {
                    return Ok(());
                }
                Err(self.elsewhere(self.group.owners.of_connector(&name)))
            });
        if let Err(error) = here {
            return self.answer(ticket, Err(error));
        }
        self.restart_connector_part(&name);
        self.waiting.push(Waiting {
            ticket,
            until: Until::ConnectorUp(name),
        });
        self.settle(now);
    }

    fn restart_task(&mut self, now: Instant, ticket: Ticket, id: ConnectorTaskId) {
        let unknown = || HerderError::NotFound(format!("Unknown connector: {}", id.connector));
        let here = self.check_restart(&id.connector, unknown).and_then(|()| {
            if self.config.task(&id).is_none() {
                return Err(HerderError::NotFound(format!("Unknown task: {id}")));
            }
            if self.group.assigned().tasks.contains(&id) {
                return Ok(());
            }
            Err(self.elsewhere(self.group.owners.of_task(&id)))
        });
        if let Err(error) = here {
            return self.answer(ticket, Err(error));
        }
        self.restart_task_part(&id);
        self.waiting.push(Waiting {
            ticket,
            until: Until::TaskUp(id),
        });
        self.settle(now);
    }

    fn check_restart(
        &self,
        name: &str,
        unknown: impl Fn() -> HerderError,
    ) -> Result<(), HerderError> {
        self.check_settled()?;
        if self.config.connectors.contains_key(name) {
            Ok(())
        } else {
            Err(unknown())
        }
    }

    /// The worker that has it, as far as the leader knows; the leader, as far as others know.
    fn elsewhere(&self, owner: Option<&str>) -> HerderError {
        match self.check_leader() {
            Err(error) => error,
            Ok(()) => owner.map_or_else(HerderError::rebalancing, |url| {
                HerderError::Elsewhere(url.to_owned())
            }),
        }
    }

    /// When the group is about to rebalance nobody knows who has what.
    pub(super) fn check_settled(&self) -> Result<(), HerderError> {
        if self.group.is_rebalancing() {
            Err(HerderError::stale_configuration())
        } else {
            Ok(())
        }
    }

    fn reset_topics(&mut self, name: &Arc<str>) -> Result<Outcome, HerderError> {
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
        self.forget_topics(name);
        Ok(Outcome::Done)
    }

    /// Writes tombstones for every topic that the connector has used.
    pub(super) fn forget_topics(&mut self, name: &Arc<str>) {
        let topics = self.statuses.topics.get(name).into_iter().flatten();
        let keys: Vec<StatusKey> = topics
            .map(|(topic, _)| StatusKey::Topic {
                topic: Arc::clone(topic),
                connector: Arc::clone(name),
            })
            .collect();
        self.actions.extend(
            keys.into_iter()
                .map(|key| Action::PutStatus { key, status: None }),
        );
    }

    /// What to answer now that the records are there.
    pub(super) fn outcome_of(&self, what: &What) -> Result<Outcome, HerderError> {
        match what {
            What::Done | What::Stopped(_) => Ok(Outcome::Done),
            What::Connector { name, created } => {
                let view = self
                    .view_of(name)
                    .ok_or_else(|| HerderError::connector_not_found(name))?;
                Ok(Outcome::Put(Put {
                    created: *created,
                    info: view.info(name),
                }))
            }
            What::Restarting { request, before } => {
                let status = self
                    .status_of(&request.name)
                    .ok_or_else(|| HerderError::no_status(&request.name))?;
                Ok(Outcome::Status(restarting(status, before, request)))
            }
        }
    }
}

/// The records that make `configs` the tasks of a connector.
pub(super) fn task_records(name: &Arc<str>, configs: Vec<ConfigMap>) -> Vec<ConfigRecord> {
    let mut records: Vec<ConfigRecord> = (0..)
        .zip(configs)
        .map(|(task, config)| ConfigRecord::Task(ConnectorTaskId::new(name, task), config))
        .collect();
    let count = u32::try_from(records.len()).unwrap_or(u32::MAX);
    records.push(ConfigRecord::Commit(Arc::clone(name), count));
    records
}

/// A status with everything that `request` selects shown as restarting, with the trace and version from before: a worker that
/// was quick has said something else by now.
pub(super) fn restarting(
    mut status: ConnectorStateInfo,
    before: &ConnectorStateInfo,
    request: &RestartRequest,
) -> ConnectorStateInfo {
    let selects = |state: State| !request.only_failed || state == State::Failed;
    let show = |now: &mut ConnectorState, before: Option<&ConnectorState>| {
        if let Some(before) = before.filter(|before| selects(before.state)) {
            now.clone_from(before);
        }
        if selects(now.state) {
            now.state = State::Restarting;
        }
    };
    show(&mut status.connector, Some(&before.connector));
    for task in status.tasks.iter_mut().filter(|_| request.include_tasks) {
        let mut before = before.tasks.iter().filter(|before| before.id == task.id);
        show(&mut task.state, before.next().map(|before| &before.state));
    }
    status
}
