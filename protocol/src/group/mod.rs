//! What members of a group tell each other inside JoinGroup and SyncGroup, which brokers carry
//! without looking.

pub mod consumer;
