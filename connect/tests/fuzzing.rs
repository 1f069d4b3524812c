//! The fuzz targets without a fuzzer: over their seeds, over seeds with bytes changed or cut off, and over random bytes.

use kconnect::fuzzing::TARGETS;

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

/// The same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % limit
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).expect("a byte")
    }
}

#[test]
fn every_fuzz_target_stands_its_seeds_and_what_is_near_them() {
    let mut numbers = Numbers(7);
    for (target, run) in TARGETS {
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{target}");
        for seed in seeds {
            run(&seed);
            for _ in 0..30 {
                let mut near = seed.clone();
                for _ in 0..=numbers.below(4) {
                    let at = numbers.below(near.len());
                    near[at] = numbers.byte();
                }
                run(&near);
                run(&near[..numbers.below(near.len() + 1)]);
            }
        }
    }
}

#[test]
fn every_fuzz_target_stands_random_bytes() {
    let mut numbers = Numbers(8);
    for (_, run) in TARGETS {
        for _ in 0..1000 {
            let length = numbers.below(200);
            let bytes: Vec<u8> = (0..length).map(|_| numbers.byte()).collect();
            run(&bytes);
        }
    }
}
