//! Feeding bytes of anybody to a broker without a shell: the entry of fuzz targets.

use std::sync::Arc;

use bytes::Bytes;
use kconnect_protocol::{ApiKey, VersionRange};

use super::random::Random;
use super::state::{Endpoint, State};
use super::storage::NoStorage;
use super::time::Now;
use super::{ConnectionId, Core, Effect, versions};
use crate::faults::Faults;
use crate::options::Options;

/// Hands `frames` to a fresh broker as the requests of one connection, lets a minute pass, and
/// returns how many answers there were. Whatever the bytes are, this neither panics nor allocates
/// much more than they have.
pub fn feed<'a>(frames: impl IntoIterator<Item = &'a [u8]>) -> usize {
    let mut now = Now {
        millis: 0,
        timestamp: 1_700_000_000_000,
    };
    let mut core = Core::new(fresh(Options::default()), Faults::default(), now);
    let connection = ConnectionId(0);
    core.connected(connection, Arc::from("fuzz"));
    let mut answers = 0;
    for frame in frames {
        core.handle(now, connection, Bytes::copy_from_slice(frame));
        answers += answered(&mut core);
    }
    for _ in 0..60 {
        now.millis += 1_000;
        now.timestamp += 1_000;
        core.handle_timeout(now);
        answers += answered(&mut core);
    }
    answers
}

/// Takes the frames out of one string of bytes: before each stands its length, as two bytes. What is
/// shorter than it says is taken as it is.
pub fn split(mut data: &[u8]) -> Vec<&[u8]> {
    let mut frames = Vec::new();
    while let Some((&[high, low], rest)) = data.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (frame, rest) = rest.split_at(length.min(rest.len()));
        frames.push(frame);
        data = rest;
    }
    frames
}

/// Every API that [`feed`]'s broker offers, with its versions.
pub fn offered() -> Vec<(ApiKey, VersionRange)> {
    versions::all(Options::default().profile).collect()
}

/// A broker's state as it is before the first request.
pub(crate) fn fresh(options: Options) -> State {
    let endpoint = Endpoint {
        host: Arc::from("localhost"),
        port: 9092,
    };
    let seed = Random::new(options.seed.unwrap_or(7)).positive();
    State::new(
        options,
        endpoint,
        seed.unsigned_abs().into(),
        Box::new(NoStorage),
    )
}

fn answered(core: &mut Core) -> usize {
    let mut answers = 0;
    while let Some(effect) = core.poll_effect() {
        answers += usize::from(matches!(effect, Effect::Answer { .. }));
    }
    answers
}
