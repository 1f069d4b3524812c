//! kcctl: every path that it asks, with the types of the fields that it reads. A missing one is null to it, a wrong type an error.

use std::fs;

use kconnect_tests::Result;
use kconnect_tests::workers::{wait_for, wait_for_state};
use serde_json::{Value, json};

use super::support::{ask, ask_until, config, create, run, worker};

/// What it reads a field as.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Text,
    Number,
    Flag,
    Texts,
    /// A map from text to text.
    Map,
    /// Text, or nothing.
    Maybe,
}

use Kind::{Flag, Map, Maybe, Number, Text, Texts};

impl Kind {
    fn takes(self, value: &Value) -> bool {
        let is_text = |value: &Value| value.is_string();
        match self {
            Text => value.is_string(),
            Number => value.is_i64(),
            Flag => value.is_boolean(),
            Texts => value.as_array().is_some_and(|all| all.iter().all(is_text)),
            Map => value
                .as_object()
                .is_some_and(|all| all.values().all(is_text)),
            Maybe => value.is_null() || value.is_string(),
        }
    }
}

/// Fails unless `value` has these fields of these kinds.
#[track_caller]
fn has(value: &Value, fields: &[(&str, Kind)]) {
    for (name, kind) in fields {
        assert!(
            kind.takes(&value[*name]),
            "{name} is no {kind:?} in {value}"
        );
    }
}

#[track_caller]
fn has_status(status: &Value) {
    has(status, &[("name", Text), ("type", Text)]);
    has(
        &status["connector"],
        &[("state", Text), ("worker_id", Text)],
    );
    for task in status["tasks"].as_array().expect("tasks") {
        has(
            task,
            &[
                ("id", Number),
                ("state", Text),
                ("worker_id", Text),
                ("trace", Maybe),
            ],
        );
    }
}

#[track_caller]
fn has_info(info: &Value) {
    has(info, &[("name", Text), ("type", Text), ("config", Map)]);
    for task in info["tasks"].as_array().expect("tasks") {
        has(task, &[("connector", Text), ("task", Number)]);
    }
}

/// What it asks of a running worker before it changes anything.
#[tokio::test(flavor = "multi_thread")]
async fn info_plugins_and_their_keys() {
    run(|servers| {
        let (_workers, worker) = worker(servers)?;
        let url = worker.rest_url();
        let info = ask(&url, "GET", "/", None, 200)?.json();
        has(&info, &[("version", Text), ("commit", Text)]);
        wait_for(&url, "/", |info| info["kafka_cluster_id"].is_string())?;
        for only in ["true", "false"] {
            let path = format!("/connector-plugins?connectorsOnly={only}");
            let plugins = ask(&url, "GET", &path, None, 200)?.json();
            for plugin in plugins.as_array().ok_or("no list")? {
                has(
                    plugin,
                    &[("class", Text), ("type", Text), ("version", Maybe)],
                );
            }
        }
        let path = "/connector-plugins/FileStreamSource/config";
        for key in ask(&url, "GET", path, None, 200)?
            .json()
            .as_array()
            .ok_or("no list")?
        {
            has_key(key);
        }
        let path = "/connector-plugins/FileStreamSource/config/validate";
        let found = ask(
            &url,
            "PUT",
            path,
            Some(r#"{"connector.class":"FileStreamSource"}"#),
            200,
        )?;
        let found = found.json();
        has(
            &found,
            &[("name", Text), ("error_count", Number), ("groups", Texts)],
        );
        for item in found["configs"].as_array().ok_or("no list")? {
            has_key(&item["definition"]);
            let value = &item["value"];
            has(
                value,
                &[
                    ("name", Text),
                    ("value", Maybe),
                    ("errors", Texts),
                    ("visible", Flag),
                ],
            );
            has(value, &[("recommended_values", Texts)]);
        }
        worker.stop()
    })
    .await;
}

#[track_caller]
fn has_key(key: &Value) {
    has(
        key,
        &[
            ("name", Text),
            ("type", Text),
            ("required", Flag),
            ("default_value", Maybe),
        ],
    );
    has(
        key,
        &[
            ("importance", Text),
            ("documentation", Text),
            ("group", Maybe),
        ],
    );
    has(
        key,
        &[
            ("width", Text),
            ("display_name", Text),
            ("dependents", Texts),
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn apply_get_describe_and_delete() {
    run(|servers| {
        let (workers, worker) = worker(servers)?;
        let url = worker.rest_url();
        // It asks for the list with a slash at the end.
        assert_eq!(
            ask(&url, "GET", "/connectors/", None, 200)?.json(),
            json!([])
        );
        let body = json!({ "name": "c", "config": config(&workers, "c") }).to_string();
        let created = ask(&url, "POST", "/connectors/", Some(&body), 201)?.json();
        has(&created, &[("name", Text), ("type", Text)]);
        wait_for_state(&url, "c", 1, "RUNNING")?;
        has_status(&ask(&url, "GET", "/connectors/c/status", None, 200)?.json());
        has_info(&ask(&url, "GET", "/connectors/c", None, 200)?.json());
        let listed = ask(
            &url,
            "GET",
            "/connectors?expand=info&expand=status",
            None,
            200,
        )?
        .json();
        has_info(&listed["c"]["info"]);
        has_status(&listed["c"]["status"]);
        let tasks = ask(&url, "GET", "/connectors/c/tasks", None, 200)?.json();
        has(&tasks[0]["id"], &[("connector", Text), ("task", Number)]);
        has(&tasks[0], &[("config", Map)]);
        let config = ask(&url, "GET", "/connectors/c/config", None, 200)?.text();
        ask(&url, "PUT", "/connectors/c/config", Some(&config), 200)?;
        wait_for(&url, "/connectors/c/topics", |topics| {
            topics["c"]["topics"][0].is_string()
        })?;
        ask(&url, "DELETE", "/connectors/c", None, 204)?;
        let missing = ask_until(&url, "/connectors/c", 404)?.json();
        has(&missing, &[("error_code", Number), ("message", Text)]);
        worker.stop()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pause_resume_stop_and_restart() {
    run(|servers| {
        let (workers, worker) = worker(servers)?;
        let url = worker.rest_url();
        create(&workers, &url, "c")?;
        for (verb, status, tasks, state) in [
            ("pause", 202, 1, "PAUSED"),
            ("resume", 202, 1, "RUNNING"),
            ("stop", 204, 0, "STOPPED"),
            ("resume", 202, 1, "RUNNING"),
        ] {
            ask(&url, "PUT", &format!("/connectors/c/{verb}"), None, status)?;
            wait_for_state(&url, "c", tasks, state)?;
        }
        ask(&url, "POST", "/connectors/c/restart", None, 204)?;
        wait_for_state(&url, "c", 1, "RUNNING")?;
        let path = "/connectors/c/restart?includeTasks=true&onlyFailed=false";
        has_status(&ask(&url, "POST", path, None, 202)?.json());
        wait_for_state(&url, "c", 1, "RUNNING")?;
        ask(&url, "POST", "/connectors/c/tasks/0/restart", None, 204)?;
        wait_for_state(&url, "c", 1, "RUNNING")?;
        worker.stop()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_task_is_described_with_its_trace() {
    run(|servers| {
        let (workers, worker) = worker(servers)?;
        let url = worker.rest_url();
        let name = workers.named("bad");
        // Where a directory should be is a file.
        fs::write(workers.path("file"), "")?;
        let sink = json!({
            "connector.class": "FileStreamSink",
            "file": workers.path("file/out.txt"),
            "topics": workers.group(),
        });
        let path = format!("/connectors/{name}");
        ask(
            &url,
            "PUT",
            &format!("{path}/config"),
            Some(&sink.to_string()),
            201,
        )?;
        let status = wait_for(&url, &format!("{path}/status"), |status| {
            status["tasks"][0]["state"] == "FAILED"
        })?;
        has_status(&status);
        has(&status["tasks"][0], &[("trace", Text)]);
        worker.stop()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_and_loggers() {
    run(|servers| {
        let (workers, worker) = worker(servers)?;
        let url = worker.rest_url();
        create(&workers, &url, "c")?;
        let offsets = wait_for(&url, "/connectors/c/offsets", |offsets| {
            offsets["offsets"][0]["offset"].is_object()
        })?;
        assert!(offsets["offsets"][0]["partition"].is_object(), "{offsets}");
        ask(&url, "PUT", "/connectors/c/stop", None, 204)?;
        wait_for_state(&url, "c", 0, "STOPPED")?;
        let altered = ask(
            &url,
            "PATCH",
            "/connectors/c/offsets",
            Some(&offsets.to_string()),
            200,
        )?;
        has(&altered.json(), &[("message", Text)]);
        has(
            &ask(&url, "DELETE", "/connectors/c/offsets", None, 200)?.json(),
            &[("message", Text)],
        );
        loggers(&url)?;
        worker.stop()
    })
    .await;
}

fn loggers(url: &str) -> Result<()> {
    let path = "/admin/loggers/org.apache.kafka.connect";
    let level = Some(r#"{"level":"DEBUG"}"#);
    let set = ask(url, "PUT", path, level, 200)?.json();
    assert!(Texts.takes(&set), "{set}");
    let one = ask(url, "GET", path, None, 200)?.json();
    has(&one, &[("level", Text), ("last_modified", Number)]);
    let all = ask(url, "GET", "/admin/loggers", None, 200)?.json();
    for logger in all.as_object().ok_or("no map")?.values() {
        has(logger, &[("level", Text)]);
    }
    let set = ask(url, "PUT", &format!("{path}?scope=cluster"), level, 204)?;
    assert_eq!(set.text(), "");
    Ok(())
}
