//! Connectors that are paused do nothing, whoever comes and goes, and go on when they are resumed.

use kconnect_tests::Result;
use kconnect_tests::workers::ask;
use serde_json::json;

use super::cluster::{Cluster, run};

fn start_source(cluster: &Cluster, throughput: u32) -> Result<()> {
    cluster.create(&json!({
        "name": "source",
        "connector.class": "org.apache.kafka.connect.tools.VerifiableSourceConnector",
        "tasks.max": 1,
        "topic": cluster.group,
        "throughput": throughput,
        "complete.record.data": false,
    }))
}

#[test]
fn a_paused_source_makes_nothing_also_after_all_workers_were_restarted() {
    let name = "a_paused_source_makes_nothing_also_after_all_workers_were_restarted";
    run(name, |servers| {
        for protocol in ["sessioned", "compatible", "eager"] {
            let mut cluster = Cluster::start(servers, protocol)?;
            start_source(&cluster, 200)?;
            cluster.wait_for_state("source", 1, "RUNNING")?;
            cluster.wait_for("source", |said| !said.is_empty())?;
            ask(&cluster.url(), "PUT", "/connectors/source/pause", None)?;
            cluster.wait_for_state("source", 1, "PAUSED")?;
            let sent = |cluster: &Cluster| {
                let said = cluster.said("source");
                said.iter().filter(|line| line["committed"] != true).count()
            };
            let before = sent(&cluster);
            cluster.restart()?;
            cluster.wait_for_state("source", 1, "PAUSED")?;
            assert_eq!(sent(&cluster), before, "{protocol}");
            ask(&cluster.url(), "PUT", "/connectors/source/resume", None)?;
            cluster.wait_for_state("source", 1, "RUNNING")?;
            cluster.wait_for("source", |said| {
                said.iter().filter(|line| line["committed"] != true).count() > before
            })?;
            cluster.stop()?;
        }
        Ok(())
    });
}

#[test]
fn a_paused_sink_gets_nothing_while_its_source_goes_on() {
    run(
        "a_paused_sink_gets_nothing_while_its_source_goes_on",
        |servers| {
            let mut cluster = Cluster::start(servers, "sessioned")?;
            start_source(&cluster, 200)?;
            let sink = format!("sink-{}", cluster.group);
            cluster.wait_for("source", |said| {
                said.iter().any(|line| line["committed"] == true)
            })?;
            cluster.create(&json!({
                "name": sink,
                "connector.class": "org.apache.kafka.connect.tools.VerifiableSinkConnector",
                "tasks.max": 1,
                "topics": cluster.group,
                "consumer.override.group.protocol": "classic",
            }))?;
            cluster.wait_for_state(&sink, 1, "RUNNING")?;
            cluster.wait_for(&sink, |said| !said.is_empty())?;
            ask(
                &cluster.url(),
                "PUT",
                &format!("/connectors/{sink}/pause"),
                None,
            )?;
            cluster.wait_for_state(&sink, 1, "PAUSED")?;
            let received = |cluster: &Cluster| {
                let said = cluster.said(&sink);
                said.iter().filter(|line| line["flushed"] != true).count()
            };
            let (before, made) = (received(&cluster), cluster.said("source").len());
            cluster.wait_for("source", |said| said.len() > made + 500)?;
            assert_eq!(received(&cluster), before);
            ask(
                &cluster.url(),
                "PUT",
                &format!("/connectors/{sink}/resume"),
                None,
            )?;
            cluster.wait_for_state(&sink, 1, "RUNNING")?;
            cluster.wait_for(&sink, |said| {
                said.iter().filter(|line| line["flushed"] != true).count() > before
            })?;
            cluster.stop()
        },
    );
}
