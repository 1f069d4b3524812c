//! Lines from a file to a file through a topic whose name comes from a config provider, with a restart of all workers between.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use kconnect_tests::Result;
use kconnect_tests::workers::{ask, wait_for};
use serde_json::{Value, json};

use super::cluster::{Cluster, LIMIT, run};

fn append(file: &Path, lines: &[&str]) -> Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    for line in lines {
        writeln!(file, "{line}")?;
    }
    Ok(())
}

/// Waits until the file's lines, each counted once, are these.
fn wait_for_lines(file: &Path, lines: &[&str]) -> Result<()> {
    let wanted: BTreeSet<&str> = lines.iter().copied().collect();
    let came = kconnect_tests::process::wait_for(LIMIT, || {
        let text = fs::read_to_string(file).unwrap_or_default();
        let found: BTreeSet<&str> = text.lines().collect();
        (found == wanted).then_some(())
    });
    came.ok_or_else(|| {
        format!(
            "{}: {:?}, not {wanted:?}",
            file.display(),
            fs::read_to_string(file)
        )
        .into()
    })
}

/// The connectors of the REST test, with the values of their templates, all of them text.
fn connectors(cluster: &Cluster, topic: &str) -> [Value; 2] {
    let topic = format!(
        "topic-${{file:{}:{topic}}}",
        cluster.path("external.properties").display()
    );
    let source = json!({
        "name": "local-file-source",
        "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
        "tasks.max": "1",
        "file": cluster.path("connect.input"),
        "topic": topic,
        "errors.log.include.messages": "true",
        "errors.tolerance": "none",
        "errors.log.enable": "true",
    });
    let sink = json!({
        "name": format!("local-file-sink-{}", cluster.group),
        "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
        "tasks.max": "1",
        "file": cluster.path("connect.output"),
        "topics": topic,
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "key.converter.schemas.enable": "True",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "True",
    });
    [source, sink]
}

#[test]
fn lines_go_on_where_they_were_after_all_workers_were_restarted() {
    run(
        "lines_go_on_where_they_were_after_all_workers_were_restarted",
        |servers| {
            for protocol in ["sessioned", "compatible", "eager"] {
                let mut cluster = Cluster::start(servers, protocol)?;
                let external = format!("topic.external={}\n", cluster.group);
                fs::write(cluster.path("external.properties"), external)?;
                for config in connectors(&cluster, "topic.external") {
                    cluster.create(&config)?;
                }
                let (input, output) = (
                    cluster.path("connect.input"),
                    cluster.path("connect.output"),
                );
                append(&input, &["foo", "bar", "baz"])?;
                wait_for_lines(&output, &["foo", "bar", "baz"])?;
                cluster.restart()?;
                append(&input, &["razz", "ma", "tazz"])?;
                wait_for_lines(&output, &["foo", "bar", "baz", "razz", "ma", "tazz"])?;
                cluster.stop()?;
            }
            Ok(())
        },
    );
}

#[test]
fn the_rest_api_tells_of_connectors_as_they_were_created_and_changed() {
    let name = "the_rest_api_tells_of_connectors_as_they_were_created_and_changed";
    run(name, |servers| {
        let mut cluster = Cluster::start(servers, "compatible")?;
        let external = format!("topic.external={}\n", cluster.group);
        fs::write(cluster.path("external.properties"), external)?;
        let url = cluster.nodes[1].url();
        assert_eq!(ask(&url, "GET", "/connectors", None)?, json!([]));
        let [mut source, sink] = connectors(&cluster, "topic.external");
        for config in [&source, &sink] {
            let class = config["connector.class"].as_str().ok_or("no class")?;
            let path = format!("/connector-plugins/{class}/config/validate");
            let found = ask(&url, "PUT", &path, Some(&config.to_string()))?;
            assert_eq!(
                (&found["name"], &found["error_count"]),
                (&json!(class), &json!(0))
            );
            cluster.create(config)?;
        }
        let (input, output) = (
            cluster.path("connect.input"),
            cluster.path("connect.output"),
        );
        append(&input, &["foo", "bar", "baz"])?;
        wait_for_lines(&output, &["foo", "bar", "baz"])?;
        for (config, kind) in [(&source, "source"), (&sink, "sink")] {
            let name = config["name"].as_str().ok_or("no name")?;
            let tasks = json!([{ "connector": name, "task": 0 }]);
            let info = ask(&url, "GET", &format!("/connectors/{name}"), None)?;
            assert_eq!(
                info,
                json!({ "name": name, "config": config, "tasks": tasks, "type": kind })
            );
            let mut task = config.clone();
            let class = config["connector.class"].as_str().ok_or("no class")?;
            task["task.class"] = class.replace("Connector", "Task").into();
            let told = ask(&url, "GET", &format!("/connectors/{name}/tasks"), None)?;
            assert_eq!(
                told,
                json!([{ "id": { "connector": name, "task": 0 }, "config": task }])
            );
        }
        // The modified configuration moves the task to another file.
        let other = cluster.path("connect.input2");
        source["file"] = json!(other);
        append(&other, &["foo", "bar", "baz", "razz", "ma", "tazz"])?;
        ask(
            &url,
            "PUT",
            "/connectors/local-file-source/config",
            Some(&source.to_string()),
        )?;
        wait_for_lines(&output, &["foo", "bar", "baz", "razz", "ma", "tazz"])?;
        for config in [&source, &sink] {
            let name = config["name"].as_str().ok_or("no name")?;
            ask(&url, "DELETE", &format!("/connectors/{name}"), None)?;
        }
        wait_for(&url, "/connectors", |names| *names == json!([]))?;
        cluster.stop()
    });
}
