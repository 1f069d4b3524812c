//! Apache Kafka's own programs against our broker: the console tools, and the Connect worker in both modes.

use std::path::Path;
use std::time::Duration;

use kconnect_tests::lines::LineCounter;
use kconnect_tests::pipeline::Pipeline;
use kconnect_tests::process::wait_for;
use kconnect_tests::real::real_kafka_or_say_so;
use kconnect_tests::{Backend, Cluster, JavaWorker, Tool, http};

/// Java programs take seconds to start; on a loaded machine many of them.
const LIMIT: Duration = Duration::from_secs(120);

/// Our broker, if there are Java programs to run against it.
async fn broker(scenario: &str) -> Option<Cluster> {
    real_kafka_or_say_so(scenario)?;
    Backend::Embedded.cluster(scenario).await
}

fn tool(cluster: &Cluster, tool: Tool, arguments: &str, input: &str) -> String {
    let mut all = vec!["--bootstrap-server", cluster.bootstrap_servers()];
    all.extend(arguments.split(' '));
    tool.run(&all, input.as_bytes()).expect("the tool succeeds")
}

/// The words of the line that holds `wanted`.
fn words<'a>(text: &'a str, wanted: &str) -> Vec<&'a str> {
    let line = text.lines().find(|line| line.contains(wanted));
    let line = line.unwrap_or_else(|| panic!("no line with {wanted:?} in\n{text}"));
    line.split_whitespace().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn console_tools_manage_topics_and_their_configuration() {
    let Some(cluster) = broker("console_tools_manage_topics_and_their_configuration").await else {
        return;
    };
    let create =
        "--create --topic t --partitions 3 --replication-factor 1 --config retention.ms=-1";
    tool(&cluster, Tool::Topics, create, "");
    tool(
        &cluster,
        Tool::Topics,
        "--alter --topic t --partitions 4",
        "",
    );
    let described = tool(&cluster, Tool::Topics, "--describe --topic t", "");
    assert!(
        described.contains("PartitionCount: 4\tReplicationFactor: 1\tConfigs: retention.ms=-1")
    );
    assert_eq!(
        described.matches("Leader: 1\tReplicas: 1\tIsr: 1").count(),
        4
    );
    let entity = "--entity-type topics --entity-name t";
    let alter = format!(
        "--alter {entity} --add-config max.message.bytes=2000000 --delete-config retention.ms"
    );
    tool(&cluster, Tool::Configs, &alter, "");
    let configs = tool(&cluster, Tool::Configs, &format!("--describe {entity}"), "");
    assert!(
        configs.contains("max.message.bytes=2000000 sensitive=false"),
        "{configs}"
    );
    assert!(!configs.contains("retention.ms"), "{configs}");
    tool(&cluster, Tool::Topics, "--delete --topic t", "");
    assert_eq!(tool(&cluster, Tool::Topics, "--list", "").trim(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn console_tools_produce_consume_and_move_groups() {
    let Some(cluster) = broker("console_tools_produce_consume_and_move_groups").await else {
        return;
    };
    let keyed = "--topic t --reader-property parse.key=true --reader-property key.separator=:";
    for codec in ["gzip", "snappy", "lz4", "zstd"] {
        let produce = format!("{keyed} --compression-codec {codec}");
        tool(
            &cluster,
            Tool::ConsoleProducer,
            &produce,
            &format!("k:{codec}\n"),
        );
    }
    let consume = "--topic t --group g --from-beginning --max-messages 4 --timeout-ms 60000 \
                   --formatter-property print.key=true --formatter-property key.separator=:";
    let consumed = tool(&cluster, Tool::ConsoleConsumer, consume, "");
    assert_eq!(consumed, "k:gzip\nk:snappy\nk:lz4\nk:zstd\n");
    // Columns: group, topic, partition, current offset, log end offset, lag.
    let described = tool(&cluster, Tool::ConsumerGroups, "--describe --group g", "");
    assert_eq!(
        words(&described, " t ")[..6],
        ["g", "t", "0", "4", "4", "0"]
    );
    let reset = "--group g --topic t --reset-offsets --to-offset 1 --execute";
    assert_eq!(
        words(&tool(&cluster, Tool::ConsumerGroups, reset, ""), " t "),
        ["g", "t", "0", "1"]
    );
    assert_eq!(
        tool(&cluster, Tool::GetOffsets, "--topic t", "").trim(),
        "t:0:4"
    );
    tool(&cluster, Tool::ConsumerGroups, "--delete --group g", "");
    assert_eq!(
        tool(&cluster, Tool::ConsumerGroups, "--list", "").trim(),
        ""
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_java_worker_runs_standalone() {
    let Some(cluster) = broker("a_java_worker_runs_standalone").await else {
        return;
    };
    let pipeline = Pipeline::new(cluster.bootstrap_servers(), "standalone").unwrap();
    pipeline.write(0..1_000).unwrap();
    let worker = pipeline.start_java().unwrap();
    LineCounter::new(&pipeline.sink_file())
        .wait_for(1_000, LIMIT)
        .unwrap();
    worker.stop().unwrap();
    pipeline.check_identical().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn java_workers_run_distributed() {
    let Some(cluster) = broker("java_workers_run_distributed").await else {
        return;
    };
    let pipeline = Pipeline::new(cluster.bootstrap_servers(), "lines").unwrap();
    pipeline.write(0..500).unwrap();
    let (first_home, second_home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let worker = distributed_properties(cluster.bootstrap_servers());
    let first = JavaWorker::distributed(first_home.path(), &worker).unwrap();
    let file = |path: &Path| path.display().to_string();
    let source = format!(
        r#""FileStreamSource","file":"{}","topic":"lines""#,
        file(&pipeline.source_file())
    );
    let sink = format!(
        r#""FileStreamSink","file":"{}","topics":"lines""#,
        file(&pipeline.sink_file())
    );
    for (name, class) in [("source", source), ("sink", sink)] {
        let body = format!(r#"{{"name":"{name}","config":{{"connector.class":{class}}}}}"#);
        let created = http::json(&first.rest_url(), "POST", "/connectors", Some(&body)).unwrap();
        assert_eq!(created.status, 201, "{}", created.text());
    }
    let mut written = LineCounter::new(&pipeline.sink_file());
    written.wait_for(500, LIMIT).unwrap();
    let second = JavaWorker::distributed(second_home.path(), &worker).unwrap();
    let address = second.rest_url().replace("http://", "");
    let running = || {
        let status = http::get(&second.rest_url(), "/connectors?expand=status")
            .ok()?
            .text();
        let all_run = status.matches(r#""state":"RUNNING""#).count() == 4;
        all_run.then_some(status)
    };
    let shared = wait_for(LIMIT, || {
        running().filter(|status| status.contains(&address))
    });
    assert!(shared.is_some(), "the second worker gets something to do");
    first.stop().unwrap();
    pipeline.write(500..1_000).unwrap();
    written.wait_for(1_000, LIMIT).unwrap();
    let alone = wait_for(LIMIT, || {
        running().filter(|status| status.matches(&address).count() == 4)
    });
    assert!(alone.is_some(), "the second worker has everything");
    second.stop().unwrap();
    pipeline.check_identical().unwrap();
}

fn distributed_properties(servers: &str) -> String {
    format!(
        "bootstrap.servers={servers}\ngroup.id=cluster\noffset.flush.interval.ms=500\n\
         scheduled.rebalance.max.delay.ms=0\n\
         key.converter=org.apache.kafka.connect.storage.StringConverter\n\
         value.converter=org.apache.kafka.connect.storage.StringConverter\n\
         config.storage.topic=configs\nconfig.storage.replication.factor=1\n\
         offset.storage.topic=offsets\noffset.storage.replication.factor=-1\n\
         status.storage.topic=status\nstatus.storage.replication.factor=1\n"
    )
}
