//! Snappy in the framing of the Java library ("xerial"), which every Kafka client writes and not every one did.
//!
//! A header of 16 bytes, then blocks: the length of the packed block (i32, big-endian), then that block in raw Snappy.
//! Data without that header is one raw block.

use bytes::BytesMut;
use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

use super::pool::Pool;
use super::{Compression, CompressionError};

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
/// Version 1, readable since version 1.
const VERSIONS: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 1];
const HEADER_LEN: usize = 16;
/// What the Java library takes as one block.
const BLOCK: usize = 32 * 1024;
/// No raw block unpacks to more than so many times its size: three bytes copy 64 at most.
const RATIO_MAX: usize = 22;

static ENCODERS: Pool<Encoder> = Pool::new();

const fn damaged(problem: &'static str) -> CompressionError {
    CompressionError::Damaged {
        codec: Compression::Snappy,
        problem,
    }
}

pub(super) fn compress(data: &[u8], out: &mut BytesMut) -> Result<(), CompressionError> {
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSIONS);
    ENCODERS.with(
        || Ok(Encoder::new()),
        |encoder| {
            data.chunks(BLOCK)
                .try_for_each(|block| compress_block(encoder, block, out))
        },
    )
}

fn compress_block(
    encoder: &mut Encoder,
    block: &[u8],
    out: &mut BytesMut,
) -> Result<(), CompressionError> {
    let length_at = out.len();
    let start = length_at + 4;
    out.resize(start + max_compress_len(block.len()), 0);
    let len = encoder
        .compress(block, &mut out[start..])
        .map_err(|_| damaged("the encoder refused it"))?;
    out.truncate(start + len);
    // A block is 32 KiB, so its length fits.
    let stated = u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
    out[length_at..start].copy_from_slice(&stated);
    Ok(())
}

pub(super) fn decompress(data: &[u8], max_size: usize) -> Result<Vec<u8>, CompressionError> {
    let mut out = Vec::new();
    let Some(mut rest) = skip_header(data)? else {
        decompress_block(data, &mut out, max_size)?;
        return Ok(out);
    };
    while !rest.is_empty() {
        // Streams may follow each other; the magic cannot be the length of a block, since it would be negative.
        if let Some(after) = skip_header(rest)? {
            rest = after;
            continue;
        }
        let (length, after) = rest
            .split_first_chunk()
            .ok_or(damaged("cut off in a block's length"))?;
        let length = usize::try_from(i32::from_be_bytes(*length))
            .map_err(|_| damaged("a block's length is negative"))?;
        let (block, after) = after
            .split_at_checked(length)
            .ok_or(damaged("cut off in a block"))?;
        rest = after;
        if !block.is_empty() {
            decompress_block(block, &mut out, max_size)?;
        }
    }
    Ok(out)
}

/// What follows the header at the front of `data`, or `None` if there is no header.
fn skip_header(data: &[u8]) -> Result<Option<&[u8]>, CompressionError> {
    if !data.starts_with(&MAGIC) {
        return Ok(None);
    }
    data.get(HEADER_LEN..)
        .map(Some)
        .ok_or(damaged("cut off in its header"))
}

fn decompress_block(
    block: &[u8],
    out: &mut Vec<u8>,
    max_size: usize,
) -> Result<(), CompressionError> {
    const NOT_SNAPPY: CompressionError = damaged("not Snappy data");
    let stated = decompress_len(block).map_err(|_| NOT_SNAPPY)?;
    if stated > max_size.saturating_sub(out.len()) {
        return Err(CompressionError::TooLarge {
            codec: Compression::Snappy,
            limit: max_size,
        });
    }
    if stated > block.len().saturating_mul(RATIO_MAX) {
        return Err(damaged("a block states a size that it cannot have"));
    }
    let start = out.len();
    out.resize(start + stated, 0);
    let written = Decoder::new()
        .decompress(block, &mut out[start..])
        .map_err(|_| NOT_SNAPPY)?;
    if written != stated {
        return Err(NOT_SNAPPY);
    }
    Ok(())
}
