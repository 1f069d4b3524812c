//! Offsets: of logs, by time, and those that groups commit.

use generated::delete_groups_request::DeleteGroupsRequest;
use generated::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use generated::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use generated::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use generated::offset_fetch_request::OffsetFetchRequestGroup;
use generated::{
    DeleteRecordsRequest, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest,
};
use generated::{GroupId, TopicName};
use kconnect_protocol::ErrorCode;
use kconnect_protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsTopic, timestamp,
};

use super::*;
use crate::core::api::text;

/// Timestamps of the records in `world`: one more each.
const FIRST: i64 = 1_700_000_000_000;

/// A topic `t` with three batches of two records.
fn world() -> World {
    let mut world = World::new();
    world.create("t", 1, &[]);
    for n in 0..3 {
        let records = stamped(&["a", "b"], FIRST + 2 * n, ProducerStamp::NONE);
        assert_eq!(world.produce("t", 0, records).error_code, ErrorCode::None);
    }
    world
}

/// Error, offset and timestamp for what is asked by a timestamp.
fn find(world: &mut World, timestamp: i64) -> (ErrorCode, i64, i64) {
    let request = ListOffsetsRequest {
        topics: vec![ListOffsetsTopic {
            name: text("t"),
            partitions: vec![ListOffsetsPartition {
                partition_index: 0,
                current_leader_epoch: None,
                timestamp,
            }],
        }],
        ..ListOffsetsRequest::default()
    };
    let answer = world.ask(&request);
    let partition = &answer.topics[0].partitions[0];
    (partition.error_code, partition.offset, partition.timestamp)
}

fn delete_before(world: &mut World, offset: i64) -> (ErrorCode, i64) {
    let partition = DeleteRecordsPartition::default().with_offset(offset);
    let topic = DeleteRecordsTopic::default()
        .with_name(TopicName(text("t")))
        .with_partitions(vec![partition]);
    let answer = world.ask(&DeleteRecordsRequest::default().with_topics(vec![topic]));
    let partition = &answer.topics[0].partitions[0];
    (ErrorCode(partition.error_code), partition.low_watermark)
}

#[test]
fn ends_and_times_of_a_log_are_found() {
    let mut world = world();
    assert_eq!(
        find(&mut world, timestamp::EARLIEST),
        (ErrorCode::None, 0, -1)
    );
    assert_eq!(
        find(&mut world, timestamp::LATEST),
        (ErrorCode::None, 6, -1)
    );
    assert_eq!(
        find(&mut world, timestamp::MAX),
        (ErrorCode::None, 5, FIRST + 5)
    );
    assert_eq!(find(&mut world, FIRST + 3), (ErrorCode::None, 3, FIRST + 3));
    assert_eq!(find(&mut world, 0), (ErrorCode::None, 0, FIRST));
    assert_eq!(find(&mut world, FIRST + 6), (ErrorCode::None, -1, -1));
}

#[test]
fn deleted_records_are_neither_found_nor_counted() {
    let mut world = world();
    assert_eq!(delete_before(&mut world, 3), (ErrorCode::None, 3));
    assert_eq!(
        find(&mut world, timestamp::EARLIEST),
        (ErrorCode::None, 3, -1)
    );
    assert_eq!(find(&mut world, 0), (ErrorCode::None, 3, FIRST + 3));
    assert_eq!(
        delete_before(&mut world, 1),
        (ErrorCode::None, 3),
        "it never goes back"
    );
    assert_eq!(delete_before(&mut world, 7).0, ErrorCode::OffsetOutOfRange);
    assert_eq!(delete_before(&mut world, -1), (ErrorCode::None, 6));
    assert_eq!(find(&mut world, timestamp::MAX), (ErrorCode::None, -1, -1));
    assert_eq!(world.produce("t", 0, batch(&["a"])).base_offset, 6);
}

#[test]
fn records_of_a_compacted_topic_cannot_be_deleted() {
    let mut world = World::new();
    world.create("t", 1, &[("cleanup.policy", "compact")]);
    assert_eq!(delete_before(&mut world, 0).0, ErrorCode::PolicyViolation);
}

#[test]
fn retention_removes_old_segments_as_time_passes() {
    let mut world = World::new();
    world.create(
        "t",
        1,
        &[("retention.ms", "60000"), ("segment.bytes", "1048576")],
    );
    let large = "x".repeat(900_000);
    for _ in 0..3 {
        let now = world.now.timestamp;
        world.produce("t", 0, stamped(&[&large], now, ProducerStamp::NONE));
        world.pass(40_000);
    }
    assert_eq!(find(&mut world, timestamp::EARLIEST).1, 2);
    world.pass(120_000);
    assert_eq!(find(&mut world, timestamp::EARLIEST).1, 3);
    assert_eq!(find(&mut world, timestamp::LATEST).1, 3);
}

fn commit(world: &mut World, topic: &str, offset: i64, metadata: &str) -> ErrorCode {
    let partition = OffsetCommitRequestPartition::default()
        .with_committed_offset(offset)
        .with_committed_leader_epoch(-1)
        .with_committed_metadata(Some(text(metadata)));
    let topic = OffsetCommitRequestTopic::default()
        .with_name(TopicName(text(topic)))
        .with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(text("g")))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic]);
    ErrorCode(world.ask(&request).topics[0].partitions[0].error_code)
}

/// Everything that the group has committed: topic, offset, metadata.
fn committed(world: &mut World) -> Vec<(String, i64, String)> {
    let group = OffsetFetchRequestGroup::default()
        .with_group_id(GroupId(text("g")))
        .with_topics(None);
    let answer = world.ask(&OffsetFetchRequest::default().with_groups(vec![group]));
    let topics = answer.groups[0].topics.iter();
    topics
        .flat_map(|topic| {
            topic.partitions.iter().map(|p| {
                let metadata = p.metadata.as_deref().unwrap_or_default();
                (
                    topic.name.to_string(),
                    p.committed_offset,
                    metadata.to_owned(),
                )
            })
        })
        .collect()
}

#[test]
fn offsets_are_committed_fetched_and_deleted() {
    let mut world = world();
    assert_eq!(committed(&mut world), []);
    assert_eq!(commit(&mut world, "t", 4, "why"), ErrorCode::None);
    assert_eq!(
        committed(&mut world),
        [("t".to_owned(), 4, "why".to_owned())]
    );
    assert_eq!(
        commit(&mut world, "nowhere", 1, ""),
        ErrorCode::UnknownTopicOrPartition
    );
    let long = "x".repeat(4_097);
    assert_eq!(
        commit(&mut world, "t", 5, &long),
        ErrorCode::OffsetMetadataTooLarge
    );
    let topic = OffsetDeleteRequestTopic::default()
        .with_name(TopicName(text("t")))
        .with_partitions(vec![OffsetDeleteRequestPartition::default()]);
    let request = OffsetDeleteRequest::default()
        .with_group_id(GroupId(text("g")))
        .with_topics(vec![topic]);
    assert_eq!(world.ask(&request).topics[0].partitions[0].error_code, 0);
    assert_eq!(committed(&mut world), []);
    let delete = DeleteGroupsRequest::default().with_groups_names(vec![GroupId(text("g"))]);
    assert_eq!(world.ask(&delete).results[0].error_code, 0);
    let again = world.ask(&delete).results[0].error_code;
    assert_eq!(ErrorCode(again), ErrorCode::GroupIdNotFound);
    assert_eq!(
        ErrorCode(world.ask(&request).error_code),
        ErrorCode::GroupIdNotFound
    );
}

#[test]
fn a_deleted_topics_offsets_are_forgotten() {
    let mut world = world();
    commit(&mut world, "t", 4, "");
    let state = generated::delete_topics_request::DeleteTopicState::default()
        .with_name(Some(TopicName(text("t"))));
    world.ask(&generated::DeleteTopicsRequest::default().with_topics(vec![state]));
    assert_eq!(committed(&mut world), []);
}

#[test]
fn offsets_of_an_empty_group_expire_after_a_week() {
    let mut world = world();
    commit(&mut world, "t", 4, "");
    let day = 24 * 60 * 60 * 1_000;
    world.pass(6 * day);
    assert_eq!(committed(&mut world).len(), 1);
    world.pass(day + 60_000);
    assert_eq!(committed(&mut world), []);
}
