//! The only way to the generated message types of `kafka-protocol`.
//!
//! Its decoders take array counts at their word: a few hostile bytes make them allocate until the
//! process aborts. So a message is walked first, along a table of layouts: every length and count
//! is held against the bytes left, with the least size of an array's elements. What passes can
//! make the decoder allocate no more than a small multiple of the message's own size.

mod layouts;
pub(crate) mod sample;
#[cfg(test)]
mod tests;
mod walker;

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::{Decodable, Encodable, Request};

use crate::api::{ApiKey, VersionRange};
use crate::error::{DecodeError, DecodeReason, EncodeError, EncodeReason};
use crate::wire::Reader;
use walker::Walker;

/// The largest message that is decoded, in bytes. Even a group of a thousand members with a
/// thousand topics each stays below.
pub const MESSAGE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Which half of an API a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// What a client sends.
    Request,
    /// What a broker answers.
    Response,
}

/// The versions of an API that can be read and written with generated types; `None` for the APIs
/// of [`crate::messages`] and those between brokers.
#[must_use]
pub fn versions(api: ApiKey) -> Option<VersionRange> {
    layouts::of(api).map(|layout| layout.versions)
}

/// Reads a request off the front of `body`, sharing its bytes.
///
/// # Errors
///
/// If the API has no such version, or the bytes are no such message. Nothing is allocated for
/// bytes that do not pass the walk; `body` is then unchanged.
pub fn decode_request<R: Request>(version: i16, body: &mut Bytes) -> Result<R, DecodeError> {
    decode(ApiKey(R::KEY), Direction::Request, version, body)
}

/// Reads the response to a request of type `R` off the front of `body`, sharing its bytes.
///
/// # Errors
///
/// As [`decode_request`].
pub fn decode_response<R: Request>(
    version: i16,
    body: &mut Bytes,
) -> Result<R::Response, DecodeError> {
    decode(ApiKey(R::KEY), Direction::Response, version, body)
}

/// Appends a message to `out`.
///
/// # Errors
///
/// If the version lacks a field that is set, or a length is too large for its field; `out` is
/// then as before.
pub fn encode_message<M: Encodable>(
    message: &M,
    version: i16,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let before = out.len();
    message.encode(out, version).map_err(|_| {
        out.truncate(before);
        EncodeError::new(short_name::<M>(), EncodeReason::Refused { version })
    })
}

fn decode<M: Decodable>(
    api: ApiKey,
    direction: Direction,
    version: i16,
    body: &mut Bytes,
) -> Result<M, DecodeError> {
    check(api, direction, version, body)?;
    let mut rest = body.clone();
    let message = M::decode(&mut rest, version)
        .map_err(|_| DecodeError::new(short_name::<M>(), DecodeReason::Refused))?;
    *body = rest;
    Ok(message)
}

/// Walks a message without decoding it.
fn check(api: ApiKey, direction: Direction, version: i16, body: &Bytes) -> Result<(), DecodeError> {
    let name = api.name();
    let refuse = |reason| Err(DecodeError::new(name, reason));
    let Some(layout) = layouts::of(api).filter(|layout| layout.versions.contains(version)) else {
        return refuse(DecodeReason::Version { version });
    };
    if body.len() > MESSAGE_BYTES_MAX {
        let (length, max) = (body.len(), MESSAGE_BYTES_MAX);
        return refuse(DecodeReason::TooLarge { length, max });
    }
    let walker = Walker {
        name,
        version,
        flexible: api.is_flexible(version),
    };
    let fields = match direction {
        Direction::Request => layout.request,
        Direction::Response => layout.response,
    };
    walker.structure(&mut Reader::new(body, walker.flexible), fields)
}

/// A type's name without its path, such as `JoinGroupRequest`.
fn short_name<M>() -> &'static str {
    let path = std::any::type_name::<M>();
    path.rsplit("::").next().unwrap_or(path)
}
