//! What a cluster of workers keeps in Kafka: topics that are read from their beginnings and followed from then on.

mod clients;
mod compacted;
mod log;
mod offsets;
mod reader;
#[cfg(test)]
mod tests;

pub(crate) use clients::{LogClients, admin};
pub(crate) use compacted::CompactedTopic;
pub(crate) use log::{LogEvent, TopicLog};
pub(crate) use offsets::TopicOffsetStore;
