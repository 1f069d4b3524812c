//! How the topics of a source connector are created: the `topic.creation.` keys (KIP-158).
//!
//! Groups are tried in the order in which `topic.creation.groups` lists them; the first one whose patterns match the whole
//! name of a topic says how it is created, and the group `default` if none does.

use std::collections::BTreeMap;

use kconnect_client::admin::NewTopic;
use kconnect_client::config::{ConfigError, ConfigType, ConfigValue, Properties};
use regex::Regex;
use tracing::warn;

use crate::config::connector::whole_match;
use crate::config::{DEFAULT_GROUP, DefaultTopicGroup, TOPIC_CREATION, TopicGroup};
use crate::herder::entities::ConfigMap;

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
        let given: Properties = connector.clone().into();
        let given = given.scoped(TOPIC_CREATION);
        if given.iter().next().is_none() {
            return Ok(None);
        }
        let mut reader = Reader {
            given,
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
struct Reader {
    /// What stands after `topic.creation.`.
    given: Properties,
    errors: Vec<ConfigError>,
}

impl Reader {
    /// The names of the groups beside the default one, each once.
    fn names(&mut self) -> Vec<String> {
        let text = self.given.get("groups").unwrap_or_default().to_owned();
        let listed = Vec::<String>::parse(&text, ConfigType::List).unwrap_or_default();
        let mut names = Vec::new();
        for name in listed {
            if name == DEFAULT_GROUP {
                warn!(
                    "'{DEFAULT_GROUP}' topic creation group always exists and does not need to be listed explicitly"
                );
            } else if names.contains(&name) {
                let why = "Duplicate alias provided.";
                let error = ConfigError::invalid("topic.creation.groups", &text, why);
                self.errors.push(error);
            } else {
                names.push(name);
            }
        }
        names
    }

    /// The group of topics that no other matches: patterns of its own mean nothing.
    fn default_group(&mut self) -> Group {
        let group = DefaultTopicGroup::default();
        let (group, configs) = self.read(DEFAULT_GROUP, group, DefaultTopicGroup::claim);
        Group {
            name: DEFAULT_GROUP.to_owned(),
            include: None,
            exclude: None,
            partitions: group.partitions,
            replication_factor: group.replication_factor,
            configs,
        }
    }

    fn group(&mut self, name: String, default: &Group) -> Group {
        let group = TopicGroup {
            partitions: default.partitions,
            replication_factor: default.replication_factor,
            ..TopicGroup::default()
        };
        let (group, configs) = self.read(&name, group, TopicGroup::claim);
        Group {
            name,
            include: any_of(&group.include),
            exclude: any_of(&group.exclude),
            partitions: group.partitions,
            replication_factor: group.replication_factor,
            configs,
        }
    }

    /// What is said of a group; all that is not the group's is its topics'.
    fn read<T>(
        &mut self,
        group: &str,
        defaults: T,
        claim: fn(T, &mut Properties, &mut Vec<ConfigError>) -> T,
    ) -> (T, BTreeMap<String, String>) {
        let mut given = self.given.scoped(&format!("{group}."));
        let mut errors = Vec::new();
        let read = claim(defaults, &mut given, &mut errors);
        let prefix = format!("{TOPIC_CREATION}{group}.");
        let errors = errors.into_iter().map(|error| error.under(&prefix));
        self.errors.extend(errors);
        (read, given.into())
    }
}

/// The patterns of a list as one, none if there are none.
fn any_of(patterns: &[String]) -> Option<Regex> {
    let patterns = (!patterns.is_empty()).then(|| patterns.join("|"))?;
    // Each was compiled when it was checked.
    whole_match(&patterns).ok()
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
            wrong,
            [
                "Invalid value 0 for configuration topic.creation.default.partitions: Number of partitions must be positive, or -1 \
                 to use the broker's default",
                "Invalid value a,a for configuration topic.creation.groups: Duplicate alias provided.",
                "Invalid value [(, b] for configuration topic.creation.a.include: Syntax error in regular expression: \
                 Unclosed group near index 1\n(",
                "Invalid value x for configuration topic.creation.a.replication.factor: Not a number of type SHORT",
            ]
        );
    }
}
