//! How long a broker asks a client to be silent, read from an answer without knowing the rest of it (KIP-219).

use std::time::Duration;

use kconnect_protocol::ApiKey;

/// No broker that is well asks for more; a number read from the wrong place would.
const THROTTLE_MAX: Duration = Duration::from_mins(1);

/// APIs whose answer begins with the throttle time, from this version on. Produce has it at the end: the producer says it.
const FIRST_FIELD: &[(ApiKey, i16)] = &[
    (ApiKey::FETCH, 1),
    (ApiKey::LIST_OFFSETS, 2),
    (ApiKey::METADATA, 3),
    (ApiKey::OFFSET_COMMIT, 3),
    (ApiKey::OFFSET_FETCH, 3),
    (ApiKey::FIND_COORDINATOR, 1),
    (ApiKey::JOIN_GROUP, 2),
    (ApiKey::HEARTBEAT, 1),
    (ApiKey::LEAVE_GROUP, 1),
    (ApiKey::SYNC_GROUP, 1),
    (ApiKey::DESCRIBE_GROUPS, 1),
    (ApiKey::LIST_GROUPS, 1),
    (ApiKey::CREATE_TOPICS, 2),
    (ApiKey::DELETE_TOPICS, 1),
    (ApiKey::DELETE_RECORDS, 0),
    (ApiKey::INIT_PRODUCER_ID, 0),
    (ApiKey::OFFSET_FOR_LEADER_EPOCH, 2),
    (ApiKey::ADD_PARTITIONS_TO_TXN, 0),
    (ApiKey::ADD_OFFSETS_TO_TXN, 0),
    (ApiKey::END_TXN, 0),
    (ApiKey::TXN_OFFSET_COMMIT, 0),
    (ApiKey::DESCRIBE_CONFIGS, 0),
    (ApiKey::ALTER_CONFIGS, 0),
    (ApiKey::CREATE_PARTITIONS, 0),
    (ApiKey::DELETE_GROUPS, 0),
    (ApiKey::INCREMENTAL_ALTER_CONFIGS, 0),
    (ApiKey::DESCRIBE_CLUSTER, 0),
    (ApiKey::CONSUMER_GROUP_HEARTBEAT, 0),
    (ApiKey::CONSUMER_GROUP_DESCRIBE, 0),
];

/// How long the answer `body` asks to be silent; zero if it does not say.
pub(super) fn throttle_time(api: ApiKey, version: i16, body: &[u8]) -> Duration {
    let tells = FIRST_FIELD
        .iter()
        .any(|&(told, first)| told == api && version >= first);
    match body.first_chunk() {
        Some(&bytes) if tells => clamped(i32::from_be_bytes(bytes)),
        _ => Duration::ZERO,
    }
}

/// A throttle time as a broker sent it, within reason.
fn clamped(millis: i32) -> Duration {
    u64::try_from(millis).map_or(Duration::ZERO, |millis| {
        Duration::from_millis(millis).min(THROTTLE_MAX)
    })
}

/// A throttle time that somebody else has read, within reason.
pub(super) fn limited(time: Duration) -> Duration {
    time.min(THROTTLE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_throttle_time_is_read_where_the_answer_begins_with_it() {
        let body = [0, 0, 1, 0, 9];
        let read = |api, version| throttle_time(api, version, &body).as_millis();
        assert_eq!(read(ApiKey::FETCH, 12), 256);
        assert_eq!(read(ApiKey::LIST_OFFSETS, 1), 0);
        assert_eq!(read(ApiKey::PRODUCE, 9), 0);
        assert_eq!(throttle_time(ApiKey::FETCH, 12, &body[..3]), Duration::ZERO);
    }

    #[test]
    fn an_absurd_throttle_time_is_clamped() {
        let read = |bytes: [u8; 4]| throttle_time(ApiKey::FETCH, 12, &bytes);
        assert_eq!(read([0x7f, 0, 0, 0]), THROTTLE_MAX);
        assert_eq!(read([0xff; 4]), Duration::ZERO);
    }
}
