//! Java workers and ours over the same topics and in the same group: either takes over from the other, and both say the same.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use kconnect_client::TopicPartition;
use kconnect_client::config::{AutoOffsetReset, ConsumerConfig};
use kconnect_client::consumer::{Consumer, ConsumerEvent};
use kconnect_tests::real::shared_kafka;
use kconnect_tests::workers::{
    ask, file_sink, file_source, put_connector, wait_balanced, wait_for, wait_for_lines,
    wait_for_state,
};
use kconnect_tests::{Result, Workers};
use serde_json::Value;

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

/// Runs a scenario on a real Kafka, if there is one.
fn run(name: &str, scenario: fn(&str) -> Result<()>) {
    if let Some(servers) = shared_kafka(name) {
        scenario(&servers).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn either_goes_on_where_the_other_stopped() {
    run("either_goes_on_where_the_other_stopped", |servers| {
        let workers = Workers::new(servers)?;
        let (source, sink) = (workers.path("in.txt"), workers.path("out.txt"));
        let (topic, out) = (workers.group(), workers.named("out"));
        append(&source, 0..100)?;
        let ours = workers.start("ours")?;
        put_connector(&ours.rest_url(), "in", &file_source(&source, topic))?;
        put_connector(&ours.rest_url(), &out, &file_sink(&sink, topic, 1))?;
        assert_eq!(wait_for_lines(&sink, 100)?, lines(0..100));
        wait_for_state(&ours.rest_url(), "in", 1, "RUNNING")?;
        ours.stop()?;
        append(&source, 100..200)?;
        let java = workers.start_java("java")?;
        wait_for_state(&java.rest_url(), "in", 1, "RUNNING")?;
        assert_eq!(wait_for_lines(&sink, 200)?, lines(0..200));
        ask(&java.rest_url(), "PUT", "/connectors/in/pause", None)?;
        wait_for_state(&java.rest_url(), "in", 1, "PAUSED")?;
        java.stop()?;
        append(&source, 200..300)?;
        let ours = workers.start("ours")?;
        wait_for_state(&ours.rest_url(), "in", 1, "PAUSED")?;
        ask(&ours.rest_url(), "PUT", "/connectors/in/resume", None)?;
        assert_eq!(wait_for_lines(&sink, 300)?, lines(0..300));
        ours.stop()
    });
}

#[test]
fn two_java_workers_and_one_of_ours_are_one_cluster_whoever_leads() {
    run(
        "two_java_workers_and_one_of_ours_are_one_cluster_whoever_leads",
        |servers| {
            let workers = Workers::new(servers)?;
            let topic = workers.group();
            let first = workers.start_java("java-one")?;
            let second = workers.start_java("java-two")?;
            let ours = workers.start("ours")?;
            let sink =
                |number: u32| file_sink(&workers.path(&format!("out-{number}.txt")), topic, 6);
            let names = [workers.named("a"), workers.named("b"), workers.named("c")];
            // A Java worker leads; the connector is created on ours, which has to send the request on.
            put_connector(&ours.rest_url(), &names[0], &sink(0))?;
            for url in [first.rest_url(), second.rest_url(), ours.rest_url()] {
                wait_balanced(&url, &[&names[0]], 6, 3)?;
            }
            // The first one leads. When it has gone either of the others may.
            first.stop()?;
            wait_balanced(&ours.rest_url(), &[&names[0]], 6, 2)?;
            put_connector(&second.rest_url(), &names[1], &sink(1))?;
            wait_balanced(&ours.rest_url(), &[&names[0], &names[1]], 12, 2)?;
            second.stop()?;
            wait_balanced(&ours.rest_url(), &[&names[0], &names[1]], 12, 1)?;
            // The way back: ours leads, and Java's connectors hand it their tasks.
            let back = workers.start_java("java-three")?;
            wait_balanced(&back.rest_url(), &[&names[0], &names[1]], 12, 2)?;
            for name in &names[..2] {
                ask(
                    &back.rest_url(),
                    "DELETE",
                    &format!("/connectors/{name}"),
                    None,
                )?;
            }
            put_connector(&back.rest_url(), &names[2], &sink(2))?;
            for url in [back.rest_url(), ours.rest_url()] {
                wait_balanced(&url, &[&names[2]], 6, 2)?;
            }
            ours.stop()?;
            wait_balanced(&back.rest_url(), &[&names[2]], 6, 1)?;
            back.stop()
        },
    );
}

/// A record of an internal topic.
type Record = (String, Option<Value>);

/// Everything that is in a topic now, in order within each partition, partition by partition.
fn records(servers: &str, topic: &str, partitions: i32) -> Result<Vec<Record>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut config = ConsumerConfig::new(servers);
        config.auto_offset_reset = AutoOffsetReset::Earliest;
        let mut consumer = Consumer::new(config)?;
        let all: Vec<TopicPartition> = (0..partitions)
            .map(|partition| TopicPartition::new(topic, partition))
            .collect();
        consumer.assign(all.iter().cloned())?;
        let ends = consumer.end_offsets(&all).await?;
        let mut read: BTreeMap<i32, Vec<Record>> = BTreeMap::new();
        let mut at: BTreeMap<TopicPartition, i64> = BTreeMap::new();
        while ends
            .iter()
            .any(|(partition, end)| at.get(partition).copied().unwrap_or(0) < *end)
        {
            if let ConsumerEvent::Records(records) = consumer.poll(Duration::from_secs(1)).await? {
                for record in &records {
                    let key =
                        String::from_utf8_lossy(record.key().unwrap_or_default()).into_owned();
                    let value = record.value().map(serde_json::from_slice).transpose()?;
                    read.entry(record.partition())
                        .or_default()
                        .push((key, value));
                }
            }
            at = consumer
                .positions()
                .map(|(partition, at)| (partition.clone(), at))
                .collect();
        }
        Ok(read.into_values().flatten().collect())
    })
}

/// What an operator does, on whichever worker.
fn operate(url: &str, workers: &Workers, source: &Path) -> Result<()> {
    let topic = workers.group();
    put_connector(url, "in", &file_source(source, topic))?;
    wait_for_state(url, "in", 1, "RUNNING")?;
    wait_for(url, "/connectors/in/topics", |topics| {
        topics["in"]["topics"][0] == *topic
    })?;
    ask(url, "PUT", "/connectors/in/pause", None)?;
    wait_for_state(url, "in", 1, "PAUSED")?;
    ask(url, "PUT", "/connectors/in/resume", None)?;
    wait_for_state(url, "in", 1, "RUNNING")?;
    ask(url, "PUT", "/connectors/in/stop", None)?;
    wait_for_state(url, "in", 0, "STOPPED")?;
    ask(url, "PUT", "/connectors/in/resume", None)?;
    wait_for_state(url, "in", 1, "RUNNING")?;
    let stopped = format!(
        r#"{{"name":"later","initial_state":"STOPPED","config":{}}}"#,
        file_source(source, topic)
    );
    ask(url, "POST", "/connectors", Some(&stopped))?;
    wait_for_state(url, "later", 0, "STOPPED")?;
    ask(
        url,
        "PUT",
        "/admin/loggers/org.apache.kafka.connect.runtime.Worker?scope=cluster",
        Some(r#"{"level":"INFO"}"#),
    )?;
    ask(url, "DELETE", "/connectors/later", None)?;
    wait_for(url, "/connectors", |names| {
        *names == serde_json::json!(["in"])
    })?;
    Ok(())
}

/// Takes out what differs from one run to the next.
fn without_chance(records: Vec<Record>, group: &str, source: &Path) -> Vec<String> {
    let source = source.display().to_string();
    let mut seen: Vec<String> = Vec::new();
    for (key, value) in records {
        let mut value = value.unwrap_or(Value::Null);
        for (field, stands_for) in [
            ("key", "KEY"),
            ("creation-timestamp", "TIME"),
            ("worker_id", "WORKER"),
            ("generation", "GENERATION"),
            ("version", "VERSION"),
        ] {
            if let Some(found) = value.get_mut(field).filter(|found| !found.is_null()) {
                *found = Value::from(stands_for);
            }
        }
        // Java's worker says a version of what it has stopped in some runs, and none in others.
        if value["state"] == "UNASSIGNED" {
            value["version"] = Value::Null;
        }
        // Java's maps have the order of their hashes.
        if let Some(Value::Object(properties)) = value.get_mut("properties") {
            properties.sort_keys();
        }
        if let Some(time) = value.pointer_mut("/topic/discoverTimestamp") {
            *time = Value::from("TIME");
        }
        let text = format!("{key} {value}")
            .replace(group, "GROUP")
            .replace(&source, "FILE");
        // Java's worker writes a topic's record once for each of the first records.
        if !(text.contains("status-topic") && seen.contains(&text)) {
            seen.push(text);
        }
    }
    seen
}

#[test]
fn the_records_of_the_internal_topics_are_javas() {
    run("the_records_of_the_internal_topics_are_javas", |servers| {
        let mut written = Vec::new();
        for java in [true, false] {
            let workers = Workers::new(servers)?;
            let source = workers.path("in.txt");
            append(&source, 0..10)?;
            if java {
                let worker = workers.start_java("worker")?;
                operate(&worker.rest_url(), &workers, &source)?;
                worker.stop()?;
            } else {
                let worker = workers.start("worker")?;
                operate(&worker.rest_url(), &workers, &source)?;
                worker.stop()?;
            }
            let read = |kind: &str, partitions| {
                let topic = format!("{}-{kind}", workers.group());
                let records = records(servers, &topic, partitions)?;
                Ok::<_, kconnect_tests::Error>(without_chance(records, workers.group(), &source))
            };
            written.push((
                read("configs", 1)?,
                sorted_by_key(read("status", 5)?),
                read("offsets", 5)?,
            ));
        }
        let (ours, java) = (written.pop().ok_or("ours")?, written.pop().ok_or("Java's")?);
        assert_eq!(ours.0, java.0, "config topic");
        assert_eq!(ours.1, java.1, "status topic");
        assert_eq!(ours.2.last(), java.2.last(), "offsets topic");
        Ok(())
    });
}

/// Records by key, in order for each key: which partition a key is in does not matter, for topics have other names.
fn sorted_by_key(mut records: Vec<String>) -> Vec<String> {
    records.sort_by(|one, other| key_of(one).cmp(key_of(other)));
    // Java's worker takes a status away once or twice, as its threads happen to meet.
    records.dedup_by(|one, other| one == other && one.ends_with(" null"));
    records
}

fn key_of(record: &str) -> &str {
    record.split_once(' ').map_or(record, |(key, _)| key)
}
