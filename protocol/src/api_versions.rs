//! The answer to ApiVersions (API 18), the first a client gets: it may come in a version that the
//! client did not ask for.

use bytes::Bytes;
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};

use crate::api::{ApiKey, VersionRange};
use crate::bounded;
use crate::error::DecodeError;
use crate::error_code::ErrorCode;
use crate::wire::Reader;

/// What a broker answers to ApiVersions.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// What it speaks, or an error other than that of the version.
    Versions(ApiVersionsResponse),
    /// It does not know this version of ApiVersions: ask again in this one, which is lower.
    Retry {
        /// The version to ask in.
        version: i16,
    },
}

/// Reads the answer to an ApiVersions request of `version`.
///
/// A broker that does not know the version answers UNSUPPORTED_VERSION in version 0, and since
/// Kafka 2.4 says there which versions of ApiVersions it knows (KIP-511). Some others answer in
/// layouts of their own; for those, and where nothing is said, version 0 is the one to retry with.
///
/// # Errors
///
/// If the bytes are no answer to ApiVersions.
pub fn decode_answer(version: i16, body: &Bytes) -> Result<Answer, DecodeError> {
    let error_code = ErrorCode(Reader::new(body, false).i16("ApiVersionsResponse.error_code")?);
    if error_code == ErrorCode::UnsupportedVersion && version > 0 {
        let highest = LAYOUTS.iter().find_map(|layout| layout.api_versions(body));
        let version = highest.map_or(0, |range| range.max.min(version - 1).max(0));
        return Ok(Answer::Retry { version });
    }
    bounded::decode_response::<ApiVersionsRequest>(version, &mut body.clone()).map(Answer::Versions)
}

/// How a refusal may lie in its bytes.
struct RefusalLayout {
    /// Whether the count is a byte instead of four.
    short_count: bool,
    /// What the count says beyond the number of entries.
    count_excess: i32,
    /// Bytes of tagged fields after each entry.
    tag_bytes: usize,
}

/// Version 0, as Kafka answers; a short count without tagged fields, as librdkafka's mock cluster
/// answers; and the flexible versions.
const LAYOUTS: [RefusalLayout; 3] = [
    RefusalLayout {
        short_count: false,
        count_excess: 0,
        tag_bytes: 0,
    },
    RefusalLayout {
        short_count: true,
        count_excess: 0,
        tag_bytes: 0,
    },
    RefusalLayout {
        short_count: true,
        count_excess: 1,
        tag_bytes: 1,
    },
];

impl RefusalLayout {
    /// The versions of ApiVersions that the refusal names, if it has this layout.
    fn api_versions(&self, body: &Bytes) -> Option<VersionRange> {
        let field = "ApiVersionsResponse.api_keys";
        let mut r = Reader::new(body, false);
        r.i16(field).ok()?;
        let count = if self.short_count {
            i32::from(r.i8(field).ok()?)
        } else {
            r.i32(field).ok()?
        };
        for _ in 0..count.saturating_sub(self.count_excess) {
            let api = ApiKey(r.i16(field).ok()?);
            let range = VersionRange::new(r.i16(field).ok()?, r.i16(field).ok()?);
            r.skip(field, self.tag_bytes).ok()?;
            if api == ApiKey::API_VERSIONS && 0 <= range.min && range.min <= range.max {
                return Some(range);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(asked: i16, body: &'static [u8]) -> i16 {
        match decode_answer(asked, &Bytes::from_static(body)) {
            Ok(Answer::Retry { version }) => version,
            other => panic!("not a refusal: {other:?}"),
        }
    }

    #[test]
    fn a_refusal_in_version_0_names_the_version_to_retry_with() {
        assert_eq!(retry(4, b"\0\x23\0\0\0\x01\0\x12\0\0\0\x03"), 3);
    }

    #[test]
    fn a_refusal_that_names_nothing_is_retried_with_version_0() {
        assert_eq!(retry(4, b"\0\x23\0\0\0\0"), 0);
        assert_eq!(retry(3, b"\0\x23"), 0);
        assert_eq!(retry(3, b"\0\x23\x7f\xff\xff\xffgarbage"), 0);
    }

    #[test]
    fn the_refusal_of_librdkafkas_mock_cluster_is_understood() {
        assert_eq!(retry(4, b"\0\x23\x01\0\x12\0\0\0\x02\0\0\0\0"), 2);
    }

    #[test]
    fn a_refusal_in_a_flexible_version_is_understood() {
        assert_eq!(
            retry(
                4,
                b"\0\x23\x03\0\x03\0\0\0\x09\0\0\x12\0\0\0\x02\0\0\0\0\0\0"
            ),
            2
        );
    }

    #[test]
    fn a_retry_is_always_lower_than_what_was_refused() {
        assert_eq!(retry(3, b"\0\x23\0\0\0\x01\0\x12\0\0\0\x09"), 2);
    }

    #[test]
    fn version_0_cannot_be_refused_again() {
        let body = Bytes::from_static(b"\0\x23\0\0\0\x01\0\x12\0\0\0\x03");
        let Ok(Answer::Versions(response)) = decode_answer(0, &body) else {
            panic!("there is no lower version to retry with");
        };
        assert_eq!(response.error_code, ErrorCode::UnsupportedVersion.0);
    }

    #[test]
    fn an_ordinary_answer_says_what_the_broker_speaks() {
        let body = Bytes::from_static(b"\0\0\x02\0\x12\0\0\0\x04\0\0\0\0\0\0");
        let Ok(Answer::Versions(response)) = decode_answer(3, &body) else {
            panic!("this is an ordinary answer");
        };
        assert_eq!(response.api_keys[0].max_version, 4);
        assert!(decode_answer(3, &body.slice(..body.len() - 1)).is_err());
        assert!(decode_answer(3, &Bytes::new()).is_err());
    }
}
