//! Zstandard. The Java client writes frames without their content size, so that size is never needed here.

use bytes::BytesMut;
use zrip::{CompressContext, DecompressContext, DecompressError};

use super::pool::Pool;
use super::{Compression, CompressionError, first_room};

const DEFAULT_LEVEL: i32 = 3;
/// What the encoder has.
const LEVEL_MIN: i32 = -7;
const LEVEL_MAX: i32 = 4;
/// Nothing unpacks to more than so many times its size: a block of four bytes repeats one byte 128 Ki times.
const RATIO_MAX: usize = 32 * 1024;

static COMPRESSORS: Pool<CompressContext> = Pool::new();
static DECOMPRESSORS: Pool<DecompressContext> = Pool::new();

const fn damaged(problem: &'static str) -> CompressionError {
    CompressionError::Damaged {
        codec: Compression::Zstd,
        problem,
    }
}

pub(super) fn compress(
    level: Option<i32>,
    data: &[u8],
    out: &mut BytesMut,
) -> Result<(), CompressionError> {
    const REFUSED: CompressionError = damaged("the encoder refused it");
    let level = level.unwrap_or(DEFAULT_LEVEL).clamp(LEVEL_MIN, LEVEL_MAX);
    let new = || {
        let mut context = CompressContext::new(level).map_err(|_| REFUSED)?;
        // The batch has a checksum of its own, and the Java client writes none here either.
        context.set_content_checksum(false);
        Ok(context)
    };
    COMPRESSORS.with(new, |context| {
        context.set_level(level).map_err(|_| REFUSED)?;
        out.extend_from_slice(&context.compress(data).map_err(|_| REFUSED)?);
        Ok(())
    })
}

pub(super) fn decompress(data: &[u8], max_size: usize) -> Result<Vec<u8>, CompressionError> {
    let possible = data.len().saturating_mul(RATIO_MAX);
    let mut out = Vec::with_capacity(first_room(data.len(), max_size));
    DECOMPRESSORS
        .with(
            || Ok(DecompressContext::new()),
            |context| context.decompress_into_with_limit(data, &mut out, max_size.min(possible)),
        )
        .map_err(|error| match error {
            DecompressError::OutputTooSmall if possible < max_size => {
                damaged("it states a size that it cannot have")
            }
            DecompressError::OutputTooSmall => CompressionError::TooLarge {
                codec: Compression::Zstd,
                limit: max_size,
            },
            error => damaged(problem(&error)),
        })?;
    Ok(out)
}

const fn problem(error: &DecompressError) -> &'static str {
    match error {
        DecompressError::BadMagic => "it does not begin as a Zstandard frame does",
        DecompressError::InputExhausted => "cut off",
        DecompressError::WindowTooLarge { .. } => "its window is larger than 128 MiB",
        DecompressError::ChecksumMismatch { .. } => "the checksum of the contents is wrong",
        DecompressError::FrameSizeMismatch => "the size of the contents is not as stated",
        DecompressError::DictRequired | DecompressError::DictMismatch { .. } => {
            "it needs a dictionary"
        }
        _ => "not Zstandard data",
    }
}
