//! Every key of a topic in Kafka 4.3, and the few that this broker acts on.

use super::key::{ConfigKey, ConfigType, Valid, items};
use super::{Overrides, find};

/// The settings of a topic that change what the broker does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicSettings {
    /// `max.message.bytes`
    pub max_message_bytes: usize,
    /// `segment.bytes`
    pub segment_bytes: usize,
    /// `retention.ms`; `None` for no limit.
    pub retention_millis: Option<i64>,
    /// `retention.bytes` of one partition; `None` for no limit.
    pub retention_bytes: Option<u64>,
    /// `cleanup.policy` has `delete`.
    pub deletes: bool,
    /// `cleanup.policy` has `compact`. Nothing is compacted, but keys are asked for.
    pub compacts: bool,
    /// `message.timestamp.type=LogAppendTime`
    pub log_append_time: bool,
    /// `min.insync.replicas`
    pub min_insync_replicas: i64,
    /// `message.timestamp.before.max.ms`
    pub timestamp_before_max: i64,
    /// `message.timestamp.after.max.ms`
    pub timestamp_after_max: i64,
}

impl TopicSettings {
    /// Reads the settings out of values that were checked.
    pub(crate) fn new(overrides: &Overrides) -> Self {
        let text = |name: &str| {
            let default = || find(TOPIC_KEYS, name).map_or("", |key| key.default);
            overrides.get(name).map_or_else(default, String::as_str)
        };
        let number = |name: &str| text(name).trim().parse::<i64>().unwrap_or(-1);
        let size = |name: &str| usize::try_from(number(name)).unwrap_or(usize::MAX);
        let policy = text("cleanup.policy");
        Self {
            max_message_bytes: size("max.message.bytes"),
            segment_bytes: size("segment.bytes"),
            retention_millis: Some(number("retention.ms")).filter(|ms| *ms >= 0),
            retention_bytes: u64::try_from(number("retention.bytes")).ok(),
            deletes: items(policy).any(|p| p == "delete"),
            compacts: items(policy).any(|p| p == "compact"),
            log_append_time: text("message.timestamp.type") == "LogAppendTime",
            min_insync_replicas: number("min.insync.replicas"),
            timestamp_before_max: number("message.timestamp.before.max.ms"),
            timestamp_after_max: number("message.timestamp.after.max.ms"),
        }
    }
}

impl Default for TopicSettings {
    fn default() -> Self {
        Self::new(&Overrides::new())
    }
}

const CODECS: &[&str] = &["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"];
const FOREVER: &str = "9223372036854775807";

macro_rules! keys {
    ($($name:literal $kind:ident = $default:expr, $valid:expr, $synonym:expr, $doc:literal;)*) => {
        &[$(ConfigKey {
            name: $name,
            kind: ConfigType::$kind,
            default: $default,
            synonym: $synonym,
            valid: $valid,
            documentation: $doc,
        },)*]
    };
}

/// The keys of a topic, sorted by name; defaults and synonyms as Kafka 4.3 shows them.
pub(crate) const TOPIC_KEYS: &[ConfigKey] = keys! {
    "cleanup.policy" List = "delete", Valid::SomeOf(&["compact", "delete"]), Some("log.cleanup.policy"),
        "What happens to old records: delete them, or compact them by key. This broker only deletes.";
    "compression.gzip.level" Int = "-1", Valid::AtLeast(-1), Some("compression.gzip.level"),
        "The level of gzip when the broker compresses.";
    "compression.lz4.level" Int = "9", Valid::AtLeast(1), Some("compression.lz4.level"),
        "The level of lz4 when the broker compresses.";
    "compression.type" String = "producer", Valid::OneOf(CODECS), Some("compression.type"),
        "How records are compressed at rest. This broker keeps batches as the producer compressed them.";
    "compression.zstd.level" Int = "3", Valid::AtLeast(-131_072), Some("compression.zstd.level"),
        "The level of zstd when the broker compresses.";
    "delete.retention.ms" Long = "86400000", Valid::AtLeast(0), Some("log.cleaner.delete.retention.ms"),
        "How long compaction keeps tombstones.";
    "file.delete.delay.ms" Long = "60000", Valid::AtLeast(0), Some("log.segment.delete.delay.ms"),
        "How long a removed segment's file stays.";
    "flush.messages" Long = FOREVER, Valid::AtLeast(1), Some("log.flush.interval.messages"),
        "After how many records the log is brought to the disk.";
    "flush.ms" Long = FOREVER, Valid::AtLeast(0), None,
        "After how long the log is brought to the disk.";
    "follower.replication.throttled.replicas" List = "", Valid::Any, None,
        "Replicas whose replication is throttled on the follower's side.";
    "index.interval.bytes" Int = "4096", Valid::AtLeast(0), Some("log.index.interval.bytes"),
        "How many bytes lie between entries of the offset index.";
    "leader.replication.throttled.replicas" List = "", Valid::Any, None,
        "Replicas whose replication is throttled on the leader's side.";
    "local.retention.bytes" Long = "-2", Valid::AtLeast(-2), Some("log.local.retention.bytes"),
        "How many bytes stay on the broker with tiered storage.";
    "local.retention.ms" Long = "-2", Valid::AtLeast(-2), Some("log.local.retention.ms"),
        "How long records stay on the broker with tiered storage.";
    "max.compaction.lag.ms" Long = FOREVER, Valid::AtLeast(1), Some("log.cleaner.max.compaction.lag.ms"),
        "How long a record may wait for compaction.";
    "max.message.bytes" Int = "1048588", Valid::AtLeast(0), Some("message.max.bytes"),
        "The largest batch that is taken, in bytes.";
    "message.timestamp.after.max.ms" Long = "3600000", Valid::AtLeast(0), Some("log.message.timestamp.after.max.ms"),
        "How far a record's timestamp may be ahead of the broker's clock.";
    "message.timestamp.before.max.ms" Long = FOREVER, Valid::AtLeast(0), Some("log.message.timestamp.before.max.ms"),
        "How far a record's timestamp may be behind the broker's clock.";
    "message.timestamp.type" String = "CreateTime", Valid::OneOf(&["CreateTime", "LogAppendTime"]), Some("log.message.timestamp.type"),
        "Who sets the timestamp of a record: the producer, or the broker when it appends.";
    "min.cleanable.dirty.ratio" Double = "0.5", Valid::Share, Some("log.cleaner.min.cleanable.ratio"),
        "Which share of a log must be uncompacted before it is compacted.";
    "min.compaction.lag.ms" Long = "0", Valid::AtLeast(0), Some("log.cleaner.min.compaction.lag.ms"),
        "How long a record is safe from compaction.";
    "min.insync.replicas" Int = "1", Valid::AtLeast(1), Some("min.insync.replicas"),
        "How many replicas must have a batch for acks=all.";
    "preallocate" Boolean = "false", Valid::Any, Some("log.preallocate"),
        "Whether a segment's file gets its full size at once.";
    "remote.log.copy.disable" Boolean = "false", Valid::Any, None,
        "Whether tiered storage takes nothing new.";
    "remote.log.delete.on.disable" Boolean = "false", Valid::Any, None,
        "Whether tiered data goes when tiered storage is turned off.";
    "remote.storage.enable" Boolean = "false", Valid::Any, None,
        "Whether tiered storage is used. This broker has none.";
    "retention.bytes" Long = "-1", Valid::AtLeast(-1), Some("log.retention.bytes"),
        "How many bytes a partition keeps before its oldest segments go; -1 for no limit.";
    "retention.ms" Long = "604800000", Valid::AtLeast(-1), None,
        "How long records are kept before their segments go; -1 for ever.";
    "segment.bytes" Int = "1073741824", Valid::AtLeast(1_048_576), Some("log.segment.bytes"),
        "The size at which a segment is closed. This broker's segments have 16 MiB at most.";
    "segment.index.bytes" Int = "10485760", Valid::AtLeast(4), Some("log.index.size.max.bytes"),
        "The size of the offset index.";
    "segment.jitter.ms" Long = "0", Valid::AtLeast(0), None,
        "By how much the age at which segments are closed varies.";
    "segment.ms" Long = "604800000", Valid::AtLeast(1), None,
        "The age at which a segment is closed.";
    "unclean.leader.election.enable" Boolean = "false", Valid::Any, Some("unclean.leader.election.enable"),
        "Whether a replica that lags may become leader.";
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_for_the_search() {
        assert!(TOPIC_KEYS.is_sorted_by_key(|key| key.name));
    }

    #[test]
    fn defaults_are_those_of_kafka() {
        let settings = TopicSettings::default();
        assert_eq!(settings.max_message_bytes, 1_048_588);
        assert_eq!(settings.retention_millis, Some(604_800_000));
        assert_eq!(settings.retention_bytes, None);
        assert!(settings.deletes && !settings.compacts && !settings.log_append_time);
    }

    #[test]
    fn what_was_set_wins() {
        let overrides = [
            ("cleanup.policy", "compact, delete"),
            ("retention.ms", "-1"),
            ("retention.bytes", "1000"),
            ("message.timestamp.type", "LogAppendTime"),
        ];
        let overrides = overrides.map(|(k, v)| (k.to_owned(), v.to_owned()));
        let settings = TopicSettings::new(&Overrides::from(overrides));
        assert!(settings.deletes && settings.compacts && settings.log_append_time);
        assert_eq!(settings.retention_millis, None);
        assert_eq!(settings.retention_bytes, Some(1_000));
    }
}
