//! The herder of a worker in a cluster: the config topic says what should run, the group says where.
//!
//! [`core`] decides, [`drive`] waits and tells it what happens, [`jobs`] are what takes time. [`stores`] are the cluster's
//! three topics, [`protocol`] is the group's, [`leader`] what the leader decides with it.

mod core;
mod drive;
mod facts;
mod jobs;
mod leader;
mod peers;
mod protocol;
mod start;
mod status_writer;
mod stores;
#[cfg(test)]
mod tests;

use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) use peers::{Peers, Signature};
pub(crate) use start::{Control, Settings, start};

/// Milliseconds since 1970.
fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
