//! New task configurations on their way from the connector that made them into the config topic.
//!
//! The worker that runs the connector compares them with what the topic has. If they differ, the leader writes them; any other
//! worker sends them to the leader, and tries again until the leader has taken them or there are newer ones.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::orders::task_records;
use super::{Action, Core, Ticket};
use crate::herder::HerderError;
use crate::herder::entities::ConfigMap;
use crate::runtime::State;

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
        if same {
            self.handover.waiting.remove(name);
            return;
        }
        info!("Connector {name} has {generated} new task configurations");
        if self.group.is_leader() {
            self.writes += 1;
            let configs = configs
                .iter()
                .map(|config| ConfigMap::clone(config))
                .collect();
            let ticket = Ticket(OWN_TICKETS - self.writes);
            self.actions.push_back(Action::WriteConfig {
                ticket,
                records: task_records(name, configs),
            });
        } else {
            self.handover.waiting.insert(
                Arc::clone(name),
                Parcel {
                    configs,
                    wait: RETRY_MIN,
                    due: Some(now),
                },
            );
            self.resend_task_configs(now);
        }
    }

    /// Sends what is due, if there is a leader to send it to.
    pub(super) fn resend_task_configs(&mut self, now: Instant) {
        let leader_url = self.group.leader_url().cloned();
        for (name, parcel) in &mut self.handover.waiting {
            if parcel.due.is_none_or(|due| due > now) {
                continue;
            }
            let Some(leader_url) = &leader_url else {
                parcel.due = Some(now + parcel.wait);
                continue;
            };
            parcel.due = None;
            self.actions.push_back(Action::SendTaskConfigs {
                name: Arc::clone(name),
                leader_url: Arc::clone(leader_url),
                configs: parcel.configs.clone(),
            });
        }
    }

    /// The leader has taken task configurations, or has not.
    pub(crate) fn handle_sent(
        &mut self,
        now: Instant,
        name: &Arc<str>,
        result: Result<(), HerderError>,
    ) {
        let gone = !self.config.connectors.contains_key(name)
            || !self.group.assigned().connectors.contains(name);
        if result.is_ok() || gone {
            self.handover.waiting.remove(name);
            return;
        }
        if let (Err(error), Some(parcel)) = (result, self.handover.waiting.get_mut(name)) {
            warn!(connector = &**name, %error, "the leader did not take new task configurations; they are sent again");
            parcel.due = Some(now + parcel.wait);
            parcel.wait = (parcel.wait * 2).min(RETRY_MAX);
        }
    }
}
