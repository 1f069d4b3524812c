//! Workers with each `connect.protocol`, alone and mixed: the group speaks what all of them offer, whichever kind leads.

use std::collections::BTreeMap;
use std::time::Duration;

use kconnect_tests::process::wait_for;
use kconnect_tests::workers::{ask, file_sink, put_connector};
use kconnect_tests::{EitherWorker, Kind, Result, Workers, http};

use crate::support::run;
use crate::view::wait_settled;

/// How long a worker may take to log what it has done.
const PATIENCE: Duration = Duration::from_secs(120);
const TASKS: u32 = 4;

/// Two workers' settings, and the version of the protocol that they have in common.
struct Pairing {
    first: (Kind, &'static str),
    second: (Kind, &'static str),
    version: u32,
}

const fn pairing(
    first: (Kind, &'static str),
    second: (Kind, &'static str),
    version: u32,
) -> Pairing {
    Pairing {
        first,
        second,
        version,
    }
}

const OURS: Kind = Kind::Kconnect;
const JAVA: Kind = Kind::Java;

#[test]
fn ours_speak_what_all_of_them_offer() {
    run("ours_speak_what_all_of_them_offer", |servers| {
        for pairing in [
            pairing((OURS, "eager"), (OURS, "eager"), 0),
            pairing((OURS, "compatible"), (OURS, "compatible"), 1),
            pairing((OURS, "sessioned"), (OURS, "compatible"), 1),
            pairing((OURS, "eager"), (OURS, "sessioned"), 0),
        ] {
            live_together(servers, &pairing)?;
        }
        Ok(())
    });
}

#[test]
fn ours_and_javas_speak_eagerly() {
    run("ours_and_javas_speak_eagerly", |servers| {
        live_together(servers, &pairing((JAVA, "eager"), (OURS, "eager"), 0))
    });
}

#[test]
fn ours_and_javas_speak_compatibly() {
    run("ours_and_javas_speak_compatibly", |servers| {
        live_together(
            servers,
            &pairing((JAVA, "compatible"), (OURS, "compatible"), 1),
        )
    });
}

#[test]
fn ours_and_javas_fall_back_to_what_both_speak() {
    run("ours_and_javas_fall_back_to_what_both_speak", |servers| {
        live_together(
            servers,
            &pairing((JAVA, "sessioned"), (OURS, "compatible"), 1),
        )?;
        live_together(servers, &pairing((JAVA, "eager"), (OURS, "sessioned"), 0))
    });
}

/// The first one leads until it goes; then the second one does, and the first one follows when it is back.
fn live_together(servers: &str, pairing: &Pairing) -> Result<()> {
    let mut workers = Workers::new(servers)?;
    let mut first = start(&mut workers, pairing.first, "first")?;
    let mut second = start(&mut workers, pairing.second, "second")?;
    let names: Vec<String> = (0..4)
        .map(|number| workers.named(&format!("c{number}")))
        .collect();
    // Connectors run on both: one of them has to send its tasks to the other, which leads.
    create(&workers, &names[0], &second)?;
    create(&workers, &names[1], &first)?;
    wait_settled(&urls(&[&first, &second]), &running(&names[..2]))?;
    unsigned_requests_are_taken(&second, &names[0])?;
    wait_settled(&urls(&[&first, &second]), &running(&names[..2]))?;
    for worker in [&mut first, &mut second] {
        speaks(worker, pairing.version)?;
    }
    first.stop()?;
    wait_settled(&urls(&[&second]), &running(&names[..2]))?;
    create(&workers, &names[2], &second)?;
    wait_settled(&urls(&[&second]), &running(&names[..3]))?;
    let mut first = start(&mut workers, pairing.first, "back")?;
    wait_settled(&urls(&[&first, &second]), &running(&names[..3]))?;
    create(&workers, &names[3], &first)?;
    wait_settled(&urls(&[&first, &second]), &running(&names))?;
    unsigned_requests_are_taken(&first, &names[3])?;
    speaks(&mut first, pairing.version)?;
    ask(
        &first.rest_url(),
        "DELETE",
        &format!("/connectors/{}", names[0]),
        None,
    )?;
    wait_settled(&urls(&[&first, &second]), &running(&names[1..]))?;
    first.stop()?;
    second.stop()
}

fn start(
    workers: &mut Workers,
    (kind, protocol): (Kind, &str),
    name: &str,
) -> Result<EitherWorker> {
    workers.set("connect.protocol", protocol);
    workers.start_either(kind, name)
}

fn create(workers: &Workers, name: &str, on: &EitherWorker) -> Result<()> {
    let sink = file_sink(&workers.path(name), workers.group(), TASKS);
    put_connector(&on.rest_url(), name, &sink).map(drop)
}

fn urls(workers: &[&EitherWorker]) -> Vec<String> {
    workers.iter().map(|worker| worker.rest_url()).collect()
}

fn running(names: &[String]) -> BTreeMap<&str, &str> {
    names
        .iter()
        .map(|name| (name.as_str(), "RUNNING"))
        .collect()
}

/// Whether the worker joined its last generation with this version of the protocol.
fn speaks(worker: &mut EitherWorker, version: u32) -> Result<()> {
    let said = format!("with protocol version {version} ");
    let last = |output: String| {
        let mut lines = output
            .lines()
            .filter(|line| line.contains("with protocol version"));
        lines.next_back().map(ToOwned::to_owned)
    };
    let is_ours = matches!(worker, EitherWorker::Kconnect(_));
    let process = worker.process();
    let joined = wait_for(PATIENCE, || {
        last(process.output()).filter(|line| line.contains(&said))
    });
    if joined.is_some() && is_ours {
        // An eager member gives up all it has in every rebalance, a cooperative one only what moves.
        let gives_up = "all connectors and tasks of this worker stop";
        assert_eq!(process.output().contains(gives_up), version == 0);
    }
    let seen = last(process.output());
    joined
        .map(drop)
        .ok_or_else(|| format!("not {said:?}: {seen:?}").into())
}

/// Without session keys, workers believe each other.
fn unsigned_requests_are_taken(worker: &EitherWorker, connector: &str) -> Result<()> {
    let url = worker.rest_url();
    let path = format!("/connectors/{connector}/tasks");
    let tasks = http::get(&url, &path)?.json();
    let tasks = tasks.as_array().ok_or("no list of tasks")?.iter();
    let configs: Vec<_> = tasks.map(|task| task["config"].clone()).collect();
    let body = serde_json::to_string(&configs)?;
    ask(&url, "POST", &path, Some(&body)).map(drop)
}
