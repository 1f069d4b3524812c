//! Connections to brokers: bytes out, bytes in, one task per connection.
//!
//! [`core`] decides without I/O, [`connection`] is the shell around it, [`dial`] gets a socket.

mod address;
mod backoff;
mod connection;
mod core;
mod dial;
mod handshake;
mod outbox;
mod throttle;
mod versions;

pub use address::{Address, Peer};
pub use backoff::{Backoff, Random};
pub use connection::{Answer, Connection, ConnectionSettings, RawRequest};
pub use dial::{Dial, Dialer, Stream, TcpDialer};
pub use versions::BrokerVersions;

#[doc(hidden)]
pub use self::core::{CloseReason, Core, CoreSettings, Output, Request};

/// What a connection is used for. Each has its own connection to a broker, so that a request that the broker holds back does
/// not hold back the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    /// Producing.
    Produce,
    /// Fetching: a broker holds the request until there is something to fetch.
    Fetch,
    /// Group membership: a broker holds the request until the group has gathered.
    Coordination,
    /// All the rest.
    General,
}

/// Now, as the runtime's clock has it: a test may have stopped it.
pub(crate) fn now() -> std::time::Instant {
    tokio::time::Instant::now().into_std()
}
