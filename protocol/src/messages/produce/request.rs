//! What a producer sends.

use bytes::Bytes;

use super::{FIRST_WITH_TOPIC_IDS, ProduceResponse, VERSIONS};
use crate::api::{ApiKey, VersionRange};
use crate::error::{DecodeError, EncodeError};
use crate::messages::{Message, Request};
use crate::types::{StrBytes, Uuid};
use crate::wire::{Reader, Writer};

/// Record batches for partitions that one broker leads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProduceRequest {
    /// The transaction that the batches belong to, if any.
    pub transactional_id: Option<StrBytes>,
    /// Who must have the batches before the answer: 0 nobody (and there is no answer), 1 the
    /// leader, -1 all in-sync replicas.
    pub acks: i16,
    /// How long the leader waits for the other replicas, in milliseconds.
    pub timeout_ms: i32,
    /// The batches by topic.
    pub topics: Vec<ProduceTopic>,
}

/// Batches for one topic.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProduceTopic {
    /// The topic's name, up to version 12.
    pub name: StrBytes,
    /// The topic's id, from version 13.
    pub topic_id: Uuid,
    /// The batches by partition.
    pub partitions: Vec<ProducePartition>,
}

/// A batch for one partition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProducePartition {
    /// The partition's number.
    pub index: i32,
    /// The batch, header included; no more than one.
    pub records: Option<Bytes>,
}

impl Message for ProduceRequest {
    const API: ApiKey = ApiKey::PRODUCE;
    const NAME: &'static str = "ProduceRequest";
    const VERSIONS: VersionRange = VERSIONS;

    fn read(r: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        let request = Self {
            transactional_id: r.nullable_string("ProduceRequest.transactional_id")?,
            acks: r.i16("ProduceRequest.acks")?,
            timeout_ms: r.i32("ProduceRequest.timeout_ms")?,
            topics: r.vec("ProduceRequest.topics", 2, |r| {
                ProduceTopic::read(r, version)
            })?,
        };
        r.skip_tags("ProduceRequest.tagged_fields")?;
        Ok(request)
    }

    fn write(&self, w: &mut Writer<'_>, version: i16) -> Result<(), EncodeError> {
        w.nullable_string(
            "ProduceRequest.transactional_id",
            self.transactional_id.as_deref(),
        )?;
        w.i16(self.acks);
        w.i32(self.timeout_ms);
        w.array("ProduceRequest.topics", &self.topics, |w, topic| {
            topic.write(w, version)
        })?;
        w.no_tags();
        Ok(())
    }
}

impl Request for ProduceRequest {
    type Response = ProduceResponse;
}

impl ProduceTopic {
    fn read(r: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        let mut topic = Self::default();
        if version >= FIRST_WITH_TOPIC_IDS {
            topic.topic_id = r.uuid("ProduceRequest.topics.topic_id")?;
        } else {
            topic.name = r.string("ProduceRequest.topics.name")?;
        }
        topic.partitions = r.vec("ProduceRequest.topics.partitions", 4 + 1, |r| {
            let partition = ProducePartition {
                index: r.i32("ProduceRequest.topics.partitions.index")?,
                records: r.nullable_bytes("ProduceRequest.topics.partitions.records")?,
            };
            r.skip_tags("ProduceRequest.topics.partitions.tagged_fields")?;
            Ok(partition)
        })?;
        r.skip_tags("ProduceRequest.topics.tagged_fields")?;
        Ok(topic)
    }

    fn write(&self, w: &mut Writer<'_>, version: i16) -> Result<(), EncodeError> {
        if version >= FIRST_WITH_TOPIC_IDS {
            w.uuid(self.topic_id);
        } else {
            w.string("ProduceRequest.topics.name", &self.name)?;
        }
        w.array(
            "ProduceRequest.topics.partitions",
            &self.partitions,
            |w, partition| {
                w.i32(partition.index);
                w.records(
                    "ProduceRequest.topics.partitions.records",
                    partition.records.as_ref(),
                )?;
                w.no_tags();
                Ok(())
            },
        )?;
        w.no_tags();
        Ok(())
    }
}
