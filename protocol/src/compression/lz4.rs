//! LZ4 frames as Kafka writes them: version 1, independent blocks of 64 KiB, no checksums of contents.
//!
//! Frames of others are read too: larger blocks, blocks that refer to those before them, checksums, several frames.

use bytes::BytesMut;
use lz4_flex::block::{
    CompressTable, DecompressError, compress_into_with_table, decompress_into_with_dict,
    get_maximum_output_size,
};

use super::pool::Pool;
use super::xxh32::xxh32;
use super::{Compression, CompressionError, first_room};

const MAGIC: [u8; 4] = 0x184d_2204u32.to_le_bytes();
/// Magic, version 1 with independent blocks, blocks of 64 KiB, and the checksum of these two bytes.
const HEADER: [u8; 7] = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
const END: [u8; 4] = [0; 4];
const BLOCK: usize = 64 * 1024;
/// How far back a block can refer.
const WINDOW: usize = 64 * 1024;
/// A block that did not get smaller is stored as it is, with this bit in its length.
const STORED: u32 = 1 << 31;
/// No block unpacks to more than so many times its size: a byte of length stands for 255 bytes.
const RATIO_MAX: usize = 255;

static TABLES: Pool<CompressTable> = Pool::new();

/// Whether the header's checksum counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderChecksum {
    Checked,
    Ignored,
}

const fn damaged(problem: &'static str) -> CompressionError {
    CompressionError::Damaged {
        codec: Compression::Lz4,
        problem,
    }
}

const fn too_large(limit: usize) -> CompressionError {
    CompressionError::TooLarge {
        codec: Compression::Lz4,
        limit,
    }
}

const CUT_OFF: CompressionError = damaged("cut off");

pub(super) fn compress(data: &[u8], out: &mut BytesMut) -> Result<(), CompressionError> {
    out.extend_from_slice(&HEADER);
    TABLES.with(
        || Ok(CompressTable::large()),
        |table| {
            data.chunks(BLOCK)
                .try_for_each(|block| compress_block(table, block, out))
        },
    )?;
    out.extend_from_slice(&END);
    Ok(())
}

fn compress_block(
    table: &mut CompressTable,
    block: &[u8],
    out: &mut BytesMut,
) -> Result<(), CompressionError> {
    let length_at = out.len();
    let start = length_at + 4;
    out.resize(start + get_maximum_output_size(block.len()), 0);
    let len = compress_into_with_table(block, &mut out[start..], table)
        .map_err(|_| damaged("the encoder refused it"))?;
    // A block is 64 KiB, so its length fits.
    let stated = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
    let length = if len < block.len() {
        out.truncate(start + len);
        stated(len)
    } else {
        out.truncate(start);
        out.extend_from_slice(block);
        stated(block.len()) | STORED
    };
    out[length_at..start].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

pub(super) fn decompress(
    data: &[u8],
    max_size: usize,
    check: HeaderChecksum,
) -> Result<Vec<u8>, CompressionError> {
    let mut out = Vec::with_capacity(first_room(data.len(), max_size));
    let mut rest = data;
    // What follows the last frame is ignored, as Java's reader does.
    loop {
        rest = frame(rest, &mut out, max_size, check)?;
        if !rest.starts_with(&MAGIC) {
            return Ok(out);
        }
    }
}

/// What the header of a frame says about what follows.
struct Frame {
    block_max: usize,
    linked: bool,
    block_checksums: bool,
    content_size: Option<u64>,
    content_checksum: bool,
}

/// Unpacks one frame and returns what comes after it.
fn frame<'a>(
    data: &'a [u8],
    out: &mut Vec<u8>,
    max_size: usize,
    check: HeaderChecksum,
) -> Result<&'a [u8], CompressionError> {
    let (frame, mut rest) = read_header(data, check)?;
    let start = out.len();
    loop {
        let length = take_u32(&mut rest)?;
        if length == 0 {
            break;
        }
        let size = usize::try_from(length & !STORED).unwrap_or(usize::MAX);
        if size > frame.block_max {
            return Err(damaged("a block is longer than its frame allows"));
        }
        let (block, after) = rest.split_at_checked(size).ok_or(CUT_OFF)?;
        rest = after;
        if frame.block_checksums && take_u32(&mut rest)? != xxh32(block) {
            return Err(damaged("the checksum of a block is wrong"));
        }
        if length & STORED == 0 {
            decompress_block(block, out, start, max_size, &frame)?;
        } else if size > max_size - out.len() {
            return Err(too_large(max_size));
        } else {
            out.extend_from_slice(block);
        }
    }
    if frame.content_checksum && take_u32(&mut rest)? != xxh32(&out[start..]) {
        return Err(damaged("the checksum of the contents is wrong"));
    }
    if frame
        .content_size
        .is_some_and(|size| size != (out.len() - start) as u64)
    {
        return Err(damaged("the size of the contents is not as stated"));
    }
    Ok(rest)
}

fn decompress_block(
    block: &[u8],
    out: &mut Vec<u8>,
    frame_start: usize,
    max_size: usize,
    frame: &Frame,
) -> Result<(), CompressionError> {
    let start = out.len();
    let allowed = max_size - start;
    let needed = frame.block_max.min(block.len().saturating_mul(RATIO_MAX));
    out.resize(start + needed.min(allowed), 0);
    let (before, room) = out.split_at_mut(start);
    let history = if frame.linked {
        &before[frame_start.max(start.saturating_sub(WINDOW))..]
    } else {
        &[]
    };
    let written = decompress_into_with_dict(block, room, history).map_err(|error| match error {
        DecompressError::OutputTooSmall { .. } if needed > allowed => too_large(max_size),
        DecompressError::OutputTooSmall { .. } => {
            damaged("a block unpacks to more than its frame allows")
        }
        _ => damaged("a block is not LZ4 data"),
    })?;
    out.truncate(start + written);
    Ok(())
}

fn read_header(data: &[u8], check: HeaderChecksum) -> Result<(Frame, &[u8]), CompressionError> {
    const VERSION: u8 = 0b1100_0000;
    const VERSION_1: u8 = 0b0100_0000;
    const INDEPENDENT: u8 = 1 << 5;
    const BLOCK_CHECKSUMS: u8 = 1 << 4;
    const CONTENT_SIZE: u8 = 1 << 3;
    const CONTENT_CHECKSUM: u8 = 1 << 2;
    const DICTIONARY: u8 = 1;

    let described = data
        .strip_prefix(&MAGIC)
        .ok_or(damaged("it does not begin as an LZ4 frame does"))?;
    let (&[flags, block_size], mut rest) = described.split_first_chunk().ok_or(CUT_OFF)?;
    if flags & VERSION != VERSION_1 {
        return Err(damaged("the version of the frame is not 1"));
    }
    if flags & DICTIONARY != 0 {
        return Err(damaged("it needs a dictionary"));
    }
    let block_max = match block_size >> 4 & 7 {
        4 => 64 << 10,
        5 => 256 << 10,
        6 => 1 << 20,
        7 => 4 << 20,
        _ => return Err(damaged("the frame has an unknown block size")),
    };
    let content_size = if flags & CONTENT_SIZE == 0 {
        None
    } else {
        let (size, after) = rest.split_first_chunk().ok_or(CUT_OFF)?;
        rest = after;
        Some(u64::from_le_bytes(*size))
    };
    let covered = &described[..described.len() - rest.len()];
    let (&stored, rest) = rest.split_first().ok_or(CUT_OFF)?;
    if check == HeaderChecksum::Checked && stored != xxh32(covered).to_le_bytes()[1] {
        return Err(damaged("the checksum of the header is wrong"));
    }
    let frame = Frame {
        block_max,
        linked: flags & INDEPENDENT == 0,
        block_checksums: flags & BLOCK_CHECKSUMS != 0,
        content_size,
        content_checksum: flags & CONTENT_CHECKSUM != 0,
    };
    Ok((frame, rest))
}

fn take_u32(rest: &mut &[u8]) -> Result<u32, CompressionError> {
    let (raw, after) = rest.split_first_chunk().ok_or(CUT_OFF)?;
    *rest = after;
    Ok(u32::from_le_bytes(*raw))
}
