//! The member against a scripted coordinator: what it asks for is compared as text.

mod leaving;

use std::time::{Duration, Instant};

use bytes::Bytes;
use kconnect_protocol::ErrorCode;
use kconnect_protocol::types::BrokerId;

use super::*;
use crate::group::protocol::{Offer, RoundMember};
use crate::group::request::{Answer, Failure, JoinAnswer};
use crate::{Error, ErrorKind};

const SESSION: Duration = Duration::from_secs(45);
const HEARTBEAT: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_secs(300);

struct Game {
    core: Membership,
    now: Instant,
    last: RequestId,
    told: u64,
    mode: RebalanceMode,
}

impl Game {
    fn new(mode: RebalanceMode) -> Self {
        Self::with(mode, |_| {})
    }

    fn with(mode: RebalanceMode, change: impl FnOnce(&mut GroupSettings)) -> Self {
        let mut settings = GroupSettings {
            group_id: "g".into(),
            group_instance_id: None,
            session_timeout: SESSION,
            rebalance_timeout: POLL,
            heartbeat_interval: HEARTBEAT,
            poll_interval: Some(POLL),
            request_timeout: Duration::from_secs(30),
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
        };
        change(&mut settings);
        let now = Instant::now();
        Self {
            core: Membership::new(now, settings, 1),
            now,
            last: RequestId(0),
            told: 0,
            mode,
        }
    }

    fn offers(&self) -> Offers {
        let protocols = vec![Offer {
            name: "p".into(),
            metadata: Bytes::new(),
        }];
        Offers {
            protocols,
            mode: self.mode,
        }
    }

    /// What the core wants, as one line; remembers the last request and event.
    fn wants(&mut self) -> String {
        let mut lines = Vec::new();
        while let Some(action) = self.core.poll_action() {
            lines.push(match action {
                Action::Send(id, request) => {
                    self.last = id;
                    show(&request)
                }
                Action::Assign(id, round) => {
                    self.last = id;
                    format!("assign {}", round.members.len())
                }
                Action::Tell(told, event) => {
                    self.told = told;
                    match event {
                        GroupEvent::Joined(joined) => format!("JOINED {}", joined.generation.id),
                        GroupEvent::Failed(error) => format!("FAILED {:?}", error.kind()),
                        GroupEvent::Lost(why) => format!("LOST {why:?}"),
                        GroupEvent::Revoke => "REVOKE".to_owned(),
                    }
                }
                Action::Left => "left".to_owned(),
            });
        }
        lines.join(", ")
    }

    #[track_caller]
    fn expect(&mut self, wants: &str) -> &mut Self {
        assert_eq!(self.wants(), wants);
        self
    }

    fn answer(&mut self, answer: Answer) -> &mut Self {
        self.core.handle_response(self.now, self.last, Ok(answer));
        self
    }

    fn fail(&mut self, code: ErrorCode) -> &mut Self {
        self.fail_with(Failure::Code(code))
    }

    fn fail_with(&mut self, failure: Failure) -> &mut Self {
        self.core.handle_response(self.now, self.last, Err(failure));
        self
    }

    fn ready(&mut self) -> &mut Self {
        self.core.ready(self.now, self.told, self.offers());
        self
    }

    /// Time goes on until the core is next due.
    fn wait(&mut self) -> Duration {
        let before = self.now;
        self.now = self
            .core
            .poll_timeout()
            .expect("something is due")
            .max(self.now);
        self.core.handle_timeout(self.now);
        self.now - before
    }

    fn after(&mut self, time: Duration) -> &mut Self {
        self.now += time;
        self.core.handle_timeout(self.now);
        self
    }

    fn joined(&mut self, generation: i32, leader: &str) -> &mut Self {
        let members = if leader == "m1" {
            vec![member("m1"), member("m2")]
        } else {
            Vec::new()
        };
        self.answer(Answer::Joined(JoinAnswer {
            generation: Generation {
                id: generation,
                member_id: "m1".into(),
            },
            protocol: "p".into(),
            leader: leader.into(),
            members,
            skip_assignment: false,
        }))
    }

    /// Up to a stable member of that generation, with the owner told and ready.
    #[track_caller]
    fn stable(mode: RebalanceMode) -> Self {
        let mut game = Self::new(mode);
        game.become_stable();
        game
    }

    #[track_caller]
    fn become_stable(&mut self) {
        self.core.join(self.now, self.offers());
        self.expect("find").answer(Answer::Coordinator(BrokerId(5)));
        self.expect("join -")
            .fail_with(Failure::MemberIdRequired("m1".into()));
        self.expect("join m1").joined(1, "m2").expect("sync m1@1 0");
        self.answer(Answer::Synced(Bytes::new()))
            .expect("JOINED 1")
            .ready()
            .expect("");
    }
}

fn member(id: &str) -> RoundMember {
    RoundMember {
        member_id: id.into(),
        group_instance_id: None,
        metadata: Bytes::new(),
    }
}

fn show(request: &Request) -> String {
    let at = |generation: &Generation| format!("{}@{}", generation.member_id, generation.id);
    match request {
        Request::FindCoordinator => "find".to_owned(),
        Request::Join(_, join) => format!("join {}", join.member_id.as_deref().unwrap_or("-")),
        Request::Sync(_, sync) => {
            format!("sync {} {}", at(&sync.generation), sync.assignments.len())
        }
        Request::Heartbeat(_, generation) => format!("heartbeat {}", at(generation)),
        Request::Leave(_, leave) => format!("leave {} ({})", leave.member_id, leave.reason),
    }
}

#[test]
fn a_new_member_gets_an_id_joins_syncs_and_heartbeats() {
    let mut game = Game::stable(RebalanceMode::Cooperative);
    assert_eq!(game.wait(), HEARTBEAT);
    game.expect("heartbeat m1@1").answer(Answer::Done);
    assert_eq!(game.wait(), HEARTBEAT);
    game.expect("heartbeat m1@1");
    assert_eq!(game.core.status().state, "stable");
}

#[test]
fn the_leader_assigns_before_it_syncs_and_heartbeats_meanwhile() {
    let mut game = Game::new(RebalanceMode::Eager);
    game.core.join(game.now, game.offers());
    game.expect("find")
        .answer(Answer::Coordinator(BrokerId(5)))
        .expect("join -");
    game.joined(1, "m1").expect("assign 2");
    let job = game.last;
    game.wait();
    game.expect("heartbeat m1@1").answer(Answer::Done);
    let assignments = vec![("m1".into(), Bytes::new()), ("m2".into(), Bytes::new())];
    game.core.handle_assigned(game.now, job, Ok(assignments));
    game.expect("sync m1@1 2")
        .answer(Answer::Synced(Bytes::new()))
        .expect("JOINED 1");
}

#[test]
fn an_eager_member_joins_again_only_after_its_owner_gave_up_everything() {
    let mut game = Game::stable(RebalanceMode::Eager);
    game.wait();
    game.expect("heartbeat m1@1")
        .fail(ErrorCode::RebalanceInProgress)
        .expect("REVOKE");
    // The owner takes its time: heartbeats keep the session.
    game.wait();
    game.expect("heartbeat m1@1")
        .fail(ErrorCode::RebalanceInProgress)
        .expect("");
    game.ready()
        .expect("join m1")
        .joined(2, "m2")
        .expect("sync m1@2 0");
}

#[test]
fn a_cooperative_member_joins_again_at_once_and_keeps_what_it_holds() {
    let mut game = Game::stable(RebalanceMode::Cooperative);
    game.wait();
    game.expect("heartbeat m1@1")
        .fail(ErrorCode::RebalanceInProgress)
        .expect("join m1");
}

#[test]
fn nobody_joins_while_the_owner_has_not_dealt_with_the_last_assignment() {
    let mut game = Game::stable(RebalanceMode::Cooperative);
    game.core.request_rejoin(game.now, "test".to_owned(), None);
    game.expect("join m1").joined(2, "m2").expect("sync m1@2 0");
    game.answer(Answer::Synced(Bytes::new())).expect("JOINED 2");
    game.wait();
    game.expect("heartbeat m1@2")
        .fail(ErrorCode::RebalanceInProgress)
        .expect("");
    game.ready().expect("join m1");
}

#[test]
fn a_rejoin_asked_for_during_a_join_happens_after_it() {
    let mut game = Game::stable(RebalanceMode::Cooperative);
    game.core.request_rejoin(game.now, "first".to_owned(), None);
    game.expect("join m1");
    game.core
        .request_rejoin(game.now, "second".to_owned(), None);
    game.joined(2, "m2").expect("sync m1@2 0");
    game.answer(Answer::Synced(Bytes::new()));
    game.expect("JOINED 2").ready().expect("join m1");
}

#[test]
fn an_unknown_member_loses_its_work_and_joins_under_a_new_id() {
    let mut game = Game::stable(RebalanceMode::Cooperative);
    game.wait();
    game.expect("heartbeat m1@1")
        .fail(ErrorCode::UnknownMemberId)
        .expect("LOST UnknownMember");
    assert_eq!(game.core.status().generation, None);
    game.ready().expect("join -");
}

#[test]
fn an_old_generation_loses_its_work_and_keeps_its_id() {
    let mut game = Game::stable(RebalanceMode::Cooperative);
    game.wait();
    game.expect("heartbeat m1@1")
        .fail(ErrorCode::IllegalGeneration)
        .expect("LOST IllegalGeneration");
    game.ready().expect("join m1");
}

#[test]
fn a_fenced_static_member_is_lost_for_good() {
    let mut game = Game::stable(RebalanceMode::Cooperative);
    game.wait();
    game.expect("heartbeat m1@1")
        .fail(ErrorCode::FencedInstanceId)
        .expect("LOST Fenced, FAILED Fenced");
    game.ready().expect("");
    assert_eq!(game.core.poll_timeout(), None);
    game.core.join(game.now, game.offers());
    game.expect("");
}

#[test]
fn a_commit_error_of_the_current_generation_ends_it_at_once() {
    let mut game = Game::stable(RebalanceMode::Cooperative);
    let generation = game.core.status().generation.unwrap();
    let old = Generation {
        id: 0,
        ..generation.clone()
    };
    game.core.report(game.now, &old, ErrorCode::UnknownMemberId);
    game.expect("");
    game.core
        .report(game.now, &generation, ErrorCode::UnknownMemberId);
    game.expect("LOST UnknownMember");
}

#[test]
fn a_moved_coordinator_is_found_again_and_the_member_stays_stable() {
    let mut game = Game::stable(RebalanceMode::Cooperative);
    game.wait();
    game.expect("heartbeat m1@1")
        .fail(ErrorCode::NotCoordinator)
        .expect("find");
    assert_eq!(game.core.status().coordinator, None);
    game.answer(Answer::Coordinator(BrokerId(6)))
        .expect("heartbeat m1@1")
        .answer(Answer::Done);
    assert_eq!(game.core.status().coordinator, Some(BrokerId(6)));
    assert_eq!(game.core.status().state, "stable");
}

#[test]
fn a_coordinator_that_stays_wrong_is_asked_with_growing_pauses() {
    let mut game = Game::stable(RebalanceMode::Cooperative);
    game.wait();
    game.expect("heartbeat m1@1")
        .fail(ErrorCode::NotCoordinator);
    let mut waits = Vec::new();
    for _ in 0..3 {
        game.expect("find").answer(Answer::Coordinator(BrokerId(5)));
        game.expect("heartbeat m1@1")
            .fail(ErrorCode::NotCoordinator);
        waits.push(game.wait());
    }
    assert!(
        waits[0] >= Duration::from_millis(80) && waits[2] > waits[0],
        "{waits:?}"
    );
}

#[test]
fn a_coordinator_that_loads_is_asked_again_later() {
    let mut game = Game::new(RebalanceMode::Eager);
    game.core.join(game.now, game.offers());
    game.expect("find")
        .fail(ErrorCode::CoordinatorNotAvailable)
        .expect("");
    assert!(game.wait() >= Duration::from_millis(80));
    game.expect("find").answer(Answer::Coordinator(BrokerId(5)));
    game.expect("join -")
        .fail(ErrorCode::CoordinatorLoadInProgress)
        .expect("");
    assert!(game.wait() >= Duration::from_millis(80));
    game.expect("join -");
}

#[test]
fn a_connection_that_breaks_during_the_join_leads_to_the_coordinator_again() {
    let mut game = Game::new(RebalanceMode::Eager);
    game.core.join(game.now, game.offers());
    game.expect("find")
        .answer(Answer::Coordinator(BrokerId(5)))
        .expect("join -");
    game.fail_with(Failure::Unreachable(Error::new(ErrorKind::Network, "gone")))
        .expect("find");
    game.answer(Answer::Coordinator(BrokerId(5))).expect("");
    game.wait();
    game.expect("join -");
}

#[test]
fn without_an_answer_for_a_session_the_coordinator_is_looked_up() {
    let mut game = Game::stable(RebalanceMode::Cooperative);
    game.wait();
    game.expect("heartbeat m1@1");
    assert_eq!(game.wait() + HEARTBEAT, SESSION);
    game.expect("find")
        .answer(Answer::Coordinator(BrokerId(5)))
        .expect("heartbeat m1@1");
}

#[test]
fn an_owner_that_does_not_poll_loses_its_work_until_it_polls_again() {
    let mut game = Game::stable(RebalanceMode::Cooperative);
    game.after(POLL)
        .expect("leave m1 (consumer poll timeout has expired.), LOST PollTimeout");
    game.after(POLL).expect("");
    game.ready().expect("join -");
}

#[test]
fn polling_keeps_the_member_in_the_group() {
    let mut game = Game::stable(RebalanceMode::Cooperative);
    let start = game.now;
    while game.now < start + POLL * 2 {
        game.wait();
        game.expect("heartbeat m1@1").answer(Answer::Done);
        game.core.polled(game.now);
    }
}

#[test]
fn the_wait_for_other_members_is_not_held_against_the_owner() {
    let mut game = Game::stable(RebalanceMode::Cooperative);
    game.core.request_rejoin(game.now, "test".to_owned(), None);
    game.expect("join m1").after(POLL * 2).expect("");
}

#[test]
fn leaving_says_goodbye_with_the_reason_and_forgets_the_member() {
    let mut game = Game::stable(RebalanceMode::Cooperative);
    game.core.leave("the consumer is being closed".to_owned());
    game.expect("leave m1 (the consumer is being closed)")
        .answer(Answer::Done)
        .expect("left");
    assert_eq!(
        game.core.status(),
        MemberStatus {
            state: "unjoined",
            coordinator: Some(BrokerId(5)),
            ..MemberStatus::default()
        }
    );
    assert_eq!(game.core.poll_timeout(), None);
}

#[test]
fn a_refused_member_tells_its_owner_and_tries_again_when_it_may() {
    let mut game = Game::new(RebalanceMode::Eager);
    game.core.join(game.now, game.offers());
    game.expect("find")
        .answer(Answer::Coordinator(BrokerId(5)))
        .expect("join -");
    game.fail(ErrorCode::GroupAuthorizationFailed);
    game.expect("FAILED Broker(GROUP_AUTHORIZATION_FAILED)");
    assert_eq!(game.core.poll_timeout(), None);
    game.ready().expect("");
    assert!(game.wait() >= Duration::from_millis(80));
    game.expect("join -");
}

#[test]
fn a_protocol_that_was_not_offered_is_refused() {
    let mut game = Game::new(RebalanceMode::Eager);
    game.core.join(game.now, game.offers());
    game.expect("find")
        .answer(Answer::Coordinator(BrokerId(5)))
        .expect("join -");
    game.answer(Answer::Joined(JoinAnswer {
        generation: Generation {
            id: 1,
            member_id: "m1".into(),
        },
        protocol: "other".into(),
        leader: "m1".into(),
        members: vec![member("m1")],
        skip_assignment: false,
    }));
    game.expect("FAILED BrokerMisbehaved");
}

#[test]
fn an_assignment_that_fails_is_told_and_a_late_one_is_ignored() {
    let mut game = Game::new(RebalanceMode::Eager);
    game.core.join(game.now, game.offers());
    game.expect("find")
        .answer(Answer::Coordinator(BrokerId(5)))
        .expect("join -");
    game.joined(1, "m1").expect("assign 2");
    let job = game.last;
    game.core.handle_assigned(
        game.now,
        job,
        Err(Error::new(ErrorKind::Timeout, "no metadata")),
    );
    game.expect("FAILED Timeout");
    game.core.handle_assigned(game.now, job, Ok(Vec::new()));
    game.expect("");
}

#[test]
fn answers_that_nobody_waits_for_change_nothing() {
    let mut game = Game::stable(RebalanceMode::Cooperative);
    game.wait();
    game.expect("heartbeat m1@1");
    let heartbeat = game.last;
    game.core.request_rejoin(game.now, "test".to_owned(), None);
    game.expect("join m1");
    let join = game.last;
    game.last = heartbeat;
    game.fail(ErrorCode::UnknownMemberId).expect("");
    game.last = join;
    game.joined(2, "m2").expect("sync m1@2 0");
    game.last = join;
    game.joined(9, "m2").expect("");
}

#[test]
fn endless_member_id_requests_are_answered_with_pauses() {
    let mut game = Game::new(RebalanceMode::Eager);
    game.core.join(game.now, game.offers());
    game.expect("find")
        .answer(Answer::Coordinator(BrokerId(5)))
        .expect("join -");
    game.fail_with(Failure::MemberIdRequired("m1".into()))
        .expect("join m1");
    game.fail_with(Failure::MemberIdRequired("m2".into()))
        .expect("");
    assert!(game.wait() >= Duration::from_millis(80));
    game.expect("join m2");
}
