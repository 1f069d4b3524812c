//! How records become batches, and batches requests.

use std::{collections::BTreeMap, time::Duration};

use kconnect_protocol::{compression::Compression, murmur2};

use super::bench::{Bench, PARTITIONS, failed, leader, written};
use crate::producer::{ProducerRecord, accumulator::Refused};

#[test]
fn records_linger_and_then_go_together() {
    let mut bench = Bench::new(|_| {});
    bench.send(0, "a");
    assert!(bench.requests().is_empty());
    bench.pass(Duration::from_millis(4));
    bench.send(0, "b");
    assert!(bench.requests().is_empty());
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.request().1.values(), ["a", "b"]);
}

#[test]
fn a_full_batch_does_not_linger() {
    let mut bench = Bench::new(|config| config.batch_size = 200);
    let value = "x".repeat(60);
    for _ in 0..3 {
        bench.send(0, &value);
    }
    let (_, part) = bench.request();
    assert_eq!(part.header.record_count, 2);
    assert!(part.batch.len() <= 200);
}

#[test]
fn a_record_larger_than_a_batch_has_one_of_its_own() {
    let mut bench = Bench::new(|config| config.batch_size = 200);
    bench.send(0, "small");
    bench.send(0, &"x".repeat(500));
    bench.send(0, "small");
    assert_eq!(bench.request().1.header.record_count, 1);
}

#[test]
fn a_record_larger_than_a_batch_may_leave_its_partition_to_the_partitioner() {
    let mut bench = Bench::new(|config| config.batch_size = 200);
    let large = "x".repeat(500);
    for _ in 0..3 {
        let record = ProducerRecord::to("t").value(large.as_bytes());
        let _delivery = bench.try_send(&record).unwrap();
    }
    let requests = bench.requests();
    let batches = requests.iter().flat_map(|request| &request.parts);
    assert!(
        batches.clone().count() > 0 && batches.clone().all(|part| part.header.record_count == 1)
    );
}

#[test]
fn batches_grow_while_their_broker_is_busy() {
    let mut bench = Bench::eager();
    let [a, ..] = bench.three_in_flight();
    for value in ["d", "e"] {
        bench.send(0, value);
        bench.request();
    }
    for value in ["f", "g", "h"] {
        bench.send(0, value);
    }
    assert!(bench.requests().is_empty());
    bench.acknowledge(a.0, 1);
    assert_eq!(bench.request().1.values(), ["f", "g", "h"]);
}

#[test]
fn a_request_has_one_batch_of_each_partition_up_to_its_size() {
    let mut bench = Bench::new(|config| {
        config.batch_size = 1_000;
        config.max_request_size = 2_500;
    });
    let value = "x".repeat(800);
    for partition in 0..4 {
        for _ in 0..2 {
            bench.send(partition, &value);
        }
    }
    let requests = bench.requests();
    let partitions: Vec<Vec<i32>> = requests
        .iter()
        .map(|request| request.parts.iter().map(|part| part.partition).collect())
        .collect();
    assert_eq!(
        partitions,
        [[0, 1], [2, 3]],
        "the leader is unproven, so each has one batch in flight"
    );
}

#[test]
fn each_broker_gets_its_own_request() {
    let mut bench = Bench::eager();
    bench.leaders.insert(1, leader(2, 0));
    bench.send(0, "a");
    bench.send(1, "b");
    let brokers: Vec<_> = bench
        .requests()
        .iter()
        .map(|request| (request.broker, request.parts[0].partition))
        .collect();
    assert_eq!(brokers, [(1, 0), (2, 1)]);
}

#[test]
fn a_flush_does_not_linger_and_waits_for_what_was_there() {
    let mut bench = Bench::new(|_| {});
    let a = bench.send(0, "a");
    let waiting = bench.sender.flush(bench.now);
    assert_eq!(waiting.len(), 1);
    let (id, _) = bench.request();
    bench.pass(Duration::from_millis(1));
    bench.send(0, "b");
    assert!(bench.requests().is_empty(), "what comes later lingers");
    bench.acknowledge(id, 0);
    assert!(waiting.iter().all(|completion| completion.is_settled()));
    written(&a);
}

#[test]
fn memory_is_bounded_and_comes_back() {
    let mut bench = Bench::new(|config| {
        config.batch_size = 1_000;
        config.buffer_memory = 2_000;
    });
    let value = "x".repeat(500);
    let mut taken = Vec::new();
    let refused = loop {
        match bench.try_send(&ProducerRecord::to("t").partition(0).value(value.as_bytes())) {
            Ok(delivery) => taken.push(delivery),
            Err(refused) => break refused,
        }
    };
    assert!(
        matches!(refused, Refused::NeedsMemory(bytes) if bytes > 500),
        "{refused:?}"
    );
    assert!((2..4).contains(&taken.len()));
    for _ in 0..taken.len() {
        bench.sender.rush(bench.now);
        for request in bench.requests() {
            bench.acknowledge(request.id, 0);
        }
    }
    assert!(taken.iter().all(|delivery| delivery.try_result().is_some()));
    assert_eq!(bench.accumulator.terms.memory.used(), 0);
}

#[test]
fn a_record_that_no_request_can_hold_is_refused_by_name() {
    let mut bench = Bench::new(|config| config.max_request_size = 1_000);
    let refused = bench.try_send(&ProducerRecord::to("t").value(&[0; 1_000]));
    let Err(Refused::Failed(error)) = refused else {
        panic!("{refused:?}")
    };
    assert!(
        error.to_string().contains("max.request.size") && error.to_string().contains("`t`"),
        "{error}"
    );
}

#[test]
fn a_key_has_the_partition_that_other_clients_give_it() {
    let mut bench = Bench::new(|_| {});
    for key in ["a", "customer-7", ""] {
        let delivery = bench
            .try_send(&ProducerRecord::to("t").key(key.as_bytes()))
            .unwrap();
        let expected = murmur2::partition_for_key(key.as_bytes(), 8);
        assert_eq!(delivery.topic_partition().partition, expected);
    }
}

#[test]
fn without_a_key_a_partition_is_kept_for_a_batch_and_all_get_the_same_share() {
    let mut bench = Bench::new(|config| {
        config.batch_size = 2_000;
        config.partitioner_adaptive_partitioning_enable = false;
    });
    let mut counts = BTreeMap::new();
    let mut switches = 0;
    let mut last = None;
    for _ in 0..20_000 {
        let delivery = bench
            .try_send(&ProducerRecord::to("t").value(&[0; 90]))
            .unwrap();
        let partition = delivery.topic_partition().partition;
        *counts.entry(partition).or_insert(0) += 1;
        switches += i32::from(last.replace(partition) != Some(partition));
    }
    assert_eq!(counts.len(), PARTITIONS);
    assert!(
        counts.values().all(|count| (1_500..3_500).contains(count)),
        "{counts:?}"
    );
    assert!((800..1_100).contains(&switches), "{switches}");
}

#[test]
fn without_a_key_partitions_without_a_leader_are_avoided() {
    let mut bench = Bench::new(|config| config.batch_size = 200);
    for partition in 0..8 {
        bench.send(partition, "x");
    }
    for partition in 1..8 {
        bench.lead(partition, None);
    }
    // The one that was chosen before may lack a leader; after a batch another is chosen.
    for _ in 0..3 {
        bench
            .try_send(&ProducerRecord::to("t").value(&[0; 150]))
            .unwrap();
    }
    for _ in 0..50 {
        let delivery = bench
            .try_send(&ProducerRecord::to("t").value(&[0; 150]))
            .unwrap();
        assert_eq!(delivery.topic_partition().partition, 0);
    }
}

#[test]
fn without_a_key_long_queues_get_less() {
    let mut bench = Bench::new(|config| config.batch_size = 200);
    for _ in 0..40 {
        bench.send(0, &"x".repeat(120));
    }
    let mut to_slow = 0;
    for _ in 0..200 {
        let delivery = bench
            .try_send(&ProducerRecord::to("t").value(&[0; 120]))
            .unwrap();
        to_slow += i32::from(delivery.topic_partition().partition == 0);
    }
    assert!(to_slow < 15, "{to_slow}");
}

#[test]
fn a_partition_that_is_not_known_is_waited_for_and_a_negative_one_refused() {
    let mut bench = Bench::new(|_| {});
    let beyond = bench.try_send(&ProducerRecord::to("t").partition(8));
    assert!(
        matches!(beyond, Err(Refused::UnknownPartition { known: 8 })),
        "{beyond:?}"
    );
    bench.accumulator.set_partitions("t", 9);
    assert!(
        bench
            .try_send(&ProducerRecord::to("t").partition(8))
            .is_ok()
    );
    assert!(matches!(
        bench.try_send(&ProducerRecord::to("t").partition(-1)),
        Err(Refused::Failed(_))
    ));
    assert!(matches!(
        bench.try_send(&ProducerRecord::to("u")),
        Err(Refused::UnknownTopic)
    ));
}

#[test]
fn batches_are_compressed_before_their_turn_and_in_order() {
    let mut bench = Bench::new(|config| {
        config.compression_type = Compression::Gzip;
        config.batch_size = 1_000;
        config.linger = Duration::ZERO;
    });
    let value = "x".repeat(400);
    let deliveries: Vec<_> = (0..9).map(|_| bench.send(0, &value)).collect();
    let mut offset = 0;
    let mut batches = 0;
    while deliveries
        .iter()
        .any(|delivery| delivery.try_result().is_none())
    {
        for request in bench.requests() {
            let part = &request.parts[0];
            assert_eq!(part.header.base_sequence, offset);
            assert!(part.batch.len() < 400);
            offset += part.header.record_count;
            batches += 1;
            bench.acknowledge(request.id, i64::from(part.header.base_sequence));
        }
    }
    assert_eq!(offset, 9);
    assert!(batches < 9, "{batches}");
    assert!(deliveries.iter().all(is_written));
}

fn is_written(delivery: &crate::producer::Delivery) -> bool {
    delivery.try_result().is_some_and(|result| result.is_ok())
}

#[test]
fn a_batch_that_cannot_be_compressed_fails_alone() {
    use super::super::Action;
    let mut bench = Bench::new(|config| {
        config.compression_type = Compression::Gzip;
        config.linger = Duration::ZERO;
    });
    let delivery = bench.send(0, "a");
    while let Some(action) = bench.sender.poll_action(bench.now) {
        if let Action::Compress {
            partition, batch, ..
        } = action
        {
            let error = crate::Error::new(crate::ErrorKind::Bug, "no codec");
            bench
                .sender
                .handle_compressed(bench.now, partition, batch, Err(error));
        }
    }
    assert_eq!(failed(&delivery).kind(), crate::ErrorKind::Bug);
    bench.send(0, "b");
    assert_eq!(bench.request().1.values(), ["b"]);
}
