//! The offsets that a group has committed.

use std::collections::BTreeMap;

use kconnect_protocol::ErrorCode;

use super::group::{Group, State};
use crate::core::journal::Commit;
use crate::core::time::Now;

/// What a group has committed for one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Committed {
    pub offset: i64,
    pub leader_epoch: i32,
    pub metadata: String,
    /// When, in milliseconds since the epoch.
    pub timestamp: i64,
}

/// The committed offsets of a group.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    by_topic: BTreeMap<String, BTreeMap<i32, Committed>>,
}

impl Offsets {
    pub(crate) fn is_empty(&self) -> bool {
        self.by_topic.is_empty()
    }

    pub(crate) fn get(&self, topic: &str, partition: i32) -> Option<&Committed> {
        self.by_topic.get(topic)?.get(&partition)
    }

    /// Every topic with its partitions.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &BTreeMap<i32, Committed>)> {
        self.by_topic.iter()
    }

    pub(crate) fn commit(&mut self, commit: Commit) {
        let committed = Committed {
            offset: commit.offset,
            leader_epoch: commit.leader_epoch,
            metadata: commit.metadata,
            timestamp: commit.timestamp,
        };
        let topic = self.by_topic.entry(commit.topic).or_default();
        topic.insert(commit.partition, committed);
    }

    pub(crate) fn remove(&mut self, topic: &str, partition: i32) -> bool {
        let Some(partitions) = self.by_topic.get_mut(topic) else {
            return false;
        };
        let removed = partitions.remove(&partition).is_some();
        if partitions.is_empty() {
            self.by_topic.remove(topic);
        }
        removed
    }

    /// Forgets a topic that was deleted; says whether there was something to forget.
    pub(crate) fn remove_topic(&mut self, topic: &str) -> bool {
        self.by_topic.remove(topic).is_some()
    }

    /// Takes out what was committed before `timestamp`.
    pub(crate) fn expire(&mut self, timestamp: i64) -> Vec<(String, i32)> {
        let mut expired = Vec::new();
        for (topic, partitions) in &mut self.by_topic {
            partitions.retain(|partition, committed| {
                let keep = committed.timestamp >= timestamp;
                if !keep {
                    expired.push((topic.clone(), *partition));
                }
                keep
            });
        }
        self.by_topic.retain(|_, partitions| !partitions.is_empty());
        expired
    }

    /// Everything, as the journal keeps it.
    pub(crate) fn commits(&self) -> Vec<Commit> {
        let commit = |topic: &String, partition: &i32, c: &Committed| Commit {
            topic: topic.clone(),
            partition: *partition,
            offset: c.offset,
            leader_epoch: c.leader_epoch,
            metadata: c.metadata.clone(),
            timestamp: c.timestamp,
        };
        self.by_topic
            .iter()
            .flat_map(|(topic, ps)| ps.iter().map(move |(p, c)| commit(topic, p, c)))
            .collect()
    }
}

impl Group {
    /// Whether a commit may be taken: from a member of this generation, or from outside while nobody
    /// is in the group.
    pub(crate) fn check_commit(
        &mut self,
        now: Now,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> Result<(), ErrorCode> {
        let from_outside = generation < 0 && member_id.is_empty() && instance_id.is_none();
        if from_outside {
            return match self.state {
                State::Empty => Ok(()),
                _ => Err(ErrorCode::UnknownMemberId),
            };
        }
        self.check_member(member_id, instance_id)?;
        if generation != self.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        if let Some(member) = self.members.get_mut(member_id) {
            member.seen(now.millis);
        }
        match self.state {
            // Before the leader has spoken nobody knows who owns what.
            State::Completing => Err(ErrorCode::RebalanceInProgress),
            _ => Ok(()),
        }
    }
}
