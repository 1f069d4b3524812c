//! Batches: taken once, in order, and refused for a reason.

use generated::InitProducerIdRequest;
use kconnect_protocol::ErrorCode;

use super::*;

const NOW: i64 = 1_700_000_000_000;

fn stamp(producer_id: i64, epoch: i16, sequence: i32) -> ProducerStamp {
    ProducerStamp {
        producer_id,
        producer_epoch: epoch,
        base_sequence: sequence,
        transactional: false,
    }
}

/// Produces two records with this stamp; error and offset.
fn two(world: &mut World, stamp: ProducerStamp) -> (ErrorCode, i64) {
    let done = world.produce("t", 0, stamped(&["a", "b"], NOW, stamp));
    (done.error_code, done.base_offset)
}

fn world() -> World {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world
}

#[test]
fn each_producer_gets_an_id_of_its_own() {
    let mut world = world();
    let request = InitProducerIdRequest::default().with_transactional_id(None);
    let ids: Vec<i64> = (0..3).map(|_| world.ask(&request).producer_id.0).collect();
    assert_eq!(ids, [0, 1, 2]);
    let transactional = request.with_transactional_id(Some(crate::core::api::text("t").into()));
    assert_ne!(world.ask(&transactional).error_code, 0);
}

#[test]
fn a_batch_sent_again_is_answered_with_the_offset_it_has() {
    let mut world = world();
    assert_eq!(two(&mut world, stamp(7, 0, 0)), (ErrorCode::None, 0));
    assert_eq!(two(&mut world, stamp(7, 0, 2)), (ErrorCode::None, 2));
    assert_eq!(two(&mut world, stamp(7, 0, 0)), (ErrorCode::None, 0));
    assert_eq!(two(&mut world, stamp(7, 0, 2)), (ErrorCode::None, 2));
    assert_eq!(two(&mut world, stamp(7, 0, 4)), (ErrorCode::None, 4));
}

#[test]
fn a_gap_is_refused_until_it_is_filled() {
    let mut world = world();
    two(&mut world, stamp(7, 0, 0));
    let (error, _) = two(&mut world, stamp(7, 0, 4));
    assert_eq!(error, ErrorCode::OutOfOrderSequenceNumber);
    assert_eq!(two(&mut world, stamp(7, 0, 2)), (ErrorCode::None, 2));
    assert_eq!(two(&mut world, stamp(7, 0, 4)), (ErrorCode::None, 4));
}

#[test]
fn a_new_epoch_begins_at_zero_and_fences_the_old_one() {
    let mut world = world();
    two(&mut world, stamp(7, 0, 0));
    let (error, _) = two(&mut world, stamp(7, 1, 2));
    assert_eq!(error, ErrorCode::OutOfOrderSequenceNumber);
    assert_eq!(two(&mut world, stamp(7, 1, 0)), (ErrorCode::None, 2));
    let (error, _) = two(&mut world, stamp(7, 0, 2));
    assert_eq!(error, ErrorCode::InvalidProducerEpoch);
}

#[test]
fn producers_do_not_hinder_each_other() {
    let mut world = world();
    assert_eq!(two(&mut world, stamp(7, 0, 0)), (ErrorCode::None, 0));
    assert_eq!(two(&mut world, stamp(8, 0, 0)), (ErrorCode::None, 2));
    assert_eq!(two(&mut world, ProducerStamp::NONE), (ErrorCode::None, 4));
    assert_eq!(two(&mut world, stamp(7, 0, 2)), (ErrorCode::None, 6));
}

#[test]
fn what_cannot_be_taken_is_refused_with_a_reason() {
    let mut world = world();
    world.create("compacted", 1, &[("cleanup.policy", "compact")]);
    world.create("safe", 1, &[("min.insync.replicas", "2")]);
    let refused = [
        (
            "nowhere",
            0,
            batch(&["a"]),
            ErrorCode::UnknownTopicOrPartition,
        ),
        ("t", 5, batch(&["a"]), ErrorCode::UnknownTopicOrPartition),
        (
            "t",
            0,
            Bytes::from_static(b"nothing of the kind"),
            ErrorCode::CorruptMessage,
        ),
        ("compacted", 0, batch(&["no key"]), ErrorCode::InvalidRecord),
        ("safe", 0, batch(&["a"]), ErrorCode::NotEnoughReplicas),
        (
            "t",
            0,
            stamped(&["a"], i64::MAX - 1, ProducerStamp::NONE),
            ErrorCode::InvalidTimestamp,
        ),
    ];
    for (topic, partition, batch, error) in refused {
        let done = world.produce(topic, partition, batch);
        assert_eq!(
            (done.error_code, done.base_offset),
            (error, -1),
            "{topic}-{partition}"
        );
    }
    let odd = production("t", 0, batch(&["a"]), 2);
    let answer = world.ask_version(12, &odd);
    assert_eq!(
        answer.topics[0].partitions[0].error_code,
        ErrorCode::InvalidRequiredAcks
    );
}

#[test]
fn without_acks_there_is_no_answer_and_a_refusal_closes() {
    let mut world = world();
    let client = world.client();
    world.send_version(client, 12, &production("t", 0, batch(&["a"]), 0));
    assert!(matches!(world.hear(client), Some(Heard::Done)));
    world.send_version(client, 12, &production("nowhere", 0, batch(&["a"]), 0));
    assert!(matches!(world.hear(client), Some(Heard::Closed(_))));
}

#[test]
fn the_broker_sets_the_time_where_it_is_asked_to() {
    let mut world = World::new();
    world.create("t", 1, &[("message.timestamp.type", "LogAppendTime")]);
    world.pass(5_000);
    let done = world.produce("t", 0, batch(&["a"]));
    assert_eq!(done.log_append_time_ms, world.now.timestamp);
}

#[test]
fn requests_of_one_connection_are_answered_in_order() {
    let mut world = world();
    let client = world.client();
    for n in 0..50 {
        let value = n.to_string();
        world.send_version(client, 12, &production("t", 0, batch(&[&value]), 1));
    }
    for n in 0..50 {
        let Some(Heard::Answer(frame)) = world.hear(client) else {
            panic!("an answer");
        };
        let answer = read::<ProduceRequest>(12, frame);
        assert_eq!(answer.topics[0].partitions[0].base_offset, n);
    }
}
