//! What the leader answers to a producer.

use super::{FIRST_WITH_TOPIC_IDS, VERSIONS};
use crate::api::{ApiKey, VersionRange};
use crate::error::{DecodeError, EncodeError};
use crate::error_code::ErrorCode;
use crate::messages::{CurrentLeader, Message, NodeEndpoint};
use crate::types::{StrBytes, Uuid};
use crate::wire::{Reader, Writer};

/// What became of each batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProduceResponse {
    /// What became of each batch, by topic.
    pub topics: Vec<ProduceTopicResponse>,
    /// How long the broker asks to be left alone because of a quota, in milliseconds.
    pub throttle_time_ms: i32,
    /// Where the leaders named in this answer can be reached, from version 10.
    pub node_endpoints: Vec<NodeEndpoint>,
}

/// What became of the batches for one topic.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProduceTopicResponse {
    /// The topic's name, up to version 12.
    pub name: StrBytes,
    /// The topic's id, from version 13.
    pub topic_id: Uuid,
    /// What became of each batch, by partition.
    pub partitions: Vec<ProducePartitionResponse>,
}

/// What became of the batch for one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducePartitionResponse {
    /// The partition's number.
    pub index: i32,
    /// Whether the batch was written.
    pub error_code: ErrorCode,
    /// The offset of the batch's first record; -1 if it was not written.
    pub base_offset: i64,
    /// The time that the broker gave the records, in milliseconds since 1970; -1 if the topic
    /// keeps the times of the producer.
    pub log_append_time_ms: i64,
    /// The first offset of the log, from version 5; -1 if it is not known.
    pub log_start_offset: i64,
    /// The records that made the broker refuse the batch, from version 8.
    pub record_errors: Vec<RecordError>,
    /// Why the batch was refused, from version 8.
    pub error_message: Option<StrBytes>,
    /// Who leads the partition if this broker does not, from version 10.
    pub current_leader: Option<CurrentLeader>,
}

impl Default for ProducePartitionResponse {
    fn default() -> Self {
        Self {
            index: 0,
            error_code: ErrorCode::None,
            base_offset: -1,
            log_append_time_ms: -1,
            log_start_offset: -1,
            record_errors: Vec::new(),
            error_message: None,
            current_leader: None,
        }
    }
}

/// A record that made the broker refuse its batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordError {
    /// The record's place in the batch, from 0.
    pub batch_index: i32,
    /// What is wrong with it.
    pub message: Option<StrBytes>,
}

impl Message for ProduceResponse {
    const API: ApiKey = ApiKey::PRODUCE;
    const NAME: &'static str = "ProduceResponse";
    const VERSIONS: VersionRange = VERSIONS;

    fn read(r: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        let mut response = Self {
            topics: r.vec("ProduceResponse.topics", 2, |r| {
                ProduceTopicResponse::read(r, version)
            })?,
            throttle_time_ms: r.i32("ProduceResponse.throttle_time_ms")?,
            node_endpoints: Vec::new(),
        };
        r.tags("ProduceResponse.tagged_fields", |tag, r| {
            if version >= 10 && tag == 0 {
                response.node_endpoints =
                    NodeEndpoint::read_all(r, "ProduceResponse.node_endpoints")?;
            }
            Ok(())
        })?;
        Ok(response)
    }

    fn write(&self, w: &mut Writer<'_>, version: i16) -> Result<(), EncodeError> {
        w.array("ProduceResponse.topics", &self.topics, |w, topic| {
            topic.write(w, version)
        })?;
        w.i32(self.throttle_time_ms);
        if version < 10 || self.node_endpoints.is_empty() {
            w.no_tags();
            return Ok(());
        }
        w.tag_count(1);
        w.tag("ProduceResponse.node_endpoints", 0, |w| {
            NodeEndpoint::write_all(w, "ProduceResponse.node_endpoints", &self.node_endpoints)
        })
    }
}

impl ProduceTopicResponse {
    fn read(r: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        let mut topic = Self::default();
        if version >= FIRST_WITH_TOPIC_IDS {
            topic.topic_id = r.uuid("ProduceResponse.topics.topic_id")?;
        } else {
            topic.name = r.string("ProduceResponse.topics.name")?;
        }
        topic.partitions = r.vec("ProduceResponse.topics.partitions", 22, |r| {
            ProducePartitionResponse::read(r, version)
        })?;
        r.skip_tags("ProduceResponse.topics.tagged_fields")?;
        Ok(topic)
    }

    fn write(&self, w: &mut Writer<'_>, version: i16) -> Result<(), EncodeError> {
        if version >= FIRST_WITH_TOPIC_IDS {
            w.uuid(self.topic_id);
        } else {
            w.string("ProduceResponse.topics.name", &self.name)?;
        }
        w.array(
            "ProduceResponse.topics.partitions",
            &self.partitions,
            |w, partition| partition.write(w, version),
        )?;
        w.no_tags();
        Ok(())
    }
}

impl ProducePartitionResponse {
    fn read(r: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        let mut partition = Self {
            index: r.i32("ProduceResponse.topics.partitions.index")?,
            error_code: ErrorCode(r.i16("ProduceResponse.topics.partitions.error_code")?),
            base_offset: r.i64("ProduceResponse.topics.partitions.base_offset")?,
            log_append_time_ms: r.i64("ProduceResponse.topics.partitions.log_append_time_ms")?,
            ..Self::default()
        };
        if version >= 5 {
            partition.log_start_offset =
                r.i64("ProduceResponse.topics.partitions.log_start_offset")?;
        }
        if version >= 8 {
            partition.record_errors = r.vec(
                "ProduceResponse.topics.partitions.record_errors",
                4 + 1,
                RecordError::read,
            )?;
            partition.error_message =
                r.nullable_string("ProduceResponse.topics.partitions.error_message")?;
        }
        r.tags(
            "ProduceResponse.topics.partitions.tagged_fields",
            |tag, r| {
                if version >= 10 && tag == 0 {
                    partition.current_leader = Some(CurrentLeader::read(
                        r,
                        "ProduceResponse.topics.partitions.current_leader",
                    )?);
                }
                Ok(())
            },
        )?;
        Ok(partition)
    }

    fn write(&self, w: &mut Writer<'_>, version: i16) -> Result<(), EncodeError> {
        w.i32(self.index);
        w.i16(self.error_code.0);
        w.i64(self.base_offset);
        w.i64(self.log_append_time_ms);
        if version >= 5 {
            w.i64(self.log_start_offset);
        }
        if version >= 8 {
            w.array(
                "ProduceResponse.topics.partitions.record_errors",
                &self.record_errors,
                |w, error| error.write(w),
            )?;
            w.nullable_string(
                "ProduceResponse.topics.partitions.error_message",
                self.error_message.as_deref(),
            )?;
        }
        let Some(leader) = self.current_leader.filter(|_| version >= 10) else {
            w.no_tags();
            return Ok(());
        };
        w.tag_count(1);
        w.tag("ProduceResponse.topics.partitions.current_leader", 0, |w| {
            leader.write(w);
            Ok(())
        })
    }
}

impl RecordError {
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let error = Self {
            batch_index: r.i32("ProduceResponse.topics.partitions.record_errors.batch_index")?,
            message: r
                .nullable_string("ProduceResponse.topics.partitions.record_errors.message")?,
        };
        r.skip_tags("ProduceResponse.topics.partitions.record_errors.tagged_fields")?;
        Ok(error)
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        w.i32(self.batch_index);
        w.nullable_string(
            "ProduceResponse.topics.partitions.record_errors.message",
            self.message.as_deref(),
        )?;
        w.no_tags();
        Ok(())
    }
}
