//! Histories of workers that come and go, and what must hold after each round.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::runtime::ConnectorTaskId;

const MAX_DELAY: Duration = Duration::from_secs(300);

/// A cluster that does what its leader says.
struct Cluster {
    assignor: CooperativeAssignor,
    configured: Work,
    members: Loads,
    generation: i32,
    now: Instant,
}

impl Cluster {
    fn new(max_delay: Duration) -> Self {
        Self {
            assignor: CooperativeAssignor::new(max_delay),
            configured: Work::default(),
            members: Loads::new(),
            generation: 0,
            now: Instant::now(),
        }
    }

    fn configure(&mut self, connector: &str, tasks: u32) {
        let connector: Arc<str> = connector.into();
        self.configured
            .tasks
            .retain(|task| task.connector != connector);
        self.configured
            .tasks
            .extend((0..tasks).map(|task| ConnectorTaskId::new(&connector, task)));
        self.configured.connectors.insert(connector);
    }

    fn delete(&mut self, connector: &str) {
        self.configured.connectors.remove(connector);
        self.configured
            .tasks
            .retain(|task| &*task.connector != connector);
    }

    fn join(&mut self, member: &str) {
        self.members.insert(member.to_owned(), Work::default());
    }

    /// One round; returns its decision, which every member has then carried out.
    fn round(&mut self) -> Shares {
        let round = Round {
            configured: self.configured.clone(),
            last_completed_generation: (self.generation > 0).then_some(self.generation),
            generation: self.generation + 1,
            members: self.members.clone(),
        };
        let shares = self.assignor.assign(self.now, &round);
        self.generation += 1;
        for (member, work) in &mut self.members {
            work.remove(&shares.revoked[member]);
            work.add(&shares.assigned[member]);
        }
        shares
    }

    /// Rounds, waiting out every delay, until nothing moves any more; returns how many it took.
    fn settle(&mut self) -> usize {
        for rounds in 1..30 {
            let shares = self.round();
            self.now += shares.delay;
            let still = shares
                .assigned
                .values()
                .chain(shares.revoked.values())
                .all(Work::is_empty);
            if still && shares.delay.is_zero() {
                return rounds;
            }
        }
        panic!("the cluster does not come to rest: {:?}", self.members);
    }

    /// Everything configured runs exactly once, and no worker has two pieces more than another.
    #[track_caller]
    fn check_balanced(&self) {
        let total: usize = self.members.values().map(Work::len).sum();
        let running: Work = self.members.values().collect();
        assert_eq!(
            running, self.configured,
            "what runs is not what is configured"
        );
        assert_eq!(total, self.configured.len(), "something runs twice");
        for count in [
            |work: &Work| work.connectors.len(),
            |work: &Work| work.tasks.len(),
        ] {
            let counts: Vec<usize> = self.members.values().map(count).collect();
            let spread = counts.iter().max().unwrap() - counts.iter().min().unwrap();
            assert!(spread <= 1, "not balanced: {counts:?}");
        }
    }
}

fn cluster_of(members: &[&str], connectors: &[(&str, u32)]) -> Cluster {
    let mut cluster = Cluster::new(MAX_DELAY);
    members.iter().for_each(|member| cluster.join(member));
    connectors
        .iter()
        .for_each(|&(connector, tasks)| cluster.configure(connector, tasks));
    cluster.settle();
    cluster.check_balanced();
    cluster
}

#[test]
fn a_new_worker_gets_its_share_and_nothing_else_moves() {
    let mut cluster = cluster_of(&["a"], &[("x", 4), ("y", 4)]);
    cluster.join("b");
    let first = cluster.round();
    assert_eq!(
        first.revoked["a"].len(),
        5,
        "one connector and four tasks of ten pieces"
    );
    assert!(
        first.assigned["b"].is_empty(),
        "what is being stopped is not started elsewhere yet"
    );
    let second = cluster.round();
    assert_eq!(second.assigned["b"], first.revoked["a"]);
    assert!(second.revoked.values().all(Work::is_empty));
    cluster.check_balanced();
}

#[test]
fn a_lost_worker_is_waited_for() {
    let mut cluster = cluster_of(&["a", "b"], &[("x", 4)]);
    let lost = cluster.members.remove("b").unwrap();
    let shares = cluster.round();
    assert_eq!(shares.delay, MAX_DELAY);
    assert!(shares.assigned["a"].is_empty());
    cluster.now += MAX_DELAY;
    let shares = cluster.round();
    assert_eq!(shares.assigned["a"], lost);
    assert_eq!(shares.delay, Duration::ZERO);
}

#[test]
fn a_worker_that_comes_back_in_time_gets_its_work_back() {
    let mut cluster = cluster_of(&["a", "b"], &[("x", 4)]);
    let lost = cluster.members.remove("b").unwrap();
    cluster.round();
    cluster.now += MAX_DELAY / 3;
    cluster.join("b2");
    let shares = cluster.round();
    assert!(shares.assigned["b2"].is_empty());
    assert_eq!(
        shares.delay,
        MAX_DELAY - MAX_DELAY / 3,
        "the clock is not wound back"
    );
    cluster.now += shares.delay;
    let shares = cluster.round();
    assert_eq!(shares.assigned["b2"], lost);
    assert!(shares.assigned["a"].is_empty() && shares.revoked["a"].is_empty());
}

#[test]
fn without_a_delay_lost_work_moves_at_once() {
    let mut cluster = Cluster::new(Duration::ZERO);
    cluster.join("a");
    cluster.join("b");
    cluster.configure("x", 4);
    cluster.settle();
    let lost = cluster.members.remove("b").unwrap();
    let shares = cluster.round();
    assert_eq!(shares.assigned["a"], lost);
}

#[test]
fn deleted_connectors_are_revoked_and_changed_ones_stay() {
    let mut cluster = cluster_of(&["a", "b"], &[("x", 2), ("y", 2)]);
    cluster.delete("x");
    let shares = cluster.round();
    let revoked: Work = shares.revoked.values().collect();
    assert!(
        revoked.connectors.contains("x") && revoked.tasks.len() == 2,
        "{revoked:?}"
    );
    cluster.settle();
    cluster.check_balanced();
}

#[test]
fn what_runs_twice_is_stopped_everywhere_and_started_once() {
    let mut cluster = cluster_of(&["a", "b"], &[("x", 2)]);
    let connector = cluster
        .members
        .values()
        .find(|work| !work.connectors.is_empty())
        .unwrap()
        .connectors
        .clone();
    cluster
        .members
        .values_mut()
        .for_each(|work| work.connectors = connector.clone());
    let shares = cluster.round();
    assert!(
        shares
            .revoked
            .values()
            .all(|work| work.connectors == connector)
    );
    cluster.settle();
    cluster.check_balanced();
}

#[test]
fn an_assignment_that_never_arrived_is_made_again() {
    let mut cluster = cluster_of(&["a"], &[("x", 1)]);
    cluster.configure("y", 2);
    let before = cluster.members.clone();
    cluster.round();
    // The group never got it: the members still run what they ran, and the last completed generation is older.
    cluster.members = before;
    cluster.generation -= 1;
    cluster.settle();
    cluster.check_balanced();
}

#[test]
fn revoking_again_and_again_has_to_wait_longer_each_time() {
    let mut cluster = cluster_of(&["a"], &[("x", 20)]);
    cluster.join("b");
    cluster.round();
    cluster.join("c");
    let mut delays = Vec::new();
    for member in ["d", "e", "f"] {
        delays.push(cluster.round().delay.as_millis());
        cluster.join(member);
    }
    assert!(delays.contains(&40), "{delays:?}");
}

#[derive(Debug, Clone)]
enum Event {
    Join(u8),
    Leave(u8),
    Configure(u8, u32),
    Delete(u8),
    Wait(u32),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (0..8_u8).prop_map(Event::Join),
        2 => (0..8_u8).prop_map(Event::Leave),
        3 => (0..12_u8, 0..9_u32).prop_map(|(connector, tasks)| Event::Configure(connector, tasks)),
        1 => (0..12_u8).prop_map(Event::Delete),
        2 => (0..400_u32).prop_map(Event::Wait),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_cluster_comes_to_rest_balanced(events in prop::collection::vec(event(), 1..60)) {
        let mut cluster = Cluster::new(MAX_DELAY);
        cluster.join("m");
        for event in events {
            match event {
                Event::Join(member) => {
                    cluster.members.entry(format!("m{member}")).or_default();
                }
                Event::Leave(member) => {
                    cluster.members.remove(&format!("m{member}"));
                }
                Event::Configure(connector, tasks) => cluster.configure(&format!("c{connector}"), tasks),
                Event::Delete(connector) => cluster.delete(&format!("c{connector}")),
                Event::Wait(seconds) => cluster.now += Duration::from_secs(seconds.into()),
            }
            let before: Work = cluster.members.values().collect();
            let shares = cluster.round();
            let revoked: Work = shares.revoked.values().collect();
            prop_assert!(!shares.assigned.values().any(|work| work.overlaps(&revoked)), "moved in one round");
            prop_assert!(!shares.assigned.values().any(|work| work.overlaps(&before)), "started twice");
        }
        cluster.settle();
        cluster.check_balanced();
    }
}
