//! The records of the internal topics are those that a Java worker writes for the same operations.

use std::path::Path;

use kconnect_tests::workers::{ask, file_source, put_connector, wait_for, wait_for_state};
use kconnect_tests::{Result, Workers};
use serde_json::Value;

use crate::support::{Record, append, records, run};

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
