//! The limits of a batch, and its life after it is sealed.

use proptest::prelude::*;

use super::*;

#[test]
fn a_record_that_does_not_fit_is_refused_and_changes_nothing() {
    let mut builder = RecordBatchBuilder::new(200);
    let value = [1; 50];
    assert_eq!(builder.append(&record(&value)), Ok(0));
    assert_eq!(builder.append(&record(&value)), Ok(1));
    let size = builder.size();
    let error = builder.append(&record(&value)).unwrap_err();
    assert_eq!(
        error,
        AppendError::Full {
            size: 57,
            limit: 200
        }
    );
    assert_eq!((builder.size(), builder.len()), (size, 2));
    // A smaller one still fits, up to the last byte.
    let rest = 200 - size;
    assert_eq!(builder.append(&record(&vec![2; rest - 7])), Ok(2));
    assert_eq!(builder.size(), 200);
    assert_eq!(
        only_batch(builder.seal().bytes())
            .records(CAP)
            .unwrap()
            .iter()
            .count(),
        3
    );
}

#[test]
fn the_first_record_is_taken_whatever_its_size() {
    let mut builder = RecordBatchBuilder::new(100);
    assert_eq!(builder.append(&record(&[1; 5000])), Ok(0));
    assert!(matches!(
        builder.append(&record(b"")),
        Err(AppendError::Full { .. })
    ));
    assert_eq!(read_all(builder.seal().bytes()), Ok(1));
}

#[test]
fn a_refused_first_record_leaves_no_trace_in_the_timestamps() {
    let mut builder = RecordBatchBuilder::new(100);
    assert_eq!((builder.max_timestamp(), builder.is_empty()), (-1, true));
    builder
        .append(&Record {
            timestamp: 7,
            ..record(&[1; 50])
        })
        .unwrap();
    builder
        .append(&Record {
            timestamp: 99,
            ..record(&[1; 50])
        })
        .unwrap_err();
    assert_eq!(builder.max_timestamp(), 7);
}

#[test]
fn an_empty_batch_can_be_sealed_and_read() {
    let batch = only_batch(RecordBatchBuilder::new(100).seal().bytes());
    assert!(batch.records(CAP).unwrap().is_empty());
    assert_eq!(read_all(batch.bytes().clone()), Ok(0));
}

#[test]
fn bytes_that_were_given_away_never_change() {
    let mut batch = sealed(&[record(b"a")]);
    let stamp = |base_sequence| ProducerStamp {
        producer_id: 1,
        producer_epoch: 2,
        base_sequence,
        transactional: false,
    };
    batch.stamp(stamp(10));
    let first = batch.bytes();
    let copy = first.to_vec();
    batch.stamp(stamp(20));
    let second = batch.bytes();
    assert_eq!(first, copy);
    assert_eq!(only_batch(first).header().base_sequence, 10);
    assert_eq!(only_batch(second.clone()).header().base_sequence, 20);
    // Once nobody has them any more, the next stamp needs no copy.
    let address = second.as_ptr();
    drop(second);
    batch.stamp(stamp(30));
    assert_eq!(batch.bytes().as_ptr(), address);
    assert_eq!(only_batch(batch.bytes()).header().base_sequence, 30);
}

#[test]
fn a_buffer_is_used_again_once_nobody_needs_its_bytes() {
    let mut batch = sealed(&[record(&[9; 1000])]);
    let sent = batch.bytes();
    let address = sent.as_ptr();
    assert!(batch.clone().reclaim().is_none());
    drop(sent);
    let buffer = batch.reclaim().unwrap();
    let mut builder = RecordBatchBuilder::with_buffer(buffer, CAP);
    builder.append(&record(b"next")).unwrap();
    let bytes = builder.seal().bytes();
    assert_eq!(bytes.as_ptr(), address);
    assert_eq!(read_all(bytes), Ok(1));
}

#[derive(Clone, Debug)]
struct Owned {
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        9 => proptest::collection::vec(any::<u8>(), 0..80),
        // Where lengths begin to take three bytes.
        1 => (8150usize..8200, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
    ]
}

fn owned() -> impl Strategy<Value = Owned> {
    let headers = proptest::collection::vec((bytes(), proptest::option::of(bytes())), 0..4);
    let timestamp = prop_oneof![9 => T..T + 100_000, 1 => any::<i64>()];
    (
        timestamp,
        proptest::option::of(bytes()),
        proptest::option::of(bytes()),
        headers,
    )
        .prop_map(|(timestamp, key, value, headers)| Owned {
            timestamp,
            key,
            value,
            headers,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_records_come_back(all in proptest::collection::vec(owned(), 1..40), codec in 0usize..5) {
        let mut builder = RecordBatchBuilder::new(usize::MAX);
        for one in &all {
            let headers = one.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() });
            let (key, value) = (one.key.as_deref(), one.value.as_deref());
            builder.append_parts(one.timestamp, key, value, headers).unwrap();
        }
        let mut packed = builder.seal().compress(Compression::ALL[codec], None).unwrap();
        let batch = only_batch(packed.bytes());
        let records = batch.records(CAP * 16).unwrap();
        prop_assert_eq!(records.check(), Ok(()));
        prop_assert_eq!(records.len(), all.len());
        for (view, one) in records.iter().zip(&all) {
            let view = view.unwrap();
            prop_assert_eq!(view.timestamp, one.timestamp);
            prop_assert_eq!(view.key, one.key.as_deref());
            prop_assert_eq!(view.value, one.value.as_deref());
            let headers = one.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() });
            prop_assert!(view.headers.iter().eq(headers));
        }
    }
}
