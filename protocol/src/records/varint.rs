//! The variable-length integers of record batches, on the path that every record takes.

/// Bytes that the longest encoding of a 32-bit value takes.
pub(crate) const MAX_LEN_32: usize = 5;
/// Bytes that the longest encoding of a 64-bit value takes.
pub(crate) const MAX_LEN_64: usize = 10;

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
pub(crate) const fn len64(value: u64) -> usize {
    // Seven bits a byte; `| 1` because zero takes a byte too.
    ((63 - (value | 1).leading_zeros()) / 7 + 1) as usize
}

// The long cases take and return slices by value, so that the caller's stay in registers.

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
        _ => {
            let (value, rest) = read32_long(bytes)?;
            *bytes = rest;
            Some(value)
        }
    }
}

#[inline(never)]
fn read32_long(bytes: &[u8]) -> Option<(i32, &[u8])> {
    let mut value = 0u32;
    for (at, &byte) in bytes.iter().take(MAX_LEN_32).enumerate() {
        let last = at == MAX_LEN_32 - 1;
        // The fifth byte has room for the four highest bits and no continuation.
        if last && byte > 0x0f {
            return None;
        }
        value |= u32::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            return Some((unzigzag32(value), &bytes[at + 1..]));
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
        _ => {
            let (value, rest) = read64_long(bytes)?;
            *bytes = rest;
            Some(value)
        }
    }
}

#[inline(never)]
fn read64_long(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let mut value = 0u64;
    for (at, &byte) in bytes.iter().take(MAX_LEN_64).enumerate() {
        // The tenth byte has room for the highest bit and no continuation.
        if at == MAX_LEN_64 - 1 && byte > 0x01 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            return Some((unzigzag64(value), &bytes[at + 1..]));
        }
    }
    None
}

/// Below this a value takes one or two bytes, and which of the two costs no branch.
const SHORT: u64 = 1 << 14;

/// Bytes that `values`, already folded, take together.
#[inline]
pub(crate) fn sum_of_lens<const N: usize>(values: [u64; N]) -> u64 {
    if values.iter().fold(0, |all, value| all | value) < SHORT {
        let long = values.iter().map(|&value| u64::from(value >= 0x80));
        return N as u64 + long.sum::<u64>();
    }
    values.iter().map(|&value| len64(value) as u64).sum()
}

/// The bytes of a value below [`SHORT`], lowest first, and how many they are.
#[inline]
const fn short(value: u64) -> (u64, usize) {
    let long = value >= 0x80;
    (
        value & 0x7f | (long as u64) << 7 | value >> 7 << 8,
        1 + long as usize,
    )
}

/// Bytes that a [`Writer`] may touch, and not use, after the last one that it writes.
pub(crate) const SLACK: usize = 8;

/// Writes the parts of a record one after the other, into room that has been measured and has [`SLACK`] bytes more.
///
/// Always inlined, since a writer that lives in memory makes an append slower by a quarter.
pub(crate) struct Writer<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl<'a> Writer<'a> {
    #[inline(always)]
    pub(crate) const fn new(out: &'a mut [u8]) -> Self {
        Self { out, at: 0 }
    }

    #[inline(always)]
    pub(crate) const fn written(&self) -> usize {
        self.at
    }

    /// Writes what each record begins with: its length, no attributes, and its two deltas; all already folded.
    #[inline(always)]
    pub(crate) fn put_head(&mut self, length: u64, timestamp_delta: u64, offset_delta: u64) {
        if length | timestamp_delta | offset_delta < SHORT {
            let (mut bytes, mut len) = short(length);
            len += 1;
            for (next, next_len) in [short(timestamp_delta), short(offset_delta)] {
                bytes |= next << (8 * len);
                len += next_len;
            }
            self.put_word(bytes, len);
        } else {
            for value in [length, 0, timestamp_delta, offset_delta] {
                self.at = put_long_varint(self.out, self.at, value);
            }
        }
    }

    /// Writes `value`, already folded.
    #[inline(always)]
    pub(crate) fn put_varint(&mut self, value: u64) {
        if value < SHORT {
            let (bytes, len) = short(value);
            self.put_word(bytes, len);
        } else {
            self.at = put_long_varint(self.out, self.at, value);
        }
    }

    /// Writes a length and the bytes; null is a length of -1.
    #[inline(always)]
    pub(crate) fn put_bytes(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => {
                self.put_varint((bytes.len() as u64) << 1);
                self.out[self.at..self.at + bytes.len()].copy_from_slice(bytes);
                self.at += bytes.len();
            }
            None => self.put_word(zigzag64(-1), 1),
        }
    }

    /// [`put_bytes`](Self::put_bytes) for what is mostly short.
    #[inline(always)]
    pub(crate) fn put_short_bytes(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => {
                self.put_varint((bytes.len() as u64) << 1);
                copy_short(&mut self.out[self.at..self.at + bytes.len()], bytes);
                self.at += bytes.len();
            }
            None => self.put_word(zigzag64(-1), 1),
        }
    }

    /// Stores all of `bytes`, of which `len` count.
    #[inline(always)]
    fn put_word(&mut self, bytes: u64, len: usize) {
        self.out[self.at..self.at + 8].copy_from_slice(&bytes.to_le_bytes());
        self.at += len;
    }
}

/// Copies a slice of the same length. Keys and headers are short, and for them the call costs more than the copy.
#[inline]
fn copy_short(out: &mut [u8], bytes: &[u8]) {
    match bytes.len() {
        8..=16 => copy_ends::<8>(out, bytes),
        17..=32 => copy_ends::<16>(out, bytes),
        _ => out.copy_from_slice(bytes),
    }
}

/// Copies the first and the last `N` bytes, which are all if there are no more than twice as many.
#[inline]
fn copy_ends<const N: usize>(out: &mut [u8], bytes: &[u8]) {
    if let (Some(from), Some(to)) = (bytes.first_chunk::<N>(), out.first_chunk_mut::<N>()) {
        *to = *from;
    }
    if let (Some(from), Some(to)) = (bytes.last_chunk::<N>(), out.last_chunk_mut::<N>()) {
        *to = *from;
    }
}

/// Writes `value` at `at` and returns where it ends. No method, so that the writer stays in registers.
#[inline(never)]
fn put_long_varint(out: &mut [u8], mut at: usize, mut value: u64) -> usize {
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

    fn written(value: i64) -> Vec<u8> {
        let mut out = [0xaa; MAX_LEN_64 + SLACK];
        let mut writer = Writer::new(&mut out);
        writer.put_varint(zigzag64(value));
        let len = writer.written();
        assert_eq!(len, len64(zigzag64(value)), "{value}");
        out[..len].to_vec()
    }

    #[test]
    fn every_length_reads_back_and_has_the_predicted_size() {
        for value in interesting() {
            let bytes = written(value);
            let mut rest = &bytes[..];
            assert_eq!(read64(&mut rest), Some(value));
            assert!(rest.is_empty());
            let mut rest = &bytes[..];
            if let Ok(small) = i32::try_from(value) {
                assert_eq!(read32(&mut rest), Some(small));
                assert!(rest.is_empty());
            } else {
                assert_eq!(read32(&mut rest), None);
            }
        }
    }

    #[test]
    fn a_varint_that_is_cut_off_is_none() {
        for value in interesting() {
            let bytes = written(value);
            for cut in 0..bytes.len() {
                assert_eq!(read64(&mut &bytes[..cut]), None);
                assert_eq!(read32(&mut &bytes[..cut]), None);
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
