//! Sequences, retries and epochs: what may never be lost, doubled or reordered.

use kconnect_protocol::types::Uuid;

use super::bench::{Bench, failed, leader, refusal, written};
use crate::{
    ErrorCode,
    producer::{identity::ProducerIdentity, sender::PartitionAnswer},
};

#[test]
fn each_batch_continues_the_sequence_of_the_one_before() {
    let mut bench = Bench::eager();
    let batches = bench.three_in_flight();
    let stamps = batches.map(|(_, part, _)| part.stamp());
    assert_eq!(stamps, [(0, 1, 1), (0, 2, 1), (0, 3, 1)]);
}

#[test]
fn sequences_wrap_to_zero_after_the_largest() {
    let mut bench = Bench::eager();
    let first = bench.send(0, "a");
    let (id, _) = bench.request();
    bench.acknowledge(id, 0);
    written(&first);
    bench
        .sender
        .queues
        .values_mut()
        .next()
        .unwrap()
        .set_next_sequence(i32::MAX);
    bench.send(0, "b");
    assert_eq!(bench.request().1.stamp(), (0, i32::MAX, 1));
    bench.send(0, "c");
    let (last, part) = bench.request();
    assert_eq!(part.stamp(), (0, 0, 1));
    // And it wraps in the same way when it is rewound.
    bench.refuse(last - 1, ErrorCode::NotEnoughReplicas);
    bench.refuse(last, ErrorCode::OutOfOrderSequenceNumber);
    bench.pass_to_timeout();
    let (again, part) = bench.request();
    assert_eq!(part.stamp(), (0, i32::MAX, 1));
    bench.acknowledge(again, 1);
    assert_eq!(bench.request().1.stamp(), (0, 0, 1));
}

#[test]
fn an_unproven_leader_gets_one_batch_at_a_time() {
    // A broker that knows nothing of a producer takes any first sequence: 1. batch 0 is refused; 2. batch 1, sent right
    // behind it, is taken; 3. batch 0 comes again and is out of order for ever.
    let mut bench = Bench::eager();
    bench.send(0, "a");
    let (first, _) = bench.request();
    bench.send(0, "b");
    assert!(bench.requests().is_empty());
    bench.acknowledge(first, 0);
    assert_eq!(bench.request().1.values(), ["b"]);
}

#[test]
fn five_batches_are_in_flight_at_a_proven_leader_and_not_six() {
    let mut bench = Bench::eager();
    bench.three_in_flight();
    for value in ["d", "e", "f", "g"] {
        bench.send(0, value);
    }
    let requests = bench.requests();
    assert_eq!(requests.len(), 1, "what waits is gathered in one batch");
    assert_eq!(requests[0].parts[0].values(), ["d", "e", "f", "g"]);
    bench.send(0, "h");
    assert_eq!(bench.requests().len(), 1);
    bench.send(0, "i");
    assert!(bench.requests().is_empty());
}

#[test]
fn after_an_error_everything_goes_again_in_order_with_the_same_sequences() {
    let mut bench = Bench::eager();
    let [a, b, c] = bench.three_in_flight();
    bench.refuse(a.0, ErrorCode::NotLeaderOrFollower);
    assert!(
        bench.requests().is_empty(),
        "the others' answers come first"
    );
    bench.refuse(b.0, ErrorCode::OutOfOrderSequenceNumber);
    bench.refuse(c.0, ErrorCode::OutOfOrderSequenceNumber);
    assert!(bench.requests().is_empty(), "there is a pause");
    assert_eq!(bench.refreshes, 1);
    bench.pass_to_timeout();
    for (offset, (_, part, delivery)) in (1..).zip([a, b, c]) {
        let (id, again) = bench.request();
        assert_eq!(
            (again.stamp(), again.values()),
            (part.stamp(), part.values())
        );
        bench.acknowledge(id, offset);
        assert_eq!(written(&delivery).offset, Some(offset));
    }
}

#[test]
fn a_duplicate_is_success() {
    let mut bench = Bench::eager();
    let [a, b, c] = bench.three_in_flight();
    for (id, ..) in [&a, &b, &c] {
        bench.lose(*id);
    }
    bench.pass_to_timeout();
    let (id, part) = bench.request();
    assert_eq!(part.stamp(), a.1.stamp());
    bench.refuse(id, ErrorCode::DuplicateSequenceNumber);
    assert_eq!(written(&a.2).offset, None);
    assert_eq!(bench.request().1.stamp(), b.1.stamp());
}

#[test]
fn a_batch_that_was_written_out_of_turn_is_not_sent_again() {
    let mut bench = Bench::eager();
    let [a, b, c] = bench.three_in_flight();
    // The answer to the first says that nobody knows, and the other two show that it was written.
    bench.refuse(a.0, ErrorCode::NotEnoughReplicasAfterAppend);
    bench.acknowledge(b.0, 2);
    bench.acknowledge(c.0, 3);
    assert_eq!(written(&c.2).offset, Some(3));
    bench.pass_to_timeout();
    let (id, part) = bench.request();
    assert_eq!(part.stamp(), a.1.stamp());
    bench.acknowledge(id, 1);
    assert_eq!(written(&a.2).offset, Some(1));
    assert!(bench.sender.is_idle());
}

#[test]
fn a_batch_that_fails_for_good_makes_the_rest_start_anew_in_the_next_epoch() {
    // Otherwise its sequence would be missing, and everything after it out of order; or be used twice, and the second
    // use be taken for a duplicate: acknowledged, and never written.
    let mut bench = Bench::eager();
    let [a, b, c] = bench.three_in_flight();
    bench.refuse(a.0, ErrorCode::InvalidRecord);
    bench.refuse(b.0, ErrorCode::OutOfOrderSequenceNumber);
    bench.refuse(c.0, ErrorCode::OutOfOrderSequenceNumber);
    assert!(!failed(&a.2).may_have_taken_effect());
    let (id, part) = bench.request();
    assert_eq!(
        (part.stamp(), part.values()),
        ((1, 0, 1), vec!["b".to_owned()])
    );
    bench.acknowledge(id, 1);
    let (id, part) = bench.request();
    assert_eq!(
        (part.stamp(), part.values()),
        ((1, 1, 1), vec!["c".to_owned()])
    );
    bench.acknowledge(id, 2);
    assert_eq!(
        (written(&b.2).offset, written(&c.2).offset),
        (Some(1), Some(2))
    );
    assert_eq!(
        bench.identities_asked, 1,
        "an epoch is counted up without asking"
    );
}

#[test]
fn other_partitions_keep_their_epoch_until_they_have_nothing_left_under_it() {
    let mut bench = Bench::eager();
    bench.send(1, "x");
    let (x, _) = bench.request();
    let lost = bench.send(0, "a");
    let (a, _) = bench.request();
    bench.refuse(a, ErrorCode::InvalidRecord);
    failed(&lost);
    bench.refuse(x, ErrorCode::NotEnoughReplicas);
    bench.pass_to_timeout();
    let (x, part) = bench.request();
    assert_eq!(part.stamp(), (0, 0, 1), "a batch keeps its stamp");
    bench.acknowledge(x, 0);
    bench.send(1, "y");
    assert_eq!(bench.request().1.stamp(), (1, 0, 1));
}

#[test]
fn a_broker_that_lost_track_gets_the_batch_in_a_new_epoch() {
    for code in [
        ErrorCode::UnknownProducerId,
        ErrorCode::OutOfOrderSequenceNumber,
    ] {
        let mut bench = Bench::eager();
        let [a, b, c] = bench.three_in_flight();
        for (id, ..) in [&a, &b, &c] {
            bench.refuse(*id, code);
        }
        bench.pass_to_timeout();
        let (id, part) = bench.request();
        assert_eq!(
            (part.stamp(), part.values()),
            ((1, 0, 1), vec!["a".to_owned()])
        );
        bench.acknowledge(id, 1);
        assert_eq!(bench.request().1.stamp(), (1, 1, 1));
        assert_eq!(written(&a.2).offset, Some(1));
    }
}

#[test]
fn a_batch_that_may_be_written_is_not_given_another_sequence() {
    let mut bench = Bench::eager();
    let [a, b, c] = bench.three_in_flight();
    for (id, ..) in [&a, &b, &c] {
        bench.lose(*id);
    }
    bench.pass_to_timeout();
    let (id, _) = bench.request();
    bench.refuse(id, ErrorCode::OutOfOrderSequenceNumber);
    assert!(failed(&a.2).may_have_taken_effect());
    // The others were sent too, so each is asked about under its old stamp before anything gets a new one.
    let (id, part) = bench.request();
    assert_eq!(part.stamp(), b.1.stamp());
    bench.refuse(id, ErrorCode::DuplicateSequenceNumber);
    let (id, part) = bench.request();
    assert_eq!(part.stamp(), c.1.stamp());
    bench.acknowledge(id, 3);
    let d = bench.send(0, "d");
    let (id, part) = bench.request();
    assert_eq!(part.stamp(), (1, 0, 1));
    bench.acknowledge(id, 4);
    assert_eq!(
        [&b.2, &c.2, &d].map(|delivery| written(delivery).offset),
        [None, Some(3), Some(4)]
    );
}

#[test]
fn a_fenced_producer_asks_for_a_new_id() {
    let mut bench = Bench::eager();
    let delivery = bench.send(0, "a");
    let (id, _) = bench.request();
    bench.next_identity = Ok(ProducerIdentity {
        producer_id: 8,
        epoch: 0,
    });
    bench.refuse(id, ErrorCode::InvalidProducerEpoch);
    bench.pass_to_timeout();
    let (id, part) = bench.request();
    assert_eq!((part.header.producer_id, part.stamp()), (8, (0, 0, 1)));
    bench.acknowledge(id, 0);
    written(&delivery);
}

#[test]
fn a_new_leader_gets_what_is_left_once_the_old_one_has_answered() {
    let mut bench = Bench::eager();
    let [a, b, c] = bench.three_in_flight();
    bench.lead(0, Some(leader(2, 1)));
    let d = bench.send(0, "d");
    assert!(bench.requests().is_empty());
    bench.acknowledge(a.0, 1);
    bench.refuse(b.0, ErrorCode::NotLeaderOrFollower);
    bench.refuse(c.0, ErrorCode::NotLeaderOrFollower);
    // It is known who leads now, so there is no pause.
    let requests = bench.requests();
    assert_eq!((requests.len(), requests[0].broker), (1, 2));
    assert_eq!(requests[0].parts[0].stamp(), b.1.stamp());
    bench.acknowledge(requests[0].id, 2);
    assert_eq!(bench.request().1.stamp(), c.1.stamp());
    assert_eq!(bench.request().1.values(), ["d"]);
    assert!(d.try_result().is_none());
}

#[test]
fn a_leader_named_in_the_answer_is_asked_at_once() {
    let mut bench = Bench::eager();
    bench.send(0, "a");
    let (id, _) = bench.request();
    let answer = PartitionAnswer {
        leader: Some(leader(3, 5)),
        ..refusal(ErrorCode::NotLeaderOrFollower)
    };
    bench.answer(id, Some(answer));
    let requests = bench.requests();
    assert_eq!((requests.len(), requests[0].broker), (1, 3));
}

#[test]
fn a_partition_that_vanishes_from_metadata_keeps_its_sequence() {
    // 1. A stale answer lacks the topic; 2. the partition is forgotten and comes back with sequence 0; 3. the broker takes
    // its next batch for a duplicate: acknowledged, and never written.
    let mut bench = Bench::eager();
    bench.send(0, "a");
    let (id, _) = bench.request();
    bench.acknowledge(id, 0);
    bench.lead(0, None);
    bench.lead(0, Some(leader(1, 0)));
    bench.send(0, "b");
    assert_eq!(bench.request().1.stamp(), (0, 1, 1));
}

#[test]
fn a_topic_that_was_created_again_starts_anew() {
    let mut bench = Bench::eager();
    bench.topic_id = Some(Uuid::from_u128(1));
    let [a, ..] = bench.three_in_flight();
    bench.topic_id = None;
    bench.metadata();
    bench.topic_id = Some(Uuid::from_u128(2));
    bench.metadata();
    for id in a.0..a.0 + 3 {
        bench.refuse(id, ErrorCode::UnknownTopicId);
    }
    let (_, part) = bench.request();
    assert_eq!(
        (part.stamp(), part.values()),
        ((1, 0, 1), vec!["a".to_owned()])
    );
}

#[test]
fn without_idempotence_batches_have_no_stamp_and_go_at_once() {
    let mut bench = Bench::new(|config| {
        config.linger = std::time::Duration::ZERO;
        config.enable_idempotence = crate::config::Idempotence::Disabled;
    });
    bench.send(0, "a");
    let (_, part) = bench.request();
    assert_eq!((part.header.producer_id, part.stamp()), (-1, (-1, -1, 1)));
    bench.send(0, "b");
    assert_eq!(bench.request().1.values(), ["b"]);
    assert_eq!(bench.identities_asked, 0);
}
