//! The fuzz target of a client's connection without a fuzzer: over its seeds, and what is near them.

#[path = "../../fuzz/src/client.rs"]
#[allow(unreachable_pub, reason = "it is public in the fuzz crate")]
mod client;

/// A generator good enough for test bytes (SplitMix64), the same in every run.
struct Entropy(u64);

impl Entropy {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 8).unwrap_or(0) % limit.max(1)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}

/// Changes up to four bytes, to anything or to the extremes of lengths and counts.
fn near(seed: &[u8], entropy: &mut Entropy) -> Vec<u8> {
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

#[test]
fn a_client_stands_whatever_answers_on_its_port() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../fuzz/seeds/client_connection.txt"
    );
    let text = std::fs::read_to_string(path).expect("the seeds are there");
    let mut entropy = Entropy(21);
    for line in text.lines() {
        let digits = |at: usize| u8::from_str_radix(&line[at..at + 2], 16).expect("hex");
        let seed: Vec<u8> = (0..line.len()).step_by(2).map(digits).collect();
        client::client_connection(&seed);
        for end in 0..seed.len() {
            client::client_connection(&seed[..end]);
        }
        for _ in 0..300 {
            client::client_connection(&near(&seed, &mut entropy));
        }
    }
    for _ in 0..2_000 {
        let length = entropy.below(300);
        let random: Vec<u8> = (0..length).map(|_| entropy.byte()).collect();
        client::client_connection(&random);
    }
}
