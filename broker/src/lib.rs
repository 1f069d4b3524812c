//! A Kafka broker in one process, for quick starts, tests and CI. It is no production broker: one
//! node, no replication, no security, no transactions.
//!
//! ```no_run
//! use kconnect_broker::{Broker, Options};
//!
//! # async fn example() -> Result<(), kconnect_broker::Error> {
//! let mut options = Options::default();
//! options.listen.set_port(0);
//! let broker = Broker::start(options).await?;
//! println!("bootstrap.servers={}", broker.bootstrap_servers());
//! broker.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! Inside are two halves: a core that decides everything from bytes and the time it is told, without
//! sockets, clocks or tasks; and a shell that moves bytes over TCP or in memory.

mod broker;
mod core;
mod directory;
mod error;
mod faults;
mod options;
mod shell;

pub use crate::broker::Broker;
pub use crate::error::Error;
pub use crate::faults::{Fault, FaultId, Faults, RequestView};
pub use crate::options::{Options, Profile};

/// What the project's own fuzz targets and simulations drive; no promise is made about it.
#[doc(hidden)]
pub mod internal {
    pub use crate::core::fuzz::{feed, offered, split};
}
