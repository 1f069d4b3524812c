//! What is fuzzed: one function per target, which takes any bytes and panics if something is
//! wrong. The fuzz workspace runs them under libFuzzer, the tests over seeds and random bytes.

use bytes::{Bytes, BytesMut};
use kconnect_protocol::ApiKey;
use kconnect_protocol::bounded::Direction;
use kconnect_protocol::frame::next_frame;
use kconnect_protocol::internal::{every_message, sample_message};

use super::support::{Task, every_own_message, generated_message, own_message, read_the_rest};

type Entry = fn(&[u8]);
type Name = (ApiKey, Direction, i16);

/// Every target by name.
pub(crate) const ENTRIES: [(&str, Entry); 5] = [
    ("frames", frames),
    ("own_messages", own_messages),
    ("generated_messages", generated_messages),
    ("conforming_messages", conforming_messages),
    ("headers_and_groups", headers_and_groups),
];

/// A stream that arrives in pieces: the first byte says how large they are.
pub(crate) fn frames(data: &[u8]) {
    const FRAME_MAX: usize = 1024 * 1024;
    let Some((&piece, stream)) = data.split_first() else {
        return;
    };
    let mut buffer = BytesMut::new();
    let mut left = stream.len();
    for piece in stream.chunks(usize::from(piece).max(1)) {
        buffer.extend_from_slice(piece);
        loop {
            match next_frame(&mut buffer, FRAME_MAX) {
                Ok(Some(frame)) => left -= 4 + frame.len(),
                Ok(None) => break,
                Err(_) => return,
            }
        }
        assert!(
            buffer.capacity() <= 2 * FRAME_MAX,
            "space grows with what arrived"
        );
    }
    assert_eq!(buffer.len(), left, "no byte is lost or given out twice");
}

/// Four bytes that name a message of our own, then the message.
pub(crate) fn own_messages(data: &[u8]) {
    if let Some((name, body)) = named(data, every_own_message()) {
        let (api, direction, version) = name;
        let body = Bytes::copy_from_slice(body);
        let _ = own_message(Task::Rewrite, api, direction, version, &body);
    }
}

/// Four bytes that name a generated message, then the message.
pub(crate) fn generated_messages(data: &[u8]) {
    if let Some((name, body)) = named(data, every_message()) {
        let (api, direction, version) = name;
        let body = Bytes::copy_from_slice(body);
        let _ = generated_message(Task::Rewrite, api, direction, version, &body);
    }
}

/// Four bytes that name a generated message, then what its values are made of.
pub(crate) fn conforming_messages(data: &[u8]) {
    let Some((name, entropy)) = named(data, every_message()) else {
        return;
    };
    let (api, direction, version) = name;
    let body = sample_message(api, direction, version, entropy);
    let outcome = generated_message(Task::Rewrite, api, direction, version, &body);
    let done = outcome.expect("it is listed").expect("it conforms");
    assert_eq!(done.left, 0, "{api} {direction:?} {version}: {body:?}");
}

/// Headers, the answer to ApiVersions, and what members of groups tell each other.
pub(crate) fn headers_and_groups(data: &[u8]) {
    read_the_rest(&Bytes::copy_from_slice(data));
}

/// The message that `data` names: API key, direction and version if there is such a message, or
/// else any. And what follows.
fn named(data: &[u8], names: impl Iterator<Item = Name>) -> Option<(Name, &[u8])> {
    let (&[high, low, direction, version], body) = data.split_first_chunk::<4>()?;
    let direction = match direction & 1 {
        0 => Direction::Request,
        _ => Direction::Response,
    };
    let key = i16::from_be_bytes([high, low]);
    let wanted = (ApiKey(key), direction, i16::from(version));
    let names: Vec<_> = names.collect();
    let any = names[usize::from(key.unsigned_abs()) % names.len()];
    Some((if names.contains(&wanted) { wanted } else { any }, body))
}
