//! Unsigned variable-length integers: seven bits to a byte, least significant first.
//!
//! Records have signed ones as well, read on a faster path of their own.

use bytes::BufMut;

/// The most bytes that an integer takes.
const MAX_BYTES: usize = 5;

/// Reads an integer off the front of `bytes`: its value and the bytes it took.
#[inline]
pub(crate) fn read(bytes: &[u8]) -> Result<(u32, usize), VarintError> {
    let mut value = 0_u32;
    for (index, &byte) in bytes.iter().take(MAX_BYTES).enumerate() {
        // The fifth byte has room for the four highest bits and no continuation.
        if index == MAX_BYTES - 1 && byte > 0x0f {
            return Err(VarintError::TooLong);
        }
        value |= u32::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Ok((value, index + 1));
        }
    }
    Err(VarintError::Truncated)
}

/// Appends an integer.
#[inline]
pub(crate) fn put(out: &mut impl BufMut, mut value: u32) {
    while value >= 0x80 {
        out.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8((value & 0x7f) as u8);
}

/// Why there is no integer here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VarintError {
    /// The bytes end before the integer does.
    Truncated,
    /// The integer has more than 32 bits.
    TooLong,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn edges_have_the_bytes_that_kafka_gives_them() {
        let check = |value: u32, bytes: &[u8]| {
            let mut out = Vec::new();
            put(&mut out, value);
            assert_eq!(out, bytes, "{value}");
        };
        check(0, &[0]);
        check(127, &[127]);
        check(128, &[128, 1]);
        check(300, &[172, 2]);
        check(16_383, &[255, 127]);
        check(16_384, &[128, 128, 1]);
        check(u32::MAX, &[255, 255, 255, 255, 15]);
    }

    #[test]
    fn an_integer_that_does_not_end_is_an_error() {
        assert_eq!(read(&[]), Err(VarintError::Truncated));
        assert_eq!(read(&[0x80; 4]), Err(VarintError::Truncated));
        assert_eq!(read(&[0x80; 9]), Err(VarintError::TooLong));
        assert_eq!(
            read(&[0xff, 0xff, 0xff, 0xff, 0x10]),
            Err(VarintError::TooLong)
        );
    }

    proptest! {
        #[test]
        fn every_integer_comes_back(value: u32, shift in 0_u32..32) {
            let value = value >> shift;
            let mut out = Vec::new();
            put(&mut out, value);
            prop_assert_eq!(read(&out), Ok((value, out.len())));
        }
    }
}
