//! Decides what a worker of a cluster does: orders, records, reports and the group's events come in, actions go out.
//!
//! What should run here follows from two things: what the leader assigned, and what the config topic says. Whenever one of
//! them changes, the difference to what runs is started or stopped ([`parts`]); there is no list of orders to keep in step.
//! What an operator asks for becomes records of the config topic, and takes effect when those are read back, here as on every
//! other worker.
//!
//! ```text
//! group        Joined ──▶ read the config topic up to the leader's offset
//!                         stop what was revoked ──▶ Ready (joins again at once if something was revoked)
//! config topic record ──▶ ConfigState ──▶ compare and start, stop, retarget; ask the group to rebalance
//! connector    RUNNING ─▶ ask for task configurations ──▶ changed? leader: write them; others: send them to the leader
//! REST         order ───▶ check ──▶ write records ──▶ read back ──▶ answer
//! ```
//!
//! Protocols and their messages: KIP-415 (incremental cooperative rebalancing), KIP-507 (session keys), KIP-745 (restart),
//! KIP-875 (stopped state), KIP-976 (loggers).

mod config;
mod group;
mod orders;
mod parts;
mod reports;
mod tasks;
#[cfg(test)]
mod tests;
mod view;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) use crate::herder::order::{Order, Outcome, Ticket};
pub(crate) use group::Membership;

use super::leader::Owners;
use crate::distributed::Work;
use crate::distributed::config_log::{ConfigRecord, ConfigState};
use crate::distributed::protocol::Protocol;
use crate::distributed::session::SignatureAlgorithm;
use crate::distributed::status_log::{Status, StatusKey, StatusState};
use crate::herder::entities::{ConfigMap, ConnectorType};
use crate::herder::{ConnectorView, HerderError, Stage};
use crate::runtime::{ConnectorTaskId, RunId, TargetState};
use group::Group;
use orders::Waiting;
use parts::{Change, Parts, Wanted};

/// How long a connector has to stop before it is abandoned; Kafka Connect has it fixed, too.
const CONNECTOR_STOP_TIMEOUT: Duration = Duration::from_secs(5);

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
    },
    StopConnector {
        name: Arc<str>,
        run: RunId,
    },
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
    AbandonTask {
        id: ConnectorTaskId,
        run: RunId,
    },
    /// Answer the group's last event: this worker is ready for the next generation.
    Ready(Membership),
    /// Ask the group to rebalance.
    Rejoin(&'static str),
    /// Leave the group, and join again after a while.
    BackOff(Duration),
    /// Read the config topic to its end, which is not before this offset, then say so.
    ReadConfig {
        offset: i64,
    },
    /// Write records in order, read them back, then say how it went.
    WriteConfig {
        ticket: Ticket,
        records: Vec<ConfigRecord>,
    },
    /// Send the task configurations of a connector to the leader, then say how it went.
    SendTaskConfigs {
        name: Arc<str>,
        leader_url: Arc<str>,
        configs: Vec<Arc<ConfigMap>>,
    },
    /// Write a record of the status topic; a tombstone if there is no status.
    PutStatus {
        key: StatusKey,
        status: Option<Status>,
    },
    /// Note that a connector uses a topic.
    PutTopic {
        connector: Arc<str>,
        topic: Arc<str>,
        task: u32,
    },
    /// Make a new session key and write it.
    NewSessionKey,
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
    /// `host:port` under which statuses name this worker.
    pub(crate) worker_id: Arc<str>,
    /// Where other workers reach this one.
    pub(crate) url: String,
    /// `connect.protocol`.
    pub(crate) protocol: Protocol,
    /// `task.shutdown.graceful.timeout.ms`.
    pub(crate) task_grace: Duration,
    /// `worker.sync.timeout.ms`.
    pub(crate) sync_timeout: Duration,
    /// `worker.unsync.backoff.ms`.
    pub(crate) unsync_backoff: Duration,
    /// `scheduled.rebalance.max.delay.ms`.
    pub(crate) max_delay: Duration,
    /// `inter.worker.key.ttl.ms`, in milliseconds; 0 for ever.
    pub(crate) key_ttl_ms: i64,
    /// `inter.worker.key.generation.algorithm`.
    pub(crate) key_algorithm: SignatureAlgorithm,
    /// `inter.worker.key.size`, in bits.
    pub(crate) key_bits: usize,
    /// `topic.tracking.enable`.
    pub(crate) topic_tracking: bool,
    /// `topic.tracking.allow.reset`.
    pub(crate) topic_tracking_reset: bool,
}

/// What the core asks about plugins, without touching them.
pub(crate) trait PluginFacts: std::fmt::Debug + Send + Sync {
    /// Source or sink.
    fn kind(&self, config: &ConfigMap) -> ConnectorType;
    /// The plugin's version.
    fn version(&self, config: &ConfigMap) -> Option<Arc<str>>;
    /// `tasks.max`, and whether more tasks than that fail the connector.
    fn tasks_max(&self, config: &ConfigMap) -> (u32, bool);
}

/// The brain of a worker in a cluster.
#[derive(Debug)]
pub(crate) struct Core {
    options: Options,
    plugins: Box<dyn PluginFacts>,
    config: ConfigState,
    statuses: StatusState,
    group: Group,
    connectors: Parts<Arc<str>>,
    tasks: Parts<ConnectorTaskId>,
    /// Task configurations on their way to the leader.
    handover: tasks::Handover,
    waiting: Vec<Waiting>,
    runs: u64,
    writes: u64,
    actions: VecDeque<Action>,
    starting: Option<Stage>,
    views: BTreeMap<Arc<str>, Arc<ConnectorView>>,
    view_is_stale: bool,
    stopping: bool,
    stopped: bool,
    abandoned: Vec<String>,
}

impl Core {
    pub(crate) fn new(options: Options, plugins: Box<dyn PluginFacts>, starting: Stage) -> Self {
        Self {
            options,
            plugins,
            config: ConfigState::new(),
            statuses: StatusState::default(),
            group: Group::default(),
            connectors: Parts::new(),
            tasks: Parts::new(),
            handover: tasks::Handover::default(),
            waiting: Vec::new(),
            runs: 0,
            writes: 0,
            actions: VecDeque::new(),
            starting: Some(starting),
            views: BTreeMap::new(),
            view_is_stale: true,
            stopping: false,
            stopped: false,
            abandoned: Vec::new(),
        }
    }

    /// The internal topics have been read to their ends: what they say is acted on from now on.
    pub(crate) fn ready(&mut self, now: Instant) {
        self.starting = None;
        self.view_is_stale = true;
        self.settle(now);
    }

    /// The configuration as it was last read.
    pub(crate) const fn config(&self) -> &ConfigState {
        &self.config
    }

    /// How many tasks the connector may have; none without such a connector.
    pub(crate) fn tasks_max(&self, name: &str) -> Option<u32> {
        let connector = self.config.connectors.get(name)?;
        Some(self.plugins.tasks_max(&connector.config).0)
    }

    /// What this worker takes part with in the next generation.
    pub(crate) fn membership(&self) -> Membership {
        self.group.membership(&self.options, self.config.offset)
    }

    /// The next thing to do.
    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Self::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        [
            self.connectors.deadline(),
            self.tasks.deadline(),
            self.group.deadline(),
            self.handover.deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Something is due: a part that has not stopped, a delayed rebalance, a leader that did not answer.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        for change in self.connectors.abandon_late(now) {
            self.change_connector(change);
        }
        for change in self.tasks.abandon_late(now) {
            self.change_task(change);
        }
        self.group_timeout(now);
        self.resend_task_configs(now);
        self.settle(now);
    }

    /// Stops everything; what has not ended in time is abandoned.
    pub(crate) fn shutdown(&mut self, now: Instant) {
        self.stopping = true;
        for waiting in std::mem::take(&mut self.waiting) {
            self.answer(waiting.ticket, Err(HerderError::ShuttingDown));
        }
        self.settle(now);
    }

    /// Brings what runs in line with what should run, and says what follows from that.
    fn settle(&mut self, now: Instant) {
        let wanted = self.wanted_connectors();
        let runs = &mut self.runs;
        let changes = self
            .connectors
            .reconcile(&wanted, now + CONNECTOR_STOP_TIMEOUT, &mut || next(runs));
        changes
            .into_iter()
            .for_each(|change| self.change_connector(change));
        let wanted = self.wanted_tasks();
        let runs = &mut self.runs;
        let changes = self
            .tasks
            .reconcile(&wanted, now + self.options.task_grace, &mut || next(runs));
        changes
            .into_iter()
            .for_each(|change| self.change_task(change));
        self.answer_for_what_went();
        self.answer_group();
        self.answer_the_settled();
        self.check_stopped();
    }

    /// What should run here; nothing before everything has been read, and nothing once the worker stops.
    fn assigned(&self) -> Work {
        if self.stopping || self.starting.is_some() {
            Work::default()
        } else {
            self.group.assigned().clone()
        }
    }

    fn wanted_connectors(&self) -> BTreeMap<Arc<str>, Wanted> {
        let assigned = self.assigned();
        let known = assigned
            .connectors
            .iter()
            .filter_map(|name| self.config.connectors.get_key_value(name));
        known
            .map(|(name, connector)| {
                let config = Arc::clone(&connector.config);
                let wanted = Wanted {
                    connector: Arc::clone(&config),
                    config,
                    target: connector.target,
                };
                (Arc::clone(name), wanted)
            })
            .collect()
    }

    fn wanted_tasks(&self) -> BTreeMap<ConnectorTaskId, Wanted> {
        let assigned = self.assigned();
        let known = assigned
            .tasks
            .iter()
            .filter_map(|id| Some((id, self.config.task(id)?)));
        known
            .filter_map(|(id, config)| {
                let connector = self.config.connectors.get(&id.connector)?;
                let (connector, target) = (Arc::clone(&connector.config), connector.target);
                // The tasks of a stopped connector are gone from the topic in a moment.
                let wanted = Wanted {
                    connector,
                    config: Arc::clone(config),
                    target,
                };
                (target != TargetState::Stopped).then(|| (id.clone(), wanted))
            })
            .collect()
    }

    fn change_connector(&mut self, change: Change<Arc<str>>) {
        self.actions.push_back(match change {
            Change::Start(name, run, Wanted { config, target, .. }) => Action::StartConnector {
                name,
                run,
                config,
                target,
            },
            Change::SetTarget(name, run, target) => {
                Action::SetConnectorTarget { name, run, target }
            }
            Change::Stop(name, run) => Action::StopConnector { name, run },
            Change::Abandon(name, run) => {
                tracing::error!("Graceful stop of connector {name} failed.");
                self.abandoned.push(format!("connector {name}"));
                Action::AbandonConnector { name, run }
            }
        });
    }

    fn change_task(&mut self, change: Change<ConnectorTaskId>) {
        self.actions.push_back(match change {
            Change::Start(
                id,
                run,
                Wanted {
                    connector,
                    config,
                    target,
                },
            ) => Action::StartTask {
                id,
                run,
                connector,
                config,
                target,
            },
            Change::SetTarget(id, run, target) => Action::SetTaskTarget { id, run, target },
            Change::Stop(id, run) => Action::StopTask { id, run },
            Change::Abandon(id, run) => {
                tracing::error!("Graceful stop of task {id} failed.");
                self.abandoned.push(format!("task {id}"));
                Action::AbandonTask { id, run }
            }
        });
    }

    fn check_stopped(&mut self) {
        if self.stopping && !self.stopped && self.connectors.is_empty() && self.tasks.is_empty() {
            self.stopped = true;
            let abandoned = std::mem::take(&mut self.abandoned);
            self.actions.push_back(Action::Stopped { abandoned });
        }
    }

    fn answer(&mut self, ticket: Ticket, answer: Result<Outcome, HerderError>) {
        self.actions.push_back(Action::Answer { ticket, answer });
    }

    /// The leader has decided a round: it knows who runs what.
    pub(crate) fn set_owners(&mut self, owners: Owners) {
        self.group.owners = owners;
    }
}

fn next(runs: &mut u64) -> RunId {
    *runs += 1;
    RunId(*runs)
}
