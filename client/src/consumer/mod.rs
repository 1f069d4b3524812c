//! The consumer: partitions by hand or from a group, records in place, commits in order.
//!
//! [`Consumer::poll`] returns a [`ConsumerEvent`]: records, or what the group has decided.
//!
//! ```no_run
//! # async fn example() -> Result<(), kconnect_client::Error> {
//! use std::time::Duration;
//! use kconnect_client::config::ConsumerConfig;
//! use kconnect_client::consumer::{Consumer, ConsumerEvent};
//!
//! let mut config = ConsumerConfig::new("localhost:9092");
//! config.group_id = Some("readers".to_owned());
//! config.enable_auto_commit = false;
//! let mut consumer = Consumer::new(config)?;
//! consumer.subscribe(&["orders"])?;
//! loop {
//!     match consumer.poll(Duration::from_secs(1)).await? {
//!         ConsumerEvent::Records(records) => {
//!             for record in &records {
//!                 println!("{}: {:?}", record.offset(), record.value());
//!             }
//!             consumer.commit_sync(None).await?;
//!         }
//!         // Still ours: the moment to finish and commit. The next poll gives them up.
//!         ConsumerEvent::Revoked(partitions) => println!("giving up {partitions:?}"),
//!         ConsumerEvent::Lost(partitions) => println!("others have {partitions:?} already"),
//!         _ => {}
//!     }
//! }
//! # }
//! ```

mod assignor;
mod calls;
mod commit;
mod core;
mod event;
mod group;
mod handle;
mod lookup;
mod offset;
mod poll;
mod records;

pub use assignor::Assignor;
pub use calls::OffsetAndTimestamp;
pub use commit::{Commit, Offsets};
pub use event::ConsumerEvent;
pub use handle::Consumer;
pub use kconnect_protocol::records::{Header, Headers, TimestampType};
pub use kconnect_protocol::types::{IsolationLevel, LeaderEpoch};
pub use offset::OffsetAndMetadata;
pub use records::{ConsumerRecord, ConsumerRecordIter, ConsumerRecords};
