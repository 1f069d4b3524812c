//! Which offsets are asked for.

use super::{ListOffsetsResponse, VERSIONS};
use crate::api::{ApiKey, VersionRange};
use crate::error::{DecodeError, DecodeReason, EncodeError, EncodeReason};
use crate::messages::{Message, Request};
use crate::types::{IsolationLevel, LeaderEpoch, StrBytes};
use crate::wire::{Reader, Writer};

/// Times that ask for a place in the log instead of a time.
pub mod timestamp {
    /// The offset that the next record will get.
    pub const LATEST: i64 = -1;
    /// The first offset that can be read.
    pub const EARLIEST: i64 = -2;
    /// The record with the largest timestamp (KIP-734, from version 7).
    pub const MAX: i64 = -3;
    /// The first offset on the broker's own disk (KIP-405, from version 8).
    pub const EARLIEST_LOCAL: i64 = -4;
    /// The last offset in tiered storage (KIP-1005, from version 9).
    pub const LATEST_TIERED: i64 = -5;
    /// The first offset that is not in tiered storage yet (KIP-1023, from version 11).
    pub const EARLIEST_PENDING_UPLOAD: i64 = -6;

    /// The first version of ListOffsets that knows this timestamp; `None` if none does.
    #[must_use]
    pub const fn first_version(timestamp: i64) -> Option<i16> {
        match timestamp {
            EARLIEST | LATEST | 0.. => Some(1),
            MAX => Some(7),
            EARLIEST_LOCAL => Some(8),
            LATEST_TIERED => Some(9),
            EARLIEST_PENDING_UPLOAD => Some(11),
            _ => None,
        }
    }
}

/// Asks for offsets of partitions that one broker leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListOffsetsRequest {
    /// -1 for a client; a broker's id when it asks as a follower.
    pub replica_id: i32,
    /// Whether the latest offset is that of the last stable record, from version 2.
    pub isolation_level: IsolationLevel,
    /// The partitions by topic.
    pub topics: Vec<ListOffsetsTopic>,
    /// How long the broker may take to ask tiered storage, in milliseconds, from version 10.
    pub timeout_ms: i32,
}

impl Default for ListOffsetsRequest {
    fn default() -> Self {
        Self {
            replica_id: -1,
            isolation_level: IsolationLevel::ReadUncommitted,
            topics: Vec::new(),
            timeout_ms: 0,
        }
    }
}

/// The partitions of one topic.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListOffsetsTopic {
    /// The topic's name.
    pub name: StrBytes,
    /// What is asked for, by partition.
    pub partitions: Vec<ListOffsetsPartition>,
}

/// What is asked for in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListOffsetsPartition {
    /// The partition's number.
    pub partition_index: i32,
    /// The epoch that the client knows, so that a stale leader can be told, from version 4.
    pub current_leader_epoch: Option<LeaderEpoch>,
    /// A time in milliseconds since 1970, or one of [`timestamp`].
    pub timestamp: i64,
}

impl Message for ListOffsetsRequest {
    const API: ApiKey = ApiKey::LIST_OFFSETS;
    const NAME: &'static str = "ListOffsetsRequest";
    const VERSIONS: VersionRange = VERSIONS;

    fn read(r: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        let mut request = Self {
            replica_id: r.i32("ListOffsetsRequest.replica_id")?,
            ..Self::default()
        };
        if version >= 2 {
            let level = r.i8("ListOffsetsRequest.isolation_level")?;
            request.isolation_level = IsolationLevel::from_wire(level).ok_or_else(|| {
                let value = level.into();
                DecodeError::new(
                    "ListOffsetsRequest.isolation_level",
                    DecodeReason::Value { value },
                )
            })?;
        }
        request.topics = r.vec("ListOffsetsRequest.topics", 2, |r| {
            ListOffsetsTopic::read(r, version)
        })?;
        if version >= 10 {
            request.timeout_ms = r.i32("ListOffsetsRequest.timeout_ms")?;
        }
        r.skip_tags("ListOffsetsRequest.tagged_fields")?;
        Ok(request)
    }

    fn write(&self, w: &mut Writer<'_>, version: i16) -> Result<(), EncodeError> {
        w.i32(self.replica_id);
        if version >= 2 {
            w.i8(self.isolation_level.to_wire());
        } else if self.isolation_level != IsolationLevel::ReadUncommitted {
            return Err(EncodeError::new(
                "ListOffsetsRequest.isolation_level",
                EncodeReason::NotInVersion { version },
            ));
        }
        w.array("ListOffsetsRequest.topics", &self.topics, |w, topic| {
            topic.write(w, version)
        })?;
        if version >= 10 {
            w.i32(self.timeout_ms);
        }
        w.no_tags();
        Ok(())
    }
}

impl Request for ListOffsetsRequest {
    type Response = ListOffsetsResponse;
}

impl ListOffsetsTopic {
    fn read(r: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        let topic = Self {
            name: r.string("ListOffsetsRequest.topics.name")?,
            partitions: r.vec("ListOffsetsRequest.topics.partitions", 4 + 8, |r| {
                ListOffsetsPartition::read(r, version)
            })?,
        };
        r.skip_tags("ListOffsetsRequest.topics.tagged_fields")?;
        Ok(topic)
    }

    fn write(&self, w: &mut Writer<'_>, version: i16) -> Result<(), EncodeError> {
        w.string("ListOffsetsRequest.topics.name", &self.name)?;
        w.array(
            "ListOffsetsRequest.topics.partitions",
            &self.partitions,
            |w, partition| partition.write(w, version),
        )?;
        w.no_tags();
        Ok(())
    }
}

impl ListOffsetsPartition {
    fn read(r: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        let partition_index = r.i32("ListOffsetsRequest.topics.partitions.partition_index")?;
        let mut current_leader_epoch = None;
        if version >= 4 {
            current_leader_epoch = LeaderEpoch::from_wire(
                r.i32("ListOffsetsRequest.topics.partitions.current_leader_epoch")?,
            );
        }
        let timestamp = r.i64("ListOffsetsRequest.topics.partitions.timestamp")?;
        r.skip_tags("ListOffsetsRequest.topics.partitions.tagged_fields")?;
        Ok(Self {
            partition_index,
            current_leader_epoch,
            timestamp,
        })
    }

    fn write(&self, w: &mut Writer<'_>, version: i16) -> Result<(), EncodeError> {
        if timestamp::first_version(self.timestamp).is_none_or(|first| version < first) {
            return Err(EncodeError::new(
                "ListOffsetsRequest.topics.partitions.timestamp",
                EncodeReason::NotInVersion { version },
            ));
        }
        w.i32(self.partition_index);
        if version >= 4 {
            w.i32(LeaderEpoch::to_wire(self.current_leader_epoch));
        }
        w.i64(self.timestamp);
        w.no_tags();
        Ok(())
    }
}
