//! The harness itself: every Kafka that scenarios run on can be started, stopped and reached by Kafka's own tools.

use kconnect_tests::jars::Version;
use kconnect_tests::{KafkaCluster, Tool};

#[test]
fn three_brokers_start_and_one_of_them_stops_and_starts_again() {
    let cluster = KafkaCluster::start(Version::V4_3, 3).unwrap();
    let servers = cluster.bootstrap_servers();
    let topic = [
        "--bootstrap-server",
        &servers,
        "--create",
        "--topic",
        "t",
        "--partitions",
        "3",
    ];
    Tool::Topics.run(&topic, b"").unwrap();
    cluster.stop(1).unwrap();
    cluster.restart(1).unwrap();
    let listed = Tool::Topics
        .run(&["--bootstrap-server", &servers, "--list"], b"")
        .unwrap();
    assert_eq!(listed.trim(), "t");
}

#[test]
fn the_older_kafkas_start() {
    for version in [Version::V2_8, Version::V3_9] {
        let cluster = KafkaCluster::start(version, 1).unwrap();
        assert_eq!(cluster.size(), 1);
    }
}
