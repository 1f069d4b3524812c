//! What the records of the config topic change.

use std::sync::Arc;
use std::time::Instant;

use tracing::{debug, info, warn};

use super::orders::Until;
use super::parts::Restart;
use super::{Action, Core, Ticket};
use crate::distributed::config_log::{BadRecord, ConfigEvent, ConfigRecord};
use crate::herder::{HerderError, RestartRequest};
use crate::runtime::{ConnectorTaskId, State};

impl Core {
    /// A record has been read from the config topic; `next_offset` is the one behind it.
    ///
    /// A record that cannot be understood is logged and skipped: it must not stop a worker.
    pub(crate) fn handle_record(
        &mut self,
        now: Instant,
        record: Result<ConfigRecord, BadRecord>,
        next_offset: i64,
    ) {
        self.config.offset = next_offset;
        let event = match record {
            Ok(record) => self.config.apply(record),
            Err(error) => {
                warn!(%error, offset = next_offset - 1, "a record of the config topic is ignored");
                None
            }
        };
        if let Some(event) = event {
            self.view_is_stale = true;
            // What was asked before this worker was there has been done by those that were.
            if self.starting.is_none() {
                self.handle_config_event(event);
            }
        }
        if self.starting.is_none() {
            self.settle(now);
        }
    }

    /// The config topic has been read to its end, and that was not before `offset`.
    ///
    /// The last records before it may be none for this worker: of a transaction that was aborted, which others may read.
    pub(crate) fn handle_read(&mut self, now: Instant, offset: i64) {
        self.config.read_to = self.config.read_to.max(offset);
        self.settle(now);
    }

    fn handle_config_event(&mut self, event: ConfigEvent) {
        match event {
            ConfigEvent::ConnectorAdded(name) => {
                info!("Connector {name} config added");
                self.rebalance("a connector was added");
            }
            // A changed one is restarted where it is.
            ConfigEvent::ConnectorUpdated(name) => info!("Connector {name} config updated"),
            ConfigEvent::ConnectorRemoved(name) => {
                info!("Connector {name} config removed");
                self.fail_waiting_for(&name);
                self.rebalance("a connector was removed");
            }
            ConfigEvent::TasksUpdated(tasks) => {
                let tasks: Vec<String> = tasks.iter().map(ToString::to_string).collect();
                info!("Tasks [{}] configs updated", tasks.join(", "));
                self.rebalance("task configurations were updated");
            }
            ConfigEvent::TargetStateChanged(name) => info!("Connector {name} target state change"),
            ConfigEvent::SessionKeyUpdated => debug!("the session key was updated"),
            ConfigEvent::Restart {
                connector,
                include_tasks,
                only_failed,
            } => {
                self.restart_here(&RestartRequest {
                    name: connector,
                    only_failed,
                    include_tasks,
                });
            }
            ConfigEvent::LoggerLevel { namespace, level } => {
                self.actions
                    .push_back(Action::SetLevel { namespace, level });
            }
        }
    }

    /// Restarts what `request` selects and this worker runs.
    fn restart_here(&mut self, request: &RestartRequest) {
        let selects = |state: Option<State>| !request.only_failed || state == Some(State::Failed);
        let name = &request.name;
        if selects(self.connectors.state(name)) && self.group.assigned().connectors.contains(name) {
            info!("Restarting connector {name}");
            self.restart_connector_part(name);
        }
        if !request.include_tasks {
            return;
        }
        let tasks: Vec<ConnectorTaskId> = self.config.tasks_of(name).collect();
        for id in tasks {
            if selects(self.tasks.state(&id)) && self.group.assigned().tasks.contains(&id) {
                info!("Restarting task {id}");
                self.restart_task_part(&id);
            }
        }
    }

    /// What runs says that it restarts when it has stopped.
    pub(super) fn restart_connector_part(&mut self, name: &Arc<str>) {
        if self.connectors.restart(name) == Restart::Now {
            self.put_connector_status(name, State::Restarting, None);
        }
    }

    pub(super) fn restart_task_part(&mut self, id: &ConnectorTaskId) {
        if self.tasks.restart(id) == Restart::Now {
            self.put_task_status(id, State::Restarting, None);
        }
    }

    /// Records that an order needed have been written and read back, or could not be.
    pub(crate) fn handle_written(
        &mut self,
        now: Instant,
        ticket: Ticket,
        result: Result<(), HerderError>,
    ) {
        if self.own_write_ended(now, ticket, &result) {
            return self.settle(now);
        }
        let Some(at) = self
            .waiting
            .iter()
            .position(|waiting| waiting.ticket == ticket)
        else {
            return;
        };
        if let Err(error) = result {
            self.waiting.remove(at);
            self.answer(ticket, Err(error));
            return;
        }
        if let Until::Written(what) = self.waiting[at].until.clone() {
            self.waiting.remove(at);
            let answer = self.outcome_of(&what);
            self.answer(ticket, answer);
        }
        self.settle(now);
    }

    /// A session key is needed, or has become too old: only the leader makes one.
    pub(crate) fn check_session_key(&mut self, now_ms: i64) {
        if !self.group.is_leader() || !self.group.is_sessioned() || self.group.is_rebalancing() {
            return;
        }
        let options = &self.options;
        let outdated = self.config.session_key.as_ref().is_none_or(|key| {
            key.is_outdated(
                options.key_algorithm,
                options.key_bits,
                options.key_ttl_ms,
                now_ms,
            )
        });
        if outdated {
            self.actions.push_back(Action::NewSessionKey);
        }
    }

    /// Nobody waits for a connector that is gone.
    fn fail_waiting_for(&mut self, name: &str) {
        let waiting = std::mem::take(&mut self.waiting);
        let (gone, left): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|waiting| waiting.is_about(name));
        self.waiting = left;
        for waiting in gone {
            self.answer(waiting.ticket, Err(HerderError::connector_not_found(name)));
        }
    }
}
