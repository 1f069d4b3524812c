//! The record codec beside that of the `kafka-protocol` crate, and the speed of the compression codecs.
//!
//! `cargo bench --bench records [NAME...]` in this folder: all candidates, or those whose name contains one of the words.
//! `SECONDS=n` sets the time for each table (default 2).

use std::hint::black_box;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{
    Compression as TheirCompression, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID,
    NO_SEQUENCE, Record as TheirRecord, RecordBatchDecoder, RecordBatchEncoder,
    RecordEncodeOptions, TimestampType,
};
use kconnect_benches::{Best, Candidate, Counting, measure, time_for_a_table};
use kconnect_protocol::compression::{self, Compression};
use kconnect_protocol::records::{Batches, Header, Record, RecordBatchBuilder};

#[global_allocator]
static ALLOCATOR: Counting = Counting(std::alloc::System);

const T: i64 = 1_700_000_000_000;
/// Batches that one round builds or reads, so that a round takes long enough to be timed.
const BATCHES: usize = 20;

fn main() {
    let time = time_for_a_table();
    for (records, what) in [
        (150, "batches of 16 KiB"),
        (1000, "batches of 1000 records"),
    ] {
        for case in CASES {
            println!("\n{}, 100-byte values, {what}", case.name);
            print_records(&measure(time, candidates(case, records)));
        }
    }
    for size in [16 << 10, 256 << 10] {
        println!("\ncompression of JSON lines, {} KiB at a time", size >> 10);
        print_codecs(time, size);
    }
}

struct Case {
    name: &'static str,
    key: Option<&'static [u8]>,
    headers: &'static [Header<'static>],
}

const HEADERS: [Header<'_>; 2] = [
    Header {
        key: b"content-type",
        value: Some(b"application/json"),
    },
    Header {
        key: b"trace",
        value: Some(b"0123456789abcdef"),
    },
];

const CASES: [Case; 3] = [
    Case {
        name: "no key",
        key: None,
        headers: &[],
    },
    Case {
        name: "12-byte key",
        key: Some(b"customer-123"),
        headers: &[],
    },
    Case {
        name: "12-byte key and 2 headers",
        key: Some(b"customer-123"),
        headers: &HEADERS,
    },
];

fn candidates(case: Case, records: usize) -> Vec<Candidate<'static>> {
    let value: Vec<u8> = (0..100u8).collect();
    let theirs = theirs(&case, records, &value);
    let encoded = build(&case, records, &value, Vec::new()).bytes();
    let units = records * BATCHES;
    let size = encoded.len() + 64;
    let (key, headers) = (case.key, case.headers);
    let mut out = vec![];
    let mut buffer = Some(Vec::new());
    let own = value.clone();
    out.push(Candidate::new(
        "ours: encode, buffer used again",
        units,
        move || {
            for _ in 0..BATCHES {
                let case = Case {
                    name: "",
                    key,
                    headers,
                };
                let mut sealed = build(&case, records, &own, buffer.take().unwrap_or_default());
                black_box(sealed.bytes());
                buffer = sealed.reclaim();
            }
        },
    ));
    out.push(Candidate::new(
        "ours: encode, new buffer",
        units,
        move || {
            for _ in 0..BATCHES {
                let case = Case {
                    name: "",
                    key,
                    headers,
                };
                black_box(build(&case, records, &value, Vec::with_capacity(size)).bytes());
            }
        },
    ));
    out.extend(their_encoders(theirs, units));
    let own: Vec<u8> = (0..100u8).collect();
    out.push(Candidate::new(
        "kafka-protocol: make records, encode, new buffer",
        units,
        move || {
            for _ in 0..BATCHES {
                let case = Case {
                    name: "",
                    key,
                    headers,
                };
                let mut buffer = BytesMut::new();
                let options = RecordEncodeOptions {
                    version: 2,
                    compression: TheirCompression::None,
                };
                let made = self::theirs(&case, records, black_box(&own));
                RecordBatchEncoder::encode(&mut buffer, &made, &options).expect("it encodes");
                black_box(&buffer);
            }
        },
    ));
    out.extend(decoders(&encoded, units));
    // Cargo passes `--bench`.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    out.retain(|candidate| {
        words.is_empty()
            || words
                .iter()
                .any(|word| candidate.name().contains(word.as_str()))
    });
    out
}

fn build(
    case: &Case,
    records: usize,
    value: &[u8],
    buffer: Vec<u8>,
) -> kconnect_protocol::records::SealedBatch {
    let mut builder = RecordBatchBuilder::with_buffer(buffer, 1 << 20);
    for timestamp in (T..).take(records) {
        let record = Record {
            timestamp,
            key: black_box(case.key),
            value: Some(black_box(value)),
            headers: case.headers,
        };
        if black_box(builder.append(&record)).is_err() {
            break;
        }
    }
    assert_eq!(builder.len(), records);
    builder.seal()
}

/// Their encoder takes records that own what they hold, so somebody has to make those first.
fn theirs(case: &Case, records: usize, value: &[u8]) -> Vec<TheirRecord> {
    let headers: IndexMap<StrBytes, Option<Bytes>> = case
        .headers
        .iter()
        .map(|header| {
            let key = std::str::from_utf8(header.key).expect("a text");
            (
                StrBytes::from_static_str(key),
                header.value.map(Bytes::from_static),
            )
        })
        .collect();
    (0i64..)
        .take(records)
        .map(|offset| TheirRecord {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: NO_PRODUCER_EPOCH,
            timestamp_type: TimestampType::Creation,
            offset,
            sequence: NO_SEQUENCE.wrapping_add(i32::try_from(offset).expect("few records")),
            timestamp: T + offset,
            key: case.key.map(Bytes::from_static),
            value: Some(Bytes::copy_from_slice(value)),
            headers: headers.clone(),
        })
        .collect()
}

fn their_encoders(records: Vec<TheirRecord>, units: usize) -> Vec<Candidate<'static>> {
    let options = || RecordEncodeOptions {
        version: 2,
        compression: TheirCompression::None,
    };
    let again = records.clone();
    let mut buffer = BytesMut::new();
    vec![
        Candidate::new(
            "kafka-protocol: encode, buffer used again",
            units,
            move || {
                for _ in 0..BATCHES {
                    buffer.clear();
                    RecordBatchEncoder::encode(&mut buffer, black_box(&again), &options())
                        .expect("it encodes");
                    black_box(&buffer);
                }
            },
        ),
        Candidate::new("kafka-protocol: encode, new buffer", units, move || {
            for _ in 0..BATCHES {
                let mut buffer = BytesMut::new();
                RecordBatchEncoder::encode(&mut buffer, black_box(&records), &options())
                    .expect("it encodes");
                black_box(&buffer);
            }
        }),
    ]
}

fn decoders(encoded: &Bytes, units: usize) -> Vec<Candidate<'static>> {
    let read = |encoded: &Bytes, check_crc: bool| {
        for batch in Batches::new(black_box(encoded).clone()) {
            let batch = batch.expect("a sound batch");
            if check_crc {
                batch.verify_crc().expect("a sound batch");
            }
            let mut seen = 0;
            for record in &batch.records(1 << 20).expect("a sound batch") {
                let record = record.expect("a sound record");
                // All fields are used; the first byte of the value is read.
                let value = record
                    .value
                    .map_or(0, |value| value.len() + usize::from(value[0]));
                seen += record.key.map_or(0, <[u8]>::len) + value + record.headers.len();
                seen += (record.offset ^ record.timestamp).cast_unsigned() as usize;
            }
            black_box(seen);
        }
    };
    let (a, b, c) = (encoded.clone(), encoded.clone(), encoded.clone());
    vec![
        Candidate::new("ours: decode", units, move || {
            (0..BATCHES).for_each(|_| read(&a, true))
        }),
        Candidate::new("ours: decode without checksum", units, move || {
            (0..BATCHES).for_each(|_| read(&b, false))
        }),
        Candidate::new("kafka-protocol: decode", units, move || {
            for _ in 0..BATCHES {
                let set =
                    RecordBatchDecoder::decode(&mut black_box(&c).clone()).expect("a sound batch");
                let mut seen = 0;
                for record in &set.records {
                    let value = record
                        .value
                        .as_ref()
                        .map_or(0, |value| value.len() + usize::from(value[0]));
                    seen +=
                        record.key.as_ref().map_or(0, Bytes::len) + value + record.headers.len();
                    seen += (record.offset ^ record.timestamp).cast_unsigned() as usize;
                }
                black_box(seen);
            }
        }),
    ]
}

fn print_records(results: &[Best]) {
    println!(
        "{:50} {:>10} {:>10} {:>12} {:>8}",
        "", "M rec/s", "ns/rec", "allocs/rec", "ratio"
    );
    for result in results {
        // Against the same work of kafka-protocol's.
        let kind = if result.name.contains("encode") {
            "encode"
        } else {
            "decode"
        };
        let again = result.name.ends_with("again");
        let reference = results.iter().find(|other| {
            other.name.starts_with("kafka-protocol")
                && other.name.contains(kind)
                && (kind == "decode" || other.name.ends_with("again") == again)
        });
        let ratio = reference.map_or(f64::NAN, |other| other.nanoseconds / result.nanoseconds);
        let (name, ns, allocations) = (&result.name, result.nanoseconds, result.allocations);
        println!(
            "{name:50} {:>10.1} {ns:>10.1} {allocations:>12.4} {ratio:>8.2}",
            1000.0 / ns
        );
    }
}

fn json_lines(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut lines = Vec::new();
    while lines.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let (id, user, amount) = (state % 1_000_000, state >> 20 & 0xfff, state >> 40 & 0xffff);
        let line = format!(
            "{{\"id\":{id},\"user\":\"user-{user}\",\"amount\":{amount}.5,\"status\":\"shipped\"}}\n"
        );
        lines.extend_from_slice(line.as_bytes());
    }
    lines.truncate(len);
    lines
}

fn print_codecs(time: Duration, size: usize) {
    let data = json_lines(size);
    let levels = [
        (Compression::Gzip, Some(1)),
        (Compression::Gzip, None),
        (Compression::Snappy, None),
        (Compression::Lz4, None),
        (Compression::Zstd, Some(1)),
        (Compression::Zstd, None),
    ];
    println!(
        "{:12} {:>14} {:>16} {:>8} {:>26}",
        "", "pack MB/s", "unpack MB/s", "ratio", "allocations per batch"
    );
    for (codec, level) in levels {
        let mut packed = BytesMut::new();
        compression::compress(codec, level, &data, &mut packed).expect("it packs");
        let packed = packed.freeze();
        let mut out = BytesMut::new();
        let results = measure(
            time / 2,
            vec![
                Candidate::new("pack", 1, || {
                    out.clear();
                    compression::compress(codec, level, black_box(&data), &mut out)
                        .expect("it packs");
                }),
                Candidate::new("unpack", 1, || {
                    black_box(
                        compression::decompress(codec, black_box(&packed), 1 << 24)
                            .expect("it unpacks"),
                    );
                }),
            ],
        );
        let speed = |result: &Best| size as f64 * 1000.0 / result.nanoseconds;
        let name = level.map_or_else(|| codec.to_string(), |level| format!("{codec} {level}"));
        let ratio = size as f64 / packed.len() as f64;
        let (pack, unpack) = (&results[0], &results[1]);
        let allocations = format!("{} / {}", pack.allocations, unpack.allocations);
        println!(
            "{name:12} {:>14.0} {:>16.0} {ratio:>8.2} {allocations:>26}",
            speed(pack),
            speed(unpack)
        );
    }
}
