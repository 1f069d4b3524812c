//! Batches there and back, and what is wrong with them.

mod building;
mod hostile;
mod legacy_sets;

use bytes::Bytes;

use super::*;
use crate::compression::Compression;

const CAP: usize = 1 << 20;
const T: i64 = 1_700_000_000_000;

fn record(value: &[u8]) -> Record<'_> {
    Record {
        timestamp: T,
        value: Some(value),
        ..Record::default()
    }
}

fn sealed(records: &[Record<'_>]) -> SealedBatch {
    let mut builder = RecordBatchBuilder::new(CAP);
    for record in records {
        let before = builder.size();
        builder.append(record).unwrap();
        assert!(builder.size() - before <= record_size_upper_bound(record));
    }
    let size = builder.size();
    let sealed = builder.seal();
    assert_eq!(sealed.size(), size);
    sealed
}

fn batch_of(records: &[Record<'_>]) -> Bytes {
    sealed(records).bytes()
}

fn only_batch(bytes: Bytes) -> Batch {
    let mut batches = Batches::whole(bytes);
    let batch = batches.next().unwrap().unwrap();
    assert!(batches.next().is_none());
    batch.verify_crc().unwrap();
    batch
}

/// Reads everything that can be read, as a consumer would, and returns the number of records.
fn read_all(bytes: Bytes) -> Result<usize, BatchError> {
    let mut count = 0;
    for batch in Batches::new(bytes) {
        let records = batch?.records(CAP)?;
        let (low, high) = records.iter().size_hint();
        let before = count;
        for record in &records {
            count += 1;
            record?.headers.iter().for_each(drop);
        }
        assert!(low <= count - before && count - before <= high.unwrap());
    }
    Ok(count)
}

#[test]
fn records_come_back_as_they_were_appended() {
    let headers = [
        Header {
            key: b"k",
            value: Some(b"1"),
        },
        Header {
            key: b"k",
            value: None,
        },
        Header {
            key: b"",
            value: Some(b""),
        },
        Header {
            key: &[0xff, 0xfe],
            value: Some(&[0; 300]),
        },
    ];
    let big = vec![7; 20_000];
    let records = [
        record(b"value"),
        Record {
            timestamp: T + 5,
            key: Some(b"key"),
            value: None,
            headers: &headers,
        },
        Record {
            timestamp: T - 1000,
            key: Some(b""),
            value: Some(&big),
            headers: &headers[..1],
        },
        Record {
            timestamp: i64::MIN,
            key: None,
            value: Some(b""),
            headers: &[],
        },
        Record {
            timestamp: i64::MAX,
            key: None,
            value: None,
            headers: &[],
        },
    ];
    let batch = only_batch(batch_of(&records));
    assert_eq!(batch.header().max_timestamp, i64::MAX);
    let decoded = batch.records(CAP).unwrap();
    assert_eq!(decoded.len(), records.len());
    for ((view, record), offset) in decoded.iter().zip(&records).zip(0..) {
        let view = view.unwrap();
        assert_eq!(view.offset, offset);
        assert_eq!(view.timestamp, record.timestamp);
        assert_eq!(view.key, record.key);
        assert_eq!(view.value, record.value);
        assert!(view.headers.iter().eq(record.headers.iter().copied()));
    }
    assert_eq!(decoded.iter().count(), records.len());
}

#[test]
fn duplicate_headers_null_values_and_keys_that_are_not_utf8_are_kept() {
    let headers = [
        Header {
            key: b"id",
            value: Some(b"first"),
        },
        Header {
            key: b"id",
            value: None,
        },
        Header {
            key: b"\xc3\x28",
            value: Some(b"?"),
        },
    ];
    let batch = only_batch(batch_of(&[Record {
        headers: &headers,
        ..record(b"v")
    }]));
    let records = batch.records(CAP).unwrap();
    let view = records.iter().next().unwrap().unwrap();
    assert_eq!(view.headers.len(), 3);
    assert_eq!(view.headers.into_iter().collect::<Vec<_>>(), headers);
    assert_eq!(view.headers.last(b"id"), Some(headers[1]));
    assert_eq!(view.headers.last(b"none"), None);
    assert_eq!(headers[0].key_utf8(), Some("id"));
    assert_eq!(view.headers.last(b"\xc3\x28").unwrap().key_utf8(), None);
}

#[test]
fn keys_and_values_share_the_buffer_that_a_fetch_brought() {
    let buffer = batch_of(&[record(b"shared")]);
    let records = only_batch(buffer.clone()).records(CAP).unwrap();
    let value = records.iter().next().unwrap().unwrap().value.unwrap();
    assert!(buffer.as_ptr_range().contains(&value.as_ptr()));
    assert_eq!(records.data().slice_ref(value), "shared");
}

#[test]
fn reading_goes_on_where_it_stopped() {
    let values: Vec<[u8; 4]> = (0..500u32).map(u32::to_be_bytes).collect();
    let all: Vec<Record<'_>> = values.iter().map(|value| record(value)).collect();
    let records = only_batch(batch_of(&all)).records(CAP).unwrap();
    let mut cursor = records.start();
    let mut seen = Vec::new();
    while cursor.records_left() > 0 {
        let mut iter = records.iter_from(cursor);
        seen.extend(iter.by_ref().take(7).map(|record| record.unwrap().offset));
        cursor = iter.cursor();
    }
    assert_eq!(seen, (0..500).collect::<Vec<i64>>());
    assert!(records.iter_from(cursor).next().is_none());
}

#[test]
fn compressed_batches_come_back_whatever_the_codec() {
    let values: Vec<String> = (0..1000).map(|i| format!("value number {i}")).collect();
    let all: Vec<Record<'_>> = values
        .iter()
        .map(|value| record(value.as_bytes()))
        .collect();
    let raw = sealed(&all);
    for codec in Compression::ALL {
        let mut packed = raw.compress(codec, None).unwrap();
        assert!(codec == Compression::None || packed.size() < raw.size());
        let batch = only_batch(packed.bytes());
        assert_eq!(batch.header().attributes.compression(), Ok(codec));
        let records = batch.records(CAP).unwrap();
        assert!(
            records
                .iter()
                .map(|view| view.unwrap().value.unwrap())
                .eq(all.iter().map(|r| r.value.unwrap()))
        );
    }
}

#[test]
fn a_batch_that_unpacks_to_more_than_allowed_is_refused() {
    let mut packed = sealed(&[record(&[0; 100_000])])
        .compress(Compression::Zstd, None)
        .unwrap();
    let error = only_batch(packed.bytes()).records(50_000).unwrap_err();
    assert_eq!(
        error.to_string(),
        "record batch at offset 0: zstd data unpacks to more than the limit of 50000 bytes"
    );
}

#[test]
fn control_records_are_told_apart_by_number() {
    assert_eq!(
        ControlType::parse(Some(&[0, 0, 0, 1])),
        Some(ControlType::COMMIT)
    );
    assert_eq!(
        ControlType::parse(Some(&[0, 9, 0, 77, 1, 2])),
        Some(ControlType(77))
    );
    assert_eq!(ControlType::parse(Some(&[0xff, 0xff, 0, 1])), None);
    assert_eq!(ControlType::parse(Some(&[0, 0, 0])), None);
    assert_eq!(ControlType::parse(None), None);
    let marker = EndTransactionMarker {
        committed: false,
        coordinator_epoch: 7,
    };
    let batch = only_batch(marker.batch(5, 6, T));
    assert!(batch.is_control() && batch.is_transactional());
    let records = batch.records(CAP).unwrap();
    let view = records.iter().next().unwrap().unwrap();
    assert_eq!(EndTransactionMarker::parse(&view), Some(marker));
    let leader_change = RecordView {
        key: Some(&[0, 0, 0, 2]),
        ..view
    };
    assert_eq!(EndTransactionMarker::parse(&leader_change), None);
    let cut_off = RecordView {
        value: Some(&[0, 0, 0]),
        ..view
    };
    assert_eq!(EndTransactionMarker::parse(&cut_off), None);
}

#[test]
fn a_broker_can_place_a_batch_without_decoding_it() {
    let mut packed = sealed(&[record(b"a"), record(b"b")])
        .compress(Compression::Lz4, None)
        .unwrap();
    let mut raw = packed.bytes().to_vec();
    set_base_offset(&mut raw, 1 << 40).unwrap();
    set_partition_leader_epoch(&mut raw, 12).unwrap();
    let batch = only_batch(Bytes::from(raw.clone()));
    assert_eq!(
        (batch.base_offset(), batch.next_offset()),
        (1 << 40, (1 << 40) + 2)
    );
    assert_eq!(batch.header().partition_leader_epoch, 12);
    assert_eq!(batch.timestamp_type(), TimestampType::CreateTime);

    set_log_append_time(&mut raw, T + 99).unwrap();
    let batch = only_batch(Bytes::from(raw));
    assert_eq!(batch.timestamp_type(), TimestampType::LogAppendTime);
    let records = batch.records(CAP).unwrap();
    assert!(records.iter().all(|view| view.unwrap().timestamp == T + 99));

    assert!(set_base_offset(&mut [0; 60], 1).is_err());
    assert!(set_partition_leader_epoch(&mut [0; 61], 1).is_err());
    assert!(set_log_append_time(&mut [], 1).is_err());
}

#[test]
fn sequence_numbers_wrap_to_zero() {
    let mut batch = sealed(&[record(b"a"), record(b"b"), record(b"c")]);
    for (base_sequence, last) in [
        (-1, -1),
        (0, 2),
        (i32::MAX - 2, i32::MAX),
        (i32::MAX - 1, 0),
        (i32::MAX, 1),
    ] {
        batch.stamp(ProducerStamp {
            base_sequence,
            ..ProducerStamp::NONE
        });
        assert_eq!(batch.header().last_sequence(), last);
    }
}
