//! A list of broker ids that stays in the frame: a partition has three, a cluster a million.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::error::{DecodeError, EncodeError};
use crate::types::BrokerId;
use crate::wire::{Reader, Writer};

/// Broker ids as they lie in a response, read when they are asked for. A clone shares them.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct BrokerIds(Bytes);

/// Bytes of one id.
const ID_BYTES: usize = 4;

impl BrokerIds {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len() / ID_BYTES
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ids in their order; the first replica is the preferred leader.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = BrokerId> + '_ {
        let (ids, _) = self.0.as_chunks::<ID_BYTES>();
        ids.iter().map(|id| BrokerId(i32::from_be_bytes(*id)))
    }

    /// Whether `broker` is one of them.
    #[must_use]
    pub fn contains(&self, broker: BrokerId) -> bool {
        self.iter().any(|id| id == broker)
    }

    pub(super) fn read(r: &mut Reader<'_>, field: &'static str) -> Result<Self, DecodeError> {
        let count = r.count(field, ID_BYTES)?;
        // The count was held against the bytes left, so this cannot overflow.
        r.take(field, count * ID_BYTES).map(Self)
    }

    pub(super) fn write(&self, w: &mut Writer<'_>, field: &'static str) -> Result<(), EncodeError> {
        w.count(field, self.len())?;
        w.raw(&self.0);
        Ok(())
    }
}

impl FromIterator<BrokerId> for BrokerIds {
    fn from_iter<I: IntoIterator<Item = BrokerId>>(ids: I) -> Self {
        let mut bytes = BytesMut::new();
        for id in ids {
            bytes.put_i32(id.0);
        }
        Self(bytes.freeze())
    }
}

impl fmt::Debug for BrokerIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|id| id.0)).finish()
    }
}
