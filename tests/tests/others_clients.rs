//! Clients that we did not write against our broker, and against a real Kafka, which shows that they ask nothing odd:
//! kafka-python, librdkafka, franz-go and kafkajs read what our producer wrote, and our consumer reads what they wrote.

use std::path::PathBuf;
use std::time::Duration;

use kconnect_client::TopicPartition;
use kconnect_client::admin::{Admin, NewTopic};
use kconnect_client::config::{AdminConfig, AutoOffsetReset, ConsumerConfig};
use kconnect_client::consumer::{Consumer, ConsumerEvent};
use kconnect_client::producer::{Header, Producer, ProducerConfig, ProducerRecord};
use kconnect_protocol::compression::Compression;
use kconnect_tests::clients::{install, source};
use kconnect_tests::jars::target_directory;
use kconnect_tests::real::{or_say_so, unique};
use kconnect_tests::{Cluster, Process, scenarios};

/// A client takes some seconds; a loaded machine more.
const LIMIT: Duration = Duration::from_secs(180);
/// The time of the first record, long ago: topics that keep it must not delete by age.
const TIMESTAMP: i64 = 1_700_000_000_000;

/// A record as it is compared: key, value, headers, timestamp.
type Record = (Vec<u8>, Option<Vec<u8>>, Vec<(Vec<u8>, Vec<u8>)>, i64);

scenarios! {
    @test embedded Embedded: kafka_python, librdkafka, franz_go, kafkajs
}
scenarios! {
    @test kafka Kafka: kafka_python, librdkafka, franz_go, kafkajs
}

async fn kafka_python(cluster: Cluster) {
    python(&cluster, "kafka_python").await;
}

async fn librdkafka(cluster: Cluster) {
    python(&cluster, "confluent").await;
}

async fn python(cluster: &Cluster, client: &str) {
    let program = format!("python/{client}.py");
    let modules = target_directory().join("python");
    let modules = ("PYTHONPATH", modules.display().to_string());
    let command = ["python3", "-B", &source(&program)].map(str::to_owned);
    live(cluster, "python", client, &command, &[modules]).await;
}

async fn franz_go(cluster: Cluster) {
    let program = target_directory().join("clients/franz-go");
    let command = [program.display().to_string()];
    live(&cluster, "go", "franz-go", &command, &[]).await;
}

async fn kafkajs(cluster: Cluster) {
    let modules = target_directory().join("clients/js/node_modules");
    let modules = ("NODE_PATH", modules.display().to_string());
    let command = ["node", &source("js/kafkajs.js")].map(str::to_owned);
    live(&cluster, "js", "kafkajs", &command, &[modules]).await;
}

/// Lets a client live through everything that a client does, with topics of ours before and of its own after it.
async fn live(
    cluster: &Cluster,
    language: &str,
    client: &str,
    command: &[String],
    environment: &[(&str, String)],
) {
    if or_say_so(client, "the client", install(language)).is_none() {
        return;
    }
    let servers = cluster.bootstrap_servers();
    let (ours, theirs) = (unique("ours"), unique(client));
    produce(servers, &ours).await;
    let arguments = [servers, &ours, &theirs].map(str::to_owned);
    run(client, command, &arguments, environment);
    assert_eq!(consume(servers, &theirs).await, expected(), "{client}");
}

fn run(client: &str, command: &[String], arguments: &[String], environment: &[(&str, String)]) {
    let directory = tempfile::tempdir().expect("a directory");
    let log: PathBuf = directory.path().join("log");
    let environment: Vec<_> = environment
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let (program, rest) = command.split_first().expect("a program");
    let mut process = Process::start_with(
        client,
        program,
        rest.iter().chain(arguments),
        directory.path(),
        &log,
        &environment,
    )
    .expect("the client starts");
    let status = process.wait(LIMIT).expect("the client ends");
    assert!(
        status.success(),
        "{client} ended with {status}:\n{}",
        process.output()
    );
}

/// What each side writes: a record per codec, and one without a value.
fn expected() -> Vec<Record> {
    let mut records = Vec::new();
    for (codec, timestamp) in Compression::ALL.iter().zip(TIMESTAMP..) {
        let name = codec.name();
        let headers = [("codec", name), ("codec", "again"), ("empty", "")];
        let headers = headers.map(|(key, value)| (key.into(), value.into()));
        let value = format!("{name}:{}", "x".repeat(1_000)).into_bytes();
        records.push((name.into(), Some(value), headers.to_vec(), timestamp));
    }
    let last = TIMESTAMP + i64::try_from(records.len()).expect("a few");
    records.push((b"gone".to_vec(), None, Vec::new(), last));
    records
}

async fn produce(servers: &str, topic: &str) {
    let mut new = NewTopic::new(topic);
    new.configs.insert("retention.ms".into(), "-1".into());
    let admin = Admin::new(&AdminConfig::new(servers)).expect("an admin");
    admin.create_topic(&new).await.expect("the topic is new");
    let codecs = Compression::ALL.into_iter().chain([Compression::None]);
    for (codec, (key, value, headers, timestamp)) in codecs.zip(expected()) {
        let mut config = ProducerConfig::new(servers);
        config.compression_type = codec;
        let producer = Producer::new(config).expect("a producer");
        let headers: Vec<_> = headers
            .iter()
            .map(|(key, value)| Header {
                key,
                value: Some(value),
            })
            .collect();
        let record = ProducerRecord::to(topic)
            .key(&key)
            .headers(&headers)
            .timestamp(timestamp);
        let record = match &value {
            Some(value) => record.value(value),
            None => record,
        };
        let delivery = producer.send(record).await.expect("there is room");
        delivery.await.expect("the record is acknowledged");
        producer.close(LIMIT).await;
    }
}

async fn consume(servers: &str, topic: &str) -> Vec<Record> {
    let mut config = ConsumerConfig::new(servers);
    config.auto_offset_reset = AutoOffsetReset::Earliest;
    let mut consumer = Consumer::new(config).expect("a consumer");
    let partition = TopicPartition::new(topic, 0);
    consumer.assign([partition]).expect("it is free");
    let mut all: Vec<Record> = Vec::new();
    let reading = async {
        while all.len() < expected().len() {
            let event = consumer.poll(LIMIT).await.expect("a poll");
            let ConsumerEvent::Records(records) = event else {
                continue;
            };
            all.extend(records.iter().map(|record| {
                let headers = record.headers();
                let headers = headers.iter().map(|header| {
                    let value = header.value.expect("no header without a value");
                    (header.key.to_vec(), value.to_vec())
                });
                (
                    record.key().expect("a key").to_vec(),
                    record.value().map(<[u8]>::to_vec),
                    headers.collect(),
                    record.timestamp(),
                )
            }));
        }
    };
    tokio::time::timeout(LIMIT, reading)
        .await
        .expect("all records come");
    consumer.close(LIMIT).await.expect("it is closed");
    all
}
