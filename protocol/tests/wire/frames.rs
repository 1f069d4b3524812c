//! Frames recorded between Kafka 4.3 and its Java clients: read, and written again to the same bytes.

use bytes::{Bytes, BytesMut};
use kconnect_protocol::ApiKey;
use kconnect_protocol::bounded::Direction;
use kconnect_protocol::header::{RequestHeader, ResponseHeader};

use crate::alone;
use crate::support::{Task, generated_message, own_message};

/// A line of `golden/frames.txt`: name of the API, direction, version, and the frame in hex.
fn parse(line: &str) -> (ApiKey, Direction, i16, Bytes) {
    let fields: Vec<&str> = line.split(' ').collect();
    let [name, direction, version, hex] = fields[..] else {
        panic!("four fields: {line}");
    };
    let api = ApiKey::all()
        .find(|api| api.name() == name)
        .expect("an API");
    let direction = match direction {
        "request" => Direction::Request,
        "response" => Direction::Response,
        other => panic!("no direction: {other}"),
    };
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
    let frame = (0..hex.len()).step_by(2).map(digit).collect();
    (api, direction, version.parse().expect("a version"), frame)
}

/// Takes the header off `frame` and returns it as we write it.
fn header(api: ApiKey, direction: Direction, version: i16, frame: &mut Bytes) -> BytesMut {
    let mut out = BytesMut::new();
    match direction {
        Direction::Request => {
            let header = RequestHeader::decode(frame).expect("a request header");
            assert_eq!((header.api_key, header.api_version), (api, version));
            header.encode(&mut out).expect("it was read");
        }
        Direction::Response => {
            let header = ResponseHeader::decode(api, version, frame).expect("a response header");
            header.encode(api, version, &mut out);
        }
    }
    out
}

#[test]
fn recorded_frames_are_read_and_written_to_the_same_bytes() {
    let _turn = alone();
    for line in include_str!("golden/frames.txt").lines() {
        let (api, direction, version, frame) = parse(line);
        let mut body = frame.clone();
        let mut written = header(api, direction, version, &mut body);
        let done = own_message(Task::Rewrite, api, direction, version, &body)
            .or_else(|| generated_message(Task::Rewrite, api, direction, version, &body))
            .expect("every API is listed")
            .unwrap_or_else(|error| panic!("{api} {direction:?} {version}: {error}"));
        assert_eq!(done.left, 0, "{api} {direction:?} {version}");
        written.extend_from_slice(&done.written.expect("what was read can be written"));
        assert_eq!(written, frame, "{api} {direction:?} {version}");
    }
}
