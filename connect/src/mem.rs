//! `memcpy`, `memmove`, `memset` and `memcmp` for static builds on x86-64: musl's own are slow for the few hundred bytes of
//! a record and the few dozen of a name.
//!
//! This is the only file of the project with `unsafe` in it. On `x86_64-unknown-linux-musl` its functions take the place of
//! libc's for all of the program; the first three go together, since libc's `memmove` brings libc's `memcpy` with it. On
//! other targets, whose own are fast, they are compiled for the tests alone. So they are where nothing is optimized: there
//! the compiler moves a vector by calling `memcpy`, which must not be one that moves vectors. And they are not inlined: a
//! `memcmp` in every sort and search made the program larger by 200 KB.
//!
//! Why it is sound. Every access is a read or a write of `size_of::<T>()` bytes, unaligned, at an offset that the size class
//! bounds: a class is entered only when `n` is at least the size that it reads or writes at once, so that neither
//! `[0, size)` nor `[n - size, n)` leaves `[0, n)`, which the caller vouches for. Ranges that overlap are copied rightly
//! because a small copy reads all of its bytes before it writes one, and a large one goes in the direction in which it
//! writes only over bytes that it has read: see `upward` and `downward`. The test of this file goes through all sizes,
//! alignments and distances up to several blocks; the fuzz target `mem` goes on from there.
#![expect(
    unsafe_code,
    reason = "these functions are handed addresses; see the proof above"
)]

use std::arch::asm;
use std::arch::x86_64::{__m128i, _mm_set1_epi8};

/// Bytes in a vector.
const VECTOR: usize = size_of::<__m128i>();
/// Vectors in a block, the piece in which much is copied.
const WIDE: usize = 4;
const BLOCK: usize = WIDE * VECTOR;

/// Copies `n` bytes between ranges that do not overlap.
///
/// # Safety
///
/// Both ranges are valid, `from` to be read and `to` to be written.
#[inline(never)]
#[cfg_attr(all(target_env = "musl", not(debug_assertions)), unsafe(no_mangle))]
pub unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: as the caller says.
    unsafe {
        if n <= 2 * BLOCK {
            small(to, from, n);
        } else {
            upward(to, from, n);
        }
    }
    to
}

/// Copies `n` bytes between ranges that may overlap.
///
/// # Safety
///
/// As for [`memcpy`].
#[inline(never)]
#[cfg_attr(all(target_env = "musl", not(debug_assertions)), unsafe(no_mangle))]
pub unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // Below `n` only if `to` is inside of the range that is read.
    let ahead = to.addr().wrapping_sub(from.addr());
    // SAFETY: as the caller says.
    unsafe {
        if n <= 2 * BLOCK {
            small(to, from, n);
        } else if ahead >= n {
            upward(to, from, n);
        } else {
            downward(to, from, n);
        }
    }
    to
}

/// Sets `n` bytes to the lowest byte of `value`.
///
/// # Safety
///
/// The range is valid to be written.
#[inline(never)]
#[cfg_attr(all(target_env = "musl", not(debug_assertions)), unsafe(no_mangle))]
pub unsafe extern "C" fn memset(to: *mut u8, value: i32, n: usize) -> *mut u8 {
    let byte = value.to_le_bytes()[0];
    // SAFETY: the classes bound the offsets; the instruction is in every x86-64.
    unsafe {
        match n {
            0 => {}
            1..4 => {
                put(to, 0, byte);
                put(to, n / 2, byte);
                put(to, n - 1, byte);
            }
            4..8 => set_ends(to, n, u32::from_ne_bytes([byte; 4])),
            8..16 => set_ends(to, n, u64::from_ne_bytes([byte; 8])),
            _ => set_vectors(to, n, _mm_set1_epi8(i8::from_ne_bytes([byte]))),
        }
    }
    to
}

/// Compares `n` bytes: below 0, 0 or above 0 as the first that differ are below, equal or above.
///
/// # Safety
///
/// Both ranges are valid to be read.
#[inline(never)]
#[cfg_attr(all(target_env = "musl", not(debug_assertions)), unsafe(no_mangle))]
pub unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, n: usize) -> i32 {
    const WORD: usize = size_of::<u64>();
    let mut at = 0;
    // SAFETY: a word is read at most where one ends with the range, and a byte only within it.
    unsafe {
        while at + WORD <= n {
            // The first byte is the highest, so that words are in the order of their bytes.
            let (left, right): (u64, u64) = (get(one, at), get(other, at));
            if left != right {
                return left.to_be().cmp(&right.to_be()) as i32;
            }
            at += WORD;
        }
        while at < n {
            let (left, right): (u8, u8) = (get(one, at), get(other, at));
            if left != right {
                return i32::from(left) - i32::from(right);
            }
            at += 1;
        }
    }
    0
}

/// Copies up to two blocks by their two ends, which meet or overlap in the middle.
///
/// # Safety
///
/// As for [`memmove`], and `n` is at most two blocks.
#[inline(always)]
unsafe fn small(to: *mut u8, from: *const u8, n: usize) {
    // SAFETY: each class is entered with at least the bytes of one end, and at most those of both.
    unsafe {
        match n {
            0 => {}
            1..4 => {
                let (first, middle, last): (u8, u8, u8) =
                    (get(from, 0), get(from, n / 2), get(from, n - 1));
                put(to, 0, first);
                put(to, n / 2, middle);
                put(to, n - 1, last);
            }
            4..8 => copy_ends::<u32>(to, from, n),
            8..16 => copy_ends::<u64>(to, from, n),
            16..=32 => copy_ends::<__m128i>(to, from, n),
            33..=64 => copy_wide_ends::<2>(to, from, n),
            _ => copy_wide_ends::<WIDE>(to, from, n),
        }
    }
}

/// # Safety
///
/// As for [`memmove`], and `n` is at least `size_of::<T>()` and at most twice that.
#[inline(always)]
unsafe fn copy_ends<T: Copy>(to: *mut u8, from: *const u8, n: usize) {
    let end = n - size_of::<T>();
    // SAFETY: as the caller says; both are read before one is written.
    unsafe {
        let (first, last): (T, T) = (get(from, 0), get(from, end));
        put(to, 0, first);
        put(to, end, last);
    }
}

/// # Safety
///
/// As for [`memmove`], and `n` is at least `N` vectors and at most twice that.
#[inline(always)]
unsafe fn copy_wide_ends<const N: usize>(to: *mut u8, from: *const u8, n: usize) {
    let end = n - N * VECTOR;
    // SAFETY: as the caller says; both are read before one is written.
    unsafe {
        let (first, last) = (get_wide::<N>(from, 0), get_wide::<N>(from, end));
        put_wide(to, 0, first);
        put_wide(to, end, last);
    }
}

/// Copies block by block from the front. The last block is read first of all, so that it is whole whatever was written
/// before it. A block is written only where bytes have been read, or where none will be: `to` is below `from`, or the
/// ranges do not overlap.
///
/// # Safety
///
/// As for [`memmove`], `n` is more than a block, and `to` is not within the range that is read.
#[inline(always)]
unsafe fn upward(to: *mut u8, from: *const u8, n: usize) {
    let end = n - BLOCK;
    let mut at = 0;
    // SAFETY: `at` is below `end`, from where on there is a whole block.
    unsafe {
        let last = get_wide::<WIDE>(from, end);
        while at < end {
            put_wide(to, at, get_wide::<WIDE>(from, at));
            at += BLOCK;
            stay_a_loop();
        }
        put_wide(to, end, last);
    }
}

/// Copies block by block from the end, which is right when `to` is above `from`: what is written over has been read. The
/// first block is read first of all.
///
/// # Safety
///
/// As for [`memmove`], and `n` is more than a block.
#[inline(always)]
unsafe fn downward(to: *mut u8, from: *const u8, n: usize) {
    let mut at = n;
    // SAFETY: there is more than a block below `at`.
    unsafe {
        let first = get_wide::<WIDE>(from, 0);
        while at > BLOCK {
            at -= BLOCK;
            put_wide(to, at, get_wide::<WIDE>(from, at));
            stay_a_loop();
        }
        put_wide(to, 0, first);
    }
}

/// # Safety
///
/// The range is valid to be written, and `n` is at least `size_of::<T>()` and at most twice that.
#[inline(always)]
unsafe fn set_ends<T: Copy>(to: *mut u8, n: usize, value: T) {
    // SAFETY: as the caller says.
    unsafe {
        put(to, 0, value);
        put(to, n - size_of::<T>(), value);
    }
}

/// # Safety
///
/// The range is valid to be written, and `n` is at least a vector.
#[inline(always)]
unsafe fn set_vectors(to: *mut u8, n: usize, value: __m128i) {
    let end = n - VECTOR;
    let mut at = 0;
    // SAFETY: `at` is at most `end`, from where on there is a whole vector.
    unsafe {
        while at + BLOCK <= end {
            put_wide(to, at, [value; WIDE]);
            at += BLOCK;
            stay_a_loop();
        }
        while at < end {
            put(to, at, value);
            at += VECTOR;
            stay_a_loop();
        }
        put(to, end, value);
    }
}

/// # Safety
///
/// The bytes of a `T` at `at` are valid to be read, and any bytes are a `T`.
#[inline(always)]
unsafe fn get<T: Copy>(from: *const u8, at: usize) -> T {
    // SAFETY: as the caller says.
    unsafe { from.add(at).cast::<T>().read_unaligned() }
}

/// # Safety
///
/// The bytes of a `T` at `at` are valid to be written.
#[inline(always)]
unsafe fn put<T: Copy>(to: *mut u8, at: usize, value: T) {
    // SAFETY: as the caller says.
    unsafe { to.add(at).cast::<T>().write_unaligned(value) }
}

/// # Safety
///
/// `N` vectors at `at` are valid to be read.
#[inline(always)]
unsafe fn get_wide<const N: usize>(from: *const u8, at: usize) -> [__m128i; N] {
    // SAFETY: as the caller says.
    std::array::from_fn(|number| unsafe { get(from, at + number * VECTOR) })
}

/// # Safety
///
/// `N` vectors at `at` are valid to be written.
#[inline(always)]
unsafe fn put_wide<const N: usize>(to: *mut u8, at: usize, vectors: [__m128i; N]) {
    for (number, vector) in vectors.into_iter().enumerate() {
        // SAFETY: as the caller says.
        unsafe { put(to, at + number * VECTOR, vector) };
    }
}

/// Keeps the compiler from seeing that a loop copies memory, and from calling the function that it is in to do it.
#[inline(always)]
fn stay_a_loop() {
    // SAFETY: no instruction.
    unsafe { asm!("", options(nostack, preserves_flags)) };
}

/// Runs the functions on ranges of one buffer, and panics where they do otherwise than the standard library.
///
/// The ranges are of `n` bytes and begin at `to` and `from`; all are cut to what `buffer` has.
pub fn check(buffer: &[u8], to: usize, from: usize, n: usize) {
    let (to, from) = (to.min(buffer.len()), from.min(buffer.len()));
    let n = n.min(buffer.len() - to.max(from));
    let mut moved = buffer.to_vec();
    let mut expected = buffer.to_vec();
    expected.copy_within(from..from + n, to);
    let start = moved.as_mut_ptr();
    // SAFETY: both ranges were cut to the buffer.
    let returned = unsafe { memmove(start.add(to), start.add(from), n) };
    assert_eq!(returned.addr(), start.addr() + to);
    assert!(moved == expected, "memmove from {from} to {to}, {n} bytes");

    let mut copied = buffer.to_vec();
    // SAFETY: the ranges are in two buffers, of which one is as large as the other.
    unsafe { memcpy(copied.as_mut_ptr().add(to), buffer.as_ptr().add(from), n) };
    assert!(copied == expected, "memcpy from {from} to {to}, {n} bytes");

    let one = &buffer[from..from + n];
    let mut other = expected[to..to + n].to_vec();
    check_order(one, &other);
    if let Some(byte) = other.get_mut(to % n.max(1)) {
        *byte ^= 0x80;
    }
    check_order(one, &other);

    let value = i32::try_from(n ^ to).unwrap_or_default();
    expected[to..to + n].fill(value.to_le_bytes()[0]);
    // SAFETY: as above.
    unsafe { memset(copied.as_mut_ptr().add(to), value, n) };
    assert!(copied == expected, "memset at {to}, {n} bytes");
}

fn check_order(one: &[u8], other: &[u8]) {
    // SAFETY: both slices have so many bytes: they are as long as each other.
    let order = unsafe { memcmp(one.as_ptr(), other.as_ptr(), one.len()) };
    assert_eq!(order.cmp(&0), one.cmp(other), "{one:?} and {other:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that are not the same a vector or a block further.
    fn bytes(count: usize) -> Vec<u8> {
        let folded = |at: usize| (at * 31 + at / 256).to_le_bytes()[0];
        (0..count).map(folded).collect()
    }

    #[test]
    fn every_size_alignment_and_distance_gives_what_the_standard_library_gives() {
        let buffer = bytes(1024);
        for n in 0..=2 * BLOCK + VECTOR {
            for to in (0..2 * VECTOR).chain([BLOCK - 1, BLOCK, 2 * BLOCK + 1]) {
                for from in [0, 1, 7, VECTOR - 1, VECTOR, BLOCK + 3, 3 * BLOCK] {
                    check(&buffer[..n + 4 * BLOCK], to, from, n);
                }
            }
        }
        for n in (2 * BLOCK + VECTOR..600).step_by(13) {
            for distance in (0..300).step_by(7) {
                check(&buffer, 3, 3 + distance, n);
                check(&buffer, 3 + distance, 3, n);
            }
        }
    }

    #[test]
    fn much_is_copied_whole() {
        let buffer = bytes(300_000);
        for distance in [1, BLOCK - 1, BLOCK, BLOCK + 1, 4096, 100_000] {
            check(&buffer, 5, 5 + distance, 200_000 - 5);
            check(&buffer, 5 + distance, 5, 200_000 - 5);
        }
    }
}
