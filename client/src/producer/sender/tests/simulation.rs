//! A broker that keeps Kafka's rules, a network that loses what it likes, and many seeds: nothing acknowledged is lost or
//! doubled, nothing is out of order.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::bench::{Bench, Seen, SeenPart};
use crate::{ErrorCode, producer::topic::mix};

/// A partition's log, with the check that makes a producer idempotent.
#[derive(Default)]
struct Log {
    values: Vec<String>,
    epoch: i16,
    /// The last five batches: first sequence, last sequence and offset.
    recent: VecDeque<(i32, i32, i64)>,
}

impl Log {
    fn append(&mut self, part: &SeenPart) -> (ErrorCode, i64) {
        let (epoch, first, count) = part.stamp();
        let last = first + count - 1;
        if epoch < self.epoch {
            return (ErrorCode::InvalidProducerEpoch, -1);
        }
        if epoch > self.epoch {
            if first != 0 {
                return (ErrorCode::OutOfOrderSequenceNumber, -1);
            }
            self.epoch = epoch;
            self.recent.clear();
        }
        if let Some(&(.., offset)) = self
            .recent
            .iter()
            .find(|known| (known.0, known.1) == (first, last))
        {
            return (ErrorCode::None, offset);
        }
        // Without a memory of the producer any sequence is taken.
        if self
            .recent
            .back()
            .is_some_and(|&(_, known, _)| known + 1 != first)
        {
            return (ErrorCode::OutOfOrderSequenceNumber, -1);
        }
        let offset = i64::try_from(self.values.len()).unwrap();
        self.values.extend(part.values());
        self.recent.push_back((first, last, offset));
        if self.recent.len() > 5 {
            self.recent.pop_front();
        }
        (ErrorCode::None, offset)
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0) % limit
    }
}

/// What happens to one request.
fn serve(bench: &mut Bench, logs: &mut BTreeMap<i32, Log>, request: &Seen, random: &mut Random) {
    let applied = |logs: &mut BTreeMap<i32, Log>| -> Vec<_> {
        let append = |part: &SeenPart| logs.entry(part.partition).or_default().append(part);
        request.parts.iter().map(append).collect()
    };
    let answers = |results: Vec<(ErrorCode, i64)>| {
        let answer = |(code, offset): (ErrorCode, i64)| {
            let mut answer = super::bench::refusal(code);
            answer.base_offset = (offset >= 0).then_some(offset);
            Some(answer)
        };
        results.into_iter().map(answer).collect()
    };
    let refused = |code| request.parts.iter().map(|_| (code, -1)).collect();
    let (now, id) = (bench.now, request.id);
    match random.below(20) {
        0 => bench.lose(id),
        1 => {
            applied(logs);
            bench.lose(id);
        }
        2 => bench.sender.handle_response(
            now,
            id,
            Ok(answers(refused(ErrorCode::NotLeaderOrFollower))),
        ),
        3 => {
            let mut results = applied(logs);
            for (code, _) in results
                .iter_mut()
                .filter(|(code, _)| *code == ErrorCode::None)
            {
                *code = ErrorCode::NotEnoughReplicasAfterAppend;
            }
            bench.sender.handle_response(now, id, Ok(answers(results)));
        }
        4 => bench
            .sender
            .handle_response(now, id, Ok(answers(refused(ErrorCode::InvalidRecord)))),
        5 => bench.sender.handle_response(now, id, Ok(vec![])),
        _ => {
            let results = applied(logs);
            bench.sender.handle_response(now, id, Ok(answers(results)));
        }
    }
}

fn simulate(seed: u64) {
    let mut random = Random(seed);
    let mut bench = Bench::new(|config| {
        config.batch_size = 300;
        config.linger = Duration::from_millis(2);
        config.common.request_timeout = Duration::from_millis(1_000);
        config.delivery_timeout = Duration::from_millis(4_000);
    });
    let mut logs = BTreeMap::new();
    let mut wire = VecDeque::new();
    let mut sent = Vec::new();
    for step in 0..2_000 {
        if step < 1_500 {
            let partition = i32::try_from(random.below(2)).unwrap();
            let value = format!("{partition}:{step}");
            let delivery = bench.send(partition, &value);
            sent.push((partition, value, delivery));
        }
        wire.extend(bench.requests());
        // Requests of a connection are served in their order; sometimes it is lost with all that is on it.
        while random.below(3) == 0
            && let Some(request) = wire.pop_front()
        {
            serve(&mut bench, &mut logs, &request, &mut random);
            wire.extend(bench.requests());
        }
        if random.below(300) == 0 {
            wire.drain(..)
                .for_each(|request: Seen| bench.lose(request.id));
        }
        let longest = if random.below(100) == 0 { 3_000 } else { 4 };
        bench.pass(Duration::from_millis(random.below(longest)));
    }
    // The network is well again.
    for _ in 0..10_000 {
        if bench.sender.is_idle() {
            break;
        }
        wire.extend(bench.requests());
        while let Some(request) = wire.pop_front() {
            serve(&mut bench, &mut logs, &request, &mut Random(u64::MAX - 3));
        }
        bench.pass(Duration::from_millis(20));
    }
    assert!(
        bench.sender.is_idle(),
        "seed {seed}: everything is settled in the end"
    );
    assert_eq!(bench.accumulator.terms.memory.used(), 0, "seed {seed}");
    check(seed, &logs, &sent);
}

fn check(seed: u64, logs: &BTreeMap<i32, Log>, sent: &[(i32, String, crate::producer::Delivery)]) {
    let mut acknowledged = 0;
    for (&partition, log) in logs {
        let places = |value: &String| log.values.iter().filter(|known| *known == value).count();
        let mut last = None;
        for (_, value, delivery) in sent.iter().filter(|(at, ..)| *at == partition) {
            let count = places(value);
            assert!(count <= 1, "seed {seed}: {value} is there {count} times");
            match delivery.try_result().expect("settled") {
                Ok(metadata) => {
                    acknowledged += 1;
                    assert_eq!(
                        count, 1,
                        "seed {seed}: {value} was acknowledged and is not there"
                    );
                    let Some(offset) = metadata.offset else {
                        continue;
                    };
                    let there = &log.values[usize::try_from(offset).unwrap()];
                    assert_eq!(there, value, "seed {seed}: the offset is another record's");
                    assert!(last < Some(offset), "seed {seed}: {value} is out of order");
                    last = Some(offset);
                }
                Err(error) => {
                    assert!(
                        count == 0 || error.may_have_taken_effect(),
                        "seed {seed}: {value} is there after all: {error}"
                    );
                }
            }
        }
    }
    assert!(
        acknowledged > 200,
        "seed {seed}: {acknowledged} acknowledged"
    );
}

#[test]
fn nothing_acknowledged_is_lost_doubled_or_out_of_order() {
    for seed in 0..100 {
        simulate(seed);
    }
}
