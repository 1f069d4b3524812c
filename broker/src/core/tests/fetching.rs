//! Fetches: what they return, what they wait for, and sessions.

use generated::DeleteTopicsRequest;
use generated::delete_topics_request::DeleteTopicState;
use kconnect_protocol::ErrorCode;
use kconnect_protocol::messages::fetch::{
    FetchPartition, FetchPartitionResponse, FetchTopic, ForgottenTopic,
};
use kconnect_protocol::records::Batches;
use kconnect_protocol::types::LeaderEpoch;

use super::*;
use crate::core::api::text;

fn partition(number: i32, fetch_offset: i64) -> FetchPartition {
    FetchPartition {
        partition: number,
        current_leader_epoch: None,
        fetch_offset,
        last_fetched_epoch: None,
        log_start_offset: -1,
        partition_max_bytes: 1 << 20,
    }
}

/// A fetch of partitions of topic `t` by its id, which waits half a second for a byte.
fn fetch(world: &World, partitions: &[FetchPartition]) -> FetchRequest {
    let topic = world.core.state.topics.by_name("t").expect("the topic");
    FetchRequest {
        max_wait_ms: 500,
        min_bytes: 1,
        max_bytes: 1 << 20,
        session_epoch: -1,
        topics: vec![FetchTopic {
            name: text(""),
            topic_id: topic.id,
            partitions: partitions.to_vec(),
        }],
        ..FetchRequest::default()
    }
}

fn world(partitions: i32) -> World {
    let mut world = World::new();
    world.create("t", partitions, &[]);
    world
}

#[track_caller]
fn only(answer: &FetchResponse) -> &FetchPartitionResponse {
    assert_eq!(answer.error_code, ErrorCode::None);
    assert_eq!(
        (answer.topics.len(), answer.topics[0].partitions.len()),
        (1, 1)
    );
    &answer.topics[0].partitions[0]
}

/// Offset and value of each record.
fn records(partition: &FetchPartitionResponse) -> Vec<(i64, String)> {
    let mut all = Vec::new();
    for batch in Batches::new(partition.records.clone().unwrap_or_default()) {
        let records = batch
            .and_then(|batch| batch.records(1 << 20))
            .expect("a batch");
        for record in &records {
            let record = record.expect("a record");
            let value = String::from_utf8_lossy(record.value.unwrap_or_default());
            all.push((record.offset, value.into_owned()));
        }
    }
    all
}

#[test]
fn records_are_returned_from_the_batch_that_has_the_offset() {
    let mut world = world(1);
    world.produce("t", 0, batch(&["a", "b"]));
    world.produce("t", 0, batch(&["c"]));
    let request = fetch(&world, &[partition(0, 1)]);
    let answer = world.ask(&request);
    let wanted = [(0, "a"), (1, "b"), (2, "c")].map(|(offset, value)| (offset, value.to_owned()));
    assert_eq!(records(only(&answer)), wanted);
    assert_eq!(
        (only(&answer).high_watermark, only(&answer).log_start_offset),
        (3, 0)
    );
}

#[test]
fn a_fetch_waits_for_records_and_no_longer() {
    let mut world = world(1);
    let client = world.client();
    let request = fetch(&world, &[partition(0, 0)]);
    world.send(client, &request);
    world.pass(499);
    assert!(world.hear(client).is_none());
    world.produce("t", 0, batch(&["a"]));
    let answer = world.answer::<FetchRequest>(client).expect("it has come");
    assert_eq!(records(only(&answer)).len(), 1);
}

#[test]
fn a_fetch_gives_up_waiting_at_its_time() {
    let mut world = world(1);
    let client = world.client();
    let request = fetch(&world, &[partition(0, 0)]);
    world.send(client, &request);
    world.pass(500);
    let answer = world.answer::<FetchRequest>(client).expect("time is up");
    assert_eq!(records(only(&answer)), []);
}

#[test]
fn a_fetch_waits_for_as_many_bytes_as_it_wants() {
    let mut world = world(2);
    let client = world.client();
    let one = batch(&["a"]).len();
    let mut request = fetch(&world, &[partition(0, 0), partition(1, 0)]);
    request.min_bytes = i32::try_from(2 * one).expect("small");
    world.send(client, &request);
    world.produce("t", 0, batch(&["a"]));
    assert!(world.hear(client).is_none());
    world.produce("t", 1, batch(&["b"]));
    let answer = world
        .answer::<FetchRequest>(client)
        .expect("there is enough");
    assert_eq!(answer.topics[0].partitions.len(), 2);
}

#[test]
fn a_fetch_hears_of_the_end_of_its_topic() {
    let mut world = world(1);
    let client = world.client();
    let request = fetch(&world, &[partition(0, 0)]);
    world.send(client, &request);
    let state = DeleteTopicState::default().with_name(Some(generated::TopicName(text("t"))));
    world.ask(&DeleteTopicsRequest::default().with_topics(vec![state]));
    let answer = world
        .answer::<FetchRequest>(client)
        .expect("the topic is gone");
    assert_eq!(only(&answer).error_code, ErrorCode::UnknownTopicId);
}

#[test]
fn a_client_that_goes_leaves_nothing_waiting() {
    let mut world = world(1);
    let client = world.client();
    let request = fetch(&world, &[partition(0, 0)]);
    world.send(client, &request);
    world.core.disconnected(client);
    world.produce("t", 0, batch(&["a"]));
    world.pass(1_000);
    assert!(world.hear(client).is_none());
}

#[test]
fn limits_hold_but_the_first_batch_always_comes() {
    let mut world = world(2);
    let large = "x".repeat(1_000);
    for partition in [0, 0, 1] {
        world.produce("t", partition, batch(&[&large]));
    }
    let mut request = fetch(&world, &[partition(0, 0), partition(1, 0)]);
    request.max_bytes = 10;
    let answer = world.ask(&request);
    let counts: Vec<_> = answer.topics[0]
        .partitions
        .iter()
        .map(|p| records(p).len())
        .collect();
    assert_eq!(counts, [1, 0]);
    let mut narrow = partition(0, 0);
    narrow.partition_max_bytes = 1_500;
    let request = fetch(&world, &[narrow, partition(1, 0)]);
    let answer = world.ask(&request);
    let counts: Vec<_> = answer.topics[0]
        .partitions
        .iter()
        .map(|p| records(p).len())
        .collect();
    assert_eq!(counts, [1, 1]);
}

#[test]
fn offsets_outside_of_the_log_and_other_epochs_are_refused() {
    let mut world = world(1);
    world.produce("t", 0, batch(&["a"]));
    let mut newer = partition(0, 0);
    newer.current_leader_epoch = Some(LeaderEpoch(5));
    let refused = [
        (partition(0, 2), ErrorCode::OffsetOutOfRange),
        (partition(0, -1), ErrorCode::OffsetOutOfRange),
        (partition(9, 0), ErrorCode::UnknownTopicOrPartition),
        (newer, ErrorCode::UnknownLeaderEpoch),
    ];
    for (partition, error) in refused {
        let request = fetch(&world, &[partition]);
        assert_eq!(only(&world.ask(&request)).error_code, error);
    }
}

#[test]
fn a_session_tells_only_what_is_new() {
    let mut world = world(3);
    let mut request = fetch(&world, &[partition(0, 0), partition(1, 0), partition(2, 0)]);
    request.session_epoch = 0;
    request.max_wait_ms = 0;
    let answer = world.ask(&request);
    assert_eq!(
        answer.topics[0].partitions.len(),
        3,
        "the first answer has all"
    );
    let mut next = FetchRequest {
        session_id: answer.session_id,
        session_epoch: 1,
        topics: Vec::new(),
        ..request.clone()
    };
    assert_eq!(world.ask(&next).topics, [], "nothing is new");
    world.produce("t", 1, batch(&["a"]));
    next.session_epoch = 2;
    let answer = world.ask(&next);
    assert_eq!(only(&answer).partition_index, 1);
    // The client goes on behind it, and takes no interest in another any more.
    next.session_epoch = 3;
    next.topics = fetch(&world, &[partition(1, 1)]).topics;
    next.forgotten_topics = vec![ForgottenTopic {
        name: text(""),
        topic_id: next.topics[0].topic_id,
        partitions: vec![2],
    }];
    world.produce("t", 2, batch(&["b"]));
    assert_eq!(world.ask(&next).topics, []);
    // A request that is lost on the way ends the session.
    next.session_epoch = 7;
    assert_eq!(
        world.ask(&next).error_code,
        ErrorCode::InvalidFetchSessionEpoch
    );
    next.session_id += 1;
    assert_eq!(
        world.ask(&next).error_code,
        ErrorCode::FetchSessionIdNotFound
    );
}

#[test]
fn a_session_waits_as_well() {
    let mut world = world(2);
    let mut request = fetch(&world, &[partition(0, 0), partition(1, 0)]);
    (request.session_epoch, request.max_wait_ms) = (0, 0);
    let session_id = world.ask(&request).session_id;
    let client = world.client();
    let next = FetchRequest {
        session_id,
        session_epoch: 1,
        max_wait_ms: 500,
        topics: Vec::new(),
        ..request
    };
    world.send(client, &next);
    assert!(world.hear(client).is_none());
    world.produce("t", 1, batch(&["a"]));
    let answer = world.answer::<FetchRequest>(client).expect("it has come");
    assert_eq!(only(&answer).partition_index, 1);
}

#[test]
fn memory_without_a_directory_drops_the_oldest_records_but_spares_compacted_topics() {
    let options = Options {
        memory_limit: 40 << 20,
        ..Options::default()
    };
    let mut world = World::with(fresh(options));
    world.create("t", 1, &[]);
    world.create("kept", 1, &[("cleanup.policy", "compact")]);
    let record = Record {
        timestamp: world.now.timestamp,
        key: Some(b"k"),
        value: Some(b"v"),
        headers: &[],
    };
    let mut builder = RecordBatchBuilder::new(1 << 10);
    builder.append(&record).expect("there is room");
    let mut sealed = builder.seal();
    sealed.stamp(ProducerStamp::NONE);
    assert_eq!(world.produce("kept", 0, sealed.bytes()).base_offset, 0);
    let megabyte = "x".repeat(1 << 20);
    let megabyte = &megabyte[..(1 << 20) - 200];
    for _ in 0..100 {
        assert_eq!(
            world.produce("t", 0, batch(&[megabyte])).error_code,
            ErrorCode::None
        );
    }
    let start = |world: &World, name: &str| {
        let topic = world.core.state.topics.by_name(name).expect("it is there");
        let log = topic.partition(0).expect("it has one");
        (log.log_start_offset(), log.resident())
    };
    let (first, resident) = start(&world, "t");
    assert!(first >= 50 && resident <= 40 << 20, "{first} {resident}");
    assert_eq!(start(&world, "kept").0, 0);
    let request = fetch(&world, &[partition(0, 0)]);
    assert_eq!(
        only(&world.ask(&request)).error_code,
        ErrorCode::OffsetOutOfRange
    );
}
