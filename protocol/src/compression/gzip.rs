//! gzip (RFC 1952) around raw deflate, so that the deflate state can be used again.

use bytes::BytesMut;
use flate2::{Compress, Crc, Decompress, FlushCompress, FlushDecompress, Status};

use super::pool::Pool;
use super::{Compression, CompressionError, first_room};

const DEFAULT_LEVEL: i32 = 6;
const MAGIC: [u8; 2] = [0x1f, 0x8b];
const DEFLATE: u8 = 8;
/// No flags, no time, no hint, operating system unknown.
const HEADER: [u8; 10] = [0x1f, 0x8b, DEFLATE, 0, 0, 0, 0, 0, 0, 0xff];
const TRAILER_LEN: usize = 8;
/// The least room to ask for when more is needed.
const LEAST_ROOM: usize = 1024;

struct Deflater {
    level: u32,
    state: Compress,
}

static DEFLATERS: Pool<Deflater> = Pool::new();
static INFLATERS: Pool<Decompress> = Pool::new();

const fn damaged(problem: &'static str) -> CompressionError {
    CompressionError::Damaged {
        codec: Compression::Gzip,
        problem,
    }
}

const fn too_large(limit: usize) -> CompressionError {
    CompressionError::TooLarge {
        codec: Compression::Gzip,
        limit,
    }
}

pub(super) fn compress(
    level: Option<i32>,
    data: &[u8],
    out: &mut BytesMut,
) -> Result<(), CompressionError> {
    // Java's -1 stands for its default too.
    let level = level
        .filter(|&level| level != -1)
        .unwrap_or(DEFAULT_LEVEL)
        .clamp(1, 9);
    let level = level.unsigned_abs();
    let new = || {
        let state = Compress::new(flate2::Compression::new(level), false);
        Ok(Deflater { level, state })
    };
    out.extend_from_slice(&HEADER);
    DEFLATERS.with(new, |deflater| {
        if deflater.level != level {
            *deflater = new()?;
        }
        let result = deflate(&mut deflater.state, data, out);
        deflater.state.reset();
        result
    })?;
    let mut crc = Crc::new();
    crc.update(data);
    out.extend_from_slice(&crc.sum().to_le_bytes());
    // The size is stated modulo 2^32, and so is that of the checksum's `amount`.
    out.extend_from_slice(&crc.amount().to_le_bytes());
    Ok(())
}

fn deflate(
    state: &mut Compress,
    mut data: &[u8],
    out: &mut BytesMut,
) -> Result<(), CompressionError> {
    loop {
        let start = out.len();
        let (read, written) = (state.total_in(), state.total_out());
        out.resize(start + data.len() / 2 + LEAST_ROOM, 0);
        let status = state
            .compress(data, &mut out[start..], FlushCompress::Finish)
            .map_err(|_| damaged("the encoder refused it"))?;
        data = &data[counted(state.total_in() - read)..];
        out.truncate(start + counted(state.total_out() - written));
        if status == Status::StreamEnd {
            return Ok(());
        }
    }
}

pub(super) fn decompress(data: &[u8], max_size: usize) -> Result<Vec<u8>, CompressionError> {
    INFLATERS.with(
        || Ok(Decompress::new(false)),
        |inflater| {
            let mut rest = data;
            let mut out = Vec::with_capacity(first_room(data.len(), max_size));
            // What follows the last member is ignored, as Java's reader does.
            loop {
                inflater.reset(false);
                rest = member(inflater, rest, &mut out, max_size)?;
                if !rest.starts_with(&MAGIC) {
                    return Ok(out);
                }
            }
        },
    )
}

/// Unpacks one member and returns what comes after it.
fn member<'a>(
    inflater: &mut Decompress,
    data: &'a [u8],
    out: &mut Vec<u8>,
    max_size: usize,
) -> Result<&'a [u8], CompressionError> {
    let start = out.len();
    let body = skip_header(data)?;
    let rest = inflate(inflater, body, out, max_size)?;
    let (trailer, rest) = rest
        .split_first_chunk::<TRAILER_LEN>()
        .ok_or(damaged("cut off before the checksum"))?;
    let mut crc = Crc::new();
    crc.update(&out[start..]);
    let [a, b, c, d, size @ ..] = *trailer;
    if crc.sum() != u32::from_le_bytes([a, b, c, d]) || crc.amount() != u32::from_le_bytes(size) {
        return Err(damaged("the checksum or the size is wrong"));
    }
    Ok(rest)
}

fn inflate<'a>(
    inflater: &mut Decompress,
    mut data: &'a [u8],
    out: &mut Vec<u8>,
    max_size: usize,
) -> Result<&'a [u8], CompressionError> {
    loop {
        let before = (inflater.total_in(), out.len());
        if out.len() == out.capacity() {
            // One byte past the limit is enough to see that it is exceeded.
            let left = max_size.saturating_add(1) - out.len();
            out.reserve_exact(out.len().max(LEAST_ROOM).min(left));
        }
        let status = inflater
            .decompress_vec(data, out, FlushDecompress::None)
            .map_err(|_| damaged("not deflate data"))?;
        data = &data[counted(inflater.total_in() - before.0)..];
        if out.len() > max_size {
            return Err(too_large(max_size));
        }
        if status == Status::StreamEnd {
            return Ok(data);
        }
        if before == (inflater.total_in(), out.len()) {
            return Err(damaged("cut off"));
        }
    }
}

fn skip_header(data: &[u8]) -> Result<&[u8], CompressionError> {
    const EXTRA: u8 = 1 << 2;
    const NAME: u8 = 1 << 3;
    const COMMENT: u8 = 1 << 4;
    const HEADER_CRC: u8 = 1 << 1;
    const CUT_OFF: CompressionError = damaged("cut off in its header");

    let (header, mut rest) = data.split_first_chunk::<10>().ok_or(CUT_OFF)?;
    let [a, b, method, flags, ..] = *header;
    if [a, b] != MAGIC || method != DEFLATE {
        return Err(damaged("it does not begin as gzip does"));
    }
    if flags & EXTRA != 0 {
        let (len, after) = rest.split_first_chunk::<2>().ok_or(CUT_OFF)?;
        rest = after
            .get(usize::from(u16::from_le_bytes(*len))..)
            .ok_or(CUT_OFF)?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|&byte| byte == 0).ok_or(CUT_OFF)?;
            rest = &rest[end + 1..];
        }
    }
    if flags & HEADER_CRC != 0 {
        rest = rest.get(2..).ok_or(CUT_OFF)?;
    }
    Ok(rest)
}

/// A difference of the codec's counters, which cannot exceed the slice that it was given.
fn counted(difference: u64) -> usize {
    usize::try_from(difference).unwrap_or(usize::MAX)
}
