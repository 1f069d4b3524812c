//! How the topics of a source connector are created: the `topic.creation.` keys (KIP-158).
//!
//! Groups are tried in the order in which `topic.creation.groups` lists them; the first one whose patterns match the whole
//! name of a topic says how it is created, and the group `default` if none does.

use std::collections::BTreeMap;

use kconnect_client::admin::NewTopic;
use kconnect_client::config::{ConfigError, ConfigType, ConfigValue};
use regex::Regex;
use tracing::warn;

use crate::config::connector::whole_match;
use crate::herder::entities::ConfigMap;

const PREFIX: &str = "topic.creation.";
const DEFAULT: &str = "default";
/// What stands for the broker's own choice.
const OF_THE_BROKER: i64 = -1;

/// How a connector wants its topics to be created.
#[derive(Debug, Clone)]
pub(crate) struct TopicCreation {
    groups: Vec<Group>,
    default: Group,
}

/// Topics that are created in one way.
#[derive(Debug, Clone)]
struct Group {
    name: String,
    include: Option<Regex>,
    exclude: Option<Regex>,
    partitions: i32,
    replication_factor: i16,
    configs: BTreeMap<String, String>,
}

impl TopicCreation {
    /// What a connector's configuration says; nothing if it says nothing: then topics are left to the broker.
    ///
    /// # Errors
    ///
    /// All complaints about the keys.
    pub(crate) fn of(connector: &ConfigMap) -> Result<Option<Self>, Vec<ConfigError>> {
        if !connector.keys().any(|key| key.starts_with(PREFIX)) {
            return Ok(None);
        }
        let mut reader = Reader {
            connector,
            errors: Vec::new(),
        };
        let default = reader.default_group();
        let groups = reader.names().into_iter();
        let groups = groups.map(|name| reader.group(name, &default)).collect();
        if reader.errors.is_empty() {
            Ok(Some(Self { groups, default }))
        } else {
            Err(reader.errors)
        }
    }

    /// The topic to create, and the name of the group that says how.
    pub(crate) fn topic(&self, name: &str) -> (NewTopic, &str) {
        let found = self.groups.iter().find(|group| group.matches(name));
        let group = found.unwrap_or(&self.default);
        let mut topic = NewTopic::new(name);
        topic.num_partitions = Some(group.partitions).filter(|&count| count > 0);
        topic.replication_factor = Some(group.replication_factor).filter(|&count| count > 0);
        topic.configs.clone_from(&group.configs);
        (topic, &group.name)
    }
}

impl Group {
    fn matches(&self, topic: &str) -> bool {
        let is_match =
            |pattern: &Option<Regex>| pattern.as_ref().is_some_and(|regex| regex.is_match(topic));
        !is_match(&self.exclude) && is_match(&self.include)
    }
}

/// Reads groups and gathers what is wrong with them.
struct Reader<'a> {
    connector: &'a ConfigMap,
    errors: Vec<ConfigError>,
}

impl Reader<'_> {
    /// The names of the groups beside the default one, each once.
    fn names(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        for name in self.list("topic.creation.groups") {
            if name == DEFAULT {
                warn!(
                    "'{DEFAULT}' topic creation group always exists and does not need to be listed explicitly"
                );
            } else if names.contains(&name) {
                let text = self.connector.get("topic.creation.groups");
                let why = "Duplicate alias provided.";
                let text = text.map(String::as_str).unwrap_or_default();
                self.errors
                    .push(ConfigError::invalid("topic.creation.groups", text, why));
            } else {
                names.push(name);
            }
        }
        names
    }

    /// The group of topics that no other matches: patterns of its own mean nothing.
    fn default_group(&mut self) -> Group {
        let (partitions, replication_factor) = self.numbers(DEFAULT, None);
        Group {
            name: DEFAULT.to_owned(),
            include: None,
            exclude: None,
            partitions,
            replication_factor,
            configs: self.configs(DEFAULT),
        }
    }

    fn group(&mut self, name: String, default: &Group) -> Group {
        let numbers = (default.partitions, default.replication_factor);
        let (partitions, replication_factor) = self.numbers(&name, Some(numbers));
        Group {
            include: self.patterns(&name, "include"),
            exclude: self.patterns(&name, "exclude"),
            partitions,
            replication_factor,
            configs: self.configs(&name),
            name,
        }
    }

    fn numbers(&mut self, group: &str, default: Option<(i32, i16)>) -> (i32, i16) {
        let key = format!("{PREFIX}{group}.replication.factor");
        let why = "Replication factor must be positive and not larger than the number of brokers in the Kafka cluster, or -1 to \
                   use the broker's default";
        let replication_factor = self.number(
            key,
            default.map(|numbers| numbers.1),
            why,
            ConfigType::Short,
        );
        let key = format!("{PREFIX}{group}.partitions");
        let why = "Number of partitions must be positive, or -1 to use the broker's default";
        let partitions = self.number(key, default.map(|numbers| numbers.0), why, ConfigType::Int);
        (partitions, replication_factor)
    }

    fn number<T: ConfigValue + Copy + Default + Into<i64>>(
        &mut self,
        key: String,
        default: Option<T>,
        why: &str,
        config_type: ConfigType,
    ) -> T {
        let Some(text) = self.connector.get(&key) else {
            if default.is_none() {
                self.errors.push(ConfigError::missing(key));
            }
            return default.unwrap_or_default();
        };
        let parsed = T::parse(text, config_type).and_then(|number| {
            let value: i64 = number.into();
            let is_valid = value == OF_THE_BROKER || value >= 1;
            is_valid.then_some(number).ok_or_else(|| why.to_owned())
        });
        parsed.unwrap_or_else(|why| {
            self.errors
                .push(ConfigError::invalid(key, text.trim(), &why));
            T::default()
        })
    }

    /// The patterns of a list as one, none if there are none.
    fn patterns(&mut self, group: &str, kind: &str) -> Option<Regex> {
        let key = format!("{PREFIX}{group}.{kind}");
        let patterns = self.list(&key);
        if patterns.is_empty() {
            return None;
        }
        // Each by itself first: the complaint shall be about the one that is wrong.
        let each = patterns
            .iter()
            .try_for_each(|one| whole_match(one).map(drop));
        match each.and_then(|()| whole_match(&patterns.join("|"))) {
            Ok(pattern) => Some(pattern),
            Err(problem) => {
                let why = format!("Syntax error in regular expression: {problem}");
                let shown = format!("[{}]", patterns.join(", "));
                self.errors.push(ConfigError::invalid(key, &shown, &why));
                None
            }
        }
    }

    fn list(&self, key: &str) -> Vec<String> {
        let text = self.connector.get(key);
        let parsed = text.and_then(|text| Vec::<String>::parse(text, ConfigType::List).ok());
        parsed.unwrap_or_default()
    }

    /// All other keys of a group are configurations of its topics.
    fn configs(&self, group: &str) -> BTreeMap<String, String> {
        const OWN: [&str; 4] = ["include", "exclude", "replication.factor", "partitions"];
        let prefix = format!("{PREFIX}{group}.");
        let of_group = self
            .connector
            .iter()
            .filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?, value)));
        of_group
            .filter(|(key, _)| !OWN.contains(key))
            .map(|(key, value)| (key.to_owned(), value.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::testing::config;

    const DEFAULTS: [(&str, &str); 2] = [
        ("topic.creation.default.partitions", "3"),
        ("topic.creation.default.replication.factor", "-1"),
    ];

    fn read(more: &[(&str, &str)]) -> Result<Option<TopicCreation>, Vec<String>> {
        let all: Vec<(&str, &str)> = DEFAULTS.iter().chain(more).copied().collect();
        TopicCreation::of(&config(&all))
            .map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    fn topic(creation: &TopicCreation, name: &str) -> String {
        let (topic, group) = creation.topic(name);
        format!(
            "{group} {:?} {:?} {:?}",
            topic.num_partitions, topic.replication_factor, topic.configs
        )
    }

    #[test]
    fn the_first_group_that_matches_decides_and_the_default_one_the_rest() {
        let creation = read(&[
            ("topic.creation.groups", "logs, default, all"),
            ("topic.creation.default.cleanup.policy", "compact"),
            ("topic.creation.default.include", "logs-.*"),
            ("topic.creation.logs.include", "logs-.*, audit"),
            ("topic.creation.logs.exclude", "logs-secret"),
            ("topic.creation.logs.partitions", "7"),
            ("topic.creation.logs.retention.ms", "1000"),
            ("topic.creation.all.include", ".*-.*"),
            ("topic.creation.all.replication.factor", "2"),
        ]);
        let creation = creation.unwrap().unwrap();
        assert_eq!(
            topic(&creation, "logs-a"),
            r#"logs Some(7) None {"retention.ms": "1000"}"#
        );
        assert!(topic(&creation, "audit").starts_with("logs "));
        assert_eq!(
            topic(&creation, "logs-secret"),
            "all Some(3) Some(2) {}",
            "what is excluded is another group's"
        );
        assert_eq!(
            topic(&creation, "orders"),
            r#"default Some(3) None {"cleanup.policy": "compact"}"#,
            "a name is matched as a whole"
        );
    }

    #[test]
    fn without_such_keys_topics_are_the_brokers() {
        assert!(
            TopicCreation::of(&config(&[("topics", "t")]))
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn what_is_missing_or_wrong_is_named_in_kafkas_words() {
        let missing = TopicCreation::of(&config(&[("topic.creation.groups", "a")])).unwrap_err();
        let missing: Vec<&str> = missing.iter().map(ConfigError::message).collect();
        assert_eq!(
            missing,
            [
                "Missing required configuration \"topic.creation.default.replication.factor\" which has no default value.",
                "Missing required configuration \"topic.creation.default.partitions\" which has no default value.",
            ]
        );
        let wrong = read(&[
            ("topic.creation.groups", "a,a"),
            ("topic.creation.default.partitions", "0"),
            ("topic.creation.a.replication.factor", "x"),
            ("topic.creation.a.include", "(,b"),
        ]);
        let wrong = wrong.unwrap_err();
        assert_eq!(
            wrong[..3],
            [
                "Invalid value 0 for configuration topic.creation.default.partitions: Number of partitions must be positive, or -1 \
                 to use the broker's default",
                "Invalid value a,a for configuration topic.creation.groups: Duplicate alias provided.",
                "Invalid value x for configuration topic.creation.a.replication.factor: Not a number of type SHORT",
            ]
        );
        assert!(wrong[3].starts_with(
            "Invalid value [(, b] for configuration topic.creation.a.include: Syntax error in regular expression: "
        ));
    }
}
