//! The fuzz targets without a fuzzer: the tests of the crates run them over their seeds and over what is near those.

/// The seeds of a target, a line of hex each; what fuzzing finds is added to them.
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let path = format!("{}/../fuzz/seeds/{target}.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let seeds: Vec<Vec<u8>> = text.lines().map(unhex).collect();
    assert!(!seeds.is_empty(), "{path}");
    seeds
}

/// The bytes of a line of hex.
pub fn unhex(line: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&line[at..at + 2], 16).expect("hex");
    (0..line.len()).step_by(2).map(digit).collect()
}

/// Up to four bytes changed, to anything or to the extremes of lengths and counts.
pub fn near(seed: &[u8], entropy: &mut Entropy) -> Vec<u8> {
    const EXTREMES: [u8; 5] = [0, 1, 0x7f, 0x80, 0xff];
    let mut bytes = seed.to_vec();
    for _ in 0..=entropy.below(4) {
        let at = entropy.below(bytes.len());
        bytes[at] = match entropy.below(2) {
            0 => entropy.byte(),
            _ => EXTREMES[entropy.below(EXTREMES.len())],
        };
    }
    bytes
}

/// The words of a target's dictionary, in libFuzzer's format; none without one.
pub fn words(target: &str) -> Vec<Vec<u8>> {
    let path = format!("{}/../fuzz/dict/{target}.dict", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let quoted = text
        .lines()
        .filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'));
    quoted.map(unescape).collect()
}

fn unescape(word: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = word.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        match (byte, rest) {
            (b'\\', [b'x', high, low, behind @ ..]) => {
                let digit = |digit: u8| char::from(digit).to_digit(16).expect("hex");
                let byte = digit(*high) << 4 | digit(*low);
                out.push(u8::try_from(byte).expect("two digits"));
                rest = behind;
            }
            (b'\\', [escaped, behind @ ..]) => {
                out.push(*escaped);
                rest = behind;
            }
            _ => out.push(byte),
        }
    }
    out
}

/// A seed with parts taken out, doubled, taken from other seeds, or words put in.
pub fn mixed(seeds: &[Vec<u8>], words: &[Vec<u8>], entropy: &mut Entropy) -> Vec<u8> {
    let mut bytes = seeds[entropy.below(seeds.len())].clone();
    for _ in 0..=entropy.below(4) {
        let at = entropy.below(bytes.len() + 1);
        let end = (at + entropy.below(32)).min(bytes.len());
        match entropy.below(5) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            2 if !words.is_empty() => {
                let word = &words[entropy.below(words.len())];
                bytes.splice(at..at, word.iter().copied());
            }
            3 => bytes.insert(at, entropy.byte()),
            _ => {
                let other = &seeds[entropy.below(seeds.len())];
                let from = entropy.below(other.len() + 1);
                let to = (from + entropy.below(64)).min(other.len());
                bytes.splice(at..end, other[from..to].iter().copied());
            }
        }
    }
    bytes
}

/// A generator good enough for test bytes (SplitMix64), the same in every run.
#[derive(Debug)]
pub struct Entropy(u64);

impl Entropy {
    /// The numbers that begin with `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.number() >> 8).unwrap_or(0) % limit.max(1)
    }

    /// Any byte.
    pub fn byte(&mut self) -> u8 {
        self.number().to_le_bytes()[0]
    }

    /// Any bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.byte()).collect()
    }
}
