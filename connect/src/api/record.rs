//! Records on their way from a source to Kafka, and from Kafka to a sink.

use std::sync::Arc;

use kconnect_protocol::records::TimestampType;

use super::{SourceOffset, SourcePartition};
use crate::data::{Headers, Schema, Value};

/// A record that a source hands to the worker.
///
/// Everything in it is shared or small: a record of a line of text needs no memory but its slice.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SourceRecord {
    /// What it was read from; none for sources that have nothing to resume.
    pub source_partition: Option<SourcePartition>,
    /// How far the source had read with it.
    pub source_offset: Option<SourceOffset>,
    /// The topic to write to.
    pub topic: Arc<str>,
    /// The partition to write to; none leaves it to the producer.
    pub kafka_partition: Option<i32>,
    /// The key's schema.
    pub key_schema: Option<Schema>,
    /// The key.
    pub key: Value,
    /// The value's schema.
    pub value_schema: Option<Schema>,
    /// The value.
    pub value: Value,
    /// Milliseconds since 1970; none leaves it to the producer.
    pub timestamp: Option<i64>,
    /// The headers.
    pub headers: Headers,
}

impl SourceRecord {
    /// A record without key, timestamp and headers; set what else it has on its fields.
    pub fn new(
        source_partition: Option<SourcePartition>,
        source_offset: Option<SourceOffset>,
        topic: Arc<str>,
        value_schema: Option<Schema>,
        value: impl Into<Value>,
    ) -> Self {
        Self {
            source_partition,
            source_offset,
            topic,
            kafka_partition: None,
            key_schema: None,
            key: Value::Null,
            value_schema,
            value: value.into(),
            timestamp: None,
            headers: Headers::new(),
        }
    }
}

/// A record that the worker hands to a sink.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SinkRecord {
    /// The topic, as transformations left it.
    pub topic: Arc<str>,
    /// The partition, as transformations left it.
    pub kafka_partition: i32,
    /// The offset in the partition that it was read from.
    pub kafka_offset: i64,
    /// The key's schema.
    pub key_schema: Option<Schema>,
    /// The key.
    pub key: Value,
    /// The value's schema.
    pub value_schema: Option<Schema>,
    /// The value; null for a tombstone.
    pub value: Value,
    /// Milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// What the timestamp means.
    pub timestamp_type: TimestampType,
    /// The headers.
    pub headers: Headers,
    /// Where it was read from, when a transformation changed topic or partition (KIP-793).
    origin: Option<Box<(Arc<str>, i32)>>,
}

impl SinkRecord {
    /// A record without key, timestamp and headers; set what else it has on its fields.
    pub fn new(
        topic: Arc<str>,
        kafka_partition: i32,
        kafka_offset: i64,
        value_schema: Option<Schema>,
        value: impl Into<Value>,
    ) -> Self {
        Self {
            topic,
            kafka_partition,
            kafka_offset,
            key_schema: None,
            key: Value::Null,
            value_schema,
            value: value.into(),
            timestamp: None,
            timestamp_type: TimestampType::NoTimestampType,
            headers: Headers::new(),
            origin: None,
        }
    }

    /// The topic that it was read from, whatever transformations did: what offsets are about.
    #[must_use]
    pub fn original_topic(&self) -> &Arc<str> {
        self.origin.as_ref().map_or(&self.topic, |origin| &origin.0)
    }

    /// The partition that it was read from.
    #[must_use]
    pub fn original_kafka_partition(&self) -> i32 {
        self.origin
            .as_ref()
            .map_or(self.kafka_partition, |origin| origin.1)
    }

    /// The offset that it was read from.
    #[must_use]
    pub fn original_kafka_offset(&self) -> i64 {
        self.kafka_offset
    }

    /// Sends it on under another topic and partition; where it was read from stays known.
    pub fn reroute(&mut self, topic: Arc<str>, kafka_partition: i32) {
        if self.origin.is_none() {
            self.origin = Some(Box::new((self.topic.clone(), self.kafka_partition)));
        }
        self.topic = topic;
        self.kafka_partition = kafka_partition;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_stay_small_enough_to_move_in_batches() {
        assert!(
            size_of::<SourceRecord>() <= 256,
            "{}",
            size_of::<SourceRecord>()
        );
        assert!(
            size_of::<SinkRecord>() <= 192,
            "{}",
            size_of::<SinkRecord>()
        );
    }

    #[test]
    fn a_rerouted_record_knows_where_it_was_read() {
        let mut record = SinkRecord::new("a".into(), 1, 7, None, "x");
        record.reroute("b".into(), 2);
        record.reroute("c".into(), 3);
        assert_eq!((&*record.topic, record.kafka_partition), ("c", 3));
        assert_eq!(
            (
                &**record.original_topic(),
                record.original_kafka_partition()
            ),
            ("a", 1)
        );
    }
}
