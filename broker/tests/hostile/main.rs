//! Bytes from anybody: whatever they are, the broker answers or closes, and never allocates on their word.

mod frames;
#[path = "../../../fuzz/src/replay.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the tests of several crates share it"
)]
mod replay;

use std::sync::{Mutex, MutexGuard, PoisonError};

use peak_alloc::PeakAlloc;

use kconnect_broker::internal::{feed, split};

use self::frames::{every_request, mutate};
use self::replay::{Entropy, seeds};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// What the broker may allocate for each byte that it was sent: a message's own structures, and an answer for each
/// thing that it names.
const PEAK_PER_BYTE: usize = 4_000;
/// What it may allocate beside that: the broker itself, its tables, and answers that list all that there is.
const PEAK_BASE: usize = 1 << 20;
/// The same where a request may happen to create a topic with all the partitions that a broker can have.
const PEAK_WITH_PARTITIONS: usize = 128 << 20;

/// Memory is counted for the whole process, so the tests take turns.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Feeds frames to a broker; fails if it allocates out of proportion to them. Returns the number of answers.
#[track_caller]
fn frugally(frames: &[&[u8]], base: usize) -> usize {
    let length: usize = frames.iter().map(|frame| frame.len()).sum();
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let answers = feed(frames.iter().copied());
    let peak = ALLOCATOR.peak_usage().saturating_sub(before);
    let most = base + PEAK_PER_BYTE * length;
    assert!(peak <= most, "{peak} bytes allocated for {frames:02x?}");
    answers
}

#[test]
fn requests_cut_off_at_each_byte_are_refused() {
    let _turn = alone();
    for (name, frame) in every_request(2) {
        frugally(&[&frame], PEAK_BASE);
        for end in 0..frame.len() {
            let answers = frugally(&[&frame[..end]], PEAK_BASE);
            assert_eq!(answers, 0, "{name:?} cut off after {end} of {frame:02x?}");
        }
    }
}

#[test]
fn every_request_that_is_whole_is_answered() {
    let _turn = alone();
    let mut silent = Vec::new();
    let mut asked = 0;
    for (name, frame) in every_request(8) {
        asked += 1;
        if frugally(&[&frame], PEAK_WITH_PARTITIONS) == 0 {
            silent.push(name);
        }
    }
    // A produce request with acks=0 has no answer, and a JoinGroup may wait longer than the minute that passes here.
    silent.retain(|(api, _)| !matches!(api.0, 0 | 11));
    assert!(
        asked > 500 && silent.is_empty(),
        "{asked} asked: {silent:?}"
    );
}

#[test]
fn changed_requests_one_after_the_other_do_no_harm() {
    let _turn = alone();
    let mut entropy = Entropy::new(11);
    let all: Vec<_> = every_request(1).map(|(_, frame)| frame).collect();
    for _ in 0..4_000 {
        let count = 1 + entropy.below(8);
        let frames: Vec<Vec<u8>> = (0..count)
            .map(|_| {
                let frame = all[entropy.below(all.len())].clone();
                mutate(frame, &mut entropy)
            })
            .collect();
        let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
        frugally(&frames, PEAK_WITH_PARTITIONS);
    }
}

#[test]
fn random_bytes_do_no_harm() {
    let _turn = alone();
    let mut entropy = Entropy::new(12);
    for _ in 0..10_000 {
        let length = entropy.below(200);
        let mut frame = entropy.bytes(length);
        // Half of them name an API, or they would not get far.
        if entropy.below(2) == 0 && length > 4 {
            let (api, version) = (entropy.below(80), entropy.below(14));
            frame[..4].copy_from_slice(&[0, api.to_le_bytes()[0], 0, version.to_le_bytes()[0]]);
        }
        frugally(&[&frame], PEAK_WITH_PARTITIONS);
    }
}

#[test]
fn the_seeds_of_the_fuzz_target_do_no_harm() {
    let _turn = alone();
    let mut entropy = Entropy::new(13);
    for seed in seeds("broker") {
        for _ in 0..20 {
            let frames = split(&seed);
            frugally(&frames, PEAK_WITH_PARTITIONS);
            let changed = mutate(seed.clone(), &mut entropy);
            let frames = split(&changed);
            frugally(&frames, PEAK_WITH_PARTITIONS);
        }
    }
}
