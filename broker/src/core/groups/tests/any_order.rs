//! Whatever members do and in whatever order: each request is answered once, and none is forgotten.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Something that happens; numbers pick one of what there is.
#[derive(Debug, Clone)]
enum Event {
    JoinNew {
        instance: Option<u8>,
        known_id: bool,
    },
    JoinAgain {
        member: u8,
        changed: bool,
    },
    Sync {
        member: u8,
        stale: bool,
    },
    Heartbeat {
        member: u8,
    },
    Leave {
        member: u8,
    },
    Pass {
        seconds: u8,
    },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (proptest::option::weighted(0.3, 0..3_u8), any::<bool>())
            .prop_map(|(instance, known_id)| Event::JoinNew { instance, known_id }),
        6 => (any::<u8>(), proptest::bool::weighted(0.2))
            .prop_map(|(member, changed)| Event::JoinAgain { member, changed }),
        6 => (any::<u8>(), proptest::bool::weighted(0.1))
            .prop_map(|(member, stale)| Event::Sync { member, stale }),
        2 => any::<u8>().prop_map(|member| Event::Heartbeat { member }),
        1 => any::<u8>().prop_map(|member| Event::Leave { member }),
        2 => (0..70_u8).prop_map(|seconds| Event::Pass { seconds }),
    ]
}

const INSTANCES: [&str; 3] = ["one", "two", "three"];

/// Plays events, and keeps what the members would know.
struct Play {
    c: Coordinator,
    /// Member ids that were ever told to somebody, with the instance id that goes with each.
    ids: Vec<(String, Option<&'static str>)>,
    /// Requests without an answer, and whose they are.
    open: BTreeMap<Ticket, Option<&'static str>>,
    answered: BTreeSet<Ticket>,
}

impl Play {
    fn pick(&self, number: u8) -> (String, Option<&'static str>) {
        let at = usize::from(number) % self.ids.len().max(1);
        let known = self.ids.get(at).cloned();
        known.unwrap_or_else(|| ("nobody".to_owned(), None))
    }

    fn play(&mut self, event: &Event) {
        match *event {
            Event::JoinNew { instance, known_id } => {
                let instance_id = instance.map(|i| INSTANCES[usize::from(i)]);
                let wish = Wish {
                    instance_id,
                    needs_known_id: known_id,
                    ..wish("")
                };
                let ticket = self.c.join(&wish);
                self.open.insert(ticket, instance_id);
            }
            Event::JoinAgain { member, changed } => {
                let (id, instance_id) = self.pick(member);
                let metadata = if changed { "changed" } else { "topics" };
                let wish = Wish {
                    instance_id,
                    protocols: vec![("range", metadata)],
                    ..wish(&id)
                };
                let ticket = self.c.join(&wish);
                self.open.insert(ticket, instance_id);
            }
            Event::Sync { member, stale } if self.c.groups.get(GROUP).is_some() => {
                let (id, instance_id) = self.pick(member);
                let generation = self.c.generation() - i32::from(stale);
                let ticket = self.c.sync(&id, generation, &[(&id, "assignment")]);
                self.open.insert(ticket, instance_id);
            }
            Event::Heartbeat { member } if self.c.groups.get(GROUP).is_some() => {
                let (id, _) = self.pick(member);
                self.c.heartbeat(&id, self.c.generation());
            }
            Event::Leave { member } if self.c.groups.get(GROUP).is_some() => {
                let (id, instance_id) = self.pick(member);
                self.c.leave(&id, instance_id);
            }
            Event::Sync { .. } | Event::Heartbeat { .. } | Event::Leave { .. } => {}
            Event::Pass { seconds } => self.c.pass(u64::from(seconds) * 1_000),
        }
        self.settle();
    }

    fn settle(&mut self) {
        for (ticket, replies) in std::mem::take(&mut self.c.replies) {
            assert_eq!(replies.len(), 1, "{ticket:?}: {replies:?}");
            assert!(self.answered.insert(ticket), "{ticket:?} is answered again");
            let instance = self.open.remove(&ticket).expect("it was asked");
            if let Reply::Join(reply) = &replies[0]
                && matches!(reply.error, ErrorCode::None | ErrorCode::MemberIdRequired)
                && !self.ids.iter().any(|(id, _)| *id == reply.member_id)
            {
                self.ids.push((reply.member_id.clone(), instance));
            }
        }
        self.check();
    }

    fn check(&self) {
        let Some(group) = self.c.groups.get(GROUP) else {
            return;
        };
        let has_members = !group.members.is_empty();
        match group.state {
            State::Empty => assert!(!has_members),
            State::Completing | State::Stable => {
                let leader = group.leader.as_ref().expect("a leader");
                assert!(group.members.contains_key(leader), "the leader is a member");
            }
            State::Gathering { .. } | State::Preparing { .. } => {}
        }
        for (instance, id) in &group.instances {
            let member = group.members.get(id).expect("an instance is a member");
            assert_eq!(member.profile.instance_id.as_ref(), Some(instance));
        }
        let deadline = self.c.groups.deadline();
        assert_eq!(deadline, group.deadline(), "what is due is planned");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_request_is_answered_once_and_every_silent_group_ends(
        events in proptest::collection::vec(event(), 1..60),
        delay in prop_oneof![Just(0), Just(3_000_u64)],
    ) {
        let settings = GroupSettings { initial_delay: delay, size_max: 8, groups_max: 1 };
        let mut play = Play {
            c: Coordinator::with(settings),
            ids: Vec::new(),
            open: BTreeMap::new(),
            answered: BTreeSet::new(),
        };
        for event in &events {
            play.play(event);
        }
        // Everybody falls silent. The longest wait is for a new member's first join.
        for _ in 0..20 {
            play.play(&Event::Pass { seconds: 60 });
        }
        prop_assert!(play.open.is_empty(), "not answered: {:?}", play.open);
        if let Some(group) = play.c.groups.get(GROUP) {
            prop_assert_eq!(group.state, State::Empty);
            prop_assert!(group.is_void());
        }
    }
}
