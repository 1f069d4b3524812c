//! Which topics a consumer wants, and how it says so in JoinGroup.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use kconnect_protocol::TopicPartition;
use kconnect_protocol::group::consumer::Subscription;
use kconnect_protocol::types::StrBytes;
use regex::Regex;

use crate::consumer::Assignor;
use crate::group::{Offer, Offers, RebalanceMode};
use crate::{Error, ErrorKind};

/// The topics that a consumer subscribes to.
#[derive(Debug, Clone)]
pub(crate) enum Topics {
    Named(BTreeSet<Arc<str>>),
    /// All whose name matches as a whole, and which of them there are.
    Pattern {
        pattern: Regex,
        matched: BTreeSet<Arc<str>>,
    },
}

impl Topics {
    /// The pattern must match a topic's whole name, as in Java.
    pub(crate) fn pattern(pattern: &str) -> Result<Self, Error> {
        let whole = format!("^(?:{pattern})$");
        let pattern = Regex::new(&whole).map_err(|error| {
            let text = format!("subscribing to `{pattern}`: it is no regular expression: {error}");
            Error::new(ErrorKind::Misuse, text)
        })?;
        Ok(Self::Pattern {
            pattern,
            matched: BTreeSet::new(),
        })
    }

    pub(crate) fn names(&self) -> &BTreeSet<Arc<str>> {
        match self {
            Self::Named(names) => names,
            Self::Pattern { matched, .. } => matched,
        }
    }

    pub(crate) fn is_pattern(&self) -> bool {
        matches!(self, Self::Pattern { .. })
    }

    /// Looks at the topics that there are. Returns whether the subscription changed.
    pub(crate) fn look_at(&mut self, topics: impl Iterator<Item = Arc<str>>) -> bool {
        let Self::Pattern { pattern, matched } = self else {
            return false;
        };
        let now: BTreeSet<_> = topics.filter(|topic| pattern.is_match(topic)).collect();
        let is_new = now != *matched;
        *matched = now;
        is_new
    }

    /// Whether this topic may be assigned to us. With a pattern, the leader may know of a topic before we do.
    pub(crate) fn wants(&self, topic: &str) -> bool {
        match self {
            Self::Named(names) => names.contains(topic),
            Self::Pattern { pattern, .. } => pattern.is_match(topic),
        }
    }
}

/// How the assignors of a member rebalance: cooperatively only if all of them can.
pub(crate) fn mode(assignors: &[Assignor]) -> RebalanceMode {
    if assignors.iter().all(|assignor| assignor.is_cooperative()) {
        RebalanceMode::Cooperative
    } else {
        RebalanceMode::Eager
    }
}

/// What a member says in JoinGroup, once for each assignor.
pub(crate) fn offers(
    assignors: &[Assignor],
    topics: &BTreeSet<Arc<str>>,
    owned: &BTreeSet<TopicPartition>,
    generation: Option<i32>,
    rack: &str,
) -> Result<Offers, Error> {
    let offer = |assignor: &Assignor| {
        let subscription = Subscription {
            topics: topics.iter().cloned().collect(),
            user_data: user_data(*assignor, generation),
            owned_partitions: owned.iter().cloned().collect(),
            generation_id: generation,
            rack_id: (!rack.is_empty()).then(|| StrBytes::from_string(rack.to_owned())),
        };
        let metadata = subscription.encode().map_err(|error| {
            Error::new(
                ErrorKind::Misuse,
                format!("this subscription cannot be sent: {error}"),
            )
        })?;
        Ok(Offer {
            name: assignor.name().into(),
            metadata,
        })
    };
    Ok(Offers {
        protocols: assignors.iter().map(offer).collect::<Result<_, Error>>()?,
        mode: mode(assignors),
    })
}

/// Java's cooperative assignor puts the generation here as well, for members that know only
/// version 1 of the subscription.
fn user_data(assignor: Assignor, generation: Option<i32>) -> Option<Bytes> {
    match assignor {
        Assignor::CooperativeSticky => Some(Bytes::copy_from_slice(
            &generation.unwrap_or(-1).to_be_bytes(),
        )),
        Assignor::Range | Assignor::RoundRobin => None,
    }
}

/// The generation in which a member got what it owns; -1 if it does not say.
pub(crate) fn generation(subscription: &Subscription) -> i32 {
    let in_user_data = || {
        let user_data = subscription.user_data.as_deref()?;
        Some(i32::from_be_bytes(*user_data.first_chunk()?))
    };
    subscription
        .generation_id
        .or_else(in_user_data)
        .unwrap_or(-1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> BTreeSet<Arc<str>> {
        text.split_whitespace().map(Arc::from).collect()
    }

    #[test]
    fn a_pattern_matches_whole_names_and_follows_what_there_is() {
        let mut topics = Topics::pattern("a|b.*").unwrap();
        assert!(topics.look_at(names("a ab b1 c").into_iter()));
        assert_eq!(topics.names(), &names("a b1"));
        assert!(!topics.look_at(names("a b1 d").into_iter()));
        assert!(topics.look_at(names("a b1 b2").into_iter()));
        assert!(topics.wants("b77") && !topics.wants("xb"));
        assert!(Topics::pattern("(").unwrap_err().to_string().contains('('));
    }

    #[test]
    fn one_eager_assignor_makes_the_member_eager() {
        assert_eq!(
            mode(&[Assignor::CooperativeSticky]),
            RebalanceMode::Cooperative
        );
        assert_eq!(
            mode(&[Assignor::Range, Assignor::CooperativeSticky]),
            RebalanceMode::Eager
        );
    }

    #[test]
    fn the_generation_is_said_in_both_places() {
        let owned = [TopicPartition::new("t", 1)].into();
        let offers = offers(
            &[Assignor::CooperativeSticky],
            &names("t"),
            &owned,
            Some(7),
            "r",
        )
        .unwrap();
        let mut said = Subscription::decode(&offers.protocols[0].metadata).unwrap();
        assert_eq!(said.user_data.as_deref(), Some(&[0, 0, 0, 7][..]));
        assert_eq!(said.owned_partitions, [TopicPartition::new("t", 1)]);
        assert_eq!(generation(&said), 7);
        said.generation_id = None;
        assert_eq!(generation(&said), 7);
        said.user_data = Some(Bytes::from_static(b"x"));
        assert_eq!(generation(&said), -1);
    }
}
