//! Connectors and tasks that fail after a while, and are started again by each of the ways that there are.

use kconnect_tests::Result;
use kconnect_tests::workers::{ask, wait_for};
use serde_json::{Value, json};

use super::cluster::{Cluster, run};

/// How long after its start something fails: long enough to be seen running again.
const DELAY_MS: u32 = 10_000;

/// What fails, and the request that starts it again.
const FAILURES: [(&str, &str, &str, &str); 6] = [
    ("a", "Source", "connector-failure", "restart"),
    ("b", "Sink", "connector-failure", "restart"),
    (
        "c",
        "Sink",
        "connector-failure",
        "restart?onlyFailed=true&includeTasks=false",
    ),
    ("d", "Source", "task-failure", "tasks/0/restart"),
    ("e", "Sink", "task-failure", "tasks/0/restart"),
    (
        "f",
        "Sink",
        "task-failure",
        "restart?onlyFailed=false&includeTasks=true",
    ),
];

#[test]
fn what_failed_is_seen_failed_and_runs_after_a_restart() {
    run(
        "what_failed_is_seen_failed_and_runs_after_a_restart",
        |servers| {
            for protocol in ["sessioned", "compatible", "eager"] {
                failed_and_restarted(servers, protocol)
                    .map_err(|error| format!("{protocol}: {error}"))?;
            }
            Ok(())
        },
    );
}

fn failed_and_restarted(servers: &str, protocol: &str) -> Result<()> {
    let mut cluster = Cluster::start(servers, protocol)?;
    let named = |cluster: &Cluster, name: &str| format!("{name}-{}", cluster.group);
    for (name, kind, mode, _) in FAILURES {
        let mut config = json!({
            "name": named(&cluster, name),
            "connector.class": format!("org.apache.kafka.connect.tools.Mock{kind}Connector"),
            "tasks.max": 1,
            "mock_mode": mode,
            "delay_ms": DELAY_MS,
        });
        if kind == "Sink" {
            config["topics"] = cluster.group.clone().into();
        }
        cluster.create(&config)?;
    }
    for (name, _, mode, restart) in FAILURES {
        let name = named(&cluster, name);
        let path = format!("/connectors/{name}/status");
        wait_for(&cluster.url(), &path, |status| {
            *state(status, mode) == "FAILED"
        })?;
        ask(
            &cluster.url(),
            "POST",
            &format!("/connectors/{name}/{restart}"),
            None,
        )?;
        wait_for(&cluster.url(), &path, |status| {
            *state(status, mode) == "RUNNING"
        })?;
    }
    cluster.stop()
}

/// The state of what fails in this mode.
fn state<'a>(status: &'a Value, mode: &str) -> &'a Value {
    match mode {
        "connector-failure" => &status["connector"]["state"],
        _ => &status["tasks"][0]["state"],
    }
}
