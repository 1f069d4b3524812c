//! A producer: records in, batches to the leaders of their partitions, one answer for each record.
//!
//! ```text
//!  send() --> partitioner --> open batch of the partition     on the caller's thread, under the partition's lock
//!                                  | full, or lingered long enough
//!                                  v
//!  driver --> core (`sender`) --> one request per broker with a batch of each of its partitions, five in flight
//!                                  |
//!  Delivery <-- completion  <------' one for the whole batch
//! ```
//!
//! A record is serialized once, when it is sent, into the buffer that goes to the socket. The producer is idempotent unless
//! told otherwise: what is sent again after an error is neither doubled nor reordered.

mod accumulator;
mod batch;
mod delivery;
mod driver;
mod errors;
mod handle;
mod identity;
mod inbox;
mod memory;
mod partition;
mod record;
mod request;
mod sender;
mod span;
mod terms;
mod topic;
mod unwatched;

pub use self::{
    delivery::{Delivery, RecordMetadata},
    handle::Producer,
    record::{Header, ProducerRecord},
    sender::Abandoned,
    span::DeliverySpan,
};
pub use crate::config::ProducerConfig;
