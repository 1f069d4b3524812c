//! Finds the characters of a string that JSON escapes, eight bytes at a time.

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);

/// The place of the first byte at or behind `from` that ends a run of plain characters when reading:
/// a quote, a backslash or below a space; the length if there is none.
pub(super) fn special(bytes: &[u8], from: usize) -> usize {
    find::<false>(bytes, from)
}

/// As [`special`], and also the first byte of a character of four bytes: what must be escaped when
/// writing.
pub(super) fn escaped(bytes: &[u8], from: usize) -> usize {
    find::<true>(bytes, from)
}

fn find<const FOUR_BYTES: bool>(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(chunk) = bytes
        .get(at..at + 8)
        .and_then(|chunk| <[u8; 8]>::try_from(chunk).ok())
    {
        let word = u64::from_le_bytes(chunk);
        // The high bit of a byte is set where the byte is the wanted one; bits above the first hit
        // may be wrong, below it they are not.
        let below_space = word.wrapping_sub(ONES * 0x20) & !word;
        let quote = zero_bytes(word ^ (ONES * 0x22));
        let backslash = zero_bytes(word ^ (ONES * 0x5C));
        let mut hits = below_space | quote | backslash;
        if FOUR_BYTES {
            hits |= word & word << 1 & word << 2 & word << 3;
        }
        hits &= HIGHS;
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while at < bytes.len() && !is_special::<FOUR_BYTES>(bytes[at]) {
        at += 1;
    }
    at
}

/// High bits where bytes of `word` are zero.
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word
}

const fn is_special<const FOUR_BYTES: bool>(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\' || (FOUR_BYTES && byte >= 0xF0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_a_loop_over_bytes_finds() {
        let mut state: u32 = 7;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        for length in 0..70 {
            for _ in 0..200 {
                let bytes: Vec<u8> = (0..length)
                    .map(|_| match next() {
                        0..=2 => b'"',
                        3..=5 => b'\\',
                        6..=8 => next() % 0x20,
                        9..=30 => next() | 0x80,
                        other => other,
                    })
                    .collect();
                for from in 0..=length.min(3) {
                    let rest = bytes[from..].iter().copied();
                    let found = rest.clone().position(is_special::<false>);
                    let expected = found.map_or(length, |at| at + from);
                    assert_eq!(special(&bytes, from), expected, "{bytes:?} from {from}");
                    let found = rest.clone().position(is_special::<true>);
                    let expected = found.map_or(length, |at| at + from);
                    assert_eq!(escaped(&bytes, from), expected, "{bytes:?} from {from}");
                }
            }
        }
    }
}
