//! What a member makes of the coordinator's answers, error code by error code.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use kconnect_protocol::ErrorCode;

use super::{Action, Assignments, Coordinator, Holds, Membership, State};
use crate::group::protocol::{Generation, GroupEvent, Joined, Lost, Round};
use crate::group::request::{Answer, Failure, JoinAnswer, RequestId};
use crate::{Error, ErrorKind};

/// What an error code does to a membership.
enum Verdict {
    /// Somebody else coordinates the group now, or nobody does.
    FindCoordinator,
    Lost(Lost),
    /// The generation is over; the members meet again.
    Rejoin,
    /// The same may succeed later.
    Retry,
    /// It never will.
    Refused,
}

impl Verdict {
    fn of(code: ErrorCode) -> Self {
        match code {
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => Self::FindCoordinator,
            ErrorCode::UnknownMemberId => Self::Lost(Lost::UnknownMember),
            ErrorCode::IllegalGeneration => Self::Lost(Lost::IllegalGeneration),
            ErrorCode::FencedInstanceId => Self::Lost(Lost::Fenced),
            ErrorCode::RebalanceInProgress => Self::Rejoin,
            code if code.is_retriable() => Self::Retry,
            _ => Self::Refused,
        }
    }
}

impl Membership {
    /// Takes the answer to a request; one that nobody waits for any more is ignored.
    pub(crate) fn handle_response(
        &mut self,
        now: Instant,
        id: RequestId,
        response: Result<Answer, Failure>,
    ) {
        if self.coordinator == Coordinator::Finding(id) {
            self.handle_coordinator(now, response);
        } else if self.heartbeat.in_flight == Some(id) {
            self.handle_heartbeat(now, response);
        } else {
            match &self.state {
                State::Joining(request) if *request == id => self.handle_join(now, response),
                State::AwaitingSync {
                    request,
                    protocol,
                    leader,
                } if *request == id => {
                    let (protocol, leader) = (protocol.clone(), leader.clone());
                    self.handle_sync(now, protocol, leader, response);
                }
                State::Leaving {
                    request, then_join, ..
                } if *request == id => {
                    let then_join = *then_join;
                    if !self.named_while_leaving(response) {
                        self.handle_left(now, then_join);
                    }
                }
                _ => {}
            }
        }
        self.advance(now);
    }

    /// Takes the assignments that the protocol computed.
    pub(crate) fn handle_assigned(
        &mut self,
        now: Instant,
        job: RequestId,
        assignments: Result<Assignments, Error>,
    ) {
        let State::Assigning {
            job: awaited,
            protocol,
            leader,
        } = &self.state
        else {
            return;
        };
        if *awaited != job {
            return;
        }
        let (protocol, leader) = (protocol.clone(), leader.clone());
        match assignments {
            Ok(assignments) => {
                if !self.send_sync(protocol, leader, assignments) {
                    self.retry_join(now, "the coordinator was lost during the assignment");
                }
            }
            Err(error) => self.fail(now, error),
        }
        self.advance(now);
    }

    /// A request outside the core, such as a commit signed with `generation`, met this error.
    pub(crate) fn report(&mut self, now: Instant, generation: &Generation, code: ErrorCode) {
        let current = self.identity.generation();
        match Verdict::of(code) {
            Verdict::FindCoordinator => self.coordinator_lost_if_known(now),
            // An answer about a generation that is over says nothing about this one.
            _ if current.as_ref() != Some(generation) => {}
            Verdict::Lost(why) => self.lose_or_fence(now, why, "committing offsets of"),
            Verdict::Rejoin => self.rejoin_if_stable(now),
            Verdict::Retry | Verdict::Refused => {}
        }
        self.advance(now);
    }

    fn handle_coordinator(&mut self, now: Instant, response: Result<Answer, Failure>) {
        match response {
            Ok(Answer::Coordinator(broker)) => {
                self.coordinator = Coordinator::Known(broker);
                // The session runs at the coordinator; a new one has just loaded it.
                self.heartbeat.confirmed = now;
                self.heartbeat.due = self.heartbeat.due.min(now);
            }
            Err(Failure::Code(code)) if !code.is_retriable() => {
                self.coordinator_failed(now);
                let error = self.refusal("finding the coordinator of", code);
                self.fail(now, error);
            }
            Err(Failure::Fatal(error)) => {
                self.coordinator_failed(now);
                self.fail(now, error);
            }
            _ => self.coordinator_failed(now),
        }
    }

    fn coordinator_failed(&mut self, now: Instant) {
        self.coordinator = Coordinator::Unknown {
            not_before: now + self.coordinator_backoff.pause(),
        };
    }

    fn handle_heartbeat(&mut self, now: Instant, response: Result<Answer, Failure>) {
        self.heartbeat.in_flight = None;
        let code = match response {
            Ok(_) => {
                self.heartbeat.confirmed = now;
                self.coordinator_backoff.reset();
                return;
            }
            Err(Failure::Code(code)) => code,
            Err(Failure::Unreachable(_) | Failure::MemberIdRequired(_)) => {
                self.heartbeat.due = now;
                return self.coordinator_lost(now);
            }
            Err(Failure::Fatal(error)) => return self.fail(now, error),
        };
        match Verdict::of(code) {
            Verdict::FindCoordinator => {
                self.heartbeat.due = now;
                self.coordinator_lost(now);
            }
            Verdict::Lost(why) => self.lose_or_fence(now, why, "sending a heartbeat to"),
            Verdict::Rejoin => {
                self.heartbeat.confirmed = now;
                self.rejoin_if_stable(now);
            }
            // The next heartbeat is the retry; the session deadline bounds it.
            Verdict::Retry => {}
            Verdict::Refused => {
                let error = self.refusal("sending a heartbeat to", code);
                self.fail(now, error);
            }
        }
    }

    fn handle_join(&mut self, now: Instant, response: Result<Answer, Failure>) {
        match response {
            Ok(Answer::Joined(joined)) => self.joined(now, joined),
            Ok(_) => self.retry_join(now, "JoinGroup had another request's answer"),
            Err(Failure::MemberIdRequired(member_id)) => {
                // The second half of every first join (KIP-394); more than one is a broker's fault.
                self.identity.member_id = Some(member_id);
                let wait = self.join_backoff.pause_unless_first();
                let reason = "the coordinator wants the join with a member id".to_owned();
                self.start_joining(now, reason, now + wait);
            }
            Err(failure) => self.join_failed(now, "joining", failure),
        }
    }

    fn joined(&mut self, now: Instant, joined: JoinAnswer) {
        let offered = |name: &Arc<str>| {
            let mut protocols = self.offers.iter().flat_map(|offers| &offers.protocols);
            protocols.any(|offer| offer.name == *name)
        };
        if !offered(&joined.protocol) {
            let text = format!(
                "while joining group `{}`: the coordinator picked protocol `{}`, which this member did not offer",
                self.settings.group_id, joined.protocol
            );
            let error = Error::new(ErrorKind::BrokerMisbehaved, text);
            return self.fail(now, error);
        }
        self.identity.generation = Some(joined.generation.id);
        self.identity.member_id = Some(joined.generation.member_id.clone());
        self.heartbeat
            .restart(now, self.settings.heartbeat_interval);
        if joined.leader == joined.generation.member_id {
            self.lead(joined);
        } else if !self.send_sync(joined.protocol, joined.leader, Vec::new()) {
            self.retry_join(now, "the coordinator was lost after the join");
        }
    }

    fn lead(&mut self, joined: JoinAnswer) {
        let job = self.next_id();
        self.state = State::Assigning {
            job,
            protocol: joined.protocol.clone(),
            leader: joined.leader.clone(),
        };
        let round = Round {
            protocol: joined.protocol,
            generation: joined.generation.id,
            leader: joined.leader,
            members: joined.members,
            skip_assignment: joined.skip_assignment,
        };
        self.actions.push_back(Action::Assign(job, round));
    }

    fn handle_sync(
        &mut self,
        now: Instant,
        protocol: Arc<str>,
        leader: Arc<str>,
        response: Result<Answer, Failure>,
    ) {
        match (response, self.identity.generation()) {
            (Ok(Answer::Synced(assignment)), Some(generation)) => {
                self.synced(now, generation, protocol, leader, assignment);
            }
            (Ok(_), _) => self.retry_join(now, "SyncGroup had another request's answer"),
            (Err(failure), _) => self.join_failed(now, "synchronizing with", failure),
        }
    }

    fn synced(
        &mut self,
        now: Instant,
        generation: Generation,
        protocol: Arc<str>,
        leader: Arc<str>,
        assignment: Bytes,
    ) {
        self.join_backoff.reset();
        self.coordinator_backoff.reset();
        self.state = State::Stable;
        self.heartbeat.confirmed = now;
        self.owner.holds = Holds::Assignment;
        self.tell(GroupEvent::Joined(Joined {
            generation,
            leader,
            protocol,
            assignment,
        }));
    }

    /// JoinGroup and SyncGroup fail alike.
    fn join_failed(&mut self, now: Instant, doing: &str, failure: Failure) {
        let code = match failure {
            Failure::Code(code) => code,
            Failure::Unreachable(_) | Failure::MemberIdRequired(_) => {
                self.coordinator_lost(now);
                return self.retry_join(now, "the coordinator did not answer");
            }
            Failure::Fatal(error) => return self.fail(now, error),
        };
        match Verdict::of(code) {
            Verdict::FindCoordinator => {
                self.coordinator_lost(now);
                self.retry_join(now, "the group has another coordinator");
            }
            Verdict::Lost(why) => self.lose_or_fence(now, why, doing),
            Verdict::Rejoin => {
                let wait = self.join_backoff.pause_unless_first();
                let reason = "the group began another rebalance".to_owned();
                self.start_joining(now, reason, now + wait);
            }
            Verdict::Retry => self.retry_join(now, "the coordinator could not serve the group yet"),
            Verdict::Refused => {
                let error = self.refusal(doing, code);
                self.fail(now, error);
            }
        }
    }

    /// The coordinator has named a member that left before it had a name: tells it. Says whether it had to.
    fn named_while_leaving(&mut self, response: Result<Answer, Failure>) -> bool {
        let named = match response {
            Err(Failure::MemberIdRequired(member_id)) => member_id,
            Ok(Answer::Joined(joined)) => joined.generation.member_id,
            _ => return false,
        };
        let State::Leaving { untold, .. } = &mut self.state else {
            return false;
        };
        let Some(reason) = untold.take() else {
            return false;
        };
        self.identity.member_id = Some(named);
        let sent = self.send_leave(reason);
        match (sent, &mut self.state) {
            (Some(leave), State::Leaving { request, .. }) => {
                *request = leave;
                true
            }
            _ => false,
        }
    }

    fn handle_left(&mut self, now: Instant, then_join: bool) {
        self.state = State::Unjoined;
        self.actions.push_back(Action::Left);
        if then_join {
            self.start_joining(now, "the member joins again".to_owned(), now);
        }
    }

    fn retry_join(&mut self, now: Instant, reason: &str) {
        let wait = self.join_backoff.pause();
        self.start_joining(now, reason.to_owned(), now + wait);
    }

    fn rejoin_if_stable(&mut self, now: Instant) {
        if matches!(self.state, State::Stable) {
            self.start_joining(now, "the group is already rebalancing".to_owned(), now);
        }
    }

    fn coordinator_lost_if_known(&mut self, now: Instant) {
        if self.known_coordinator().is_some() {
            self.coordinator_lost(now);
        }
    }

    fn lose_or_fence(&mut self, now: Instant, why: Lost, doing: &str) {
        self.lose(now, why);
        if why == Lost::Fenced {
            self.state = State::Fenced;
            let error = self.refusal(doing, ErrorCode::FencedInstanceId);
            self.tell(GroupEvent::Failed(error));
        }
    }

    /// Gives up until the owner says `ready` again: an operator has to act first.
    fn fail(&mut self, now: Instant, error: Error) {
        self.lose(now, Lost::Refused);
        self.retry_join(now, "the last attempt was refused");
        self.tell(GroupEvent::Failed(error));
    }

    fn refusal(&self, doing: &str, code: ErrorCode) -> Error {
        let doing = format!("{doing} group `{}`", self.settings.group_id);
        if code == ErrorCode::FencedInstanceId {
            let text = format!(
                "while {doing}: {}; give each process its own group.instance.id",
                Lost::Fenced.reason()
            );
            return Error::new(ErrorKind::Fenced, text);
        }
        Error::broker(code).during(doing)
    }
}
