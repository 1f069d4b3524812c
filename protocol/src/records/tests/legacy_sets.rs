//! Message formats 0 and 1 beyond what the golden files show: mostly what is wrong with them.

use bytes::BytesMut;

use super::super::legacy;
use super::*;

#[derive(Clone, Copy)]
struct Message<'a> {
    offset: i64,
    magic: u8,
    attributes: u8,
    value: Option<&'a [u8]>,
}

fn message(m: Message<'_>) -> Vec<u8> {
    let mut covered = vec![m.magic, m.attributes];
    if m.magic == 1 {
        covered.extend_from_slice(&T.to_be_bytes());
    }
    for bytes in [Some(&b"key"[..]), m.value] {
        let len = bytes.map_or(-1, |bytes| i32::try_from(bytes.len()).unwrap());
        covered.extend_from_slice(&len.to_be_bytes());
        covered.extend_from_slice(bytes.unwrap_or_default());
    }
    let size = i32::try_from(covered.len() + 4).unwrap();
    let mut raw = [
        &m.offset.to_be_bytes()[..],
        &size.to_be_bytes(),
        &[0; 4],
        &covered,
    ]
    .concat();
    let crc = legacy::compute_crc(&raw);
    raw[12..16].copy_from_slice(&crc.to_be_bytes());
    raw
}

fn wrap(magic: u8, codec: Compression, offset: i64, inner: &[u8]) -> Bytes {
    let mut packed = BytesMut::new();
    crate::compression::compress(codec, None, inner, &mut packed).unwrap();
    let attributes = u8::try_from(codec.id()).unwrap();
    Bytes::from(message(Message {
        offset,
        magic,
        attributes,
        value: Some(&packed),
    }))
}

fn plain(offset: i64, magic: u8) -> Vec<u8> {
    message(Message {
        offset,
        magic,
        attributes: 0,
        value: Some(b"value"),
    })
}

fn offsets(bytes: Bytes) -> Vec<i64> {
    let batch = only_batch(bytes);
    let records = batch.records(CAP).unwrap();
    records.check().unwrap();
    records
        .iter()
        .map(|record| record.unwrap().offset)
        .collect()
}

fn problem(bytes: Bytes) -> String {
    read_all(bytes).unwrap_err().reason.to_string()
}

#[test]
fn relative_offsets_count_back_from_the_wrapper() {
    let inner: Vec<u8> = (0..3).flat_map(|offset| plain(offset, 1)).collect();
    for codec in [Compression::Gzip, Compression::Snappy, Compression::Lz4] {
        assert_eq!(offsets(wrap(1, codec, 102, &inner)), [100, 101, 102]);
    }
    // Compaction took some away; the last one keeps its number.
    let inner = [plain(1, 1), plain(7, 1)].concat();
    assert_eq!(offsets(wrap(1, Compression::Gzip, 50, &inner)), [44, 50]);
}

#[test]
fn offsets_of_format_0_are_absolute_also_inside_of_a_wrapper() {
    let inner = [plain(10, 0), plain(20, 0)].concat();
    let bytes = wrap(0, Compression::Gzip, 20, &inner);
    assert_eq!(only_batch(bytes.clone()).next_offset(), 21);
    assert_eq!(offsets(bytes), [10, 20]);
}

#[test]
fn what_is_wrong_inside_of_a_wrapper_is_told() {
    let gzip = |inner: &[u8]| wrap(1, Compression::Gzip, 5, inner);
    let first = |what: &str| format!("record 0 of 1: {what}");
    assert_eq!(
        problem(gzip(&[])),
        first("compressed message holds no message")
    );
    assert_eq!(problem(gzip(&[1, 2, 3])), first("message is cut off"));
    assert_eq!(
        problem(gzip(&plain(0, 1)[..30])),
        first("message is cut off")
    );
    assert_eq!(
        problem(gzip(&plain(0, 0))),
        first("message has another format than the one it is compressed in")
    );
    assert_eq!(
        problem(gzip(&gzip(&plain(0, 1)))),
        first("message is compressed inside of a compressed one")
    );
    let mut wrong = plain(0, 1);
    wrong[14] ^= 1;
    assert!(problem(gzip(&wrong)).starts_with("checksum"));
    let bare = message(Message {
        offset: 5,
        magic: 1,
        attributes: 1,
        value: None,
    });
    assert_eq!(
        problem(Bytes::from(bare)),
        first("compressed message has no value")
    );
    let backwards = [plain(0, 1), plain(9, 1)].concat();
    assert_eq!(
        problem(gzip(&backwards)),
        "record 0 of 2: offset is out of range"
    );
    assert_eq!(
        problem(gzip(&plain(i64::MIN, 1))),
        format!("relative offset is {}", i64::MIN)
    );
}

#[test]
fn messages_that_no_broker_has_are_refused() {
    let mut short = plain(0, 1);
    short[8..12].copy_from_slice(&21i32.to_be_bytes());
    assert_eq!(
        problem(Bytes::from(short)),
        "length 21 is less than the 22 bytes of a header"
    );
    for offset in [-1, i64::MAX] {
        assert_eq!(
            problem(Bytes::from(plain(offset, 1))),
            format!("offset is {offset}")
        );
    }
    let unknown = message(Message {
        offset: 1,
        magic: 0,
        attributes: 5,
        value: Some(b""),
    });
    assert_eq!(problem(Bytes::from(unknown)), "compression codec is 5");
    let mut lies = plain(0, 0);
    lies[18..22].copy_from_slice(&i32::MAX.to_be_bytes());
    assert_eq!(
        problem(Bytes::from(lies)),
        "record 0 of 1: key is longer than the message"
    );
    let mut longer = plain(0, 0);
    longer.push(0);
    let size = i32::try_from(longer.len() - 12).unwrap();
    longer[8..12].copy_from_slice(&size.to_be_bytes());
    assert_eq!(
        problem(Bytes::from(longer)),
        "record 0 of 1: bytes are left after the value"
    );
}

#[test]
fn attributes_of_the_new_format_mean_nothing_in_the_old_ones() {
    let odd = Bytes::from(message(Message {
        offset: 1,
        magic: 1,
        attributes: 0xf0,
        value: None,
    }));
    let batch = only_batch(odd);
    assert!(!batch.is_control() && !batch.is_transactional());
    let odd = Bytes::from(message(Message {
        offset: 1,
        magic: 0,
        attributes: 0xf8,
        value: None,
    }));
    assert_eq!(
        only_batch(odd).timestamp_type(),
        TimestampType::NoTimestampType
    );
}

#[test]
fn a_message_cut_off_or_changed_anywhere_never_panics() {
    for magic in [0, 1] {
        let inner = [plain(0, magic), plain(1, magic)].concat();
        let bytes = [
            &plain(4, magic)[..],
            &wrap(magic, Compression::Snappy, 6, &inner),
        ]
        .concat();
        let first = plain(4, magic).len();
        for at in 0..bytes.len() {
            let batches = Batches::new(Bytes::copy_from_slice(&bytes[..at]));
            assert_eq!(
                batches.filter(Result::is_ok).count(),
                usize::from(at >= first)
            );
            for bit in 0..8 {
                let mut wrong = bytes.clone();
                wrong[at] ^= 1 << bit;
                let _ = read_all(Bytes::from(wrong));
            }
        }
    }
}
