//! What people and scripts wait for in the log, and that standard output is for data alone.

use std::fs;
use std::path::Path;

use kconnect_tests::process::wait_for;
use kconnect_tests::workers::ask;
use kconnect_tests::{Process, Result, kconnect_binary, ports, unique};
use serde_json::{Value, json};

use super::cluster::{LIMIT, program, run, start_apart};

/// The lines that a worker's log has in this order, once it has been stopped.
const STANDALONE: &[&str] = &[
    "Kafka version: ",
    "Kafka Connect started",
    "Kafka Connect stopped",
];
const DISTRIBUTED: &[&str] = &[
    "Kafka version: ",
    "Kafka Connect started",
    "Joined group",
    "Starting connectors and tasks using config offset",
    "Kafka Connect stopped",
];

#[test]
fn a_standalone_workers_log_and_data_keep_apart() {
    run("a_standalone_workers_log_and_data_keep_apart", |servers| {
        let home = tempfile::tempdir()?;
        let worker = format!(
            "{}offset.storage.file.filename={}\n",
            properties(servers)?,
            home.path().join("offsets").display()
        );
        fs::write(home.path().join("worker.properties"), worker)?;
        fs::write(
            home.path().join("source.properties"),
            format!(
                "name=source\nconnector.class=VerifiableSourceConnector\ntopic={}\nthroughput=100\n",
                unique("standalone")
            ),
        )?;
        let arguments = ["standalone", "worker.properties", "source.properties"];
        let mut worker = start(&program()?, &arguments, home.path())?;
        worker.wait_for_line("Kafka Connect started", LIMIT)?;
        wait_for_data(home.path())?;
        stop(&mut worker, STANDALONE)?;
        only_data(home.path())
    });
}

#[test]
fn a_distributed_workers_log_and_data_keep_apart() {
    run("a_distributed_workers_log_and_data_keep_apart", |servers| {
        let home = tempfile::tempdir()?;
        let group = unique("distributed");
        let worker = format!("{}{}", properties(servers)?, topics(&group));
        fs::write(home.path().join("worker.properties"), &worker)?;
        let arguments = ["distributed", "worker.properties"];
        let mut process = start(&program()?, &arguments, home.path())?;
        process.wait_for_line("Joined group", LIMIT)?;
        let config = json!({
            "connector.class": "VerifiableSourceConnector",
            "topic": group,
            "throughput": "100",
        });
        let url = url(&worker)?;
        ask(
            &url,
            "PUT",
            "/connectors/source/config",
            Some(&config.to_string()),
        )?;
        wait_for_data(home.path())?;
        stop(&mut process, DISTRIBUTED)?;
        only_data(home.path())
    });
}

#[test]
fn a_worker_without_such_connectors_says_nothing_on_standard_output() {
    run(
        "a_worker_without_such_connectors_says_nothing_on_standard_output",
        |servers| {
            for (mode, lines) in [("standalone", STANDALONE), ("distributed", DISTRIBUTED)] {
                let home = tempfile::tempdir()?;
                let own = match mode {
                    "standalone" => "offset.storage.file.filename=offsets\n".to_owned(),
                    _ => topics(&unique(mode)),
                };
                let worker = properties(servers)? + &own;
                fs::write(home.path().join("worker.properties"), worker)?;
                let arguments = [mode, "worker.properties"];
                let mut worker = start(&kconnect_binary()?, &arguments, home.path())?;
                let ready = lines[lines.len() - 2];
                worker.wait_for_line(ready, LIMIT)?;
                stop(&mut worker, lines)?;
                assert_eq!(fs::read_to_string(home.path().join("stdout"))?, "");
            }
            Ok(())
        },
    );
}

fn properties(servers: &str) -> Result<String> {
    Ok(format!(
        "bootstrap.servers={servers}\nlisteners=http://127.0.0.1:{}\noffset.flush.interval.ms=500\n\
         key.converter=org.apache.kafka.connect.json.JsonConverter\n\
         value.converter=org.apache.kafka.connect.json.JsonConverter\n",
        ports::one()?
    ))
}

fn topics(group: &str) -> String {
    format!(
        "group.id={group}\nconfig.storage.topic={group}-configs\noffset.storage.topic={group}-offsets\n\
         status.storage.topic={group}-status\nconfig.storage.replication.factor=1\n\
         offset.storage.replication.factor=1\noffset.storage.partitions=1\n\
         status.storage.replication.factor=1\nstatus.storage.partitions=1\n"
    )
}

fn url(worker: &str) -> Result<String> {
    let line = worker
        .lines()
        .find_map(|line| line.strip_prefix("listeners="));
    Ok(line.ok_or("no listeners")?.to_owned())
}

fn start(program: &Path, arguments: &[&str], home: &Path) -> Result<Process> {
    start_apart(
        program,
        arguments,
        home,
        &home.join("stdout"),
        &home.join("log"),
    )
}

/// Waits until a record has been told of when it was made and when it was committed.
fn wait_for_data(home: &Path) -> Result<()> {
    let said = || fs::read_to_string(home.join("stdout")).unwrap_or_default();
    let came = wait_for(LIMIT, || {
        said().contains(r#""committed":true"#).then_some(())
    });
    came.ok_or_else(|| format!("nothing is committed: {}", said()).into())
}

/// Stops the worker; its log has to have `lines` in this order.
fn stop(worker: &mut Process, lines: &[&str]) -> Result<()> {
    let status = worker.terminate(LIMIT)?;
    assert_eq!(status.code(), Some(143));
    let log = worker.output();
    let mut rest = log.as_str();
    for line in lines {
        let at = rest
            .find(line)
            .ok_or_else(|| format!("no {line:?} where it should be in\n{log}"))?;
        rest = &rest[at + line.len()..];
    }
    Ok(())
}

/// Every line on standard output is about a record.
fn only_data(home: &Path) -> Result<()> {
    let said = fs::read_to_string(home.join("stdout"))?;
    assert!(said.ends_with('\n'), "{said}");
    for line in said.lines() {
        let line: Value = serde_json::from_str(line)?;
        assert!(line["name"] == "source" && line["seqno"].is_i64(), "{line}");
    }
    Ok(())
}
