//! Workers of a cluster as processes, as an operator runs them: their work goes on whoever comes and goes.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::thread;

use kconnect_tests::jars::Version;
use kconnect_tests::kafka::KafkaCluster;
use kconnect_tests::real::real_kafka_or_say_so;
use kconnect_tests::site::LIMIT;
use kconnect_tests::workers::{
    ask, connector, file_sink, file_source, put_connector, wait_balanced, wait_for, wait_for_lines,
    wait_for_state,
};
use kconnect_tests::{Cluster, KconnectWorker, Result, Workers, http, scenarios};

scenarios! {
    all: a_worker_alone_moves_lines_and_goes_on_where_it_stopped;
    current: an_operators_wishes_are_carried_out_and_survive,
        workers_come_and_go_and_the_work_goes_on,
        a_connector_is_created_on_any_worker,
        a_worker_that_stood_still_stops_what_others_have_by_then,
        questions_are_answered_while_the_group_rebalances;
}

/// Runs a scenario that blocks, beside the broker that may be in this process.
async fn run(cluster: Cluster, scenario: fn(&str) -> Result<()>) {
    let servers = cluster.bootstrap_servers().to_owned();
    let ended =
        tokio::task::spawn_blocking(move || scenario(&servers).map_err(|error| error.to_string()));
    ended
        .await
        .expect("the scenario")
        .unwrap_or_else(|error| panic!("{error}"));
    drop(cluster);
}

fn append(file: &Path, lines: std::ops::Range<usize>) -> Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    for line in lines {
        writeln!(file, "line {line}")?;
    }
    Ok(())
}

fn lines(range: std::ops::Range<usize>) -> String {
    range.map(|line| format!("line {line}\n")).collect()
}

async fn a_worker_alone_moves_lines_and_goes_on_where_it_stopped(cluster: Cluster) {
    run(cluster, |servers| {
        let workers = Workers::new(servers)?;
        let (source, sink) = (workers.path("in.txt"), workers.path("out.txt"));
        append(&source, 0..100)?;
        let worker = workers.start("one")?;
        let url = worker.rest_url();
        let topic = workers.group();
        let out = workers.named("out");
        put_connector(&url, "in", &file_source(&source, topic))?;
        put_connector(&url, &out, &file_sink(&sink, topic, 1))?;
        assert_eq!(wait_for_lines(&sink, 100)?, lines(0..100));
        wait_for_state(&url, "in", 1, "RUNNING")?;
        worker.stop()?;
        append(&source, 100..200)?;
        let worker = workers.start("one")?;
        let url = worker.rest_url();
        assert_eq!(wait_for_lines(&sink, 200)?, lines(0..200));
        ask(&url, "DELETE", "/connectors/in", None)?;
        ask(&url, "DELETE", &format!("/connectors/{out}"), None)?;
        wait_for(&url, "/connectors", |names| *names == serde_json::json!([]))?;
        let gone = http::get(&url, "/connectors/in/status")?;
        assert_eq!(gone.status, 404);
        worker.stop()
    })
    .await;
}

async fn an_operators_wishes_are_carried_out_and_survive(cluster: Cluster) {
    run(cluster, |servers| {
        let workers = Workers::new(servers)?;
        let source = workers.path("in.txt");
        append(&source, 0..10)?;
        let worker = workers.start("one")?;
        let url = worker.rest_url();
        put_connector(&url, "in", &file_source(&source, workers.group()))?;
        wait_for_state(&url, "in", 1, "RUNNING")?;
        ask(&url, "PUT", "/connectors/in/pause", None)?;
        wait_for_state(&url, "in", 1, "PAUSED")?;
        worker.stop()?;
        let worker = workers.start("two")?;
        let url = worker.rest_url();
        wait_for_state(&url, "in", 1, "PAUSED")?;
        ask(&url, "PUT", "/connectors/in/stop", None)?;
        wait_for_state(&url, "in", 0, "STOPPED")?;
        ask(&url, "PUT", "/connectors/in/resume", None)?;
        wait_for_state(&url, "in", 1, "RUNNING")?;
        ask(
            &url,
            "POST",
            "/connectors/in/restart?includeTasks=true",
            None,
        )?;
        wait_for_state(&url, "in", 1, "RUNNING")?;
        let body = format!(
            r#"{{"name":"later","initial_state":"STOPPED","config":{}}}"#,
            file_source(&source, workers.group())
        );
        ask(&url, "POST", "/connectors", Some(&body))?;
        wait_for_state(&url, "later", 0, "STOPPED")?;
        let topics = wait_for(&url, "/connectors/in/topics", |topics| {
            topics["in"]["topics"]
                .as_array()
                .is_some_and(|topics| !topics.is_empty())
        })?;
        assert_eq!(topics["in"]["topics"], serde_json::json!([workers.group()]));
        worker.stop()
    })
    .await;
}

/// Starts three workers, and a sink with six tasks, two on each.
fn three_workers(workers: &Workers, sink: &Path) -> Result<Vec<KconnectWorker>> {
    let started: Vec<KconnectWorker> = ["one", "two", "three"]
        .into_iter()
        .map(|name| workers.start(name))
        .collect::<Result<_>>()?;
    let url = started[0].rest_url();
    let out = workers.named("out");
    put_connector(&url, &out, &file_sink(sink, workers.group(), 6))?;
    wait_balanced(&url, &[&out], 6, 3)?;
    Ok(started)
}

async fn workers_come_and_go_and_the_work_goes_on(cluster: Cluster) {
    run(cluster, |servers| {
        let workers = Workers::new(servers)?;
        let (source, sink) = (workers.path("in.txt"), workers.path("out.txt"));
        let out = workers.named("out");
        let mut started = three_workers(&workers, &sink)?;
        let url = started[2].rest_url();
        append(&source, 0..100)?;
        put_connector(&url, "in", &file_source(&source, workers.group()))?;
        wait_for_lines(&sink, 100)?;
        // The first one leads: it is killed, and somebody else has to.
        started.remove(0).process().kill()?;
        wait_balanced(&url, &[&out, "in"], 7, 2)?;
        wait_for_state(&url, "in", 1, "RUNNING")?;
        append(&source, 100..200)?;
        wait_for_lines(&sink, 200)?;
        started.push(workers.start("four")?);
        wait_balanced(&url, &[&out, "in"], 7, 3)?;
        // A rolling restart of the others.
        started.remove(0).stop()?;
        started.push(workers.start("two")?);
        wait_balanced(&url, &[&out, "in"], 7, 3)?;
        append(&source, 200..300)?;
        wait_for_state(&url, "in", 1, "RUNNING")?;
        wait_for_lines(&sink, 300)?;
        let text = fs::read_to_string(&sink)?;
        for line in lines(0..300).lines() {
            assert!(text.contains(&format!("{line}\n")), "{line} is missing");
        }
        started.into_iter().try_for_each(KconnectWorker::stop)
    })
    .await;
}

async fn a_connector_is_created_on_any_worker(cluster: Cluster) {
    run(cluster, |servers| {
        let workers = Workers::new(servers)?;
        let started: Vec<KconnectWorker> = ["one", "two"]
            .into_iter()
            .map(|name| workers.start(name))
            .collect::<Result<_>>()?;
        let config = connector(&[
            ("connector.class", "FileStreamSink"),
            ("tasks.max", "2"),
            ("file", &workers.path("out.txt").display().to_string()),
            ("topics", workers.group()),
        ]);
        for (number, worker) in started.iter().enumerate() {
            let name = workers.named(&format!("c{number}"));
            put_connector(&worker.rest_url(), &name, &config)?;
            for seen_by in &started {
                wait_for_state(&seen_by.rest_url(), &name, 2, "RUNNING")?;
            }
            ask(
                &worker.rest_url(),
                "POST",
                &format!("/connectors/{name}/tasks/1/restart"),
                None,
            )?;
            ask(
                &worker.rest_url(),
                "POST",
                &format!("/connectors/{name}/restart"),
                None,
            )?;
        }
        for (number, worker) in started.iter().enumerate() {
            ask(
                &worker.rest_url(),
                "DELETE",
                &format!("/connectors/{}", workers.named(&format!("c{number}"))),
                None,
            )?;
        }
        for worker in &started {
            wait_for(&worker.rest_url(), "/connectors", |names| {
                *names == serde_json::json!([])
            })?;
        }
        started.into_iter().try_for_each(KconnectWorker::stop)
    })
    .await;
}

/// Each of `numbers` has come out of the sink once: nothing runs twice.
fn assert_once(sink: &Path, numbers: std::ops::Range<usize>) -> Result<()> {
    let text = fs::read_to_string(sink)?;
    for number in numbers {
        let line = format!("line {number}");
        let count = text.lines().filter(|other| **other == *line).count();
        assert_eq!(count, 1, "{line}");
    }
    Ok(())
}

/// The partitions of a sink whose worker is gone, or whose broker was, go to another task as soon as its work does.
fn sinks_are_missed_soon(workers: &mut Workers) {
    workers.set("consumer.session.timeout.ms", "6000");
    workers.set("consumer.heartbeat.interval.ms", "500");
}

async fn a_worker_that_stood_still_stops_what_others_have_by_then(cluster: Cluster) {
    run(cluster, |servers| {
        let mut workers = Workers::new(servers)?;
        sinks_are_missed_soon(&mut workers);
        let (source, sink) = (workers.path("in.txt"), workers.path("out.txt"));
        let out = workers.named("out");
        let first = workers.start("first")?;
        let mut second = workers.start("second")?;
        append(&source, 0..100)?;
        put_connector(
            &first.rest_url(),
            &out,
            &file_sink(&sink, workers.group(), 4),
        )?;
        put_connector(
            &first.rest_url(),
            "in",
            &file_source(&source, workers.group()),
        )?;
        wait_balanced(&first.rest_url(), &[&out, "in"], 5, 2)?;
        wait_for_lines(&sink, 100)?;
        second.process().signal("STOP")?;
        wait_balanced(&first.rest_url(), &[&out, "in"], 5, 1)?;
        append(&source, 100..200)?;
        wait_for_lines(&sink, 200)?;
        second.process().signal("CONT")?;
        second
            .process()
            .wait_for_line("this worker has lost its place in the group", LIMIT)?;
        for worker in [&first, &second] {
            wait_balanced(&worker.rest_url(), &[&out, "in"], 5, 2)?;
        }
        append(&source, 200..300)?;
        wait_for_lines(&sink, 300)?;
        assert_once(&sink, 200..300)?;
        first.stop()?;
        second.stop()
    })
    .await;
}

async fn questions_are_answered_while_the_group_rebalances(cluster: Cluster) {
    run(cluster, |servers| {
        let mut workers = Workers::new(servers)?;
        // Until then a group waits for a member that stands still.
        workers.set("session.timeout.ms", "120000");
        workers.set("heartbeat.interval.ms", "1000");
        workers.set("rebalance.timeout.ms", "120000");
        let source = workers.path("in.txt");
        let leader = workers.start("leader")?;
        let mut follower = workers.start("follower")?;
        let url = leader.rest_url();
        let config = file_source(&source, workers.group());
        append(&source, 0..10)?;
        put_connector(&url, "in", &config)?;
        wait_balanced(&url, &["in"], 1, 1)?;
        follower.process().signal("STOP")?;

        put_connector(&url, "new", &config)?;
        let names = http::get(&url, "/connectors")?.json();
        assert_eq!(names, serde_json::json!(["in", "new"]));
        let status = http::get(&url, "/connectors/in/status")?.json();
        let states = [&status["connector"]["state"], &status["tasks"][0]["state"]];
        assert_eq!(states, ["RUNNING"; 2], "{status}");
        let changed = config.replace("in.txt", "other.txt");
        put_connector(&url, "new", &changed)?;
        let shown = http::get(&url, "/connectors/new/config")?.text();
        assert!(shown.contains("other.txt"), "{shown}");
        let unseen = http::get(&url, "/connectors/new/status")?.status;
        assert_eq!(unseen, 404, "nobody runs it yet");
        // What a task of the other worker may still commit must not come after this.
        ask(&url, "PUT", "/connectors/in/stop", None)?;
        let forgetting = thread::spawn({
            let url = url.clone();
            move || {
                let answer = http::json(&url, "DELETE", "/connectors/in/offsets", None);
                answer.map_err(|error| error.to_string())
            }
        });
        let shown = http::get(&url, "/connectors/in/offsets")?;
        assert_eq!(shown.status, 200);
        assert!(!forgetting.is_finished());

        follower.process().signal("CONT")?;
        let forgotten = forgetting.join().expect("an answer")?;
        assert_eq!(forgotten.status, 200, "{}", forgotten.text());
        let shown = http::get(&url, "/connectors/in/offsets")?.text();
        assert_eq!(shown, r#"{"offsets":[]}"#);
        wait_for_state(&url, "new", 1, "RUNNING")?;
        leader.stop()?;
        follower.stop()
    })
    .await;
}

#[test]
fn workers_outlive_a_restart_of_their_broker() {
    let name = "workers_outlive_a_restart_of_their_broker";
    if real_kafka_or_say_so(name).is_some() {
        outlive_their_broker().unwrap_or_else(|error| panic!("{error}"));
    }
}

fn outlive_their_broker() -> Result<()> {
    let kafka = KafkaCluster::start(Version::V4_3, 1)?;
    let mut workers = Workers::new(&kafka.bootstrap_servers())?;
    sinks_are_missed_soon(&mut workers);
    let (source, sink) = (workers.path("in.txt"), workers.path("out.txt"));
    let out = workers.named("out");
    let mut started = [workers.start("first")?, workers.start("second")?];
    let url = started[0].rest_url();
    append(&source, 0..100)?;
    put_connector(&url, &out, &file_sink(&sink, workers.group(), 4))?;
    put_connector(&url, "in", &file_source(&source, workers.group()))?;
    wait_for_lines(&sink, 100)?;
    wait_balanced(&url, &[&out, "in"], 5, 2)?;
    kafka.stop(0)?;
    for worker in &mut started {
        worker
            .process()
            .wait_for_line("Broker coordinator was unreachable", LIMIT)?;
    }
    append(&source, 100..200)?;
    kafka.restart(0)?;
    wait_for_lines(&sink, 200)?;
    for worker in &started {
        wait_balanced(&worker.rest_url(), &[&out, "in"], 5, 2)?;
    }
    append(&source, 200..300)?;
    wait_for_lines(&sink, 300)?;
    assert_once(&sink, 200..300)?;
    started.into_iter().try_for_each(KconnectWorker::stop)
}
