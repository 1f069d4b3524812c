//! What the walk refuses, and what it lets through. That layouts and generated decoders agree in
//! every version is shown in `tests/hostile.rs`.

use kafka_protocol::messages::{
    ApiVersionsRequest, DescribeTopicPartitionsRequest, JoinGroupRequest, MetadataRequest,
    OffsetFetchRequest, SaslHandshakeRequest,
};
use kafka_protocol::protocol::StrBytes;

use super::*;

fn refusal<R: Request>(version: i16, body: &'static [u8]) -> DecodeReason {
    let mut bytes = Bytes::from_static(body);
    let error = decode_request::<R>(version, &mut bytes)
        .map(drop)
        .expect_err("hostile");
    assert_eq!(bytes.len(), body.len(), "a refused body is left as it was");
    error.reason
}

#[test]
fn a_count_that_the_bytes_cannot_hold_is_refused_before_decoding() {
    // JoinGroup 9 with 2^32 - 2 protocols, of two bytes at least.
    let hostile = b"\x02g\0\0\x10\0\0\0\x10\0\x01\0\x02p\xff\xff\xff\xff\x0f";
    assert_eq!(
        refusal::<JoinGroupRequest>(9, hostile),
        DecodeReason::Count {
            count: 4_294_967_294,
            left: 0
        }
    );
    // The same in version 5, where lengths are plain.
    let hostile = b"\0\x01g\0\0\x10\0\0\0\x10\0\0\0\xff\xff\0\x01p\x7f\xff\xff\xff";
    assert_eq!(
        refusal::<JoinGroupRequest>(5, hostile),
        DecodeReason::Count {
            count: 2_147_483_647,
            left: 0
        }
    );
}

#[test]
fn a_count_is_held_against_the_least_size_of_its_elements() {
    // Two topics of three bytes each at least do not fit the five bytes left.
    let hostile = b"\x02g\x03\x01\x01\0\0\0";
    assert_eq!(
        refusal::<OffsetFetchRequest>(6, hostile),
        DecodeReason::Count { count: 2, left: 5 }
    );
}

#[test]
fn a_known_tag_whose_length_is_not_that_of_its_value_is_refused() {
    use kafka_protocol::messages::ApiVersionsResponse;
    let mut out = BytesMut::new();
    let message = ApiVersionsResponse::default().with_finalized_features_epoch(7);
    encode_message(&message, 3, &mut out).unwrap();
    let whole = out.freeze();
    let decoded = decode_response::<ApiVersionsRequest>(3, &mut whole.clone()).unwrap();
    assert_eq!(decoded, message);
    let mut longer = BytesMut::from(&whole[..]);
    let length_at = whole.len() - 9;
    assert_eq!(longer[length_at], 8);
    longer[length_at] = 9;
    longer.extend_from_slice(b"x");
    let error = decode_response::<ApiVersionsRequest>(3, &mut longer.freeze()).unwrap_err();
    assert_eq!(error.reason, DecodeReason::Excess { left: 1 });
}

#[test]
fn versions_and_apis_without_a_layout_are_refused() {
    assert_eq!(
        refusal::<JoinGroupRequest>(10, b""),
        DecodeReason::Version { version: 10 }
    );
    assert_eq!(
        refusal::<MetadataRequest>(9, b"\0\0\0"),
        DecodeReason::Version { version: 9 }
    );
}

#[test]
fn a_message_beyond_the_limit_is_refused_unread() {
    let mut huge = Bytes::from(vec![0; MESSAGE_BYTES_MAX + 1]);
    let error = decode_request::<SaslHandshakeRequest>(1, &mut huge).unwrap_err();
    assert_eq!(
        error.reason,
        DecodeReason::TooLarge {
            length: MESSAGE_BYTES_MAX + 1,
            max: MESSAGE_BYTES_MAX
        }
    );
}

#[test]
fn what_follows_a_message_is_left_in_the_body() {
    let mut body = Bytes::from_static(b"\0\x05PLAINrest");
    let request: SaslHandshakeRequest = decode_request(1, &mut body).unwrap();
    assert_eq!(request.mechanism.as_str(), "PLAIN");
    assert_eq!(body, "rest");
}

#[test]
fn a_structure_that_may_be_null_is_walked_only_if_it_is_there() {
    let without = Bytes::from_static(b"\x01\0\0\x07\xd0\xff\0");
    let request: DescribeTopicPartitionsRequest = decode_request(0, &mut without.clone()).unwrap();
    assert!(request.cursor.is_none());
    let with = Bytes::from_static(b"\x01\0\0\x07\xd0\x01\x02t\0\0\0\x03\0\0");
    let request: DescribeTopicPartitionsRequest = decode_request(0, &mut with.clone()).unwrap();
    assert_eq!(request.cursor.map(|cursor| cursor.partition_index), Some(3));
    for length in 0..with.len() {
        let mut cut = with.slice(..length);
        assert!(decode_request::<DescribeTopicPartitionsRequest>(0, &mut cut).is_err());
    }
}

#[test]
fn strings_share_the_frame() {
    let body = Bytes::from(b"\0\x05PLAIN".to_vec());
    let request: SaslHandshakeRequest = decode_request(1, &mut body.clone()).unwrap();
    assert_eq!(request.mechanism.as_ptr(), body[2..].as_ptr());
}

#[test]
fn a_message_that_cannot_be_said_leaves_no_bytes_behind() {
    let mut out = BytesMut::from(&b"before"[..]);
    let instance = StrBytes::from_static_str("static");
    let request = JoinGroupRequest::default().with_group_instance_id(Some(instance));
    let error = encode_message(&request, 4, &mut out).unwrap_err();
    assert_eq!(
        error,
        EncodeError::new("JoinGroupRequest", EncodeReason::Refused { version: 4 })
    );
    assert_eq!(out, "before");
}
