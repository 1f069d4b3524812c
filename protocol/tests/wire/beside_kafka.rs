//! Our messages beside Kafka's own: the same values give the same bytes, in every version.
//!
//! `golden/messages.txt` comes from `golden/Messages.java`, which has the values below.

use std::collections::BTreeMap;
use std::fmt::Debug;

use bytes::{Bytes, BytesMut};
use kconnect_protocol::messages::fetch::{
    AbortedTransaction, DivergingEpoch, FetchPartition, FetchPartitionResponse, FetchRequest,
    FetchResponse, FetchTopic, FetchTopicResponse, ForgottenTopic,
};
use kconnect_protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopic, ListOffsetsTopicResponse, timestamp,
};
use kconnect_protocol::messages::metadata::{
    BrokerIds, MetadataBroker, MetadataPartition, MetadataRequest, MetadataRequestTopic,
    MetadataResponse, MetadataTopic,
};
use kconnect_protocol::messages::produce::{
    ProducePartition, ProducePartitionResponse, ProduceRequest, ProduceResponse, ProduceTopic,
    ProduceTopicResponse, RecordError,
};
use kconnect_protocol::messages::{CurrentLeader, Message, NodeEndpoint};
use kconnect_protocol::types::{BrokerId, IsolationLevel, LeaderEpoch};
use kconnect_protocol::{ErrorCode, StrBytes, Uuid};

use crate::alone;

const ID: Uuid = Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);
const LEADER: CurrentLeader = CurrentLeader {
    leader: Some(BrokerId(4)),
    leader_epoch: Some(LeaderEpoch(5)),
};

/// The bytes of `name` in `sample` by version.
pub(crate) fn golden(name: &str, sample: &str) -> BTreeMap<i16, Bytes> {
    let lines = include_str!("golden/messages.txt").lines();
    let ours = lines.filter_map(|line| line.strip_prefix(&format!("{name} {sample} ")));
    ours.map(|line| {
        let (version, hex) = line.split_once(' ').expect("version and hex");
        (version.parse().expect("a version"), unhex(hex))
    })
    .collect()
}

fn unhex(hex: &str) -> Bytes {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
    (0..hex.len()).step_by(2).map(digit).collect()
}

/// Holds `value(version)` against Kafka's bytes in every version that we have.
#[track_caller]
fn check<M: Message + PartialEq + Debug>(sample: &str, value: impl Fn(i16) -> M) {
    let _turn = alone();
    let golden = golden(M::NAME, sample);
    let versions: Vec<i16> = golden.keys().copied().collect();
    assert_eq!(
        versions,
        M::VERSIONS.iter().collect::<Vec<_>>(),
        "every version"
    );
    for (version, bytes) in golden {
        let value = value(version);
        assert_eq!(M::decode(&bytes, version).as_ref(), Ok(&value), "{version}");
        let mut out = BytesMut::new();
        value
            .encode(version, &mut out)
            .expect("every value is in its version");
        assert_eq!(out, bytes, "{} {version}", M::NAME);
        let segments = value.encode_segments(version).expect("as above");
        assert_eq!(segments.concat(), bytes, "{} {version}", M::NAME);
        for length in 0..bytes.len() {
            let cut = M::decode(&bytes.slice(..length), version);
            assert!(cut.is_err(), "{} {version} cut at {length}", M::NAME);
        }
    }
}

fn text(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}

/// A topic's name and id, of which each version has one.
fn topic(version: i16, name: &'static str) -> (StrBytes, Uuid) {
    if version >= 13 {
        (StrBytes::new(), ID)
    } else {
        (text(name), Uuid::nil())
    }
}

fn ids(ids: &[i32]) -> BrokerIds {
    ids.iter().copied().map(BrokerId).collect()
}

#[test]
fn a_produce_request_has_the_bytes_of_kafkas() {
    check("full", |version| {
        let (name, topic_id) = topic(version, "orders");
        ProduceRequest {
            transactional_id: Some(text("etl")),
            acks: -1,
            timeout_ms: 30_000,
            topics: vec![ProduceTopic {
                name,
                topic_id,
                partitions: vec![
                    ProducePartition {
                        index: 1,
                        records: Some(Bytes::from_static(b"batch one")),
                    },
                    ProducePartition {
                        index: 2,
                        records: None,
                    },
                ],
            }],
        }
    });
    check("least", |_| ProduceRequest {
        acks: 1,
        ..ProduceRequest::default()
    });
}

#[test]
fn a_produce_response_has_the_bytes_of_kafkas() {
    check("full", |version| {
        let (name, topic_id) = topic(version, "orders");
        let mut partition = ProducePartitionResponse {
            index: 1,
            error_code: ErrorCode::NotLeaderOrFollower,
            base_offset: 1_234_567_890_123,
            log_append_time_ms: 1_700_000_000_000,
            ..ProducePartitionResponse::default()
        };
        if version >= 5 {
            partition.log_start_offset = 17;
        }
        if version >= 8 {
            partition.error_message = Some(text("no"));
            partition.record_errors = vec![RecordError {
                batch_index: 3,
                message: Some(text("bad")),
            }];
        }
        partition.current_leader = (version >= 10).then_some(LEADER);
        let second = ProducePartitionResponse {
            index: 2,
            ..ProducePartitionResponse::default()
        };
        ProduceResponse {
            topics: vec![ProduceTopicResponse {
                name,
                topic_id,
                partitions: vec![partition, second],
            }],
            throttle_time_ms: 9,
            node_endpoints: endpoints(version >= 10, Some(text("r4"))),
        }
    });
    check("least", |_| ProduceResponse::default());
}

fn endpoints(there: bool, rack: Option<StrBytes>) -> Vec<NodeEndpoint> {
    let endpoint = NodeEndpoint {
        node_id: BrokerId(4),
        host: text("broker4"),
        port: 9094,
        rack,
    };
    if there { vec![endpoint] } else { Vec::new() }
}

#[test]
fn a_fetch_request_has_the_bytes_of_kafkas() {
    check("full", |version| {
        let (name, topic_id) = topic(version, "orders");
        let first = FetchPartition {
            partition: 1,
            current_leader_epoch: (version >= 9).then_some(LeaderEpoch(5)),
            fetch_offset: 1_234_567_890_123,
            last_fetched_epoch: (version >= 12).then_some(LeaderEpoch(4)),
            log_start_offset: if version >= 5 { 17 } else { -1 },
            partition_max_bytes: 1_048_576,
        };
        let second = FetchPartition {
            partition: 2,
            current_leader_epoch: None,
            fetch_offset: 0,
            last_fetched_epoch: None,
            log_start_offset: -1,
            partition_max_bytes: 0,
        };
        let mut request = FetchRequest {
            replica_id: 7,
            max_wait_ms: 500,
            min_bytes: 1,
            max_bytes: 52_428_800,
            isolation_level: IsolationLevel::ReadCommitted,
            topics: vec![FetchTopic {
                name,
                topic_id,
                partitions: vec![first, second],
            }],
            ..FetchRequest::default()
        };
        if version >= 7 {
            let (name, topic_id) = topic(version, "payments");
            request.session_id = 77;
            request.session_epoch = 3;
            request.forgotten_topics = vec![ForgottenTopic {
                name,
                topic_id,
                partitions: vec![8, 9],
            }];
        }
        if version >= 11 {
            request.rack_id = text("r1");
        }
        request
    });
    check("least", |_| FetchRequest::default());
}

#[test]
fn a_fetch_response_has_the_bytes_of_kafkas() {
    check("full", |version| {
        let (name, topic_id) = topic(version, "orders");
        let first = FetchPartitionResponse {
            partition_index: 1,
            error_code: ErrorCode::FencedLeaderEpoch,
            high_watermark: 20,
            last_stable_offset: 19,
            log_start_offset: if version >= 5 { 2 } else { -1 },
            aborted_transactions: Some(vec![AbortedTransaction {
                producer_id: 1000,
                first_offset: 12,
            }]),
            preferred_read_replica: (version >= 11).then_some(BrokerId(3)),
            records: Some(Bytes::from_static(b"batch one")),
            diverging_epoch: (version >= 12).then_some(DivergingEpoch {
                epoch: Some(LeaderEpoch(6)),
                end_offset: 11,
            }),
            current_leader: (version >= 12).then_some(LEADER),
        };
        let second = FetchPartitionResponse {
            partition_index: 2,
            ..FetchPartitionResponse::default()
        };
        let mut response = FetchResponse {
            throttle_time_ms: 9,
            topics: vec![FetchTopicResponse {
                name,
                topic_id,
                partitions: vec![first, second],
            }],
            node_endpoints: endpoints(version >= 16, None),
            ..FetchResponse::default()
        };
        if version >= 7 {
            response.error_code = ErrorCode::FetchSessionIdNotFound;
            response.session_id = 77;
        }
        response
    });
    check("least", |_| FetchResponse::default());
}

#[test]
fn a_list_offsets_request_has_the_bytes_of_kafkas() {
    check("full", |version| {
        let newest = match version {
            11.. => timestamp::EARLIEST_PENDING_UPLOAD,
            9.. => timestamp::LATEST_TIERED,
            8 => timestamp::EARLIEST_LOCAL,
            7 => timestamp::MAX,
            _ => timestamp::EARLIEST,
        };
        let partition = |partition_index, timestamp, epoch| ListOffsetsPartition {
            partition_index,
            current_leader_epoch: epoch,
            timestamp,
        };
        let epoch = (version >= 4).then_some(LeaderEpoch(5));
        let mut request = ListOffsetsRequest {
            topics: vec![ListOffsetsTopic {
                name: text("orders"),
                partitions: vec![
                    partition(1, newest, epoch),
                    partition(2, 1_700_000_000_000, None),
                ],
            }],
            ..ListOffsetsRequest::default()
        };
        if version >= 2 {
            request.isolation_level = IsolationLevel::ReadCommitted;
        }
        if version >= 10 {
            request.timeout_ms = 30_000;
        }
        request
    });
    check("least", |_| ListOffsetsRequest::default());
}

#[test]
fn a_list_offsets_response_has_the_bytes_of_kafkas() {
    check("full", |version| ListOffsetsResponse {
        throttle_time_ms: if version >= 2 { 9 } else { 0 },
        topics: vec![ListOffsetsTopicResponse {
            name: text("orders"),
            partitions: vec![
                ListOffsetsPartitionResponse {
                    partition_index: 1,
                    error_code: ErrorCode::OffsetNotAvailable,
                    timestamp: 1_700_000_000_000,
                    offset: 1_234_567_890_123,
                    leader_epoch: (version >= 4).then_some(LeaderEpoch(5)),
                },
                ListOffsetsPartitionResponse {
                    partition_index: 2,
                    ..ListOffsetsPartitionResponse::default()
                },
            ],
        }],
    });
    check("least", |_| ListOffsetsResponse::default());
}

#[test]
fn a_metadata_request_has_the_bytes_of_kafkas() {
    check("full", |version| {
        let by_id = MetadataRequestTopic {
            topic_id: ID,
            name: None,
        };
        let by_name = MetadataRequestTopic {
            topic_id: Uuid::nil(),
            name: Some(text("orders")),
        };
        MetadataRequest {
            topics: Some(if version >= 10 {
                vec![by_id, by_name]
            } else {
                vec![by_name]
            }),
            allow_auto_topic_creation: version < 4,
            include_cluster_authorized_operations: (8..=10).contains(&version),
            include_topic_authorized_operations: version >= 8,
        }
    });
    check("least", |_| MetadataRequest::default());
}

#[test]
fn a_metadata_response_has_the_bytes_of_kafkas() {
    check("full", |version| {
        let broker = |node_id, host, port, rack: Option<&'static str>| MetadataBroker {
            node_id: BrokerId(node_id),
            host: text(host),
            port,
            rack: rack.filter(|_| version >= 1).map(text),
        };
        let mut response = MetadataResponse {
            brokers: vec![
                broker(2, "broker2", 9092, Some("r2")),
                broker(3, "broker3", 9093, None),
            ],
            topics: vec![known_topic(version), unknown_topic(version)],
            ..MetadataResponse::default()
        };
        response.controller_id = (version >= 1).then_some(BrokerId(3));
        response.cluster_id = (version >= 2).then_some(text("cluster"));
        response.throttle_time_ms = if version >= 3 { 9 } else { 0 };
        if (8..=10).contains(&version) {
            response.cluster_authorized_operations = 0x1f84;
        }
        if version >= 13 {
            response.error_code = ErrorCode::RebootstrapRequired;
        }
        response
    });
    check("least", |_| MetadataResponse::default());
}

fn known_topic(version: i16) -> MetadataTopic {
    let led = MetadataPartition {
        error_code: ErrorCode::ReplicaNotAvailable,
        partition_index: 1,
        leader_id: Some(BrokerId(2)),
        leader_epoch: (version >= 7).then_some(LeaderEpoch(5)),
        replica_nodes: ids(&[2, 3, 1]),
        isr_nodes: ids(&[2, 3]),
        offline_replicas: ids(if version >= 5 { &[1] } else { &[] }),
    };
    let leaderless = MetadataPartition {
        error_code: ErrorCode::LeaderNotAvailable,
        partition_index: 2,
        ..MetadataPartition::default()
    };
    let mut topic = MetadataTopic {
        name: Some(text("orders")),
        is_internal: version >= 1,
        partitions: vec![led, leaderless],
        ..MetadataTopic::default()
    };
    if version >= 8 {
        topic.topic_authorized_operations = 0x0df8;
    }
    if version >= 10 {
        topic.topic_id = ID;
    }
    topic
}

fn unknown_topic(version: i16) -> MetadataTopic {
    MetadataTopic {
        error_code: ErrorCode::UnknownTopicId,
        name: (version < 12).then(StrBytes::new),
        topic_id: if version >= 10 { ID } else { Uuid::nil() },
        ..MetadataTopic::default()
    }
}
