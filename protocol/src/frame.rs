//! Frames: four bytes of length, then a header and a message. Splits what arrives, and says what
//! the peer speaks when it does not speak Kafka.

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

/// Bytes of the length in front of a frame.
pub const LENGTH_BYTES: usize = 4;

/// The least space made for a frame that has begun to arrive, in bytes.
const STEP: usize = 64 * 1024;

/// Why the bytes that arrived are no frame. After one of these the connection is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A TLS alert, which a TLS port sends to a client that does not start with TLS.
    #[error("the peer answers with a TLS alert: this port expects TLS")]
    TlsAlert,
    /// A TLS handshake where plain Kafka is spoken.
    #[error("the peer starts a TLS handshake, but this connection is plaintext")]
    TlsHandshake,
    /// HTTP, from a web server or a web client.
    #[error("the peer speaks HTTP, not Kafka: is this the right port?")]
    Http,
    /// An SSH server's greeting.
    #[error("the peer speaks SSH, not Kafka: is this the right port?")]
    Ssh,
    /// Printable text where a length should be.
    #[error("the peer sends text ({}...), not Kafka: is this the right port?", .start.escape_ascii())]
    Text {
        /// What it begins with.
        start: [u8; LENGTH_BYTES],
    },
    /// A length below zero.
    #[error(
        "a frame of {length} bytes was announced: the peer does not speak Kafka, or bytes were lost"
    )]
    Negative {
        /// The length as it was sent.
        length: i32,
    },
    /// A length above the limit.
    #[error(
        "a frame of {length} bytes was announced, the limit is {max}: does the peer speak Kafka?"
    )]
    TooLarge {
        /// The length as it was sent.
        length: usize,
        /// The limit.
        max: usize,
    },
}

/// Takes the next whole frame, without its length, off the front of `buffer`.
///
/// `None` means that more has to be read first; `buffer` then has some space for it. Space grows
/// with what has arrived, so a peer that announces a large frame and sends nothing costs nothing.
///
/// # Errors
///
/// [`FrameError`] if what arrived cannot be the start of a frame of at most `max` bytes.
pub fn next_frame(buffer: &mut BytesMut, max: usize) -> Result<Option<Bytes>, FrameError> {
    let Some(prefix) = buffer.first_chunk::<LENGTH_BYTES>().copied() else {
        return Ok(None);
    };
    let length = frame_length(prefix, max)?;
    if buffer.len() - LENGTH_BYTES < length {
        let missing = LENGTH_BYTES + length - buffer.len();
        buffer.reserve(missing.min(buffer.len().max(STEP)));
        return Ok(None);
    }
    buffer.advance(LENGTH_BYTES);
    Ok(Some(buffer.split_to(length).freeze()))
}

/// Reads the length in front of a frame.
///
/// # Errors
///
/// [`FrameError`] if it is negative or above `max`.
pub fn frame_length(prefix: [u8; LENGTH_BYTES], max: usize) -> Result<usize, FrameError> {
    let announced = i32::from_be_bytes(prefix);
    match usize::try_from(announced) {
        Ok(length) if length <= max => Ok(length),
        Ok(length) => Err(recognise(prefix).unwrap_or(FrameError::TooLarge { length, max })),
        Err(_) => Err(recognise(prefix).unwrap_or(FrameError::Negative { length: announced })),
    }
}

/// Says what protocol begins with these bytes, if it is one that listens where Kafka might.
fn recognise(prefix: [u8; LENGTH_BYTES]) -> Option<FrameError> {
    match &prefix {
        [0x15, 3, 0..=4, _] => Some(FrameError::TlsAlert),
        [0x16, 3, 0..=4, _] => Some(FrameError::TlsHandshake),
        b"HTTP" | b"GET " | b"POST" | b"PUT " | b"HEAD" | b"OPTI" | b"DELE" | b"PATC" | b"CONN"
        | b"TRAC" | b"PRI " => Some(FrameError::Http),
        b"SSH-" => Some(FrameError::Ssh),
        text if text
            .iter()
            .all(|&b| b.is_ascii_graphic() || b.is_ascii_whitespace()) =>
        {
            Some(FrameError::Text { start: prefix })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 100 * 1024 * 1024;

    fn refused(start: &[u8]) -> FrameError {
        let mut buffer = BytesMut::from(start);
        next_frame(&mut buffer, MAX).expect_err("no frame starts like this")
    }

    #[test]
    fn frames_are_split_however_the_bytes_arrive() {
        let sent = b"\0\0\0\x03abc\0\0\0\0\0\0\0\x01d";
        for chunk in 1..=sent.len() {
            let mut buffer = BytesMut::new();
            let mut frames = Vec::new();
            for piece in sent.chunks(chunk) {
                buffer.extend_from_slice(piece);
                while let Some(frame) = next_frame(&mut buffer, MAX).unwrap() {
                    frames.push(frame);
                }
            }
            assert_eq!(frames, ["abc", "", "d"], "in pieces of {chunk}");
            assert!(buffer.is_empty());
        }
    }

    #[test]
    fn a_frame_of_exactly_the_limit_is_taken_and_one_more_byte_is_not() {
        let mut buffer = BytesMut::from(&b"\0\0\0\x02ab"[..]);
        assert_eq!(next_frame(&mut buffer, 2).unwrap().unwrap(), "ab");
        let mut buffer = BytesMut::from(&b"\0\0\0\x03abc"[..]);
        assert_eq!(
            next_frame(&mut buffer, 2),
            Err(FrameError::TooLarge { length: 3, max: 2 })
        );
    }

    #[test]
    fn a_large_announcement_reserves_little() {
        let mut buffer = BytesMut::from(&[0x06, 0, 0, 0, 1][..]);
        assert_eq!(next_frame(&mut buffer, 200 * 1024 * 1024), Ok(None));
        assert!(buffer.capacity() <= 2 * STEP, "{}", buffer.capacity());
    }

    #[test]
    fn space_grows_with_what_has_arrived() {
        let mut buffer = BytesMut::from(&[0, 0x10, 0, 0][..]);
        buffer.resize(300_000, 7);
        assert_eq!(next_frame(&mut buffer, MAX), Ok(None));
        let free = buffer.capacity() - buffer.len();
        assert!((300_000..=1_300_000).contains(&free), "{free}");
    }

    #[test]
    fn other_protocols_are_recognised() {
        assert_eq!(refused(&[0x15, 3, 3, 0, 2, 2, 40]), FrameError::TlsAlert);
        assert_eq!(refused(&[0x16, 3, 1, 0, 200]), FrameError::TlsHandshake);
        assert_eq!(refused(b"HTTP/1.1 400 Bad Request"), FrameError::Http);
        assert_eq!(refused(b"GET / HTTP/1.1"), FrameError::Http);
        assert_eq!(refused(b"SSH-2.0-OpenSSH_9.6"), FrameError::Ssh);
        assert_eq!(
            refused(b"220 mail ESMTP"),
            FrameError::Text { start: *b"220 " }
        );
        assert_eq!(
            refused(&[0xff, 0xff, 0xff, 0xfe]),
            FrameError::Negative { length: -2 }
        );
    }

    #[test]
    fn text_is_shown_escaped() {
        let shown = FrameError::Text { start: *b"a\r\nb" }.to_string();
        assert!(shown.contains(r"(a\r\nb...)"), "{shown}");
    }
}
