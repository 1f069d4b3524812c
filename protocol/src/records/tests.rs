//! Batches there and back, and what is wrong with them.

use bytes::Bytes;

use super::*;

const CAP: usize = 1 << 20;

fn batch_of(records: &[Record<'_>]) -> Bytes {
    let mut builder = RecordBatchBuilder::new(CAP);
    for record in records {
        let before = builder.size();
        builder.append(record).unwrap();
        assert!(builder.size() - before <= record_size_upper_bound(record));
    }
    let size = builder.size();
    let mut sealed = builder.seal();
    assert_eq!(sealed.bytes().len(), size);
    sealed.bytes()
}

fn only_batch(bytes: Bytes) -> Batch {
    let mut batches = Batches::whole(bytes);
    let batch = batches.next().unwrap().unwrap();
    assert!(batches.next().is_none());
    batch.verify_crc().unwrap();
    batch
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
        Record {
            timestamp: 1_700_000_000_000,
            value: Some(b"value"),
            ..Record::default()
        },
        Record {
            timestamp: 1_700_000_000_005,
            key: Some(b"key"),
            value: None,
            headers: &headers,
        },
        Record {
            timestamp: 1_699_999_999_000,
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
    for (index, (view, record)) in decoded.iter().zip(&records).enumerate() {
        let view = view.unwrap();
        assert_eq!(view.offset, index as i64);
        assert_eq!(view.timestamp, record.timestamp);
        assert_eq!(view.key, record.key);
        assert_eq!(view.value, record.value);
        assert!(view.headers.iter().eq(record.headers.iter().copied()));
    }
    assert_eq!(decoded.iter().count(), records.len());
}
