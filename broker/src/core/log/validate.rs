//! What a batch of a produce request has to be before it gets into a log.

use bytes::Bytes;
use kconnect_protocol::ErrorCode;
use kconnect_protocol::compression::Compression;
use kconnect_protocol::records::{Batch, BatchError, Batches, RecordView};

/// The most that a batch may decompress to, in bytes. Java's broker has no such limit.
const DECOMPRESSED_MAX: usize = 64 << 20;
/// The version of Produce that brought zstd (KIP-110).
const ZSTD_SINCE: i16 = 7;

/// What a topic asks of its batches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// `max.message.bytes`
    pub max_message_bytes: usize,
    /// Whether `cleanup.policy` has `compact`, so that each record needs a key.
    pub compacted: bool,
    /// The range of timestamps that producers may set; `None` if the broker sets them.
    pub timestamps: Option<(i64, i64)>,
}

/// Why a batch is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub error: ErrorCode,
    pub message: String,
    /// The record at fault, by its place in the batch.
    pub record: Option<i32>,
}

impl Refused {
    pub(crate) fn new(error: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            error,
            message: message.into(),
            record: None,
        }
    }

    fn record(error: ErrorCode, index: usize, message: impl Into<String>) -> Self {
        Self {
            record: i32::try_from(index).ok(),
            ..Self::new(error, message)
        }
    }
}

/// Finds the one batch that a partition of a produce request may have, and looks at every record.
pub(crate) fn check(records: Option<Bytes>, version: i16, rules: &Rules) -> Result<Batch, Refused> {
    let records = records
        .filter(|records| !records.is_empty())
        .ok_or_else(|| {
            let message = "a produce request must have a record batch for each partition";
            Refused::new(ErrorCode::InvalidRecord, message)
        })?;
    let mut batches = Batches::whole(records);
    let batch = match batches.next() {
        Some(Ok(batch)) => batch,
        Some(Err(error)) => return Err(corrupt(&error)),
        None => return Err(Refused::new(ErrorCode::InvalidRecord, "no record batch")),
    };
    if batches.next().is_some() {
        let message = "a produce request must have exactly one batch for each partition";
        return Err(Refused::new(ErrorCode::InvalidRecord, message));
    }
    check_size(&batch, rules)?;
    batch.verify_crc().map_err(|error| corrupt(&error))?;
    check_header(&batch, version)?;
    check_records(&batch, rules)?;
    Ok(batch)
}

fn check_size(batch: &Batch, rules: &Rules) -> Result<(), Refused> {
    let (size, max) = (batch.bytes().len(), rules.max_message_bytes);
    if size <= max {
        return Ok(());
    }
    let message = format!("the batch has {size} bytes, max.message.bytes is {max}");
    Err(Refused::new(ErrorCode::MessageTooLarge, message))
}

fn check_header(batch: &Batch, version: i16) -> Result<(), Refused> {
    let header = batch.header();
    let invalid = |message: &str| Err(Refused::new(ErrorCode::InvalidRecord, message));
    if batch.is_control() {
        return invalid("clients are not allowed to write control batches");
    }
    if batch.is_transactional() {
        let message = "this broker has no transactions";
        return Err(Refused::new(ErrorCode::InvalidTxnState, message));
    }
    if header.record_count == 0 || header.last_offset_delta != header.record_count - 1 {
        return invalid("the last offset delta is not the number of records less one");
    }
    if header.producer_id >= 0 && (header.base_sequence < 0 || header.producer_epoch < 0) {
        return invalid("a producer id without an epoch or sequence number");
    }
    match header.attributes.compression() {
        Err(_) => invalid("the compression codec is not known"),
        Ok(Compression::Zstd) if version < ZSTD_SINCE => {
            let message = "zstd needs Produce 7 or later";
            Err(Refused::new(ErrorCode::UnsupportedCompressionType, message))
        }
        Ok(_) => Ok(()),
    }
}

fn check_records(batch: &Batch, rules: &Rules) -> Result<(), Refused> {
    let records = batch
        .records(DECOMPRESSED_MAX)
        .map_err(|error| Refused::new(ErrorCode::InvalidRecord, error.to_string()))?;
    for (index, record) in records.iter().enumerate() {
        let record = record
            .map_err(|error| Refused::record(ErrorCode::InvalidRecord, index, error.to_string()))?;
        check_record(index, &record, batch.base_offset(), rules)?;
    }
    Ok(())
}

fn check_record(
    index: usize,
    record: &RecordView<'_>,
    base_offset: i64,
    rules: &Rules,
) -> Result<(), Refused> {
    if usize::try_from(record.offset - base_offset) != Ok(index) {
        let message = "offset deltas do not rise by one";
        return Err(Refused::record(ErrorCode::InvalidRecord, index, message));
    }
    if rules.compacted && record.key.is_none() {
        let message = "a compacted topic cannot take a record without a key";
        return Err(Refused::record(ErrorCode::InvalidRecord, index, message));
    }
    if let Some((oldest, newest)) = rules.timestamps
        && record.timestamp >= 0
        && !(oldest..=newest).contains(&record.timestamp)
    {
        let message = format!(
            "timestamp {} is outside of the range {oldest} to {newest}",
            record.timestamp
        );
        return Err(Refused::record(ErrorCode::InvalidTimestamp, index, message));
    }
    Ok(())
}

fn corrupt(error: &BatchError) -> Refused {
    Refused::new(ErrorCode::CorruptMessage, error.to_string())
}

#[cfg(test)]
mod tests {
    use kconnect_protocol::records::{ProducerStamp, Record, RecordBatchBuilder};

    use super::*;

    const RULES: Rules = Rules {
        max_message_bytes: 1 << 20,
        compacted: false,
        timestamps: Some((0, 1_000)),
    };

    fn batch(timestamps: &[i64], key: Option<&[u8]>) -> Bytes {
        let mut builder = RecordBatchBuilder::new(1 << 16);
        for &timestamp in timestamps {
            let record = Record {
                timestamp,
                key,
                value: Some(b"v"),
                headers: &[],
            };
            builder.append(&record).unwrap();
        }
        let mut sealed = builder.seal();
        sealed.stamp(ProducerStamp::NONE);
        sealed.bytes()
    }

    #[track_caller]
    fn refused(records: Bytes, rules: &Rules) -> (ErrorCode, Option<i32>) {
        let refused = check(Some(records), 13, rules).expect_err("should be refused");
        (refused.error, refused.record)
    }

    #[test]
    fn a_good_batch_is_taken() {
        assert!(check(Some(batch(&[1, 2, 3], None)), 13, &RULES).is_ok());
    }

    #[test]
    fn one_batch_and_no_more_is_allowed() {
        let none = check(None, 13, &RULES).expect_err("no batch");
        assert_eq!(none.error, ErrorCode::InvalidRecord);
        let two = [batch(&[1], None), batch(&[1], None)].concat();
        assert_eq!(
            refused(two.into(), &RULES),
            (ErrorCode::InvalidRecord, None)
        );
    }

    #[test]
    fn a_changed_byte_is_found_by_its_checksum() {
        let mut bytes = batch(&[1], None).to_vec();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        assert_eq!(
            refused(bytes.into(), &RULES),
            (ErrorCode::CorruptMessage, None)
        );
    }

    #[test]
    fn a_batch_cut_off_anywhere_is_corrupt() {
        let bytes = batch(&[1], None);
        for end in 1..bytes.len() {
            let (error, _) = refused(bytes.slice(..end), &RULES);
            assert_eq!(error, ErrorCode::CorruptMessage, "at {end}");
        }
    }

    #[test]
    fn a_record_too_far_from_the_clock_is_named() {
        let late = refused(batch(&[1, 1_001], None), &RULES);
        assert_eq!(late, (ErrorCode::InvalidTimestamp, Some(1)));
    }

    #[test]
    fn a_compacted_topic_needs_keys() {
        let rules = Rules {
            compacted: true,
            ..RULES
        };
        let missing = refused(batch(&[1], None), &rules);
        assert_eq!(missing, (ErrorCode::InvalidRecord, Some(0)));
        assert!(check(Some(batch(&[1], Some(b"k"))), 13, &rules).is_ok());
    }

    #[test]
    fn a_batch_above_the_limit_is_too_large() {
        let rules = Rules {
            max_message_bytes: 60,
            ..RULES
        };
        let large = refused(batch(&[1], None), &rules);
        assert_eq!(large, (ErrorCode::MessageTooLarge, None));
    }
}
