//! What the group's decisions mean for the partitions of this consumer, step by step. No I/O.
//!
//! The steps of one decision are done in order by `poll`. [`Act::Tell`] returns to the caller, so what
//! stands behind it happens in the next poll: that is how the caller's commit after `Revoked` comes
//! before the partitions are given up.

use std::collections::{BTreeSet, VecDeque};

use kconnect_protocol::TopicPartition;
use kconnect_protocol::group::consumer::Assignment;

use super::Topics;
use crate::consumer::ConsumerEvent;
use crate::group::{GroupEvent, Joined, RebalanceMode};
use crate::{Error, ErrorKind};

/// One step.
#[derive(Debug)]
pub(crate) enum Act {
    /// Hand out no more of these.
    Stop(Vec<TopicPartition>),
    /// Return this from `poll`.
    Tell(ConsumerEvent),
    /// Commit these if commits are automatic, and wait for it; then drop what was not committed.
    Save(Vec<TopicPartition>),
    /// These belong to others: drop what was not committed.
    Forget(Vec<TopicPartition>),
    /// Own exactly these.
    Own(BTreeSet<TopicPartition>),
    /// Tell the member that all is done.
    Ready,
    /// Ask for a rebalance.
    Rejoin(&'static str),
    /// Return this error from `poll`.
    Fail(Error),
}

#[derive(Debug, Default)]
pub(crate) struct Rebalance {
    owned: BTreeSet<TopicPartition>,
    generation: Option<i32>,
    is_leader: bool,
    acts: VecDeque<Act>,
}

impl Rebalance {
    pub(crate) fn owned(&self) -> &BTreeSet<TopicPartition> {
        &self.owned
    }

    /// The generation in which `owned` was got.
    pub(crate) fn generation(&self) -> Option<i32> {
        self.generation
    }

    pub(crate) fn is_leader(&self) -> bool {
        self.is_leader
    }

    /// Whether the last decision is carried out, and the next may be heard.
    pub(crate) fn is_done(&self) -> bool {
        self.acts.is_empty()
    }

    /// The step that `poll_act` takes next.
    pub(crate) fn next_act(&self) -> Option<&Act> {
        self.acts.front()
    }

    pub(crate) fn poll_act(&mut self) -> Option<Act> {
        let act = self.acts.pop_front();
        if let Some(Act::Own(owned)) = &act {
            self.owned.clone_from(owned);
        }
        act
    }

    /// What the member says.
    pub(crate) fn handle(&mut self, event: GroupEvent, topics: &Topics) {
        match event {
            GroupEvent::Revoke => {
                let all: Vec<_> = self.owned.iter().cloned().collect();
                if !all.is_empty() {
                    self.give_up(all, BTreeSet::new());
                }
                self.acts.push_back(Act::Ready);
            }
            GroupEvent::Joined(joined) => self.joined(&joined, topics),
            GroupEvent::Lost(_) => self.lost(),
            GroupEvent::Failed(error) => {
                self.acts.push_back(Act::Ready);
                self.acts.push_back(Act::Fail(error));
            }
        }
    }

    /// The subscription is another one now.
    pub(crate) fn resubscribe(&mut self, topics: &Topics, mode: RebalanceMode) {
        let stale = || {
            self.owned
                .iter()
                .filter(|owned| !topics.wants(&owned.topic))
        };
        let kept = self
            .owned
            .iter()
            .filter(|owned| topics.wants(&owned.topic))
            .cloned()
            .collect();
        let stale: Vec<_> = stale().cloned().collect();
        // An eager member gives up everything anyway, when the member says so.
        if mode == RebalanceMode::Cooperative && !stale.is_empty() {
            self.give_up(stale, kept);
        }
        self.acts.push_back(Act::Rejoin("the subscription changed"));
    }

    fn joined(&mut self, joined: &Joined, topics: &Topics) {
        self.generation = Some(joined.generation.id);
        self.is_leader = joined.is_leader();
        let assignment = match Assignment::decode(&joined.assignment) {
            Ok(assignment) => assignment.partitions,
            Err(error) => {
                let text = format!(
                    "the group's leader `{}` sent an assignment that cannot be read: {error}",
                    joined.leader
                );
                self.acts.push_back(Act::Ready);
                self.acts
                    .push_back(Act::Fail(Error::new(ErrorKind::BrokerMisbehaved, text)));
                return;
            }
        };
        let count = assignment.len();
        let wanted = |name: &TopicPartition| name.partition >= 0 && topics.wants(&name.topic);
        let target: BTreeSet<_> = assignment.into_iter().filter(wanted).collect();
        let is_outdated = target.len() < count;
        let added: Vec<_> = target.difference(&self.owned).cloned().collect();
        let revoked: Vec<_> = self.owned.difference(&target).cloned().collect();
        let gives_up = !revoked.is_empty();
        if gives_up {
            self.give_up(revoked, target);
        } else {
            self.acts.push_back(Act::Own(target));
        }
        self.acts.push_back(Act::Ready);
        if gives_up {
            self.acts.push_back(Act::Rejoin(
                "partitions were given up and can be assigned to others",
            ));
        } else if is_outdated {
            self.acts.push_back(Act::Rejoin(
                "the assignment does not match the subscription",
            ));
        }
        self.acts
            .push_back(Act::Tell(ConsumerEvent::Assigned(added)));
    }

    fn give_up(&mut self, names: Vec<TopicPartition>, kept: BTreeSet<TopicPartition>) {
        self.acts.push_back(Act::Stop(names.clone()));
        self.acts
            .push_back(Act::Tell(ConsumerEvent::Revoked(names.clone())));
        self.acts.push_back(Act::Save(names));
        self.acts.push_back(Act::Own(kept));
    }

    fn lost(&mut self) {
        self.generation = None;
        self.is_leader = false;
        let all: Vec<_> = self.owned.iter().cloned().collect();
        if !all.is_empty() {
            self.acts.push_back(Act::Forget(all.clone()));
            self.acts.push_back(Act::Own(BTreeSet::new()));
        }
        self.acts.push_back(Act::Ready);
        if !all.is_empty() {
            self.acts.push_back(Act::Tell(ConsumerEvent::Lost(all)));
        }
    }

    /// This member, or the group's leader, wants the partitions to be assigned anew.
    pub(crate) fn rejoin(&mut self, reason: &'static str) {
        self.acts.push_back(Act::Rejoin(reason));
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::group::{Generation, Lost};

    fn topics(text: &str) -> Topics {
        Topics::Named(text.split_whitespace().map(Into::into).collect())
    }

    fn partitions(text: &str) -> Vec<TopicPartition> {
        let name = |text: &str| {
            let (topic, number) = text.rsplit_once('-').unwrap();
            TopicPartition::new(topic, number.parse().unwrap())
        };
        text.split_whitespace().map(name).collect()
    }

    fn joined(generation: i32, text: &str) -> GroupEvent {
        let assignment = Assignment {
            partitions: partitions(text),
            user_data: None,
        };
        joined_with(generation, assignment.encode().unwrap())
    }

    fn joined_with(generation: i32, assignment: Bytes) -> GroupEvent {
        GroupEvent::Joined(Joined {
            generation: Generation {
                id: generation,
                member_id: "m".into(),
            },
            leader: "m".into(),
            protocol: "p".into(),
            assignment,
        })
    }

    /// All steps, each as a word; those after a `|` happen in the next poll.
    fn acts(rebalance: &mut Rebalance) -> String {
        let list = |names: &[TopicPartition]| {
            let names: Vec<_> = names.iter().map(ToString::to_string).collect();
            names.join(",")
        };
        let mut shown = Vec::new();
        while let Some(act) = rebalance.poll_act() {
            shown.push(match act {
                Act::Stop(names) => format!("stop {}", list(&names)),
                Act::Save(names) => format!("save {}", list(&names)),
                Act::Forget(names) => format!("forget {}", list(&names)),
                Act::Own(names) => format!("own {}", list(&names.into_iter().collect::<Vec<_>>())),
                Act::Ready => "ready".to_owned(),
                Act::Rejoin(_) => "rejoin".to_owned(),
                Act::Fail(error) => format!("fail {:?}", error.kind()),
                Act::Tell(ConsumerEvent::Assigned(names)) => format!("ASSIGNED {} |", list(&names)),
                Act::Tell(ConsumerEvent::Revoked(names)) => format!("REVOKED {} |", list(&names)),
                Act::Tell(ConsumerEvent::Lost(names)) => format!("LOST {} |", list(&names)),
                Act::Tell(other) => format!("{other:?}"),
            });
        }
        shown.join(" ; ").replace(" ;", ";")
    }

    #[track_caller]
    fn check(rebalance: &mut Rebalance, event: GroupEvent, expected: &str) {
        rebalance.handle(event, &topics("t u"));
        assert_eq!(acts(rebalance), expected);
        assert!(rebalance.is_done());
    }

    #[test]
    fn an_eager_member_gives_up_all_before_it_joins_again() {
        let mut rebalance = Rebalance::default();
        check(
            &mut rebalance,
            joined(1, "t-0 t-1"),
            "own t-0,t-1; ready; ASSIGNED t-0,t-1 |",
        );
        check(
            &mut rebalance,
            GroupEvent::Revoke,
            "stop t-0,t-1; REVOKED t-0,t-1 |; save t-0,t-1; own ; ready",
        );
        check(
            &mut rebalance,
            joined(2, "t-0"),
            "own t-0; ready; ASSIGNED t-0 |",
        );
        assert_eq!(
            (rebalance.generation(), rebalance.is_leader()),
            (Some(2), true)
        );
    }

    #[test]
    fn a_cooperative_member_gives_up_what_moves_and_joins_once_more() {
        let mut rebalance = Rebalance::default();
        check(
            &mut rebalance,
            joined(1, "t-0 t-1"),
            "own t-0,t-1; ready; ASSIGNED t-0,t-1 |",
        );
        let steps = "stop t-1; REVOKED t-1 |; save t-1; own t-0,u-0; ready; rejoin; ASSIGNED u-0 |";
        check(&mut rebalance, joined(2, "t-0 u-0"), steps);
        check(
            &mut rebalance,
            joined(3, "t-0 u-0"),
            "own t-0,u-0; ready; ASSIGNED  |",
        );
    }

    #[test]
    fn a_lost_membership_saves_nothing() {
        let mut rebalance = Rebalance::default();
        check(
            &mut rebalance,
            joined(1, "t-0"),
            "own t-0; ready; ASSIGNED t-0 |",
        );
        check(
            &mut rebalance,
            GroupEvent::Lost(Lost::UnknownMember),
            "forget t-0; own ; ready; LOST t-0 |",
        );
        check(
            &mut rebalance,
            GroupEvent::Lost(Lost::UnknownMember),
            "ready",
        );
        assert_eq!(rebalance.generation(), None);
    }

    #[test]
    fn nothing_to_revoke_is_nothing_to_tell() {
        check(&mut Rebalance::default(), GroupEvent::Revoke, "ready");
    }

    #[test]
    fn what_nobody_asked_for_is_not_taken() {
        let mut rebalance = Rebalance::default();
        check(
            &mut rebalance,
            joined(1, "t-0 x-0"),
            "own t-0; ready; rejoin; ASSIGNED t-0 |",
        );
        check(
            &mut Rebalance::default(),
            joined(1, "t--1"),
            "own ; ready; rejoin; ASSIGNED  |",
        );
        check(
            &mut Rebalance::default(),
            joined_with(1, Bytes::from_static(b"\0")),
            "ready; fail BrokerMisbehaved",
        );
    }

    #[test]
    fn a_changed_subscription_gives_up_its_old_topics_first() {
        let mut rebalance = Rebalance::default();
        check(
            &mut rebalance,
            joined(1, "t-0 u-0"),
            "own t-0,u-0; ready; ASSIGNED t-0,u-0 |",
        );
        rebalance.resubscribe(&topics("u v"), RebalanceMode::Eager);
        assert_eq!(acts(&mut rebalance), "rejoin");
        rebalance.resubscribe(&topics("u v"), RebalanceMode::Cooperative);
        assert_eq!(
            acts(&mut rebalance),
            "stop t-0; REVOKED t-0 |; save t-0; own u-0; rejoin"
        );
    }
}
