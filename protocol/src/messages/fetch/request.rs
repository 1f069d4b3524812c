//! What a consumer asks for.

use super::{FIRST_WITH_TOPIC_IDS, FetchResponse, VERSIONS};
use crate::api::{ApiKey, VersionRange};
use crate::error::{DecodeError, DecodeReason, EncodeError};
use crate::messages::{Message, Request};
use crate::types::{IsolationLevel, LeaderEpoch, StrBytes, Uuid};
use crate::wire::{Reader, Writer};

/// Asks one broker for record batches.
///
/// Of the tagged fields, those that only followers send (cluster id, directory ids, high
/// watermarks) are neither written nor read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRequest {
    /// -1 for a consumer; a broker's id when it fetches as a follower.
    pub replica_id: i32,
    /// How long the broker may wait for `min_bytes` to be there, in milliseconds.
    pub max_wait_ms: i32,
    /// The bytes that are worth an answer at once.
    pub min_bytes: i32,
    /// The most bytes in the answer, except that a first batch always comes whole.
    pub max_bytes: i32,
    /// Whether to read past the last stable offset.
    pub isolation_level: IsolationLevel,
    /// The fetch session (KIP-227), from version 7; 0 for none, or a new one.
    pub session_id: i32,
    /// The request's place in the session, from version 7; -1 for no session, 0 for a new one.
    pub session_epoch: i32,
    /// The partitions by topic; in a session those that were added or changed.
    pub topics: Vec<FetchTopic>,
    /// The partitions to leave out of the session from here on, from version 7.
    pub forgotten_topics: Vec<ForgottenTopic>,
    /// The consumer's rack (KIP-392), from version 11; empty for none.
    pub rack_id: StrBytes,
}

impl Default for FetchRequest {
    fn default() -> Self {
        Self {
            replica_id: -1,
            max_wait_ms: 0,
            min_bytes: 0,
            max_bytes: i32::MAX,
            isolation_level: IsolationLevel::ReadUncommitted,
            session_id: 0,
            session_epoch: -1,
            topics: Vec::new(),
            forgotten_topics: Vec::new(),
            rack_id: StrBytes::new(),
        }
    }
}

/// The partitions to fetch of one topic.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FetchTopic {
    /// The topic's name, up to version 12.
    pub name: StrBytes,
    /// The topic's id, from version 13.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<FetchPartition>,
}

/// One partition to fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchPartition {
    /// The partition's number.
    pub partition: i32,
    /// The epoch that the client knows, so that a stale leader can be told, from version 9.
    pub current_leader_epoch: Option<LeaderEpoch>,
    /// The offset of the first record wanted.
    pub fetch_offset: i64,
    /// The epoch of the last record that was fetched, so that the broker can tell when logs
    /// diverge, from version 12.
    pub last_fetched_epoch: Option<LeaderEpoch>,
    /// The first offset of a follower's log, from version 5; -1 from a consumer.
    pub log_start_offset: i64,
    /// The most bytes for this partition, except that a first batch always comes whole.
    pub partition_max_bytes: i32,
}

/// Partitions of one topic to leave out of a session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ForgottenTopic {
    /// The topic's name, up to version 12.
    pub name: StrBytes,
    /// The topic's id, from version 13.
    pub topic_id: Uuid,
    /// The partitions' numbers.
    pub partitions: Vec<i32>,
}

impl Message for FetchRequest {
    const API: ApiKey = ApiKey::FETCH;
    const NAME: &'static str = "FetchRequest";
    const VERSIONS: VersionRange = VERSIONS;

    fn read(r: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        let mut request = Self::default();
        if version < 15 {
            request.replica_id = r.i32("FetchRequest.replica_id")?;
        }
        request.max_wait_ms = r.i32("FetchRequest.max_wait_ms")?;
        request.min_bytes = r.i32("FetchRequest.min_bytes")?;
        request.max_bytes = r.i32("FetchRequest.max_bytes")?;
        request.isolation_level = read_isolation_level(r)?;
        if version >= 7 {
            request.session_id = r.i32("FetchRequest.session_id")?;
            request.session_epoch = r.i32("FetchRequest.session_epoch")?;
        }
        request.topics = r.vec("FetchRequest.topics", 2, |r| FetchTopic::read(r, version))?;
        if version >= 7 {
            request.forgotten_topics = r.vec("FetchRequest.forgotten_topics", 2, |r| {
                ForgottenTopic::read(r, version)
            })?;
        }
        if version >= 11 {
            request.rack_id = r.string("FetchRequest.rack_id")?;
        }
        r.tags("FetchRequest.tagged_fields", |tag, r| {
            if version >= 15 && tag == 1 {
                request.replica_id = r.i32("FetchRequest.replica_state.replica_id")?;
            }
            Ok(())
        })?;
        Ok(request)
    }

    fn write(&self, w: &mut Writer<'_>, version: i16) -> Result<(), EncodeError> {
        if version < 15 {
            w.i32(self.replica_id);
        }
        w.i32(self.max_wait_ms);
        w.i32(self.min_bytes);
        w.i32(self.max_bytes);
        w.i8(self.isolation_level.to_wire());
        if version >= 7 {
            w.i32(self.session_id);
            w.i32(self.session_epoch);
        }
        w.array("FetchRequest.topics", &self.topics, |w, topic| {
            topic.write(w, version)
        })?;
        if version >= 7 {
            w.array(
                "FetchRequest.forgotten_topics",
                &self.forgotten_topics,
                |w, topic| topic.write(w, version),
            )?;
        }
        if version >= 11 {
            w.string("FetchRequest.rack_id", &self.rack_id)?;
        }
        if version < 15 || self.replica_id == -1 {
            w.no_tags();
            return Ok(());
        }
        w.tag_count(1);
        w.tag("FetchRequest.replica_state", 1, |w| {
            w.i32(self.replica_id);
            w.i64(-1);
            w.no_tags();
            Ok(())
        })
    }
}

impl Request for FetchRequest {
    type Response = FetchResponse;
}

fn read_isolation_level(r: &mut Reader<'_>) -> Result<IsolationLevel, DecodeError> {
    let level = r.i8("FetchRequest.isolation_level")?;
    IsolationLevel::from_wire(level).ok_or_else(|| {
        let value = level.into();
        DecodeError::new(
            "FetchRequest.isolation_level",
            DecodeReason::Value { value },
        )
    })
}

impl FetchTopic {
    fn read(r: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        let mut topic = Self::default();
        if version >= FIRST_WITH_TOPIC_IDS {
            topic.topic_id = r.uuid("FetchRequest.topics.topic_id")?;
        } else {
            topic.name = r.string("FetchRequest.topics.name")?;
        }
        topic.partitions = r.vec("FetchRequest.topics.partitions", 4 + 8 + 4, |r| {
            FetchPartition::read(r, version)
        })?;
        r.skip_tags("FetchRequest.topics.tagged_fields")?;
        Ok(topic)
    }

    fn write(&self, w: &mut Writer<'_>, version: i16) -> Result<(), EncodeError> {
        if version >= FIRST_WITH_TOPIC_IDS {
            w.uuid(self.topic_id);
        } else {
            w.string("FetchRequest.topics.name", &self.name)?;
        }
        w.array(
            "FetchRequest.topics.partitions",
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

impl FetchPartition {
    fn read(r: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        let mut partition = Self {
            partition: r.i32("FetchRequest.topics.partitions.partition")?,
            current_leader_epoch: None,
            fetch_offset: -1,
            last_fetched_epoch: None,
            log_start_offset: -1,
            partition_max_bytes: 0,
        };
        if version >= 9 {
            partition.current_leader_epoch = LeaderEpoch::from_wire(
                r.i32("FetchRequest.topics.partitions.current_leader_epoch")?,
            );
        }
        partition.fetch_offset = r.i64("FetchRequest.topics.partitions.fetch_offset")?;
        if version >= 12 {
            partition.last_fetched_epoch =
                LeaderEpoch::from_wire(r.i32("FetchRequest.topics.partitions.last_fetched_epoch")?);
        }
        if version >= 5 {
            partition.log_start_offset =
                r.i64("FetchRequest.topics.partitions.log_start_offset")?;
        }
        partition.partition_max_bytes =
            r.i32("FetchRequest.topics.partitions.partition_max_bytes")?;
        r.skip_tags("FetchRequest.topics.partitions.tagged_fields")?;
        Ok(partition)
    }

    fn write(&self, w: &mut Writer<'_>, version: i16) {
        w.i32(self.partition);
        if version >= 9 {
            w.i32(LeaderEpoch::to_wire(self.current_leader_epoch));
        }
        w.i64(self.fetch_offset);
        if version >= 12 {
            w.i32(LeaderEpoch::to_wire(self.last_fetched_epoch));
        }
        if version >= 5 {
            w.i64(self.log_start_offset);
        }
        w.i32(self.partition_max_bytes);
        w.no_tags();
    }
}

impl ForgottenTopic {
    fn read(r: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        let mut topic = Self::default();
        if version >= FIRST_WITH_TOPIC_IDS {
            topic.topic_id = r.uuid("FetchRequest.forgotten_topics.topic_id")?;
        } else {
            topic.name = r.string("FetchRequest.forgotten_topics.name")?;
        }
        topic.partitions = r.vec("FetchRequest.forgotten_topics.partitions", 4, |r| {
            r.i32("FetchRequest.forgotten_topics.partitions")
        })?;
        r.skip_tags("FetchRequest.forgotten_topics.tagged_fields")?;
        Ok(topic)
    }

    fn write(&self, w: &mut Writer<'_>, version: i16) -> Result<(), EncodeError> {
        if version >= FIRST_WITH_TOPIC_IDS {
            w.uuid(self.topic_id);
        } else {
            w.string("FetchRequest.forgotten_topics.name", &self.name)?;
        }
        w.array(
            "FetchRequest.forgotten_topics.partitions",
            &self.partitions,
            |w, partition| {
                w.i32(*partition);
                Ok(())
            },
        )?;
        w.no_tags();
        Ok(())
    }
}
