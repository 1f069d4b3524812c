//! Topics that a source connector has created are the same, whether the Java worker runs it or ours.

#![allow(clippy::unwrap_used, reason = "a test that fails says enough")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use kconnect_client::Error;
use kconnect_client::admin::{Admin, ConfigSource};
use kconnect_client::config::AdminConfig;
use kconnect_tests::process::wait_for;
use kconnect_tests::real::{real_kafka_or_say_so, shared_kafka, unique};
use kconnect_tests::{JavaWorker, KconnectWorker, http};

/// How long a connector may take to have its topic created.
const LIMIT: Duration = Duration::from_secs(120);

/// How the topics of every connector are created.
const RULES: &[(&str, &str)] = &[
    ("topic.creation.default.partitions", "2"),
    ("topic.creation.default.replication.factor", "-1"),
    ("topic.creation.default.flush.messages", "1000000"),
    ("topic.creation.default.include", "nothing"),
    ("topic.creation.groups", "logs, broker, late"),
    ("topic.creation.logs.include", ".*-logs, .*-logs-.*"),
    ("topic.creation.logs.exclude", ".*-secret"),
    ("topic.creation.logs.partitions", "3"),
    ("topic.creation.logs.retention.ms", "86400000"),
    ("topic.creation.logs.max.message.bytes", "200000"),
    ("topic.creation.broker.include", ".*-broker"),
    ("topic.creation.broker.partitions", "-1"),
    ("topic.creation.broker.replication.factor", "1"),
    ("topic.creation.late.include", ".*-logs-.*"),
    ("topic.creation.late.partitions", "5"),
];

/// The ends of the topics' names: of a group, excluded from it, of the next one, of none.
const TOPICS: &[&str] = &["logs", "logs-a", "logs-secret", "broker", "logsx", "events"];

/// What comes of the rules on a broker whose topics have one partition and one replica.
const AS_THE_RULES_SAY: &[&str] = &[
    "logs: 3 x 1 max.message.bytes=200000 retention.ms=86400000",
    "logs-a: 3 x 1 max.message.bytes=200000 retention.ms=86400000",
    "logs-secret: 5 x 1",
    "broker: 1 x 1",
    "logsx: 2 x 1 flush.messages=1000000",
    "events: 2 x 1 flush.messages=1000000",
];

/// What comes of no rules there.
const AS_THE_BROKER_SAYS: &[&str] = &[
    "logs: 1 x 1",
    "logs-a: 1 x 1",
    "logs-secret: 1 x 1",
    "broker: 1 x 1",
    "logsx: 1 x 1",
    "events: 1 x 1",
];

fn worker_properties(servers: &str, directory: &Path, creates: bool) -> String {
    let offsets = directory.join("offsets");
    format!(
        "bootstrap.servers={servers}\n\
         key.converter=org.apache.kafka.connect.storage.StringConverter\n\
         value.converter=org.apache.kafka.connect.storage.StringConverter\n\
         offset.storage.file.filename={}\n\
         topic.creation.enable={creates}\n",
        offsets.display()
    )
}

/// Has the worker at `url` run a source for each topic, and says what the topics are like, without `prefix`.
fn created(servers: &str, url: &str, directory: &Path, prefix: &str) -> Vec<String> {
    let file = directory.join("in.txt");
    fs::write(&file, "one\ntwo\n").unwrap();
    let rules = RULES
        .iter()
        .map(|(key, value)| format!(",\"{key}\":\"{value}\""));
    let rules: String = rules.collect();
    for topic in TOPICS {
        let body = format!(
            r#"{{"name":"{topic}","config":{{"connector.class":"FileStreamSource","file":"{}","topic":"{prefix}-{topic}"{rules}}}}}"#,
            file.display()
        );
        let json = [("Content-Type", "application/json")];
        let answer = http::request(url, "POST", "/connectors", &json, Some(&body)).unwrap();
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // An admin client belongs to a runtime from the start.
    let admin = runtime.block_on(async { Admin::new(&AdminConfig::new(servers)).unwrap() });
    let mut all = Vec::new();
    for topic in TOPICS {
        let name = format!("{prefix}-{topic}");
        let found = wait_for(LIMIT, || runtime.block_on(described(&admin, &name)).ok());
        let found = found.unwrap_or_else(|| panic!("{name} is never created"));
        all.push(format!("{topic}: {found}"));
    }
    runtime.block_on(admin.close());
    all
}

/// Partitions, replicas, and what is configured for the topic itself.
async fn described(admin: &Admin, name: &str) -> Result<String, Error> {
    let topic = admin.describe_topic(name).await?;
    let configs = admin.describe_topic_config(name).await?;
    let own = configs.values();
    let own = own.filter(|entry| entry.source == ConfigSource::TopicConfig);
    let own = own.map(|entry| format!(" {}={}", entry.name, entry.value.as_deref().unwrap()));
    let own: String = own.collect();
    let partitions = &topic.partitions;
    let replicas = partitions[0].replicas.len();
    Ok(format!("{} x {replicas}{own}", partitions.len()))
}

#[test]
fn topics_are_created_as_the_java_worker_creates_them() {
    let name = "topics_are_created_as_the_java_worker_creates_them";
    let (Some(servers), Some(_)) = (shared_kafka(name), real_kafka_or_say_so(name)) else {
        return;
    };
    for creates in [true, false] {
        let parent = tempfile::tempdir().unwrap();
        let prepare = |member: &str| {
            let directory = parent.path().join(member);
            fs::create_dir_all(&directory).unwrap();
            let properties = worker_properties(&servers, &directory, creates);
            (directory, properties)
        };
        let (directory, properties) = prepare("java");
        let java = JavaWorker::standalone(&directory, &properties, &[]).unwrap();
        let theirs = created(&servers, &java.rest_url(), &directory, &unique("java"));
        java.stop().unwrap();
        let (directory, properties) = prepare("ours");
        let worker = KconnectWorker::standalone(&directory, &properties, &[]).unwrap();
        let ours = created(&servers, &worker.rest_url(), &directory, &unique("ours"));
        worker.stop().unwrap();
        assert_eq!(ours, theirs, "topic.creation.enable={creates}");
        let expected = if creates {
            AS_THE_RULES_SAY
        } else {
            AS_THE_BROKER_SAYS
        };
        assert_eq!(ours, expected, "topic.creation.enable={creates}");
    }
}
