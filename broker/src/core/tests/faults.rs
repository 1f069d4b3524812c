//! Faults: what a test asks for happens, to the request that it named, and to no other.

use std::time::Duration;

use kconnect_protocol::ErrorCode;

use super::*;
use crate::faults::Fault;

fn world() -> World {
    let mut world = World::new();
    world.create("t", 2, &[]);
    world
}

fn send(world: &mut World, client: ConnectionId, partition: i32) {
    world.send_version(client, 12, &production("t", partition, batch(&["a"]), 1));
}

/// Error and offset of a produce request that was sent.
#[track_caller]
fn produced(world: &mut World, client: ConnectionId) -> (ErrorCode, i64) {
    let Some(Heard::Answer(frame)) = world.hear(client) else {
        panic!("an answer");
    };
    let answer = read::<ProduceRequest>(12, frame);
    let partition = &answer.topics[0].partitions[0];
    (partition.error_code, partition.base_offset)
}

fn end(world: &World, partition: i32) -> i64 {
    let topic = world.core.state.topics.by_name("t").expect("the topic");
    topic
        .partition(partition)
        .expect("the partition")
        .log_end_offset()
}

#[test]
fn an_error_is_said_and_nothing_is_done() {
    let mut world = world();
    let error = Fault::error(ApiKey::PRODUCE, ErrorCode::NotLeaderOrFollower);
    world.faults.inject(error.topic("t").partition(0));
    let client = world.client();
    send(&mut world, client, 1);
    assert_eq!(produced(&mut world, client).0, ErrorCode::None);
    send(&mut world, client, 0);
    assert_eq!(
        produced(&mut world, client).0,
        ErrorCode::NotLeaderOrFollower
    );
    assert_eq!(end(&world, 0), 0);
    send(&mut world, client, 0);
    assert_eq!(produced(&mut world, client), (ErrorCode::None, 0));
}

#[test]
fn a_delayed_request_is_handled_later_and_what_follows_it_as_well() {
    let mut world = world();
    world
        .faults
        .inject(Fault::delay(ApiKey::PRODUCE, Duration::from_secs(3)));
    let client = world.client();
    send(&mut world, client, 0);
    send(&mut world, client, 0);
    world.pass(2_999);
    assert!(world.hear(client).is_none());
    assert_eq!(end(&world, 0), 0);
    world.pass(1);
    assert_eq!(produced(&mut world, client).1, 0);
    assert_eq!(produced(&mut world, client).1, 1);
}

#[test]
fn a_late_answer_comes_after_the_request_took_effect() {
    let mut world = world();
    world
        .faults
        .inject(Fault::late_answer(ApiKey::PRODUCE, Duration::from_secs(3)));
    let client = world.client();
    send(&mut world, client, 0);
    assert_eq!(end(&world, 0), 1);
    assert!(world.hear(client).is_none());
    world.pass(3_000);
    assert_eq!(produced(&mut world, client).1, 0);
}

#[test]
fn a_lost_answer_closes_the_connection_of_a_request_that_took_effect() {
    let mut world = world();
    world.faults.inject(Fault::lose_answer(ApiKey::PRODUCE));
    let client = world.client();
    send(&mut world, client, 0);
    assert!(matches!(world.hear(client), Some(Heard::Closed(_))));
    assert_eq!(end(&world, 0), 1);
}

#[test]
fn a_disconnect_comes_before_anything_is_done() {
    let mut world = world();
    world.faults.inject(Fault::any_api_disconnect());
    let client = world.client();
    send(&mut world, client, 0);
    assert!(matches!(world.hear(client), Some(Heard::Closed(_))));
    assert_eq!(end(&world, 0), 0);
}

#[test]
fn silence_holds_its_connection_and_no_other() {
    let mut world = world();
    let silence = world.faults.inject(Fault::silence(ApiKey::PRODUCE));
    let (silent, other) = (world.client(), world.client());
    send(&mut world, silent, 0);
    send(&mut world, silent, 0);
    send(&mut world, other, 0);
    world.pass(600_000);
    assert!(world.hear(silent).is_none());
    assert_eq!(produced(&mut world, other), (ErrorCode::None, 0));
    assert_eq!((world.faults.hits(silence), end(&world, 0)), (1, 1));
}

#[test]
fn a_swallowed_answer_is_never_heard_of() {
    let mut world = world();
    world.faults.inject(Fault::swallow_answer(ApiKey::PRODUCE));
    let client = world.client();
    send(&mut world, client, 0);
    world.pass(600_000);
    assert!(world.hear(client).is_none());
    assert_eq!(end(&world, 0), 1);
}

#[test]
fn an_answer_is_cut_off_where_it_was_asked_for() {
    let mut world = world();
    world
        .faults
        .inject(Fault::disconnect_after(ApiKey::PRODUCE, 6));
    let client = world.client();
    let request = production("t", 0, batch(&["a"]), 1);
    world.correlation_id = 0;
    let mut frame = BytesMut::new();
    let header = RequestHeader {
        api_key: ApiKey::PRODUCE,
        api_version: 12,
        correlation_id: 1,
        client_id: None,
    };
    header.encode(&mut frame).expect("a header");
    frame.extend_from_slice(&Ask::write(&request, 12));
    world.core.handle(world.now, client, frame.freeze());
    let Some(Effect::Close {
        frame: Some(frame), ..
    }) = world.core.poll_effect()
    else {
        panic!("the end of the connection");
    };
    assert_eq!(frame.concat().len(), 6);
}
