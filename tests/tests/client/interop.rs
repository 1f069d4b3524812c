//! Kafka's own console tools: they read what our producer writes, and our consumer reads what they write. And what a
//! transaction of librdkafka's leaves behind is seen, or not, as `isolation.level` says.

use std::process::Command;

use kconnect_client::consumer::IsolationLevel;
use kconnect_client::producer::{Header, Producer, ProducerRecord};
use kconnect_client::{Compression, TopicPartition};
use kconnect_tests::jars::target_directory;
use kconnect_tests::{Cluster, Tool, clients, real, scenarios};

use crate::support::{
    Kept, PATIENCE, assigned, consumer_config, names, producer_config, read, topic, topic_with,
};

scenarios! {
    all: ;
    current: kafkas_consumer_reads_what_we_write, we_read_what_kafkas_producer_writes,
        kafkas_tools_see_our_groups;
}

/// Long ago: the topic must not delete by age.
const TIME: i64 = 1_700_000_000_000;

/// Runs one of Kafka's tools against the cluster, on a thread where waiting hurts nobody; `None` if there is no Java
/// here, which is said.
async fn run(
    scenario: &str,
    tool: Tool,
    cluster: &Cluster,
    arguments: &[&str],
    input: &str,
) -> Option<String> {
    real::real_kafka_or_say_so(scenario)?;
    let mut all = vec!["--bootstrap-server", cluster.bootstrap_servers()];
    all.extend(arguments);
    let arguments: Vec<String> = all.into_iter().map(str::to_owned).collect();
    let input = input.to_owned();
    let ran = tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = arguments.iter().map(|argument| &**argument).collect();
        tool.run(&arguments, input.as_bytes())
    });
    Some(ran.await.unwrap().unwrap())
}

/// Four records, with all that a record may have and may lack.
async fn write_every_kind(cluster: &Cluster, topic: &str, compression: Compression, long: &str) {
    let mut config = producer_config(cluster);
    config.compression_type = compression;
    let producer = Producer::new(config).unwrap();
    let header = |value| Header {
        key: b"same",
        value,
    };
    let name = compression.name();
    let headers = [
        header(Some(name.as_bytes())),
        header(None),
        header(Some(b"")),
    ];
    let records = [
        ProducerRecord::to(topic)
            .key(b"k")
            .value(name.as_bytes())
            .headers(&headers),
        ProducerRecord::to(topic).key(b"tombstone"),
        ProducerRecord::to(topic).value(long.as_bytes()),
        ProducerRecord::to(topic)
            .key(b"")
            .value("gr\u{fc}n".as_bytes()),
    ];
    for (record, time) in records.into_iter().zip(TIME..) {
        producer.enqueue(record.timestamp(time)).await.unwrap();
    }
    producer.flush().await.unwrap();
    producer.close(PATIENCE).await;
}

async fn kafkas_consumer_reads_what_we_write(cluster: Cluster) {
    let topic = topic_with(&cluster, "ours", 1, &[("retention.ms", "-1")]).await;
    let long = "long ".repeat(2_000);
    for compression in Compression::ALL {
        write_every_kind(&cluster, &topic, compression, &long).await;
    }
    let mut arguments = vec!["--topic", &topic, "--from-beginning"];
    arguments.extend(["--max-messages", "20", "--timeout-ms", "60000"]);
    for property in [
        "print.key=true",
        "print.headers=true",
        "print.timestamp=true",
        "print.offset=true",
        "key.separator=|",
        "null.literal=NULL",
    ] {
        arguments.extend(["--formatter-property", property]);
    }
    let tool = Tool::ConsoleConsumer;
    let Some(read) = run(&topic, tool, &cluster, &arguments, "").await else {
        return;
    };
    let expected = (0..)
        .zip(Compression::ALL)
        .flat_map(|(round, compression)| {
            let name = compression.name();
            let headers = format!("same:{name},same:NULL,same:");
            [
                (headers, "k", name),
                ("NO_HEADERS".to_owned(), "tombstone", "NULL"),
                ("NO_HEADERS".to_owned(), "NULL", &*long),
                ("NO_HEADERS".to_owned(), "", "gr\u{fc}n"),
            ]
            .into_iter()
            .zip(0..)
            .map(move |((headers, key, value), number)| {
                let (time, offset) = (TIME + number, round * 4 + number);
                format!("CreateTime:{time}|Offset:{offset}|{headers}|{key}|{value}")
            })
            .collect::<Vec<_>>()
        });
    let read: Vec<&str> = read.lines().collect();
    assert_eq!(read, expected.collect::<Vec<_>>());
}

async fn we_read_what_kafkas_producer_writes(cluster: Cluster) {
    let topic = topic(&cluster, "theirs", 1).await;
    let long = "long ".repeat(1_000);
    let mut expected = Vec::new();
    for compression in Compression::ALL {
        let name = compression.name();
        let lines = format!(
            "same:1,same:{name},other:\tkey\tvalue of {name}\nNULL\tNULL\tNULL\nNULL\t\t{long}\n"
        );
        let codec = format!("compression.type={name}");
        let mut arguments = vec!["--topic", &topic, "--command-property", &codec];
        for property in ["parse.key=true", "parse.headers=true", "null.marker=NULL"] {
            arguments.extend(["--reader-property", property]);
        }
        let tool = Tool::ConsoleProducer;
        if run(&topic, tool, &cluster, &arguments, &lines)
            .await
            .is_none()
        {
            return;
        }
        let header = |key: &str, value: &str| (key.into(), Some(value.as_bytes().to_vec()));
        let headers = vec![
            header("same", "1"),
            header("same", name),
            header("other", ""),
        ];
        let value = format!("value of {name}").into_bytes();
        expected.push((Some(b"key".to_vec()), Some(value), headers));
        expected.push((None, None, Vec::new()));
        expected.push((
            Some(Vec::new()),
            Some(long.clone().into_bytes()),
            Vec::new(),
        ));
    }
    let mut consumer = assigned(consumer_config(&cluster), &topic, &[0]);
    let records = read(&mut consumer, expected.len()).await;
    for (record, (key, value, headers)) in records.iter().zip(expected) {
        assert!(record.timestamp > TIME);
        assert_eq!((&record.key, &record.headers), (&key, &headers));
        assert_eq!(record.value, value);
    }
}

async fn kafkas_tools_see_our_groups(cluster: Cluster) {
    use kconnect_client::consumer::Consumer;
    let (topic, group) = (topic(&cluster, "seen", 1).await, real::unique("seen"));
    crate::support::fill(&cluster, &topic, &[0], 0..10).await;
    let mut consumer = Consumer::new(crate::support::group_config(&cluster, &group)).unwrap();
    consumer.subscribe(&[&topic]).unwrap();
    read(&mut consumer, 10).await;
    consumer.commit_sync(None).await.unwrap();
    let arguments = ["--describe", "--group", &group];
    let polling = async {
        loop {
            consumer.poll(PATIENCE / 100).await.unwrap();
        }
    };
    let tool = Tool::ConsumerGroups;
    let said = tokio::select! {
        said = run(&topic, tool, &cluster, &arguments, "") => said,
        () = polling => None,
    };
    let Some(said) = said else { return };
    let line = said.lines().find(|line| line.contains(&topic));
    let words: Vec<&str> = line.expect(&said).split_whitespace().collect();
    assert_eq!(words[..6], [&*group, &*topic, "0", "10", "10", "0"]);
    assert!(
        words[6].starts_with(&format!("consumer-{group}-")),
        "{words:?}"
    );
}

/// Three transactions: one is committed, one aborted, one stays open.
const TRANSACTIONS: &str = r#"
import sys
from confluent_kafka import Producer
servers, topic = sys.argv[1:]
def producer(name):
    made = Producer({"bootstrap.servers": servers, "transactional.id": topic + name, "linger.ms": 0})
    made.init_transactions(60)
    made.begin_transaction()
    return made
def write(made, numbers):
    for number in numbers:
        made.produce(topic, str(number).encode(), partition=0)
    made.flush(60)
first, second, third = producer("a"), producer("b"), producer("c")
write(first, range(0, 5))
write(second, range(5, 10))
first.commit_transaction(60)
second.abort_transaction(60)
first.begin_transaction()
write(first, range(10, 15))
first.commit_transaction(60)
write(third, range(15, 20))
# Gone without a word: the transaction stays open until the broker ends it.
import os
os._exit(0)
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_transactions_leave_behind_is_seen_as_the_isolation_level_says() {
    let scenario =
        "client::interop::what_transactions_leave_behind_is_seen_as_the_isolation_level_says";
    let Some(servers) = real::shared_kafka(scenario) else {
        return;
    };
    let cluster = Cluster::at(servers);
    let topic = topic(&cluster, "transactions", 1).await;
    let client = real::or_say_so(scenario, "confluent-kafka", clients::install("python"));
    if client.is_none() {
        return;
    }
    let python = target_directory().join("python");
    let wrote = Command::new("python3")
        .args(["-c", TRANSACTIONS, cluster.bootstrap_servers(), &topic])
        .env("PYTHONPATH", python)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&wrote.stderr);
    assert!(wrote.status.success(), "{said}");
    let numbers = |records: &[Kept]| records.iter().map(Kept::number).collect::<Vec<_>>();
    let name = TopicPartition::new(&*topic, 0);
    for (level, expected) in [
        (IsolationLevel::ReadUncommitted, (0..20).collect::<Vec<_>>()),
        (
            IsolationLevel::ReadCommitted,
            (0..5).chain(10..15).collect(),
        ),
    ] {
        let mut config = consumer_config(&cluster);
        config.isolation_level = level;
        let mut consumer = assigned(config, &topic, &[0]);
        let records = read(&mut consumer, expected.len()).await;
        assert_eq!(numbers(&records), expected);
        // Behind what is settled nothing comes, and it is where `end_offsets` says.
        let end = consumer.end_offsets(&names(&topic, &[0])).await.unwrap()[&name];
        let settled = async {
            while consumer.position(&name).await.unwrap() != end {
                consumer.poll(PATIENCE / 1_000).await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, settled).await.unwrap();
        assert_eq!(consumer.lag(&name).unwrap(), Some(0));
    }
}
