//! The keys of a consumer: its group, what it fetches, where it begins, when it commits.

use std::time::Duration;

use kconnect_protocol::types::IsolationLevel;

use super::{CommonConfig, ConfigError, ConfigType, ConfigValue, check};
use crate::consumer::Assignor;

crate::config! {
    /// Configuration of a consumer.
    ///
    /// `key.deserializer`, `value.deserializer` and `interceptor.classes` have no counterpart: a record's key and value are
    /// bytes.
    ConsumerConfig, rules = across_keys {
        with common: CommonConfig {}
        "Group" {
            /// The group that this consumer belongs to, or whose committed offsets it uses.
            ///
            /// Without one it can only be assigned partitions by hand, and commits nothing.
            High "group.id" => group_id: Option<String> = None;
            /// Makes this consumer a static member (KIP-345): it keeps its partitions over a restart that is shorter than
            /// `session.timeout.ms`. No two processes may have the same id at a time.
            Medium "group.instance.id" => group_instance_id: Option<String> = None, check::non_empty();
            /// How members of the group find together. Only `classic` is there yet.
            High "group.protocol" => group_protocol: GroupProtocolName = GroupProtocolName::Classic;
            /// How partitions are divided, most wanted first; by name (`range`, `roundrobin`, `cooperative-sticky`) or by
            /// Java class.
            ///
            /// With `cooperative-sticky` alone, members keep consuming what they keep while the group rebalances. If any
            /// other is in the list, everybody stops first. All members need one in common.
            Medium "partition.assignment.strategy" => partition_assignment_strategy: Vec<Assignor>
                = vec![Assignor::Range, Assignor::CooperativeSticky];
            /// Without a heartbeat for so long the coordinator gives this member's partitions to others.
            High "session.timeout.ms" => session_timeout: Duration as Int = Duration::from_secs(45);
            /// The time between two heartbeats; at most a third of the session timeout is wise.
            High "heartbeat.interval.ms" => heartbeat_interval: Duration as Int = Duration::from_secs(3);
            /// The longest time between two polls: a member that is slower leaves the group, and others take over.
            Medium "max.poll.interval.ms" => max_poll_interval: Duration as Int = Duration::from_mins(5),
                check::at_least(1);
        }
        "Fetching" {
            /// The most records that one poll hands out. Fetching goes on in the background whatever this is.
            Medium "max.poll.records" => max_poll_records: u32 = 500, check::at_least(1);
            /// The bytes that are worth an answer at once.
            High "fetch.min.bytes" => fetch_min_bytes: u32 = 1;
            /// The most bytes in one answer of a broker, except that a first batch always comes whole.
            ///
            /// Of each broker at most two answers are held: this times twice the brokers bounds a consumer's memory.
            Medium "fetch.max.bytes" => fetch_max_bytes: u32 = 50 * 1024 * 1024;
            /// How long a broker waits for `fetch.min.bytes`.
            Low "fetch.max.wait.ms" => fetch_max_wait: Duration as Int = Duration::from_millis(500);
            /// The most bytes of one partition in an answer, except that a first batch always comes whole.
            High "max.partition.fetch.bytes" => max_partition_fetch_bytes: u32 = 1024 * 1024;
            /// Whether records of open and aborted transactions are handed out.
            Medium "isolation.level" => isolation_level: IsolationLevel = IsolationLevel::ReadUncommitted;
            /// Whether to hold each batch against its checksum.
            Low "check.crcs" => check_crcs: bool = true;
            /// Where this consumer is, as brokers' `broker.rack`: brokers may then let it read from a near replica (KIP-392).
            Low "client.rack" => client_rack: String = String::new();
        }
        "Position" {
            /// Where to begin without a committed offset, or when its record is gone: `latest`, `earliest`, `none` (an
            /// error), or `by_duration:` and a time such as `PT1H` or `P2D`.
            Medium "auto.offset.reset" => auto_offset_reset: AutoOffsetReset = AutoOffsetReset::Latest;
            /// Whether positions are committed from time to time, when partitions are given up, and at the end.
            ///
            /// Only what an earlier poll handed out is committed, so records of the last one come again after a crash.
            Medium "enable.auto.commit" => enable_auto_commit: bool = true;
            /// The time between two automatic commits.
            Low "auto.commit.interval.ms" => auto_commit_interval: Duration as Int = Duration::from_secs(5);
        }
        "Calls" {
            /// How long calls of the consumer wait that take no time of their own.
            Medium "default.api.timeout.ms" => default_api_timeout: Duration as Int = Duration::from_mins(1);
            /// Whether topics that do not exist are created by asking for them, if the broker allows it.
            Medium "allow.auto.create.topics" => allow_auto_create_topics: bool = true;
            /// Whether a subscription by pattern leaves out internal topics.
            Medium "exclude.internal.topics" => exclude_internal_topics: bool = true;
        }
    }
}

crate::config_enum! {
    /// How members of a group find together.
    GroupProtocolName, ignoring case {
        /// Joining, one member assigning to all, synchronizing.
        Classic => "classic",
        /// The coordinator assigns (KIP-848).
        Consumer => "consumer",
    }
}

/// Where to begin when there is no position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoOffsetReset {
    /// At the end: only records that are yet to come.
    Latest,
    /// At the beginning.
    Earliest,
    /// Nowhere: an error.
    None,
    /// At the first record that is not older than this (KIP-1106).
    ByDuration(Duration),
}

impl ConfigValue for AutoOffsetReset {
    const TYPE: ConfigType = ConfigType::String;
    const ALLOWED: &'static [&'static str] =
        &["latest", "earliest", "none", "by_duration:PnDTnHnMn.nS"];

    fn parse(text: &str, _: ConfigType) -> Result<Self, String> {
        let allowed = || {
            let names = Self::ALLOWED.join(", ");
            format!("String must be one of: {names}")
        };
        match text.trim() {
            "latest" => Ok(Self::Latest),
            "earliest" => Ok(Self::Earliest),
            "none" => Ok(Self::None),
            text => {
                let duration = text.strip_prefix("by_duration:").ok_or_else(allowed)?;
                iso_duration(duration).map(Self::ByDuration).ok_or_else(|| {
                    "by_duration needs a duration of days, hours, minutes and seconds that is not negative, such as P1DT12H"
                        .to_owned()
                })
            }
        }
    }

    fn to_text(&self) -> Option<String> {
        Some(match self {
            Self::Latest => "latest".to_owned(),
            Self::Earliest => "earliest".to_owned(),
            Self::None => "none".to_owned(),
            Self::ByDuration(duration) => format!("by_duration:PT{}S", duration.as_secs_f64()),
        })
    }
}

/// Reads `PnDTnHnMn.nS` of ISO 8601, as far as `java.time.Duration` has it and it is not negative.
fn iso_duration(text: &str) -> Option<Duration> {
    let text = text.to_ascii_uppercase();
    let text = text.strip_prefix('P')?;
    let (days, times) = text
        .split_once('T')
        .map_or((text, None), |(days, times)| (days, Some(times)));
    let mut total = Duration::ZERO;
    let mut any = false;
    let mut parts = |text: &str, units: &[(char, u64)]| {
        let mut rest = text;
        for &(unit, seconds) in units {
            if let Some((number, after)) = rest.split_once(unit) {
                total = total.checked_add(
                    amount(number, unit == 'S')?.checked_mul(u32::try_from(seconds).ok()?)?,
                )?;
                any = true;
                rest = after;
            }
        }
        rest.is_empty().then_some(())
    };
    parts(days, &[('D', 86_400)])?;
    match times {
        Some("") => return None,
        Some(times) => parts(times, &[('H', 3600), ('M', 60), ('S', 1)])?,
        None => {}
    }
    any.then_some(total)
}

/// So many seconds; a fraction is read where there may be one.
fn amount(number: &str, with_fraction: bool) -> Option<Duration> {
    let (whole, fraction) = number.split_once(['.', ',']).unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole)
        || !digits(fraction)
        || fraction.len() > 9
        || (!with_fraction && number != whole)
    {
        return None;
    }
    let nanos = if fraction.is_empty() {
        0
    } else {
        format!("{fraction:0<9}").parse().ok()?
    };
    Some(Duration::new(whole.parse().ok()?, nanos))
}

impl ConfigValue for IsolationLevel {
    const TYPE: ConfigType = ConfigType::String;
    const ALLOWED: &'static [&'static str] = &["read_committed", "read_uncommitted"];

    fn parse(text: &str, _: ConfigType) -> Result<Self, String> {
        let names = [
            ("read_committed", Self::ReadCommitted),
            ("read_uncommitted", Self::ReadUncommitted),
        ];
        super::parse_enum(text, false, Self::ALLOWED, &names)
    }

    fn to_text(&self) -> Option<String> {
        let name = match self {
            Self::ReadCommitted => "read_committed",
            Self::ReadUncommitted => "read_uncommitted",
        };
        Some(name.to_owned())
    }
}

impl ConfigValue for Vec<Assignor> {
    const TYPE: ConfigType = ConfigType::List;

    fn parse(text: &str, config_type: ConfigType) -> Result<Self, String> {
        let names = Vec::<String>::parse(text, config_type)?;
        let assignor = |name: String| {
            Assignor::from_name(&name).ok_or_else(|| {
                let known = Assignor::ALL.map(Assignor::name).join(", ");
                format!("{name} is not known; those that are: {known}, or their Java classes")
            })
        };
        names.into_iter().map(assignor).collect()
    }

    fn to_text(&self) -> Option<String> {
        let names: Vec<_> = self.iter().map(|assignor| assignor.class_name()).collect();
        Some(names.join(","))
    }
}

impl ConsumerConfig {
    /// Defaults, for the cluster that `bootstrap_servers` (one or more `host:port`, separated by commas) belong to.
    pub fn new(bootstrap_servers: &str) -> Self {
        Self {
            common: CommonConfig::new(bootstrap_servers),
            ..Self::default()
        }
    }

    /// Checks the rules over several keys, for a configuration that was assigned field by field.
    ///
    /// # Errors
    ///
    /// Every rule that is broken.
    pub fn validate(&self) -> Result<(), Vec<ConfigError>> {
        let mut errors = Vec::new();
        across_keys(self, &mut errors);
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }

    /// The group, unless its name is empty: that is no group.
    pub fn group(&self) -> Option<&str> {
        self.group_id.as_deref().filter(|group| !group.is_empty())
    }
}

fn across_keys(config: &ConsumerConfig, errors: &mut Vec<ConfigError>) {
    if config.group_protocol == GroupProtocolName::Consumer {
        errors.push(ConfigError::new(
            "group.protocol",
            "group.protocol=consumer (KIP-848) is not there yet: use classic",
        ));
    }
    if config.heartbeat_interval >= config.session_timeout {
        errors.push(ConfigError::new(
            "heartbeat.interval.ms",
            "heartbeat.interval.ms must be set lower than session.timeout.ms",
        ));
    }
    if config.partition_assignment_strategy.is_empty() && config.group().is_some() {
        errors.push(ConfigError::new(
            "partition.assignment.strategy",
            "partition.assignment.strategy must name at least one assignor",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::super::Properties;
    use super::*;

    fn read<const N: usize>(keys: [(&str, &str); N]) -> Result<ConsumerConfig, Vec<String>> {
        let mut properties = Properties::from(keys);
        properties.set("bootstrap.servers", "127.0.0.1:9092");
        ConsumerConfig::from_properties(&mut properties)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    /// Name, type, importance and default of each key in Kafka 4.3's consumer.
    const KAFKA: &str = "
group.id STRING HIGH null
group.instance.id STRING MEDIUM null
group.protocol STRING HIGH classic
partition.assignment.strategy LIST MEDIUM org.apache.kafka.clients.consumer.RangeAssignor,org.apache.kafka.clients.consumer.CooperativeStickyAssignor
session.timeout.ms INT HIGH 45000
heartbeat.interval.ms INT HIGH 3000
max.poll.interval.ms INT MEDIUM 300000
max.poll.records INT MEDIUM 500
fetch.min.bytes INT HIGH 1
fetch.max.bytes INT MEDIUM 52428800
fetch.max.wait.ms INT LOW 500
max.partition.fetch.bytes INT HIGH 1048576
isolation.level STRING MEDIUM read_uncommitted
check.crcs BOOLEAN LOW true
client.rack STRING LOW
auto.offset.reset STRING MEDIUM latest
enable.auto.commit BOOLEAN MEDIUM true
auto.commit.interval.ms INT LOW 5000
default.api.timeout.ms INT MEDIUM 60000
allow.auto.create.topics BOOLEAN MEDIUM true
exclude.internal.topics BOOLEAN MEDIUM true";

    #[test]
    fn names_types_importance_and_defaults_are_kafkas() {
        let line = |key: &super::super::ConfigKey| {
            let importance = format!("{:?}", key.importance).to_uppercase();
            let default = key.default_value().unwrap_or_else(|| "null".to_owned());
            format!(
                "{} {} {importance} {default}",
                key.name,
                key.config_type.name()
            )
            .trim_end()
            .to_owned()
        };
        let ours: Vec<_> = ConsumerConfig::KEYS[CommonConfig::KEYS.len()..]
            .iter()
            .map(line)
            .collect();
        assert_eq!(ours.join("\n"), KAFKA.trim());
        for key in ConsumerConfig::KEYS {
            if let Some(default) = key.default_value() {
                assert_eq!(key.check(&default), Ok(()), "{}", key.name);
            }
        }
    }

    #[test]
    fn assignors_go_by_name_and_by_java_class() {
        let strategy = "cooperative-sticky, org.apache.kafka.clients.consumer.RangeAssignor";
        let config = read([("partition.assignment.strategy", strategy)]).unwrap();
        assert_eq!(
            config.partition_assignment_strategy,
            [Assignor::CooperativeSticky, Assignor::Range]
        );
        let errors = read([("partition.assignment.strategy", "mine")]).unwrap_err();
        assert!(errors[0].contains("mine is not known"), "{errors:?}");
    }

    #[test]
    fn offsets_are_reset_by_name_or_by_duration() {
        let reset = |text: &str| AutoOffsetReset::parse(text, ConfigType::String);
        let by = |seconds| Ok(AutoOffsetReset::ByDuration(Duration::from_secs(seconds)));
        assert_eq!(reset(" earliest "), Ok(AutoOffsetReset::Earliest));
        assert_eq!(reset("by_duration:PT1H"), by(3600));
        assert_eq!(reset("by_duration:P2DT1H3M4S"), by(2 * 86_400 + 3600 + 184));
        assert_eq!(reset("by_duration:P1D"), by(86_400));
        assert_eq!(
            reset("by_duration:PT0.5S"),
            Ok(AutoOffsetReset::ByDuration(Duration::from_millis(500)))
        );
        for wrong in [
            "by_duration:P",
            "by_duration:PT",
            "by_duration:1H",
            "by_duration:-PT1H",
            "by_duration:PT-1H",
            "by_duration:PT1H1D",
            "by_duration:P99999999999999999999D",
        ] {
            assert!(
                reset(wrong).unwrap_err().starts_with("by_duration needs"),
                "{wrong}"
            );
        }
        assert!(
            reset("sooner")
                .unwrap_err()
                .contains("latest, earliest, none")
        );
        let text = AutoOffsetReset::ByDuration(Duration::from_millis(1500))
            .to_text()
            .unwrap();
        assert_eq!(
            reset(&text),
            Ok(AutoOffsetReset::ByDuration(Duration::from_millis(1500)))
        );
    }

    #[test]
    fn rules_over_several_keys_are_complained_about_together() {
        let errors = read([
            ("group.id", "g"),
            ("group.protocol", "CONSUMER"),
            ("session.timeout.ms", "3000"),
            ("partition.assignment.strategy", ""),
        ])
        .unwrap_err();
        assert_eq!(errors.len(), 3, "{errors:?}");
        assert_eq!(read([("group.id", "")]).unwrap().group(), None);
    }
}
