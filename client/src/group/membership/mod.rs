//! The group member that decides: classic group protocol with KIP-62, 345, 394, 429, 800 and 814.
//!
//! ```text
//!              join                 owner is ready, coordinator known
//!   Unjoined ────────▶ Rejoining ─────────────────────────────────────▶ Joining
//!      ▲                ▲  ▲  ▲                                            │ leader: Assigning
//!      │ answer         │  │  │ rebalance, error         AwaitingSync ◀────┘
//!   Leaving ◀─ leave ─ any │  └────────────────────────────────┤
//!                          └──────── rejoin ──── Stable ◀──────┘      any ──▶ Fenced
//! ```
//!
//! The coordinator is looked up beside this (`Unknown ─▶ Finding ─▶ Known`), because a stable member
//! stays stable while its coordinator moves.

mod answers;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kconnect_protocol::types::BrokerId;

use super::protocol::{Generation, GroupEvent, GroupSettings, Lost, Offers, RebalanceMode, Round};
use super::request::{Join, Leave, Request, RequestId, Sync};
use crate::attempts::Attempts;

/// What the core wants done.
#[derive(Debug)]
pub(crate) enum Action {
    Send(RequestId, Request),
    /// Have the protocol compute this round; answer with `handle_assigned`.
    Assign(RequestId, Round),
    /// Tell the owner; `u64` is what its `ready` gives back.
    Tell(u64, GroupEvent),
    /// `leave` is done.
    Left,
}

/// See the module's picture.
#[derive(Debug)]
pub(crate) struct Membership {
    settings: GroupSettings,
    state: State,
    coordinator: Coordinator,
    identity: Identity,
    heartbeat: Heartbeat,
    owner: Owner,
    offers: Option<Offers>,
    /// A rejoin that somebody asked for and that no JoinGroup has answered yet, with its reason.
    rejoin: Option<String>,
    join_backoff: Attempts,
    coordinator_backoff: Attempts,
    last_request: u64,
    actions: VecDeque<Action>,
}

#[derive(Debug)]
enum State {
    /// Not a member, and nobody asked for one.
    Unjoined,
    /// Waits for the owner, the coordinator and the back-off, then joins.
    Rejoining {
        reason: String,
        not_before: Instant,
    },
    Joining(RequestId),
    /// Leads; the protocol computes the assignments.
    Assigning {
        job: RequestId,
        protocol: Arc<str>,
        leader: Arc<str>,
    },
    AwaitingSync {
        request: RequestId,
        protocol: Arc<str>,
        leader: Arc<str>,
    },
    Stable,
    Leaving {
        /// The LeaveGroup, or the JoinGroup whose answer has to come before it.
        request: RequestId,
        then_join: bool,
        /// Why it leaves, until the coordinator has been told.
        untold: Option<String>,
    },
    /// Another process has this `group.instance.id`. There is no way back.
    Fenced,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coordinator {
    Unknown { not_before: Instant },
    Finding(RequestId),
    Known(BrokerId),
}

#[derive(Debug, Default)]
struct Identity {
    member_id: Option<Arc<str>>,
    generation: Option<i32>,
}

impl Identity {
    fn generation(&self) -> Option<Generation> {
        Some(Generation {
            id: self.generation?,
            member_id: self.member_id.clone()?,
        })
    }
}

#[derive(Debug)]
struct Heartbeat {
    due: Instant,
    in_flight: Option<RequestId>,
    /// When the coordinator last showed that it knows this member.
    confirmed: Instant,
}

impl Heartbeat {
    /// As after an answer at `now`.
    fn restart(&mut self, now: Instant, interval: Duration) {
        *self = Self {
            due: now + interval,
            in_flight: None,
            confirmed: now,
        };
    }
}

/// What the owner was told and what it has dealt with.
#[derive(Debug)]
struct Owner {
    told: u64,
    settled: u64,
    holds: Holds,
    polled: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Nothing,
    /// The work of an assignment that it was told of.
    Assignment,
    /// The same, and it was told to give it up.
    Revoking,
}

/// What others may know about a member.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct MemberStatus {
    /// The group's coordinator, while it is known and answers.
    pub coordinator: Option<BrokerId>,
    /// The generation that the member belongs to.
    pub generation: Option<Generation>,
    /// The member's state in Kafka's words: `unjoined`, `preparing_rebalance`,
    /// `completing_rebalance`, `stable`, `leaving`, `fenced`.
    pub state: &'static str,
}

impl Membership {
    /// A member that has not joined. `seed` spreads the retries of many clients.
    pub(crate) fn new(now: Instant, settings: GroupSettings, seed: u64) -> Self {
        let backoff = |salt| {
            Attempts::new(
                settings.retry_backoff,
                settings.retry_backoff_max,
                seed ^ salt,
            )
        };
        Self {
            join_backoff: backoff(1),
            coordinator_backoff: backoff(2),
            state: State::Unjoined,
            coordinator: Coordinator::Unknown { not_before: now },
            identity: Identity::default(),
            heartbeat: Heartbeat {
                due: now,
                in_flight: None,
                confirmed: now,
            },
            owner: Owner {
                told: 0,
                settled: 0,
                holds: Holds::Nothing,
                polled: now,
            },
            offers: None,
            rejoin: None,
            last_request: 0,
            actions: VecDeque::new(),
            settings,
        }
    }

    // Asks.

    pub(crate) fn settings(&self) -> &GroupSettings {
        &self.settings
    }

    pub(crate) fn status(&self) -> MemberStatus {
        MemberStatus {
            coordinator: self.known_coordinator(),
            generation: self.identity.generation(),
            state: match &self.state {
                State::Unjoined => "unjoined",
                State::Rejoining { .. } | State::Joining(_) => "preparing_rebalance",
                State::Assigning { .. } | State::AwaitingSync { .. } => "completing_rebalance",
                State::Stable => "stable",
                State::Leaving { .. } => "leaving",
                State::Fenced => "fenced",
            },
        }
    }

    // Commands of the owner.

    /// Becomes a member, or goes on as one with these offers.
    pub(crate) fn join(&mut self, now: Instant, offers: Offers) {
        self.owner.polled = now;
        self.offers = Some(offers);
        match &mut self.state {
            State::Unjoined => self.start_joining(now, "the member is new".to_owned(), now),
            State::Leaving { then_join, .. } => *then_join = true,
            _ => {}
        }
        self.advance(now);
    }

    /// The owner has dealt with everything that it was told up to `told`, and offers this from now on.
    pub(crate) fn ready(&mut self, now: Instant, told: u64, offers: Offers) {
        self.owner.polled = now;
        self.owner.settled = self.owner.settled.max(told.min(self.owner.told));
        if self.owner.is_settled() && self.owner.holds == Holds::Revoking {
            self.owner.holds = Holds::Nothing;
        }
        self.offers = Some(offers);
        self.advance(now);
    }

    /// Starts a rebalance (KIP-800 reason); `offers` when they changed.
    pub(crate) fn request_rejoin(&mut self, now: Instant, reason: String, offers: Option<Offers>) {
        if offers.is_some() {
            self.offers = offers;
        }
        self.rejoin = Some(reason);
        self.advance(now);
    }

    /// The owner is alive.
    pub(crate) fn polled(&mut self, now: Instant) {
        self.owner.polled = self.owner.polled.max(now);
        self.advance(now);
    }

    /// Ends the membership; `Action::Left` follows. The owner keeps nothing.
    pub(crate) fn leave(&mut self, reason: String) {
        self.owner.settled = self.owner.told;
        self.owner.holds = Holds::Nothing;
        self.rejoin = None;
        if let Some(request) = self.first_join() {
            self.state = State::Leaving {
                request,
                then_join: false,
                untold: Some(reason),
            };
            return;
        }
        match self.send_leave(reason) {
            Some(request) => {
                self.state = State::Leaving {
                    request,
                    then_join: false,
                    untold: None,
                }
            }
            None => {
                if !matches!(self.state, State::Fenced) {
                    self.state = State::Unjoined;
                }
                self.actions.push_back(Action::Left);
            }
        }
    }

    /// Whether the coordinator still has to hear or to answer that this member leaves.
    pub(crate) const fn is_leaving(&self) -> bool {
        matches!(self.state, State::Leaving { .. })
    }

    /// A JoinGroup without a member id whose answer has not come. The coordinator is about to make a member of it, and would hold up
    /// the whole group for a session if nobody told it that the member has gone (KIP-394).
    fn first_join(&self) -> Option<RequestId> {
        match self.state {
            State::Joining(request) if self.identity.member_id.is_none() => Some(request),
            _ => None,
        }
        .filter(|_| self.settings.group_instance_id.is_none())
    }

    // Time.

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let coordinator = match self.coordinator {
            Coordinator::Unknown { not_before } if self.wants_coordinator() => Some(not_before),
            _ => None,
        };
        let join = match &self.state {
            State::Rejoining { not_before, .. } if self.may_join() => Some(*not_before),
            _ => None,
        };
        let beats = self.heartbeats() && self.known_coordinator().is_some();
        let heartbeat = (beats && self.heartbeat.in_flight.is_none()).then_some(self.heartbeat.due);
        let session = beats.then(|| self.session_deadline());
        [coordinator, join, heartbeat, session, self.poll_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    // The machine.

    /// Does whatever is due; every command and answer ends here.
    fn advance(&mut self, now: Instant) {
        self.expire_poll(now);
        self.expire_session(now);
        if matches!(self.state, State::Stable)
            && let Some(reason) = self.rejoin.take()
        {
            self.start_joining(now, reason, now);
        }
        self.try_find_coordinator(now);
        self.try_join(now);
        self.try_heartbeat(now);
    }

    fn start_joining(&mut self, now: Instant, reason: String, not_before: Instant) {
        self.state = State::Rejoining {
            reason,
            not_before: not_before.max(now),
        };
    }

    /// An owner that does not poll holds its partitions up: leave, so that others get them (KIP-62).
    fn expire_poll(&mut self, now: Instant) {
        if self.poll_deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        self.send_leave("consumer poll timeout has expired.".to_owned());
        self.lose(now, Lost::PollTimeout);
    }

    /// No answer for a whole session: look for the coordinator again, it may have moved.
    fn expire_session(&mut self, now: Instant) {
        if self.heartbeats() && self.known_coordinator().is_some() && now >= self.session_deadline()
        {
            self.heartbeat.restart(now, Duration::ZERO);
            self.coordinator_lost(now);
        }
    }

    fn try_find_coordinator(&mut self, now: Instant) {
        if let Coordinator::Unknown { not_before } = self.coordinator
            && now >= not_before
            && self.wants_coordinator()
        {
            let request = self.send(Request::FindCoordinator);
            self.coordinator = Coordinator::Finding(request);
        }
    }

    fn try_join(&mut self, now: Instant) {
        let (State::Rejoining { not_before, reason }, Some(broker), true) =
            (&self.state, self.known_coordinator(), self.may_join())
        else {
            return;
        };
        let Some(offers) = self.offers.as_ref().filter(|_| now >= *not_before) else {
            return;
        };
        if offers.mode == RebalanceMode::Eager && self.owner.holds == Holds::Assignment {
            self.owner.holds = Holds::Revoking;
            self.tell(GroupEvent::Revoke);
            return;
        }
        let join = Join {
            member_id: self.identity.member_id.clone(),
            protocols: offers.protocols.clone(),
            reason: self.rejoin.take().unwrap_or_else(|| reason.clone()),
        };
        // An answer to an earlier heartbeat says nothing about the generation to come.
        self.heartbeat.in_flight = None;
        let request = self.send(Request::Join(broker, join));
        self.state = State::Joining(request);
    }

    fn try_heartbeat(&mut self, now: Instant) {
        let idle = self.heartbeat.in_flight.is_none() && now >= self.heartbeat.due;
        if let (true, true, Some(broker), Some(generation)) = (
            idle,
            self.heartbeats(),
            self.known_coordinator(),
            self.identity.generation(),
        ) {
            let request = self.send(Request::Heartbeat(broker, generation));
            self.heartbeat.in_flight = Some(request);
            self.heartbeat.due = now + self.settings.heartbeat_interval;
        }
    }

    fn send_sync(
        &mut self,
        protocol: Arc<str>,
        leader: Arc<str>,
        assignments: Assignments,
    ) -> bool {
        let (Some(broker), Some(generation)) =
            (self.known_coordinator(), self.identity.generation())
        else {
            return false;
        };
        let sync = Sync {
            generation,
            protocol: protocol.clone(),
            assignments,
        };
        let request = self.send(Request::Sync(broker, sync));
        self.state = State::AwaitingSync {
            request,
            protocol,
            leader,
        };
        true
    }

    /// Forgets who we are, and tells the coordinator unless it shall wait for us (static member).
    fn send_leave(&mut self, reason: String) -> Option<RequestId> {
        let identity = std::mem::take(&mut self.identity);
        self.heartbeat.in_flight = None;
        let broker = self.known_coordinator()?;
        let member_id = identity.member_id?;
        if self.settings.group_instance_id.is_some() {
            return None;
        }
        Some(self.send(Request::Leave(broker, Leave { member_id, reason })))
    }

    /// The membership is gone; the owner hears of it if it holds anything.
    fn lose(&mut self, now: Instant, why: Lost) {
        self.identity.generation = None;
        if matches!(why, Lost::UnknownMember | Lost::PollTimeout | Lost::Fenced) {
            self.identity.member_id = None;
        }
        self.heartbeat.in_flight = None;
        if self.owner.holds != Holds::Nothing {
            self.owner.holds = Holds::Nothing;
            self.tell(GroupEvent::Lost(why));
        }
        let wait = self.join_backoff.pause_unless_first();
        self.start_joining(now, why.reason().to_owned(), now + wait);
    }

    fn coordinator_lost(&mut self, now: Instant) {
        self.coordinator = Coordinator::Unknown {
            not_before: now + self.coordinator_backoff.pause_unless_first(),
        };
    }

    fn send(&mut self, request: Request) -> RequestId {
        let id = self.next_id();
        self.actions.push_back(Action::Send(id, request));
        id
    }

    fn next_id(&mut self) -> RequestId {
        self.last_request += 1;
        RequestId(self.last_request)
    }

    fn tell(&mut self, event: GroupEvent) {
        self.owner.told += 1;
        self.actions.push_back(Action::Tell(self.owner.told, event));
    }

    fn known_coordinator(&self) -> Option<BrokerId> {
        match self.coordinator {
            Coordinator::Known(broker) => Some(broker),
            _ => None,
        }
    }

    fn wants_coordinator(&self) -> bool {
        !matches!(self.state, State::Unjoined | State::Fenced)
    }

    fn may_join(&self) -> bool {
        self.owner.is_settled() && self.offers.is_some() && self.known_coordinator().is_some()
    }

    /// Whether the coordinator expects heartbeats: in a generation, and no JoinGroup parked there.
    fn heartbeats(&self) -> bool {
        let in_group = matches!(
            self.state,
            State::Rejoining { .. }
                | State::Assigning { .. }
                | State::AwaitingSync { .. }
                | State::Stable
        );
        in_group && self.identity.generation.is_some()
    }

    fn session_deadline(&self) -> Instant {
        self.heartbeat.confirmed + self.settings.session_timeout
    }

    /// `None` while the owner holds nothing, or while a JoinGroup waits for others.
    fn poll_deadline(&self) -> Option<Instant> {
        let watched =
            self.owner.holds != Holds::Nothing && !matches!(self.state, State::Joining(_));
        self.settings
            .poll_interval
            .filter(|_| watched)
            .map(|interval| self.owner.polled + interval)
    }
}

impl Owner {
    fn is_settled(&self) -> bool {
        self.settled == self.told
    }
}

pub(crate) type Assignments = Vec<(Arc<str>, bytes::Bytes)>;
