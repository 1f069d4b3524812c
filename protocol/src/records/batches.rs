//! The batches in what a fetch brought or a produce request carries.

use bytes::Bytes;

use super::batch::{Batch, BatchHeader, LEAST_LENGTH, LOG_OVERHEAD, MAGIC_AT};
use super::error::{BatchError, BatchErrorReason};
use super::legacy;

/// Walks over the batches of a buffer, of all formats, without copying or decompressing.
///
/// A broker cuts a fetch off at a number of bytes, so the last batch may be incomplete: it is left out, and
/// [`Batches::truncated`] tells of it. A batch that cannot be understood ends the walk with one error, since nobody
/// knows where the next one begins.
#[derive(Clone, Debug)]
pub struct Batches {
    rest: Bytes,
    last: LastBatch,
    truncated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LastBatch {
    MayBeCutOff,
    MustBeWhole,
}

impl Batches {
    /// Walks over what a fetch brought.
    pub const fn new(buffer: Bytes) -> Self {
        Self {
            rest: buffer,
            last: LastBatch::MayBeCutOff,
            truncated: false,
        }
    }

    /// Walks over what a produce request carries, where a batch that is cut off is an error too.
    pub const fn whole(buffer: Bytes) -> Self {
        Self {
            rest: buffer,
            last: LastBatch::MustBeWhole,
            truncated: false,
        }
    }

    /// Whether the walk has ended at a batch that is cut off.
    ///
    /// If it was the first one, the fetch size was too small for it, and asking again brings the same bytes.
    pub const fn truncated(&self) -> bool {
        self.truncated
    }

    fn cut_off(&mut self, needed: usize) -> Option<Result<Batch, BatchError>> {
        self.truncated = true;
        let rest = std::mem::take(&mut self.rest);
        let base_offset = rest
            .first_chunk()
            .map_or(-1, |raw| i64::from_be_bytes(*raw));
        let reason = BatchErrorReason::Truncated {
            needed,
            available: rest.len(),
        };
        (self.last == LastBatch::MustBeWhole).then(|| Err(reason.at(base_offset)))
    }

    fn fail(&mut self, error: BatchError) -> Option<Result<Batch, BatchError>> {
        self.rest = Bytes::new();
        Some(Err(error))
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let Some(front) = self.rest.first_chunk::<{ MAGIC_AT + 1 }>() else {
            return self.cut_off(MAGIC_AT + 1);
        };
        let base_offset = i64::from_be_bytes(array(&front[..8]));
        let length = i32::from_be_bytes(array(&front[8..12]));
        let magic = i8::from_be_bytes([front[MAGIC_AT]]);
        let least = match magic {
            2 => LEAST_LENGTH,
            0 | 1 => legacy::least_length(magic),
            _ => return self.fail(BatchErrorReason::Magic { magic }.at(base_offset)),
        };
        let size = match usize::try_from(length) {
            Ok(size) if length >= least => size + LOG_OVERHEAD,
            _ => return self.fail(BatchErrorReason::Length { length, least }.at(base_offset)),
        };
        if size > self.rest.len() {
            return self.cut_off(size);
        }
        let bytes = self.rest.split_to(size);
        let header = if magic == 2 {
            BatchHeader::parse(&bytes)
        } else {
            legacy::header(&bytes).map_err(|reason| reason.at(base_offset))
        };
        match header {
            Ok(header) => Some(Ok(Batch::new(bytes, header))),
            Err(error) => self.fail(error),
        }
    }
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(bytes);
    out
}
