//! Answers on their way to a client, written in as few calls as the system allows.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// Pieces handed to the system at once.
const PIECES_MAX: usize = 64;

/// Bytes that wait for the client to take them.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pieces: VecDeque<Bytes>,
    bytes: usize,
}

impl Outbox {
    pub(crate) fn push(&mut self, frame: Vec<Bytes>) {
        for piece in frame.into_iter().filter(|piece| !piece.is_empty()) {
            self.bytes += piece.len();
            self.pieces.push_back(piece);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Writes some of it. Cancel safe: what was written is gone from the outbox, the rest is there.
    pub(crate) async fn write(&mut self, writer: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let mut slices = [IoSlice::new(&[]); PIECES_MAX];
        let count = self.pieces.len().min(PIECES_MAX);
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            *slice = IoSlice::new(piece);
        }
        let written = writer.write_vectored(&slices[..count]).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.advance(written);
        Ok(())
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        while let Some(piece) = self.pieces.front_mut() {
            if written < piece.len() {
                piece.advance(written);
                return;
            }
            written -= piece.len();
            self.pieces.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pieces_arrive_in_order_however_little_is_taken_at_once() {
        let (mut client, mut server) = tokio::io::duplex(3);
        let mut outbox = Outbox::default();
        outbox.push(vec![
            Bytes::from_static(b"ab"),
            Bytes::new(),
            Bytes::from_static(b"cdef"),
        ]);
        outbox.push(vec![Bytes::from_static(b"g")]);
        let reader = tokio::spawn(async move {
            let mut all = Vec::new();
            tokio::io::AsyncReadExt::read_to_end(&mut client, &mut all)
                .await
                .map(|_| all)
        });
        while !outbox.is_empty() {
            outbox.write(&mut server).await.unwrap();
        }
        drop(server);
        assert_eq!(reader.await.unwrap().unwrap(), b"abcdefg");
        assert_eq!(outbox.bytes(), 0);
    }
}
