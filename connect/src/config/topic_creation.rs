//! The keys under which a source connector says how its topics are created (KIP-158): `topic.creation.GROUP.KEY`.

use kconnect_client::config;
use kconnect_client::config::{ConfigType, ConfigValue as _, check};

use super::connector::{what_is_wrong, whole_match};

/// What the keys begin with.
pub const TOPIC_CREATION: &str = "topic.creation.";

/// The group that every connector has which says anything of topics.
pub const DEFAULT_GROUP: &str = "default";

config! {
    /// What is said of all topics that no other group matches, after `topic.creation.default.`.
    ///
    /// Whatever else stands there is a configuration of these topics.
    DefaultTopicGroup {
        "default" {
            /// Patterns of topics. Ignored: the group is for all topics that no other group matches.
            Low "include" => include: Vec<String> = vec![".*".to_owned()];
            /// Patterns of topics. Ignored as well.
            Low "exclude" => exclude: Vec<String> = Vec::new();
            /// How many replicas a topic gets: at most as many as there are brokers; -1 leaves it to them.
            Low "replication.factor" => replication_factor: i16,
                check::custom("a positive number, or -1 for the brokers' default", valid_replication);
            /// How many partitions a topic gets; -1 leaves it to the brokers.
            Low "partitions" => partitions: i32,
                check::custom("a positive number, or -1 for the brokers' default", valid_partitions);
        }
    }
}

config! {
    /// What is said of the topics that a group matches, after `topic.creation.GROUP.`; `topic.creation.groups` names the
    /// groups.
    ///
    /// Whatever else stands there is a configuration of these topics.
    TopicGroup {
        "GROUP" {
            /// Regular expressions; a topic whose whole name one of them matches belongs to the group.
            Low "include" => include: Vec<String> = Vec::new(), check::custom("regular expressions", valid_patterns);
            /// Regular expressions; a topic whose whole name one of them matches does not.
            Low "exclude" => exclude: Vec<String> = Vec::new(), check::custom("regular expressions", valid_patterns);
            /// How many replicas a topic gets: at most as many as there are brokers; -1 leaves it to them. The default
            /// group's number if it is not given.
            Low "replication.factor" => replication_factor: i16 = -1,
                check::custom("a positive number, or -1 for the brokers' default", valid_replication);
            /// How many partitions a topic gets; -1 leaves it to the brokers. The default group's number if it is not given.
            Low "partitions" => partitions: i32 = -1,
                check::custom("a positive number, or -1 for the brokers' default", valid_partitions);
        }
    }
}

/// A number of partitions, or -1.
pub(super) fn valid_partitions(text: &str) -> Result<(), String> {
    positive_or_default(
        text,
        "Number of partitions must be positive, or -1 to use the broker's default",
    )
}

/// A number of replicas, or -1.
pub(super) fn valid_replication(text: &str) -> Result<(), String> {
    positive_or_default(
        text,
        "Replication factor must be positive and not larger than the number of brokers in the Kafka cluster, or -1 to use \
         the broker's default",
    )
}

fn positive_or_default(text: &str, why: &str) -> Result<(), String> {
    match text.parse::<i64>() {
        Ok(number) if number == -1 || number > 0 => Ok(()),
        _ => Err(why.to_owned()),
    }
}

fn valid_patterns(text: &str) -> Result<(), String> {
    let patterns = Vec::<String>::parse(text, ConfigType::List)?;
    patterns.iter().try_for_each(|pattern| {
        let found = whole_match(pattern).map(drop);
        found.map_err(|problem| {
            format!(
                "Syntax error in regular expression: {}",
                what_is_wrong(pattern, &problem)
            )
        })
    })
}
