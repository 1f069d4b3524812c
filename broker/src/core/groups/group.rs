//! One group of the classic protocol: who is in it, and where it stands.
//!
//! ```text
//!            member joins            all joined, or timeout           leader synced
//!  Empty ------------------> Preparing --------------> Completing ----------------> Stable
//!    ^                        ^  |  ^                      |                           |
//!    |    nobody joined       |  |  | member joins, leaves, or is silent for too long  |
//!    +------------------------|--+  +----------------------+---------------------------+
//! ```
//!
//! KIP-62 (rebalance timeout), KIP-134 (initial delay), KIP-345 (static members), KIP-394 (member id
//! required), KIP-429 (cooperative: nothing to do for a coordinator), KIP-814 (skip assignment).

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use kconnect_protocol::ErrorCode;

use super::member::Member;
use super::offsets::Offsets;
use super::{GroupSettings, JoinReply, Reply, SyncReply, Ticket};
use crate::core::time::Now;

/// A group of any protocol type.
#[derive(Debug)]
pub(crate) struct Group {
    pub state: State,
    pub protocol_type: Option<String>,
    pub protocol: Option<String>,
    pub generation: i32,
    pub leader: Option<String>,
    pub members: BTreeMap<String, Member>,
    /// Static members: instance id to member id.
    pub instances: BTreeMap<String, String>,
    /// Ids that were given out and not used yet, with the time until which they hold.
    pub pending: BTreeMap<String, u64>,
    /// Members of this generation that have not asked for their assignment, and until when they may.
    pub unsynced: Option<(u64, BTreeSet<String>)>,
    pub offsets: Offsets,
    /// Since when nobody is in it, in milliseconds since the epoch.
    pub empty_since: i64,
    pub(super) settings: GroupSettings,
    pub(super) replies: Vec<(Ticket, Reply)>,
}

/// Where a group stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It has no members, perhaps offsets.
    Empty,
    /// The first members gather; every new one prolongs the wait, up to `left` milliseconds.
    Gathering { until: u64, left: u64, grew: bool },
    /// Members have until then to join again.
    Preparing { until: u64 },
    /// The leader is to say who does what.
    Completing,
    /// Everybody knows what to do.
    Stable,
}

impl State {
    /// Kafka's name of the state.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Gathering { .. } | Self::Preparing { .. } => "PreparingRebalance",
            Self::Completing => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

impl Group {
    pub(crate) fn new(settings: GroupSettings, now: Now) -> Self {
        Self {
            state: State::Empty,
            protocol_type: None,
            protocol: None,
            generation: 0,
            leader: None,
            members: BTreeMap::new(),
            instances: BTreeMap::new(),
            pending: BTreeMap::new(),
            unsynced: None,
            offsets: Offsets::default(),
            empty_since: now.timestamp,
            settings,
            replies: Vec::new(),
        }
    }

    /// Whether nothing would be lost if the group were forgotten.
    pub(crate) fn is_void(&self) -> bool {
        self.state == State::Empty && self.pending.is_empty() && self.offsets.is_empty()
    }

    /// Checks that a request comes from a member of this generation, and takes it as a sign of life.
    pub(crate) fn heartbeat(
        &mut self,
        now: Now,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> Result<(), ErrorCode> {
        self.check_member(member_id, instance_id)?;
        if self.state == State::Empty {
            return Err(ErrorCode::UnknownMemberId);
        }
        if generation != self.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        if let Some(member) = self.members.get_mut(member_id) {
            member.seen(now.millis);
        }
        match self.state {
            State::Preparing { .. } | State::Gathering { .. } => {
                Err(ErrorCode::RebalanceInProgress)
            }
            State::Empty | State::Completing | State::Stable => Ok(()),
        }
    }

    /// Checks that the member exists, and that no other instance has taken its static place.
    pub(crate) fn check_member(
        &self,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> Result<(), ErrorCode> {
        if let Some(instance) = instance_id {
            match self.instances.get(instance) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(current) if current != member_id => return Err(ErrorCode::FencedInstanceId),
                Some(_) => {}
            }
        }
        match self.members.contains_key(member_id) {
            true => Ok(()),
            false => Err(ErrorCode::UnknownMemberId),
        }
    }

    /// A member leaves by itself, named by its id or by its instance id.
    pub(crate) fn leave(
        &mut self,
        now: Now,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> Result<(), ErrorCode> {
        let member_id = match (member_id, instance_id) {
            ("", Some(instance)) => {
                let id = self.instances.get(instance);
                id.cloned().ok_or(ErrorCode::UnknownMemberId)?
            }
            (id, _) => id.to_owned(),
        };
        if self.pending.remove(&member_id).is_some() {
            self.complete_join_if_all_are_here(now);
            return Ok(());
        }
        self.check_member(&member_id, instance_id)?;
        self.remove_member(now, &member_id, ErrorCode::UnknownMemberId);
        Ok(())
    }

    /// Takes a member out of the group; what it waits for is answered with `error`.
    pub(super) fn remove_member(&mut self, now: Now, member_id: &str, error: ErrorCode) {
        if !self.drop_member(member_id, error) {
            return;
        }
        match self.state {
            State::Stable | State::Completing => self.prepare_rebalance(now),
            State::Preparing { .. } => self.complete_join_if_all_are_here(now),
            State::Empty | State::Gathering { .. } => {}
        }
    }

    /// Takes a member out without looking at what follows.
    pub(super) fn drop_member(&mut self, member_id: &str, error: ErrorCode) -> bool {
        let Some(member) = self.members.remove(member_id) else {
            return false;
        };
        self.dismiss(&member, member_id, error);
        if let Some(instance) = &member.profile.instance_id {
            self.instances.remove(instance);
        }
        if let Some((_, unsynced)) = &mut self.unsynced {
            unsynced.remove(member_id);
        }
        if self.leader.as_deref() == Some(member_id) {
            self.leader = self.members.keys().next().cloned();
        }
        true
    }

    /// Answers what a member waits for with `error`.
    pub(super) fn dismiss(&mut self, member: &Member, member_id: &str, error: ErrorCode) {
        if let Some(ticket) = member.joining {
            self.reply(ticket, Reply::Join(JoinReply::refuse(member_id, error)));
        }
        if let Some(ticket) = member.syncing {
            self.reply(ticket, Reply::Sync(SyncReply::refuse(error)));
        }
    }

    pub(super) fn reply(&mut self, ticket: Ticket, reply: Reply) {
        self.replies.push((ticket, reply));
    }

    /// The longest that a member may take to join again, in milliseconds; at least one, so that what waits for it is not
    /// due at once for ever.
    pub(super) fn rebalance_timeout(&self) -> u64 {
        let timeouts = self.members.values().map(|m| m.profile.rebalance_timeout);
        timeouts.max().unwrap_or(0).max(1)
    }

    /// The protocol that all members support and most prefer.
    pub(super) fn select_protocol(&self) -> Option<String> {
        let candidates = self.common_protocols();
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            let names = member
                .profile
                .protocols
                .iter()
                .map(|(name, _)| name.as_str());
            if let Some(choice) = names.into_iter().find(|name| candidates.contains(name)) {
                *votes.entry(choice).or_default() += 1;
            }
        }
        let most = votes.values().max()?;
        let winner = votes.iter().find(|(_, count)| *count == most)?;
        Some((*winner.0).to_owned())
    }

    fn common_protocols(&self) -> BTreeSet<&str> {
        let mut members = self.members.values();
        let Some(first) = members.next() else {
            return BTreeSet::new();
        };
        let names = first
            .profile
            .protocols
            .iter()
            .map(|(name, _)| name.as_str());
        names
            .filter(|name| members.clone().all(|m| m.supports(name)))
            .collect()
    }

    /// Whether a member of this kind could be in the group.
    pub(super) fn accepts(&self, protocol_type: &str, protocols: &[(String, Bytes)]) -> bool {
        if protocol_type.is_empty() || protocols.is_empty() {
            return false;
        }
        if self.members.is_empty() {
            return true;
        }
        let shared = |(name, _): &(String, Bytes)| self.members.values().all(|m| m.supports(name));
        self.protocol_type.as_deref() == Some(protocol_type) && protocols.iter().any(shared)
    }

    /// When something happens here by itself.
    pub(crate) fn deadline(&self) -> Option<u64> {
        let state = match self.state {
            State::Gathering { until, .. } | State::Preparing { until } => Some(until),
            State::Empty | State::Completing | State::Stable => None,
        };
        let unsynced = self.unsynced.as_ref().map(|(until, _)| *until);
        let members = self.members.values().filter_map(Member::deadline).min();
        let pending = self.pending.values().min().copied();
        [state, unsynced, members, pending]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Now) {
        let pending = self.pending.len();
        self.pending.retain(|_, until| *until > now.millis);
        if self.pending.len() < pending {
            self.complete_join_if_all_are_here(now);
        }
        for member_id in self.silent_members(now) {
            tracing::info!(member_id, "a group member was silent for too long");
            self.remove_member(now, &member_id, ErrorCode::UnknownMemberId);
        }
        match self.state {
            State::Gathering { until, left, grew } if until <= now.millis => {
                self.gather_on(now, left, grew);
            }
            State::Preparing { until } if until <= now.millis => self.complete_join(now),
            _ => {}
        }
        self.drop_unsynced(now);
    }

    fn silent_members(&self, now: Now) -> Vec<String> {
        let members = self.members.iter();
        members
            .filter(|(_, m)| m.deadline().is_some_and(|deadline| deadline <= now.millis))
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// Members that never asked for their assignment are out, and the rest joins again.
    fn drop_unsynced(&mut self, now: Now) {
        let Some((until, members)) = self.unsynced.take() else {
            return;
        };
        if until > now.millis {
            self.unsynced = Some((until, members));
            return;
        }
        if members.is_empty() || !matches!(self.state, State::Completing | State::Stable) {
            return;
        }
        for member_id in &members {
            tracing::info!(member_id, "a group member never asked for its assignment");
            self.drop_member(member_id, ErrorCode::UnknownMemberId);
        }
        self.prepare_rebalance(now);
    }
}
