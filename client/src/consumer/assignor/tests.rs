//! Fixed cases as data, and histories of groups as properties.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kconnect_protocol::types::TopicPartition;
use proptest::prelude::*;

use super::{Assignments, Assignor, Candidate, PartitionCounts};

/// Members as `name: topics`, topics as `name=count`, the outcome as one line per member.
#[track_caller]
fn check(assignor: Assignor, topics: &str, members: &[(&str, &str)], expected: &str) {
    let candidates: Vec<_> = members
        .iter()
        .map(|(id, topics)| candidate(id, topics, "", -1))
        .collect();
    assert_eq!(
        show(&assignor.assign(&candidates, &counts(topics))),
        expected.trim()
    );
}

fn counts(text: &str) -> PartitionCounts {
    let pair = |item: &str| {
        let (topic, count) = item.split_once('=').unwrap();
        (Arc::from(topic), count.parse().unwrap())
    };
    text.split_whitespace().map(pair).collect()
}

/// `owned` as `topic-0 topic-1`; a name with `@instance` is a static member.
fn candidate(id: &str, topics: &str, owned: &str, generation: i32) -> Candidate {
    let (member_id, instance) = id.split_once('@').map_or((id, None), |(a, b)| (a, Some(b)));
    Candidate {
        member_id: member_id.into(),
        group_instance_id: instance.map(Into::into),
        topics: topics.split_whitespace().map(Into::into).collect(),
        owned: owned.split_whitespace().map(partition).collect(),
        generation,
    }
}

fn partition(text: &str) -> TopicPartition {
    let (topic, number) = text.rsplit_once('-').unwrap();
    TopicPartition::new(topic, number.parse().unwrap())
}

fn show(assignments: &Assignments) -> String {
    let line = |(member, partitions): (&Arc<str>, &Vec<TopicPartition>)| {
        let partitions: Vec<_> = partitions.iter().map(ToString::to_string).collect();
        format!("{member}: {}", partitions.join(" "))
            .trim_end()
            .to_owned()
    };
    assignments.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn range_gives_neighbours_and_the_first_members_one_more() {
    let members = [("a", "t u"), ("b", "t u"), ("c", "u")];
    check(
        Assignor::Range,
        "t=3 u=4",
        &members,
        "
a: t-0 t-1 u-0 u-1
b: t-2 u-2
c: u-3",
    );
}

#[test]
fn range_leaves_late_members_idle() {
    check(
        Assignor::Range,
        "t=1",
        &[("a", "t"), ("b", "t")],
        "
a: t-0
b:",
    );
}

#[test]
fn static_members_are_ranked_by_instance_and_before_dynamic_ones() {
    check(
        Assignor::Range,
        "t=3",
        &[("a", "t"), ("z@1", "t"), ("y@2", "t")],
        "
a: t-2
y: t-1
z: t-0",
    );
}

#[test]
fn round_robin_deals_out_one_by_one_and_skips_who_does_not_want_the_topic() {
    let members = [("a", "t"), ("b", "t u"), ("c", "u")];
    check(
        Assignor::RoundRobin,
        "t=3 u=3",
        &members,
        "
a: t-0 t-2
b: t-1 u-0 u-2
c: u-1",
    );
}

#[test]
fn topics_that_do_not_exist_are_nobodys() {
    for assignor in Assignor::ALL {
        check(
            assignor,
            "t=1",
            &[("a", "gone t"), ("b", "gone")],
            "
a: t-0
b:",
        );
    }
}

#[test]
fn no_members_or_no_topics_are_no_trouble() {
    for assignor in Assignor::ALL {
        check(assignor, "t=2", &[], "");
        check(assignor, "", &[("a", "t")], "a:");
        check(assignor, "t=2", &[("a", "")], "a:");
    }
}

#[test]
fn a_moving_partition_is_nobodys_until_its_owner_gave_it_up() {
    let topics = counts("t=4");
    let first = [
        candidate("a", "t", "t-0 t-1 t-2 t-3", 1),
        candidate("b", "t", "", -1),
    ];
    assert_eq!(
        show(&Assignor::CooperativeSticky.assign(&first, &topics)),
        "a: t-0 t-1\nb:"
    );
    let second = [
        candidate("a", "t", "t-0 t-1", 2),
        candidate("b", "t", "", 2),
    ];
    assert_eq!(
        show(&Assignor::CooperativeSticky.assign(&second, &topics)),
        "a: t-0 t-1\nb: t-2 t-3"
    );
}

#[test]
fn of_two_claims_the_later_generation_is_right() {
    let members = [
        candidate("a", "t", "t-0 t-1", 4),
        candidate("b", "t", "t-0 t-1", 5),
    ];
    let assigned = Assignor::CooperativeSticky.assign(&members, &counts("t=2"));
    // One partition moves to a; a says that it holds it, so it need not be withheld.
    assert_eq!(show(&assigned), "a: t-1\nb: t-0");
}

#[test]
fn a_claim_of_an_old_generation_delays_the_new_owner() {
    let members = [candidate("a", "u", "t-0", 3), candidate("b", "t", "", 5)];
    let assigned = Assignor::CooperativeSticky.assign(&members, &counts("t=1 u=1"));
    assert_eq!(show(&assigned), "a: u-0\nb:");
}

#[test]
fn absurd_claims_are_ignored() {
    let members = [
        candidate("a", "t", "t-7 t--1 gone-0 t-0 t-0", 1),
        candidate("a", "t", "", 1),
    ];
    let assigned = Assignor::CooperativeSticky.assign(&members, &counts("t=2"));
    assert_eq!(show(&assigned), "a: t-0 t-1");
}

#[test]
fn every_assignor_is_found_by_its_name_and_by_its_class() {
    for assignor in Assignor::ALL {
        assert_eq!(Assignor::from_name(assignor.name()), Some(assignor));
        assert_eq!(Assignor::from_name(assignor.class_name()), Some(assignor));
    }
    assert_eq!(Assignor::from_name("sticky"), None);
}

/// One change in the life of a group.
#[derive(Debug, Clone)]
enum Step {
    Join {
        topics: u8,
    },
    /// The member of that place in the list is gone.
    Leave(usize),
    Grow {
        topic: usize,
        by: i32,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1u8..8).prop_map(|topics| Step::Join { topics }),
        2 => (0usize..8).prop_map(Step::Leave),
        1 => (0usize..3, 1i32..6).prop_map(|(topic, by)| Step::Grow { topic, by }),
    ];
    proptest::collection::vec(step, 1..14)
}

/// Plays a cooperative group: rebalances until nobody has to give anything up.
#[derive(Default)]
struct Group {
    members: Vec<Candidate>,
    topics: PartitionCounts,
    generation: i32,
    joined: usize,
}

impl Group {
    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Join { topics } => {
                let names = ["t", "u", "v"]
                    .into_iter()
                    .zip(0..)
                    .filter(|(_, bit)| topics >> bit & 1 == 1);
                let topics: Vec<_> = names.map(|(name, _)| name).collect();
                self.joined += 1;
                let id = format!("m{:02}", self.joined * 7 % 100);
                self.members.push(candidate(&id, &topics.join(" "), "", -1));
            }
            Step::Leave(place) if place < self.members.len() => {
                self.members.remove(place);
            }
            Step::Leave(_) => {}
            Step::Grow { topic, by } => {
                let name: Arc<str> = ["t", "u", "v"][topic].into();
                *self.topics.entry(name).or_default() += by;
            }
        }
    }

    /// One rebalance; answers whether somebody gave something up, so that another one follows.
    fn rebalance(&mut self) -> bool {
        let assigned = Assignor::CooperativeSticky.assign(&self.members, &self.topics);
        self.generation += 1;
        let mut revoked = false;
        let mut before: BTreeMap<TopicPartition, Arc<str>> = BTreeMap::new();
        for member in &self.members {
            before.extend(
                member
                    .owned
                    .iter()
                    .map(|owned| (owned.clone(), member.member_id.clone())),
            );
        }
        for member in &mut self.members {
            let new = &assigned[&member.member_id];
            for partition in new {
                let holder = before.get(partition);
                assert!(
                    holder.is_none_or(|holder| *holder == member.member_id),
                    "{partition} is in two hands"
                );
            }
            revoked |= member.owned.iter().any(|owned| !new.contains(owned));
            member.owned.clone_from(new);
            member.generation = self.generation;
        }
        revoked
    }

    fn settle(&mut self) {
        let mut rounds = 0;
        while self.rebalance() {
            rounds += 1;
            assert!(rounds <= 2, "the group does not come to rest");
        }
    }

    fn wanted(&self) -> BTreeSet<TopicPartition> {
        let wants = |topic: &Arc<str>| {
            self.members
                .iter()
                .any(|member| member.topics.contains(topic))
        };
        let topics = self.topics.iter().filter(|(topic, _)| wants(topic));
        let partitions = |(topic, &count): (&Arc<str>, &i32)| {
            (0..count)
                .map(|number| TopicPartition::new(topic.clone(), number))
                .collect::<Vec<_>>()
        };
        topics.flat_map(partitions).collect()
    }

    fn check_balance(&self) {
        let load = |member: &Candidate| member.owned.len();
        for giver in &self.members {
            for owned in &giver.owned {
                for taker in self
                    .members
                    .iter()
                    .filter(|taker| taker.topics.contains(&owned.topic))
                {
                    assert!(
                        load(giver) <= load(taker) + 1,
                        "{} could take {owned}",
                        taker.member_id
                    );
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cooperative_groups_come_to_rest_complete_balanced_and_never_share(steps in steps()) {
        let mut group = Group { topics: counts("t=3 u=5"), ..Group::default() };
        for step in &steps {
            group.apply(step);
            group.settle();
            let owned: Vec<_> = group.members.iter().flat_map(|member| member.owned.clone()).collect();
            let unique: BTreeSet<_> = owned.iter().cloned().collect();
            prop_assert_eq!(unique.len(), owned.len());
            prop_assert_eq!(unique, group.wanted());
            group.check_balance();
        }
    }

    #[test]
    fn a_cooperative_group_with_equal_wishes_moves_no_more_than_it_must(
        partitions in 1i32..40,
        members in 1usize..8,
        leaves in 0usize..8,
    ) {
        let mut group = Group { topics: counts(&format!("t={partitions} u=7")), ..Group::default() };
        (0..members).for_each(|_| group.apply(&Step::Join { topics: 3 }));
        group.settle();
        let before = group.members.clone();
        group.apply(&if leaves < members { Step::Leave(leaves) } else { Step::Join { topics: 3 } });
        let after: BTreeMap<_, _> =
            Assignor::CooperativeSticky.assign(&group.members, &group.topics).into_iter().collect();
        let total = group.wanted().len();
        let share = total.div_ceil(group.members.len().max(1));
        for member in &before {
            let Some(kept) = after.get(&member.member_id) else { continue };
            let kept = member.owned.iter().filter(|owned| kept.contains(owned)).count();
            prop_assert!(kept >= member.owned.len().min(share.saturating_sub(1)));
            if leaves < members {
                prop_assert_eq!(kept, member.owned.len(), "nobody loses anything when a member leaves");
            }
        }
    }

    #[test]
    fn nothing_changes_when_nothing_changed(steps in steps()) {
        let mut group = Group { topics: counts("t=3 u=5"), ..Group::default() };
        steps.iter().for_each(|step| group.apply(step));
        group.settle();
        let before = group.members.iter().map(|member| member.owned.clone()).collect::<Vec<_>>();
        group.rebalance();
        let after = group.members.iter().map(|member| member.owned.clone()).collect::<Vec<_>>();
        prop_assert_eq!(before, after);
    }

    #[test]
    fn eager_assignors_give_each_wanted_partition_to_one_who_wants_it(steps in steps()) {
        let mut group = Group { topics: counts("t=3 u=5"), ..Group::default() };
        steps.iter().for_each(|step| group.apply(step));
        for assignor in [Assignor::Range, Assignor::RoundRobin] {
            let assigned = assignor.assign(&group.members, &group.topics);
            let mut all = Vec::new();
            for member in &group.members {
                let own = &assigned[&member.member_id];
                prop_assert!(own.iter().all(|partition| member.topics.contains(&partition.topic)));
                all.extend(own.iter().cloned());
            }
            let unique: BTreeSet<_> = all.iter().cloned().collect();
            prop_assert_eq!(unique.len(), all.len());
            prop_assert_eq!(unique, group.wanted());
        }
    }
}
