//! `kconnect standalone` and `kconnect broker` as an operator meets them: the quick start, signals, restarts.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::mpsc;

use kconnect_tests::process::wait_for;
use kconnect_tests::site::{LIMIT, Site};
use kconnect_tests::{Result, http, kconnect_binary, lines};
use serde_json::json;

#[test]
fn the_quick_start_moves_lines_and_a_restart_neither_repeats_nor_skips_one() -> Result<()> {
    let site = Site::new()?;
    let mut worker = site.quick_start(&kconnect_binary()?, &["standalone"])?;
    site.append("hello")?;
    lines::wait_for_count(&site.sink(), 1, LIMIT)?;
    let connectors = http::get(&site.url(), "/connectors")?;
    assert_eq!(
        connectors.json(),
        json!(["local-file-sink", "local-file-source"])
    );
    assert_eq!(worker.terminate(LIMIT)?.code(), Some(143));
    let said = worker.output();
    assert!(said.contains("Kafka Connect stopped"), "{said}");

    site.append("while it was away")?;
    // The same under the name of Kafka's script.
    let script = site.path("connect-standalone.sh");
    symlink(kconnect_binary()?, &script)?;
    let mut worker = site.quick_start(&script, &[])?;
    site.append("and back")?;
    lines::wait_for_count(&site.sink(), 3, LIMIT)?;
    worker.signal("INT")?;
    assert_eq!(worker.wait(LIMIT)?.code(), Some(130));
    let expected = "hello\nwhile it was away\nand back\n";
    assert_eq!(fs::read_to_string(site.sink())?, expected);
    Ok(())
}

#[test]
fn the_worker_tells_the_clusters_id_and_is_healthy_when_its_connectors_run() -> Result<()> {
    let site = Site::new()?;
    let _worker = site.quick_start(&kconnect_binary()?, &["standalone"])?;
    let info = wait_for(LIMIT, || {
        let info = http::get(&site.url(), "/").ok()?.json();
        info["kafka_cluster_id"].is_string().then_some(info)
    });
    let info = info.ok_or("the worker does not know its cluster")?;
    assert_eq!(info["version"], "4.3.0");
    let healthy = wait_for(LIMIT, || {
        (http::get(&site.url(), "/health").ok()?.status == 200).then_some(())
    });
    assert!(healthy.is_some());
    let running = wait_for(LIMIT, || {
        let status = http::get(&site.url(), "/connectors/local-file-source/status")
            .ok()?
            .json();
        (status["tasks"][0]["state"] == "RUNNING").then_some(status)
    });
    let status = running.ok_or("the task does not run")?;
    assert_eq!(
        status["connector"]["worker_id"],
        format!("127.0.0.1:{}", site.rest)
    );
    Ok(())
}

#[test]
fn the_broker_alone_keeps_its_topics_and_stops_when_it_is_told_to() -> Result<()> {
    let site = Site::new()?;
    let mut ids = Vec::new();
    for signal in ["TERM", "INT"] {
        let arguments = ["broker", "--listen", "127.0.0.1:0", "--dir", "topics"];
        let mut broker = site.start(&kconnect_binary()?, &arguments)?;
        broker.wait_for_line("bootstrap.servers=127.0.0.1:", LIMIT)?;
        broker.wait_for_line("not for production", LIMIT)?;
        let said = broker.output();
        let id = said
            .split("cluster_id=")
            .nth(1)
            .and_then(|rest| rest.split_whitespace().next());
        ids.push(id.map(str::to_owned));
        broker.signal(signal)?;
        assert_eq!(broker.wait(LIMIT)?.code(), Some(0));
    }
    assert!(ids[0].is_some() && ids[0] == ids[1], "{ids:?}");
    Ok(())
}

#[test]
fn a_sink_that_hangs_is_abandoned_and_named_when_the_worker_stops() -> Result<()> {
    let site = Site::new()?;
    assert!(Command::new("mkfifo").arg(site.sink()).status()?.success());
    // Open for both, so that nobody waits for the other end.
    let mut pipe = fs::File::options()
        .read(true)
        .write(true)
        .open(site.sink())?;
    let properties = site.path("connect-standalone.properties");
    let changed = fs::read_to_string(&properties)? + "task.shutdown.graceful.timeout.ms=500\n";
    fs::write(&properties, changed)?;
    // One line that is longer than a pipe holds: once its first byte is there, the sink is stuck in the middle of it.
    site.append(&"x".repeat(400_000))?;
    let mut worker = site.quick_start(&kconnect_binary()?, &["standalone"])?;
    let (began, begins) = mpsc::channel();
    std::thread::spawn(move || {
        let read = pipe.read_exact(&mut [0]);
        let _ = began.send(read.map(|()| pipe));
    });
    let _pipe = begins.recv_timeout(LIMIT)??;
    assert_eq!(worker.terminate(LIMIT)?.code(), Some(143));
    let said = worker.output();
    let report = said
        .lines()
        .find(|line| line.contains("have been abandoned"));
    let report = report.ok_or_else(|| format!("nothing is said about it:\n{said}"))?;
    assert!(report.contains("task local-file-sink-0"), "{report}");
    assert!(said.contains("Kafka Connect stopped"), "{said}");
    Ok(())
}
