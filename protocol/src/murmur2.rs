//! The hash that spreads keys over partitions, equal to the Java client's.

/// The 32-bit murmur2 hash of `data` with Kafka's seed (`Utils.murmur2`).
pub fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    // The length is folded in modulo 2^32, as an int is in Java.
    let mut hash = SEED ^ u32::try_from(data.len() & 0xffff_ffff).unwrap_or(u32::MAX);
    let (words, tail) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        let mut last = [0; 4];
        last[..tail.len()].copy_from_slice(tail);
        hash = (hash ^ u32::from_le_bytes(last)).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// The partition of a key among `partitions`, as the Java client's default partitioner and librdkafka's `murmur2` choose it;
/// 0 if there is no partition to choose from.
pub fn partition_for_key(key: &[u8], partitions: i32) -> i32 {
    let Some(count) = u32::try_from(partitions).ok().filter(|&count| count > 0) else {
        return 0;
    };
    // `toPositive`: the sign bit is dropped, not negated. What is left is below `partitions`.
    ((murmur2(key) & 0x7fff_ffff) % count).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_equal_those_of_the_java_client() {
        // The vectors of UtilsTest.testMurmur2.
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            (
                "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }

    #[test]
    fn a_partition_is_always_one_of_those_there_are() {
        assert_eq!(partition_for_key(b"foobar", 0), 0);
        assert_eq!(partition_for_key(b"foobar", -3), 0);
        for partitions in 1..50 {
            for key in 0..100u32 {
                let partition = partition_for_key(&key.to_le_bytes(), partitions);
                assert!((0..partitions).contains(&partition));
            }
        }
    }
}
