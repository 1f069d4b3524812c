//! A batch whose records are final: stamped with a producer id and sequence, then sent, perhaps more than once.

use bytes::{Bytes, BytesMut};

use super::batch::{
    AttributeBit, Attributes, BatchHeader, CRC_AT, HEADER_LEN, LOG_OVERHEAD, compute_crc,
};
use crate::compression::{self, Compression, CompressionError};

/// Who wrote a batch, for the broker's duplicate check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerStamp {
    /// As InitProducerId gave it; -1 for none.
    pub producer_id: i64,
    /// As InitProducerId gave it; -1 for none.
    pub producer_epoch: i16,
    /// The sequence number of the first record; -1 for none.
    pub base_sequence: i32,
    /// Whether the batch belongs to a transaction.
    pub transactional: bool,
}

impl ProducerStamp {
    /// Of a producer that is not idempotent.
    pub const NONE: Self = Self {
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        transactional: false,
    };
}

/// A batch whose records are final.
///
/// The header may be stamped again as long as nobody needs the old one: bytes that [`SealedBatch::bytes`] gave away
/// never change, since a socket may still be sending them (KAFKA-19012); a stamp then makes a copy.
#[derive(Clone, Debug)]
pub struct SealedBatch {
    bytes: Storage,
    header: BatchHeader,
    /// Whether header and checksum stand in the bytes.
    written: bool,
}

#[derive(Clone, Debug)]
enum Storage {
    Own(Vec<u8>),
    Shared(Bytes),
}

impl SealedBatch {
    /// `buffer` has room for the header, then `count` records.
    pub(crate) fn new(
        buffer: Vec<u8>,
        count: u32,
        base_timestamp: i64,
        max_timestamp: i64,
    ) -> Self {
        let record_count = count.cast_signed();
        Self {
            header: BatchHeader {
                base_offset: 0,
                length: length_field(buffer.len()),
                partition_leader_epoch: -1,
                magic: 2,
                crc: 0,
                attributes: Attributes::default(),
                last_offset_delta: (record_count - 1).max(0),
                base_timestamp,
                max_timestamp,
                producer_id: ProducerStamp::NONE.producer_id,
                producer_epoch: ProducerStamp::NONE.producer_epoch,
                base_sequence: ProducerStamp::NONE.base_sequence,
                record_count,
            },
            bytes: Storage::Own(buffer),
            written: false,
        }
    }

    /// The header as it is now; its `crc` is that of the bytes only after [`bytes`](Self::bytes).
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// Bytes of the batch, header included.
    pub fn size(&self) -> usize {
        self.slice().len()
    }

    /// The number of records.
    pub fn len(&self) -> usize {
        usize::try_from(self.header.record_count).unwrap_or(0)
    }

    /// Whether there is no record.
    pub const fn is_empty(&self) -> bool {
        self.header.record_count == 0
    }

    /// Puts the producer's id, epoch and sequence into the header; may be done again before each attempt.
    pub const fn stamp(&mut self, stamp: ProducerStamp) {
        self.header.producer_id = stamp.producer_id;
        self.header.producer_epoch = stamp.producer_epoch;
        self.header.base_sequence = stamp.base_sequence;
        self.header.attributes = self
            .header
            .attributes
            .with(AttributeBit::Transactional, stamp.transactional);
        self.written = false;
    }

    /// Marks the batch as one that holds markers for readers (`control`).
    pub(crate) const fn mark_control(&mut self) {
        self.header.attributes = self.header.attributes.with(AttributeBit::Control, true);
        self.written = false;
    }

    /// The same records, compressed. Compare [`size`](Self::size) and keep the smaller one.
    ///
    /// `level` is the codec's own (`compression.gzip.level` and so on); `None` is its default.
    ///
    /// # Errors
    ///
    /// If the result does not fit into a batch.
    pub fn compress(
        &self,
        codec: Compression,
        level: Option<i32>,
    ) -> Result<Self, CompressionError> {
        let mut out = BytesMut::zeroed(HEADER_LEN);
        compression::compress(codec, level, &self.slice()[HEADER_LEN..], &mut out)?;
        if i32::try_from(out.len()).is_err() {
            return Err(CompressionError::TooLarge {
                codec,
                limit: i32::MAX as usize,
            });
        }
        let mut header = self.header;
        header.length = length_field(out.len());
        header.attributes = header.attributes.with_compression(codec);
        Ok(Self {
            bytes: Storage::Own(Vec::from(out)),
            header,
            written: false,
        })
    }

    /// The whole batch as it goes to the broker. Cheap after the first time: the bytes are shared.
    pub fn bytes(&mut self) -> Bytes {
        if !self.written {
            let mut own = match std::mem::replace(&mut self.bytes, Storage::Own(Vec::new())) {
                Storage::Own(own) => own,
                // Without a copy if all others have let go of it.
                Storage::Shared(shared) => Vec::from(shared),
            };
            write_header(&mut self.header, &mut own);
            self.bytes = Storage::Shared(Bytes::from(own));
            self.written = true;
        }
        match &self.bytes {
            Storage::Shared(shared) => shared.clone(),
            Storage::Own(own) => Bytes::copy_from_slice(own),
        }
    }

    /// The records alone, without the header.
    pub(super) fn into_records(self) -> Bytes {
        let bytes = match self.bytes {
            Storage::Own(own) => Bytes::from(own),
            Storage::Shared(shared) => shared,
        };
        bytes.slice(HEADER_LEN..)
    }

    /// The buffer for another batch, unless somebody still has its bytes.
    pub fn reclaim(self) -> Option<Vec<u8>> {
        match self.bytes {
            Storage::Own(own) => Some(own),
            Storage::Shared(shared) => shared.is_unique().then(|| Vec::from(shared)),
        }
    }

    fn slice(&self) -> &[u8] {
        match &self.bytes {
            Storage::Own(own) => own,
            Storage::Shared(shared) => shared,
        }
    }
}

fn write_header(header: &mut BatchHeader, batch: &mut [u8]) {
    if let Some(raw) = batch.first_chunk_mut::<HEADER_LEN>() {
        header.write(raw);
    }
    header.crc = compute_crc(batch);
    batch[CRC_AT..CRC_AT + 4].copy_from_slice(&header.crc.to_be_bytes());
}

/// The builder keeps batches below 2 GiB, so the length always fits.
fn length_field(size: usize) -> i32 {
    i32::try_from(size - LOG_OVERHEAD).unwrap_or(i32::MAX)
}
