//! The broker's own keys: those that clients and tools ask a broker for.

use super::Source;
use super::key::ConfigType::{self, Boolean, Int, List, Long, String as Text};
use crate::options::Options;

/// One value of the broker's configuration. All of them are read only here.
#[derive(Debug)]
pub(crate) struct BrokerValue {
    pub name: &'static str,
    pub kind: ConfigType,
    pub value: String,
    pub source: Source,
}

/// What DescribeConfigs shows of a broker that runs with `options` and is reached at `listener`.
pub(crate) fn values(options: &Options, node_id: i32, listener: &str) -> Vec<BrokerValue> {
    let set = |name, kind, value: String| BrokerValue {
        name,
        kind,
        value,
        source: Source::Static,
    };
    let directory = options.dir.as_ref();
    let directory = directory.map_or_else(String::new, |dir| dir.display().to_string());
    let delay = options
        .group_initial_rebalance_delay
        .as_millis()
        .to_string();
    let mut values = vec![
        set(
            "advertised.listeners",
            List,
            format!("PLAINTEXT://{listener}"),
        ),
        set(
            "auto.create.topics.enable",
            Boolean,
            options.auto_create_topics.to_string(),
        ),
        set("broker.id", Int, node_id.to_string()),
        set("group.initial.rebalance.delay.ms", Int, delay),
        set("log.dirs", List, directory),
        set("node.id", Int, node_id.to_string()),
        set(
            "num.partitions",
            Int,
            options.default_partitions.to_string(),
        ),
        set("process.roles", List, "broker,controller".to_owned()),
    ];
    values.extend(DEFAULTS.iter().map(|&(name, kind, value)| BrokerValue {
        name,
        kind,
        value: value.to_owned(),
        source: Source::Default,
    }));
    values.sort_by_key(|value| value.name);
    values
}

const DEFAULTS: &[(&str, ConfigType, &str)] = &[
    ("compression.type", Text, "producer"),
    ("connections.max.idle.ms", Long, "600000"),
    ("default.replication.factor", Int, "1"),
    ("delete.topic.enable", Boolean, "true"),
    ("fetch.max.bytes", Int, "57671680"),
    ("group.coordinator.rebalance.protocols", List, "classic"),
    ("group.max.session.timeout.ms", Int, "1800000"),
    ("group.max.size", Int, "2147483647"),
    ("group.min.session.timeout.ms", Int, "6000"),
    ("log.cleaner.delete.retention.ms", Long, "86400000"),
    ("log.cleaner.enable", Boolean, "true"),
    ("log.cleanup.policy", List, "delete"),
    ("log.message.timestamp.after.max.ms", Long, "3600000"),
    (
        "log.message.timestamp.before.max.ms",
        Long,
        "9223372036854775807",
    ),
    ("log.message.timestamp.type", Text, "CreateTime"),
    ("log.retention.bytes", Long, "-1"),
    ("log.retention.check.interval.ms", Long, "300000"),
    ("log.retention.hours", Int, "168"),
    ("log.segment.bytes", Int, "1073741824"),
    ("max.incremental.fetch.session.cache.slots", Int, "1000"),
    ("message.max.bytes", Int, "1048588"),
    ("min.insync.replicas", Int, "1"),
    ("offset.metadata.max.bytes", Int, "4096"),
    ("offsets.retention.minutes", Int, "10080"),
    ("offsets.topic.num.partitions", Int, "50"),
    ("offsets.topic.replication.factor", Int, "1"),
    ("producer.id.expiration.ms", Int, "86400000"),
    ("replica.lag.time.max.ms", Long, "30000"),
    ("security.inter.broker.protocol", Text, "PLAINTEXT"),
    ("socket.request.max.bytes", Int, "104857600"),
    ("transaction.state.log.replication.factor", Int, "1"),
    ("unclean.leader.election.enable", Boolean, "false"),
];
