//! Which APIs and versions the broker offers, by the Kafka that it looks like.

use kconnect_protocol::{ApiKey, VersionRange};

use crate::options::Profile;

/// One API: what this broker can do, and how far each profile goes.
struct Offer {
    api: ApiKey,
    min: i16,
    kafka43: i16,
    kafka39: i16,
    kafka28: i16,
    redpanda: i16,
}

/// The profile does not have the API.
const NONE: i16 = -1;

macro_rules! offers {
    ($($api:ident $min:literal: $kafka43:expr, $kafka39:expr, $kafka28:expr, $redpanda:expr;)*) => {
        &[$(Offer {
            api: ApiKey::$api,
            min: $min,
            kafka43: $kafka43,
            kafka39: $kafka39,
            kafka28: $kafka28,
            redpanda: $redpanda,
        },)*]
    };
}

// The lowest versions are those of Kafka 4 (KIP-896) in every profile: what older ones did before
// them, no client of today asks for. OffsetCommit and OffsetFetch 10 (topic ids) are still missing.
const OFFERS: &[Offer] = offers! {
    //  lowest version: highest in Kafka 4.3, 3.9, 2.8, Redpanda
    PRODUCE 3: 13, 11, 9, 7;
    FETCH 4: 18, 17, 12, 11;
    LIST_OFFSETS 1: 11, 9, 6, 4;
    METADATA 0: 13, 12, 11, 8;
    OFFSET_COMMIT 2: 9, 9, 8, 8;
    OFFSET_FETCH 1: 9, 9, 7, 7;
    FIND_COORDINATOR 0: 6, 6, 3, 3;
    JOIN_GROUP 0: 9, 9, 7, 6;
    HEARTBEAT 0: 4, 4, 4, 4;
    LEAVE_GROUP 0: 5, 5, 4, 4;
    SYNC_GROUP 0: 5, 5, 5, 4;
    DESCRIBE_GROUPS 0: 6, 5, 5, 5;
    LIST_GROUPS 0: 5, 5, 4, 4;
    API_VERSIONS 0: 4, 4, 3, 3;
    CREATE_TOPICS 2: 7, 7, 7, 6;
    DELETE_TOPICS 1: 6, 6, 6, 5;
    DELETE_RECORDS 0: 2, 2, 2, 2;
    INIT_PRODUCER_ID 0: 5, 5, 4, 4;
    OFFSET_FOR_LEADER_EPOCH 2: 4, 4, 4, 4;
    DESCRIBE_CONFIGS 1: 4, 4, 4, 4;
    ALTER_CONFIGS 0: 2, 2, 2, 2;
    CREATE_PARTITIONS 0: 3, 3, 3, 3;
    DELETE_GROUPS 0: 2, 2, 2, 2;
    INCREMENTAL_ALTER_CONFIGS 0: 1, 1, 1, 1;
    OFFSET_DELETE 0: 0, 0, 0, 0;
    DESCRIBE_CLUSTER 0: 2, 1, 0, NONE;
    DESCRIBE_TOPIC_PARTITIONS 0: 0, 0, NONE, NONE;
};

/// The versions of `api` that a broker of this profile takes; `None` if it does not have the API.
pub(crate) fn of(profile: Profile, api: ApiKey) -> Option<VersionRange> {
    let offer = OFFERS.iter().find(|offer| offer.api == api)?;
    range(profile, offer)
}

/// Everything that a broker of this profile offers.
pub(crate) fn all(profile: Profile) -> impl Iterator<Item = (ApiKey, VersionRange)> {
    OFFERS
        .iter()
        .filter_map(move |offer| Some((offer.api, range(profile, offer)?)))
}

fn range(profile: Profile, offer: &Offer) -> Option<VersionRange> {
    let max = match profile {
        Profile::Kafka43 => offer.kafka43,
        Profile::Kafka39 => offer.kafka39,
        Profile::Kafka28 => offer.kafka28,
        Profile::Redpanda => offer.redpanda,
    };
    (max >= offer.min).then(|| VersionRange::new(offer.min, max))
}

#[cfg(test)]
mod tests {
    use kconnect_protocol::{bounded, messages};

    use super::*;

    #[test]
    fn every_version_on_offer_can_be_read_and_written() {
        use messages::Message;
        let own = [
            (ApiKey::PRODUCE, messages::produce::ProduceRequest::VERSIONS),
            (ApiKey::FETCH, messages::fetch::FetchRequest::VERSIONS),
            (
                ApiKey::METADATA,
                messages::metadata::MetadataRequest::VERSIONS,
            ),
            (
                ApiKey::LIST_OFFSETS,
                messages::list_offsets::ListOffsetsRequest::VERSIONS,
            ),
        ];
        for (api, offered) in all(Profile::Kafka43) {
            let own = own
                .iter()
                .find(|(own, _)| *own == api)
                .map(|(_, range)| *range);
            let spoken = own
                .or_else(|| bounded::versions(api))
                .expect("known to the protocol");
            assert_eq!(spoken.intersect(offered), Some(offered), "{api}");
        }
    }

    #[test]
    fn what_is_on_offer_is_what_is_handled() {
        let offered: Vec<_> = all(Profile::Kafka43).map(|(api, _)| api).collect();
        assert_eq!(offered, crate::core::api::ALL);
    }

    #[test]
    fn no_profile_goes_beyond_the_default_one() {
        for profile in [Profile::Kafka39, Profile::Kafka28, Profile::Redpanda] {
            for (api, range) in all(profile) {
                let full = of(Profile::Kafka43, api).expect("the default has every API");
                assert!(range.max <= full.max, "{profile:?} {api}");
            }
        }
    }
}
