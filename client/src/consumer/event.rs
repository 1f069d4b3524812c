//! What `poll` returns.

use kconnect_protocol::TopicPartition;

use super::ConsumerRecords;

/// What a `poll` brought.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ConsumerEvent {
    /// Records, at least one.
    Records(ConsumerRecords),
    /// A rebalance is complete and these partitions are new, perhaps none. Their records follow.
    /// Others stay as they are (`onPartitionsAssigned`).
    Assigned(Vec<TopicPartition>),
    /// These are taken away, but still owned: finish what is in hand and commit. The next poll
    /// gives them up (`onPartitionsRevoked`).
    Revoked(Vec<TopicPartition>),
    /// These are gone, and somebody else may have them already: commits of them fail (`onPartitionsLost`).
    Lost(Vec<TopicPartition>),
    /// Nothing happened within the time-out.
    Idle,
}
