//! The embedded protocol of consumer groups (protocol type `consumer`): what a member subscribes
//! to, and what the leader assigns to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::error::{DecodeError, DecodeReason, EncodeError};
use crate::types::{StrBytes, TopicPartition};
use crate::wire::{Reader, Writer};

/// The newest version of both messages, which is also the one we write. A member that knows only
/// an older one reads what it knows and ignores the rest.
pub const VERSION: i16 = 3;

/// What a member wants, and what it has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subscription {
    /// The topics that the member subscribes to.
    pub topics: Vec<Arc<str>>,
    /// What an assignor of the member's own wants to say.
    pub user_data: Option<Bytes>,
    /// What the member owns at the moment (KIP-429), from version 1.
    pub owned_partitions: Vec<TopicPartition>,
    /// The generation in which it got them (KIP-792), from version 2; -1 on the wire for none.
    pub generation_id: Option<i32>,
    /// The member's rack (KIP-881), from version 3.
    pub rack_id: Option<StrBytes>,
}

impl Subscription {
    /// The message in [`VERSION`].
    ///
    /// # Errors
    ///
    /// If a topic's name or the rack is longer than 32767 bytes.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        let mut out = BytesMut::new();
        let mut w = Writer::new(&mut out, false);
        w.i16(VERSION);
        w.array("Subscription.topics", &self.topics, |w, topic| {
            w.string("Subscription.topics", topic)
        })?;
        w.nullable_bytes("Subscription.user_data", self.user_data.as_deref())?;
        write_partitions(
            &mut w,
            "Subscription.owned_partitions",
            &self.owned_partitions,
        )?;
        w.i32(self.generation_id.unwrap_or(-1));
        w.nullable_string("Subscription.rack_id", self.rack_id.as_deref())?;
        Ok(out.freeze())
    }

    /// Reads a message of any version; what a newer one adds is ignored.
    ///
    /// # Errors
    ///
    /// If the bytes are no subscription.
    pub fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes, false);
        let version = read_version(&mut r, "Subscription.version")?;
        let mut subscription = Self {
            topics: r.vec("Subscription.topics", 2, |r| {
                r.string("Subscription.topics")
                    .map(|topic| Arc::from(&*topic))
            })?,
            user_data: r.nullable_bytes("Subscription.user_data")?,
            ..Self::default()
        };
        if version >= 1 {
            subscription.owned_partitions =
                read_partitions(&mut r, "Subscription.owned_partitions")?;
        }
        if version >= 2 {
            let generation = r.i32("Subscription.generation_id")?;
            subscription.generation_id = (generation >= 0).then_some(generation);
        }
        if version >= 3 {
            subscription.rack_id = r.nullable_string("Subscription.rack_id")?;
        }
        Ok(subscription)
    }
}

/// What the leader gives to a member.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Assignment {
    /// The partitions that the member is to consume.
    pub partitions: Vec<TopicPartition>,
    /// What an assignor of the leader's own wants to say.
    pub user_data: Option<Bytes>,
}

impl Assignment {
    /// The message in [`VERSION`].
    ///
    /// # Errors
    ///
    /// If a topic's name is longer than 32767 bytes.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        let mut out = BytesMut::new();
        let mut w = Writer::new(&mut out, false);
        w.i16(VERSION);
        write_partitions(&mut w, "Assignment.partitions", &self.partitions)?;
        w.nullable_bytes("Assignment.user_data", self.user_data.as_deref())?;
        Ok(out.freeze())
    }

    /// Reads a message of any version; what a newer one adds is ignored. No bytes at all, which a
    /// broker sends to a member that its leader left out, are an assignment of nothing.
    ///
    /// # Errors
    ///
    /// If the bytes are no assignment.
    pub fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let mut r = Reader::new(bytes, false);
        read_version(&mut r, "Assignment.version")?;
        Ok(Self {
            partitions: read_partitions(&mut r, "Assignment.partitions")?,
            user_data: r.nullable_bytes("Assignment.user_data")?,
        })
    }
}

fn read_version(r: &mut Reader<'_>, field: &'static str) -> Result<i16, DecodeError> {
    let version = r.i16(field)?;
    if version < 0 {
        return Err(DecodeError::new(field, DecodeReason::Version { version }));
    }
    Ok(version)
}

/// On the wire, a topic comes once, with all its partitions.
fn write_partitions(
    w: &mut Writer<'_>,
    field: &'static str,
    partitions: &[TopicPartition],
) -> Result<(), EncodeError> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        let numbers = topics.entry(&partition.topic).or_default();
        numbers.push(partition.partition);
    }
    w.count(field, topics.len())?;
    for (topic, numbers) in topics {
        w.string(field, topic)?;
        w.array(field, &numbers, |w, number| {
            w.i32(*number);
            Ok(())
        })?;
    }
    Ok(())
}

fn read_partitions(
    r: &mut Reader<'_>,
    field: &'static str,
) -> Result<Vec<TopicPartition>, DecodeError> {
    let topics = r.count(field, 2 + 4)?;
    let mut partitions = Vec::new();
    for _ in 0..topics {
        let topic: Arc<str> = Arc::from(&*r.string(field)?);
        let count = r.count(field, 4)?;
        partitions.reserve(count);
        for _ in 0..count {
            partitions.push(TopicPartition::new(Arc::clone(&topic), r.i32(field)?));
        }
    }
    Ok(partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partitions(of: &[(&str, i32)]) -> Vec<TopicPartition> {
        of.iter().map(|&(t, p)| TopicPartition::new(t, p)).collect()
    }

    fn subscription() -> Subscription {
        Subscription {
            topics: vec![Arc::from("a"), Arc::from("b")],
            user_data: Some(Bytes::from_static(b"x")),
            owned_partitions: partitions(&[("a", 1), ("a", 0), ("b", 2)]),
            generation_id: Some(5),
            rack_id: Some(StrBytes::from_static_str("r")),
        }
    }

    #[test]
    fn both_messages_come_back() {
        let sent = subscription();
        assert_eq!(Subscription::decode(&sent.encode().unwrap()), Ok(sent));
        let sent = Assignment {
            partitions: partitions(&[("a", 1), ("b", 2)]),
            user_data: None,
        };
        assert_eq!(Assignment::decode(&sent.encode().unwrap()), Ok(sent));
    }

    #[test]
    fn older_versions_are_read_and_newer_ones_as_far_as_they_are_known() {
        let bytes = Bytes::from_static(b"\0\0\0\0\0\x01\0\x01a\xff\xff\xff\xff");
        let oldest = Subscription::decode(&bytes).unwrap();
        assert_eq!(oldest.topics, [Arc::from("a")]);
        assert_eq!((oldest.generation_id, oldest.user_data), (None, None));

        let mut newer = BytesMut::from(&subscription().encode().unwrap()[..]);
        newer[1] = 9;
        newer.extend_from_slice(b"what version 9 added");
        assert_eq!(Subscription::decode(&newer.freeze()), Ok(subscription()));
    }

    #[test]
    fn a_member_that_was_left_out_has_nothing() {
        assert_eq!(Assignment::decode(&Bytes::new()), Ok(Assignment::default()));
    }

    #[test]
    fn every_truncation_and_hostile_counts_are_errors() {
        let whole = subscription().encode().unwrap();
        for length in 0..whole.len() {
            assert!(
                Subscription::decode(&whole.slice(..length)).is_err(),
                "{length}"
            );
        }
        let hostile = Bytes::from_static(b"\0\x03\x7f\xff\xff\xff\0\x01a");
        assert!(Subscription::decode(&hostile).is_err());
        assert!(Assignment::decode(&hostile).is_err());
        let negative = Bytes::from_static(b"\xff\xff\0\0\0\0\0\0\0\0");
        assert!(Assignment::decode(&negative).is_err());
    }
}
