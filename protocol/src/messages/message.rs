//! What all own messages can do: be written and read in a version.

use bytes::{Bytes, BytesMut};

use crate::api::{ApiKey, VersionRange};
use crate::error::{DecodeError, DecodeReason, EncodeError, EncodeReason};
use crate::wire::{Reader, Writer, into_segments};

/// What most messages take beside their record batches, in bytes.
const HEAD_BYTES: usize = 256;

/// A request or response of an API, without its header.
pub trait Message: Sized {
    /// The API.
    const API: ApiKey;
    /// The message's name, such as `FetchResponse`.
    const NAME: &'static str;
    /// The versions that can be written and read.
    const VERSIONS: VersionRange;

    /// Reads the fields of `version`, which is one of [`Message::VERSIONS`].
    ///
    /// # Errors
    ///
    /// If the bytes are no such message; the error names the field.
    fn read(reader: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError>;

    /// Writes the fields of `version`, which is one of [`Message::VERSIONS`].
    ///
    /// # Errors
    ///
    /// If a value cannot be said in this version, or a length is too large for its field.
    fn write(&self, writer: &mut Writer<'_>, version: i16) -> Result<(), EncodeError>;

    /// Reads a message from `body`, sharing its bytes. What follows the last field is ignored, as
    /// Java does.
    ///
    /// # Errors
    ///
    /// If `version` is not one of [`Message::VERSIONS`], or the bytes are no such message.
    fn decode(body: &Bytes, version: i16) -> Result<Self, DecodeError> {
        if !Self::VERSIONS.contains(version) {
            return Err(DecodeError::new(
                Self::NAME,
                DecodeReason::Version { version },
            ));
        }
        Self::read(
            &mut Reader::new(body, Self::API.is_flexible(version)),
            version,
        )
    }

    /// Appends the message to `out`, with every record batch copied.
    ///
    /// # Errors
    ///
    /// If `version` is not one of [`Message::VERSIONS`], or as [`Message::write`].
    fn encode(&self, version: i16, out: &mut BytesMut) -> Result<(), EncodeError> {
        check_writable::<Self>(version)?;
        self.write(
            &mut Writer::new(out, Self::API.is_flexible(version)),
            version,
        )
    }

    /// The message as segments to be sent one after the other. Large record batches are segments
    /// of their own that share the batch's bytes.
    ///
    /// # Errors
    ///
    /// As [`Message::encode`].
    fn encode_segments(&self, version: i16) -> Result<Vec<Bytes>, EncodeError> {
        check_writable::<Self>(version)?;
        let mut out = BytesMut::with_capacity(HEAD_BYTES);
        let mut cuts = Vec::new();
        let flexible = Self::API.is_flexible(version);
        self.write(
            &mut Writer::with_cuts(&mut out, flexible, &mut cuts),
            version,
        )?;
        Ok(into_segments(out, cuts))
    }
}

/// A message that asks for another.
pub trait Request: Message {
    /// The answer to it.
    type Response: Message;
}

fn check_writable<M: Message>(version: i16) -> Result<(), EncodeError> {
    if M::VERSIONS.contains(version) {
        Ok(())
    } else {
        Err(EncodeError::new(M::NAME, EncodeReason::Version { version }))
    }
}
