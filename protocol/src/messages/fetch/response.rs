//! What the broker has of it.

use super::{FIRST_WITH_TOPIC_IDS, FetchPartitionResponse, VERSIONS};
use crate::api::{ApiKey, VersionRange};
use crate::error::{DecodeError, EncodeError};
use crate::error_code::ErrorCode;
use crate::messages::{Message, NodeEndpoint};
use crate::types::{StrBytes, Uuid};
use crate::wire::{Reader, Writer};

/// Record batches, and how each partition's log stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FetchResponse {
    /// How long the broker asks to be left alone because of a quota, in milliseconds.
    pub throttle_time_ms: i32,
    /// Whether the request as a whole failed, such as for its session; from version 7.
    pub error_code: ErrorCode,
    /// The session that this answer belongs to, from version 7; 0 for none.
    pub session_id: i32,
    /// The partitions by topic; in a session those that have news.
    pub topics: Vec<FetchTopicResponse>,
    /// Where the leaders named in this answer can be reached, from version 16.
    pub node_endpoints: Vec<NodeEndpoint>,
}

/// The partitions of one topic.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FetchTopicResponse {
    /// The topic's name, up to version 12.
    pub name: StrBytes,
    /// The topic's id, from version 13.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<FetchPartitionResponse>,
}

impl Message for FetchResponse {
    const API: ApiKey = ApiKey::FETCH;
    const NAME: &'static str = "FetchResponse";
    const VERSIONS: VersionRange = VERSIONS;

    fn read(r: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        let mut response = Self {
            throttle_time_ms: r.i32("FetchResponse.throttle_time_ms")?,
            ..Self::default()
        };
        if version >= 7 {
            response.error_code = ErrorCode(r.i16("FetchResponse.error_code")?);
            response.session_id = r.i32("FetchResponse.session_id")?;
        }
        response.topics = r.vec("FetchResponse.topics", 2, |r| {
            FetchTopicResponse::read(r, version)
        })?;
        r.tags("FetchResponse.tagged_fields", |tag, r| {
            if version >= 16 && tag == 0 {
                response.node_endpoints =
                    NodeEndpoint::read_all(r, "FetchResponse.node_endpoints")?;
            }
            Ok(())
        })?;
        Ok(response)
    }

    fn write(&self, w: &mut Writer<'_>, version: i16) -> Result<(), EncodeError> {
        w.i32(self.throttle_time_ms);
        if version >= 7 {
            w.i16(self.error_code.0);
            w.i32(self.session_id);
        }
        w.array("FetchResponse.topics", &self.topics, |w, topic| {
            topic.write(w, version)
        })?;
        if version < 16 || self.node_endpoints.is_empty() {
            w.no_tags();
            return Ok(());
        }
        w.tag_count(1);
        w.tag("FetchResponse.node_endpoints", 0, |w| {
            NodeEndpoint::write_all(w, "FetchResponse.node_endpoints", &self.node_endpoints)
        })
    }
}

impl FetchTopicResponse {
    fn read(r: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        let mut topic = Self::default();
        if version >= FIRST_WITH_TOPIC_IDS {
            topic.topic_id = r.uuid("FetchResponse.topics.topic_id")?;
        } else {
            topic.name = r.string("FetchResponse.topics.name")?;
        }
        topic.partitions = r.vec(
            "FetchResponse.topics.partitions",
            FetchPartitionResponse::BYTES_MIN,
            |r| FetchPartitionResponse::read(r, version),
        )?;
        r.skip_tags("FetchResponse.topics.tagged_fields")?;
        Ok(topic)
    }

    fn write(&self, w: &mut Writer<'_>, version: i16) -> Result<(), EncodeError> {
        if version >= FIRST_WITH_TOPIC_IDS {
            w.uuid(self.topic_id);
        } else {
            w.string("FetchResponse.topics.name", &self.name)?;
        }
        w.array(
            "FetchResponse.topics.partitions",
            &self.partitions,
            |w, partition| partition.write(w, version),
        )?;
        w.no_tags();
        Ok(())
    }
}
