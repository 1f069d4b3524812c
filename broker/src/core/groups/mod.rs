//! The group coordinator: classic groups of any protocol type, and their committed offsets.

pub(crate) mod group;
pub(crate) mod join;
pub(crate) mod member;
pub(crate) mod offsets;
pub(crate) mod sync;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use kconnect_protocol::ErrorCode;

use self::group::{Group, State};
use super::RequestId;
use super::journal::Entry;
use super::time::Now;

/// Names the request that a reply is for.
pub(crate) type Ticket = RequestId;

/// The limits of groups.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupSettings {
    /// `group.initial.rebalance.delay.ms`
    pub initial_delay: u64,
    /// `group.max.size`
    pub size_max: usize,
    /// How many groups there may be.
    pub groups_max: usize,
}

/// The answer to a JoinGroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JoinReply {
    pub error: ErrorCode,
    pub generation: i32,
    pub protocol_type: Option<String>,
    pub protocol: Option<String>,
    pub leader: String,
    pub member_id: String,
    pub skip_assignment: bool,
    /// For the leader alone.
    pub members: Vec<JoinedMember>,
}

/// A member as its leader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JoinedMember {
    pub member_id: String,
    pub instance_id: Option<String>,
    pub metadata: Bytes,
}

/// The answer to a SyncGroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyncReply {
    pub error: ErrorCode,
    pub protocol_type: Option<String>,
    pub protocol: Option<String>,
    pub assignment: Bytes,
}

/// An answer that a group gives when it is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    Join(JoinReply),
    Sync(SyncReply),
}

impl JoinReply {
    pub(crate) fn refuse(member_id: &str, error: ErrorCode) -> Self {
        Self {
            error,
            generation: -1,
            protocol_type: None,
            protocol: None,
            leader: String::new(),
            member_id: member_id.to_owned(),
            skip_assignment: false,
            members: Vec::new(),
        }
    }
}

impl SyncReply {
    pub(crate) fn refuse(error: ErrorCode) -> Self {
        Self {
            error,
            protocol_type: None,
            protocol: None,
            assignment: Bytes::new(),
        }
    }
}

/// All groups.
#[derive(Debug)]
pub(crate) struct Groups {
    by_id: BTreeMap<String, Group>,
    settings: GroupSettings,
    /// When which group has something to do. A group stands here once.
    deadlines: BTreeSet<(u64, String)>,
    planned: BTreeMap<String, u64>,
    replies: Vec<(Ticket, Reply)>,
}

impl Groups {
    pub(crate) fn new(settings: GroupSettings) -> Self {
        Self {
            by_id: BTreeMap::new(),
            settings,
            deadlines: BTreeSet::new(),
            planned: BTreeMap::new(),
            replies: Vec::new(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Group)> {
        self.by_id.iter()
    }

    pub(crate) fn get(&self, group_id: &str) -> Option<&Group> {
        self.by_id.get(group_id)
    }

    /// Does something with a group that exists, and sees to its replies and deadlines.
    pub(crate) fn with<T>(
        &mut self,
        group_id: &str,
        act: impl FnOnce(&mut Group) -> T,
    ) -> Option<T> {
        let group = self.by_id.get_mut(group_id)?;
        let done = act(group);
        self.replies.append(&mut group.replies);
        let deadline = group.deadline();
        self.plan(group_id, deadline);
        Some(done)
    }

    /// The same with a group that is made if it does not exist; `None` if there are too many.
    pub(crate) fn with_new<T>(
        &mut self,
        now: Now,
        group_id: &str,
        act: impl FnOnce(&mut Group) -> T,
    ) -> Option<T> {
        if !self.by_id.contains_key(group_id) {
            if self.by_id.len() >= self.settings.groups_max {
                tracing::warn!(group_id, "there are too many groups for one more");
                return None;
            }
            let group = Group::new(self.settings, now);
            self.by_id.insert(group_id.to_owned(), group);
        }
        self.with(group_id, act)
    }

    fn plan(&mut self, group_id: &str, deadline: Option<u64>) {
        if self.planned.get(group_id).copied() == deadline {
            return;
        }
        if let Some(old) = self.planned.remove(group_id) {
            self.deadlines.remove(&(old, group_id.to_owned()));
        }
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, group_id.to_owned()));
            self.planned.insert(group_id.to_owned(), deadline);
        }
    }

    /// The next reply that is ready.
    pub(crate) fn take_replies(&mut self) -> Vec<(Ticket, Reply)> {
        std::mem::take(&mut self.replies)
    }

    /// When a group has something to do by itself.
    pub(crate) fn deadline(&self) -> Option<u64> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Now) {
        while let Some((deadline, group_id)) = self.deadlines.first().cloned() {
            if deadline > now.millis {
                return;
            }
            self.with(&group_id, |group| group.handle_timeout(now));
            if self.planned.get(&group_id) == Some(&deadline) {
                // Nothing moved: do not come back at once for ever.
                debug_assert!(false, "a group left a deadline behind");
                self.plan(&group_id, Some(now.millis + 1_000));
            }
        }
    }

    /// Removes a group that nobody is in.
    pub(crate) fn remove(&mut self, group_id: &str) -> Result<(), ErrorCode> {
        let group = self.by_id.get(group_id);
        if group.ok_or(ErrorCode::GroupIdNotFound)?.state != State::Empty {
            return Err(ErrorCode::NonEmptyGroup);
        }
        self.by_id.remove(group_id);
        self.plan(group_id, None);
        Ok(())
    }

    /// Forgets offsets that nobody has wanted since `timestamp` (`offsets.retention.minutes`), and
    /// groups of which nothing is left. Returns what the journal has to know.
    pub(crate) fn expire(&mut self, timestamp: i64) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (group_id, group) in &mut self.by_id {
            if group.state != State::Empty || group.empty_since >= timestamp {
                continue;
            }
            let partitions = group.offsets.expire(timestamp);
            if !partitions.is_empty() {
                entries.push(Entry::OffsetsDeleted {
                    group: group_id.clone(),
                    partitions,
                });
            }
        }
        self.by_id.retain(|_, group| !group.is_void());
        let by_id = &self.by_id;
        self.planned
            .retain(|group_id, _| by_id.contains_key(group_id));
        let planned = &self.planned;
        self.deadlines
            .retain(|(_, group_id)| planned.contains_key(group_id));
        entries
    }

    /// Forgets the offsets of a topic that was deleted; returns the groups that had some.
    pub(crate) fn topic_deleted(&mut self, topic: &str) {
        for group in self.by_id.values_mut() {
            group.offsets.remove_topic(topic);
        }
    }

    /// Takes over an entry of the journal at start.
    pub(crate) fn replay(&mut self, entry: Entry, now: Now) {
        match entry {
            Entry::Offsets { group, commits } => {
                self.with_new(now, &group, |group| {
                    for commit in commits {
                        group.offsets.commit(commit);
                    }
                });
            }
            Entry::OffsetsDeleted { group, partitions } => {
                self.with(&group, |group| {
                    for (topic, partition) in partitions {
                        group.offsets.remove(&topic, partition);
                    }
                });
            }
            Entry::GroupDeleted { group } => {
                self.by_id.remove(&group);
            }
            _ => {}
        }
    }

    /// The entries that lead to the offsets of now.
    pub(crate) fn snapshot(&self) -> Vec<Entry> {
        let with_offsets = self.by_id.iter().filter(|(_, g)| !g.offsets.is_empty());
        with_offsets
            .map(|(group_id, group)| Entry::Offsets {
                group: group_id.clone(),
                commits: group.offsets.commits(),
            })
            .collect()
    }
}
