//! Every key that Kafka declares is declared here: same type, default and importance, and what REST shows beside them.

#![allow(clippy::unwrap_used, reason = "a test that fails says enough")]

use std::collections::BTreeMap;

use kconnect::config::{
    AdminKeys, ConnectorConfig, ConsumerKeys, DefaultTopicGroup, DistributedConfig, ProducerKeys,
    SinkConnectorConfig, SourceConnectorConfig, StandaloneConfig, TopicGroup,
};
use kconnect_client::config::ConfigKey;
use kconnect_tests::java::run_source;
use kconnect_tests::real::real_kafka_or_say_so;

/// Our tables by the names that the Java program gives to Kafka's, and whether REST shows what is in them.
const TABLES: &[(&str, &[ConfigKey], bool)] = &[
    ("Standalone", StandaloneConfig::KEYS, false),
    ("Distributed", DistributedConfig::KEYS, false),
    ("Connector", ConnectorConfig::KEYS, true),
    ("Source", SourceConnectorConfig::KEYS, true),
    ("Sink", SinkConnectorConfig::KEYS, true),
    ("Topics", DefaultTopicGroup::KEYS, false),
    ("GroupOfTopics", TopicGroup::KEYS, false),
    ("Producer", ProducerKeys::KEYS, false),
    ("Consumer", ConsumerKeys::KEYS, false),
    ("Admin", AdminKeys::KEYS, false),
];

/// Keys with a default here and none in Kafka: that of its example file.
const WITH_EXAMPLE_DEFAULTS: &[&str] = &[
    "group.id",
    "config.storage.topic",
    "offset.storage.topic",
    "status.storage.topic",
];

/// What is otherwise on purpose.
const OTHERWISE: &[(&str, &str)] = &[
    // One importance for all clients.
    ("Consumer", "client.id"),
    // Java shows a class as `class X`.
    ("Consumer", "partition.assignment.strategy"),
    // There are no controllers to bootstrap from in its place.
    ("Admin", "bootstrap.servers"),
];

/// A key that is the override policy's own in Kafka, and so in no table.
const OF_THE_POLICY: &str = "connector.client.config.override.allowlist";

/// What is known of a key: type, default, importance, and where REST shows it, group, order, width, display name.
type Facts = Vec<String>;

#[test]
fn every_key_of_kafka_is_declared_as_kafka_declares_it() {
    let scenario = "every_key_of_kafka_is_declared_as_kafka_declares_it";
    if real_kafka_or_say_so(scenario).is_none() {
        return;
    }
    let theirs = kafkas();
    let mut differences = Vec::new();
    for &(table, keys, is_shown) in TABLES {
        let ours: BTreeMap<&str, Facts> = keys
            .iter()
            .filter(|key| key.name != OF_THE_POLICY)
            .map(|key| (key.name, facts(key, is_shown)))
            .collect();
        let theirs = &theirs[table];
        assert!(theirs.len() >= 4, "{table}: {theirs:?}");
        for (name, java) in theirs {
            let shown = if is_shown { java.len() } else { 3 };
            let java = &java[..shown];
            match ours.get(name.as_str()) {
                None => differences.push(format!("{table} {name}: only Java's: {java:?}")),
                Some(ours) if ours != java && !is_otherwise(table, name, java) => {
                    differences.push(format!("{table} {name}:\n  Java {java:?}\n  ours {ours:?}"));
                }
                Some(_) => {}
            }
        }
        let only_ours = ours.keys().filter(|name| !theirs.contains_key(**name));
        differences.extend(only_ours.map(|name| format!("{table} {name}: only ours")));
    }
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

fn is_otherwise(table: &str, name: &str, java: &[String]) -> bool {
    let is_required = java[1] == "*";
    let is_example = is_required && WITH_EXAMPLE_DEFAULTS.contains(&name);
    (table == "Distributed" && is_example) || OTHERWISE.contains(&(table, name))
}

fn facts(key: &ConfigKey, is_shown: bool) -> Facts {
    let default = match key.default_value() {
        _ if key.required => "*".to_owned(),
        None => "~".to_owned(),
        Some(value) => value,
    };
    let mut facts = vec![
        key.config_type.name().to_owned(),
        default,
        key.importance.name().to_owned(),
    ];
    if is_shown {
        facts.extend([
            key.group.unwrap_or("~").to_owned(),
            key.order_in_group.to_string(),
            key.width.name().to_owned(),
            key.display_name.to_owned(),
            key.dependents.join(","),
        ]);
    }
    facts
}

/// Kafka's tables, by what the Java program calls them.
fn kafkas() -> BTreeMap<String, BTreeMap<String, Facts>> {
    let printed = run_source("DeclaredKeys.java", "DeclaredKeys", b"").unwrap();
    let mut tables = BTreeMap::<String, BTreeMap<String, Facts>>::new();
    for line in printed.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [table, name, facts @ ..] = fields.as_slice() else {
            panic!("{line}");
        };
        let facts = facts.iter().map(|&fact| fact.to_owned()).collect();
        let table = tables.entry((*table).to_owned()).or_default();
        table.insert((*name).to_owned(), facts);
    }
    tables
}
