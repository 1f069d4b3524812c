//! The whole core, driven by requests as clients send them, under a clock that the tests move.

mod faults;
mod fetching;
mod groups;
mod offsets;
mod producing;
mod topics;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages as generated;
use kafka_protocol::protocol::Request;
use kconnect_protocol::header::{RequestHeader, ResponseHeader};
use kconnect_protocol::messages::Message;
use kconnect_protocol::messages::fetch::{FetchRequest, FetchResponse};
use kconnect_protocol::messages::list_offsets::{ListOffsetsRequest, ListOffsetsResponse};
use kconnect_protocol::messages::metadata::{MetadataRequest, MetadataResponse};
use kconnect_protocol::messages::produce::{
    ProducePartition, ProducePartitionResponse, ProduceRequest, ProduceResponse, ProduceTopic,
};
use kconnect_protocol::records::{ProducerStamp, Record, RecordBatchBuilder};
use kconnect_protocol::{ApiKey, bounded};

use super::fuzz::fresh;
use super::state::State;
use super::time::Now;
use super::{ConnectionId, Core, Effect, versions};
use crate::faults::Faults;
use crate::options::{Options, Profile};

/// A request that the tests send.
pub(crate) trait Ask {
    const API: ApiKey;
    type Answer;
    fn write(&self, version: i16) -> Bytes;
    fn read(version: i16, body: Bytes) -> Self::Answer;
}

macro_rules! generated_requests {
    ($($request:ident)*) => {$(
        impl Ask for generated::$request {
            const API: ApiKey = ApiKey(generated::$request::KEY);
            type Answer = <generated::$request as Request>::Response;

            fn write(&self, version: i16) -> Bytes {
                let mut out = BytesMut::new();
                bounded::encode_message(self, version, &mut out).expect("the test's request");
                out.freeze()
            }

            fn read(version: i16, mut body: Bytes) -> Self::Answer {
                bounded::decode_response::<Self>(version, &mut body).expect("the answer")
            }
        }
    )*};
}

generated_requests! {
    AlterConfigsRequest ApiVersionsRequest CreatePartitionsRequest CreateTopicsRequest DeleteGroupsRequest
    DeleteRecordsRequest DeleteTopicsRequest DescribeConfigsRequest DescribeGroupsRequest
    FindCoordinatorRequest HeartbeatRequest IncrementalAlterConfigsRequest InitProducerIdRequest
    JoinGroupRequest LeaveGroupRequest ListGroupsRequest OffsetCommitRequest OffsetDeleteRequest
    OffsetFetchRequest OffsetForLeaderEpochRequest SyncGroupRequest
}

macro_rules! own_requests {
    ($($request:ty => $response:ty;)*) => {$(
        impl Ask for $request {
            const API: ApiKey = <$request as Message>::API;
            type Answer = $response;

            fn write(&self, version: i16) -> Bytes {
                let mut out = BytesMut::new();
                Message::encode(self, version, &mut out).expect("the test's request");
                out.freeze()
            }

            fn read(version: i16, body: Bytes) -> Self::Answer {
                <$response as Message>::decode(&body, version).expect("the answer")
            }
        }
    )*};
}

own_requests! {
    FetchRequest => FetchResponse;
    ListOffsetsRequest => ListOffsetsResponse;
    MetadataRequest => MetadataResponse;
    ProduceRequest => ProduceResponse;
}

/// What a client hears.
#[derive(Debug)]
pub(crate) enum Heard {
    Answer(Bytes),
    Done,
    Closed(String),
}

/// A core, its clients and their clock.
#[derive(Debug)]
pub(crate) struct World {
    pub core: Core,
    pub now: Now,
    pub faults: Faults,
    clients: u64,
    correlation_id: i32,
    heard: BTreeMap<ConnectionId, VecDeque<Heard>>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(fresh(Options::default()))
    }

    pub(crate) fn with(state: State) -> Self {
        let now = Now {
            millis: 0,
            timestamp: 1_700_000_000_000,
        };
        let faults = Faults::default();
        Self {
            core: Core::new(state, faults.clone(), now),
            now,
            faults,
            clients: 0,
            correlation_id: 0,
            heard: BTreeMap::new(),
        }
    }

    /// A new connection.
    pub(crate) fn client(&mut self) -> ConnectionId {
        self.clients += 1;
        let client = ConnectionId(self.clients);
        self.core.connected(client, Arc::from("127.0.0.1"));
        client
    }

    /// Sends a request of the newest version; the answer is heard later.
    pub(crate) fn send<R: Ask>(&mut self, client: ConnectionId, request: &R) {
        self.send_version(client, newest::<R>(), request);
    }

    pub(crate) fn send_version<R: Ask>(&mut self, client: ConnectionId, version: i16, request: &R) {
        self.correlation_id += 1;
        let header = RequestHeader {
            api_key: R::API,
            api_version: version,
            correlation_id: self.correlation_id,
            client_id: Some("test".into()),
        };
        let mut frame = BytesMut::new();
        header.encode(&mut frame).expect("a header");
        frame.extend_from_slice(&request.write(version));
        self.core.handle(self.now, client, frame.freeze());
        self.collect();
    }

    fn collect(&mut self) {
        // As the shell does: what is due at once is done at once.
        while self.core.poll_timeout() <= self.now.millis {
            self.core.handle_timeout(self.now);
        }
        while let Some(effect) = self.core.poll_effect() {
            let (client, heard) = match effect {
                Effect::Answer { connection, frame } => {
                    (connection, Heard::Answer(frame.concat().into()))
                }
                Effect::Done { connection } => (connection, Heard::Done),
                Effect::Close {
                    connection, why, ..
                } => (connection, Heard::Closed(why)),
            };
            self.heard.entry(client).or_default().push_back(heard);
        }
    }

    /// What a client has heard next, if anything.
    pub(crate) fn hear(&mut self, client: ConnectionId) -> Option<Heard> {
        self.heard.get_mut(&client)?.pop_front()
    }

    /// The answer of the newest version that a client has heard next, if there is one.
    #[track_caller]
    pub(crate) fn answer<R: Ask>(&mut self, client: ConnectionId) -> Option<R::Answer> {
        match self.hear(client)? {
            Heard::Answer(frame) => Some(read::<R>(newest::<R>(), frame)),
            other => panic!("no answer but {other:?}"),
        }
    }

    /// Sends a request over a connection of its own, and returns its answer.
    #[track_caller]
    pub(crate) fn ask<R: Ask>(&mut self, request: &R) -> R::Answer {
        self.ask_version(newest::<R>(), request)
    }

    #[track_caller]
    pub(crate) fn ask_version<R: Ask>(&mut self, version: i16, request: &R) -> R::Answer {
        let client = self.client();
        self.send_version(client, version, request);
        match self.hear(client) {
            Some(Heard::Answer(frame)) => read::<R>(version, frame),
            other => panic!("no answer but {other:?}"),
        }
    }

    /// Lets time pass, and what is due happen when it is due.
    pub(crate) fn pass(&mut self, millis: u64) {
        let end = self.now.millis + millis;
        while self.now.millis < end {
            let next = self.core.poll_timeout().clamp(self.now.millis + 1, end);
            let step = next - self.now.millis;
            self.now.millis = next;
            self.now.timestamp = self.now.timestamp.saturating_add_unsigned(step);
            self.core.handle_timeout(self.now);
            self.collect();
        }
    }

    /// Makes a topic of `partitions` partitions with `configs`.
    pub(crate) fn create(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) {
        let request = topics::creation(name, partitions, configs);
        let answer = self.ask(&request);
        assert_eq!(
            answer.topics[0].error_code, 0,
            "{:?}",
            answer.topics[0].error_message
        );
    }

    /// Produces one batch by topic name, with acks=all.
    pub(crate) fn produce(
        &mut self,
        topic: &str,
        partition: i32,
        batch: Bytes,
    ) -> ProducePartitionResponse {
        let request = production(topic, partition, batch, -1);
        let mut answer = self.ask_version(12, &request);
        answer.topics.remove(0).partitions.remove(0)
    }
}

/// The newest version that is on offer.
pub(crate) fn newest<R: Ask>() -> i16 {
    let offered = versions::of(Profile::Kafka43, R::API);
    offered.expect("the API is on offer").max
}

fn read<R: Ask>(version: i16, mut frame: Bytes) -> R::Answer {
    let length = frame.split_to(4);
    assert_eq!(
        length[..],
        u32::try_from(frame.len()).expect("small").to_be_bytes()
    );
    ResponseHeader::decode(R::API, version, &mut frame).expect("a header");
    R::read(version, frame)
}

/// A produce request for one partition, by the topic's name.
pub(crate) fn production(topic: &str, partition: i32, batch: Bytes, acks: i16) -> ProduceRequest {
    ProduceRequest {
        acks,
        timeout_ms: 1_000,
        topics: vec![ProduceTopic {
            name: super::api::text(topic),
            partitions: vec![ProducePartition {
                index: partition,
                records: Some(batch),
            }],
            ..ProduceTopic::default()
        }],
        ..ProduceRequest::default()
    }
}

/// A batch of values without keys, of a producer that is not idempotent.
pub(crate) fn batch(values: &[&str]) -> Bytes {
    stamped(values, 1_700_000_000_000, ProducerStamp::NONE)
}

pub(crate) fn stamped(values: &[&str], timestamp: i64, stamp: ProducerStamp) -> Bytes {
    let mut builder = RecordBatchBuilder::new(1 << 20);
    for (value, timestamp) in values.iter().zip(timestamp..) {
        let record = Record {
            timestamp,
            key: None,
            value: Some(value.as_bytes()),
            headers: &[],
        };
        builder.append(&record).expect("there is room");
    }
    let mut sealed = builder.seal();
    sealed.stamp(stamp);
    sealed.bytes()
}
