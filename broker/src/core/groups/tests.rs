//! Groups from their first member to their last, under a clock that the tests move.

mod any_order;
mod commits;
mod joining;
mod rebalancing;
mod static_members;

use std::collections::BTreeMap;

use bytes::Bytes;
use kconnect_protocol::ErrorCode;

use super::group::State;
use super::join::Join;
use super::member::Profile;
use super::sync::Sync;
use super::{GroupSettings, Groups, JoinReply, Reply, SyncReply, Ticket};
use crate::core::RequestId;
use crate::core::time::Now;

const GROUP: &str = "g";
/// Milliseconds.
const SESSION: u64 = 10_000;
/// Milliseconds.
const REBALANCE: u64 = 60_000;

/// What a member says in a join.
#[derive(Debug, Clone)]
struct Wish {
    member_id: String,
    instance_id: Option<&'static str>,
    protocol_type: &'static str,
    protocols: Vec<(&'static str, &'static str)>,
    needs_known_id: bool,
    can_skip_assignment: bool,
}

/// A member of a consumer group that joins as newer clients do; no id yet if `member_id` is empty.
fn wish(member_id: &str) -> Wish {
    Wish {
        member_id: member_id.to_owned(),
        instance_id: None,
        protocol_type: "consumer",
        protocols: vec![("range", "topics")],
        needs_known_id: true,
        can_skip_assignment: true,
    }
}

/// A coordinator, its clock, and the answers that nobody has taken yet.
#[derive(Debug)]
struct Coordinator {
    groups: Groups,
    now: Now,
    next: u64,
    replies: BTreeMap<Ticket, Vec<Reply>>,
}

impl Coordinator {
    fn new() -> Self {
        Self::with(GroupSettings {
            initial_delay: 0,
            size_max: 1_000,
            groups_max: 10,
        })
    }

    fn with(settings: GroupSettings) -> Self {
        Self {
            groups: Groups::new(settings),
            now: Now {
                millis: 0,
                timestamp: 1_000_000,
            },
            next: 0,
            replies: BTreeMap::new(),
        }
    }

    fn ticket(&mut self) -> Ticket {
        self.next += 1;
        RequestId(self.next)
    }

    fn collect(&mut self) {
        for (ticket, reply) in self.groups.take_replies() {
            self.replies.entry(ticket).or_default().push(reply);
        }
    }

    /// Sends a join, whose answer may come later.
    fn join(&mut self, wish: &Wish) -> Ticket {
        let ticket = self.join_in_a_burst(wish);
        // As the core does after each burst of events: with no initial delay the wait ends at once.
        self.groups.handle_timeout(self.now);
        self.collect();
        ticket
    }

    /// Sends a join with which more events come before anything that is due is done.
    fn join_in_a_burst(&mut self, wish: &Wish) -> Ticket {
        let ticket = self.ticket();
        let protocols = wish.protocols.iter();
        let join = Join {
            member_id: wish.member_id.clone(),
            new_id: format!("member-{}", ticket.0),
            profile: Profile {
                instance_id: wish.instance_id.map(str::to_owned),
                client_id: "client".to_owned(),
                client_host: "host".to_owned(),
                session_timeout: SESSION,
                rebalance_timeout: REBALANCE,
                protocols: protocols
                    .map(|(name, metadata)| {
                        ((*name).to_owned(), Bytes::from_static(metadata.as_bytes()))
                    })
                    .collect(),
            },
            protocol_type: wish.protocol_type.to_owned(),
            needs_known_id: wish.needs_known_id,
            can_skip_assignment: wish.can_skip_assignment,
        };
        let now = self.now;
        self.groups
            .with_new(now, GROUP, |group| group.join(now, ticket, join));
        ticket
    }

    /// Sends a sync, whose answer may come later; the leader's has assignments.
    fn sync(
        &mut self,
        member_id: &str,
        generation: i32,
        assignments: &[(&str, &'static str)],
    ) -> Ticket {
        let ticket = self.ticket();
        let assignments = assignments.iter();
        let sync = Sync {
            member_id: member_id.to_owned(),
            instance_id: None,
            generation,
            protocol_type: None,
            protocol: None,
            assignments: assignments
                .map(|(id, assignment)| {
                    ((*id).to_owned(), Bytes::from_static(assignment.as_bytes()))
                })
                .collect(),
        };
        let now = self.now;
        self.groups
            .with(GROUP, |group| group.sync(now, ticket, sync));
        self.collect();
        ticket
    }

    fn heartbeat(&mut self, member_id: &str, generation: i32) -> ErrorCode {
        let now = self.now;
        let beat = self.groups.with(GROUP, |group| {
            group.heartbeat(now, member_id, None, generation)
        });
        self.collect();
        beat.expect("the group exists")
            .err()
            .unwrap_or(ErrorCode::None)
    }

    fn leave(&mut self, member_id: &str, instance_id: Option<&str>) -> ErrorCode {
        let now = self.now;
        let left = self
            .groups
            .with(GROUP, |group| group.leave(now, member_id, instance_id));
        self.collect();
        left.expect("the group exists")
            .err()
            .unwrap_or(ErrorCode::None)
    }

    /// Lets time pass, and what is due happen when it is due.
    fn pass(&mut self, millis: u64) {
        let end = self.now.millis + millis;
        loop {
            let next = self.groups.deadline().filter(|deadline| *deadline <= end);
            let next = next.unwrap_or(end).max(self.now.millis);
            self.now.timestamp = self
                .now
                .timestamp
                .saturating_add_unsigned(next - self.now.millis);
            self.now.millis = next;
            self.groups.handle_timeout(self.now);
            if next == end {
                break;
            }
        }
        self.collect();
    }

    fn state(&self) -> State {
        self.groups.get(GROUP).expect("the group exists").state
    }

    #[track_caller]
    fn assert_waiting(&self, ticket: Ticket) {
        assert_eq!(self.replies.get(&ticket), None);
    }

    #[track_caller]
    fn reply(&mut self, ticket: Ticket) -> Reply {
        let mut replies = self.replies.remove(&ticket).expect("an answer");
        assert_eq!(replies.len(), 1, "one answer");
        replies.remove(0)
    }

    #[track_caller]
    fn joined(&mut self, ticket: Ticket) -> JoinReply {
        match self.reply(ticket) {
            Reply::Join(reply) => reply,
            Reply::Sync(reply) => panic!("{reply:?}"),
        }
    }

    #[track_caller]
    fn synced(&mut self, ticket: Ticket) -> SyncReply {
        match self.reply(ticket) {
            Reply::Sync(reply) => reply,
            Reply::Join(reply) => panic!("{reply:?}"),
        }
    }

    /// The id that a new member is told to come back with.
    fn new_id(&mut self) -> String {
        let ticket = self.join(&wish(""));
        let reply = self.joined(ticket);
        assert_eq!(reply.error, ErrorCode::MemberIdRequired);
        reply.member_id
    }

    /// A stable group of `count` members, the leader first; each is assigned its own id.
    fn stable(&mut self, count: usize) -> Vec<String> {
        let mut ids = vec![self.new_id()];
        let first = self.join(&wish(&ids[0]));
        self.joined(first);
        for _ in 1..count {
            ids.push(self.new_id());
        }
        // The leader last: while it alone is to sync, saying the same again changes nothing.
        let joins: Vec<_> = ids.iter().rev().map(|id| self.join(&wish(id))).collect();
        for join in joins {
            assert_eq!(self.joined(join).error, ErrorCode::None);
        }
        let generation = self.generation();
        let syncs: Vec<_> = ids
            .iter()
            .rev()
            .map(|id| self.sync(id, generation, &[]))
            .collect();
        for sync in syncs {
            assert_eq!(self.synced(sync).error, ErrorCode::None);
        }
        assert_eq!(self.state(), State::Stable);
        ids
    }

    fn generation(&self) -> i32 {
        self.groups.get(GROUP).expect("the group exists").generation
    }
}
