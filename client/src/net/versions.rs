//! What a broker speaks, and the version to use with it.

use std::collections::BTreeMap;

use kconnect_protocol::{ApiKey, VersionRange};

use super::Peer;
use crate::error::{Error, ErrorKind};

/// The versions that a broker speaks of each API, and the features that its cluster has agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrokerVersions {
    apis: BTreeMap<ApiKey, VersionRange>,
    finalized_features: BTreeMap<String, i16>,
}

impl BrokerVersions {
    /// A broker that speaks `apis`. A range that is empty is no range.
    pub fn new(
        apis: impl IntoIterator<Item = (ApiKey, VersionRange)>,
        finalized_features: BTreeMap<String, i16>,
    ) -> Self {
        Self {
            apis: apis
                .into_iter()
                .filter(|(_, range)| range.min <= range.max)
                .collect(),
            finalized_features,
        }
    }

    /// The versions of `api` that the broker speaks.
    pub fn range(&self, api: ApiKey) -> Option<VersionRange> {
        self.apis.get(&api).copied()
    }

    /// The level of a feature that the whole cluster has agreed on, such as `transaction.version`.
    pub fn finalized_feature(&self, name: &str) -> Option<i16> {
        self.finalized_features.get(name).copied()
    }

    /// The highest version of `api` that is in `ours` and that the broker, named `peer`, speaks.
    ///
    /// # Errors
    ///
    /// `BrokerIncompatible` if there is none; it names the API, the versions and the broker.
    pub fn negotiate(&self, api: ApiKey, ours: VersionRange, peer: &Peer) -> Result<i16, Error> {
        let incompatible = |text| Err(Error::new(ErrorKind::BrokerIncompatible, text));
        let Some(theirs) = self.range(api) else {
            return incompatible(format!("needs {api}, which {peer} does not speak"));
        };
        match ours.intersect(theirs) {
            Some(common) => Ok(common.max),
            None if theirs.max < ours.min => incompatible(format!(
                "needs {api} >= {}, {peer} speaks up to {}",
                ours.min, theirs.max
            )),
            None => incompatible(format!(
                "needs {api} <= {}, {peer} speaks from {} on",
                ours.max, theirs.min
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use kconnect_protocol::types::BrokerId;

    use super::super::Address;
    use super::*;

    #[track_caller]
    fn check(min: i16, max: i16, expected: &str) {
        let versions =
            BrokerVersions::new([(ApiKey::FETCH, VersionRange::new(4, 11))], BTreeMap::new());
        let peer = Peer {
            broker: Some(BrokerId(5)),
            address: Address::new("b", 9092),
        };
        let text = match versions.negotiate(ApiKey::FETCH, VersionRange::new(min, max), &peer) {
            Ok(version) => version.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(text, expected);
    }

    #[test]
    fn the_highest_common_version_is_taken() {
        check(4, 18, "11");
        check(0, 6, "6");
        check(11, 11, "11");
    }

    #[test]
    fn no_common_version_is_an_error_that_names_api_versions_and_broker() {
        check(
            12,
            18,
            "needs Fetch >= 12, broker 5 (b:9092) speaks up to 11",
        );
        check(0, 3, "needs Fetch <= 3, broker 5 (b:9092) speaks from 4 on");
    }

    #[test]
    fn a_range_that_ends_before_it_starts_is_no_range() {
        let versions =
            BrokerVersions::new([(ApiKey::FETCH, VersionRange::new(4, 1))], BTreeMap::new());
        assert_eq!(versions.range(ApiKey::FETCH), None);
    }
}
