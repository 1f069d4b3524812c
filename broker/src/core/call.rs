//! One request on its way through the core, and the frame that answers it.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use kconnect_protocol::header::{RequestHeader, ResponseHeader};
use kconnect_protocol::{ApiKey, ErrorCode, StrBytes};

use super::time::Now;
use super::{ConnectionId, RequestId};
use crate::faults::Aftermath;

/// Pieces of one frame, length included, to be written one after the other.
pub(crate) type Frame = Vec<Bytes>;

/// What the core has to know of a request until it is answered.
#[derive(Debug)]
pub(crate) struct Call {
    pub id: RequestId,
    pub connection: ConnectionId,
    pub api: ApiKey,
    pub version: i16,
    pub correlation_id: i32,
    pub client_id: Option<StrBytes>,
    pub host: Arc<str>,
    pub now: Now,
    /// The error that a fault wants for one topic or partition.
    pub injected: Option<Injected>,
    /// What a fault does to the answer.
    pub aftermath: Option<Aftermath>,
    /// No fault may strike it any more.
    pub is_struck: bool,
}

/// An error for some of the partitions of a request.
#[derive(Debug)]
pub(crate) struct Injected {
    pub error: ErrorCode,
    pub topic: Option<String>,
    pub partition: Option<i32>,
}

impl Call {
    pub(crate) fn new(
        id: RequestId,
        connection: ConnectionId,
        header: RequestHeader,
        host: Arc<str>,
        now: Now,
    ) -> Self {
        Self {
            id,
            connection,
            api: header.api_key,
            version: header.api_version,
            correlation_id: header.correlation_id,
            client_id: header.client_id,
            host,
            now,
            injected: None,
            aftermath: None,
            is_struck: false,
        }
    }

    /// The same request, taken up again later.
    pub(crate) fn again(self, now: Now) -> Self {
        Self { now, ..self }
    }

    pub(crate) fn client_id(&self) -> &str {
        self.client_id.as_deref().unwrap_or_default()
    }

    /// The error that a fault wants for this partition.
    pub(crate) fn injected(&self, topic: &str, partition: i32) -> Option<ErrorCode> {
        let injected = self.injected.as_ref()?;
        let fits = injected.topic.as_ref().is_none_or(|t| t == topic)
            && injected.partition.is_none_or(|p| p == partition);
        fits.then_some(injected.error)
    }

    /// The frame that answers it: length and header in front of the body's pieces.
    pub(crate) fn frame(&self, body: Vec<Bytes>) -> Frame {
        let mut head = BytesMut::with_capacity(16);
        head.extend_from_slice(&[0; 4]);
        let header = ResponseHeader {
            correlation_id: self.correlation_id,
        };
        header.encode(self.api, self.version, &mut head);
        let length = head.len() - 4 + body.iter().map(Bytes::len).sum::<usize>();
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        head[..4].copy_from_slice(&length.to_be_bytes());
        let mut frame = Vec::with_capacity(body.len() + 1);
        frame.push(head.freeze());
        frame.extend(body);
        frame
    }
}

/// The first `bytes` bytes of a frame.
pub(crate) fn cut(frame: Frame, bytes: usize) -> Frame {
    let mut left = bytes;
    let mut pieces = Frame::new();
    for piece in frame {
        let take = piece.len().min(left);
        left -= take;
        pieces.push(piece.slice(..take));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_cut_off_at_any_byte() {
        let frame: Frame = vec![Bytes::from_static(b"abc"), Bytes::from_static(b"def")];
        for bytes in 0..=7 {
            let all: Vec<u8> = cut(frame.clone(), bytes).concat();
            assert_eq!(all, b"abcdef"[..bytes.min(6)]);
        }
    }
}
