//! Handing out what the leader decided.

use std::collections::BTreeMap;

use bytes::Bytes;
use kconnect_protocol::ErrorCode;

use super::group::{Group, State};
use super::{Reply, SyncReply, Ticket};
use crate::core::time::Now;

/// A SyncGroup request.
#[derive(Debug)]
pub(crate) struct Sync {
    pub member_id: String,
    pub instance_id: Option<String>,
    pub generation: i32,
    pub protocol_type: Option<String>,
    pub protocol: Option<String>,
    /// From the leader: member id to assignment.
    pub assignments: BTreeMap<String, Bytes>,
}

impl Group {
    /// A member asks for its assignment. The answer comes with the replies, now or later.
    pub(crate) fn sync(&mut self, now: Now, ticket: Ticket, sync: Sync) {
        if let Err(error) = self.try_sync(now, ticket, sync) {
            self.reply(ticket, Reply::Sync(SyncReply::refuse(error)));
        }
    }

    fn try_sync(&mut self, now: Now, ticket: Ticket, sync: Sync) -> Result<(), ErrorCode> {
        self.check_member(&sync.member_id, sync.instance_id.as_deref())?;
        if sync.generation != self.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        let differs = |said: &Option<String>, is: &Option<String>| said.is_some() && said != is;
        if differs(&sync.protocol_type, &self.protocol_type)
            || differs(&sync.protocol, &self.protocol)
        {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        match self.state {
            State::Empty => Err(ErrorCode::UnknownMemberId),
            State::Gathering { .. } | State::Preparing { .. } => {
                Err(ErrorCode::RebalanceInProgress)
            }
            State::Completing => {
                self.wait_for_assignment(now, ticket, sync);
                Ok(())
            }
            State::Stable => {
                self.has_synced(&sync.member_id);
                self.hand_out(now, &sync.member_id, ticket);
                Ok(())
            }
        }
    }

    fn wait_for_assignment(&mut self, now: Now, ticket: Ticket, mut sync: Sync) {
        self.has_synced(&sync.member_id);
        if let Some(member) = self.members.get_mut(&sync.member_id)
            && let Some(old) = member.syncing.replace(ticket)
        {
            let refusal = SyncReply::refuse(ErrorCode::RebalanceInProgress);
            self.reply(old, Reply::Sync(refusal));
        }
        if self.leader.as_deref() != Some(&sync.member_id) {
            return;
        }
        let mut waiting = Vec::new();
        for (id, member) in &mut self.members {
            member.assignment = sync.assignments.remove(id).unwrap_or_default();
            if let Some(ticket) = member.syncing.take() {
                waiting.push((id.clone(), ticket));
            }
        }
        self.state = State::Stable;
        for (id, ticket) in waiting {
            self.hand_out(now, &id, ticket);
        }
    }

    fn has_synced(&mut self, member_id: &str) {
        if let Some((_, unsynced)) = &mut self.unsynced {
            unsynced.remove(member_id);
            if unsynced.is_empty() {
                self.unsynced = None;
            }
        }
    }

    fn hand_out(&mut self, now: Now, member_id: &str, ticket: Ticket) {
        let Some(member) = self.members.get_mut(member_id) else {
            return;
        };
        member.seen(now.millis);
        let reply = SyncReply {
            error: ErrorCode::None,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            assignment: member.assignment.clone(),
        };
        self.reply(ticket, Reply::Sync(reply));
    }
}
