//! Which member of a consumer group gets which partitions: pure functions that a group's leader runs.

mod cooperative_sticky;
mod range;
mod round_robin;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kconnect_protocol::types::TopicPartition;

/// A way to assign partitions, by its name in JoinGroup.
///
/// `partition.assignment.strategy` takes this name or that of the Java class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Assignor {
    /// Topic by topic, neighbouring partitions to each member in order.
    Range,
    /// All partitions of all topics dealt out one by one.
    RoundRobin,
    /// Balanced with the fewest moves, and members go on with what they keep (KIP-429).
    CooperativeSticky,
}

impl Assignor {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Range, Self::RoundRobin, Self::CooperativeSticky];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
            Self::CooperativeSticky => "cooperative-sticky",
        }
    }

    /// The Java class that does the same.
    #[must_use]
    pub const fn class_name(self) -> &'static str {
        match self {
            Self::Range => "org.apache.kafka.clients.consumer.RangeAssignor",
            Self::RoundRobin => "org.apache.kafka.clients.consumer.RoundRobinAssignor",
            Self::CooperativeSticky => {
                "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"
            }
        }
    }

    /// The assignor of that wire name or Java class name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|assignor| assignor.name() == name || assignor.class_name() == name)
    }

    /// Whether members may keep partitions while the group rebalances.
    #[must_use]
    pub const fn is_cooperative(self) -> bool {
        matches!(self, Self::CooperativeSticky)
    }

    pub(crate) fn assign(self, members: &[Candidate], topics: &PartitionCounts) -> Assignments {
        match self {
            Self::Range => range::assign(members, topics),
            Self::RoundRobin => round_robin::assign(members, topics),
            Self::CooperativeSticky => cooperative_sticky::assign(members, topics),
        }
    }
}

/// A member, as far as an assignor cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) member_id: Arc<str>,
    pub(crate) group_instance_id: Option<Arc<str>>,
    pub(crate) topics: BTreeSet<Arc<str>>,
    /// What it says that it owns.
    pub(crate) owned: Vec<TopicPartition>,
    /// In which generation it came to own that; -1 if it does not say.
    pub(crate) generation: i32,
}

impl Candidate {
    /// Static members sort by the id that survives a restart, and before dynamic ones, as in Java:
    /// so a restarted member gets the same partitions again.
    fn rank(&self) -> (bool, &Option<Arc<str>>, &Arc<str>) {
        (
            self.group_instance_id.is_none(),
            &self.group_instance_id,
            &self.member_id,
        )
    }
}

/// How many partitions each topic has; a topic that does not exist is not there.
pub(crate) type PartitionCounts = BTreeMap<Arc<str>, i32>;

/// Everybody's partitions; each member has an entry.
pub(crate) type Assignments = BTreeMap<Arc<str>, Vec<TopicPartition>>;

fn nothing_for(members: &[Candidate]) -> Assignments {
    members
        .iter()
        .map(|member| (member.member_id.clone(), Vec::new()))
        .collect()
}

fn ranked(members: &[Candidate]) -> Vec<&Candidate> {
    let mut ranked: Vec<_> = members.iter().collect();
    ranked.sort_by_key(|member| member.rank());
    ranked
}
