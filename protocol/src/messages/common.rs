//! Parts that more than one message has.

use crate::error::{DecodeError, EncodeError};
use crate::types::{BrokerId, LeaderEpoch, StrBytes};
use crate::wire::{Reader, Writer};

/// Who leads a partition, in an answer of a broker that does not (KIP-951).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrentLeader {
    /// The leader, if there is one.
    pub leader: Option<BrokerId>,
    /// Its epoch, if it is known.
    pub leader_epoch: Option<LeaderEpoch>,
}

impl CurrentLeader {
    pub(crate) fn read(reader: &mut Reader<'_>, field: &'static str) -> Result<Self, DecodeError> {
        let leader = BrokerId::from_wire(reader.i32(field)?);
        let leader_epoch = LeaderEpoch::from_wire(reader.i32(field)?);
        reader.skip_tags(field)?;
        Ok(Self {
            leader,
            leader_epoch,
        })
    }

    pub(crate) fn write(self, writer: &mut Writer<'_>) {
        writer.i32(BrokerId::to_wire(self.leader));
        writer.i32(LeaderEpoch::to_wire(self.leader_epoch));
        writer.no_tags();
    }
}

/// Where a broker that an answer names can be reached (KIP-951).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeEndpoint {
    /// The broker.
    pub node_id: BrokerId,
    /// Its host name or address.
    pub host: StrBytes,
    /// Its port.
    pub port: i32,
    /// Its rack, if it has one.
    pub rack: Option<StrBytes>,
}

impl NodeEndpoint {
    /// Node id, host, port, rack and tagged fields.
    const BYTES_MIN: usize = 4 + 1 + 4 + 1 + 1;

    pub(crate) fn read_all(
        reader: &mut Reader<'_>,
        field: &'static str,
    ) -> Result<Vec<Self>, DecodeError> {
        reader.vec(field, Self::BYTES_MIN, |r| {
            let endpoint = Self {
                node_id: BrokerId(r.i32(field)?),
                host: r.string(field)?,
                port: r.i32(field)?,
                rack: r.nullable_string(field)?,
            };
            r.skip_tags(field)?;
            Ok(endpoint)
        })
    }

    pub(crate) fn write_all(
        writer: &mut Writer<'_>,
        field: &'static str,
        endpoints: &[Self],
    ) -> Result<(), EncodeError> {
        writer.array(field, endpoints, |w, endpoint| {
            w.i32(endpoint.node_id.0);
            w.string(field, &endpoint.host)?;
            w.i32(endpoint.port);
            w.nullable_string(field, endpoint.rack.as_deref())?;
            w.no_tags();
            Ok(())
        })
    }
}
