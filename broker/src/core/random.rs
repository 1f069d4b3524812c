//! Ids out of a seed: the same seed gives the same ids.

use uuid::{Builder, Uuid};

/// A generator of ids (SplitMix64). Nothing that it makes is a secret.
#[derive(Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A uuid of version 4, which is none of those that Kafka reserves.
    pub(crate) fn uuid(&mut self) -> Uuid {
        let bits = u128::from(self.next()) << 64 | u128::from(self.next());
        Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
    }

    /// A positive number that fits an `i32`.
    pub(crate) fn positive(&mut self) -> i32 {
        let number = self.next() & 0x7fff_ffff;
        i32::try_from(number).unwrap_or(1).max(1)
    }
}

/// A uuid as Kafka writes it: 22 characters of url-safe base64.
pub(crate) fn text(id: Uuid) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits = id.as_u128();
    (0..22_u32)
        .map(|i| {
            // The last character has the four bits that are left, and two of padding.
            let six = match 128_u32.checked_sub(6 * (i + 1)) {
                Some(shift) => bits >> shift,
                None => bits << 4,
            };
            char::from(ALPHABET[usize::try_from(six & 0x3f).unwrap_or(0)])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_the_ids() {
        assert_eq!(Random::new(7).uuid(), Random::new(7).uuid());
        assert_ne!(Random::new(7).uuid(), Random::new(8).uuid());
        assert_eq!(Random::new(7).uuid().get_version_num(), 4);
    }

    #[test]
    fn ids_read_as_kafka_writes_them() {
        assert_eq!(text(Uuid::nil()), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(text(Uuid::from_u128(1)), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(text(Uuid::max()), "_____________________w");
    }
}
