//! A topic and its partitions in a metadata response.

use super::{BrokerIds, OPERATIONS_NOT_REQUESTED};
use crate::error::{DecodeError, EncodeError, EncodeReason};
use crate::error_code::ErrorCode;
use crate::types::{BrokerId, LeaderEpoch, StrBytes, Uuid};
use crate::wire::{Reader, Writer};

/// A topic, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataTopic {
    /// Whether the topic was found.
    pub error_code: ErrorCode,
    /// Its name; from version 12 `None` if it was asked for by an id that is not known.
    pub name: Option<StrBytes>,
    /// Its id, from version 10; nil if the broker has none.
    pub topic_id: Uuid,
    /// Whether it is one of Kafka's own, from version 1.
    pub is_internal: bool,
    /// Its partitions, in no order that could be relied on.
    pub partitions: Vec<MetadataPartition>,
    /// What the principal may do with it, as bits, from version 8;
    /// [`OPERATIONS_NOT_REQUESTED`] if not asked for.
    pub topic_authorized_operations: i32,
}

impl Default for MetadataTopic {
    fn default() -> Self {
        Self {
            error_code: ErrorCode::None,
            name: None,
            topic_id: Uuid::nil(),
            is_internal: false,
            partitions: Vec::new(),
            topic_authorized_operations: OPERATIONS_NOT_REQUESTED,
        }
    }
}

/// A partition: who leads it, and who has copies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MetadataPartition {
    /// Whether the partition can be used.
    pub error_code: ErrorCode,
    /// Its number.
    pub partition_index: i32,
    /// The broker that leads it, if one does.
    pub leader_id: Option<BrokerId>,
    /// The leader's epoch, from version 7.
    pub leader_epoch: Option<LeaderEpoch>,
    /// The brokers that have, or should have, a copy.
    pub replica_nodes: BrokerIds,
    /// Those whose copies are in sync.
    pub isr_nodes: BrokerIds,
    /// Those that are not alive, from version 5.
    pub offline_replicas: BrokerIds,
}

impl MetadataTopic {
    /// Error, name and partitions.
    pub(super) const BYTES_MIN: usize = 2 + 1 + 1;

    pub(super) fn read(r: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        let mut topic = Self {
            error_code: ErrorCode(r.i16("MetadataResponse.topics.error_code")?),
            ..Self::default()
        };
        topic.name = if version >= 12 {
            r.nullable_string("MetadataResponse.topics.name")?
        } else {
            Some(r.string("MetadataResponse.topics.name")?)
        };
        if version >= 10 {
            topic.topic_id = r.uuid("MetadataResponse.topics.topic_id")?;
        }
        if version >= 1 {
            topic.is_internal = r.bool("MetadataResponse.topics.is_internal")?;
        }
        topic.partitions = r.vec(
            "MetadataResponse.topics.partitions",
            MetadataPartition::BYTES_MIN,
            |r| MetadataPartition::read(r, version),
        )?;
        if version >= 8 {
            topic.topic_authorized_operations =
                r.i32("MetadataResponse.topics.topic_authorized_operations")?;
        }
        r.skip_tags("MetadataResponse.topics.tagged_fields")?;
        Ok(topic)
    }

    pub(super) fn write(&self, w: &mut Writer<'_>, version: i16) -> Result<(), EncodeError> {
        w.i16(self.error_code.0);
        self.write_name(w, version)?;
        if version >= 10 {
            w.uuid(self.topic_id);
        }
        if version >= 1 {
            w.bool(self.is_internal);
        }
        w.array(
            "MetadataResponse.topics.partitions",
            &self.partitions,
            |w, partition| partition.write(w, version),
        )?;
        if version >= 8 {
            w.i32(self.topic_authorized_operations);
        }
        w.no_tags();
        Ok(())
    }

    fn write_name(&self, w: &mut Writer<'_>, version: i16) -> Result<(), EncodeError> {
        match &self.name {
            None if version < 12 => Err(EncodeError::new(
                "MetadataResponse.topics.name",
                EncodeReason::NotInVersion { version },
            )),
            name => w.nullable_string("MetadataResponse.topics.name", name.as_deref()),
        }
    }
}

impl MetadataPartition {
    /// Error, index, leader, and the counts of two lists.
    const BYTES_MIN: usize = 2 + 4 + 4 + 1 + 1;

    fn read(r: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        let mut partition = Self {
            error_code: ErrorCode(r.i16("MetadataResponse.topics.partitions.error_code")?),
            partition_index: r.i32("MetadataResponse.topics.partitions.partition_index")?,
            leader_id: BrokerId::from_wire(r.i32("MetadataResponse.topics.partitions.leader_id")?),
            ..Self::default()
        };
        if version >= 7 {
            partition.leader_epoch =
                LeaderEpoch::from_wire(r.i32("MetadataResponse.topics.partitions.leader_epoch")?);
        }
        partition.replica_nodes =
            BrokerIds::read(r, "MetadataResponse.topics.partitions.replica_nodes")?;
        partition.isr_nodes = BrokerIds::read(r, "MetadataResponse.topics.partitions.isr_nodes")?;
        if version >= 5 {
            partition.offline_replicas =
                BrokerIds::read(r, "MetadataResponse.topics.partitions.offline_replicas")?;
        }
        r.skip_tags("MetadataResponse.topics.partitions.tagged_fields")?;
        Ok(partition)
    }

    fn write(&self, w: &mut Writer<'_>, version: i16) -> Result<(), EncodeError> {
        w.i16(self.error_code.0);
        w.i32(self.partition_index);
        w.i32(BrokerId::to_wire(self.leader_id));
        if version >= 7 {
            w.i32(LeaderEpoch::to_wire(self.leader_epoch));
        }
        self.replica_nodes
            .write(w, "MetadataResponse.topics.partitions.replica_nodes")?;
        self.isr_nodes
            .write(w, "MetadataResponse.topics.partitions.isr_nodes")?;
        if version >= 5 {
            self.offline_replicas
                .write(w, "MetadataResponse.topics.partitions.offline_replicas")?;
        }
        w.no_tags();
        Ok(())
    }
}
