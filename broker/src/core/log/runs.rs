//! The batches of one segment in memory, side by side.
//!
//! A batch is copied once, out of the socket's buffer: so a small batch does not hold on to a large
//! buffer, the socket's buffer is used again while it is warm, and what a reader gets is one piece.

use bytes::{Bytes, BytesMut};

/// Bytes of a segment, written at the end and read anywhere.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    /// What readers may share, each with its position in the segment.
    frozen: Vec<(usize, Bytes)>,
    tail: BytesMut,
    tail_at: usize,
}

/// The first step is small, since most partitions of a small broker stay nearly empty.
const FIRST_STEP: usize = 4 << 10;
const LARGEST_STEP: usize = 1 << 20;
/// A piece of at least this size is handed out as it is; smaller ones are put together.
const PIECE: usize = 64 << 10;

impl Runs {
    /// Appends a copy of `batch`, which may still be changed, and taken back by [`Runs::truncate`].
    pub(crate) fn push(&mut self, batch: &[u8]) -> &mut [u8] {
        if self.tail.capacity() - self.tail.len() < batch.len() {
            self.freeze();
            let step = self.tail_at.clamp(FIRST_STEP, LARGEST_STEP);
            self.tail = BytesMut::with_capacity(step.max(batch.len()));
        }
        let at = self.tail.len();
        self.tail.extend_from_slice(batch);
        &mut self.tail[at..]
    }

    /// Takes back what was pushed last, down to `len` bytes in all.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.tail.truncate(len.saturating_sub(self.tail_at));
    }

    /// The bytes from `from` up to `to`, or fewer: a large piece is shared, small ones are copied
    /// together. Where batches begin and end at both, so they do at the end of what is returned.
    pub(crate) fn read(&mut self, from: usize, to: usize) -> Bytes {
        if to > self.tail_at {
            self.freeze();
        }
        let after = self.frozen.partition_point(|(at, _)| *at <= from);
        let Some((at, run)) = after.checked_sub(1).and_then(|i| self.frozen.get(i)) else {
            return Bytes::new();
        };
        let end = to.min(at + run.len());
        if end == to || end - from >= PIECE {
            return run.slice(from - at..end - at);
        }
        let mut joined = BytesMut::with_capacity((to - from).min(LARGEST_STEP));
        for (at, run) in &self.frozen[after - 1..] {
            if *at >= to || (!joined.is_empty() && joined.len() + run.len() > LARGEST_STEP) {
                break;
            }
            joined.extend_from_slice(&run[from.saturating_sub(*at)..run.len().min(to - at)]);
        }
        joined.freeze()
    }

    fn freeze(&mut self) {
        if !self.tail.is_empty() {
            let run = self.tail.split().freeze();
            let at = self.tail_at;
            self.tail_at += run.len();
            self.frozen.push((at, run));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(batches: &[&[u8]]) -> Runs {
        let mut runs = Runs::default();
        for batch in batches {
            runs.push(batch);
        }
        runs
    }

    #[test]
    fn batches_pushed_between_two_reads_are_one_shared_piece() {
        let mut runs = runs(&[b"one", b"two", b"three"]);
        let all = runs.read(0, 11);
        assert_eq!(&all[..], b"onetwothree");
        assert_eq!(runs.read(3, 6).as_ptr(), all[3..].as_ptr());
    }

    #[test]
    fn small_pieces_are_put_together() {
        let mut runs = runs(&[b"one"]);
        assert_eq!(&runs.read(0, 3)[..], b"one");
        runs.push(b"two");
        assert_eq!(&runs.read(3, 6)[..], b"two");
        runs.push(b"three");
        assert_eq!(&runs.read(0, 11)[..], b"onetwothree");
        assert_eq!(&runs.read(3, 11)[..], b"twothree");
        assert_eq!(&runs.read(3, 6)[..], b"two");
    }

    #[test]
    fn a_batch_larger_than_a_step_gets_its_own_room() {
        let large = vec![7; LARGEST_STEP + 1];
        let mut runs = runs(&[b"small", &large, b"small"]);
        assert_eq!(runs.read(5, 5 + large.len()), large);
        assert_eq!(&runs.read(5 + large.len(), 10 + large.len())[..], b"small");
    }

    #[test]
    fn what_was_taken_back_is_written_over() {
        let mut runs = runs(&[b"kept", b"lost"]);
        runs.truncate(4);
        runs.push(b"new");
        assert_eq!(&runs.read(0, 7)[..], b"keptnew");
    }
}
