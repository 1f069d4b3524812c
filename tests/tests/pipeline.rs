//! From a file through a topic into a file, by our worker as an operator runs it: nothing is lost, nothing is repeated
//! while the worker lives, and what a kill repeats is no more than what was not committed.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that fails says enough"
)]

use std::path::Path;
use std::time::Duration;

use kconnect_tests::jars::Version;
use kconnect_tests::lines::LineCounter;
use kconnect_tests::pipeline::Pipeline;
use kconnect_tests::real::{real_kafka_or_say_so, unique};
use kconnect_tests::{
    Cluster, KafkaCluster, KconnectWorker, Result, Tool, kconnect_is_optimized, scenarios,
};

/// How long lines may take to arrive before a test gives up.
const LIMIT: Duration = Duration::from_secs(300);
/// How often the worker is killed.
const KILLS: usize = 10;

scenarios! {
    all: lines_arrive_and_a_clean_restart_neither_repeats_nor_skips;
    current: a_worker_that_is_killed_ten_times_loses_nothing
}

/// `large` lines where the worker is optimized, fewer where it is a debug build.
fn scaled(large: usize) -> usize {
    if kconnect_is_optimized() {
        large
    } else {
        large / 20
    }
}

async fn lines_arrive_and_a_clean_restart_neither_repeats_nor_skips(cluster: Cluster) {
    const ROUNDS: usize = 3;
    let lines = scaled(60_000);
    let pipeline = Pipeline::new(cluster.bootstrap_servers(), &unique("clean")).unwrap();
    pipeline.create_topic().await.unwrap();
    let mut sink = LineCounter::new(&pipeline.sink_file());
    for round in 0..ROUNDS {
        let (begin, end) = (round * lines, (round + 1) * lines);
        pipeline.write(begin..end).unwrap();
        let worker = pipeline.start().unwrap();
        // Stopped in the middle, and with what is left then under way.
        sink.wait_for(begin + lines / 10, LIMIT).unwrap();
        worker.stop().unwrap();
    }
    let worker = pipeline.start().unwrap();
    sink.wait_for(ROUNDS * lines, LIMIT).unwrap();
    worker.stop().unwrap();
    pipeline.check_identical().unwrap();
}

async fn a_worker_that_is_killed_ten_times_loses_nothing(cluster: Cluster) {
    let mut random = Random::new();
    let lines = scaled(20_000);
    let mut pipeline = Pipeline::new(cluster.bootstrap_servers(), &unique("killed")).unwrap();
    pipeline.create_topic().await.unwrap();
    // Commits all the time, so that kills meet them; and the group forgets the killed as soon as a broker allows.
    pipeline.set("offset.flush.interval.ms", "20");
    pipeline.set("consumer.session.timeout.ms", "6000");
    pipeline.set("consumer.heartbeat.interval.ms", "1000");
    let mut sink = LineCounter::new(&pipeline.sink_file());
    for kill in 0..KILLS {
        pipeline.write(kill * lines..(kill + 1) * lines).unwrap();
        let mut worker = pipeline.start().unwrap();
        // At a line that nobody can foretell; one time in four as soon as it has started.
        if random.below(4) > 0 {
            let missing = ((kill + 1) * lines).saturating_sub(sink.count());
            let moment = sink.count() + random.below(missing.max(1));
            sink.wait_for(moment, LIMIT).unwrap();
        }
        worker.process().kill().unwrap();
    }
    finish_after_kills(&pipeline, KILLS * lines, &mut sink).unwrap();
}

/// Starts the worker once more, waits for the last line, and checks all of them.
fn finish_after_kills(pipeline: &Pipeline, lines: usize, sink: &mut LineCounter) -> Result<()> {
    // A line of its own says that everything before it has arrived, however many lines came twice.
    let mut worker = pipeline.start()?;
    pipeline.write(lines..lines + 1)?;
    wait_for_last_line(&pipeline.sink_file(), lines, &mut worker, sink)?;
    worker.stop()?;
    let repeats = pipeline.check_at_least_once(lines + 1, KILLS)?;
    println!("{repeats} of {lines} lines were repeated after {KILLS} kills");
    Ok(())
}

fn wait_for_last_line(
    file: &Path,
    number: usize,
    worker: &mut KconnectWorker,
    sink: &mut LineCounter,
) -> Result<()> {
    let last = format!("{number:010} ");
    let mut at_least = number;
    loop {
        sink.wait_for(at_least, LIMIT).map_err(|error| {
            let log = worker.process().tail(40);
            format!("line {number} does not arrive: {error}\n{log}")
        })?;
        let text = std::fs::read_to_string(file)?;
        if text
            .lines()
            .next_back()
            .is_some_and(|line| line.starts_with(&last))
        {
            return Ok(());
        }
        at_least = sink.count() + 1;
    }
}

#[test]
fn a_million_lines_pass_three_brokers_while_the_leader_stops_and_starts_again() {
    let name = "a_million_lines_pass_three_brokers_while_the_leader_stops_and_starts_again";
    if real_kafka_or_say_so(name).is_none() {
        return;
    }
    let cluster = KafkaCluster::start(Version::V4_3, 3).unwrap();
    let servers = cluster.bootstrap_servers();
    let lines = scaled(1_000_000);
    let pipeline = Pipeline::new(&servers, &unique("million")).unwrap();
    create_replicated(&servers, pipeline.topic()).unwrap();
    pipeline.write(0..lines).unwrap();
    let worker = pipeline.start().unwrap();
    let mut sink = LineCounter::new(&pipeline.sink_file());
    sink.wait_for(lines / 10, LIMIT).unwrap();
    let leader = leader(&servers, pipeline.topic()).unwrap();
    cluster.stop(leader).unwrap();
    cluster.restart(leader).unwrap();
    // What the source writes after all of that has to arrive as well.
    pipeline.write(lines..lines + 1_000).unwrap();
    sink.wait_for(lines + 1_000, LIMIT).unwrap();
    worker.stop().unwrap();
    pipeline.check_identical().unwrap();
}

fn create_replicated(servers: &str, topic: &str) -> Result<()> {
    let arguments = [
        "--bootstrap-server",
        servers,
        "--create",
        "--topic",
        topic,
        "--partitions",
        "1",
        "--replication-factor",
        "3",
    ];
    Tool::Topics.run(&arguments, b"").map(|_| ())
}

/// The node, from 0, that leads partition 0 of `topic`.
fn leader(servers: &str, topic: &str) -> Result<usize> {
    let arguments = [
        "--bootstrap-server",
        servers,
        "--describe",
        "--topic",
        topic,
    ];
    let described = Tool::Topics.run(&arguments, b"")?;
    let id = described
        .split_once("Leader: ")
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .and_then(|id| id.parse::<usize>().ok());
    Ok(id.ok_or_else(|| format!("no leader in {described}"))? - 1)
}

/// Numbers that differ from run to run; the seed is printed, and `SEED` repeats a run.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let seed = std::env::var("SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| {
            let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
            now.as_secs() ^ (u64::from(now.subsec_nanos()) << 20)
        });
        println!("SEED={seed}");
        Self(seed | 1)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % limit
    }
}
