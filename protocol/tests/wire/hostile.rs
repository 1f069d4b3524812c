//! Bytes from outside: whatever they are, no decoder panics, and none allocates more than a small
//! multiple of what was sent.

use bytes::{Bytes, BytesMut};
use kconnect_protocol::bounded::Direction;
use kconnect_protocol::frame::next_frame;
use kconnect_protocol::internal::{every_message, sample_message};
use kconnect_protocol::{ApiKey, DecodeError};

use crate::beside_kafka::golden;
use crate::replay::Entropy;
use crate::support::{Task, every_own_message, generated_message, own_message, read_the_rest};
use crate::{ALLOCATOR, alone};

/// What a decoder may allocate for each byte that it was sent. An empty string is one byte and
/// becomes 32, a structure has room for the fields of all versions, and an unknown tagged field
/// of two bytes takes a map of its own.
const PEAK_PER_BYTE: usize = 100;
/// What it may allocate beside that: errors, and small tables.
const PEAK_BASE: usize = 4 * 1024;

/// Runs `decode` and fails if it allocates out of proportion to `length`.
#[track_caller]
fn frugally<T>(length: usize, what: impl FnOnce() -> String, decode: impl FnOnce() -> T) -> T {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let result = decode();
    let peak = ALLOCATOR.peak_usage().saturating_sub(before);
    if peak > PEAK_BASE + PEAK_PER_BYTE * length {
        panic!("{peak} bytes allocated for {length} bytes of {}", what());
    }
    result
}

type Name = (ApiKey, Direction, i16);

/// Reads a message, counting what it costs. Returns the bytes that were left over.
fn read(name: Name, body: &Bytes) -> Result<usize, DecodeError> {
    let (api, direction, version) = name;
    let what = || format!("{api} {direction:?} {version}: {body:?}");
    frugally(body.len(), what, || run(Task::Read, name, body))
}

/// As [`read`], and writes again what was read.
fn rewrite(name: Name, body: &Bytes) -> Result<usize, DecodeError> {
    let result = read(name, body);
    assert_eq!(run(Task::Rewrite, name, body), result);
    result
}

fn run(task: Task, (api, direction, version): Name, body: &Bytes) -> Result<usize, DecodeError> {
    own_message(task, api, direction, version, body)
        .or_else(|| generated_message(task, api, direction, version, body))
        .expect("every API is listed")
        .map(|done| done.left)
}

/// A message with at least one element in its arrays, and not much more: Kafka's own, or one that
/// follows the layout.
fn some_message(name: Name, entropy: &mut Entropy) -> Bytes {
    let (api, direction, version) = name;
    if let Some(bytes) = golden(&format!("{api}{direction:?}"), "full").remove(&version) {
        return bytes;
    }
    (0..8)
        .map(|_| sample_message(api, direction, version, &entropy.bytes(64)))
        .max_by_key(Bytes::len)
        .expect("there are eight")
}

fn every_name() -> impl Iterator<Item = Name> {
    every_message().chain(every_own_message())
}

#[test]
fn layouts_and_generated_decoders_agree_in_every_version() {
    let _turn = alone();
    let mut entropy = Entropy::new(1);
    for name in every_message() {
        let (api, direction, version) = name;
        for _ in 0..50 {
            let length = usize::from(entropy.byte());
            let body = sample_message(api, direction, version, &entropy.bytes(length));
            let left = rewrite(name, &body);
            assert_eq!(left, Ok(0), "{api} {direction:?} {version}: {body:?}");
        }
    }
}

#[test]
fn a_message_cut_anywhere_is_an_error() {
    let _turn = alone();
    let mut entropy = Entropy::new(2);
    for name in every_name() {
        let body = some_message(name, &mut entropy);
        for length in 0..body.len() {
            let cut = read(name, &body.slice(..length));
            assert!(cut.is_err(), "{name:?} cut at {length}: {body:?}");
        }
    }
}

#[test]
fn the_largest_numbers_anywhere_in_a_message_cost_nothing() {
    let _turn = alone();
    let mut entropy = Entropy::new(3);
    let numbers: [&[u8]; 4] = [
        b"\xff\xff\xff\xff\x0f",
        b"\xff\xff\xff\xff\xff\xff",
        b"\x7f\xff\xff\xff",
        b"\x80\x80\x80\x80\x80\x80",
    ];
    for name in every_name() {
        let body = some_message(name, &mut entropy);
        for at in 0..body.len() {
            for number in numbers {
                let mut hostile = BytesMut::from(&body[..at]);
                hostile.extend_from_slice(number);
                hostile.extend_from_slice(&body[at..]);
                let _ = rewrite(name, &hostile.freeze());
            }
        }
    }
}

/// The worst that passes the walk: a count that just fits the bytes that follow.
#[test]
fn counts_that_just_fit_cost_a_small_multiple_of_the_message() {
    let _turn = alone();
    let mut entropy = Entropy::new(4);
    for name in every_name() {
        let body = some_message(name, &mut entropy);
        let (api, _, version) = name;
        let tail = vec![u8::from(api.is_flexible(version)); 512];
        for at in 0..body.len() {
            for size in [1, 2, 3, 4, 6, 8, 16, 32] {
                let count = u16::try_from(tail.len() / size).expect("at most 512");
                let mut hostile = BytesMut::from(&body[..at]);
                if api.is_flexible(version) {
                    let count = count.to_le_bytes();
                    hostile.extend_from_slice(&[
                        count[0] & 0x7f | 0x80,
                        count[1] << 1 | count[0] >> 7,
                    ]);
                } else {
                    hostile.extend_from_slice(&u32::from(count).to_be_bytes());
                }
                hostile.extend_from_slice(&tail);
                let _ = read(name, &hostile.freeze());
            }
        }
    }
}

#[test]
fn random_bytes_are_no_danger_to_any_decoder() {
    let _turn = alone();
    let mut entropy = Entropy::new(5);
    for name in every_name() {
        for _ in 0..100 {
            let length = usize::from(entropy.byte());
            let mut body = entropy.bytes(length);
            // Small numbers get further than large ones.
            if entropy.number() & 1 == 0 {
                body.iter_mut().for_each(|byte| *byte &= 3);
            }
            let _ = rewrite(name, &body.into());
        }
    }
}

#[test]
fn random_bytes_are_no_danger_to_headers_frames_and_group_metadata() {
    let _turn = alone();
    let mut entropy = Entropy::new(6);
    for _ in 0..20_000 {
        let length = usize::from(entropy.byte() & 63);
        let mut body = entropy.bytes(length);
        if entropy.number() & 1 == 0 {
            body.iter_mut().for_each(|byte| *byte &= 3);
        }
        let body = Bytes::from(body);
        let what = || format!("{body:?}");
        frugally(body.len(), what, || read_the_rest(&body));
        // A frame that has begun to arrive is given some space, whatever it announces.
        let mut buffer = BytesMut::from(&body[..]);
        frugally(2 * 1024, what, || {
            while let Ok(Some(_)) = next_frame(&mut buffer, 100 * 1024 * 1024) {}
        });
    }
}
