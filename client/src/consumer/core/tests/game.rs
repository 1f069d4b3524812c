//! A core and what was asked of it, for tests that read as a list of moves.

use super::*;

pub(super) const ID: u8 = 1;

pub(super) struct Game {
    pub(super) core: Core,
    pub(super) now: Instant,
    /// Of each broker: the fetch under way.
    pub(super) fetches: BTreeMap<i32, JobId>,
    /// The last job that was no fetch.
    pub(super) job: JobId,
    pub(super) leaders: BTreeMap<TopicPartition, i32>,
    pub(super) id: u8,
}

pub(super) fn settings() -> CoreSettings {
    CoreSettings {
        min_bytes: 1,
        max_bytes: 50 << 20,
        max_wait: Duration::from_millis(500),
        partition_bytes: 1 << 20,
        rack: StrBytes::default(),
        reading: Reading {
            isolation_level: IsolationLevel::ReadUncommitted,
            check_crcs: true,
        },
        reset: Some(ResetTo::Earliest),
        retry_backoff: Duration::from_millis(100),
        retry_backoff_max: Duration::from_secs(1),
        metadata_max_age: Duration::from_mins(5),
    }
}

pub(super) fn name(text: &str) -> TopicPartition {
    let (topic, number) = text.rsplit_once('-').unwrap();
    TopicPartition::new(topic, number.parse().unwrap())
}

pub(super) fn names(text: &str) -> BTreeSet<TopicPartition> {
    text.split_whitespace().map(name).collect()
}

impl Game {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut CoreSettings)) -> Self {
        let mut settings = settings();
        change(&mut settings);
        Self {
            core: Core::new(settings, 1),
            now: Instant::now(),
            fetches: BTreeMap::new(),
            job: JobId(0),
            leaders: BTreeMap::new(),
            id: ID,
        }
    }

    /// Consumes these from the beginning; partition n is led by broker 1.
    pub(super) fn reading(text: &str) -> Self {
        let mut game = Self::new();
        game.read(text);
        game
    }

    pub(super) fn read(&mut self, text: &str) {
        self.core.assign(&names(text), false);
        self.metadata();
        for name in names(text) {
            self.core.seek(&name, Position::at(0)).unwrap();
        }
    }

    pub(super) fn metadata(&mut self) {
        let (leaders, id) = (&self.leaders, self.id);
        self.core.handle_metadata(|name| Leadership {
            broker: Some(BrokerId(leaders.get(name).copied().unwrap_or(1))),
            epoch: Some(LeaderEpoch(3)),
            topic_id: Some(Uuid::from_bytes([id; 16])),
        });
    }

    /// What it asks for, one job a line.
    pub(super) fn asks(&mut self) -> String {
        let mut lines = Vec::new();
        while let Some(job) = self.core.poll_job(self.now) {
            lines.push(match job {
                Job::Fetch {
                    id,
                    broker,
                    request,
                    ..
                } => {
                    self.fetches.insert(broker.0, id);
                    let partitions = request.topics.iter().flat_map(|topic| {
                        let show = |p: &kconnect_protocol::messages::fetch::FetchPartition| {
                            format!(" {}-{}@{}", &*topic.name, p.partition, p.fetch_offset)
                        };
                        topic.partitions.iter().map(show).collect::<Vec<_>>()
                    });
                    let forgotten = request.forgotten_topics.iter().flat_map(|topic| {
                        let show = |p: &i32| format!(" !{}-{p}", &*topic.name);
                        topic.partitions.iter().map(show).collect::<Vec<_>>()
                    });
                    let list: String = partitions.chain(forgotten).collect();
                    format!("fetch {broker}:{list}")
                }
                Job::Committed(id, names) => {
                    self.job = id;
                    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
                    format!("committed {}", names.join(" "))
                }
                Job::Reset(id, resets) => {
                    self.job = id;
                    let resets: Vec<_> =
                        resets.iter().map(|(n, to)| format!("{n} {to:?}")).collect();
                    format!("reset {}", resets.join(" "))
                }
                Job::RefreshMetadata(_) => "metadata".to_owned(),
            });
        }
        lines.join("\n")
    }

    #[track_caller]
    pub(super) fn expect(&mut self, asks: &str) -> &mut Self {
        assert_eq!(self.asks(), asks);
        self
    }

    pub(super) fn answer_from(
        &mut self,
        broker: i32,
        partitions: Vec<(&str, FetchPartitionResponse)>,
    ) -> &mut Self {
        let topic = |(text, mut response): (&str, FetchPartitionResponse)| {
            response.partition_index = name(text).partition;
            FetchTopicResponse {
                topic_id: Uuid::nil(),
                name: StrBytes::from_string(name(text).topic.to_string()),
                partitions: vec![response],
            }
        };
        let response = FetchResponse {
            session_id: 9,
            topics: partitions.into_iter().map(topic).collect(),
            ..FetchResponse::default()
        };
        self.respond(broker, Ok(response))
    }

    pub(super) fn answer(&mut self, partitions: Vec<(&str, FetchPartitionResponse)>) -> &mut Self {
        self.answer_from(1, partitions)
    }

    pub(super) fn respond(
        &mut self,
        broker: i32,
        response: Result<FetchResponse, Error>,
    ) -> &mut Self {
        let id = self.fetches[&broker];
        self.core
            .handle_fetch(self.now, id, BrokerId(broker), response);
        self
    }

    pub(super) fn poll(&mut self, limit: usize) -> ConsumerRecords {
        ConsumerRecords::new(self.core.poll_records(limit))
    }

    /// What is handed out, as `topic-partition@offset=value`.
    #[track_caller]
    pub(super) fn gets(&mut self, limit: usize, expected: &str) -> &mut Self {
        let records = self.poll(limit);
        let show = |record: crate::consumer::ConsumerRecord<'_>| {
            let value = String::from_utf8_lossy(record.value().unwrap_or(b"null")).into_owned();
            format!("{}@{}={value}", record.topic_partition(), record.offset())
        };
        let shown: Vec<_> = records.iter().map(show).collect();
        assert_eq!(shown.join(" "), expected);
        assert_eq!(shown.len(), records.len());
        self
    }

    #[track_caller]
    pub(super) fn position(&self, text: &str) -> i64 {
        self.core.position(&name(text)).unwrap().unwrap().offset
    }

    pub(super) fn after(&mut self, time: Duration) -> &mut Self {
        self.now += time;
        self.core.handle_timeout(self.now);
        self
    }

    pub(super) fn error(&mut self) -> String {
        self.core
            .poll_error()
            .map_or_else(String::new, |error| error.to_string())
    }
}

/// One batch at an offset, with the letters of `values` as its records.
pub(super) fn batch(base_offset: i64, values: &str) -> Bytes {
    stamped(base_offset, values, None)
}

pub(super) fn stamped(base_offset: i64, values: &str, producer_id: Option<i64>) -> Bytes {
    let mut builder = RecordBatchBuilder::new(1 << 16);
    for value in values.chars() {
        let value = value.to_string();
        let record = Record {
            timestamp: 1000,
            value: Some(value.as_bytes()),
            ..Record::default()
        };
        builder.append(&record).unwrap();
    }
    let mut sealed = builder.seal();
    if let Some(producer_id) = producer_id {
        sealed.stamp(ProducerStamp {
            producer_id,
            producer_epoch: 0,
            base_sequence: 0,
            transactional: true,
        });
    }
    place(&sealed.bytes(), base_offset)
}

pub(super) fn place(bytes: &Bytes, base_offset: i64) -> Bytes {
    let mut bytes = BytesMut::from(&bytes[..]);
    set_base_offset(&mut bytes, base_offset).unwrap();
    set_partition_leader_epoch(&mut bytes, 2).unwrap();
    bytes.freeze()
}

pub(super) fn marker(offset: i64, producer_id: i64, committed: bool) -> Bytes {
    let marker = EndTransactionMarker {
        committed,
        coordinator_epoch: 0,
    };
    place(&marker.batch(producer_id, 0, 1000), offset)
}

pub(super) fn data(batches: &[Bytes]) -> FetchPartitionResponse {
    FetchPartitionResponse {
        high_watermark: 100,
        last_stable_offset: 100,
        log_start_offset: 0,
        records: Some(batches.concat().into()),
        ..FetchPartitionResponse::default()
    }
}

pub(super) fn failed(code: ErrorCode) -> FetchPartitionResponse {
    FetchPartitionResponse {
        error_code: code,
        ..FetchPartitionResponse::default()
    }
}
