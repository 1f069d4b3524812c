//! Answers that concern one batch: too large, some records refused, no answer at all.

use std::time::Duration;

use kconnect_protocol::compression::Compression;

use super::bench::{Bench, failed, refusal, written};
use crate::{
    Error, ErrorCode, ErrorKind,
    producer::{Delivery, sender::PartitionAnswer},
};

fn one_batch(bench: &mut Bench, values: &[&str]) -> Vec<Delivery> {
    let deliveries = values.iter().map(|value| bench.send(0, value)).collect();
    bench.pass(Duration::from_millis(5));
    deliveries
}

#[test]
fn a_batch_that_is_too_large_goes_on_in_halves_with_the_same_sequences() {
    for compression in [Compression::None, Compression::Gzip] {
        let mut bench = Bench::new(|config| config.compression_type = compression);
        let deliveries = one_batch(&mut bench, &["a", "b", "c"]);
        let (id, part) = bench.request();
        assert_eq!(part.stamp(), (0, 0, 3));
        bench.refuse(id, ErrorCode::MessageTooLarge);
        let (id, part) = bench.request();
        assert_eq!(
            (part.stamp(), part.values()),
            ((0, 0, 1), vec!["a".to_owned()])
        );
        bench.acknowledge(id, 10);
        let (id, part) = bench.request();
        assert_eq!(
            (part.stamp(), part.values()),
            ((0, 1, 2), vec!["b".to_owned(), "c".to_owned()])
        );
        bench.refuse(id, ErrorCode::MessageTooLarge);
        let (id, _) = bench.request();
        bench.acknowledge(id, 11);
        let (id, part) = bench.request();
        assert_eq!(
            (part.stamp(), part.values()),
            ((0, 2, 1), vec!["c".to_owned()])
        );
        bench.refuse(id, ErrorCode::MessageTooLarge);
        assert_eq!(
            [&deliveries[0], &deliveries[1]].map(|delivery| written(delivery).offset),
            [Some(10), Some(11)]
        );
        let text = failed(&deliveries[2]).to_string();
        assert!(
            text.contains("t-0") && text.contains("max.message.bytes"),
            "{text}"
        );
        assert_eq!(bench.accumulator.terms.memory.used(), 0);
    }
}

#[test]
fn refused_records_have_their_own_reason_and_the_others_say_so() {
    let mut bench = Bench::new(|_| {});
    let deliveries = one_batch(&mut bench, &["a", "b"]);
    let (id, _) = bench.request();
    let answer = PartitionAnswer {
        message: Some("one record is wrong".to_owned()),
        record_errors: vec![(1, Some("no key".to_owned()))],
        ..refusal(ErrorCode::InvalidRecord)
    };
    bench.answer(id, Some(answer));
    let texts = deliveries
        .iter()
        .map(|delivery| failed(delivery).to_string())
        .collect::<Vec<_>>();
    assert!(texts[1].contains("no key"), "{texts:?}");
    assert!(
        texts[0].contains("in one batch with records that the broker refused"),
        "{texts:?}"
    );
}

#[test]
fn a_partition_that_the_answer_leaves_out_goes_again() {
    let mut bench = Bench::eager();
    let delivery = bench.send(0, "a");
    let (id, part) = bench.request();
    bench.answer(id, None);
    bench.pass_to_timeout();
    let (id, again) = bench.request();
    assert_eq!(again.stamp(), part.stamp());
    bench.acknowledge(id, 0);
    written(&delivery);
}

#[test]
fn an_error_that_does_not_pass_fails_its_batch_alone() {
    let mut bench = Bench::new(|_| {});
    let (a, b) = (bench.send(0, "a"), bench.send(1, "b"));
    bench.pass(Duration::from_millis(5));
    let requests = bench.requests();
    assert_eq!(
        requests.len(),
        1,
        "partitions of one broker share a request"
    );
    let by_partition = requests[0].parts.iter().map(|part| {
        let code = if part.partition == 0 {
            ErrorCode::TopicAuthorizationFailed
        } else {
            ErrorCode::None
        };
        Some(PartitionAnswer {
            base_offset: (part.partition == 1).then_some(4),
            ..refusal(code)
        })
    });
    bench
        .sender
        .handle_response(bench.now, requests[0].id, Ok(by_partition.collect()));
    let error = failed(&a);
    assert_eq!(error.code(), Some(ErrorCode::TopicAuthorizationFailed));
    assert!(error.to_string().contains("t-0"), "{error}");
    assert_eq!(written(&b).offset, Some(4));
}

#[test]
fn a_broker_that_is_too_old_fails_the_batch() {
    let mut bench = Bench::eager();
    let delivery = bench.send(0, "a");
    let (id, _) = bench.request();
    bench.sender.handle_response(
        bench.now,
        id,
        Err(Error::new(ErrorKind::BrokerIncompatible, "no Produce 3")),
    );
    assert_eq!(failed(&delivery).kind(), ErrorKind::BrokerIncompatible);
}

#[test]
fn records_nobody_watches_are_counted_when_they_fail() {
    let mut bench = Bench::eager();
    for value in [b"a", b"b"] {
        let record = crate::producer::ProducerRecord::to("t")
            .partition(0)
            .value(value);
        let none = bench
            .accumulator
            .append(&record, false, &mut None, || 0, || bench.now)
            .unwrap();
        assert!(none.is_none());
    }
    bench.hear();
    let (id, part) = bench.request();
    assert_eq!(part.stamp(), (0, 0, 2));
    bench.refuse(id, ErrorCode::InvalidRecord);
    let (records, error) = bench.accumulator.terms.unwatched.take().expect("failures");
    assert_eq!((records, error.code()), (2, Some(ErrorCode::InvalidRecord)));
    assert!(bench.accumulator.terms.unwatched.take().is_none());
}

#[test]
fn a_batch_whose_driver_is_gone_tells_its_senders() {
    let mut bench = Bench::eager();
    let delivery = bench.send(0, "a");
    bench.request();
    let Bench {
        sender,
        accumulator,
        ..
    } = bench;
    drop((sender, accumulator));
    assert_eq!(failed(&delivery).kind(), ErrorKind::Closed);
}
