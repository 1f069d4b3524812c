//! Joining a group, and what follows until a new generation begins.

use bytes::Bytes;
use kconnect_protocol::ErrorCode;

use super::group::{Group, State};
use super::member::{Member, Profile};
use super::{JoinReply, JoinedMember, Reply, SyncReply, Ticket};
use crate::core::time::Now;

/// A JoinGroup request.
#[derive(Debug)]
pub(crate) struct Join {
    pub member_id: String,
    /// The id that a member gets which does not have one yet.
    pub new_id: String,
    pub profile: Profile,
    pub protocol_type: String,
    /// A member without an id has to come back with the one it is given (KIP-394).
    pub needs_known_id: bool,
    /// The leader can be told to leave the assignment as it is (KIP-814).
    pub can_skip_assignment: bool,
}

impl Group {
    /// A member joins. The answer comes with the replies, now or later.
    pub(crate) fn join(&mut self, now: Now, ticket: Ticket, join: Join) {
        if let Err((error, member_id)) = self.try_join(now, ticket, join) {
            self.reply(ticket, Reply::Join(JoinReply::refuse(&member_id, error)));
        }
    }

    fn try_join(
        &mut self,
        now: Now,
        ticket: Ticket,
        join: Join,
    ) -> Result<(), (ErrorCode, String)> {
        let member_id = join.member_id.clone();
        let refuse = |error| Err((error, member_id.clone()));
        if !self.accepts(&join.protocol_type, &join.profile.protocols) {
            return refuse(ErrorCode::InconsistentGroupProtocol);
        }
        if self.is_full_for(&member_id) {
            return refuse(ErrorCode::GroupMaxSizeReached);
        }
        if member_id.is_empty() {
            return self.join_without_id(now, ticket, join);
        }
        if join.profile.instance_id.is_none() && self.pending.remove(&member_id).is_some() {
            self.add_member(now, ticket, member_id, join);
            return Ok(());
        }
        let instance = join.profile.instance_id.as_deref();
        if let Err(error) = self.check_member(&member_id, instance) {
            return refuse(error);
        }
        self.join_again(now, ticket, join);
        Ok(())
    }

    fn is_full_for(&self, member_id: &str) -> bool {
        let known = self.members.contains_key(member_id) || self.pending.contains_key(member_id);
        !known && self.members.len() + self.pending.len() >= self.settings.size_max
    }

    fn join_without_id(
        &mut self,
        now: Now,
        ticket: Ticket,
        join: Join,
    ) -> Result<(), (ErrorCode, String)> {
        let new_id = join.new_id.clone();
        if let Some(instance) = &join.profile.instance_id {
            match self.instances.get(instance).cloned() {
                Some(old_id) => self.replace_static_member(now, ticket, &old_id, join),
                None => self.add_member(now, ticket, new_id, join),
            }
            return Ok(());
        }
        if join.needs_known_id {
            let until = now.millis + join.profile.session_timeout;
            self.pending.insert(new_id.clone(), until);
            return Err((ErrorCode::MemberIdRequired, new_id));
        }
        self.add_member(now, ticket, new_id, join);
        Ok(())
    }

    fn add_member(&mut self, now: Now, ticket: Ticket, member_id: String, join: Join) {
        let mut member = Member::new(join.profile, now.millis);
        member.joining = Some(ticket);
        if self.members.is_empty() {
            self.protocol_type = Some(join.protocol_type);
        }
        self.leader.get_or_insert_with(|| member_id.clone());
        if let Some(instance) = &member.profile.instance_id {
            self.instances.insert(instance.clone(), member_id.clone());
        }
        self.members.insert(member_id, member);
        if let State::Gathering { grew, .. } = &mut self.state {
            *grew = true;
        }
        self.rebalance_or_complete(now);
    }

    fn join_again(&mut self, now: Now, ticket: Ticket, join: Join) {
        let Some(member) = self.members.get(&join.member_id) else {
            return;
        };
        let same = member.matches(&join.profile.protocols);
        let is_leader = self.leader.as_deref() == Some(&join.member_id);
        let answer_now = match self.state {
            State::Completing => same,
            State::Stable => same && !is_leader,
            State::Empty | State::Gathering { .. } | State::Preparing { .. } => false,
        };
        if answer_now {
            // The member did not get the answer to its last join.
            let reply = self.joined(&join.member_id);
            self.reply(ticket, Reply::Join(reply));
            return;
        }
        self.update_member(now, ticket, join);
        self.rebalance_or_complete(now);
    }

    fn update_member(&mut self, now: Now, ticket: Ticket, join: Join) {
        let Some(member) = self.members.get_mut(&join.member_id) else {
            return;
        };
        member.profile = join.profile;
        member.seen(now.millis);
        if let Some(old) = member.joining.replace(ticket) {
            // It has asked again, probably over a new connection.
            let refusal = JoinReply::refuse(&join.member_id, ErrorCode::RebalanceInProgress);
            self.reply(old, Reply::Join(refusal));
        }
    }

    /// A static member is back, as a new process that does not know its member id.
    fn replace_static_member(&mut self, now: Now, ticket: Ticket, old_id: &str, join: Join) {
        let Some(mut member) = self.members.remove(old_id) else {
            return;
        };
        self.dismiss(&member, old_id, ErrorCode::FencedInstanceId);
        let new_id = join.new_id;
        let was_leader = self.leader.as_deref() == Some(old_id);
        member.profile = join.profile;
        member.joining = None;
        member.syncing = None;
        member.seen(now.millis);
        if let Some(instance) = &member.profile.instance_id {
            self.instances.insert(instance.clone(), new_id.clone());
        }
        self.members.insert(new_id.clone(), member);
        if was_leader {
            self.leader = Some(new_id.clone());
        }
        if let Some((_, unsynced)) = &mut self.unsynced
            && unsynced.remove(old_id)
        {
            unsynced.insert(new_id.clone());
        }
        if self.state == State::Stable && self.select_protocol() == self.protocol {
            // The assignment stays as it is; a leader must not make another one.
            let mut reply = self.joined(&new_id);
            match join.can_skip_assignment {
                true => reply.skip_assignment = was_leader,
                false if was_leader => {
                    old_id.clone_into(&mut reply.leader);
                    reply.members = Vec::new();
                }
                false => {}
            }
            self.reply(ticket, Reply::Join(reply));
            return;
        }
        if let Some(member) = self.members.get_mut(&new_id) {
            member.joining = Some(ticket);
        }
        self.rebalance_or_complete(now);
    }

    fn rebalance_or_complete(&mut self, now: Now) {
        match self.state {
            State::Empty | State::Completing | State::Stable => self.prepare_rebalance(now),
            State::Preparing { .. } => self.complete_join_if_all_are_here(now),
            State::Gathering { .. } => {}
        }
    }

    /// Makes everybody join again.
    pub(super) fn prepare_rebalance(&mut self, now: Now) {
        if self.state == State::Completing {
            self.refuse_syncs(now, ErrorCode::RebalanceInProgress);
        }
        self.unsynced = None;
        let timeout = self.rebalance_timeout();
        if self.state == State::Empty {
            let delay = self.settings.initial_delay;
            self.state = State::Gathering {
                until: now.millis + delay,
                left: timeout.saturating_sub(delay),
                grew: false,
            };
            return;
        }
        self.state = State::Preparing {
            until: now.millis.saturating_add(timeout),
        };
        self.complete_join_if_all_are_here(now);
    }

    fn refuse_syncs(&mut self, now: Now, error: ErrorCode) {
        let mut tickets = Vec::new();
        for member in self.members.values_mut() {
            member.assignment = Bytes::new();
            if let Some(ticket) = member.syncing.take() {
                // While it waited its session did not run: without a new one it would be out at once.
                member.seen(now.millis);
                tickets.push(ticket);
            }
        }
        for ticket in tickets {
            self.reply(ticket, Reply::Sync(SyncReply::refuse(error)));
        }
    }

    /// The first wait is over: wait on if somebody new came, and there is time left.
    pub(super) fn gather_on(&mut self, now: Now, left: u64, grew: bool) {
        let delay = self.settings.initial_delay.min(left);
        if !grew || delay == 0 {
            self.complete_join(now);
            return;
        }
        self.state = State::Gathering {
            until: now.millis + delay,
            left: left - delay,
            grew: false,
        };
    }

    pub(super) fn complete_join_if_all_are_here(&mut self, now: Now) {
        let preparing = matches!(self.state, State::Preparing { .. });
        let all_joined = self.members.values().all(|m| m.joining.is_some());
        if preparing && all_joined && self.pending.is_empty() {
            self.complete_join(now);
        }
    }

    /// Begins a new generation with those who joined.
    pub(super) fn complete_join(&mut self, now: Now) {
        let absent = |m: &Member| m.joining.is_none() && m.profile.instance_id.is_none();
        let gone: Vec<_> = self.members.iter().filter(|(_, m)| absent(m)).collect();
        let gone: Vec<String> = gone.into_iter().map(|(id, _)| id.clone()).collect();
        for member_id in gone {
            tracing::info!(member_id, "a group member did not join again in time");
            self.drop_member(&member_id, ErrorCode::UnknownMemberId);
        }
        if self.members.is_empty() {
            self.generation = self.generation.wrapping_add(1).max(1);
            self.protocol = None;
            self.leader = None;
            self.state = State::Empty;
            self.empty_since = now.timestamp;
            return;
        }
        let timeout = self.rebalance_timeout();
        if !self.elect_leader() {
            // All that are left are static members, and none of them is here: wait for one.
            self.state = State::Preparing {
                until: now.millis.saturating_add(timeout),
            };
            return;
        }
        self.generation = self.generation.wrapping_add(1).max(1);
        self.protocol = self.select_protocol();
        self.state = State::Completing;
        let members = self.members.keys().cloned().collect();
        self.unsynced = Some((now.millis.saturating_add(timeout), members));
        self.answer_joins(now);
    }

    /// Makes sure that the leader is somebody who has joined.
    fn elect_leader(&mut self) -> bool {
        let joined = |m: &Member| m.joining.is_some();
        let current = self.leader.as_ref().and_then(|id| self.members.get(id));
        if current.is_some_and(joined) {
            return true;
        }
        let first = self.members.iter().find(|(_, m)| joined(m));
        if let Some(id) = first.map(|(id, _)| id.clone()) {
            self.leader = Some(id);
            return true;
        }
        false
    }

    fn answer_joins(&mut self, now: Now) {
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for member_id in ids {
            let reply = self.joined(&member_id);
            let Some(member) = self.members.get_mut(&member_id) else {
                continue;
            };
            member.assignment = Bytes::new();
            member.is_new = false;
            if let Some(ticket) = member.joining.take() {
                member.seen(now.millis);
                self.reply(ticket, Reply::Join(reply));
            }
        }
    }

    /// What a member is told that is in this generation.
    fn joined(&self, member_id: &str) -> JoinReply {
        let leader = self.leader.clone().unwrap_or_default();
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let members = self.members.iter().map(|(id, member)| JoinedMember {
            member_id: id.clone(),
            instance_id: member.profile.instance_id.clone(),
            metadata: member.metadata(protocol),
        });
        JoinReply {
            error: ErrorCode::None,
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            members: match leader == member_id {
                true => members.collect(),
                false => Vec::new(),
            },
            leader,
            member_id: member_id.to_owned(),
            skip_assignment: false,
        }
    }
}
