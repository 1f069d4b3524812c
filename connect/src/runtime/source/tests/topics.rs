//! Topics that do not exist yet: created as the connector says, by the broker, or waited for.

use kconnect_broker::{Fault, Options};
use kconnect_protocol::{ApiKey, ErrorCode};

use crate::config::WorkerConfig;
use crate::runtime::event::TaskEvent;
use crate::runtime::testing::{Bench, Setup, SourceScript};
use crate::runtime::{State, TargetState};

const CREATION: [(&str, &str); 6] = [
    ("topic.creation.default.replication.factor", "1"),
    ("topic.creation.default.partitions", "2"),
    ("topic.creation.groups", "kept"),
    ("topic.creation.kept.include", "state-.*"),
    ("topic.creation.kept.partitions", "3"),
    ("topic.creation.kept.retention.ms", "86400000"),
];

/// A bench whose broker creates topics by itself, or not.
async fn bench(auto_create_topics: bool, topic_creation_enable: bool) -> Bench {
    let usual = Setup::default();
    let options = Options {
        auto_create_topics,
        ..usual.options
    };
    let worker = WorkerConfig {
        topic_creation_enable,
        ..usual.worker
    };
    Bench::with(Setup {
        options,
        worker,
        ..usual
    })
    .await
}

#[tokio::test]
async fn topics_are_created_as_their_groups_say() {
    let (mut bench, script) = (bench(false, true).await, SourceScript::new());
    let task = bench.start_task(&script.config(&CREATION), TargetState::Started);
    script.records("state-a", 1, &["a"]);
    script.records("events", 2, &["b"]);
    script.records("state-a", 3, &["c"]);
    bench.state(State::Running).await;
    let mut used = Vec::new();
    while used.len() < 2 {
        match bench.task_event().await {
            TaskEvent::Topic(topic) => used.push(topic.to_string()),
            other => panic!("{other:?}"),
        }
    }
    used.sort();
    assert_eq!(used, ["events", "state-a"]);
    bench.consume("state-a", 3, 2).await;
    bench.consume("events", 2, 1).await;
    let admin = bench.admin();
    let partitions = async |name| admin.describe_topic(name).await.unwrap().partitions.len();
    assert_eq!(
        (partitions("state-a").await, partitions("events").await),
        (3, 2)
    );
    let configs = admin.describe_topic_config("state-a").await.unwrap();
    let retention = configs.get("retention.ms").unwrap();
    assert_eq!(retention.value.as_deref(), Some("86400000"));
    bench.stop_task(&task).await;
}

#[tokio::test]
async fn a_topic_that_is_there_is_left_as_it_is() {
    let (mut bench, script) = (bench(false, true).await, SourceScript::new());
    bench.create_topic("events", 1).await;
    let requests = bench.broker.faults().requests(ApiKey::CREATE_TOPICS);
    let task = bench.start_task(&script.config(&CREATION), TargetState::Started);
    script.records("events", 1, &["a"]);
    bench.consume("events", 1, 1).await;
    assert_eq!(
        bench.broker.faults().requests(ApiKey::CREATE_TOPICS),
        requests
    );
    bench.stop_task(&task).await;
}

#[tokio::test]
async fn a_worker_that_creates_no_topics_leaves_them_to_the_broker() {
    let (mut bench, script) = (bench(true, false).await, SourceScript::new());
    let task = bench.start_task(&script.config(&CREATION), TargetState::Started);
    script.records("events", 1, &["a"]);
    bench.consume("events", 1, 1).await;
    assert_eq!(bench.broker.faults().requests(ApiKey::CREATE_TOPICS), 0);
    let described = bench.admin().describe_topic("events").await.unwrap();
    assert_eq!(described.partitions.len(), 1, "the broker's default");
    bench.stop_task(&task).await;
}

#[tokio::test]
async fn a_topic_that_nobody_creates_is_waited_for() {
    let (mut bench, script) = (bench(false, true).await, SourceScript::new());
    let task = bench.start_task(&script.config(&[]), TargetState::Started);
    script.records("events", 1, &["a"]);
    let faults = bench.broker.faults();
    faults.requested(ApiKey::METADATA, 3).await;
    bench.create_topic("events", 1).await;
    assert_eq!(bench.consume("events", 1, 1).await, ["0:null=a"]);
    bench.stop_task(&task).await;
    let task = bench.start_task(&script.config(&[]), TargetState::Started);
    let requests = faults.requests(ApiKey::METADATA);
    script.records("others", 2, &["b"]);
    faults.requested(ApiKey::METADATA, requests + 3).await;
    bench.stop_task(&task).await;
    assert!(
        bench.stored().await[0].ends_with(r#"{"position":1}"#),
        "what was not written is not committed"
    );
}

#[tokio::test]
async fn a_topic_that_may_not_be_created_fails_the_task() {
    let (mut bench, script) = (bench(false, true).await, SourceScript::new());
    let refuse = |code, times| {
        let fault = Fault::error(ApiKey::CREATE_TOPICS, code);
        bench.broker.faults().inject(fault.times(times));
    };
    refuse(ErrorCode::TopicAuthorizationFailed, 1);
    refuse(ErrorCode::InvalidConfig, 1);
    refuse(ErrorCode::PolicyViolation, 1);
    for words in [
        "Task failed to create new topic (name=state-a, numPartitions=3, replicationFactor=1, replicasAssignments=null, \
         configs={retention.ms=86400000}). Ensure that the task is authorized to create topics or that the topic exists and \
         restart the task",
        "Unable to create topic(s) 'state-a': ",
        "Error while attempting to create/find topic(s) 'state-a'",
    ] {
        script.records("state-a", 1, &["a"]);
        bench.start_task(&script.config(&CREATION), TargetState::Started);
        let trace = bench.failure().await;
        assert!(trace.contains(words), "{trace}");
    }
}

#[tokio::test]
async fn a_connector_that_says_half_of_how_topics_are_created_fails() {
    let (mut bench, script) = (bench(true, true).await, SourceScript::new());
    let half = [("topic.creation.default.partitions", "2")];
    bench.start_task(&script.config(&half), TargetState::Started);
    let trace = bench.failure().await;
    assert!(
        trace.contains(
            "Missing required configuration \"topic.creation.default.replication.factor\" which has no default value."
        ),
        "{trace}"
    );
}

#[tokio::test]
async fn a_connector_that_asks_for_what_is_not_there_yet_moves_no_record() {
    let (mut bench, script) = (bench(true, true).await, SourceScript::new());
    for (key, value) in [("transforms", "mask"), ("errors.tolerance", "all")] {
        script.records("events", 1, &["secret"]);
        bench.start_task(&script.config(&[(key, value)]), TargetState::Started);
        let trace = bench.failure().await;
        let expected = format!("Invalid value {value} for configuration {key}: ");
        assert!(trace.contains(&expected), "{trace}");
    }
    assert_eq!(bench.broker.faults().requests(ApiKey::PRODUCE), 0);
}
