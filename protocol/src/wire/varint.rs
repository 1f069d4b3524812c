//! Variable-length integers: seven bits to a byte, least significant first; signed ones zigzag.

use bytes::BufMut;

/// The most bytes that a 32-bit integer takes.
pub const MAX_BYTES_32: usize = 5;
/// The most bytes that a 64-bit integer takes.
pub const MAX_BYTES_64: usize = 10;

/// Reads an unsigned 32-bit integer off the front of `bytes`: its value and the bytes it took.
///
/// # Errors
///
/// [`VarintError`] if `bytes` ends first, or the integer has more than 32 bits.
#[inline]
pub fn read_u32(bytes: &[u8]) -> Result<(u32, usize), VarintError> {
    let mut value = 0_u32;
    for (index, &byte) in bytes.iter().take(MAX_BYTES_32).enumerate() {
        if index == MAX_BYTES_32 - 1 && byte > 0x0f {
            return Err(VarintError::TooLong);
        }
        value |= u32::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Ok((value, index + 1));
        }
    }
    Err(VarintError::Truncated)
}

/// Reads an unsigned 64-bit integer off the front of `bytes`: its value and the bytes it took.
///
/// # Errors
///
/// [`VarintError`] if `bytes` ends first, or the integer has more than 64 bits.
#[inline]
pub fn read_u64(bytes: &[u8]) -> Result<(u64, usize), VarintError> {
    let mut value = 0_u64;
    for (index, &byte) in bytes.iter().take(MAX_BYTES_64).enumerate() {
        if index == MAX_BYTES_64 - 1 && byte > 0x01 {
            return Err(VarintError::TooLong);
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Ok((value, index + 1));
        }
    }
    Err(VarintError::Truncated)
}

/// Reads a signed 32-bit integer off the front of `bytes`: its value and the bytes it took.
///
/// # Errors
///
/// As [`read_u32`].
#[inline]
pub fn read_i32(bytes: &[u8]) -> Result<(i32, usize), VarintError> {
    let (zigzag, length) = read_u32(bytes)?;
    Ok((
        (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed(),
        length,
    ))
}

/// Reads a signed 64-bit integer off the front of `bytes`: its value and the bytes it took.
///
/// # Errors
///
/// As [`read_u64`].
#[inline]
pub fn read_i64(bytes: &[u8]) -> Result<(i64, usize), VarintError> {
    let (zigzag, length) = read_u64(bytes)?;
    Ok((
        (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed(),
        length,
    ))
}

/// Appends an unsigned 32-bit integer.
#[inline]
pub fn put_u32(out: &mut impl BufMut, value: u32) {
    put_u64(out, u64::from(value));
}

/// Appends an unsigned 64-bit integer.
#[inline]
pub fn put_u64(out: &mut impl BufMut, mut value: u64) {
    while value >= 0x80 {
        out.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8((value & 0x7f) as u8);
}

/// Appends a signed 32-bit integer.
#[inline]
pub fn put_i32(out: &mut impl BufMut, value: i32) {
    put_u32(out, zigzag_32(value));
}

/// Appends a signed 64-bit integer.
#[inline]
pub fn put_i64(out: &mut impl BufMut, value: i64) {
    put_u64(out, zigzag_64(value));
}

/// Bytes that an unsigned 32-bit integer takes.
#[inline]
#[must_use]
pub const fn len_u32(value: u32) -> usize {
    len_u64(value as u64)
}

/// Bytes that an unsigned 64-bit integer takes.
#[inline]
#[must_use]
pub const fn len_u64(value: u64) -> usize {
    // One byte for each started group of seven bits; zero takes one, too.
    let bits = u64::BITS - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// Bytes that a signed 32-bit integer takes.
#[inline]
#[must_use]
pub const fn len_i32(value: i32) -> usize {
    len_u32(zigzag_32(value))
}

/// Bytes that a signed 64-bit integer takes.
#[inline]
#[must_use]
pub const fn len_i64(value: i64) -> usize {
    len_u64(zigzag_64(value))
}

const fn zigzag_32(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)).cast_unsigned()
}

const fn zigzag_64(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// Why there is no variable-length integer here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VarintError {
    /// The bytes end before the integer does.
    Truncated,
    /// The integer has more bits than its type.
    TooLong,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn edges_have_the_bytes_that_kafka_gives_them() {
        let check = |value: i32, bytes: &[u8]| {
            let mut out = Vec::new();
            put_i32(&mut out, value);
            assert_eq!(out, bytes, "{value}");
        };
        check(0, &[0]);
        check(-1, &[1]);
        check(1, &[2]);
        check(63, &[126]);
        check(-64, &[127]);
        check(64, &[128, 1]);
        check(300, &[216, 4]);
        check(i32::MAX, &[254, 255, 255, 255, 15]);
        check(i32::MIN, &[255, 255, 255, 255, 15]);
    }

    #[test]
    fn an_integer_that_does_not_end_is_an_error() {
        assert_eq!(read_u32(&[]), Err(VarintError::Truncated));
        assert_eq!(read_u32(&[0x80; 4]), Err(VarintError::Truncated));
        assert_eq!(read_u32(&[0x80; 9]), Err(VarintError::TooLong));
        assert_eq!(
            read_u32(&[0xff, 0xff, 0xff, 0xff, 0x10]),
            Err(VarintError::TooLong)
        );
        assert_eq!(read_u64(&[0x80; 9]), Err(VarintError::Truncated));
        assert_eq!(read_u64(&[0xff; 11]), Err(VarintError::TooLong));
    }

    proptest! {
        #[test]
        fn every_integer_comes_back_from_as_many_bytes_as_foretold(value: i64, shift in 0_u32..64) {
            let value = value >> shift;
            let mut out = Vec::new();
            put_i64(&mut out, value);
            prop_assert_eq!(out.len(), len_i64(value));
            prop_assert_eq!(read_i64(&out), Ok((value, out.len())));

            let unsigned = value.cast_unsigned();
            out.clear();
            put_u64(&mut out, unsigned);
            prop_assert_eq!(out.len(), len_u64(unsigned));
            prop_assert_eq!(read_u64(&out), Ok((unsigned, out.len())));

            if let Ok(value) = i32::try_from(value) {
                out.clear();
                put_i32(&mut out, value);
                prop_assert_eq!(out.len(), len_i32(value));
                prop_assert_eq!(read_i32(&out), Ok((value, out.len())));
            }
        }
    }
}
