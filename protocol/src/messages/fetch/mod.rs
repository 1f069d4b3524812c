//! Fetch (API 1): record batches from the leaders, or near replicas, of their partitions.

mod partition;
mod request;
mod response;

pub use partition::{AbortedTransaction, DivergingEpoch, FetchPartitionResponse};
pub use request::{FetchPartition, FetchRequest, FetchTopic, ForgottenTopic};
pub use response::{FetchResponse, FetchTopicResponse};

use crate::api::VersionRange;

/// From the first with record batches v2 to the newest of Kafka 4.3.
const VERSIONS: VersionRange = VersionRange::new(4, 18);

/// The first version that names topics by id instead of name (KIP-516).
pub const FIRST_WITH_TOPIC_IDS: i16 = 13;
