//! The keys that every connector has beside its own: common ones, those of sources, those of sinks.

use std::collections::BTreeSet;
use std::time::Duration;

use kconnect_client::config::{ConfigError, ConfigType, ConfigValue, Properties, Width, check};
use kconnect_client::{config, config_enum};
use regex::Regex;

config! {
    /// What every connector is told.
    ConnectorConfig {
        "Common" {
            /// The connector's name, unique in the worker or cluster.
            High "name" => name: String, check::custom("non-empty string without ISO control characters", valid_name)
                => { width: Width::Medium, display_name: "Connector name" };
            /// The connector's plugin: full class name, simple class name, or that without `Connector`.
            High "connector.class" => connector_class: String
                => { width: Width::Long, display_name: "Connector class" };
            /// The version of the connector's plugin.
            Medium "connector.plugin.version" => connector_plugin_version: Option<String> = None
                => { width: Width::Medium, display_name: "Connector version" };
            /// How many tasks the connector may have.
            High "tasks.max" => tasks_max: u32 as Int = 1, check::at_least(1)
                => { width: Width::Short, display_name: "Tasks max" };
            /// Whether a connector that wants more tasks than it may have fails.
            Low "tasks.max.enforce" => tasks_max_enforce: bool = true
                => { width: Width::Short, display_name: "Enforce tasks max" };
            /// The converter of record keys; the worker's if there is none. Its own keys follow `key.converter.`.
            Low "key.converter" => key_converter: Option<String> as Class = None
                => { width: Width::Short, display_name: "Key converter class" };
            /// The version of the key converter.
            Low "key.converter.plugin.version" => key_converter_plugin_version: Option<String> = None
                => { width: Width::Short, display_name: "Key converter version" };
            /// The converter of record values; the worker's if there is none. Its own keys follow `value.converter.`.
            Low "value.converter" => value_converter: Option<String> as Class = None
                => { width: Width::Short, display_name: "Value converter class" };
            /// The version of the value converter.
            Low "value.converter.plugin.version" => value_converter_plugin_version: Option<String> = None
                => { width: Width::Short, display_name: "Value converter version" };
            /// The converter of header values; the worker's if there is none. Its own keys follow `header.converter.`.
            Low "header.converter" => header_converter: Option<String> as Class = None
                => { width: Width::Short, display_name: "Header converter class" };
            /// The version of the header converter.
            Low "header.converter.plugin.version" => header_converter_plugin_version: Option<String> = None
                => { width: Width::Short, display_name: "Header converter version" };
        }
        "Transforms" {
            /// The names of the transformations that each record passes, in order.
            Low "transforms" => transforms: Vec<String> = Vec::new(),
                check::custom("non-null string, unique transformation aliases", unique_aliases)
                => { order_in_group: 12, width: Width::Long, display_name: "Transforms" };
        }
        "Predicates" {
            /// The names of the predicates that transformations refer to.
            Low "predicates" => predicates: Vec<String> = Vec::new(),
                check::custom("non-null string, unique predicate aliases", unique_aliases)
                => { order_in_group: 13, width: Width::Long, display_name: "Predicates" };
        }
        "Common" {
            /// What to do when a configuration value that comes from outside changes.
            Low "config.action.reload" => config_action_reload: ConfigReloadAction = ConfigReloadAction::Restart
                => { order_in_group: 14, width: Width::Medium, display_name: "Reload Action" };
        }
        "Error Handling" {
            /// How long a failed operation is tried again, in milliseconds; -1 is for ever.
            Medium "errors.retry.timeout" => errors_retry_timeout: i64 = 0
                => { width: Width::Medium, display_name: "Retry Timeout for Errors" };
            /// The longest pause, in milliseconds, before a failed operation is tried again.
            Medium "errors.retry.delay.max.ms" => errors_retry_delay_max: i64 = 60_000
                => { width: Width::Medium, display_name: "Maximum Delay Between Retries for Errors" };
            /// Whether a record that cannot be handled fails the task or is skipped.
            Medium "errors.tolerance" => errors_tolerance: ToleranceType = ToleranceType::None
                => { width: Width::Short, display_name: "Error Tolerance" };
            /// Whether each error is logged.
            Medium "errors.log.enable" => errors_log_enable: bool = false
                => { width: Width::Short, display_name: "Log Errors" };
            /// Whether the log of an error holds the record.
            Medium "errors.log.include.messages" => errors_log_include_messages: bool = false
                => { width: Width::Short, display_name: "Log Error Details" };
        }
    }
}

config! {
    /// What every source connector is told.
    SourceConnectorConfig {
        with connector: ConnectorConfig {}
        "Topic Creation" {
            /// The groups of topics that are created in ways of their own.
            Low "topic.creation.groups" => topic_creation_groups: Vec<String> = Vec::new(),
                check::custom("non-null string, unique topic creation groups", unique_aliases)
                => { width: Width::Long, display_name: "Topic Creation Groups" };
        }
        "Exactly Once Support" {
            /// Whether the connector must not start without exactly-once support.
            Medium "exactly.once.support" => exactly_once_support: ExactlyOnceSupportLevel
                = ExactlyOnceSupportLevel::Requested => { order_in_group: 2, width: Width::Short, display_name: "Exactly once support" };
            /// Where transactions end.
            Medium "transaction.boundary" => transaction_boundary: TransactionBoundary = TransactionBoundary::Poll
                => { order_in_group: 3, width: Width::Short, display_name: "Transaction Boundary" };
            /// How often transactions end, if that depends on time; the worker's `offset.flush.interval.ms` if null.
            Low "transaction.boundary.interval.ms" => transaction_boundary_interval: Option<Duration> = None
                => { order_in_group: 4, width: Width::Short, display_name: "Transaction boundary interval" };
        }
        "offsets.topic" {
            /// The topic for the connector's offsets; the worker's if there is none.
            Low "offsets.storage.topic" => offsets_storage_topic: Option<String> = None, check::non_empty()
                => { width: Width::Long, display_name: "Offsets topic" };
        }
    }
}

config! {
    /// What every sink connector is told.
    SinkConnectorConfig, rules = sink_rules {
        with connector: ConnectorConfig {}
        "Common" {
            /// The topics to read.
            High "topics" => topics: Vec<String> = Vec::new(), check::unique()
                => { order_in_group: 4, width: Width::Long, display_name: "Topics" };
            /// A regular expression that the names of the topics to read match as a whole.
            High "topics.regex" => topics_regex: String = String::new(), check::custom("valid regex", valid_regex)
                => { order_in_group: 4, width: Width::Long, display_name: "Topics regex" };
        }
        "Error Handling" {
            /// The topic for records that cannot be handled; none if empty.
            Medium "errors.deadletterqueue.topic.name" => errors_deadletterqueue_topic_name: String = String::new()
                => { order_in_group: 6, width: Width::Medium, display_name: "Dead Letter Queue Topic Name" };
            /// How many replicas that topic gets when it is created.
            Medium "errors.deadletterqueue.topic.replication.factor" => errors_deadletterqueue_topic_replication_factor:
                i16 = 3 => { order_in_group: 7, width: Width::Medium, display_name: "Dead Letter Queue Topic Replication Factor" };
            /// Whether the records in that topic say in headers what went wrong.
            Medium "errors.deadletterqueue.context.headers.enable" => errors_deadletterqueue_context_headers_enable: bool
                = false => { order_in_group: 8, width: Width::Medium, display_name: "Enable Error Context Headers" };
        }
    }
}

config_enum! {
    /// What to do when a configuration value that comes from outside changes.
    ConfigReloadAction {
        /// Nothing.
        None => "none",
        /// Restart the connector.
        Restart => "restart",
    }
}

config_enum! {
    /// Whether a record that cannot be handled fails the task or is skipped.
    ToleranceType {
        /// It fails the task.
        None => "none",
        /// It is skipped.
        All => "all",
    }
}

config_enum! {
    /// Whether a connector must not start without exactly-once support.
    ExactlyOnceSupportLevel, ignoring case {
        /// It must not.
        Required => "required",
        /// It starts without, too.
        Requested => "requested",
    }
}

config_enum! {
    /// Where transactions of a source task end.
    TransactionBoundary, ignoring case {
        /// After some time.
        Interval => "interval",
        /// With each batch.
        Poll => "poll",
        /// Where the connector says.
        Connector => "connector",
    }
}

/// The longest name of a connector, in bytes: with what stands around it in ids of clients and groups, and in assignments,
/// it has to fit where Kafka's protocol has two bytes for a length.
const NAME_MAX: usize = 32_700;

fn valid_name(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("String may not be empty".to_owned());
    }
    if text.len() > NAME_MAX {
        return Err(format!(
            "String may not be longer than {NAME_MAX} bytes, for Kafka's protocol has no room for a longer name of a client or \
             group, but has {}",
            text.len()
        ));
    }
    let controls: Vec<String> = text
        .chars()
        .filter(|c| c.is_control())
        .map(|c| u32::from(c).to_string())
        .collect();
    if controls.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "String may not contain control sequences but had the following ASCII chars: {}",
            controls.join(", ")
        ))
    }
}

fn unique_aliases(text: &str) -> Result<(), String> {
    let aliases = Vec::<String>::parse(text, ConfigType::List)?;
    let different: BTreeSet<&String> = aliases.iter().collect();
    if different.len() == aliases.len() {
        Ok(())
    } else {
        Err("Duplicate alias provided.".to_owned())
    }
}

fn valid_regex(text: &str) -> Result<(), String> {
    whole_match(text)
        .map(drop)
        .map_err(|error| format!("Invalid regex: {}", what_is_wrong(text, &error)))
}

/// What is wrong with a pattern: for what is common in Java's words and lines, else in one line.
pub(super) fn what_is_wrong(pattern: &str, error: &regex::Error) -> String {
    let text = error.to_string();
    let line = text.lines().last().unwrap_or_default().trim();
    let line = line.strip_prefix("error: ").unwrap_or(line);
    match line {
        // Java notices both at the end, and marks where it is if that is within the pattern.
        "unclosed group" => {
            let end = pattern.chars().count();
            format!("Unclosed group near index {end}\n{pattern}")
        }
        "unclosed character class" => {
            let last = pattern.chars().count().saturating_sub(1);
            let mark = " ".repeat(last);
            format!("Unclosed character class near index {last}\n{pattern}\n{mark}^")
        }
        "unopened group" => "Unmatched closing ')'".to_owned(),
        other => other.to_owned(),
    }
}

/// A regular expression that matches `pattern` as a whole, as Kafka Connect reads `topics.regex`.
///
/// # Errors
///
/// When it is none, or uses what only Java's have.
pub fn whole_match(pattern: &str) -> Result<Regex, regex::Error> {
    // The group keeps alternatives together; the pattern is compiled alone first, lest it close the group.
    Regex::new(pattern)?;
    Regex::new(&format!("^(?:{pattern})$"))
}

impl SinkConnectorConfig {
    /// The dead letter queue's topic, if there is one.
    #[must_use]
    pub fn dead_letter_queue(&self) -> Option<&str> {
        let name = self.errors_deadletterqueue_topic_name.trim();
        (!name.is_empty()).then_some(name)
    }
}

/// The keys that rules over several keys complain about.
pub(crate) const SINK_COMPLAINT_KEYS: [&str; 2] = ["topics", "topics.regex"];

/// Complaints about several keys of a sink together, each put on every key that it is about, in Kafka's words.
pub(crate) fn sink_complaints(given: &Properties) -> Vec<(&'static str, String)> {
    let text = |key: &str| {
        given
            .get(key)
            .map(str::trim)
            .filter(|text| !text.is_empty())
    };
    let (topics, regex) = (text("topics"), text("topics.regex"));
    let both = |why: &str| {
        SINK_COMPLAINT_KEYS
            .map(|key| (key, why.to_owned()))
            .to_vec()
    };
    let mut complaints = match (topics, regex) {
        (Some(_), Some(_)) => {
            both("topics and topics.regex are mutually exclusive options, but both are set.")
        }
        (None, None) => both("Must configure one of topics or topics.regex"),
        _ => Vec::new(),
    };
    let Some(queue) = text("errors.deadletterqueue.topic.name") else {
        return complaints;
    };
    let list =
        Vec::<String>::parse(topics.unwrap_or_default(), ConfigType::List).unwrap_or_default();
    if list.iter().any(|topic| topic == queue) {
        let why = format!(
            "The DLQ topic '{queue}' may not be included in the list of topics ('topics=[{}]') consumed by the connector",
            list.join(", ")
        );
        complaints.push(("topics", why));
    }
    if let Some(regex) =
        regex.filter(|regex| whole_match(regex).is_ok_and(|regex| regex.is_match(queue)))
    {
        let why = format!(
            "The DLQ topic '{queue}' may not be matched by the regex for the topics ('topics.regex={regex}') consumed by \
             the connector"
        );
        complaints.push(("topics.regex", why));
    }
    complaints
}

/// The same for a sink that starts.
fn sink_rules(config: &SinkConnectorConfig, errors: &mut Vec<ConfigError>) {
    let given = Properties::from([
        ("topics", config.topics.join(",")),
        ("topics.regex", config.topics_regex.clone()),
        (
            "errors.deadletterqueue.topic.name",
            config.errors_deadletterqueue_topic_name.clone(),
        ),
    ]);
    let complaints = sink_complaints(&given);
    errors.extend(
        complaints
            .into_iter()
            .map(|(key, why)| ConfigError::new(key, why)),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sink(pairs: &[(&str, &str)]) -> Vec<String> {
        let mut properties: Properties = [("name", "c"), ("connector.class", "X")]
            .iter()
            .chain(pairs)
            .copied()
            .collect();
        match SinkConnectorConfig::from_properties(&mut properties) {
            Ok(_) => Vec::new(),
            Err(errors) => errors.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn a_sink_has_either_topics_or_a_regex() {
        assert!(sink(&[("topics", "a, b")]).is_empty());
        assert!(sink(&[("topics.regex", "a.*")]).is_empty());
        assert_eq!(
            sink(&[]),
            [
                "Must configure one of topics or topics.regex",
                "Must configure one of topics or topics.regex",
            ]
        );
        assert_eq!(sink(&[("topics", "a"), ("topics.regex", "b")]).len(), 2);
        for (pattern, why) in [
            ("a(", "Unclosed group near index 2\na("),
            ("a[b", "Unclosed character class near index 2\na[b\n  ^"),
            ("a)", "Unmatched closing ')'"),
        ] {
            let invalid = "Invalid value PATTERN for configuration topics.regex: Invalid regex: ";
            let said = format!("{}{why}", invalid.replace("PATTERN", pattern));
            assert_eq!(sink(&[("topics.regex", pattern)])[0], said);
        }
    }

    #[test]
    fn a_dead_letter_queue_is_not_read_by_its_own_connector() {
        let queue = ("errors.deadletterqueue.topic.name", "dlq-1");
        assert!(sink(&[("topics", "a"), queue])[..].is_empty());
        assert!(sink(&[("topics", "a,dlq-1"), queue])[0].contains("('topics=[a, dlq-1]')"));
        assert!(sink(&[("topics.regex", "dlq-.*"), queue])[0].contains("('topics.regex=dlq-.*')"));
        assert!(
            sink(&[("topics.regex", "dlq"), queue]).is_empty(),
            "a topic is matched as a whole"
        );
    }

    #[test]
    fn names_are_not_empty_and_have_no_control_characters() {
        let errors = |name: &str| {
            let mut properties = Properties::from([("name", name), ("connector.class", "X")]);
            ConnectorConfig::from_properties(&mut properties).unwrap_err()[0].to_string()
        };
        assert_eq!(
            errors(""),
            "Invalid value  for configuration name: String may not be empty"
        );
        assert!(
            errors("a\u{1}b").contains("control sequences but had the following ASCII chars: 1")
        );
        assert!(errors(&"é".repeat(16_351)).contains("32700 bytes"));
    }

    #[test]
    fn the_order_of_keys_in_their_groups_is_kafkas() {
        let order = |name| {
            let key = SinkConnectorConfig::KEYS
                .iter()
                .find(|key| key.name == name)
                .unwrap();
            (key.group, key.order_in_group)
        };
        assert_eq!(order("name"), (Some("Common"), 1));
        assert_eq!(order("tasks.max"), (Some("Common"), 4));
        assert_eq!(order("topics"), (Some("Common"), 4));
        assert_eq!(order("errors.tolerance"), (Some("Error Handling"), 3));
        assert_eq!(
            order("errors.deadletterqueue.topic.name"),
            (Some("Error Handling"), 6)
        );
    }
}
