//! Clients of the REST API that we did not write, unchanged, through the life of connectors: what they print with our worker,
//! on our broker and on a real Kafka, is what they print with the Java worker.
//!
//! Their programs are in `tests/clients/rest/` and `tests/clients/java/`. What may differ is what may differ between two
//! Java workers: addresses, versions, ids and stack traces.

use std::fs;
use std::path::Path;
use std::process::Command;

use kconnect_tests::clients::{install, source};
use kconnect_tests::jars::target_directory;
use kconnect_tests::real::{or_say_so, real_kafka_or_say_so, shared_kafka};
use kconnect_tests::{Backend, Result, Workers};
use serde_json::Value;

/// Fields whose values may differ.
const FREE: &[&str] = &[
    "version",
    "commit",
    "kafka_cluster_id",
    "worker_id",
    "workerId",
    "trace",
];

/// How a client is run.
#[derive(Clone, Copy, Debug)]
struct Client {
    name: &'static str,
    /// What [`install`] calls it.
    language: &'static str,
    program: &'static str,
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_connect_py() {
    same_as_with_java("kafka-connect-py", "rest", "rest/py_client.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_of_kafka_connect_py() {
    same_as_with_java("kc of kafka-connect-py", "rest", "rest/py_cli.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_connect_api() {
    same_as_with_java("kafka-connect-api", "rest", "rest/api_client.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connectorctl() {
    same_as_with_java("connectorctl", "rest", "rest/ctl_cli.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_connect_healthcheck() {
    same_as_with_java("kafka-connect-healthcheck", "rest", "rest/healthcheck.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_connect_client_of_akhq() {
    same_as_with_java("kafka-connect-client", "java", "java/RestClient.java").await;
}

/// Runs a client with our worker on our broker, and with ours and Java's on a real Kafka.
async fn same_as_with_java(name: &'static str, language: &'static str, program: &'static str) {
    let client = Client {
        name,
        language,
        program,
    };
    if or_say_so(name, "the client", install(language)).is_none() {
        return;
    }
    let embedded = Backend::Embedded.cluster(name).await.expect("it starts");
    let servers = embedded.bootstrap_servers().to_owned();
    let run = move || -> std::result::Result<(), String> {
        compare(client, &servers).map_err(|error| error.to_string())
    };
    let ended = tokio::task::spawn_blocking(run).await.expect("no panic");
    ended.unwrap_or_else(|error| panic!("{name}: {error}"));
    drop(embedded);
}

fn compare(client: Client, embedded: &str) -> Result<()> {
    let on_our_broker = with_ours(client, embedded)?;
    assert!(on_our_broker.len() > 10, "{on_our_broker:?}");
    let name = client.name;
    let (Some(kafka), Some(_)) = (shared_kafka(name), real_kafka_or_say_so(name)) else {
        return Ok(());
    };
    let ours = with_ours(client, &kafka)?;
    let java = with_java(client, &kafka)?;
    same("our worker", &ours, "Java's", &java)?;
    same("a real Kafka", &ours, "our broker", &on_our_broker)
}

/// Says where two transcripts differ, if they do.
fn same(one: &str, these: &[String], other: &str, those: &[String]) -> Result<()> {
    let pairs = these.iter().zip(those);
    let different: Vec<String> = pairs
        .filter(|(this, that)| this != that)
        .map(|(this, that)| format!("{one}: {this}\n{other}: {that}"))
        .collect();
    if different.is_empty() && these.len() == those.len() {
        return Ok(());
    }
    let lengths = (these.len(), those.len());
    Err(format!("{lengths:?} lines, of which\n{}", different.join("\n")).into())
}

fn with_ours(client: Client, servers: &str) -> Result<Vec<String>> {
    let workers = Workers::new(servers)?;
    let worker = workers.start("ours")?;
    let said = transcript(client, &workers, &worker.rest_url())?;
    worker.stop()?;
    Ok(said)
}

fn with_java(client: Client, servers: &str) -> Result<Vec<String>> {
    let workers = Workers::new(servers)?;
    let worker = workers.start_java("java")?;
    let said = transcript(client, &workers, &worker.rest_url())?;
    worker.stop()?;
    Ok(said)
}

/// What the client says of the worker at `url`, without what belongs to this worker alone.
fn transcript(client: Client, workers: &Workers, url: &str) -> Result<Vec<String>> {
    let directory = workers.path("files");
    fs::create_dir_all(&directory)?;
    fs::write(directory.join("in.txt"), "one\ntwo\nthree\n")?;
    let prefix = workers.group();
    let mut command = command(client);
    command.args([url, prefix]).arg(&directory);
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{url}: {}\n{said}{errors}", output.status).into());
    }
    let own = [
        (prefix.to_owned(), "%"),
        (directory.display().to_string(), "%D"),
        (url.replace("http://", ""), "%W"),
        // Every line of Python's HTTP errors has the address, and some clients' only the port.
        (url.rsplit(':').next().unwrap_or_default().to_owned(), "%P"),
    ];
    let neutral = |line: &str| {
        let text = own
            .iter()
            .fold(line.to_owned(), |text, (own, all)| text.replace(own, all));
        let Some((step, Ok(mut value))) = text
            .split_once(": ")
            .map(|(step, value)| (step, serde_json::from_str::<Value>(value)))
        else {
            return text;
        };
        free(&mut value);
        format!("{step}: {value}")
    };
    Ok(said
        .lines()
        .filter_map(|line| line.strip_prefix("= "))
        .map(neutral)
        .collect())
}

fn command(client: Client) -> Command {
    let installed = target_directory().join("clients").join(client.language);
    let program = source(client.program);
    let is_java = Path::new(&program)
        .extension()
        .is_some_and(|end| end == "java");
    if is_java {
        let mut command = Command::new("java");
        command.arg("-cp").arg(installed.join("*")).arg(program);
        return command;
    }
    let mut command = Command::new("python3");
    command.arg("-B").arg(program).env("PYTHONPATH", installed);
    command
}

/// Takes out what may differ.
fn free(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if FREE.contains(&name.as_str()) && !value.is_null() {
                    *value = "free".into();
                }
                free(value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(free),
        _ => {}
    }
}
