//! The fuzz targets without a fuzzer: over their seeds, over seeds with bytes changed, and over
//! random bytes.

use crate::alone;
use crate::entries::ENTRIES;
use crate::replay::{Entropy, near, seeds};

#[test]
fn every_fuzz_target_stands_its_seeds_and_what_is_near_them() {
    let _turn = alone();
    let mut entropy = Entropy::new(7);
    for (target, entry) in ENTRIES {
        for seed in seeds(target) {
            entry(&seed);
            for _ in 0..20 {
                entry(&near(&seed, &mut entropy));
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
            let length = usize::from(entropy.byte());
            entry(&entropy.bytes(length));
        }
    }
}
