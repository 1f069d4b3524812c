//! The variable-length integers of record batches, on the path that every record takes.

/// Bytes that the longest encoding of a 32-bit value takes.
pub(crate) const MAX_LEN_32: usize = 5;
/// Bytes that the longest encoding of a 64-bit value takes.
pub(crate) const MAX_LEN_64: usize = 10;

/// Folds the sign into the lowest bit, so that small negative numbers stay short.
#[inline]
pub(crate) const fn zigzag32(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)).cast_unsigned()
}

/// Folds the sign into the lowest bit, so that small negative numbers stay short.
#[inline]
pub(crate) const fn zigzag64(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

#[inline]
const fn unzigzag32(value: u32) -> i32 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

#[inline]
const fn unzigzag64(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

/// Bytes that `value`, already folded, takes.
#[inline]
pub(crate) const fn len32(value: u32) -> usize {
    // Seven bits a byte; `| 1` because zero takes a byte too.
    ((31 - (value | 1).leading_zeros()) / 7 + 1) as usize
}

/// Bytes that `value`, already folded, takes.
#[inline]
pub(crate) const fn len64(value: u64) -> usize {
    ((63 - (value | 1).leading_zeros()) / 7 + 1) as usize
}

/// Takes a signed 32-bit value from the front of `bytes`; `None` if it is cut off or too long.
#[inline]
pub(crate) fn read32(bytes: &mut &[u8]) -> Option<i32> {
    match **bytes {
        [a, ref rest @ ..] if a < 0x80 => {
            *bytes = rest;
            Some(unzigzag32(u32::from(a)))
        }
        [a, b, ref rest @ ..] if b < 0x80 => {
            *bytes = rest;
            Some(unzigzag32(u32::from(a & 0x7f) | u32::from(b) << 7))
        }
        _ => read32_long(bytes),
    }
}

#[inline(never)]
fn read32_long(bytes: &mut &[u8]) -> Option<i32> {
    let mut value = 0u32;
    for (at, &byte) in bytes.iter().take(MAX_LEN_32).enumerate() {
        let last = at == MAX_LEN_32 - 1;
        // The fifth byte has room for the four highest bits and no continuation.
        if last && byte > 0x0f {
            return None;
        }
        value |= u32::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            *bytes = &bytes[at + 1..];
            return Some(unzigzag32(value));
        }
    }
    None
}

/// Takes a signed 64-bit value from the front of `bytes`; `None` if it is cut off or too long.
#[inline]
pub(crate) fn read64(bytes: &mut &[u8]) -> Option<i64> {
    match **bytes {
        [a, ref rest @ ..] if a < 0x80 => {
            *bytes = rest;
            Some(unzigzag64(u64::from(a)))
        }
        [a, b, ref rest @ ..] if b < 0x80 => {
            *bytes = rest;
            Some(unzigzag64(u64::from(a & 0x7f) | u64::from(b) << 7))
        }
        _ => read64_long(bytes),
    }
}

#[inline(never)]
fn read64_long(bytes: &mut &[u8]) -> Option<i64> {
    let mut value = 0u64;
    for (at, &byte) in bytes.iter().take(MAX_LEN_64).enumerate() {
        // The tenth byte has room for the highest bit and no continuation.
        if at == MAX_LEN_64 - 1 && byte > 0x01 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            *bytes = &bytes[at + 1..];
            return Some(unzigzag64(value));
        }
    }
    None
}

/// Writes `value`, already folded, and returns how many bytes it took.
#[inline]
pub(crate) fn write64(mut value: u64, out: &mut [u8]) -> usize {
    let mut at = 0;
    while value >= 0x80 {
        out[at] = (value & 0x7f) as u8 | 0x80;
        value >>= 7;
        at += 1;
    }
    out[at] = (value & 0x7f) as u8;
    at + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interesting() -> Vec<i64> {
        let mut values = vec![0, 1, -1, i64::MAX, i64::MIN];
        for bit in 0..63 {
            let power = 1i64 << bit;
            values.extend([power, power - 1, power + 1, -power, -power - 1, -power + 1]);
        }
        values
    }

    #[test]
    fn every_length_reads_back_and_has_the_predicted_size() {
        for value in interesting() {
            let mut out = [0u8; MAX_LEN_64];
            let len = write64(zigzag64(value), &mut out);
            assert_eq!(len, len64(zigzag64(value)), "{value}");
            let mut bytes = &out[..len];
            assert_eq!(read64(&mut bytes), Some(value));
            assert!(bytes.is_empty());
            let Ok(small) = i32::try_from(value) else {
                continue;
            };
            assert_eq!(len, len32(zigzag32(small)), "{small}");
            let mut bytes = &out[..len];
            assert_eq!(read32(&mut bytes), Some(small));
            assert!(bytes.is_empty());
        }
    }

    #[test]
    fn a_varint_that_is_cut_off_is_none() {
        for value in interesting() {
            let mut out = [0u8; MAX_LEN_64];
            let len = write64(zigzag64(value), &mut out);
            for cut in 0..len {
                assert_eq!(read64(&mut &out[..cut]), None);
                assert_eq!(read32(&mut &out[..cut]), None);
            }
        }
    }

    #[test]
    fn a_varint_that_is_too_long_is_none() {
        assert_eq!(read32(&mut &[0x80, 0x80, 0x80, 0x80, 0x80, 0x00][..]), None);
        assert_eq!(read32(&mut &[0xff, 0xff, 0xff, 0xff, 0x1f][..]), None);
        let mut eleven = [0x80u8; 11];
        eleven[10] = 0;
        assert_eq!(read64(&mut &eleven[..]), None);
        let mut overflow = [0xffu8; 10];
        overflow[9] = 0x02;
        assert_eq!(read64(&mut &overflow[..]), None);
    }
}
