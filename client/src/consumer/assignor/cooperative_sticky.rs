//! `cooperative-sticky`: balanced, with as few moves as possible, and no partition in two hands.
//!
//! A partition that changes hands is left out of the round in which its owner loses it: the owner
//! gives it up, joins again, and only then somebody else gets it (KIP-429). That also holds for claims that
//! lost against others, so members that disagree about the past cannot both consume a partition.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kconnect_protocol::types::TopicPartition;

use super::{Assignments, Candidate, PartitionCounts};

pub(super) fn assign(members: &[Candidate], topics: &PartitionCounts) -> Assignments {
    let mut board = Board::new(members, topics);
    board.keep_claims();
    board.deal_out();
    while board.level() {}
    board.withhold_moving();
    board.into_assignments()
}

/// Members and topics are numbers here, in order of their names, so that the same input always has
/// the same output.
struct Board<'a> {
    members: Vec<&'a Candidate>,
    topics: Vec<Topic<'a>>,
    /// By member: how many partitions it gets.
    loads: Vec<usize>,
    /// By member and topic: the partitions it gets, those that are new to it last.
    shares: Vec<BTreeMap<usize, Vec<usize>>>,
}

struct Topic<'a> {
    name: &'a Arc<str>,
    wanted_by: Vec<usize>,
    /// By partition: all that say they have it.
    claimed_by: Vec<Vec<usize>>,
    /// By partition: whether the one who gets it is to wait until others have given it up.
    withheld: Vec<bool>,
}

impl<'a> Board<'a> {
    fn new(members: &'a [Candidate], topics: &'a PartitionCounts) -> Self {
        let mut members: Vec<_> = members.iter().collect();
        members.sort_by(|a, b| a.member_id.cmp(&b.member_id));
        members.dedup_by(|a, b| a.member_id == b.member_id);
        let topic = |(name, &count): (&'a Arc<str>, &i32)| {
            let count = usize::try_from(count).unwrap_or(0);
            let wants = |&member: &usize| members[member].topics.contains(name);
            Topic {
                name,
                wanted_by: (0..members.len()).filter(wants).collect(),
                claimed_by: vec![Vec::new(); count],
                withheld: vec![false; count],
            }
        };
        Self {
            topics: topics.iter().map(topic).collect(),
            loads: vec![0; members.len()],
            shares: vec![BTreeMap::new(); members.len()],
            members,
        }
    }

    /// Everybody keeps what they have, unless two claim it: then the later generation is right, and if
    /// that does not decide, neither.
    fn keep_claims(&mut self) {
        let names = self.topics.iter().map(|topic| &**topic.name);
        let numbers: BTreeMap<&str, usize> = names.zip(0..).collect();
        let mut claims = BTreeSet::new();
        for (member, candidate) in self.members.iter().enumerate() {
            for owned in &candidate.owned {
                if let (Some(&topic), Ok(partition)) =
                    (numbers.get(&*owned.topic), usize::try_from(owned.partition))
                {
                    claims.insert((topic, partition, member));
                }
            }
        }
        for (topic, partition, member) in claims {
            if let Some(claimed_by) = self.topics[topic].claimed_by.get_mut(partition) {
                claimed_by.push(member);
            }
        }
        for topic in 0..self.topics.len() {
            for partition in 0..self.topics[topic].claimed_by.len() {
                if let Some(member) = self.rightful_claim(topic, partition) {
                    self.give(member, topic, partition);
                }
            }
        }
    }

    fn rightful_claim(&self, topic: usize, partition: usize) -> Option<usize> {
        let topic = &self.topics[topic];
        let generation = |&member: &usize| self.members[member].generation;
        let wants = |member: &&usize| self.members[**member].topics.contains(topic.name);
        let claims = || topic.claimed_by[partition].iter().filter(wants);
        let latest = claims().map(generation).max()?;
        let mut latest = claims().filter(|member| generation(member) == latest);
        let first = *latest.next()?;
        latest.next().is_none().then_some(first)
    }

    /// What nobody has goes to whom has least; topics that few want come first, while there is a choice.
    fn deal_out(&mut self) {
        let mut order: Vec<_> = (0..self.topics.len()).collect();
        order.sort_by_key(|&topic| self.topics[topic].wanted_by.len());
        for topic in order {
            let mut free = vec![true; self.topics[topic].claimed_by.len()];
            for partitions in self.shares.iter().filter_map(|shares| shares.get(&topic)) {
                partitions
                    .iter()
                    .for_each(|&partition| free[partition] = false);
            }
            for partition in (0..free.len()).filter(|&partition| free[partition]) {
                let Some(member) = self.least_loaded(topic) else {
                    break;
                };
                self.give(member, topic, partition);
            }
        }
    }

    /// Moves one partition from whom has most to somebody with at least two less; false when there is no such pair.
    ///
    /// Each move makes the sum of the squared loads smaller, so this comes to an end. Taking from whom
    /// has most keeps the number of moves small.
    fn level(&mut self) -> bool {
        let mut givers: Vec<_> = (0..self.members.len()).collect();
        givers.sort_by_key(|&member| std::cmp::Reverse(self.loads[member]));
        let least = self.loads.iter().min().copied().unwrap_or(0);
        for giver in givers {
            if self.loads[giver] <= least + 1 {
                return false;
            }
            let takers = self.shares[giver]
                .iter()
                .filter_map(|(&topic, partitions)| {
                    let taker = self.least_loaded(topic)?;
                    let partition = *partitions.last()?;
                    let stays = self.topics[topic].claimed_by[partition].contains(&giver);
                    Some((self.loads[taker], stays, topic, taker))
                });
            match takers.min() {
                Some((load, _, topic, taker)) if self.loads[giver] > load + 1 => {
                    self.hand_over(giver, taker, topic);
                    return true;
                }
                _ => {}
            }
        }
        false
    }

    fn hand_over(&mut self, giver: usize, taker: usize, topic: usize) {
        let Some(partitions) = self.shares[giver].get_mut(&topic) else {
            return;
        };
        let partition = partitions.pop();
        if partitions.is_empty() {
            self.shares[giver].remove(&topic);
        }
        if let Some(partition) = partition {
            self.loads[giver] -= 1;
            self.give(taker, topic, partition);
        }
    }

    fn give(&mut self, member: usize, topic: usize, partition: usize) {
        self.loads[member] += 1;
        self.shares[member]
            .entry(topic)
            .or_default()
            .push(partition);
    }

    fn least_loaded(&self, topic: usize) -> Option<usize> {
        let wanted_by = self.topics[topic].wanted_by.iter().copied();
        wanted_by.min_by_key(|&member| self.loads[member])
    }

    /// Takes out what only somebody else still has: it is handed over in the next round.
    fn withhold_moving(&mut self) {
        for (member, shares) in self.shares.iter().enumerate() {
            for (&topic, partitions) in shares {
                for &partition in partitions {
                    let topic = &mut self.topics[topic];
                    let holders = &topic.claimed_by[partition];
                    topic.withheld[partition] = !holders.is_empty() && !holders.contains(&member);
                }
            }
        }
    }

    fn into_assignments(self) -> Assignments {
        let mut assignments = Assignments::new();
        for (member, shares) in self.members.iter().zip(self.shares) {
            let own = assignments.entry(member.member_id.clone()).or_default();
            for (topic, mut partitions) in shares {
                let topic = &self.topics[topic];
                partitions.retain(|&partition| !topic.withheld[partition]);
                partitions.sort_unstable();
                own.extend(partitions.into_iter().filter_map(|partition| {
                    let partition = i32::try_from(partition).ok()?;
                    Some(TopicPartition::new(topic.name.clone(), partition))
                }));
            }
        }
        assignments
    }
}
