//! What a broker knows about the cluster.

use super::{MetadataTopic, OPERATIONS_NOT_REQUESTED, VERSIONS};
use crate::api::{ApiKey, VersionRange};
use crate::error::{DecodeError, EncodeError};
use crate::error_code::ErrorCode;
use crate::messages::Message;
use crate::types::{BrokerId, StrBytes};
use crate::wire::{Reader, Writer};

/// The cluster as the broker that answers sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataResponse {
    /// How long the broker asks to be left alone because of a quota, in milliseconds, from
    /// version 3.
    pub throttle_time_ms: i32,
    /// The brokers that are alive.
    pub brokers: Vec<MetadataBroker>,
    /// The cluster's id, from version 2.
    pub cluster_id: Option<StrBytes>,
    /// The broker to send administrative requests to, from version 1.
    pub controller_id: Option<BrokerId>,
    /// The topics that were asked for, found or not.
    pub topics: Vec<MetadataTopic>,
    /// What the principal may do with the cluster, as bits, versions 8 to 10;
    /// [`OPERATIONS_NOT_REQUESTED`] if not asked for.
    pub cluster_authorized_operations: i32,
    /// Whether the client has to start again from its bootstrap servers (KIP-1102), from
    /// version 13.
    pub error_code: ErrorCode,
}

impl Default for MetadataResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            brokers: Vec::new(),
            cluster_id: None,
            controller_id: None,
            topics: Vec::new(),
            cluster_authorized_operations: OPERATIONS_NOT_REQUESTED,
            error_code: ErrorCode::None,
        }
    }
}

/// A broker, and where it can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataBroker {
    /// Its id.
    pub node_id: BrokerId,
    /// Its advertised host name or address.
    pub host: StrBytes,
    /// Its advertised port.
    pub port: i32,
    /// Its rack, if it has one, from version 1.
    pub rack: Option<StrBytes>,
}

impl Message for MetadataResponse {
    const API: ApiKey = ApiKey::METADATA;
    const NAME: &'static str = "MetadataResponse";
    const VERSIONS: VersionRange = VERSIONS;

    fn read(r: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        let mut response = Self::default();
        if version >= 3 {
            response.throttle_time_ms = r.i32("MetadataResponse.throttle_time_ms")?;
        }
        response.brokers = r.vec("MetadataResponse.brokers", 4 + 1 + 4, |r| {
            MetadataBroker::read(r, version)
        })?;
        if version >= 2 {
            response.cluster_id = r.nullable_string("MetadataResponse.cluster_id")?;
        }
        if version >= 1 {
            response.controller_id = BrokerId::from_wire(r.i32("MetadataResponse.controller_id")?);
        }
        response.topics = r.vec("MetadataResponse.topics", MetadataTopic::BYTES_MIN, |r| {
            MetadataTopic::read(r, version)
        })?;
        if (8..=10).contains(&version) {
            response.cluster_authorized_operations =
                r.i32("MetadataResponse.cluster_authorized_operations")?;
        }
        if version >= 13 {
            response.error_code = ErrorCode(r.i16("MetadataResponse.error_code")?);
        }
        r.skip_tags("MetadataResponse.tagged_fields")?;
        Ok(response)
    }

    fn write(&self, w: &mut Writer<'_>, version: i16) -> Result<(), EncodeError> {
        if version >= 3 {
            w.i32(self.throttle_time_ms);
        }
        w.array("MetadataResponse.brokers", &self.brokers, |w, broker| {
            broker.write(w, version)
        })?;
        if version >= 2 {
            w.nullable_string("MetadataResponse.cluster_id", self.cluster_id.as_deref())?;
        }
        if version >= 1 {
            w.i32(BrokerId::to_wire(self.controller_id));
        }
        w.array("MetadataResponse.topics", &self.topics, |w, topic| {
            topic.write(w, version)
        })?;
        if (8..=10).contains(&version) {
            w.i32(self.cluster_authorized_operations);
        }
        if version >= 13 {
            w.i16(self.error_code.0);
        }
        w.no_tags();
        Ok(())
    }
}

impl MetadataBroker {
    fn read(r: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        let mut broker = Self {
            node_id: BrokerId(r.i32("MetadataResponse.brokers.node_id")?),
            host: r.string("MetadataResponse.brokers.host")?,
            port: r.i32("MetadataResponse.brokers.port")?,
            rack: None,
        };
        if version >= 1 {
            broker.rack = r.nullable_string("MetadataResponse.brokers.rack")?;
        }
        r.skip_tags("MetadataResponse.brokers.tagged_fields")?;
        Ok(broker)
    }

    fn write(&self, w: &mut Writer<'_>, version: i16) -> Result<(), EncodeError> {
        w.i32(self.node_id.0);
        w.string("MetadataResponse.brokers.host", &self.host)?;
        w.i32(self.port);
        if version >= 1 {
            w.nullable_string("MetadataResponse.brokers.rack", self.rack.as_deref())?;
        }
        w.no_tags();
        Ok(())
    }
}
