//! Requests that a broker could be sent: every API in every version, and what is near them.

use bytes::{BufMut, BytesMut};
use kconnect_broker::internal::offered;
use kconnect_protocol::ApiKey;
use kconnect_protocol::bounded::Direction;
use kconnect_protocol::header::RequestHeader;
use kconnect_protocol::internal::{every_message, sample_message};
use kconnect_protocol::messages::Message;
use kconnect_protocol::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use kconnect_protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use kconnect_protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use kconnect_protocol::messages::produce::{ProducePartition, ProduceRequest, ProduceTopic};
use kconnect_protocol::records::{ProducerStamp, Record, RecordBatchBuilder};

use crate::replay::Entropy;

pub(crate) type Name = (ApiKey, i16);

/// Every request in every version that the broker offers, each with `samples` bodies.
pub(crate) fn every_request(samples: usize) -> impl Iterator<Item = (Name, Vec<u8>)> {
    let generated = every_message().filter(|(_, direction, _)| *direction == Direction::Request);
    let generated = generated.flat_map(move |(api, _, version)| {
        (0..samples).map(move |sample| {
            let mut entropy = Entropy::new(u64::try_from(sample).unwrap_or(0));
            let entropy = entropy.bytes(64 * sample.min(4));
            let body = sample_message(api, Direction::Request, version, &entropy);
            frame(api, version, &body)
        })
    });
    let offered = offered();
    let is_offered = move |(name, _): &(Name, Vec<u8>)| {
        let (api, version) = *name;
        let mut ranges = offered.iter();
        ranges.any(|(other, range)| *other == api && range.contains(version))
    };
    own().chain(generated).filter(is_offered)
}

fn frame(api: ApiKey, version: i16, body: &[u8]) -> (Name, Vec<u8>) {
    let header = RequestHeader {
        api_key: api,
        api_version: version,
        correlation_id: 7,
        client_id: Some("hostile".into()),
    };
    let mut out = BytesMut::new();
    header.encode(&mut out).expect("a header");
    out.put_slice(body);
    ((api, version), out.to_vec())
}

/// The messages that are not generated, for a topic that the first of them creates.
fn own() -> impl Iterator<Item = (Name, Vec<u8>)> {
    let topic = "hostile";
    let metadata = MetadataRequest {
        topics: Some(vec![MetadataRequestTopic {
            name: Some(topic.into()),
            ..MetadataRequestTopic::default()
        }]),
        allow_auto_topic_creation: true,
        ..MetadataRequest::default()
    };
    let list_offsets = ListOffsetsRequest {
        topics: vec![ListOffsetsTopic {
            name: topic.into(),
            partitions: vec![ListOffsetsPartition {
                timestamp: -1,
                partition_index: 0,
                current_leader_epoch: None,
            }],
        }],
        ..ListOffsetsRequest::default()
    };
    let fetch = FetchRequest {
        max_wait_ms: 100,
        min_bytes: 1,
        max_bytes: 1 << 20,
        topics: vec![FetchTopic {
            name: topic.into(),
            partitions: vec![FetchPartition {
                partition_max_bytes: 1 << 20,
                partition: 0,
                current_leader_epoch: None,
                fetch_offset: 0,
                last_fetched_epoch: None,
                log_start_offset: -1,
            }],
            ..FetchTopic::default()
        }],
        ..FetchRequest::default()
    };
    let mut all = Vec::new();
    versions(ApiKey::METADATA, &metadata, &mut all);
    versions(ApiKey::PRODUCE, &produce(topic), &mut all);
    versions(ApiKey::LIST_OFFSETS, &list_offsets, &mut all);
    versions(ApiKey::FETCH, &fetch, &mut all);
    all.into_iter()
}

fn produce(topic: &'static str) -> ProduceRequest {
    let mut builder = RecordBatchBuilder::new(1 << 10);
    let record = Record {
        timestamp: 1_700_000_000_000,
        key: Some(b"key"),
        value: Some(b"value"),
        headers: &[],
    };
    builder.append(&record).expect("there is room");
    let mut sealed = builder.seal();
    sealed.stamp(ProducerStamp::NONE);
    ProduceRequest {
        acks: 1,
        topics: vec![ProduceTopic {
            name: topic.into(),
            partitions: vec![ProducePartition {
                index: 0,
                records: Some(sealed.bytes()),
            }],
            ..ProduceTopic::default()
        }],
        ..ProduceRequest::default()
    }
}

fn versions<M: Message>(api: ApiKey, message: &M, all: &mut Vec<(Name, Vec<u8>)>) {
    for version in M::VERSIONS.iter() {
        let mut body = BytesMut::new();
        message
            .encode(version, &mut body)
            .expect("it can be written");
        all.push(frame(api, version, &body));
    }
}

/// Changes some bytes: to anything, to the extremes of lengths and counts, or by leaving out and doubling some.
pub(crate) fn mutate(mut frame: Vec<u8>, entropy: &mut Entropy) -> Vec<u8> {
    const EXTREMES: [u8; 6] = [0, 1, 0x7f, 0x80, 0xfe, 0xff];
    for _ in 0..=entropy.below(4) {
        if frame.is_empty() {
            return frame;
        }
        let at = entropy.below(frame.len());
        match entropy.below(5) {
            0 => frame[at] = entropy.bytes(1)[0],
            1 => frame[at] = EXTREMES[entropy.below(EXTREMES.len())],
            2 => {
                let extreme = EXTREMES[entropy.below(EXTREMES.len())];
                frame
                    .iter_mut()
                    .skip(at)
                    .take(4)
                    .for_each(|byte| *byte = extreme);
            }
            3 => frame.truncate(at),
            _ => {
                let doubled = frame[at..].to_vec();
                frame.extend(doubled);
            }
        }
    }
    frame
}
