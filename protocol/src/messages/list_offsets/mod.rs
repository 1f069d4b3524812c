//! ListOffsets (API 2): the ends of a log, or the first record at or after a time.

mod request;
mod response;

pub use request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic, timestamp};
pub use response::{ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse};

use crate::api::VersionRange;

/// From the first that answers with one offset to the newest of Kafka 4.3.
const VERSIONS: VersionRange = VersionRange::new(1, 11);
