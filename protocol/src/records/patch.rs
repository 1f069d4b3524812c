//! What a broker changes in a batch that it appends, in place and without decoding it.

use super::batch::{AttributeBit, BatchHeader, CRC_AT, CRC_FROM, compute_crc};
use super::error::BatchError;

/// Sets the offset of the first record; the checksum does not cover it.
///
/// # Errors
///
/// If `batch` is not a batch of magic 2.
pub fn set_base_offset(batch: &mut [u8], base_offset: i64) -> Result<(), BatchError> {
    BatchHeader::parse(batch)?;
    batch[..8].copy_from_slice(&base_offset.to_be_bytes());
    Ok(())
}

/// Sets the epoch of the leader that appends; the checksum does not cover it.
///
/// # Errors
///
/// If `batch` is not a batch of magic 2.
pub fn set_partition_leader_epoch(batch: &mut [u8], epoch: i32) -> Result<(), BatchError> {
    BatchHeader::parse(batch)?;
    batch[12..16].copy_from_slice(&epoch.to_be_bytes());
    Ok(())
}

/// Makes `timestamp` (milliseconds) that of every record (`message.timestamp.type=LogAppendTime`) and computes the
/// checksum anew. The records stay as they are, compressed ones too.
///
/// # Errors
///
/// If `batch` is not exactly one whole batch of magic 2.
pub fn set_log_append_time(batch: &mut [u8], timestamp: i64) -> Result<(), BatchError> {
    let header = BatchHeader::parse(batch)?;
    let attributes = header.attributes.with(AttributeBit::LogAppendTime, true);
    batch[CRC_FROM..CRC_FROM + 2].copy_from_slice(&attributes.0.to_be_bytes());
    batch[35..43].copy_from_slice(&timestamp.to_be_bytes());
    let crc = compute_crc(batch);
    batch[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_be_bytes());
    Ok(())
}
