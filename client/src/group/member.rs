//! A group member's handle, and the task behind it: waits for one event, tells the core, does what
//! the core says.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kconnect_protocol::ErrorCode;
use kconnect_protocol::types::BrokerId;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};
use tracing::{Instrument, debug, info, info_span, warn};

use super::membership::{Action, Assignments, Membership};
use super::protocol::{Generation, GroupEvent, GroupProtocol, GroupSettings, Offers};
use super::request::{Answer, Failure, Request, RequestId};
use super::{MemberStatus, wire};
use crate::cluster::{Cluster, CoordinatorKind, Target};
use crate::net::{Purpose, now};
use crate::{Error, ErrorKind};

/// Commands that wait for the task to take them.
const COMMANDS_MAX: usize = 64;
/// Events that wait for the owner. No join begins before the last one was answered, so few ever do.
const EVENTS_MAX: usize = 8;
/// Kafka adds this to the time that a JoinGroup may take.
const JOIN_LAPSE: Duration = Duration::from_secs(5);

/// A member of a group: joins, syncs and heartbeats in the background, and tells its owner what
/// becomes of it.
///
/// The owner takes [`Member::event`]s, answers each with [`Member::ready`], and calls
/// [`Member::polled`] to show that it is alive. A member that is dropped leaves the group in the
/// background.
pub struct Member {
    commands: mpsc::Sender<Command>,
    events: mpsc::Receiver<(u64, GroupEvent)>,
    /// Events that were received and not taken.
    waiting: VecDeque<(u64, GroupEvent)>,
    status: watch::Receiver<MemberStatus>,
    life: Arc<SignOfLife>,
    /// The last event that the owner took.
    told: u64,
}

/// When the owner last polled, told without waking anybody.
#[derive(Debug)]
struct SignOfLife {
    start: Instant,
    millis: AtomicU64,
}

enum Command {
    Join(Offers),
    Ready(u64, Offers),
    Rejoin(String, Option<Offers>),
    Report(Generation, ErrorCode),
    Leave(String, oneshot::Sender<()>),
}

impl Member {
    /// Starts a member that has not joined yet. The task ends when the handle is dropped.
    pub fn start<P: GroupProtocol>(cluster: Cluster, settings: GroupSettings, protocol: P) -> Self {
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        let (outbox, events) = mpsc::channel(EVENTS_MAX);
        let start = now();
        let life = Arc::new(SignOfLife {
            start,
            millis: AtomicU64::new(0),
        });
        let span = info_span!("group", group_id = %settings.group_id);
        let seed = crate::net::Random::from_entropy().next();
        let core = Membership::new(start, settings, seed);
        let (status_sender, status) = watch::channel(core.status());
        let shell = Shell {
            core,
            cluster,
            protocol,
            inbox,
            outbox,
            status: status_sender,
            life: Arc::clone(&life),
            waiting: VecDeque::new(),
            leaving: Vec::new(),
            requests: JoinSet::new(),
            assigning: None,
        };
        tokio::spawn(shell.run().instrument(span));
        Self {
            commands,
            events,
            waiting: VecDeque::new(),
            status,
            life,
            told: 0,
        }
    }

    /// Becomes a member, offering this.
    ///
    /// # Errors
    ///
    /// `Closed` if the member's task has ended, which it does with its runtime only.
    ///
    /// Cancel safe: either it was said or it was not.
    pub async fn join(&self, offers: Offers) -> Result<(), Error> {
        self.send(Command::Join(offers)).await
    }

    /// Answers the event that was taken last, and every one before: the owner has done what it says.
    /// Offers this from now on.
    ///
    /// # Errors
    ///
    /// As [`Member::join`].
    ///
    /// Cancel safe.
    pub async fn ready(&self, offers: Offers) -> Result<(), Error> {
        self.send(Command::Ready(self.told, offers)).await
    }

    /// Asks for a rebalance. `reason` is for the coordinator's log (KIP-800); `offers` if they changed.
    ///
    /// # Errors
    ///
    /// As [`Member::join`].
    ///
    /// Cancel safe.
    pub async fn request_rejoin(&self, reason: &str, offers: Option<Offers>) -> Result<(), Error> {
        self.send(Command::Rejoin(reason.to_owned(), offers)).await
    }

    /// Tells of a coordinator's answer to somebody else's request, such as a commit that was signed
    /// with `generation`: a membership that is gone is noticed before the next heartbeat.
    ///
    /// # Errors
    ///
    /// As [`Member::join`].
    ///
    /// Cancel safe.
    pub async fn report(&self, generation: Generation, code: ErrorCode) -> Result<(), Error> {
        self.reporter().report(generation, code).await
    }

    /// The owner is alive. Costs no more than a store; to be called at least every
    /// [`GroupSettings::poll_interval`].
    pub fn polled(&self) {
        let millis = now().duration_since(self.life.start).as_millis();
        self.life
            .millis
            .store(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Waits for the next event; to be answered with [`Member::ready`].
    ///
    /// Cancel safe: an event is taken when this returns.
    pub async fn event(&mut self) -> GroupEvent {
        if self.waiting.is_empty() {
            match self.events.recv().await {
                Some(event) => self.waiting.push_back(event),
                None => return GroupEvent::Failed(ended()),
            }
        }
        self.try_event()
            .unwrap_or_else(|| GroupEvent::Failed(ended()))
    }

    /// The next event, if there is one already; to be answered with [`Member::ready`].
    ///
    /// Of a membership that is lost only the loss is told: what came before it is void.
    pub fn try_event(&mut self) -> Option<GroupEvent> {
        while let Ok(event) = self.events.try_recv() {
            if matches!(event.1, GroupEvent::Lost(_)) {
                self.waiting.clear();
            }
            self.waiting.push_back(event);
        }
        let (told, event) = self.waiting.pop_front()?;
        self.told = told;
        Some(event)
    }

    /// What is known of the membership now.
    #[must_use]
    pub fn status(&self) -> MemberStatus {
        self.status.borrow().clone()
    }

    /// To wait for changes of the status, such as the coordinator's being lost.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<MemberStatus> {
        self.status.clone()
    }

    /// Leaves the group, for `reason` (KIP-800), and waits for the coordinator's answer for up to
    /// `wait`. A static member says nothing, and keeps its place until its session ends. Events that were
    /// not taken are void; [`Member::join`] joins again.
    ///
    /// # Errors
    ///
    /// `Timeout` if the coordinator did not answer; the member counts as gone all the same.
    ///
    /// Cancel safe: the member leaves, only the answer is given up.
    pub async fn leave(&mut self, reason: &str, wait: Duration) -> Result<(), Error> {
        let (reply, left) = oneshot::channel();
        self.send(Command::Leave(reason.to_owned(), reply)).await?;
        let left = timeout(wait, left).await;
        while self.try_event().is_some() {}
        match left {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(ended()),
            Err(_) => {
                let text =
                    format!("the group's coordinator did not answer LeaveGroup within {wait:?}");
                Err(Error::new(ErrorKind::Timeout, text))
            }
        }
    }

    /// What commits need of a member.
    pub(crate) fn reporter(&self) -> Reporter {
        Reporter {
            commands: self.commands.downgrade(),
            status: self.status.clone(),
        }
    }

    async fn send(&self, command: Command) -> Result<(), Error> {
        self.commands.send(command).await.map_err(|_| ended())
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("status", &*self.status.borrow())
            .finish_non_exhaustive()
    }
}

/// Knows a member's generation, and tells it of errors, without keeping it alive.
#[derive(Clone)]
pub(crate) struct Reporter {
    commands: mpsc::WeakSender<Command>,
    status: watch::Receiver<MemberStatus>,
}

impl Reporter {
    pub(crate) fn generation(&self) -> Option<Generation> {
        self.status.borrow().generation.clone()
    }

    pub(crate) async fn report(
        &self,
        generation: Generation,
        code: ErrorCode,
    ) -> Result<(), Error> {
        let commands = self.commands.upgrade().ok_or_else(ended)?;
        let command = Command::Report(generation, code);
        commands.send(command).await.map_err(|_| ended())
    }
}

fn ended() -> Error {
    Error::new(ErrorKind::Closed, "the group member has ended")
}

type Assigning = Pin<Box<dyn Future<Output = Result<Assignments, Error>> + Send>>;

struct Shell<P> {
    core: Membership,
    cluster: Cluster,
    protocol: P,
    inbox: mpsc::Receiver<Command>,
    outbox: mpsc::Sender<(u64, GroupEvent)>,
    status: watch::Sender<MemberStatus>,
    life: Arc<SignOfLife>,
    /// Events that the owner's channel has no room for yet.
    waiting: VecDeque<(u64, GroupEvent)>,
    /// Who waits for the end of the membership.
    leaving: Vec<oneshot::Sender<()>>,
    requests: JoinSet<(RequestId, Result<Answer, Failure>)>,
    assigning: Option<(RequestId, Assigning)>,
}

enum Event {
    Command(Option<Command>),
    Answer(RequestId, Result<Answer, Failure>),
    Assigned(RequestId, Result<Assignments, Error>),
    Told,
    Timeout,
}

impl<P: GroupProtocol> Shell<P> {
    async fn run(mut self) {
        loop {
            self.act();
            match self.wait().await {
                Event::Command(None) => break,
                event => self.handle(event),
            }
        }
        self.leave_behind().await;
    }

    /// The handle was dropped: says goodbye, if that can be done.
    async fn leave_behind(mut self) {
        if !self.core.is_leaving() {
            self.core.leave("the member was dropped".to_owned());
        }
        self.act();
        while self.core.is_leaving()
            && let Some(answer) = self.requests.join_next().await
        {
            if let Ok((id, answer)) = answer {
                self.core.handle_response(now(), id, answer);
            }
            self.act();
        }
    }

    /// Waits for one event; every branch can be given up without loss.
    async fn wait(&mut self) -> Event {
        let due = self.core.poll_timeout();
        let timeout = async {
            match due {
                Some(due) => sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            command = self.inbox.recv() => Event::Command(command),
            Some(answer) = self.requests.join_next() => match answer {
                Ok((id, answer)) => Event::Answer(id, answer),
                // Only with the runtime.
                Err(_) => Event::Timeout,
            },
            (id, assigned) = assigned(&mut self.assigning) => Event::Assigned(id, assigned),
            permit = self.outbox.reserve(), if !self.waiting.is_empty() => {
                if let (Ok(permit), Some(event)) = (permit, self.waiting.pop_front()) {
                    permit.send(event);
                }
                Event::Told
            }
            () = timeout => Event::Timeout,
        }
    }

    fn handle(&mut self, event: Event) {
        let now = now();
        let alive = Duration::from_millis(self.life.millis.load(Ordering::Relaxed));
        match event {
            Event::Command(Some(command)) => self.command(now, command),
            Event::Command(None) | Event::Told => {}
            Event::Answer(id, answer) => {
                if let Err(Failure::Unreachable(error)) = &answer {
                    debug!(%error, "the group's coordinator did not answer");
                }
                self.core.handle_response(now, id, answer);
            }
            Event::Assigned(id, assigned) => {
                self.assigning = None;
                self.core.handle_assigned(now, id, assigned);
            }
            Event::Timeout => {
                self.core.polled(self.life.start + alive);
                self.core.handle_timeout(now);
            }
        }
    }

    fn command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Join(offers) => self.core.join(now, offers),
            Command::Ready(told, offers) => self.core.ready(now, told, offers),
            Command::Rejoin(reason, offers) => {
                info!(reason, "rebalance requested");
                self.core.request_rejoin(now, reason, offers);
            }
            Command::Report(generation, code) => self.core.report(now, &generation, code),
            Command::Leave(reason, reply) => {
                self.leaving.push(reply);
                self.assigning = None;
                self.waiting.clear();
                self.core.leave(reason);
            }
        }
    }

    fn act(&mut self) {
        while let Some(action) = self.core.poll_action() {
            match action {
                Action::Send(id, request) => {
                    let settings = self.core.settings().clone();
                    let protocol_type = self.protocol.protocol_type();
                    let answer = send(self.cluster.clone(), settings, protocol_type, request);
                    self.requests
                        .spawn(async move { (id, answer.await) }.in_current_span());
                }
                Action::Assign(id, round) => {
                    debug!(
                        members = round.members.len(),
                        generation_id = round.generation,
                        "this member leads the group"
                    );
                    self.assigning = Some((id, Box::pin(self.protocol.assign(round))));
                }
                Action::Tell(told, event) => {
                    log(&event);
                    self.waiting.push_back((told, event));
                }
                Action::Left => {
                    info!("left the group");
                    for reply in self.leaving.drain(..) {
                        // Who no longer waits need not know.
                        let _ = reply.send(());
                    }
                }
            }
        }
        let status = self.core.status();
        self.status.send_if_modified(|last| {
            let is_new = *last != status;
            *last = status;
            is_new
        });
    }
}

async fn assigned(
    assigning: &mut Option<(RequestId, Assigning)>,
) -> (RequestId, Result<Assignments, Error>) {
    match assigning {
        Some((id, assigning)) => (*id, assigning.await),
        None => std::future::pending().await,
    }
}

fn log(event: &GroupEvent) {
    match event {
        GroupEvent::Revoke => info!("group rebalances, giving up everything first"),
        GroupEvent::Joined(joined) => info!(
            generation_id = joined.generation.id,
            member_id = %joined.generation.member_id,
            protocol = %joined.protocol,
            is_leader = joined.is_leader(),
            "joined the group"
        ),
        GroupEvent::Lost(why) => warn!(reason = why.reason(), "membership lost"),
        GroupEvent::Failed(error) => warn!(%error, "the group refuses this member"),
    }
}

/// Sends one request of the core's.
async fn send(
    cluster: Cluster,
    settings: GroupSettings,
    protocol_type: &'static str,
    request: Request,
) -> Result<Answer, Failure> {
    let patience = settings.request_timeout;
    // A broker serves one request of a connection after the other, and holds a JoinGroup or SyncGroup back until the others
    // are there: heartbeats go by another connection.
    let (long, short) = (Purpose::Coordination, Purpose::General);
    let at = |broker: BrokerId| Target::Broker(broker);
    match request {
        Request::FindCoordinator => {
            let group = &*settings.group_id;
            cluster.forget_coordinator(CoordinatorKind::Group, group);
            let found = cluster
                .coordinator(CoordinatorKind::Group, group, now() + patience)
                .await;
            found.map(Answer::Coordinator).map_err(wire::failure)
        }
        Request::Join(broker, join) => {
            let patience = patience.max(settings.rebalance_timeout + JOIN_LAPSE);
            let build = |version| wire::join(&settings, protocol_type, &join, version);
            let answer = cluster
                .request_with(at(broker), long, patience, build)
                .await;
            wire::joined(answer.map_err(wire::failure)?.0)
        }
        Request::Sync(broker, sync) => {
            let patience = patience.max(settings.rebalance_timeout + JOIN_LAPSE);
            let build = |version| wire::sync(&settings, protocol_type, &sync, version);
            let answer = cluster
                .request_with(at(broker), long, patience, build)
                .await;
            wire::synced(answer.map_err(wire::failure)?.0)
        }
        Request::Heartbeat(broker, generation) => {
            let patience = patience.min(settings.session_timeout);
            let request = wire::heartbeat(&settings, &generation);
            let answer = cluster.request(at(broker), short, request, patience).await;
            wire::heartbeat_done(&answer.map_err(wire::failure)?)
        }
        Request::Leave(broker, leave) => {
            let build = |version| wire::leave(&settings, &leave, version);
            let answer = cluster
                .request_with(at(broker), short, patience, build)
                .await;
            wire::left(&answer.map_err(wire::failure)?.0)
        }
    }
}
