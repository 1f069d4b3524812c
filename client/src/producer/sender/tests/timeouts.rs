//! What is not settled in time, and what a closing producer gives up.

use std::time::Duration;

use super::bench::{Bench, failed, leader, written};
use crate::{Error, ErrorCode, ErrorKind, producer::Abandoned};

const DELIVERY_TIMEOUT: Duration = Duration::from_mins(2);

#[test]
fn a_record_without_a_leader_fails_in_time_and_was_not_written() {
    let mut bench = Bench::eager();
    bench.leaders.clear();
    let delivery = bench.send(0, "a");
    assert!(bench.requests().is_empty());
    assert!(bench.refreshes > 0);
    bench.pass(DELIVERY_TIMEOUT);
    let error = failed(&delivery);
    assert!(!error.may_have_taken_effect());
    let text = error.to_string();
    assert!(
        text.contains("t-0")
            && text.contains("delivery.timeout.ms")
            && text.contains("no broker leads"),
        "{text}"
    );
    assert!(bench.sender.is_idle());
}

#[test]
fn an_unanswered_batch_fails_in_time_and_may_be_written() {
    let mut bench = Bench::eager();
    let [a, b, c] = bench.three_in_flight();
    bench.pass(DELIVERY_TIMEOUT);
    for (.., delivery) in [&a, &b, &c] {
        assert!(failed(delivery).may_have_taken_effect());
    }
    // Late answers do no harm: what was written was written, and the sequence goes on.
    bench.acknowledge(a.0, 1);
    bench.acknowledge(b.0, 2);
    bench.acknowledge(c.0, 3);
    bench.send(0, "d");
    assert_eq!(bench.request().1.stamp(), (0, 4, 1));
}

#[test]
fn batches_that_were_given_up_unsettled_make_the_next_one_start_anew() {
    let mut bench = Bench::eager();
    let [a, b, c] = bench.three_in_flight();
    bench.pass(DELIVERY_TIMEOUT);
    let d = bench.send(0, "d");
    for (id, ..) in [&a, &b, &c] {
        bench.lose(*id);
    }
    bench.pass_to_timeout();
    let (id, part) = bench.request();
    assert_eq!(
        (part.stamp(), part.values()),
        ((1, 0, 1), vec!["d".to_owned()])
    );
    bench.acknowledge(id, 9);
    written(&d);
}

#[test]
fn a_batch_given_up_fills_the_gap_before_one_that_still_waits() {
    // The broker has perhaps the first, perhaps both. Were the second sent without the first, then it would be out of
    // order if the broker has neither, and nobody could tell that from a loss.
    let mut bench = Bench::eager();
    bench.send(0, "proof");
    let (id, _) = bench.request();
    bench.acknowledge(id, 0);
    let a = bench.send(0, "a");
    let (a_id, a_part) = bench.request();
    bench.pass(DELIVERY_TIMEOUT / 2);
    let b = bench.send(0, "b");
    let (b_id, b_part) = bench.request();
    bench.lose(a_id);
    bench.lose(b_id);
    bench.pass(DELIVERY_TIMEOUT / 2);
    assert!(failed(&a).may_have_taken_effect());
    let (id, part) = bench.request();
    assert_eq!(part.stamp(), a_part.stamp());
    bench.acknowledge(id, 1);
    let (id, part) = bench.request();
    assert_eq!(part.stamp(), b_part.stamp());
    bench.acknowledge(id, 2);
    assert_eq!(written(&b).offset, Some(2));
}

#[test]
fn the_error_of_a_late_record_names_what_kept_it() {
    let mut bench = Bench::eager();
    let delivery = bench.send(0, "a");
    for _ in 0..3 {
        let (id, _) = bench.request();
        bench.refuse(id, ErrorCode::NotEnoughReplicas);
        bench.pass_to_timeout();
    }
    bench.pass(DELIVERY_TIMEOUT);
    let error = failed(&delivery);
    assert!(error.to_string().contains("NOT_ENOUGH_REPLICAS"), "{error}");
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[test]
fn retries_end_with_the_last_error() {
    let mut bench = Bench::new(|config| {
        config.linger = Duration::ZERO;
        config.retries = 2;
    });
    let delivery = bench.send(0, "a");
    for _ in 0..2 {
        let (id, _) = bench.request();
        bench.refuse(id, ErrorCode::NotEnoughReplicas);
        assert!(delivery.try_result().is_none());
        bench.pass_to_timeout();
    }
    let (id, _) = bench.request();
    bench.refuse(id, ErrorCode::NotEnoughReplicas);
    assert_eq!(failed(&delivery).code(), Some(ErrorCode::NotEnoughReplicas));
}

#[test]
fn pauses_between_attempts_grow() {
    let mut bench = Bench::eager();
    bench.send(0, "a");
    let mut pauses = Vec::new();
    for _ in 0..6 {
        let (id, _) = bench.request();
        bench.refuse(id, ErrorCode::NotEnoughReplicas);
        let before = bench.now;
        bench.pass_to_timeout();
        pauses.push((bench.now - before).as_millis());
    }
    assert!(
        (80..=120).contains(&pauses[0]) && (160..=240).contains(&pauses[1]),
        "{pauses:?}"
    );
    assert!((800..=1200).contains(&pauses[5]), "{pauses:?}");
}

#[test]
fn closing_gives_up_what_is_left_and_says_what_may_be_written() {
    let mut bench = Bench::eager();
    let sent = bench.send(0, "a");
    bench.request();
    let kept = bench.send(0, "b");
    assert_eq!(
        bench.sender.abandon(),
        Abandoned {
            not_written: 1,
            possibly_written: 1
        }
    );
    assert!(failed(&sent).may_have_taken_effect());
    assert!(!failed(&kept).may_have_taken_effect());
    // A record that comes after the sweep would never be settled.
    let late = crate::producer::ProducerRecord::to("t")
        .partition(0)
        .value(b"late");
    assert!(bench.try_send(&late).is_err());
    assert!(bench.requests().is_empty());
}

#[test]
fn a_producer_that_gets_no_id_for_good_fails_its_records_and_says_what_to_grant() {
    let mut bench = Bench::eager();
    bench.next_identity = Err(Error::broker(ErrorCode::ClusterAuthorizationFailed));
    let delivery = bench.send(0, "a");
    assert!(bench.requests().is_empty());
    let text = failed(&delivery).to_string();
    assert!(
        text.contains("IDEMPOTENT_WRITE") && text.contains("enable.idempotence"),
        "{text}"
    );
}

#[test]
fn a_producer_id_is_asked_for_again_after_an_error_that_may_pass() {
    let mut bench = Bench::eager();
    let granted = std::mem::replace(
        &mut bench.next_identity,
        Err(Error::broker(ErrorCode::CoordinatorLoadInProgress)),
    );
    bench.send(0, "a");
    assert!(bench.requests().is_empty());
    bench.next_identity = granted;
    bench.pass_to_timeout();
    assert_eq!(bench.request().1.values(), ["a"]);
    assert_eq!(bench.identities_asked, 2);
}

#[test]
fn nothing_to_do_means_nothing_to_wait_for() {
    let mut bench = Bench::eager();
    bench.send(0, "a");
    let (id, _) = bench.request();
    bench.acknowledge(id, 0);
    bench.pass(DELIVERY_TIMEOUT);
    assert_eq!(bench.sender.poll_timeout(), None);
    bench.lead(0, Some(leader(2, 1)));
    assert_eq!(bench.sender.poll_timeout(), None);
}
