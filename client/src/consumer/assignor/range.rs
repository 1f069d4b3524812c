//! `range`: of each topic, each member gets neighbouring partitions; the first members get one more.

use kconnect_protocol::types::TopicPartition;

use super::{Assignments, Candidate, PartitionCounts, nothing_for, ranked};

pub(super) fn assign(members: &[Candidate], topics: &PartitionCounts) -> Assignments {
    let mut assignments = nothing_for(members);
    let members = ranked(members);
    for (topic, &count) in topics {
        let mut left: Vec<_> = members
            .iter()
            .filter(|member| member.topics.contains(topic))
            .collect();
        let mut partitions = 0..count;
        left.reverse();
        while let Some(member) = left.pop() {
            let among = left.len() + 1;
            let share = partitions.len().div_ceil(among);
            let own = assignments.entry(member.member_id.clone()).or_default();
            own.extend(
                partitions
                    .by_ref()
                    .take(share)
                    .map(|partition| TopicPartition::new(topic.clone(), partition)),
            );
        }
    }
    assignments
}
