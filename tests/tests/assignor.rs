//! Our cooperative assignor and Kafka's own decide the same, round by round, over generated histories.

#![allow(clippy::unwrap_used, reason = "a test that fails says enough")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use kconnect::distributed::Work;
use kconnect::distributed::assignor::{CooperativeAssignor, Round, Shares};
use kconnect::runtime::ConnectorTaskId;
use kconnect_tests::java::run_source;
use kconnect_tests::real;

const HISTORIES: u64 = 200;
const ROUNDS: u64 = 40;
/// Kafka's assignor iterates hash maps. Single letters from p on, up to eleven of them, have the same order there as here.
const MEMBERS: [&str; 11] = ["p", "q", "r", "s", "t", "u", "v", "w", "x", "y", "z"];
const DELAYS_MS: [u64; 3] = [0, 1_000, 300_000];

#[test]
fn kafkas_assignor_decides_the_same_in_every_round_of_generated_histories() {
    let scenario = "kafkas_assignor_decides_the_same_in_every_round_of_generated_histories";
    if real::real_kafka_or_say_so(scenario).is_none() {
        return;
    }
    let (input, ours) = histories();
    let output = run(&input);
    let theirs: Vec<&str> = output.lines().collect();
    assert_eq!(theirs.len(), ours.len());
    let rounds = input.lines().filter(|line| !line.starts_with('H'));
    for ((round, (ours, theirs)), line) in ours.iter().zip(&theirs).enumerate().zip(rounds) {
        let ((our_delay, ours), (their_delay, theirs)) = (split(ours), split(theirs));
        // Kafka computes its back-off in floating point, which may lose a millisecond.
        let same = ours == theirs && our_delay.abs_diff(their_delay) <= 1;
        assert!(
            same,
            "round {round}:\n{line}\nours:    {our_delay} {ours}\nKafka's: {their_delay} {theirs}"
        );
    }
}

/// The delay, and the rest.
fn split(decision: &str) -> (u64, &str) {
    let (delay, rest) = decision.split_once('\t').unwrap();
    (delay.parse().unwrap(), rest)
}

fn run(input: &str) -> String {
    let class = "org.apache.kafka.connect.runtime.distributed.AssignorHistories";
    run_source("AssignorHistories.java", class, input.as_bytes()).unwrap()
}

/// The rounds of all histories as text, and our decisions. Each member carries out what ours decides.
fn histories() -> (String, Vec<String>) {
    let (mut input, mut decisions) = (String::new(), Vec::new());
    let mut random = Random(20_261_122);
    for _ in 0..HISTORIES {
        let max_delay = DELAYS_MS[random.below(3)];
        writeln!(input, "H {max_delay}").unwrap();
        let mut history = History::new(max_delay);
        for _ in 0..ROUNDS {
            history.change(&mut random);
            decisions.push(history.round(&mut input, &mut random));
        }
    }
    (input, decisions)
}

struct History {
    assignor: CooperativeAssignor,
    started: Instant,
    now_ms: u64,
    generation: i32,
    configured: BTreeMap<String, u32>,
    members: BTreeMap<String, Work>,
}

impl History {
    fn new(max_delay_ms: u64) -> Self {
        Self {
            assignor: CooperativeAssignor::new(Duration::from_millis(max_delay_ms)),
            started: Instant::now(),
            now_ms: 1,
            generation: 0,
            configured: BTreeMap::new(),
            members: BTreeMap::from([("p".to_owned(), Work::default())]),
        }
    }

    fn change(&mut self, random: &mut Random) {
        let member = MEMBERS[random.below(MEMBERS.len())].to_owned();
        let connector = format!("c{}", random.below(9));
        match random.below(8) {
            0 | 1 => drop(self.members.entry(member).or_default()),
            2 if self.members.len() > 1 => drop(self.members.remove(&member)),
            3 | 4 => drop(
                self.configured
                    .insert(connector, u32::try_from(random.below(9)).unwrap()),
            ),
            5 => drop(self.configured.remove(&connector)),
            _ => self.now_ms += u64::try_from(random.below(400_000)).unwrap(),
        }
        if self.members.is_empty() {
            self.members.insert("p".to_owned(), Work::default());
        }
    }

    fn round(&mut self, input: &mut String, random: &mut Random) -> String {
        // Now and then the last assignment never reached the group.
        let arrived = random.below(12) > 0;
        let last = if arrived {
            self.generation
        } else {
            self.generation - 1
        };
        let round = Round {
            configured: self.work(),
            last_completed_generation: (last > 0).then_some(last),
            generation: self.generation + 1,
            members: self.members.clone(),
        };
        let java_last = if last > 0 { last } else { -1 };
        let connectors: Vec<String> = self
            .configured
            .iter()
            .map(|(name, tasks)| format!("{name}={tasks}"))
            .collect();
        let members: Vec<String> = self
            .members
            .iter()
            .map(|(member, work)| format!("{member}:{}", text(work)))
            .collect();
        writeln!(
            input,
            "{}\t{java_last}\t{}\t{}\t{}",
            self.now_ms,
            round.generation,
            connectors.join(","),
            members.join(";")
        )
        .unwrap();
        let shares = self
            .assignor
            .assign(self.started + Duration::from_millis(self.now_ms), &round);
        self.generation += 1;
        self.carry_out(&shares, random);
        describe(&shares)
    }

    /// Most members do what they are told; now and then one does not hear it.
    fn carry_out(&mut self, shares: &Shares, random: &mut Random) {
        for (member, work) in &mut self.members {
            if random.below(20) > 0 {
                work.remove(&shares.revoked[member]);
                work.add(&shares.assigned[member]);
            }
        }
    }

    fn work(&self) -> Work {
        let mut work = Work::default();
        for (name, &tasks) in &self.configured {
            let name = name.as_str().into();
            work.tasks
                .extend((0..tasks).map(|task| ConnectorTaskId::new(&name, task)));
            work.connectors.insert(name);
        }
        work
    }
}

fn describe(shares: &Shares) -> String {
    let members = shares.assigned.iter().map(|(member, assigned)| {
        format!(
            "{member} +{} -{}",
            text(assigned),
            text(&shares.revoked[member])
        )
    });
    [shares.delay.as_millis().to_string()]
        .into_iter()
        .chain(members)
        .collect::<Vec<_>>()
        .join("\t")
}

fn text(work: &Work) -> String {
    let tasks = work
        .tasks
        .iter()
        .map(|task| format!("{}/{}", task.connector, task.task));
    work.connectors
        .iter()
        .map(|name| name.to_string())
        .chain(tasks)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Numbers from a seed, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}
