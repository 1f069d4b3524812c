//! Workers on our own broker, and requests whose status has to be exactly one.

use std::fs;

use kconnect_tests::http::Answer;
use kconnect_tests::process::wait_for;
use kconnect_tests::workers::wait_for_state;
use kconnect_tests::{Backend, KconnectWorker, Result, Workers, http};
use serde_json::Value;

/// How long anything may take that is asked for again and again.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(120);

/// Runs a scenario that blocks, beside a broker of our own.
pub(crate) async fn run(scenario: fn(&str) -> Result<()>) {
    let broker = Backend::Embedded
        .cluster("operators")
        .await
        .expect("it starts");
    let servers = broker.bootstrap_servers().to_owned();
    let run = move || scenario(&servers).map_err(|error| error.to_string());
    let ended = tokio::task::spawn_blocking(run).await.expect("no panic");
    ended.unwrap_or_else(|error| panic!("{error}"));
    drop(broker);
}

/// Sends a request, again while the group rebalances, as every one of these tools does; the answer has to have this status.
pub(crate) fn ask(
    url: &str,
    method: &str,
    path: &str,
    body: Option<&str>,
    status: u16,
) -> Result<Answer> {
    let mut last = None;
    wait_for(LIMIT, || {
        let answer = http::json(url, method, path, body);
        let again = matches!(&answer, Ok(answer) if answer.status == 409 && status != 409);
        last = Some(answer);
        (!again).then_some(())
    });
    let answer = last.ok_or("nothing was asked")??;
    if answer.status == status {
        return Ok(answer);
    }
    Err(format!(
        "{method} {path}: {} {}, not {status}",
        answer.status,
        answer.text()
    )
    .into())
}

/// Repeats `GET path` until it has this status.
pub(crate) fn ask_until(url: &str, path: &str, status: u16) -> Result<Answer> {
    let answer = wait_for(LIMIT, || {
        http::get(url, path)
            .ok()
            .filter(|answer| answer.status == status)
    });
    answer.ok_or_else(|| format!("GET {path} never was {status}").into())
}

/// A worker alone in its cluster.
pub(crate) fn worker(servers: &str) -> Result<(Workers, KconnectWorker)> {
    let workers = Workers::new(servers)?;
    fs::write(workers.path("in.txt"), "one\ntwo\n")?;
    let worker = workers.start("one")?;
    Ok((workers, worker))
}

/// The configuration of a file source, as JSON; text only, as these tools send it.
pub(crate) fn config(workers: &Workers, name: &str) -> Value {
    serde_json::json!({
        "name": name,
        "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
        "tasks.max": "1",
        "file": workers.path("in.txt"),
        "topic": workers.group(),
    })
}

/// Creates a source by that name and waits until it runs.
pub(crate) fn create(workers: &Workers, url: &str, name: &str) -> Result<Answer> {
    let body = serde_json::json!({ "name": name, "config": config(workers, name) });
    let answer = ask(url, "POST", "/connectors", Some(&body.to_string()), 201)?;
    wait_for_state(url, name, 1, "RUNNING")?;
    Ok(answer)
}
