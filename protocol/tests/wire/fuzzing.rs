//! The fuzz targets without a fuzzer: over their seeds, over seeds with bytes changed, and over
//! random bytes.

use crate::alone;
use crate::entries::ENTRIES;
use crate::hostile::Entropy;

/// The seeds of a target, a line of hex each; what fuzzing finds is added to them.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let path = format!("{}/../fuzz/seeds/{target}.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let unhex = |line: &str| {
        let digit = |at: usize| u8::from_str_radix(&line[at..at + 2], 16).expect("hex");
        (0..line.len()).step_by(2).map(digit).collect()
    };
    text.lines().map(unhex).collect()
}

#[test]
fn every_fuzz_target_stands_its_seeds_and_what_is_near_them() {
    let _turn = alone();
    let mut entropy = Entropy::new(7);
    for (target, entry) in ENTRIES {
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{target}");
        for seed in seeds {
            entry(&seed);
            for _ in 0..20 {
                let mut near = seed.clone();
                for _ in 0..=entropy.next() & 3 {
                    let at = usize::try_from(entropy.next()).expect("64 bits") % near.len();
                    near[at] = entropy.bytes(1)[0];
                }
                entry(&near);
            }
        }
    }
}

#[test]
fn every_fuzz_target_stands_random_bytes() {
    let _turn = alone();
    let mut entropy = Entropy::new(8);
    for (_, entry) in ENTRIES {
        for _ in 0..1000 {
            let length = usize::from(entropy.bytes(1)[0]);
            entry(&entropy.bytes(length));
        }
    }
}
