//! Request and response headers, in every version.

use bytes::{Bytes, BytesMut};

use crate::api::ApiKey;
use crate::error::{DecodeError, EncodeError};
use crate::types::StrBytes;
use crate::wire::{Reader, Writer};

/// What stands in front of every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHeader {
    /// The API asked for.
    pub api_key: ApiKey,
    /// Its version, which also decides the version of this header.
    pub api_version: i16,
    /// A number that comes back with the answer.
    pub correlation_id: i32,
    /// The client's name (`client.id`) for the broker's logs and quotas.
    pub client_id: Option<StrBytes>,
}

impl RequestHeader {
    /// Appends the header to `out`.
    ///
    /// # Errors
    ///
    /// If the client id is longer than 32767 bytes.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        let header_version = self.api_key.request_header_version(self.api_version);
        let mut writer = Writer::new(out, false);
        writer.i16(self.api_key.0);
        writer.i16(self.api_version);
        writer.i32(self.correlation_id);
        if header_version >= 1 {
            // Not compact in any version, so that a broker can always read it.
            writer.nullable_string("RequestHeader.client_id", self.client_id.as_deref())?;
        }
        if header_version >= 2 {
            writer.set_flexible(true);
            writer.no_tags();
        }
        Ok(())
    }

    /// Takes a header off the front of `frame` and leaves the request's body there.
    ///
    /// # Errors
    ///
    /// If the bytes are no header; `frame` is then unchanged.
    pub fn decode(frame: &mut Bytes) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(frame, false);
        let api_key = ApiKey(reader.i16("RequestHeader.api_key")?);
        let api_version = reader.i16("RequestHeader.api_version")?;
        let correlation_id = reader.i32("RequestHeader.correlation_id")?;
        let header_version = api_key.request_header_version(api_version);
        let client_id = if header_version >= 1 {
            reader.nullable_string("RequestHeader.client_id")?
        } else {
            None
        };
        if header_version >= 2 {
            reader.set_flexible(true);
            reader.skip_tags("RequestHeader.tagged_fields")?;
        }
        *frame = reader.rest();
        Ok(Self {
            api_key,
            api_version,
            correlation_id,
            client_id,
        })
    }
}

/// What stands in front of every response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseHeader {
    /// The number of the request that this answers.
    pub correlation_id: i32,
}

impl ResponseHeader {
    /// Appends the header of a response to `api_key` in `api_version` to `out`.
    pub fn encode(self, api_key: ApiKey, api_version: i16, out: &mut BytesMut) {
        let mut writer = Writer::new(out, true);
        writer.i32(self.correlation_id);
        if api_key.response_header_version(api_version) >= 1 {
            writer.no_tags();
        }
    }

    /// Takes the header of a response to `api_key` in `api_version` off the front of `frame` and
    /// leaves the response's body there.
    ///
    /// # Errors
    ///
    /// If the bytes are no header; `frame` is then unchanged.
    pub fn decode(
        api_key: ApiKey,
        api_version: i16,
        frame: &mut Bytes,
    ) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(frame, true);
        let correlation_id = reader.i32("ResponseHeader.correlation_id")?;
        if api_key.response_header_version(api_version) >= 1 {
            reader.skip_tags("ResponseHeader.tagged_fields")?;
        }
        *frame = reader.rest();
        Ok(Self { correlation_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(api_key: ApiKey, api_version: i16, client_id: Option<&'static str>, bytes: &[u8]) {
        let header = RequestHeader {
            api_key,
            api_version,
            correlation_id: 7,
            client_id: client_id.map(StrBytes::from_static_str),
        };
        let mut out = BytesMut::new();
        header.encode(&mut out).unwrap();
        assert_eq!(out, bytes);
        out.extend_from_slice(b"body");
        let mut frame = out.freeze();
        assert_eq!(RequestHeader::decode(&mut frame).unwrap(), header);
        assert_eq!(frame, "body");
    }

    #[test]
    fn request_headers_of_all_versions_round_trip() {
        check(
            ApiKey::CONTROLLED_SHUTDOWN,
            0,
            None,
            b"\0\x07\0\0\0\0\0\x07",
        );
        check(
            ApiKey::FETCH,
            11,
            Some("ab"),
            b"\0\x01\0\x0b\0\0\0\x07\0\x02ab",
        );
        check(
            ApiKey::FETCH,
            12,
            Some("ab"),
            b"\0\x01\0\x0c\0\0\0\x07\0\x02ab\0",
        );
        check(
            ApiKey::METADATA,
            9,
            None,
            b"\0\x03\0\x09\0\0\0\x07\xff\xff\0",
        );
    }

    #[test]
    fn a_truncated_header_is_an_error_and_leaves_the_frame_alone() {
        let whole = Bytes::from_static(b"\0\x01\0\x0c\0\0\0\x07\0\x02ab\0");
        for length in 0..whole.len() {
            let mut frame = whole.slice(..length);
            assert!(RequestHeader::decode(&mut frame).is_err(), "{length}");
            assert_eq!(frame.len(), length);
        }
    }

    #[test]
    fn unknown_tagged_fields_of_a_header_are_skipped() {
        let mut frame = Bytes::from_static(b"\0\0\0\x05\x01\x09\x02xybody");
        let header = ResponseHeader::decode(ApiKey::FETCH, 12, &mut frame).unwrap();
        assert_eq!(header.correlation_id, 5);
        assert_eq!(frame, "body");
    }

    #[test]
    fn an_answer_to_api_versions_has_no_tagged_fields_in_its_header() {
        let mut out = BytesMut::new();
        ResponseHeader { correlation_id: 5 }.encode(ApiKey::API_VERSIONS, 4, &mut out);
        assert_eq!(out, &b"\0\0\0\x05"[..]);
        ResponseHeader { correlation_id: 5 }.encode(ApiKey::FETCH, 12, &mut out);
        assert_eq!(out, &b"\0\0\0\x05\0\0\0\x05\0"[..]);
    }
}
