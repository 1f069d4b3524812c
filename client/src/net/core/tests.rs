//! The core driven by hand: a broker's bytes in, answers out, with a clock of the test's own.

use kconnect_protocol::VersionRange;
use kconnect_protocol::types::BrokerId;

use super::super::Address;
use super::*;

const TIMEOUT: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_secs(540);

/// A core, the time, and the broker at the other end.
struct World {
    core: Core<u32>,
    now: Instant,
    inbox: BytesMut,
}

impl World {
    fn connected() -> Self {
        let settings = CoreSettings {
            peer: Peer {
                broker: Some(BrokerId(5)),
                address: Address::new("b", 9092),
            },
            client_id: StrBytes::from_static_str("me"),
            frame_max: 1000,
            handshake_timeout: Duration::from_secs(10),
            idle_max: Some(IDLE),
        };
        let now = Instant::now();
        Self {
            core: Core::new(now, settings),
            now,
            inbox: BytesMut::new(),
        }
    }

    fn ready() -> Self {
        let mut world = Self::connected();
        world.write_all();
        world.answer(0, &versions_answer());
        assert!(matches!(world.core.poll_output(), Some(Output::Ready(_))));
        world
    }

    /// Sends a request for metadata version 0 with the body `x`.
    fn send(&mut self, reply: u32) {
        self.send_until(reply, TIMEOUT);
    }

    fn send_until(&mut self, reply: u32, timeout: Duration) {
        self.request(reply, ApiKey::METADATA, 0, timeout, true);
    }

    fn request(
        &mut self,
        reply: u32,
        api: ApiKey,
        version: i16,
        timeout: Duration,
        is_answered: bool,
    ) {
        let request = Request {
            api,
            version,
            segments: vec![Bytes::from_static(b"x")],
            deadline: self.now + timeout,
            is_answered,
            reply,
        };
        self.core.send(self.now, request);
    }

    /// The socket takes everything.
    fn write_all(&mut self) -> Vec<u8> {
        let mut written = Vec::new();
        while !self.core.outbox().is_empty() {
            let mut slices = [std::io::IoSlice::new(&[]); 3];
            let used = self.core.outbox().fill(&mut slices);
            let bytes: Vec<u8> = slices[..used]
                .iter()
                .flat_map(|slice| slice.to_vec())
                .collect();
            self.core.written(self.now, bytes.len());
            written.extend(bytes);
        }
        written
    }

    fn answer(&mut self, correlation_id: i32, body: &[u8]) {
        let length = i32::try_from(body.len() + 4).unwrap();
        self.inbox.extend_from_slice(&length.to_be_bytes());
        self.inbox.extend_from_slice(&correlation_id.to_be_bytes());
        self.inbox.extend_from_slice(body);
        self.core.receive(self.now, &mut self.inbox);
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.inbox.extend_from_slice(bytes);
        self.core.receive(self.now, &mut self.inbox);
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.core.handle_timeout(self.now);
    }

    /// What came out since the last look, in short.
    #[track_caller]
    fn came_out(&mut self, expected: &[&str]) {
        let mut outputs = Vec::new();
        while let Some(output) = self.core.poll_output() {
            outputs.push(match output {
                Output::Ready(_) => "ready".to_owned(),
                Output::Settle(reply, Ok(body)) => format!("{reply}: {}", body.escape_ascii()),
                Output::Settle(reply, Err(error)) => {
                    let open = if error.may_have_taken_effect() {
                        "?"
                    } else {
                        ""
                    };
                    format!("{reply}: {:?}{open}", error.kind())
                }
                Output::Close(CloseReason::Failed(error)) => format!("failed: {error}"),
                Output::Close(reason) => format!("{reason:?}"),
            });
        }
        assert_eq!(outputs, expected);
    }
}

/// Version 0 to 99 of Metadata and Fetch, in version 4 of the answer.
fn versions_answer() -> Vec<u8> {
    let mut answer = vec![0, 0, 3];
    for api in [ApiKey::METADATA, ApiKey::FETCH] {
        answer.extend_from_slice(&api.0.to_be_bytes());
        answer.extend_from_slice(&[0, 0, 0, 99, 0]);
    }
    answer.extend_from_slice(&[0, 0, 0, 0, 0]);
    answer
}

#[test]
fn the_first_frame_asks_for_versions_and_names_the_client() {
    let mut world = World::connected();
    let frame = world.write_all();
    let length = i32::from_be_bytes(*frame.first_chunk().unwrap());
    assert_eq!(usize::try_from(length).unwrap(), frame.len() - 4);
    assert_eq!(frame[4..18], *b"\0\x12\0\x04\0\0\0\0\0\x02me\0\x09");
    world.answer(0, &versions_answer());
    let Some(Output::Ready(versions)) = world.core.poll_output() else {
        panic!("ready");
    };
    assert_eq!(
        versions.range(ApiKey::FETCH),
        Some(VersionRange::new(0, 99))
    );
}

#[test]
fn a_broker_that_does_not_know_the_question_is_asked_again_in_its_version() {
    let mut world = World::connected();
    world.write_all();
    world.answer(0, b"\0\x23\0\0\0\x01\0\x12\0\0\0\x03");
    assert_eq!(world.write_all()[4..12], *b"\0\x12\0\x03\0\0\0\x01");
    world.answer(1, &versions_answer());
    world.came_out(&["ready"]);
}

#[test]
fn requests_are_pipelined_and_answered_in_order() {
    let mut world = World::ready();
    world.send(1);
    world.send(2);
    let written = world.write_all();
    assert_eq!(
        written,
        b"\0\0\0\x0d\0\x03\0\0\0\0\0\x01\0\x02mex\0\0\0\x0d\0\x03\0\0\0\0\0\x02\0\x02mex"
    );
    world.answer(1, b"one");
    world.answer(2, b"two");
    world.came_out(&["1: one", "2: two"]);
}

#[test]
fn frames_that_come_in_pieces_are_put_together() {
    let mut world = World::ready();
    world.send(1);
    world.write_all();
    for byte in b"\0\0\0\x07\0\0\0\x01one" {
        world.came_out(&[]);
        world.receive(&[*byte]);
    }
    world.came_out(&["1: one"]);
}

#[test]
fn a_wrong_correlation_id_closes_the_connection() {
    let mut world = World::ready();
    world.send(1);
    world.send(2);
    world.write_all();
    world.answer(2, b"two");
    world.came_out(&[
        "1: BrokerMisbehaved?",
        "2: BrokerMisbehaved?",
        "failed: broker 5 (b:9092) answered correlation id 2, expected 1 (Metadata v0)",
    ]);
}

#[test]
fn an_answer_that_nobody_asked_for_closes_the_connection() {
    let mut world = World::ready();
    world.answer(1, b"");
    world.came_out(&["failed: broker 5 (b:9092) sent an answer that nobody asked for"]);
}

#[test]
fn one_timeout_fails_all_requests_on_the_connection() {
    let mut world = World::ready();
    world.send_until(1, TIMEOUT * 2);
    world.send(2);
    world.write_all();
    world.send(3);
    assert_eq!(world.core.poll_timeout(), Some(world.now + TIMEOUT));
    world.pass(TIMEOUT);
    world.came_out(&[
        "2: Timeout?",
        "1: Network?",
        "3: Network",
        "failed: the connection to broker 5 (b:9092) was given up after a time-out: \
         no answer to Metadata v0 from broker 5 (b:9092) in 30s",
    ]);
    world.send(4);
    world.came_out(&["4: Network"]);
}

#[test]
fn a_request_of_which_a_part_was_written_may_have_taken_effect() {
    let mut world = World::ready();
    world.send(1);
    world.send(2);
    world.core.written(world.now, 18);
    world.core.handle_eof();
    world.came_out(&[
        "1: Network?",
        "2: Network?",
        "failed: broker 5 (b:9092) closed the connection instead of answering the first request: \
         does this listener expect SASL?",
    ]);
}

#[test]
fn silence_at_the_first_question_is_named() {
    let mut world = World::connected();
    world.write_all();
    world.pass(Duration::from_secs(10));
    world.came_out(&["failed: the connection to broker 5 (b:9092) was given up after a time-out: \
                     no first answer from broker 5 (b:9092) in 10s: is a Kafka broker listening there?"]);
}

#[test]
fn other_protocols_on_the_port_are_named() {
    let named = |bytes: &[u8], expected: &str| {
        let mut world = World::connected();
        world.receive(bytes);
        world.came_out(&[&format!("failed: broker 5 (b:9092): {expected}")]);
    };
    named(
        &[0x15, 3, 3, 0, 2, 2, 40],
        "the peer answers with a TLS alert: this port expects TLS",
    );
    named(
        b"HTTP/1.1 400 Bad Request",
        "the peer speaks HTTP, not Kafka: is this the right port?",
    );
    named(
        &[0, 0, 3, 0xe9],
        "a frame of 1001 bytes was announced, the limit is 1000: does the peer speak Kafka?",
    );
}

#[test]
fn a_close_before_the_first_answer_asks_for_tls_and_sasl() {
    let mut world = World::connected();
    world.core.handle_eof();
    world.came_out(&[
        "failed: broker 5 (b:9092) closed the connection before its first answer: \
                     does this listener expect TLS or SASL?",
    ]);
}

#[test]
fn garbage_as_first_answer_is_named() {
    let mut world = World::connected();
    world.answer(0, &[0; 7]);
    let Some(Output::Close(CloseReason::Failed(error))) = world.core.poll_output() else {
        panic!("closed");
    };
    let text = error.to_string();
    assert!(
        text.contains("is this a Kafka broker?") && text.contains("broker 5 (b:9092)"),
        "{text}"
    );
}

#[test]
fn a_throttled_connection_keeps_requests_until_the_time_is_over() {
    let mut world = World::ready();
    world.request(1, ApiKey::FETCH, 4, TIMEOUT, true);
    world.write_all();
    world.answer(1, &2000_i32.to_be_bytes());
    world.send(2);
    world.send_until(3, Duration::from_secs(1));
    assert!(world.core.outbox().is_empty());
    world.pass(Duration::from_secs(1));
    world.came_out(&["1: \\x00\\x00\\x07\\xd0", "3: Timeout"]);
    assert_eq!(
        world.core.poll_timeout(),
        Some(world.now + Duration::from_secs(1))
    );
    world.pass(Duration::from_secs(1));
    assert!(!world.core.outbox().is_empty());
    world.write_all();
    world.answer(2, b"two");
    world.came_out(&["2: two"]);
}

#[test]
fn a_request_without_answer_is_settled_when_it_is_written() {
    let mut world = World::ready();
    world.request(1, ApiKey::PRODUCE, 3, TIMEOUT, false);
    world.send(2);
    world.core.written(world.now, 16);
    world.came_out(&[]);
    world.core.written(world.now, 1);
    world.came_out(&["1: "]);
    world.write_all();
    // The request without answer took a number all the same.
    world.answer(2, b"two");
    world.came_out(&["2: two"]);
}

#[test]
fn an_idle_connection_closes_and_a_used_one_does_not() {
    let mut world = World::ready();
    world.pass(IDLE / 2);
    world.send(1);
    world.write_all();
    world.answer(1, b"one");
    world.pass(IDLE / 2);
    world.came_out(&["1: one"]);
    world.send_until(2, IDLE * 3);
    world.write_all();
    world.pass(IDLE * 2);
    world.came_out(&[]);
    world.answer(2, b"two");
    assert_eq!(world.core.poll_timeout(), Some(world.now + IDLE));
    world.pass(IDLE);
    world.came_out(&["2: two", "Idle"]);
}

#[test]
fn a_request_that_is_already_late_is_not_sent() {
    let mut world = World::ready();
    world.send_until(1, Duration::ZERO);
    assert!(world.core.outbox().is_empty());
    world.came_out(&["1: Timeout"]);
}

#[test]
fn no_more_requests_are_taken_than_can_be_written() {
    let mut world = World::ready();
    assert!(world.core.accepts());
    let big = Bytes::from(vec![0; usize::try_from(OUTBOX_MAX).unwrap()]);
    let request = Request {
        api: ApiKey::METADATA,
        version: 0,
        segments: vec![big],
        deadline: world.now + TIMEOUT,
        is_answered: true,
        reply: 1,
    };
    world.core.send(world.now, request);
    assert!(!world.core.accepts());
    world.write_all();
    assert!(world.core.accepts());
    for reply in 0..300 {
        if world.core.accepts() {
            world.send(reply);
        }
    }
    assert_eq!(world.core.in_flight.len(), REQUESTS_MAX);
}

#[test]
fn stopping_settles_everything() {
    let mut world = World::ready();
    world.send(1);
    world.write_all();
    world.send(2);
    world.request(3, ApiKey::PRODUCE, 3, TIMEOUT, false);
    world.core.stop();
    world.came_out(&["1: Closed?", "2: Closed", "3: Closed?", "Stopped"]);
    assert_eq!(world.core.poll_timeout(), None);
}
