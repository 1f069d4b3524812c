//! Small types that every layer above shares: ids, epochs and the name of a partition.

use std::fmt;
use std::sync::Arc;

pub use kafka_protocol::protocol::StrBytes;
pub use uuid::Uuid;

/// A topic and the number of one of its partitions, shown as `orders-3`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// Names a partition; an `Arc<str>` given as topic is shared, not copied.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self {
            topic: topic.into(),
            partition,
        }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// A broker's id (`node.id`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BrokerId(pub i32);

impl BrokerId {
    /// On the wire, a negative id says that there is no such broker.
    #[must_use]
    pub fn from_wire(id: i32) -> Option<Self> {
        (id >= 0).then_some(Self(id))
    }

    /// The id for the wire, -1 for none.
    #[must_use]
    pub fn to_wire(id: Option<Self>) -> i32 {
        id.map_or(-1, |id| id.0)
    }
}

impl fmt::Display for BrokerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Which leader of a partition wrote, or is asked: it rises with every election (KIP-320).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaderEpoch(pub i32);

impl LeaderEpoch {
    /// On the wire, -1 says that the epoch is not known.
    #[must_use]
    pub fn from_wire(epoch: i32) -> Option<Self> {
        (epoch >= 0).then_some(Self(epoch))
    }

    /// The epoch for the wire, -1 for unknown.
    #[must_use]
    pub fn to_wire(epoch: Option<Self>) -> i32 {
        epoch.map_or(-1, |epoch| epoch.0)
    }
}

impl fmt::Display for LeaderEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Whether a reader sees records of open and aborted transactions (`isolation.level`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum IsolationLevel {
    /// Every record up to the high watermark.
    #[default]
    ReadUncommitted,
    /// Only records up to the last stable offset; aborted ones are the reader's to skip.
    ReadCommitted,
}

impl IsolationLevel {
    /// The level for the wire.
    #[must_use]
    pub fn to_wire(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }

    /// The level that a request names, if it is one.
    #[must_use]
    pub fn from_wire(level: i8) -> Option<Self> {
        match level {
            0 => Some(Self::ReadUncommitted),
            1 => Some(Self::ReadCommitted),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_reads_as_topic_and_number() {
        assert_eq!(TopicPartition::new("orders", 3).to_string(), "orders-3");
    }

    #[test]
    fn partitions_sort_by_topic_then_number() {
        let mut partitions =
            [("b", 0), ("a", 10), ("a", 2)].map(|(t, p)| TopicPartition::new(t, p));
        partitions.sort();
        assert_eq!(partitions.map(|p| p.to_string()), ["a-2", "a-10", "b-0"]);
    }

    #[test]
    fn sentinels_of_the_wire_become_none() {
        assert_eq!(LeaderEpoch::from_wire(-1), None);
        assert_eq!(LeaderEpoch::to_wire(LeaderEpoch::from_wire(7)), 7);
        assert_eq!(LeaderEpoch::to_wire(None), -1);
        assert_eq!(BrokerId::from_wire(-1), None);
        assert_eq!(BrokerId::to_wire(BrokerId::from_wire(0)), 0);
        assert_eq!(IsolationLevel::from_wire(2), None);
    }
}
