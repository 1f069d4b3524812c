//! `roundrobin`: all partitions of all topics are dealt out one by one to the members that want them.

use kconnect_protocol::types::TopicPartition;

use super::{Assignments, Candidate, PartitionCounts, nothing_for, ranked};

pub(super) fn assign(members: &[Candidate], topics: &PartitionCounts) -> Assignments {
    let mut assignments = nothing_for(members);
    let members = ranked(members);
    let mut next = 0;
    for (topic, &count) in topics {
        for partition in 0..count {
            let place = (next..next + members.len())
                .map(|place| place % members.len())
                .find(|&place| members[place].topics.contains(topic));
            let Some(place) = place else { break };
            next = place + 1;
            let own = assignments
                .entry(members[place].member_id.clone())
                .or_default();
            own.push(TopicPartition::new(topic.clone(), partition));
        }
    }
    assignments
}
