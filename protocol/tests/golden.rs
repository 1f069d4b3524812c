//! Record batches that Kafka's own Java classes wrote are read as those classes read them, and they read ours.
//!
//! `golden/Golden.java` made `golden/java.txt`, and `golden/ours.txt` from what [`batches_of_ours`] wrote: a name, the
//! bytes in hex, and then what Java sees in them. To make `ours.txt` anew, run this test with `UPDATE=1`, which writes
//! `ours.hex`, and follow the head of `Golden.java`.

#![expect(
    clippy::unwrap_used,
    reason = "a golden file that cannot be parsed is a failed test"
)]

use std::fmt::Write;

use bytes::Bytes;
use kconnect_protocol::compression::Compression;
use kconnect_protocol::records::{
    Batch, Batches, EndTransactionMarker, Header, ProducerStamp, Record, RecordBatchBuilder,
    RecordView, TimestampType, set_base_offset, set_log_append_time, set_partition_leader_epoch,
};

const T: i64 = 1_700_000_000_000;
const CAP: usize = 1 << 20;

struct Golden<'a> {
    name: &'a str,
    bytes: Bytes,
    seen: &'a str,
}

fn parse(file: &str) -> Vec<Golden<'_>> {
    let cases = file.split("= ").skip(1).map(|case| {
        let (name, rest) = case.split_once('\n').unwrap();
        let (hex, seen) = rest.split_once('\n').unwrap();
        let bytes = hex.as_bytes().chunks(2).map(|pair| {
            let pair = std::str::from_utf8(pair).unwrap();
            u8::from_str_radix(pair, 16).unwrap()
        });
        Golden {
            name,
            bytes: bytes.collect(),
            seen: seen.trim_end(),
        }
    });
    cases.collect()
}

fn text(bytes: Option<&[u8]>) -> String {
    match bytes {
        None => "null".to_owned(),
        Some(bytes) if bytes.len() <= 16 => bytes
            .iter()
            .fold("x".to_owned(), |hex, byte| format!("{hex}{byte:02x}")),
        Some(bytes) => format!("{}#{:x}", bytes.len(), crc32c::crc32c(bytes)),
    }
}

fn show_record(record: &RecordView<'_>, control: bool, out: &mut String) {
    let (key, value) = (text(record.key), text(record.value));
    write!(
        out,
        "record {} {} {key} {value}",
        record.offset, record.timestamp
    )
    .unwrap();
    for header in record.headers {
        write!(out, " {}={}", text(Some(header.key)), text(header.value)).unwrap();
    }
    out.push('\n');
    if control {
        let marker = EndTransactionMarker::parse(record).unwrap();
        let kind = if marker.committed { "COMMIT" } else { "ABORT" };
        writeln!(out, "marker {kind} {}", marker.coordinator_epoch).unwrap();
    }
}

fn show_batch(batch: &Batch, out: &mut String) {
    batch.verify_crc().unwrap();
    let header = batch.header();
    let time = match batch.timestamp_type() {
        TimestampType::NoTimestampType => "NoTimestampType",
        TimestampType::CreateTime => "CreateTime",
        TimestampType::LogAppendTime => "LogAppendTime",
    };
    let codec = header.attributes.compression().unwrap();
    let (magic, next, max) = (header.magic, batch.next_offset(), header.max_timestamp);
    write!(
        out,
        "batch magic={magic} next={next} codec={codec} time={time} max={max}"
    )
    .unwrap();
    if header.magic == 2 {
        write!(
            out,
            " base={} leader_epoch={} producer={}/{}/{}..{} transactional={} control={} count={}",
            header.base_offset,
            header.partition_leader_epoch,
            header.producer_id,
            header.producer_epoch,
            header.base_sequence,
            header.last_sequence(),
            batch.is_transactional(),
            batch.is_control(),
            header.record_count,
        )
        .unwrap();
    }
    out.push('\n');
    let records = batch.records(CAP).unwrap();
    records.check().unwrap();
    let mut lines = String::new();
    for record in &records {
        show_record(&record.unwrap(), batch.is_control(), &mut lines);
    }
    if records.len() > 20 {
        lines = format!("records {}\n", text(Some(lines.as_bytes())));
    }
    out.push_str(&lines);
}

fn show(bytes: &Bytes) -> String {
    let mut out = String::new();
    for batch in Batches::whole(bytes.clone()) {
        show_batch(&batch.unwrap(), &mut out);
    }
    out.trim_end().to_owned()
}

#[test]
fn what_java_writes_is_read_as_java_reads_it() {
    let cases = parse(include_str!("golden/java.txt"));
    assert_eq!(cases.len(), 33);
    for case in cases {
        assert_eq!(show(&case.bytes), case.seen, "{}", case.name);
    }
}

#[test]
fn java_reads_what_ours_wrote_as_ours_does() {
    let cases = parse(include_str!("golden/ours.txt"));
    let ours = batches_of_ours();
    if std::env::var_os("UPDATE").is_some() {
        let hex = |bytes: &Bytes| {
            bytes
                .iter()
                .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
        };
        let lines: Vec<String> = ours
            .iter()
            .map(|(name, bytes)| format!("{name} {}\n", hex(bytes)))
            .collect();
        let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/ours.hex");
        std::fs::write(path, lines.concat()).unwrap();
    }
    assert_eq!(cases.len(), ours.len());
    for (case, (name, bytes)) in cases.iter().zip(&ours) {
        assert_eq!(case.name, name);
        assert_eq!(show(&case.bytes), case.seen, "{name}");
        // Another version of a codec may pack differently; the rest of our output may not change.
        assert_eq!(show(bytes), case.seen, "{name}");
        if !name.starts_with("codec_") {
            assert_eq!(*bytes, case.bytes, "{name}");
        }
    }
}

fn seal(records: &[Record<'_>], codec: Compression, stamp: ProducerStamp) -> Bytes {
    let mut builder = RecordBatchBuilder::new(CAP);
    for record in records {
        builder.append(record).unwrap();
    }
    let mut sealed = builder.seal();
    if codec != Compression::None {
        sealed = sealed.compress(codec, None).unwrap();
    }
    sealed.stamp(stamp);
    sealed.bytes()
}

fn record<'a>(
    timestamp: i64,
    key: Option<&'a str>,
    value: Option<&'a str>,
    headers: &'a [Header<'a>],
) -> Record<'a> {
    Record {
        timestamp,
        key: key.map(str::as_bytes),
        value: value.map(str::as_bytes),
        headers,
    }
}

/// The same as in `Golden.java`.
fn many(codec: Compression, count: usize) -> Bytes {
    let tags = "\"tag\",";
    let texts: Vec<(String, String)> = (0..count)
        .map(|i| {
            let tags = tags.repeat(i % 60);
            let value = format!(
                "{{\"id\":{i},\"name\":\"a record of the golden batch\",\"tags\":[{tags}0]}}"
            );
            (format!("key-{}", i % 7), value)
        })
        .collect();
    let records: Vec<Record<'_>> = (T..)
        .zip(&texts)
        .map(|(timestamp, (key, value))| record(timestamp, Some(key), Some(value), &[]))
        .collect();
    seal(&records, codec, ProducerStamp::NONE)
}

fn batches_of_ours() -> Vec<(String, Bytes)> {
    let mut cases = edges();
    cases.extend(transactions());
    cases.extend(placed());
    for codec in Compression::ALL {
        let count = if codec == Compression::None { 20 } else { 400 };
        cases.push((format!("codec_{codec}"), many(codec, count)));
        cases.push((
            format!("codec_{codec}_small"),
            seal(&[plain()], codec, ProducerStamp::NONE),
        ));
    }
    cases
}

fn plain() -> Record<'static> {
    record(T, None, Some("first"), &[])
}

fn keyed() -> Record<'static> {
    record(T + 5, Some("key"), Some("second"), &[])
}

fn edges() -> Vec<(String, Bytes)> {
    let case = |name: &str, records: &[Record<'_>]| {
        (
            name.to_owned(),
            seal(records, Compression::None, ProducerStamp::NONE),
        )
    };
    let h = |key: &'static str, value| Header {
        key: key.as_bytes(),
        value,
    };
    let x = "x".repeat(200);
    let headers = [
        h("k", Some(&b"1"[..])),
        h("k", None),
        h("", Some(b"")),
        h("k", Some(b"3")),
        h("\u{e9}", Some(x.as_bytes())),
    ];
    let times =
        [T, T - 3, T + 100_000, 0, i64::MAX, -1].map(|time| record(time, None, Some("v"), &[]));
    let big = "0123456789".repeat(3000);
    let lens = [63, 64, 8191, 8192, 30_000]
        .map(|len| record(T, Some(&big[..len]), Some(&big[..len]), &[]));
    vec![
        case("timestamps", &times),
        case("lengths", &lens[..2]),
        (
            "codec_zstd_lengths".to_owned(),
            seal(&lens, Compression::Zstd, ProducerStamp::NONE),
        ),
        case(
            "headers",
            &[record(T, Some("key"), Some("value"), &headers), plain()],
        ),
        case(
            "null_value",
            &[
                record(T, Some("key"), None, &[]),
                record(T, None, None, &[]),
            ],
        ),
    ]
}

fn transactions() -> Vec<(String, Bytes)> {
    let stamp = ProducerStamp {
        producer_id: 4711,
        producer_epoch: 3,
        base_sequence: i32::MAX - 1,
        transactional: true,
    };
    let marker = |committed| EndTransactionMarker {
        committed,
        coordinator_epoch: 5,
    };
    vec![
        (
            "transactional".to_owned(),
            seal(&[plain(), keyed(), plain()], Compression::None, stamp),
        ),
        (
            "codec_transactional".to_owned(),
            seal(&[plain(), keyed()], Compression::Gzip, stamp),
        ),
        ("commit".to_owned(), marker(true).batch(4711, 3, T)),
        ("abort".to_owned(), marker(false).batch(4711, 3, T)),
    ]
}

/// As a broker changes them when it appends.
fn placed() -> Vec<(String, Bytes)> {
    let cases = [
        ("placed", Compression::None),
        ("codec_placed", Compression::Snappy),
    ]
    .map(|(name, codec)| {
        let mut batch = seal(&[plain(), keyed()], codec, ProducerStamp::NONE).to_vec();
        set_base_offset(&mut batch, 1_000_000_000_000).unwrap();
        set_partition_leader_epoch(&mut batch, 9).unwrap();
        set_log_append_time(&mut batch, T + 1_000_000).unwrap();
        (name.to_owned(), Bytes::from(batch))
    });
    cases.into()
}
