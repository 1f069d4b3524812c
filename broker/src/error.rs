//! Why a broker cannot be started.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a broker cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; is another broker running there?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The address that clients would be told is of no use to them.
    #[error("{address} is no address to connect to: set an advertised host and port")]
    NotAdvertisable {
        /// The address.
        address: SocketAddr,
    },
    /// An option makes no sense.
    #[error("{option} cannot be {value}")]
    Option {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
    },
    /// The directory, or something in it, cannot be read or written.
    #[error("cannot {action} {}: {source}", .path.display())]
    Directory {
        /// What was being done.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another broker uses the directory.
    #[error("{} is in use by another broker", .path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// There is something in the directory that no broker has written.
    #[error("{} is damaged at byte {position}: {what}; move the directory away to start anew", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in the file.
        position: u64,
        /// What is wrong there.
        what: String,
    },
    /// The directory belongs to something else.
    #[error("{} is not empty, and no broker has written it: choose another directory", .path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
    },
}
