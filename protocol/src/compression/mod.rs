//! The codecs of record batches, in pure Rust, with a limit on what they unpack.

mod gzip;
mod lz4;
mod pool;
mod snappy;
mod xxh32;
mod zstd;

use bytes::{Bytes, BytesMut};

/// How the records of a batch are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip: small and slow.
    Gzip,
    /// Snappy, in the framing of the Java library.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// Zstandard.
    Zstd,
}

impl Compression {
    /// All codecs, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The codec's number in the attributes of a batch.
    pub const fn id(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// The codec of that number, if it is known.
    pub const fn from_id(id: i16) -> Option<Self> {
        match id {
            0 => Some(Self::None),
            1 => Some(Self::Gzip),
            2 => Some(Self::Snappy),
            3 => Some(Self::Lz4),
            4 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The codec's name in configurations (`compression.type`).
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The codec of that name, as configurations write it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name() == name)
    }
}

impl std::fmt::Display for Compression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Data that cannot be compressed or decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompressionError {
    /// The compressed data is damaged or cut off.
    #[error("{codec} data is damaged: {problem}")]
    Damaged {
        /// The codec.
        codec: Compression,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The data is larger than allowed.
    #[error("{codec} data unpacks to more than the limit of {limit} bytes")]
    TooLarge {
        /// The codec.
        codec: Compression,
        /// The most bytes that were allowed.
        limit: usize,
    },
}

/// Compresses `data` and appends the result to `out`.
///
/// `level` is the codec's own and is brought into its range; `None` is Kafka's default. gzip: 1 to 9, default 6. zstd:
/// Kafka allows -131072 to 22, this encoder has -7 to 4, default 3. Snappy has none, and LZ4 always works as at level 1,
/// which is fast. What cannot be compressed grows by a few bytes: whether to use the result is the caller's decision.
///
/// # Errors
///
/// If the codec refuses the data; none does below 2 GiB.
pub fn compress(
    codec: Compression,
    level: Option<i32>,
    data: &[u8],
    out: &mut BytesMut,
) -> Result<(), CompressionError> {
    match codec {
        Compression::None => out.extend_from_slice(data),
        Compression::Gzip => gzip::compress(level, data, out)?,
        Compression::Snappy => snappy::compress(data, out)?,
        Compression::Lz4 => lz4::compress(data, out)?,
        Compression::Zstd => zstd::compress(level, data, out)?,
    }
    Ok(())
}

/// Decompresses `data`; without compression the bytes are shared and not copied.
///
/// # Errors
///
/// If the data is damaged, or unpacks to more than `max_size` bytes. No more than that is allocated, and no length that
/// stands in the data is believed before the data can hold it.
pub fn decompress(
    codec: Compression,
    data: &Bytes,
    max_size: usize,
) -> Result<Bytes, CompressionError> {
    let unpacked = match codec {
        Compression::None => return Ok(data.clone()),
        Compression::Gzip => gzip::decompress(data, max_size)?,
        Compression::Snappy => snappy::decompress(data, max_size)?,
        Compression::Lz4 => lz4::decompress(data, max_size, lz4::HeaderChecksum::Checked)?,
        Compression::Zstd => zstd::decompress(data, max_size)?,
    };
    Ok(Bytes::from(unpacked))
}

/// [`decompress`] for messages of format 0, whose LZ4 frames carry a wrong header checksum (KAFKA-3160).
pub(crate) fn decompress_format_0(
    codec: Compression,
    data: &Bytes,
    max_size: usize,
) -> Result<Bytes, CompressionError> {
    match codec {
        Compression::Lz4 => {
            lz4::decompress(data, max_size, lz4::HeaderChecksum::Ignored).map(Bytes::from)
        }
        _ => decompress(codec, data, max_size),
    }
}

/// Room to begin unpacking into: a guess from the packed size, never more than allowed.
fn first_room(packed: usize, max_size: usize) -> usize {
    packed.saturating_mul(4).min(max_size)
}

#[cfg(test)]
mod tests;
