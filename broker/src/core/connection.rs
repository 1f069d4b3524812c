//! What the core knows of a connection.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::RequestId;

/// A client's connection.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Where the client is, as DescribeGroups shows it.
    pub host: Arc<str>,
    /// The request that is being handled.
    pub busy: Option<RequestId>,
    /// Requests that came meanwhile; the shell limits how many.
    pub queue: VecDeque<Bytes>,
}

impl Connection {
    pub(crate) fn new(host: Arc<str>) -> Self {
        Self {
            host,
            busy: None,
            queue: VecDeque::new(),
        }
    }
}
