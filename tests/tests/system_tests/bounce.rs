//! Sources and sinks that count, while their workers are bounced: everything arrives, and after clean bounces only once.

use std::collections::{BTreeMap, BTreeSet};

use kconnect_tests::Result;
use kconnect_tests::workers::ask;
use serde_json::{Value, json};

use super::cluster::{Bounce, Cluster, run};

const TASKS: usize = 3;
/// How often each worker is bounced.
const ROUNDS: usize = 2;
/// How many more records of each task a bounce waits for.
const MORE: i64 = 50;

#[test]
fn clean_bounces_lose_nothing_and_repeat_nothing() {
    run("clean_bounces_lose_nothing_and_repeat_nothing", |servers| {
        bounced(servers, Bounce::Clean)
    });
}

#[test]
fn hard_bounces_lose_nothing() {
    run("hard_bounces_lose_nothing", |servers| {
        bounced(servers, Bounce::Hard)
    });
}

fn bounced(servers: &str, how: Bounce) -> Result<()> {
    let mut cluster = Cluster::start(servers, "sessioned")?;
    let (topic, sink) = (cluster.group.clone(), format!("sink-{}", cluster.group));
    cluster.create(&json!({
        "name": "source",
        "connector.class": "org.apache.kafka.connect.tools.VerifiableSourceConnector",
        "tasks.max": TASKS,
        "topic": topic,
        "throughput": 100,
        "complete.record.data": false,
    }))?;
    cluster.create(&json!({
        "name": sink,
        "connector.class": "org.apache.kafka.connect.tools.VerifiableSinkConnector",
        "tasks.max": TASKS,
        "topics": topic,
    }))?;
    cluster.wait_for(&sink, |said| least(&last(said, "flushed")) > MORE)?;
    for round in 0..ROUNDS {
        for step in 0..cluster.nodes.len() {
            // Not in the same order every time.
            let node = (round + step) % cluster.nodes.len();
            cluster.nodes[node].bounce(how)?;
            cluster.wait_for_state("source", TASKS, "RUNNING")?;
            cluster.wait_for_state(&sink, TASKS, "RUNNING")?;
            let before = least(&last(&cluster.said("source"), "committed"));
            cluster.wait_for(&sink, |said| least(&last(said, "flushed")) > before + MORE)?;
        }
    }
    ask(&cluster.url(), "DELETE", "/connectors/source", None)?;
    // It is gone when no worker runs it any more and all has been said.
    kconnect_tests::workers::wait_for(&cluster.url(), "/connectors/source/status", |status| {
        status["error_code"] == 404
    })?;
    let source = cluster.said("source");
    cluster.wait_for(&sink, |said| {
        last(said, "flushed") == last(&source, "committed")
    })?;
    ask(
        &cluster.url(),
        "DELETE",
        &format!("/connectors/{sink}"),
        None,
    )?;
    cluster.stop()?;
    check("source", &cluster.said("source"), "committed", how)?;
    check("sink", &cluster.said(&sink), "flushed", how)
}

/// The numbers of each task of the source that lines with `mark` tell of.
fn numbers(said: &[Value], mark: &str) -> BTreeMap<i64, Vec<i64>> {
    let mut numbers: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for line in said.iter().filter(|line| line[mark] == true) {
        let (task, number) = (line["task"].as_i64(), line["seqno"].as_i64());
        let (Some(task), Some(number)) = (task, number) else {
            panic!("a line without numbers: {line}");
        };
        numbers.entry(task).or_default().push(number);
    }
    numbers
}

/// The highest number of each task.
fn last(said: &[Value], mark: &str) -> BTreeMap<i64, i64> {
    let numbers = numbers(said, mark).into_iter();
    numbers
        .map(|(task, numbers)| (task, numbers.into_iter().max().unwrap_or(-1)))
        .collect()
}

/// How far the slowest task is; -1 while not all of them have said anything.
fn least(last: &BTreeMap<i64, i64>) -> i64 {
    match last.len() {
        TASKS => last.values().copied().min().unwrap_or(-1),
        _ => -1,
    }
}

/// Every number up to the highest one is there; after clean bounces, once.
fn check(what: &str, said: &[Value], mark: &str, how: Bounce) -> Result<()> {
    let mut errors = Vec::new();
    for (task, numbers) in numbers(said, mark) {
        let once: BTreeSet<i64> = numbers.iter().copied().collect();
        let highest = once.last().copied().unwrap_or(-1);
        let missing: Vec<i64> = (0..=highest)
            .filter(|number| !once.contains(number))
            .collect();
        if !missing.is_empty() {
            errors.push(format!(
                "{what}: task {task} misses {missing:?} of {highest}"
            ));
        }
        if how == Bounce::Clean && once.len() < numbers.len() {
            let twice = numbers.len() - once.len();
            errors.push(format!(
                "{what}: task {task} has {twice} of {highest} more than once"
            ));
        }
    }
    match errors.is_empty() {
        true => Ok(()),
        false => Err(errors.join("\n").into()),
    }
}
