//! Several cores in one simulated cluster: a config topic, a status topic and a group, and events in any order.

mod checks;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use kconnect_client::group::{Generation, Joined, Round, RoundMember};

use super::super::*;
use crate::distributed::assignor::CooperativeAssignor;
use crate::distributed::status_log::encode_status;
use crate::herder::distributed::leader;
use crate::herder::order::ConnectorSpec;
use crate::runtime::State;
use crate::runtime::event::{ConnectorEvent, TaskEvent, WorkerEvent};

pub(super) const MAX_DELAY: Duration = Duration::from_secs(20);

/// Every connector is a source that makes as many tasks as its configuration says.
#[derive(Debug)]
struct Facts;

impl PluginFacts for Facts {
    fn kind(&self, _config: &ConfigMap) -> ConnectorType {
        ConnectorType::Source
    }

    fn version(&self, _config: &ConfigMap) -> Option<Arc<str>> {
        Some("1".into())
    }

    fn tasks_max(&self, config: &ConfigMap) -> (u32, bool) {
        (tasks_of(config), true)
    }
}

fn tasks_of(config: &ConfigMap) -> u32 {
    config
        .get("tasks")
        .map_or(0, |tasks| tasks.parse().unwrap())
}

/// A connector with so many tasks.
fn spec(tasks: u32) -> ConnectorSpec {
    let config = ConfigMap::from([("tasks".to_owned(), tasks.to_string())]);
    ConnectorSpec {
        config: Arc::new(config),
        kind: ConnectorType::Source,
        version: "1".into(),
        tasks_max: tasks,
        tasks_max_enforce: true,
    }
}

pub(super) struct Worker {
    pub(super) core: Core,
    pub(super) id: Arc<str>,
    configs_read: usize,
    statuses_read: usize,
    pub(super) events: VecDeque<WorkerEvent>,
    sent: VecDeque<(Arc<str>, Result<(), HerderError>)>,
    written: VecDeque<Ticket>,
    pub(super) running: BTreeSet<String>,
    /// It has answered the group's last event and may join again.
    ready: bool,
    /// Eager members have stopped everything before they join again.
    revoked: bool,
    generation: Option<i32>,
    assignor: CooperativeAssignor,
    pub(super) answers: BTreeMap<Ticket, Result<Outcome, HerderError>>,
}

pub(super) struct Cluster {
    pub(super) now: Instant,
    pub(super) workers: BTreeMap<Arc<str>, Worker>,
    configs: Vec<ConfigRecord>,
    statuses: Vec<(String, Option<Vec<u8>>)>,
    pub(super) generation: i32,
    rebalancing: bool,
    protocol: Protocol,
    random: u64,
    tickets: u64,
    born: u32,
}

impl Cluster {
    pub(super) fn new(protocol: Protocol, workers: usize, seed: u64) -> Self {
        let mut cluster = Self {
            now: Instant::now(),
            workers: BTreeMap::new(),
            configs: Vec::new(),
            statuses: Vec::new(),
            generation: 0,
            rebalancing: false,
            protocol,
            random: seed,
            tickets: 0,
            born: 0,
        };
        (0..workers).for_each(|_| drop(cluster.add_worker()));
        cluster
    }

    pub(super) fn add_worker(&mut self) -> Arc<str> {
        self.born += 1;
        let id: Arc<str> = format!("w{}", self.born).into();
        let options = Options {
            worker_id: Arc::clone(&id),
            url: format!("http://{id}/"),
            protocol: self.protocol,
            task_grace: Duration::from_secs(5),
            sync_timeout: Duration::from_secs(3),
            unsync_backoff: Duration::from_secs(300),
            max_delay: MAX_DELAY,
            key_ttl_ms: 0,
            key_algorithm: SignatureAlgorithm::HmacSha256,
            key_bits: 256,
            topic_tracking: true,
            topic_tracking_reset: true,
        };
        let mut core = Core::new(
            options,
            Box::new(Facts),
            Stage {
                doing: "starting".to_owned(),
            },
        );
        for (at, record) in (1..).zip(&self.configs) {
            core.handle_record(self.now, Ok(record.clone()), at);
        }
        core.ready(self.now);
        let worker = Worker {
            core,
            id: Arc::clone(&id),
            configs_read: self.configs.len(),
            statuses_read: 0,
            events: VecDeque::new(),
            sent: VecDeque::new(),
            written: VecDeque::new(),
            running: BTreeSet::new(),
            ready: true,
            revoked: true,
            generation: None,
            assignor: CooperativeAssignor::new(MAX_DELAY),
            answers: BTreeMap::new(),
        };
        self.workers.insert(Arc::clone(&id), worker);
        self.rebalancing = true;
        id
    }

    pub(super) fn kill(&mut self, id: &str) {
        self.workers.remove(id);
        self.rebalancing = true;
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.random >> 33).unwrap() % limit
    }

    pub(super) fn order(&mut self, id: &str, order: Order) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let now = self.now;
        self.workers
            .get_mut(id)
            .unwrap()
            .core
            .handle_order(now, ticket, order);
        self.drain(id);
        ticket
    }

    /// An order that the leader carries out, whoever that is.
    #[track_caller]
    pub(super) fn order_leader(
        &mut self,
        make: impl Fn() -> Order,
    ) -> Result<Outcome, HerderError> {
        let leader = self.leader();
        let ticket = self.order(&leader, make());
        self.settle();
        self.workers
            .get_mut(&leader)
            .unwrap()
            .answers
            .remove(&ticket)
            .expect("an answer")
    }

    pub(super) fn leader(&self) -> Arc<str> {
        let leads = |worker: &&Worker| worker.core.group.is_leader();
        Arc::clone(&self.workers.values().find(leads).expect("a leader").id)
    }

    pub(super) fn put(&mut self, name: &str, tasks: u32) {
        let put = || Order::Put {
            name: name.into(),
            spec: spec(tasks),
            initial_state: None,
            allow_replace: true,
        };
        self.order_leader(put).unwrap();
    }

    /// Does what a worker's core wants done.
    fn drain(&mut self, id: &str) {
        while let Some(action) = self
            .workers
            .get_mut(id)
            .and_then(|worker| worker.core.poll_action())
        {
            self.act(id, action);
        }
    }

    /// Starts and stops what a core wants started and stopped; gives back what is not about that.
    fn run(&mut self, id: &str, action: Action) -> Option<Action> {
        let worker = self.workers.get_mut(id).unwrap();
        match action {
            Action::StartConnector {
                name, run, target, ..
            } => {
                assert!(
                    worker.running.insert(name.to_string()),
                    "{name} started twice"
                );
                let event = ConnectorEvent::State(shown(target));
                worker
                    .events
                    .push_back(WorkerEvent::Connector { name, run, event });
            }
            Action::SetConnectorTarget { name, run, target } => {
                let event = ConnectorEvent::State(shown(target));
                worker
                    .events
                    .push_back(WorkerEvent::Connector { name, run, event });
            }
            Action::AskTaskConfigs { name, run } => {
                let config = &worker.core.config.connectors[&name].config;
                let task =
                    |number: u32| Arc::new(ConfigMap::from([("n".to_owned(), number.to_string())]));
                let event = ConnectorEvent::TaskConfigs((0..tasks_of(config)).map(task).collect());
                worker
                    .events
                    .push_back(WorkerEvent::Connector { name, run, event });
            }
            Action::StopConnector { name, run } | Action::AbandonConnector { name, run } => {
                worker.running.remove(&*name);
                worker.events.push_back(WorkerEvent::Connector {
                    name,
                    run,
                    event: ConnectorEvent::Gone,
                });
            }
            Action::StartTask {
                id, run, target, ..
            } => {
                assert!(worker.running.insert(id.to_string()), "{id} started twice");
                let event = TaskEvent::State(shown(target));
                worker
                    .events
                    .push_back(WorkerEvent::Task { id, run, event });
            }
            Action::SetTaskTarget { id, run, target } => {
                let event = TaskEvent::State(shown(target));
                worker
                    .events
                    .push_back(WorkerEvent::Task { id, run, event });
            }
            Action::StopTask { id, run } | Action::AbandonTask { id, run } => {
                worker.running.remove(&id.to_string());
                worker.events.push_back(WorkerEvent::Task {
                    id,
                    run,
                    event: TaskEvent::Gone,
                });
            }
            other => return Some(other),
        }
        None
    }

    fn act(&mut self, id: &str, action: Action) {
        let Some(action) = self.run(id, action) else {
            return;
        };
        let worker = self.workers.get_mut(id).unwrap();
        match action {
            Action::Ready(_) => worker.ready = true,
            Action::Rejoin(_) => self.rebalancing = true,
            Action::ReadConfig { .. }
            | Action::NewSessionKey
            | Action::SetLevel { .. }
            | Action::Stopped { .. } => {}
            Action::BackOff(_) => panic!("{id} could not read the config topic in time"),
            Action::WriteConfig { ticket, records } => {
                self.configs.extend(records);
                worker.written.push_back(ticket);
            }
            Action::SendTaskConfigs {
                name,
                leader_url,
                configs,
            } => self.send(id, name, &leader_url, &configs),
            Action::PutStatus { key, status } => {
                self.statuses
                    .push((key.encode(), status.map(|status| encode_status(&status))));
            }
            Action::Answer { ticket, answer } => {
                worker.answers.insert(ticket, answer);
            }
            _ => {}
        }
    }

    fn send(&mut self, from: &str, name: Arc<str>, leader_url: &str, configs: &[Arc<ConfigMap>]) {
        let leader: Arc<str> = leader_url
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .into();
        let configs = configs
            .iter()
            .map(|config| ConfigMap::clone(config))
            .collect();
        let result = if self.workers.contains_key(&leader) {
            let ticket = self.order(
                &leader,
                Order::PutTasks {
                    name: Arc::clone(&name),
                    configs,
                },
            );
            let refused = self
                .workers
                .get_mut(&leader)
                .unwrap()
                .answers
                .remove(&ticket);
            refused.map_or(Ok(()), |answer| answer.map(drop))
        } else {
            Err(HerderError::Internal("no such host".to_owned()))
        };
        self.workers
            .get_mut(from)
            .unwrap()
            .sent
            .push_back((name, result));
    }

    /// One thing happens somewhere; false if there is nothing left to happen without time passing.
    pub(super) fn step(&mut self) -> bool {
        if self.rebalancing
            && self.workers.values().all(|worker| worker.ready)
            && !self.workers.is_empty()
        {
            if !self.revoke() {
                self.rebalance();
            }
            return true;
        }
        let ids: Vec<Arc<str>> = self.workers.keys().cloned().collect();
        let start = self.below(ids.len().max(1));
        (0..ids.len()).any(|offset| self.step_worker(&ids[(start + offset) % ids.len()]))
    }

    fn step_worker(&mut self, id: &str) -> bool {
        let (now, choice) = (self.now, self.below(5));
        let (configs, statuses) = (self.configs.len(), self.statuses.len());
        let worker = self.workers.get_mut(id).unwrap();
        let mut happened = false;
        for kind in (0..5).map(|kind| (kind + choice) % 5) {
            happened = match kind {
                0 if worker.configs_read < configs => {
                    let record = self.configs[worker.configs_read].clone();
                    worker.configs_read += 1;
                    worker.core.handle_record(
                        now,
                        Ok(record),
                        i64::try_from(worker.configs_read).unwrap(),
                    );
                    true
                }
                1 if worker.statuses_read < statuses => {
                    let (key, value) = &self.statuses[worker.statuses_read];
                    worker.statuses_read += 1;
                    worker.core.handle_status(key, value.as_deref());
                    true
                }
                2 => worker
                    .events
                    .pop_front()
                    .map(|event| worker.core.handle_event(now, event))
                    .is_some(),
                3 => worker
                    .sent
                    .pop_front()
                    .map(|(name, sent)| worker.core.handle_sent(now, &name, sent))
                    .is_some(),
                // What was written has been read back.
                4 if worker.configs_read == configs => worker
                    .written
                    .pop_front()
                    .map(|ticket| worker.core.handle_written(now, ticket, Ok(())))
                    .is_some(),
                _ => false,
            };
            if happened {
                break;
            }
        }
        self.drain(id);
        happened
    }

    /// Tells eager members to stop everything; false if all have done so.
    fn revoke(&mut self) -> bool {
        let now = self.now;
        let eager = self.protocol == Protocol::Eager;
        let running: Vec<Arc<str>> = self
            .workers
            .values()
            .filter(|worker| eager && !worker.revoked)
            .map(|worker| Arc::clone(&worker.id))
            .collect();
        for id in &running {
            let worker = self.workers.get_mut(id).unwrap();
            (worker.ready, worker.revoked) = (false, true);
            worker.core.handle_revoke(now);
            self.drain(id);
        }
        !running.is_empty()
    }

    /// All members have joined: the first one leads.
    fn rebalance(&mut self) {
        self.rebalancing = false;
        self.generation += 1;
        let leader = Arc::clone(self.workers.keys().next().unwrap());
        let members = self.workers.values().map(|worker| RoundMember {
            member_id: Arc::clone(&worker.id),
            group_instance_id: None,
            metadata: worker.core.membership().protocols[0].metadata.clone(),
        });
        let round = Round {
            protocol: self.protocol.group_name().into(),
            generation: self.generation,
            leader: Arc::clone(&leader),
            members: members.collect(),
            skip_assignment: false,
        };
        let now = self.now;
        let leading = self.workers.get_mut(&leader).unwrap();
        // A leader reads the topic to its end before it decides.
        while leading.configs_read < self.configs.len() {
            let record = self.configs[leading.configs_read].clone();
            leading.configs_read += 1;
            leading.core.handle_record(
                now,
                Ok(record),
                i64::try_from(leading.configs_read).unwrap(),
            );
        }
        let decision = leader::decide(
            &mut leading.assignor,
            now,
            &round,
            leading.generation,
            leading.core.config(),
        );
        leading.core.set_owners(decision.owners);
        for (member, assignment) in decision.assignments {
            let worker = self.workers.get_mut(&member).unwrap();
            (worker.ready, worker.revoked, worker.generation) =
                (false, false, Some(self.generation));
            worker.core.handle_joined(
                now,
                &Joined {
                    generation: Generation {
                        id: self.generation,
                        member_id: Arc::clone(&member),
                    },
                    leader: Arc::clone(&leader),
                    protocol: self.protocol.group_name().into(),
                    assignment,
                },
            );
            self.drain(&member);
        }
    }
}

fn shown(target: TargetState) -> State {
    match target {
        TargetState::Started => State::Running,
        TargetState::Paused => State::Paused,
        TargetState::Stopped => State::Stopped,
    }
}
