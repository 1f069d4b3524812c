//! New task configurations on their way from the connector that made them into the config topic.
//!
//! The worker that runs the connector compares them with what the topic has. If they differ, the leader writes them; any other
//! worker sends them to the leader. Either tries again until they are in the topic or there are newer ones.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::orders::task_records;
use super::{Action, Core, Ticket};
use crate::herder::HerderError;
use crate::herder::entities::ConfigMap;
use crate::runtime::{State, TargetState};

/// The first wait after a leader did not take configurations; it doubles up to [`RETRY_MAX`].
const RETRY_MIN: Duration = Duration::from_millis(250);
/// The longest wait.
const RETRY_MAX: Duration = Duration::from_secs(60);
/// Tickets of the core's own writes count down from the top: nobody waits for them.
const OWN_TICKETS: u64 = u64::MAX;

/// Task configurations that the leader has not taken yet, by connector.
#[derive(Debug, Default)]
pub(super) struct Handover {
    waiting: BTreeMap<Arc<str>, Parcel>,
}

#[derive(Debug)]
struct Parcel {
    configs: Vec<Arc<ConfigMap>>,
    wait: Duration,
    /// When to send it again; none while it is on its way.
    due: Option<Instant>,
    /// The write that it is on its way with, if this worker leads.
    ticket: Option<Ticket>,
    /// Others are on their way, and must not arrive after these.
    overtakes: bool,
}

impl Handover {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.waiting.values().filter_map(|parcel| parcel.due).min()
    }
}

impl Core {
    pub(super) fn take_task_configs(
        &mut self,
        now: Instant,
        name: &Arc<str>,
        configs: Vec<Arc<ConfigMap>>,
    ) {
        let Some(connector) = self.config.connectors.get(name) else {
            return;
        };
        if connector.target != TargetState::Started || self.is_stopped(name) {
            info!("Skipping reconfiguration of connector {name} since it is paused or stopped");
            return;
        }
        let (generated, (max, enforce)) =
            (configs.len(), self.plugins.tasks_max(&connector.config));
        if u32::try_from(generated).is_ok_and(|generated| generated > max) {
            let complaint = format!(
                "The connector {name} has generated {generated} tasks, which is greater than {max}, the maximum number of \
                 tasks it is configured to create."
            );
            if enforce {
                return self.put_connector_status(name, State::Failed, Some(complaint.into()));
            }
            warn!("{complaint}");
        }
        let same = !connector.inconsistent
            && connector.tasks == configs
            && connector
                .applied
                .as_ref()
                .is_some_and(|applied| applied == &connector.config);
        let sent = self.handover.waiting.get_mut(name);
        if let Some(parcel) = sent.filter(|parcel| parcel.due.is_none()) {
            (parcel.configs, parcel.overtakes) = (configs, true);
            return;
        }
        if same {
            self.handover.waiting.remove(name);
            return;
        }
        info!("Connector {name} has {generated} new task configurations");
        let parcel = Parcel {
            configs,
            wait: RETRY_MIN,
            due: Some(now),
            ticket: None,
            overtakes: false,
        };
        self.handover.waiting.insert(Arc::clone(name), parcel);
        self.resend_task_configs(now);
    }

    /// Hands on what is due: into the config topic as the leader, else to the leader if there is one.
    pub(super) fn resend_task_configs(&mut self, now: Instant) {
        // Another worker may have the connector by now, and newer configurations from it.
        let mine = &self.group.assigned().connectors;
        // One that does not run gets its tasks when it runs again.
        let runs = |name: &Arc<str>| {
            let connector = self.config.connectors.get(name);
            connector.is_some_and(|connector| connector.target == TargetState::Started)
        };
        self.handover
            .waiting
            .retain(|name, parcel| parcel.due.is_none() || (mine.contains(name) && runs(name)));
        let is_leader = self.group.is_leader();
        let leader_url = self.group.leader_url().cloned();
        for (name, parcel) in &mut self.handover.waiting {
            if parcel.due.is_none_or(|due| due > now) {
                continue;
            }
            let name = Arc::clone(name);
            if is_leader {
                self.writes += 1;
                let ticket = Ticket(OWN_TICKETS - self.writes);
                (parcel.due, parcel.ticket) = (None, Some(ticket));
                let configs = parcel.configs.iter().map(|config| ConfigMap::clone(config));
                let records = task_records(&name, configs.collect());
                self.actions
                    .push_back(Action::WriteConfig { ticket, records });
            } else if let Some(leader_url) = &leader_url {
                parcel.due = None;
                self.actions.push_back(Action::SendTaskConfigs {
                    name,
                    leader_url: Arc::clone(leader_url),
                    configs: parcel.configs.clone(),
                });
            } else {
                parcel.due = Some(now + parcel.wait);
            }
        }
    }

    /// Task configurations that this worker wrote as the leader are in the topic, or are not; false for any other ticket.
    pub(super) fn own_write_ended(
        &mut self,
        now: Instant,
        ticket: Ticket,
        result: &Result<(), HerderError>,
    ) -> bool {
        let mut waiting = self.handover.waiting.iter();
        let Some(name) = waiting.find(|(_, parcel)| parcel.ticket == Some(ticket)) else {
            return false;
        };
        let name = Arc::clone(name.0);
        self.handle_sent(now, &name, result.clone());
        true
    }

    /// The leader has taken task configurations, or has not.
    pub(crate) fn handle_sent(
        &mut self,
        now: Instant,
        name: &Arc<str>,
        result: Result<(), HerderError>,
    ) {
        let wanted = self.config.connectors.get(name);
        let gone = wanted.is_none_or(|connector| connector.target != TargetState::Started)
            || !self.group.assigned().connectors.contains(name);
        let newer = self.handover.waiting.get_mut(name);
        if let Some(parcel) = newer.filter(|parcel| !gone && parcel.overtakes) {
            (parcel.wait, parcel.due) = (RETRY_MIN, Some(now));
            (parcel.ticket, parcel.overtakes) = (None, false);
            return self.resend_task_configs(now);
        }
        if result.is_ok() || gone {
            self.handover.waiting.remove(name);
            return;
        }
        if let (Err(error), Some(parcel)) = (result, self.handover.waiting.get_mut(name)) {
            warn!(connector = &**name, %error, "new task configurations are not in the config topic yet; trying again");
            parcel.due = Some(now + parcel.wait);
            parcel.wait = (parcel.wait * 2).min(RETRY_MAX);
        }
    }
}
