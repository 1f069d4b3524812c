//! What waits to be written: chunks that are never copied, and how far the writing has come.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// Chunks waiting to be written, and the two ends of the stream that they are part of.
#[derive(Debug, Default)]
pub struct Outbox {
    chunks: VecDeque<Bytes>,
    queued: u64,
    written: u64,
}

impl Outbox {
    /// Adds a chunk at the end.
    pub(super) fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.queued += chunk.len() as u64;
            self.chunks.push_back(chunk);
        }
    }

    /// How many bytes were ever queued: the place in the stream at which the next chunk starts.
    pub(super) fn queued(&self) -> u64 {
        self.queued
    }

    /// How many bytes were ever written.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// How many bytes wait.
    pub(super) fn len(&self) -> u64 {
        self.queued - self.written
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Points `slices` at what is to be written next; answers how many of them it used.
    pub fn fill<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut used = 0;
        for (slice, chunk) in slices.iter_mut().zip(&self.chunks) {
            *slice = IoSlice::new(chunk);
            used += 1;
        }
        used
    }

    /// Takes note that the next `count` bytes were written.
    pub(super) fn advance(&mut self, count: usize) {
        self.written += count as u64;
        let mut left = count;
        while let Some(chunk) = self.chunks.front_mut() {
            if left < chunk.len() {
                chunk.advance(left);
                return;
            }
            left -= chunk.len();
            self.chunks.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(outbox: &Outbox) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 2];
        let used = outbox.fill(&mut slices);
        slices[..used]
            .iter()
            .flat_map(|slice| slice.to_vec())
            .collect()
    }

    #[test]
    fn partial_writes_leave_the_rest_in_order() {
        let mut outbox = Outbox::default();
        for chunk in ["ab", "", "cde", "f"] {
            outbox.push(Bytes::from_static(chunk.as_bytes()));
        }
        assert_eq!((shown(&outbox), outbox.len()), (b"abcde".to_vec(), 6));
        outbox.advance(3);
        assert_eq!((shown(&outbox), outbox.written()), (b"def".to_vec(), 3));
        outbox.advance(3);
        assert!(outbox.is_empty() && outbox.queued() == 6);
    }
}
