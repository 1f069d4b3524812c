//! Bytes that no producer wrote: an error that says what is wrong, and never a panic or an allocation on their word.

use super::super::batch::{CRC_AT, compute_crc};
use super::*;

/// A batch whose header states what it is told to, with a checksum that fits.
fn forge(records: &[u8], change: impl FnOnce(&mut BatchHeader)) -> Bytes {
    let mut header = *only_batch(batch_of(&[record(b"x")])).header();
    header.length = i32::try_from(records.len() + HEADER_LEN - 12).unwrap();
    change(&mut header);
    let mut raw = [0; HEADER_LEN];
    header.write(&mut raw);
    let mut batch = [&raw[..], records].concat();
    let crc = compute_crc(&batch);
    batch[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_be_bytes());
    Bytes::from(batch)
}

fn problem(records: &[u8]) -> String {
    read_all(forge(records, |_| ()))
        .unwrap_err()
        .reason
        .to_string()
}

fn two_batches() -> Vec<u8> {
    let headers = [
        Header {
            key: b"h",
            value: Some(b"1"),
        },
        Header {
            key: b"h",
            value: None,
        },
    ];
    let full = Record {
        key: Some(b"key"),
        headers: &headers,
        ..record(b"value")
    };
    let first = batch_of(&[record(b"a"), full]);
    let second = sealed(&[full, record(&[0; 100])])
        .compress(Compression::Gzip, None)
        .unwrap()
        .bytes();
    [first, second].concat()
}

#[test]
fn a_fetch_cut_off_anywhere_gives_its_whole_batches_and_no_error() {
    let bytes = two_batches();
    let first = only_batch(
        Batches::new(Bytes::from(bytes.clone()))
            .next()
            .unwrap()
            .unwrap()
            .bytes()
            .clone(),
    )
    .bytes()
    .len();
    for cut in 0..=bytes.len() {
        let fetched = Bytes::copy_from_slice(&bytes[..cut]);
        let mut batches = Batches::new(fetched.clone());
        let whole = batches.by_ref().filter(Result::is_ok).count();
        let expected = usize::from(cut >= first) + usize::from(cut == bytes.len());
        assert_eq!(whole, expected, "cut at {cut}");
        assert_eq!(
            batches.truncated(),
            ![0, first, bytes.len()].contains(&cut),
            "cut at {cut}"
        );
        assert!(batches.next().is_none());
        // A produce request may not be cut off.
        let errors = Batches::whole(fetched).filter(Result::is_err).count();
        assert_eq!(errors, usize::from(batches.truncated()));
    }
}

#[test]
fn records_cut_off_anywhere_are_an_error() {
    let bytes = two_batches();
    let batch = Batches::new(Bytes::from(bytes)).next().unwrap().unwrap();
    for cut in HEADER_LEN..batch.bytes().len() {
        let count = batch.header().record_count;
        let forged = forge(&batch.bytes()[HEADER_LEN..cut], |header| {
            header.record_count = count
        });
        assert!(read_all(forged).is_err(), "cut at {cut}");
    }
}

#[test]
fn every_flipped_bit_is_found_by_the_checksum_or_stands_before_it() {
    let bytes = two_batches();
    let first = Batches::new(Bytes::from(bytes.clone()))
        .next()
        .unwrap()
        .unwrap()
        .bytes()
        .len();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut wrong = bytes.clone();
            wrong[at] ^= 1 << bit;
            let wrong = Bytes::from(wrong);
            // Without a look at the checksum all kinds of things may come out, but no panic.
            let _ = read_all(wrong.clone());
            let mut sound = Batches::new(wrong).filter(|batch| match batch {
                Ok(batch) => batch.verify_crc().is_ok(),
                Err(_) => false,
            });
            let place = if at < first { at } else { at - first };
            // Offset, length and leader epoch are not covered.
            assert!(place < 16 || sound.nth(1).is_none(), "byte {at} bit {bit}");
        }
    }
}

#[test]
fn random_bytes_never_panic() {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..20_000 {
        let len = usize::try_from(random() % 200).unwrap();
        let mut bytes: Vec<u8> = (0..len).map(|_| random().to_le_bytes()[0]).collect();
        if let Some(front) = bytes.first_chunk_mut::<17>() {
            // Most rounds get past the header.
            front[8..12]
                .copy_from_slice(&u32::try_from(len.saturating_sub(12)).unwrap().to_be_bytes());
            front[16] = u8::try_from(round % 4).unwrap();
        }
        let _ = read_all(Bytes::from(bytes.clone()));
        let sound = forge(&bytes, |header| {
            header.record_count = i32::from(bytes.first().copied().unwrap_or(0))
        });
        let _ = read_all(sound);
    }
}

#[test]
fn a_damaged_batch_is_reported_once_with_its_offset() {
    let good = batch_of(&[record(b"a")]);
    let bad = forge(&[], |header| {
        header.base_offset = 4711;
        header.length = 48;
    });
    let buffer = Bytes::from([&good[..], &bad, &good].concat());
    let mut batches = Batches::new(buffer);
    assert!(batches.next().unwrap().is_ok());
    let error = batches.next().unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "record batch at offset 4711: length 48 is less than the 49 bytes of a header"
    );
    assert!(batches.next().is_none() && !batches.truncated());
}

#[test]
fn headers_that_no_batch_has_are_refused() {
    let refused = |change: fn(&mut BatchHeader)| {
        let error = read_all(forge(&[], change)).unwrap_err();
        error.reason.to_string()
    };
    assert_eq!(refused(|h| h.record_count = -1), "record count is -1");
    assert_eq!(
        refused(|h| h.last_offset_delta = -5),
        "last offset delta is -5"
    );
    assert_eq!(refused(|h| h.base_offset = -1), "base offset is -1");
    assert_eq!(
        refused(|h| h.base_offset = i64::MAX),
        format!("base offset is {}", i64::MAX)
    );
    assert_eq!(
        refused(|h| h.length = -1),
        "length -1 is less than the 49 bytes of a header"
    );
    assert_eq!(
        refused(|h| h.magic = 3),
        "magic 3 is none of the known formats 0, 1 and 2"
    );
    assert_eq!(
        refused(|h| h.attributes = Attributes(7)),
        "compression codec is 7"
    );
    assert_eq!(
        refused(|h| h.record_count = i32::MAX),
        "record 0 of 2147483647: there are fewer records than the header states"
    );
}

#[test]
fn a_wrong_checksum_says_both_numbers() {
    let mut wrong = batch_of(&[record(b"a")]).to_vec();
    wrong[CRC_AT] ^= 1;
    let batch = Batches::new(Bytes::from(wrong)).next().unwrap().unwrap();
    let error = batch.verify_crc().unwrap_err();
    let BatchErrorReason::Checksum { stored, computed } = error.reason else {
        panic!("{error}");
    };
    assert_eq!(stored ^ computed, 0x0100_0000);
}

#[test]
fn records_that_no_client_writes_are_refused() {
    // length, attributes, timestamp delta, offset delta, key length, value length, header count
    assert_eq!(read_all(forge(&[12, 0, 0, 0, 1, 1, 0], |_| ())), Ok(1));
    let first = |what: &str| format!("record 0 of 1: {what}");
    assert_eq!(
        problem(&[]),
        first("there are fewer records than the header states")
    );
    assert_eq!(problem(&[1, 0]), first("length is negative"));
    assert_eq!(
        problem(&[14, 0, 0, 0, 1, 1, 0]),
        first("record is longer than the batch")
    );
    assert_eq!(
        problem(&[0xff, 0xff, 0xff, 0xff, 0xff, 0]),
        first("length is damaged")
    );
    assert_eq!(
        problem(&[0xfe, 0xff, 0xff, 0xff, 0x0f]),
        first("record is longer than the batch")
    );
    assert_eq!(problem(&[0]), first("no attributes"));
    assert_eq!(problem(&[2, 0]), first("timestamp delta is damaged"));
    assert_eq!(problem(&[4, 0, 0]), first("offset delta is damaged"));
    assert_eq!(
        problem(&[12, 0, 0, 0, 3, 1, 0]),
        first("key is longer than the record")
    );
    assert_eq!(
        problem(&[12, 0, 0, 0, 8, 1, 0]),
        first("key is longer than the record")
    );
    assert_eq!(
        problem(&[12, 0, 0, 0, 1, 8, 0]),
        first("value is longer than the record")
    );
    assert_eq!(
        problem(&[12, 0, 0, 0, 1, 1, 1]),
        first("header count is negative")
    );
    assert_eq!(
        problem(&[12, 0, 0, 0, 1, 1, 2]),
        first("header key is longer than the record")
    );
    assert_eq!(
        problem(&[16, 0, 0, 0, 1, 1, 2, 1, 1]),
        first("header key is null")
    );
    assert_eq!(
        problem(&[16, 0, 0, 0, 1, 1, 2, 0, 2]),
        first("header value is longer than the record")
    );
    assert_eq!(
        problem(&[14, 0, 0, 0, 1, 1, 0, 0]),
        first("bytes are left after the last header")
    );
    assert_eq!(
        problem(&[12, 0, 0, 1, 1, 1, 0]),
        first("offset is out of range")
    );
    assert_eq!(
        problem(&[12, 0, 0, 0, 1, 1, 0, 0, 0]),
        "2 bytes are left after the last of 1 records"
    );
    // A count of 2^31 - 1 headers in a record of a few bytes.
    assert_eq!(
        problem(&[20, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f]),
        first("header key is longer than the record")
    );
}

#[test]
fn iteration_ends_with_the_first_error() {
    let bytes = forge(
        &[12, 0, 0, 0, 1, 1, 0, 1, 1, 12, 0, 0, 0, 1, 1, 0],
        |header| header.record_count = 3,
    );
    let records = only_batch(bytes).records(CAP).unwrap();
    let results: Vec<bool> = records.iter().map(|record| record.is_ok()).collect();
    assert_eq!(results, [true, false]);
    assert!(records.check().is_err());
}

#[test]
fn a_batch_emptied_by_compaction_still_says_where_to_go_on() {
    let bytes = forge(&[], |header| {
        header.base_offset = 1000;
        header.last_offset_delta = 99;
        header.record_count = 0;
    });
    let batch = only_batch(bytes);
    assert_eq!((batch.last_offset(), batch.next_offset()), (1099, 1100));
    assert_eq!(batch.records(CAP).unwrap().iter().count(), 0);
}

#[test]
fn the_highest_offsets_do_not_overflow() {
    let highest = i64::MAX - i64::from(i32::MAX) - 1;
    let bytes = forge(&[12, 0, 0, 0, 1, 1, 0], |header| {
        header.base_offset = highest;
        header.last_offset_delta = i32::MAX;
    });
    assert_eq!(only_batch(bytes).next_offset(), i64::MAX);
}
