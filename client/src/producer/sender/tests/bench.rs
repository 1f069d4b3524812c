//! A producer without its shell: what the callers' side and the driver do, called by hand.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use kconnect_protocol::{
    records::{BatchHeader, Batches},
    types::{BrokerId, LeaderEpoch, Uuid},
};

use super::super::{Action, Leader, PartitionAnswer, PartitionState, ProduceCall, Sender};
use crate::{
    Error, ErrorCode, ErrorKind,
    producer::{
        Delivery, ProducerConfig, ProducerRecord, RecordMetadata,
        accumulator::{Accumulator, Refused},
        identity::ProducerIdentity,
        partition::Partition,
        terms::Terms,
    },
};

/// Partitions of the topic `t`.
pub(super) const PARTITIONS: usize = 8;

pub(super) struct Bench {
    pub(super) now: Instant,
    pub(super) accumulator: Arc<Accumulator>,
    pub(super) sender: Sender,
    /// The leaders of the partitions that have one.
    pub(super) leaders: BTreeMap<i32, Leader>,
    pub(super) topic_id: Option<Uuid>,
    pub(super) next_identity: Result<ProducerIdentity, Error>,
    pub(super) refreshes: usize,
    pub(super) identities_asked: usize,
    /// Requests that no test has looked at.
    unseen: Vec<Seen>,
}

/// A request, as its broker sees it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) id: u64,
    pub(super) broker: i32,
    pub(super) parts: Vec<SeenPart>,
}

#[derive(Debug, Clone)]
pub(super) struct SeenPart {
    pub(super) partition: i32,
    pub(super) batch: Bytes,
    pub(super) header: BatchHeader,
}

impl SeenPart {
    /// Producer epoch, first sequence and number of records.
    pub(super) fn stamp(&self) -> (i16, i32, i32) {
        (
            self.header.producer_epoch,
            self.header.base_sequence,
            self.header.record_count,
        )
    }

    pub(super) fn values(&self) -> Vec<String> {
        let batch = Batches::new(self.batch.clone())
            .next()
            .expect("a batch")
            .expect("a whole batch");
        batch.verify_crc().expect("its checksum");
        let records = batch.records(usize::MAX).expect("its records");
        let text = |value: &[u8]| String::from_utf8(value.to_vec()).expect("text");
        records
            .iter()
            .map(|record| text(record.expect("a record").value.expect("a value")))
            .collect()
    }
}

impl Bench {
    pub(super) fn new(change: impl FnOnce(&mut ProducerConfig)) -> Self {
        let mut config = ProducerConfig::new("127.0.0.1:9092");
        change(&mut config);
        let accumulator = Accumulator::new(Terms::new(&config), 7);
        accumulator.set_partitions("t", PARTITIONS);
        let leaders = (0..8).map(|partition| (partition, leader(1, 0))).collect();
        Self {
            now: Instant::now(),
            sender: Sender::new(Arc::clone(&accumulator), 7),
            accumulator,
            leaders,
            topic_id: None,
            next_identity: Ok(ProducerIdentity {
                producer_id: 7,
                epoch: 0,
            }),
            refreshes: 0,
            identities_asked: 0,
            unseen: Vec::new(),
        }
    }

    /// One that does not linger.
    pub(super) fn eager() -> Self {
        Self::new(|config| config.linger = Duration::ZERO)
    }

    pub(super) fn send(&mut self, partition: i32, value: &str) -> Delivery {
        let record = ProducerRecord::to("t")
            .partition(partition)
            .value(value.as_bytes());
        self.try_send(&record).expect("the record is taken")
    }

    pub(super) fn try_send(&mut self, record: &ProducerRecord<'_>) -> Result<Delivery, Refused> {
        let delivery = self
            .accumulator
            .append(record, true, &mut None, || 1_000, || self.now);
        self.hear();
        delivery.map(|delivery| delivery.expect("a delivery"))
    }

    /// Hands the news to the core.
    pub(super) fn hear(&mut self) {
        let mut news = Vec::new();
        self.accumulator.terms.inbox.take(&mut news);
        let (leaders, topic_id) = (&self.leaders, self.topic_id);
        for partition in news {
            self.sender.handle_news(self.now, &partition, || {
                state(leaders, topic_id, &partition)
            });
        }
    }

    /// Does all that the core wants done, and returns the requests.
    pub(super) fn requests(&mut self) -> Vec<Seen> {
        let mut requests = std::mem::take(&mut self.unseen);
        while let Some(action) = self.sender.poll_action(self.now) {
            match action {
                Action::Produce(call) => requests.push(seen(&call)),
                Action::AskIdentity => {
                    self.identities_asked += 1;
                    self.sender
                        .handle_identity(self.now, self.next_identity.clone());
                }
                Action::RefreshMetadata(_) => self.refreshes += 1,
                Action::Compress {
                    partition,
                    batch,
                    sealed,
                } => {
                    let terms = &self.accumulator.terms;
                    let smaller = sealed
                        .compress(terms.compression, terms.compression_level)
                        .expect("compressed");
                    self.sender
                        .handle_compressed(self.now, partition, batch, Ok(smaller));
                }
            }
        }
        requests
    }

    /// The next request, with its only batch.
    #[track_caller]
    pub(super) fn request(&mut self) -> (u64, SeenPart) {
        let mut requests = self.requests();
        assert!(!requests.is_empty(), "there is a request");
        let mut request = requests.remove(0);
        self.unseen = requests;
        assert_eq!(request.parts.len(), 1, "{request:?}");
        (request.id, request.parts.remove(0))
    }

    /// The requests that are sent for three batches of one record each, once the leader has proven itself.
    pub(super) fn three_in_flight(&mut self) -> [(u64, SeenPart, Delivery); 3] {
        let delivery = self.send(0, "proof");
        let (id, _) = self.request();
        self.acknowledge(id, 0);
        assert!(delivery.try_result().is_some());
        ["a", "b", "c"].map(|value| {
            let delivery = self.send(0, value);
            let (id, part) = self.request();
            (id, part, delivery)
        })
    }

    pub(super) fn acknowledge(&mut self, request: u64, base_offset: i64) {
        self.answer(
            request,
            Some(PartitionAnswer {
                base_offset: Some(base_offset),
                ..refusal(ErrorCode::None)
            }),
        );
    }

    pub(super) fn refuse(&mut self, request: u64, code: ErrorCode) {
        self.answer(request, Some(refusal(code)));
    }

    pub(super) fn answer(&mut self, request: u64, answer: Option<PartitionAnswer>) {
        self.sender
            .handle_response(self.now, request, Ok(vec![answer]));
    }

    /// The connection was lost after the request was sent.
    pub(super) fn lose(&mut self, request: u64) {
        self.sender.handle_response(
            self.now,
            request,
            Err(Error::new(ErrorKind::Network, "connection lost")),
        );
    }

    pub(super) fn lead(&mut self, partition: i32, leader: Option<Leader>) {
        match leader {
            Some(leader) => self.leaders.insert(partition, leader),
            None => self.leaders.remove(&partition),
        };
        self.metadata();
    }

    pub(super) fn metadata(&mut self) {
        let (leaders, topic_id) = (&self.leaders, self.topic_id);
        self.sender
            .handle_metadata(self.now, |partition| state(leaders, topic_id, partition));
    }

    /// Time goes by.
    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.sender.handle_timeout(self.now);
    }

    /// Time goes by until the core wants to be called.
    pub(super) fn pass_to_timeout(&mut self) {
        self.unseen = self.requests();
        self.now = self
            .sender
            .poll_timeout()
            .expect("something to wait for")
            .max(self.now);
        self.sender.handle_timeout(self.now);
    }
}

pub(super) fn leader(broker: i32, epoch: i32) -> Leader {
    Leader {
        broker: BrokerId(broker),
        epoch: Some(LeaderEpoch(epoch)),
    }
}

pub(super) fn refusal(code: ErrorCode) -> PartitionAnswer {
    PartitionAnswer {
        code,
        base_offset: None,
        log_append_time: None,
        message: None,
        record_errors: Vec::new(),
        leader: None,
    }
}

#[track_caller]
pub(super) fn written(delivery: &Delivery) -> RecordMetadata {
    delivery.try_result().expect("settled").expect("written")
}

#[track_caller]
pub(super) fn failed(delivery: &Delivery) -> Error {
    delivery.try_result().expect("settled").expect_err("failed")
}

fn state(
    leaders: &BTreeMap<i32, Leader>,
    topic_id: Option<Uuid>,
    partition: &Partition,
) -> PartitionState {
    let leader = leaders.get(&partition.topic_partition.partition).copied();
    PartitionState {
        topic_id,
        leader,
        problem: None,
    }
}

fn seen(call: &ProduceCall) -> Seen {
    let part = |part: &super::super::ProducePart| SeenPart {
        partition: part.partition.topic_partition.partition,
        batch: part.batch.clone(),
        header: BatchHeader::parse(&part.batch).expect("a batch"),
    };
    Seen {
        id: call.id,
        broker: call.broker.0,
        parts: call.parts.iter().map(part).collect(),
    }
}
