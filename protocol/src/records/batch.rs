//! A batch as it came: its header, its checksum, and the way to its records.

use bytes::Bytes;

use super::error::{BatchError, BatchErrorReason};
use super::iter::Records;
use super::legacy;
use crate::compression::{self, Compression};

/// Bytes of the header of a batch, up to the first record.
pub const HEADER_LEN: usize = 61;

/// Base offset and length, which the length does not count.
pub(crate) const LOG_OVERHEAD: usize = 12;
/// What the length must at least be in magic 2.
pub(crate) const LEAST_LENGTH: i32 = 49;
/// Where the checksum stands, and where the bytes begin that it covers.
pub(crate) const CRC_AT: usize = 17;
pub(crate) const CRC_FROM: usize = 21;
/// Where the magic byte stands in all formats.
pub(crate) const MAGIC_AT: usize = 16;

/// The attributes of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes(pub i16);

impl Attributes {
    const COMPRESSION: i16 = 0x07;
    const LOG_APPEND_TIME: i16 = 1 << 3;
    const TRANSACTIONAL: i16 = 1 << 4;
    const CONTROL: i16 = 1 << 5;
    const DELETE_HORIZON: i16 = 1 << 6;

    /// How the records are compressed.
    ///
    /// # Errors
    ///
    /// The number of a codec that is not known.
    pub const fn compression(self) -> Result<Compression, i16> {
        match Compression::from_id(self.0 & Self::COMPRESSION) {
            Some(compression) => Ok(compression),
            None => Err(self.0 & Self::COMPRESSION),
        }
    }

    /// Who set the timestamps.
    pub const fn timestamp_type(self) -> TimestampType {
        if self.0 & Self::LOG_APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the batch belongs to a transaction.
    pub const fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    /// Whether the batch holds a marker for readers instead of data.
    pub const fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    /// Whether the base timestamp is the time after which compaction may drop the tombstones (KIP-534).
    pub const fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }

    pub(crate) const fn with(self, bit: AttributeBit, set: bool) -> Self {
        let bit = match bit {
            AttributeBit::LogAppendTime => Self::LOG_APPEND_TIME,
            AttributeBit::Transactional => Self::TRANSACTIONAL,
            AttributeBit::Control => Self::CONTROL,
        };
        Self(if set { self.0 | bit } else { self.0 & !bit })
    }

    pub(crate) const fn with_compression(self, compression: Compression) -> Self {
        Self(self.0 & !Self::COMPRESSION | compression.id())
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum AttributeBit {
    LogAppendTime,
    Transactional,
    Control,
}

/// Who set the timestamps of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::enum_variant_names, reason = "these are Kafka's names")]
pub enum TimestampType {
    /// Nobody: message format 0 has none.
    NoTimestampType,
    /// The producer.
    #[default]
    CreateTime,
    /// The broker, when it appended the batch (`message.timestamp.type=LogAppendTime`).
    LogAppendTime,
}

/// The header of a batch, cheap to read: no checksum is computed and no record looked at.
///
/// For a message of format 0 or 1 it is filled in as if it were a batch of one record without a producer id; of a
/// compressed wrapper of those formats `base_offset` is the offset of its *last* message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// The offset of the first record.
    pub base_offset: i64,
    /// Bytes after the length field.
    pub length: i32,
    /// The epoch of the leader that appended the batch; -1 if not known.
    pub partition_leader_epoch: i32,
    /// The format: 2, or 0 and 1 for the old message sets.
    pub magic: i8,
    /// The checksum as it stands there.
    pub crc: u32,
    /// Compression, timestamp type, transactional, control.
    pub attributes: Attributes,
    /// What to add to the base offset for the last offset that the batch covers.
    pub last_offset_delta: i32,
    /// Milliseconds; the timestamps of the records count from here.
    pub base_timestamp: i64,
    /// Milliseconds; the highest timestamp, or with LogAppendTime that of every record.
    pub max_timestamp: i64,
    /// -1 if the producer was not idempotent.
    pub producer_id: i64,
    /// -1 without a producer id.
    pub producer_epoch: i16,
    /// The sequence number of the first record; -1 without a producer id.
    pub base_sequence: i32,
    /// The number of records; fewer than offsets after compaction, perhaps 0.
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads the header of the batch at the front of `bytes`, which may be longer or cut off after the header.
    ///
    /// # Errors
    ///
    /// If the header is cut off, is not of magic 2, or has a number that no batch has.
    pub fn parse(bytes: &[u8]) -> Result<Self, BatchError> {
        let Some(raw) = bytes.first_chunk::<HEADER_LEN>() else {
            let base_offset = bytes
                .first_chunk()
                .map_or(-1, |raw| i64::from_be_bytes(*raw));
            return Err(BatchErrorReason::Truncated {
                needed: HEADER_LEN,
                available: bytes.len(),
            }
            .at(base_offset));
        };
        let header = Self::read(raw);
        header
            .check()
            .map_err(|reason| reason.at(header.base_offset))?;
        Ok(header)
    }

    fn read(raw: &[u8; HEADER_LEN]) -> Self {
        Self {
            base_offset: i64::from_be_bytes(field(raw, 0)),
            length: i32::from_be_bytes(field(raw, 8)),
            partition_leader_epoch: i32::from_be_bytes(field(raw, 12)),
            magic: i8::from_be_bytes(field(raw, MAGIC_AT)),
            crc: u32::from_be_bytes(field(raw, CRC_AT)),
            attributes: Attributes(i16::from_be_bytes(field(raw, CRC_FROM))),
            last_offset_delta: i32::from_be_bytes(field(raw, 23)),
            base_timestamp: i64::from_be_bytes(field(raw, 27)),
            max_timestamp: i64::from_be_bytes(field(raw, 35)),
            producer_id: i64::from_be_bytes(field(raw, 43)),
            producer_epoch: i16::from_be_bytes(field(raw, 51)),
            base_sequence: i32::from_be_bytes(field(raw, 53)),
            record_count: i32::from_be_bytes(field(raw, 57)),
        }
    }

    fn check(&self) -> Result<(), BatchErrorReason> {
        let wrong = |field, value| Err(BatchErrorReason::Header { field, value });
        if self.magic != 2 {
            return Err(BatchErrorReason::Magic { magic: self.magic });
        }
        if self.length < LEAST_LENGTH {
            return Err(BatchErrorReason::Length {
                length: self.length,
                least: LEAST_LENGTH,
            });
        }
        if self.base_offset < 0 {
            return wrong("base offset", self.base_offset);
        }
        if self.last_offset_delta < 0 {
            return wrong("last offset delta", i64::from(self.last_offset_delta));
        }
        if self.record_count < 0 {
            return wrong("record count", i64::from(self.record_count));
        }
        // So that `next_offset` cannot overflow.
        if self.base_offset > i64::MAX - i64::from(i32::MAX) - 1 {
            return wrong("base offset", self.base_offset);
        }
        Ok(())
    }

    pub(crate) fn write(&self, out: &mut [u8; HEADER_LEN]) {
        out[..8].copy_from_slice(&self.base_offset.to_be_bytes());
        out[8..12].copy_from_slice(&self.length.to_be_bytes());
        out[12..16].copy_from_slice(&self.partition_leader_epoch.to_be_bytes());
        out[16..17].copy_from_slice(&self.magic.to_be_bytes());
        out[17..21].copy_from_slice(&self.crc.to_be_bytes());
        out[21..23].copy_from_slice(&self.attributes.0.to_be_bytes());
        out[23..27].copy_from_slice(&self.last_offset_delta.to_be_bytes());
        out[27..35].copy_from_slice(&self.base_timestamp.to_be_bytes());
        out[35..43].copy_from_slice(&self.max_timestamp.to_be_bytes());
        out[43..51].copy_from_slice(&self.producer_id.to_be_bytes());
        out[51..53].copy_from_slice(&self.producer_epoch.to_be_bytes());
        out[53..57].copy_from_slice(&self.base_sequence.to_be_bytes());
        out[57..61].copy_from_slice(&self.record_count.to_be_bytes());
    }

    /// Bytes of the whole batch, header included.
    pub fn size(&self) -> usize {
        // `check` has seen to it that the length is not negative.
        usize::try_from(self.length).unwrap_or(0) + LOG_OVERHEAD
    }

    /// The last offset that the batch covers, even if compaction removed the record there.
    pub const fn last_offset(&self) -> i64 {
        self.base_offset + self.last_offset_delta as i64
    }

    /// Where to go on reading after this batch.
    pub const fn next_offset(&self) -> i64 {
        self.last_offset() + 1
    }

    /// Holds `batch`, the whole batch of this header, against the checksum.
    ///
    /// # Errors
    ///
    /// If they differ.
    pub fn verify_crc(&self, batch: &[u8]) -> Result<(), BatchError> {
        let computed = if self.magic < 2 {
            legacy::compute_crc(batch)
        } else {
            compute_crc(batch)
        };
        if computed == self.crc {
            return Ok(());
        }
        Err(BatchErrorReason::Checksum {
            stored: self.crc,
            computed,
        }
        .at(self.base_offset))
    }

    /// The sequence number of the last record, which wraps from `i32::MAX` to 0; -1 without a producer id.
    pub const fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return -1;
        }
        // Adding in u32 cannot overflow; the sign bit is dropped, which is the wrap to 0.
        let sum = self.base_sequence.cast_unsigned() + self.last_offset_delta.cast_unsigned();
        (sum & 0x7fff_ffff).cast_signed()
    }
}

#[inline]
fn field<const N: usize>(raw: &[u8; HEADER_LEN], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&raw[at..at + N]);
    out
}

/// The checksum of a whole batch of magic 2, as its bytes are.
pub(crate) fn compute_crc(batch: &[u8]) -> u32 {
    crc32c::crc32c(batch.get(CRC_FROM..).unwrap_or(&[]))
}

/// One whole batch of any format: its header has been read, its records not yet.
///
/// Cheap to clone: the bytes are shared.
#[derive(Clone, Debug)]
pub struct Batch {
    bytes: Bytes,
    header: BatchHeader,
}

impl Batch {
    pub(crate) const fn new(bytes: Bytes, header: BatchHeader) -> Self {
        Self { bytes, header }
    }

    /// The header.
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// All bytes of the batch, header included.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The offset of the first record; see [`BatchHeader`] for the old formats.
    pub const fn base_offset(&self) -> i64 {
        self.header.base_offset
    }

    /// The last offset that the batch covers.
    pub const fn last_offset(&self) -> i64 {
        self.header.last_offset()
    }

    /// Where to go on reading after this batch, even when it holds no record any more.
    pub const fn next_offset(&self) -> i64 {
        self.header.next_offset()
    }

    /// Whether the batch holds a marker for readers instead of data.
    pub const fn is_control(&self) -> bool {
        self.header.attributes.is_control()
    }

    /// Whether the batch belongs to a transaction.
    pub const fn is_transactional(&self) -> bool {
        self.header.attributes.is_transactional()
    }

    /// Who set the timestamps.
    pub const fn timestamp_type(&self) -> TimestampType {
        if self.header.magic == 0 {
            return TimestampType::NoTimestampType;
        }
        self.header.attributes.timestamp_type()
    }

    /// Holds the bytes against the checksum in the header (`check.crcs`).
    ///
    /// # Errors
    ///
    /// If they differ.
    pub fn verify_crc(&self) -> Result<(), BatchError> {
        self.header.verify_crc(&self.bytes)
    }

    /// The records, decompressed into at most `max_size` bytes; without compression nothing is copied.
    ///
    /// # Errors
    ///
    /// If the codec is not known, or the data is damaged or longer than `max_size`.
    pub fn records(&self, max_size: usize) -> Result<Records, BatchError> {
        self.open(max_size)
            .map_err(|reason| reason.at(self.header.base_offset))
    }

    fn open(&self, max_size: usize) -> Result<Records, BatchErrorReason> {
        if self.header.magic < 2 {
            return legacy::open(&self.bytes, max_size).map(Records::of_messages);
        }
        let codec =
            self.header
                .attributes
                .compression()
                .map_err(|codec| BatchErrorReason::Header {
                    field: "compression codec",
                    value: i64::from(codec),
                })?;
        let data = compression::decompress(codec, &self.bytes.slice(HEADER_LEN..), max_size)?;
        Ok(Records::new(data, &self.header))
    }
}
