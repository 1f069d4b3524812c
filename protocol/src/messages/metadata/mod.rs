//! Metadata (API 3): the brokers of a cluster, its topics, and who leads which partition.

mod broker_ids;
mod request;
mod response;
mod topic;

pub use broker_ids::BrokerIds;
pub use request::{MetadataRequest, MetadataRequestTopic};
pub use response::{MetadataBroker, MetadataResponse};
pub use topic::{MetadataPartition, MetadataTopic};

use crate::api::VersionRange;

/// All there are; Redpanda speaks 0 to 8.
const VERSIONS: VersionRange = VersionRange::new(0, 13);

/// The value of authorized operations that were not asked for.
pub const OPERATIONS_NOT_REQUESTED: i32 = i32::MIN;
