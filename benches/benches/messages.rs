//! The messages on the hot path beside those of the `kafka-protocol` crate.
//!
//! `cargo bench --bench messages` in this folder. `SECONDS=n` sets the time for each table (default 2).

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable};
use kconnect_benches::{Best, Candidate, Counting, measure, time_for_a_table};
use kconnect_protocol::messages::Message;
use kconnect_protocol::messages::fetch::{
    FetchPartitionResponse, FetchResponse, FetchTopicResponse,
};
use kconnect_protocol::messages::metadata::{MetadataPartition, MetadataResponse, MetadataTopic};
use kconnect_protocol::messages::produce::{ProducePartition, ProduceRequest, ProduceTopic};
use kconnect_protocol::types::{BrokerId, LeaderEpoch};
use kconnect_protocol::{StrBytes, Uuid};

#[global_allocator]
static ALLOCATOR: Counting = Counting(std::alloc::System);

const TOPICS: usize = 1000;
const PARTITIONS: usize = 10;
const BATCHES: usize = 40;
const METADATA_VERSION: i16 = 12;
const FETCH_VERSION: i16 = 16;
const PRODUCE_VERSION: i16 = 12;

fn main() {
    let time = time_for_a_table();
    let metadata = encoded(&metadata(), METADATA_VERSION);
    print(
        "read metadata of 1,000 topics with 10 partitions each, per partition",
        &measure(
            time,
            read::<MetadataResponse, theirs::MetadataResponse>(
                &metadata,
                METADATA_VERSION,
                TOPICS * PARTITIONS,
            ),
        ),
    );
    let fetched = encoded(&fetched(), FETCH_VERSION);
    print(
        "read a fetch response with 40 batches of 16 KiB, per batch",
        &measure(
            time,
            read::<FetchResponse, theirs::FetchResponse>(&fetched, FETCH_VERSION, BATCHES),
        ),
    );
    let ours = produced();
    let theirs = {
        let mut bytes = encoded(&ours, PRODUCE_VERSION);
        theirs::ProduceRequest::decode(&mut bytes, PRODUCE_VERSION).expect("we wrote it")
    };
    print(
        "write a produce request with 40 batches of 16 KiB, per batch",
        &measure(
            time,
            vec![
                Candidate::new("ours, batches shared", BATCHES, || {
                    black_box(ours.encode_segments(PRODUCE_VERSION).expect("legal"));
                }),
                Candidate::new("ours, batches copied", BATCHES, || {
                    black_box(encoded(&ours, PRODUCE_VERSION));
                }),
                Candidate::new("kafka-protocol", BATCHES, || {
                    let mut out = BytesMut::new();
                    theirs.encode(&mut out, PRODUCE_VERSION).expect("legal");
                    black_box(out);
                }),
            ],
        ),
    );
}

fn read<'a, O: Message, T: Decodable>(
    bytes: &'a Bytes,
    version: i16,
    units: usize,
) -> Vec<Candidate<'a>> {
    vec![
        Candidate::new("ours", units, move || {
            black_box(O::decode(black_box(bytes), version).expect("we wrote it"));
        }),
        Candidate::new("kafka-protocol", units, move || {
            let mut bytes = black_box(bytes).clone();
            black_box(T::decode(&mut bytes, version).expect("we wrote it"));
        }),
    ]
}

fn print(what: &str, results: &[Best]) {
    println!("\n{what}");
    for best in results {
        let Best {
            name,
            nanoseconds,
            allocations,
        } = best;
        println!("  {name:24} {nanoseconds:9.1} ns {allocations:8.3} allocations");
    }
}

fn encoded(message: &impl Message, version: i16) -> Bytes {
    let mut out = BytesMut::new();
    message.encode(version, &mut out).expect("legal");
    out.freeze()
}

fn metadata() -> MetadataResponse {
    let partition = |index: usize| MetadataPartition {
        partition_index: i32::try_from(index).expect("few partitions"),
        leader_id: Some(BrokerId(1)),
        leader_epoch: Some(LeaderEpoch(5)),
        replica_nodes: [1, 2, 3].map(BrokerId).into_iter().collect(),
        isr_nodes: [1, 2, 3].map(BrokerId).into_iter().collect(),
        ..MetadataPartition::default()
    };
    let topic = |number: usize| MetadataTopic {
        name: Some(StrBytes::from_string(format!("some-topic-{number}"))),
        topic_id: Uuid::from_u128(number as u128 + 1),
        partitions: (0..PARTITIONS).map(partition).collect(),
        ..MetadataTopic::default()
    };
    MetadataResponse {
        topics: (0..TOPICS).map(topic).collect(),
        ..MetadataResponse::default()
    }
}

fn batch() -> Bytes {
    Bytes::from(vec![7; 16 << 10])
}

fn fetched() -> FetchResponse {
    let partition = |index: usize| FetchPartitionResponse {
        partition_index: i32::try_from(index).expect("few partitions"),
        records: Some(batch()),
        ..FetchPartitionResponse::default()
    };
    FetchResponse {
        topics: vec![FetchTopicResponse {
            topic_id: Uuid::from_u128(1),
            partitions: (0..BATCHES).map(partition).collect(),
            ..FetchTopicResponse::default()
        }],
        ..FetchResponse::default()
    }
}

fn produced() -> ProduceRequest {
    let partition = |index: usize| ProducePartition {
        index: i32::try_from(index).expect("few partitions"),
        records: Some(batch()),
    };
    ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        topics: vec![ProduceTopic {
            name: StrBytes::from_static_str("some-topic"),
            partitions: (0..BATCHES).map(partition).collect(),
            ..ProduceTopic::default()
        }],
        ..ProduceRequest::default()
    }
}
