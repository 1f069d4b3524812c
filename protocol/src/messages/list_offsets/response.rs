//! The offsets that were asked for.

use super::VERSIONS;
use crate::api::{ApiKey, VersionRange};
use crate::error::{DecodeError, EncodeError};
use crate::error_code::ErrorCode;
use crate::messages::Message;
use crate::types::{LeaderEpoch, StrBytes};
use crate::wire::{Reader, Writer};

/// Offsets of partitions that the broker leads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListOffsetsResponse {
    /// How long the broker asks to be left alone because of a quota, in milliseconds, from
    /// version 2.
    pub throttle_time_ms: i32,
    /// The offsets by topic.
    pub topics: Vec<ListOffsetsTopicResponse>,
}

/// The offsets of one topic.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListOffsetsTopicResponse {
    /// The topic's name.
    pub name: StrBytes,
    /// The offsets by partition.
    pub partitions: Vec<ListOffsetsPartitionResponse>,
}

/// The offset of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListOffsetsPartitionResponse {
    /// The partition's number.
    pub partition_index: i32,
    /// Whether there is an answer.
    pub error_code: ErrorCode,
    /// The time of the record at the offset, in milliseconds since 1970; -1 if a place in the log
    /// was asked for, or there is no such record.
    pub timestamp: i64,
    /// The offset; -1 if there is no such record.
    pub offset: i64,
    /// The epoch of the leader that wrote the record, from version 4.
    pub leader_epoch: Option<LeaderEpoch>,
}

impl Default for ListOffsetsPartitionResponse {
    fn default() -> Self {
        Self {
            partition_index: 0,
            error_code: ErrorCode::None,
            timestamp: -1,
            offset: -1,
            leader_epoch: None,
        }
    }
}

impl Message for ListOffsetsResponse {
    const API: ApiKey = ApiKey::LIST_OFFSETS;
    const NAME: &'static str = "ListOffsetsResponse";
    const VERSIONS: VersionRange = VERSIONS;

    fn read(r: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        let mut response = Self::default();
        if version >= 2 {
            response.throttle_time_ms = r.i32("ListOffsetsResponse.throttle_time_ms")?;
        }
        response.topics = r.vec("ListOffsetsResponse.topics", 2, |r| {
            ListOffsetsTopicResponse::read(r, version)
        })?;
        r.skip_tags("ListOffsetsResponse.tagged_fields")?;
        Ok(response)
    }

    fn write(&self, w: &mut Writer<'_>, version: i16) -> Result<(), EncodeError> {
        if version >= 2 {
            w.i32(self.throttle_time_ms);
        }
        w.array("ListOffsetsResponse.topics", &self.topics, |w, topic| {
            topic.write(w, version)
        })?;
        w.no_tags();
        Ok(())
    }
}

impl ListOffsetsTopicResponse {
    fn read(r: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        let topic = Self {
            name: r.string("ListOffsetsResponse.topics.name")?,
            partitions: r.vec("ListOffsetsResponse.topics.partitions", 22, |r| {
                ListOffsetsPartitionResponse::read(r, version)
            })?,
        };
        r.skip_tags("ListOffsetsResponse.topics.tagged_fields")?;
        Ok(topic)
    }

    fn write(&self, w: &mut Writer<'_>, version: i16) -> Result<(), EncodeError> {
        w.string("ListOffsetsResponse.topics.name", &self.name)?;
        w.array(
            "ListOffsetsResponse.topics.partitions",
            &self.partitions,
            |w, partition| {
                partition.write(w, version);
                Ok(())
            },
        )?;
        w.no_tags();
        Ok(())
    }
}

impl ListOffsetsPartitionResponse {
    fn read(r: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        let mut partition = Self {
            partition_index: r.i32("ListOffsetsResponse.topics.partitions.partition_index")?,
            error_code: ErrorCode(r.i16("ListOffsetsResponse.topics.partitions.error_code")?),
            timestamp: r.i64("ListOffsetsResponse.topics.partitions.timestamp")?,
            offset: r.i64("ListOffsetsResponse.topics.partitions.offset")?,
            leader_epoch: None,
        };
        if version >= 4 {
            partition.leader_epoch = LeaderEpoch::from_wire(
                r.i32("ListOffsetsResponse.topics.partitions.leader_epoch")?,
            );
        }
        r.skip_tags("ListOffsetsResponse.topics.partitions.tagged_fields")?;
        Ok(partition)
    }

    fn write(&self, w: &mut Writer<'_>, version: i16) {
        w.i32(self.partition_index);
        w.i16(self.error_code.0);
        w.i64(self.timestamp);
        w.i64(self.offset);
        if version >= 4 {
            w.i32(LeaderEpoch::to_wire(self.leader_epoch));
        }
        w.no_tags();
    }
}
