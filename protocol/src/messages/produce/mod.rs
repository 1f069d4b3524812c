//! Produce (API 0): record batches to the leaders of their partitions.

mod request;
mod response;

pub use request::{ProducePartition, ProduceRequest, ProduceTopic};
pub use response::{ProducePartitionResponse, ProduceResponse, ProduceTopicResponse, RecordError};

use crate::api::VersionRange;

/// From the first with record batches v2 to the first that names topics by id.
const VERSIONS: VersionRange = VersionRange::new(3, 13);

/// The first version that names topics by id instead of name (KIP-516).
pub const FIRST_WITH_TOPIC_IDS: i16 = 13;
