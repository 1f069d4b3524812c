//! This worker's place in the group: which generation, which leader, what it was given, and when it joins again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kconnect_client::group::{Joined, Offer, Offers, RebalanceMode};
use tracing::{info, warn};

use super::super::leader::Owners;
use super::{Action, Core, Options};
use crate::distributed::Work;
use crate::distributed::protocol::{Assignment, AssignmentError, MemberMetadata, Protocol};

/// How often in a row a worker of a cooperative group may leave for a while and keep its work.
const ABSENCES_MAX: u32 = 5;

/// What this worker brings to the next JoinGroup.
pub(crate) type Membership = Offers;

/// The place in the group.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// The last generation that this worker took part in.
    joined: Option<Place>,
    /// What this worker has been given and not told to give up.
    assigned: Work,
    /// The group waits for an answer to its last event.
    pending: Option<Pending>,
    /// The group is to rebalance as soon as the pending event has been answered.
    rejoin: Option<&'static str>,
    /// It has been asked to, and the next generation has not come yet.
    joining: bool,
    /// When a rebalance is due that the leader put off.
    delayed: Option<Instant>,
    /// This worker has left for a while, since it could not read the config topic in time.
    away: bool,
    /// How often in a row it has.
    absences: u32,
    /// As the leader: who runs what.
    pub(super) owners: Owners,
}

#[derive(Debug)]
struct Place {
    generation: i32,
    member_id: Arc<str>,
    leader: String,
    leader_url: Arc<str>,
    config_offset: i64,
    protocol: Protocol,
}

/// What has to be so before the group gets its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pending {
    /// The config topic has been read up to here.
    config_offset: i64,
    /// By then; else this worker leaves for a while.
    deadline: Instant,
}

impl Group {
    pub(super) const fn assigned(&self) -> &Work {
        &self.assigned
    }

    /// The generation of the group in which statuses are written.
    pub(super) fn generation(&self) -> i32 {
        self.joined.as_ref().map_or(-1, |place| place.generation)
    }

    pub(super) fn is_leader(&self) -> bool {
        let leads = |place: &Place| *place.leader == *place.member_id;
        !self.away && self.joined.as_ref().is_some_and(leads)
    }

    /// The leader's address, if there is a leader and it is another worker.
    pub(super) fn leader_url(&self) -> Option<&Arc<str>> {
        self.joined
            .as_ref()
            .map(|place| &place.leader_url)
            .filter(|url| !url.is_empty() && !self.away)
    }

    /// Whether a rebalance is about to be asked for, or what the last one decided is not so yet. While the group only waits for
    /// its members, each goes on with what it has.
    pub(super) fn is_rebalancing(&self) -> bool {
        self.pending.is_some() || self.rejoin.is_some() || self.joined.is_none() || self.away
    }

    /// Whether, as far as the leader knows, nothing runs anywhere but what the configuration as it was last read wants to run:
    /// what was taken away from somebody has ended there, or has been abandoned.
    pub(super) fn is_settled(&self) -> bool {
        !self.is_rebalancing() && !self.joining && self.owners.are_final()
    }

    /// Whether internal requests are signed.
    pub(super) fn is_sessioned(&self) -> bool {
        self.joined
            .as_ref()
            .is_some_and(|place| place.protocol == Protocol::Sessioned)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.pending
            .map(|pending| pending.deadline)
            .into_iter()
            .chain(self.delayed)
            .min()
    }

    pub(super) fn membership(&self, options: &Options, config_offset: i64) -> Membership {
        let protocols = options.protocol.offered().iter().map(|&protocol| {
            let metadata = MemberMetadata {
                url: options.url.clone(),
                config_offset,
                allocation: self.allocation(protocol),
            };
            Offer {
                name: protocol.group_name().into(),
                metadata: metadata.encode(protocol),
            }
        });
        let eager = self
            .joined
            .as_ref()
            .map_or(options.protocol, |place| place.protocol)
            == Protocol::Eager;
        let mode = if eager {
            RebalanceMode::Eager
        } else {
            RebalanceMode::Cooperative
        };
        Offers {
            protocols: protocols.collect(),
            mode,
        }
    }

    /// What this worker runs, in the form of the assignment that it was given; none before the first.
    fn allocation(&self, protocol: Protocol) -> Option<Assignment> {
        let place = self.joined.as_ref()?;
        Some(Assignment {
            version: protocol.version(),
            leader: place.leader.clone(),
            leader_url: place.leader_url.to_string(),
            config_offset: place.config_offset,
            assigned: self.assigned.clone(),
            ..Assignment::default()
        })
    }
}

impl Core {
    /// A rebalance is complete.
    pub(crate) fn handle_joined(&mut self, now: Instant, joined: &Joined) {
        let assignment = match Assignment::decode(&joined.assignment) {
            Ok(assignment) => assignment,
            Err(error) => {
                warn!(%error, "the leader's assignment cannot be read");
                Assignment::default()
            }
        };
        let protocol = Protocol::from_group_name(&joined.protocol).unwrap_or(Protocol::Eager);
        info!(
            "Joined group at generation {} with protocol version {} and got assignment with leader {} at {}, delay {} ms",
            joined.generation.id,
            assignment.version,
            assignment.leader,
            assignment.leader_url,
            assignment.delay_ms
        );
        self.group.away = false;
        self.group.joining = false;
        let holds = assignment.error == AssignmentError::None;
        if holds {
            self.take_assignment(&assignment, protocol);
        } else {
            self.group.rejoin =
                Some("the leader had not read the config topic as far as this worker");
        }
        self.group.delayed = u64::try_from(assignment.delay_ms)
            .ok()
            .filter(|&delay| delay > 0)
            .map(|delay| now + Duration::from_millis(delay));
        self.group.joined = Some(Place {
            generation: joined.generation.id,
            member_id: Arc::clone(&joined.generation.member_id),
            leader: assignment.leader,
            leader_url: assignment.leader_url.into(),
            config_offset: assignment.config_offset,
            protocol,
        });
        self.group.pending = Some(Pending {
            config_offset: assignment.config_offset,
            deadline: now + self.options.sync_timeout,
        });
        if !self.config.has_read(assignment.config_offset) {
            let offset = assignment.config_offset;
            self.actions.push_back(Action::ReadConfig { offset });
        }
        self.view_is_stale = true;
        self.settle(now);
    }

    fn take_assignment(&mut self, assignment: &Assignment, protocol: Protocol) {
        if protocol == Protocol::Eager {
            self.group.assigned = assignment.assigned.clone();
            return;
        }
        self.group.assigned.remove(&assignment.revoked);
        self.group.assigned.add(&assignment.assigned);
        // A member that gives something up joins again at once, so that others can have it.
        if !assignment.revoked.is_empty() {
            self.group.rejoin = Some("work was revoked and can be given to others");
        }
    }

    /// Eager members stop everything before they join again.
    pub(crate) fn handle_revoke(&mut self, now: Instant) {
        info!("the group rebalances: all connectors and tasks of this worker stop");
        self.group.assigned = Work::default();
        self.await_end(now);
    }

    /// This worker is no member any more, and others may have its work already.
    pub(crate) fn handle_lost(&mut self, now: Instant, reason: &str) {
        warn!(
            reason,
            "this worker has lost its place in the group: all its connectors and tasks stop"
        );
        self.group.assigned = Work::default();
        self.group.joined = None;
        self.group.joining = false;
        self.group.delayed = None;
        self.group.owners = Owners::default();
        self.await_end(now);
    }

    fn await_end(&mut self, now: Instant) {
        self.view_is_stale = true;
        self.group.pending = Some(Pending {
            config_offset: -1,
            deadline: now + self.options.sync_timeout,
        });
        self.settle(now);
    }

    /// Asks for a rebalance; while one is under way, for another one after it.
    pub(super) fn rebalance(&mut self, reason: &'static str) {
        self.group.rejoin = Some(reason);
    }

    /// Answers the group's last event when all is as it has to be, and asks for the next rebalance if one is wanted.
    pub(super) fn answer_group(&mut self) {
        if let Some(pending) = self.group.pending {
            if !self.config.has_read(pending.config_offset) || !self.revoked_work_has_ended() {
                return;
            }
            self.group.pending = None;
            self.group.absences = 0;
            self.actions.push_back(Action::Ready(self.membership()));
            if self.group.joined.is_some() {
                info!(
                    "Starting connectors and tasks using config offset {}",
                    self.config.offset
                );
                info!("Finished starting connectors and tasks");
            }
            // Now that the last word has been said about what ran here and is gone.
            if self.group.is_leader() {
                self.forget_old_statuses();
            }
        }
        if let Some(reason) = self.group.rejoin.take_if(|_| !self.stopping) {
            info!(reason, "Rebalance started");
            self.group.joining = true;
            self.actions.push_back(Action::Rejoin(reason));
        }
    }

    /// Work that was given up must have ended, or have been abandoned, before another worker may get it.
    fn revoked_work_has_ended(&self) -> bool {
        let assigned = self.group.assigned();
        self.connectors
            .all_within(|name| assigned.connectors.contains(name))
            && self.tasks.all_within(|id| assigned.tasks.contains(id))
    }

    pub(super) fn group_timeout(&mut self, now: Instant) {
        if self.group.delayed.is_some_and(|at| at <= now) {
            self.group.delayed = None;
            self.rebalance("the rebalance that the leader put off is due");
        }
        let late = self.group.pending.is_some_and(|pending| {
            pending.deadline <= now && !self.config.has_read(pending.config_offset)
        });
        if late {
            self.leave_for_a_while();
        } else if let Some(pending) = &mut self.group.pending {
            // Work that is stopping has deadlines of its own.
            pending.deadline = pending.deadline.max(now + self.options.sync_timeout);
        }
    }

    /// The config topic could not be read as far as the leader has.
    ///
    /// Work goes on for as long as the others wait for this worker's return, which they do in cooperative groups: a few
    /// absences, each longer than the last, that add up to less than `scheduled.rebalance.max.delay.ms`.
    fn leave_for_a_while(&mut self) {
        warn!(
            "Didn't reach end of config log quickly enough: this worker leaves the group for a while"
        );
        self.group.pending = None;
        let place = self.group.joined.as_ref();
        let is_eager = place.is_none_or(|place| place.protocol == Protocol::Eager);
        let left = ABSENCES_MAX.saturating_sub(self.group.absences);
        let wait = if is_eager {
            self.options.unsync_backoff
        } else if left > 0 {
            self.options.max_delay / 10 / left
        } else {
            Duration::ZERO
        };
        self.group.absences = if left > 0 { self.group.absences + 1 } else { 0 };
        if is_eager || left == 0 {
            info!(
                "Revoking current running assignment: this worker has not caught up with the latest updates of the cluster"
            );
            self.group.assigned = Work::default();
            self.group.joined = None;
        }
        self.group.away = true;
        self.view_is_stale = true;
        self.actions.push_back(Action::BackOff(wait));
    }

    /// The group's coordinator has not been there for `time`: whether this worker still belongs to the group is unknown, and
    /// others may be about to get its work.
    pub(crate) fn handle_unreachable(&mut self, now: Instant, time: Duration) {
        if self.group.assigned.is_empty() {
            return;
        }
        warn!(
            "Broker coordinator was unreachable for {}ms. Revoking previous assignment to avoid running tasks while not \
             being a member of the group",
            time.as_millis()
        );
        self.group.assigned = Work::default();
        self.view_is_stale = true;
        // At once: what this worker says of its work when the coordinator is back must be true.
        self.actions
            .push_back(Action::Rejoin("the coordinator was unreachable"));
        self.settle(now);
    }

    /// The last generation that this worker took part in.
    pub(crate) fn last_generation(&self) -> Option<i32> {
        self.group.joined.as_ref().map(|place| place.generation)
    }

    /// Whether requests between workers are signed.
    pub(crate) fn is_sessioned(&self) -> bool {
        self.group.is_sessioned()
    }
}
