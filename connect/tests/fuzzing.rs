//! The fuzz targets without a fuzzer: over their seeds, over seeds with bytes changed or cut off, and over random bytes.

#[path = "../../fuzz/src/replay.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the tests of several crates share it"
)]
mod replay;

use kconnect::fuzzing::TARGETS;

use crate::replay::{Entropy, mixed, near, seeds, words};

#[test]
fn every_fuzz_target_stands_its_seeds_and_what_is_near_them() {
    let mut entropy = Entropy::new(7);
    for (target, run) in TARGETS {
        let (seeds, words) = (seeds(target), words(target));
        // Ranges of memory have no words.
        assert!(!words.is_empty() || target == "mem", "{target}");
        for seed in &seeds {
            run(seed);
            for _ in 0..30 {
                let near = near(seed, &mut entropy);
                run(&near);
                run(&near[..entropy.below(near.len() + 1)]);
            }
        }
        for _ in 0..2_000 {
            run(&mixed(&seeds, &words, &mut entropy));
        }
    }
}

#[test]
fn every_fuzz_target_stands_random_bytes() {
    let mut entropy = Entropy::new(8);
    for (_, run) in TARGETS {
        for _ in 0..1000 {
            let length = entropy.below(200);
            run(&entropy.bytes(length));
        }
    }
}
