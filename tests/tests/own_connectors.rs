//! A worker with connectors of somebody's own, as `connect/examples/counters/` has them.

use std::fs;
use std::path::Path;

use kconnect_tests::process::wait_for;
use kconnect_tests::site::{LIMIT, Site};
use kconnect_tests::worker::example_binary;
use kconnect_tests::{Process, Result, http};

/// Starts the example's worker with its two connectors, counting fast.
fn start(site: &Site) -> Result<Process> {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../connect/examples/counters");
    let source = fs::read_to_string(example.join("source.properties"))?;
    fs::write(
        site.path("source.properties"),
        format!("{source}interval.ms=20\n"),
    )?;
    fs::copy(
        example.join("sink.properties"),
        site.path("sink.properties"),
    )?;
    let arguments = [
        "standalone",
        "--embedded-broker",
        "connect-standalone.properties",
        "source.properties",
        "sink.properties",
    ];
    let mut worker = site.start(&example_binary("counters")?, &arguments)?;
    worker.wait_for_line("Kafka Connect started", LIMIT)?;
    Ok(worker)
}

/// What the sink has written about a counter.
fn count(site: &Site, counter: &str) -> Option<i64> {
    let text = fs::read_to_string(site.path("counters.txt")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(counter))?;
    line.trim().parse().ok()
}

fn wait_for_counts(site: &Site, at_least: i64) -> Result<i64> {
    let counted = wait_for(LIMIT, || {
        let both = count(site, "apples")?.min(count(site, "pears")?);
        (both >= at_least).then_some(both)
    });
    counted.ok_or_else(|| format!("the counters do not reach {at_least}").into())
}

#[test]
fn a_worker_with_own_connectors_counts_and_goes_on_counting_after_a_restart() -> Result<()> {
    let site = Site::new()?;
    let mut worker = start(&site)?;
    let plugins = http::get(&site.url(), "/connector-plugins")?.text();
    assert!(
        plugins.contains("com.example.CounterSourceConnector"),
        "{plugins}"
    );
    wait_for_counts(&site, 3)?;
    let status = http::get(&site.url(), "/connectors/counters/status")?.json();
    assert_eq!(
        status["tasks"].as_array().map(Vec::len),
        Some(2),
        "{status}"
    );
    assert_eq!(worker.terminate(LIMIT)?.code(), Some(143));
    // The last commit was made while stopping: what the file says now is what has been counted.
    let counted = count(&site, "apples").ok_or("no count")?;
    let mut worker = start(&site)?;
    let more = wait_for_counts(&site, counted + 3)?;
    assert!(more >= counted + 3);
    assert_eq!(worker.terminate(LIMIT)?.code(), Some(143));
    Ok(())
}
