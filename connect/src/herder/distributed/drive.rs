//! The one task that owns a distributed worker's state: it waits for one thing, tells the core, does what the core says.
//!
//! It never waits for a broker, a plugin or another worker: whatever takes time is a job of its own, and its end an event.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use kconnect_client::group::{GroupEvent, Member, MemberStatus};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tracing::{error, info, warn};

use super::core::{Core, Ticket};
use super::jobs::Done;
use super::peers::Peers;
use super::protocol::Decide;
use super::status_writer::StatusWriter;
use super::stores::{Reading, Stores};
use super::{leader, now_ms};
use crate::distributed::assignor::CooperativeAssignor;
use crate::distributed::config_log::{ConfigRecord, SessionKey};
use crate::distributed::session::{self, SignatureAlgorithm};
use crate::herder::order::{Call, Waiting};
use crate::herder::{ClusterView, HerderError, InternalRequest};
use crate::runtime::event::WorkerEvent;
use crate::runtime::worker::Worker;
use crate::storage::topic::LogEvent;

/// How many writes of the config topic may wait before orders have to.
const WRITES_MAX: usize = 256;
/// How long the coordinator may take to answer LeaveGroup when the worker stops.
const LEAVE: Duration = Duration::from_secs(3);
/// The wait after the group refused this worker for a reason that may pass.
const REFUSED: Duration = Duration::from_secs(1);

/// What the shell has to know beside the core.
#[derive(Debug, Clone)]
pub(super) struct Options {
    /// `heartbeat.interval.ms`: how long the coordinator may be unknown before work stops.
    pub(super) heartbeat_interval: Duration,
    /// `worker.sync.timeout.ms`.
    pub(super) sync_timeout: Duration,
    pub(super) key_algorithm: SignatureAlgorithm,
    pub(super) key_bits: usize,
    /// `inter.worker.key.ttl.ms`; zero for ever.
    pub(super) key_ttl: Duration,
    pub(super) signature_algorithm: SignatureAlgorithm,
    pub(super) verification_algorithms: Vec<SignatureAlgorithm>,
}

/// Why a herder ended although nobody told it to.
pub(super) type Fatal = String;

/// What the herder waits for.
enum Event {
    Call(Call),
    Shutdown(oneshot::Sender<Vec<String>>),
    Report(Option<WorkerEvent>),
    Config(Option<LogEvent>),
    Status(Option<LogEvent>),
    Group(GroupEvent),
    GroupStatus(MemberStatus),
    Decide(Decide),
    Job(Result<Done, JoinError>),
    Timeout,
}

/// The channels in.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) calls: mpsc::Receiver<Call>,
    pub(super) shutdown: mpsc::Receiver<oneshot::Sender<Vec<String>>>,
    pub(super) reports: mpsc::Receiver<WorkerEvent>,
    pub(super) reading: Reading,
    pub(super) member: Member,
    pub(super) member_status: watch::Receiver<MemberStatus>,
    pub(super) rounds: mpsc::Receiver<Decide>,
}

/// The herder's task.
pub(super) struct Driver {
    pub(super) core: Core,
    pub(super) worker: Worker,
    pub(super) stores: Arc<Stores>,
    pub(super) statuses: StatusWriter,
    pub(super) peers: Arc<dyn Peers>,
    pub(super) options: Options,
    pub(super) assignor: CooperativeAssignor,
    pub(super) view: watch::Sender<Arc<ClusterView>>,
    pub(super) set_level: fn(&str, &str),
    pub(super) jobs: JoinSet<Done>,
    pub(super) waiting: Waiting,
    /// Writes of the config topic that wait for the one that is under way.
    pub(super) writes: VecDeque<(Ticket, Vec<ConfigRecord>)>,
    pub(super) is_writing: bool,
    /// A session key is on its way into the config topic.
    pub(super) key_pending: bool,
    /// When the session key's age is looked at again.
    pub(super) key_check: Option<Instant>,
    pub(super) shutdown: Option<oneshot::Sender<Vec<String>>>,
    pub(super) group: GroupLife,
}

/// Where this worker stands with its group, beside what the core knows.
#[derive(Debug, Default)]
pub(super) struct GroupLife {
    /// It has been told to join.
    pub(super) joins: bool,
    /// It has been a member: orders are taken from then on.
    pub(super) has_joined: bool,
    /// It is away until then, and deaf to what the group still has to say.
    pub(super) away_until: Option<Instant>,
    /// The group refused it; the last event is answered then.
    pub(super) refused_until: Option<Instant>,
    /// The coordinator has been unknown; work stops then.
    pub(super) lost_at: Option<Instant>,
}

impl Driver {
    /// Runs until everything has been shut down.
    ///
    /// # Errors
    ///
    /// Why the worker cannot go on.
    pub(super) async fn run(mut self, mut inbox: Inbox) -> Result<(), Fatal> {
        loop {
            self.publish();
            let event = self.wait(&mut inbox).await;
            self.handle(event, &mut inbox).await?;
            if !self.key_pending {
                self.core.check_session_key(now_ms());
            }
            while let Some(action) = self.core.poll_action() {
                if let Some(abandoned) = self.perform(action, &mut inbox.member).await {
                    self.publish();
                    self.end(abandoned, &mut inbox.member).await;
                    return Ok(());
                }
            }
        }
    }

    fn publish(&mut self) {
        if let Some(changed) = self.core.poll_view() {
            self.view.send_replace(Arc::new(changed));
        }
    }

    /// Waits for one thing; every branch can be given up without loss.
    async fn wait(&mut self, inbox: &mut Inbox) -> Event {
        let deadline = self.deadline();
        let timeout = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        // Orders wait until somebody can tell what there is, and while there is too much to write.
        let takes_orders = self.group.has_joined && self.writes.len() < WRITES_MAX;
        let hears_group = self.group.away_until.is_none() && self.group.refused_until.is_none();
        tokio::select! {
            Some(call) = inbox.calls.recv(), if takes_orders => Event::Call(call),
            Some(reply) = inbox.shutdown.recv() => Event::Shutdown(reply),
            report = inbox.reports.recv() => Event::Report(report),
            event = inbox.reading.config.recv() => Event::Config(event),
            event = inbox.reading.status.recv() => Event::Status(event),
            event = inbox.member.event(), if hears_group => Event::Group(event),
            Ok(()) = inbox.member_status.changed() => {
                Event::GroupStatus(inbox.member_status.borrow_and_update().clone())
            }
            Some(decide) = inbox.rounds.recv() => Event::Decide(decide),
            Some(done) = self.jobs.join_next() => Event::Job(done),
            () = timeout => Event::Timeout,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let core = self.core.poll_timeout().map(Instant::from_std);
        let group = &self.group;
        let own = [
            group.away_until,
            group.refused_until,
            group.lost_at,
            self.key_check,
        ];
        own.into_iter().chain([core]).flatten().min()
    }

    async fn handle(&mut self, event: Event, inbox: &mut Inbox) -> Result<(), Fatal> {
        let now = Instant::now();
        let std_now = now.into_std();
        match event {
            Event::Call(call) => self.handle_call(call),
            Event::Shutdown(reply) => {
                info!("Herder stopping");
                self.shutdown = Some(reply);
                self.core.shutdown(std_now);
            }
            Event::Report(Some(report)) => {
                self.worker.notice(&report);
                self.core.handle_event(std_now, report);
            }
            Event::Config(Some(event)) => self.handle_config(event),
            Event::Status(Some(event)) => self.handle_status(event),
            Event::Group(event) => self.handle_group(event, now)?,
            Event::GroupStatus(status) => self.handle_group_status(&status, now),
            Event::Decide(decide) => self.handle_round(decide),
            Event::Job(Ok(done)) => self.handle_done(done, &mut inbox.member).await,
            Event::Job(Err(panic)) => return Err(format!("please report: {panic}")),
            Event::Timeout => self.handle_timeout(now, &mut inbox.member).await,
            // They end with the runtime only.
            Event::Config(None) | Event::Status(None) | Event::Report(None) => {
                return Err("the internal topics are not read any more".to_owned());
            }
        }
        Ok(())
    }

    fn handle_call(&mut self, call: Call) {
        let Call {
            order,
            signed,
            reply,
        } = call;
        if let Some(Err(refused)) = signed.map(|request| self.check_signature(&request)) {
            // Whoever asked may have stopped waiting.
            let _ = reply.send(Err(refused));
            return;
        }
        let ticket = self.waiting.add(reply);
        self.core
            .handle_order(Instant::now().into_std(), ticket, order);
    }

    fn handle_config(&mut self, event: LogEvent) {
        match event {
            LogEvent::Records(records) => {
                let now = Instant::now().into_std();
                for record in &records {
                    let key = record.key().map(String::from_utf8_lossy);
                    let read =
                        ConfigRecord::decode(key.as_deref().unwrap_or_default(), record.value());
                    self.core.handle_record(now, read, record.offset() + 1);
                }
            }
            // Who asked may have given up.
            LogEvent::Reached(reply) => drop(reply.send(())),
        }
    }

    fn handle_status(&mut self, event: LogEvent) {
        match event {
            LogEvent::Records(records) => {
                for record in &records {
                    let key = record.key().map(String::from_utf8_lossy);
                    self.core
                        .handle_status(key.as_deref().unwrap_or_default(), record.value());
                }
            }
            LogEvent::Reached(reply) => drop(reply.send(())),
        }
    }

    fn handle_group(&mut self, event: GroupEvent, now: Instant) -> Result<(), Fatal> {
        let std_now = now.into_std();
        match event {
            GroupEvent::Revoke => self.core.handle_revoke(std_now),
            GroupEvent::Joined(joined) => {
                self.group.has_joined = true;
                self.core.handle_joined(std_now, &joined);
            }
            GroupEvent::Lost(lost) => self.core.handle_lost(std_now, lost.reason()),
            GroupEvent::Failed(error) if error.is_retriable() => {
                warn!(%error, "the group refuses this worker for now; it tries again");
                self.group.refused_until = Some(now + REFUSED);
            }
            GroupEvent::Failed(error) => {
                return Err(format!("the group refuses this worker: {error}"));
            }
            _ => {}
        }
        Ok(())
    }

    /// A coordinator that is not there keeps its members for as long as their sessions last, at most.
    fn handle_group_status(&mut self, status: &MemberStatus, now: Instant) {
        if status.coordinator.is_some() || !self.group.joins {
            self.group.lost_at = None;
        } else if self.group.lost_at.is_none() {
            self.group.lost_at = Some(now + self.options.heartbeat_interval);
        }
    }

    /// This worker leads: it decides as soon as it has read as far as every other member.
    fn handle_round(&mut self, decide: Decide) {
        let offset = leader::config_offset(&decide.round);
        if self.core.config().has_read(offset) {
            return self.decide(decide);
        }
        let (log, patience) = (self.stores.config.clone(), self.options.sync_timeout);
        self.jobs.spawn(async move {
            // If it takes longer, everybody is told to join again.
            let read = tokio::time::timeout(patience, log.read_to_end()).await;
            let read_to = matches!(read, Ok(Ok(()))).then_some(offset);
            Done::ReadForRound(decide, read_to)
        });
    }

    pub(super) fn decide(&mut self, Decide { round, reply }: Decide) {
        let (now, last) = (Instant::now().into_std(), self.core.last_generation());
        let decision = leader::decide(&mut self.assignor, now, &round, last, self.core.config());
        self.core.set_owners(decision.owners);
        // A round that was overtaken is nobody's business.
        let _ = reply.send(decision.assignments);
    }

    async fn handle_timeout(&mut self, now: Instant, member: &mut Member) {
        let is_due = |at: &mut Option<Instant>| at.take_if(|at| *at <= now).is_some();
        if is_due(&mut self.key_check) || self.key_check.is_none() {
            self.key_check = later(now, self.options.key_ttl);
        }
        if is_due(&mut self.group.lost_at) {
            self.core
                .handle_unreachable(now.into_std(), self.options.heartbeat_interval);
        }
        if is_due(&mut self.group.refused_until) {
            self.tell(member.ready(self.core.membership()).await);
        }
        if is_due(&mut self.group.away_until) {
            while member.try_event().is_some() {}
            self.join(member).await;
        }
        self.core.handle_timeout(now.into_std());
    }

    pub(super) async fn join(&mut self, member: &Member) {
        self.group.joins = true;
        self.tell(member.join(self.core.membership()).await);
    }

    /// The member's task ends with the runtime only.
    pub(super) fn tell(&self, told: Result<(), kconnect_client::Error>) {
        if let Err(error) = told {
            error!(%error, "the group member cannot be told anything any more");
        }
    }

    fn check_signature(&self, request: &InternalRequest) -> Result<(), HerderError> {
        if !self.core.is_sessioned() {
            return Ok(());
        }
        let key: Option<&SessionKey> = self.core.config().session_key.as_ref();
        let (signature, algorithm) = (request.signature.as_deref(), request.algorithm.as_deref());
        let permitted = &self.options.verification_algorithms;
        let checked = session::check(signature, algorithm, permitted, key, &request.body);
        checked.map_err(|refused| match refused.status() {
            400 => HerderError::BadRequest(refused.to_string()),
            403 => HerderError::Forbidden(refused.to_string()),
            _ => HerderError::Unavailable(refused.to_string()),
        })
    }

    /// Everything has stopped: leaves the group and writes what is still to be written.
    async fn end(mut self, abandoned: Vec<String>, member: &mut Member) {
        if self.group.joins && self.group.away_until.is_none() {
            let left = member.leave("the worker is being stopped", LEAVE).await;
            if let Err(error) = left {
                warn!(%error, "the group was not told that this worker stops");
            }
        }
        self.statuses.flush(LEAVE).await;
        self.stores.close().await;
        info!("Herder stopped");
        if let Some(reply) = self.shutdown.take() {
            let _ = reply.send(abandoned);
        }
    }
}

/// When a session key that is made now is too old; never if keys do not age.
pub(super) fn later(now: Instant, ttl: Duration) -> Option<Instant> {
    // A tenth late is early enough, and seldom.
    let wait = (!ttl.is_zero()).then(|| ttl / 10)?;
    now.checked_add(wait.max(Duration::from_millis(100)))
}
