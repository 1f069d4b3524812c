//! Java workers on their way to exactly-once sources, whose leader writes in transactions: ours follow it, and take over.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use kconnect_tests::java::run_source;
use kconnect_tests::workers::{ask, file_sink, file_source, put_connector, wait_for_lines};
use kconnect_tests::{Result, Workers, http};
use serde_json::Value;

use crate::support::{append, lines, run};
use crate::view::{wait_for_same, wait_settled};

const LOGGER: &str = "org.apache.kafka.connect.runtime.Worker";
const SUPPORT: &str = "exactly.once.source.support";

#[test]
fn a_java_leader_that_prepares_is_followed_and_succeeded() {
    run(
        "a_java_leader_that_prepares_is_followed_and_succeeded",
        |servers| follow_and_succeed(servers, "preparing"),
    );
}

#[test]
fn a_java_leader_with_exactly_once_sources_is_followed_and_succeeded() {
    run(
        "a_java_leader_with_exactly_once_sources_is_followed_and_succeeded",
        |servers| follow_and_succeed(servers, "enabled"),
    );
}

#[test]
fn exactly_once_sources_are_refused_by_name() -> Result<()> {
    let mut workers = Workers::new("127.0.0.1:1")?;
    workers.set(SUPPORT, "enabled");
    let refused = workers.start("ours").map(drop).unwrap_err().to_string();
    for part in ["exit status: 2", SUPPORT, "are not there yet"] {
        assert!(refused.contains(part), "no {part:?} in: {refused}");
    }
    Ok(())
}

/// A source, a sink and their files.
struct Pair {
    source: PathBuf,
    sink: PathBuf,
    out: String,
}

impl Pair {
    /// Writes lines up to `end`, and waits until they have arrived and every worker says that their offset is committed.
    fn move_lines(&self, urls: &[String], begin: usize, end: usize) -> Result<()> {
        append(&self.source, begin..end)?;
        wait_for_lines(&self.sink, end)?;
        self.position_is_kept(urls)?;
        let path = format!("/connectors/{}/offsets", self.out);
        let offset = u64::try_from(end)?;
        // Markers of transactions have offsets, too.
        wait_for_same(urls, &path, |answer| {
            answer["offsets"][0]["offset"]["kafka_offset"]
                .as_u64()
                .is_some_and(|at| at >= offset)
        })?;
        Ok(())
    }

    fn position_is_kept(&self, urls: &[String]) -> Result<()> {
        let size = fs::metadata(&self.source)?.len();
        wait_for_same(urls, "/connectors/in/offsets", |answer| {
            answer["offsets"][0]["offset"]["position"] == size
        })?;
        Ok(())
    }
}

fn follow_and_succeed(servers: &str, support: &str) -> Result<()> {
    let mut workers = Workers::new(servers)?;
    let pair = Pair {
        source: workers.path("in.txt"),
        sink: workers.path("out.txt"),
        out: workers.named("out"),
    };
    let topic = workers.named("topic");
    workers.set(SUPPORT, support);
    let java = workers.start_java("java")?;
    workers.set(SUPPORT, "preparing");
    let ours = workers.start("ours")?;
    let urls = [java.rest_url(), ours.rest_url()];
    let all = BTreeMap::from([("in", "RUNNING"), (pair.out.as_str(), "RUNNING")]);
    // The leader writes what is asked of either.
    put_connector(&urls[1], "in", &file_source(&pair.source, &topic))?;
    put_connector(&urls[0], &pair.out, &file_sink(&pair.sink, &topic, 1))?;
    wait_settled(&urls, &all)?;
    pair.move_lines(&urls, 0, 100)?;
    for (order, state) in [("pause", "PAUSED"), ("resume", "RUNNING")] {
        ask(&urls[1], "PUT", &format!("/connectors/in/{order}"), None)?;
        let mut all = all.clone();
        all.insert("in", state);
        wait_settled(&urls, &all)?;
    }
    abort_writes(servers, &workers, &pair, support)?;
    // The last record of the config topic is one that never was, and those who join say how far they have read.
    let third = workers.start("third")?;
    let urls = [java.rest_url(), ours.rest_url(), third.rest_url()];
    wait_for_same(&urls, "/connectors?expand=status", |view| runs(view, &all))?;
    pair.position_is_kept(&urls)?;
    let level = http::get(&urls[1], &format!("/admin/loggers/{LOGGER}"))?.json();
    assert_ne!(level["level"], "TRACE", "an aborted record has set a level");
    pair.move_lines(&urls, 100, 200)?;
    java.stop()?;
    let urls = [ours.rest_url(), third.rest_url()];
    wait_settled(&urls, &all)?;
    pair.move_lines(&urls, 200, 300)?;
    third.stop()?;
    wait_settled(&[ours.rest_url()], &all)?;
    let late = workers.named("late");
    put_connector(
        &ours.rest_url(),
        &late,
        &file_sink(&workers.path("late.txt"), &topic, 1),
    )?;
    let mut all = all;
    all.insert(&late, "RUNNING");
    wait_settled(&[ours.rest_url()], &all)?;
    ours.stop()?;
    // From the beginning of the topics, markers and all; then with a Java worker that follows.
    let ours = workers.start("ours")?;
    wait_settled(&[ours.rest_url()], &all)?;
    pair.move_lines(&[ours.rest_url()], 300, 400)?;
    workers.set(SUPPORT, support);
    let java = workers.start_java("java")?;
    let urls = [ours.rest_url(), java.rest_url()];
    wait_settled(&urls, &all)?;
    pair.move_lines(&urls, 400, 500)?;
    assert_eq!(fs::read_to_string(&pair.sink)?, lines(0..500));
    java.stop()?;
    ours.stop()
}

/// Writes what must not count: an offset, and last of all something in the config topic.
fn abort_writes(servers: &str, workers: &Workers, pair: &Pair, support: &str) -> Result<()> {
    let group = workers.group();
    let aborted = if support == "enabled" {
        let key = serde_json::json!(["in", { "filename": pair.source }]);
        let ghost: Value = serde_json::from_str(&file_source(&workers.path("ghost.txt"), "ghost"))?;
        let config = serde_json::json!({ "properties": ghost });
        format!(
            "abort\t{group}-offsets\t{key}\t{{\"position\":7}}\nabort\t{group}-configs\tconnector-ghost\t{config}\n"
        )
    } else {
        // A Java worker that only prepares reads what was aborted, and would act on it.
        format!("abort\t{group}-configs\tlogger-cluster-{LOGGER}\t{{\"level\":\"TRACE\"}}\n")
    };
    let input = format!("{servers}\n{aborted}");
    run_source("Transactions.java", "Transactions", input.as_bytes()).map(drop)
}

/// Whether these connectors are there, and no others, in these states with their tasks.
fn runs(view: &Value, all: &BTreeMap<&str, &str>) -> bool {
    view.as_object().is_some_and(|view| view.len() == all.len())
        && all.iter().all(|(name, state)| {
            let status = &view[name]["status"];
            status["connector"]["state"] == *state && status["tasks"][0]["state"] == *state
        })
}
