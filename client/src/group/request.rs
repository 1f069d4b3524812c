//! What the membership core asks of the network, and what comes back, in plain words.

use std::sync::Arc;

use bytes::Bytes;
use kconnect_protocol::ErrorCode;
use kconnect_protocol::types::BrokerId;

use super::protocol::{Generation, Offer, RoundMember};
use crate::Error;

/// Names one request of one core for its whole life, so that a late answer is known for what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RequestId(pub(crate) u64);

/// A request to send, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    /// To any broker.
    FindCoordinator,
    Join(BrokerId, Join),
    Sync(BrokerId, Sync),
    Heartbeat(BrokerId, Generation),
    Leave(BrokerId, Leave),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Join {
    /// `None` before the coordinator has given one (KIP-394).
    pub(crate) member_id: Option<Arc<str>>,
    pub(crate) protocols: Vec<Offer>,
    /// For the coordinator's log (KIP-800).
    pub(crate) reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sync {
    pub(crate) generation: Generation,
    pub(crate) protocol: Arc<str>,
    /// Empty unless this member leads.
    pub(crate) assignments: Vec<(Arc<str>, Bytes)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leave {
    pub(crate) member_id: Arc<str>,
    pub(crate) reason: String,
}

/// A request's success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Coordinator(BrokerId),
    Joined(JoinAnswer),
    Synced(Bytes),
    /// Heartbeat and LeaveGroup say no more than this.
    Done,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JoinAnswer {
    pub(crate) generation: Generation,
    pub(crate) protocol: Arc<str>,
    pub(crate) leader: Arc<str>,
    /// Empty unless this member leads.
    pub(crate) members: Vec<RoundMember>,
    pub(crate) skip_assignment: bool,
}

/// A request's failure.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// The broker answered with an error code.
    Code(ErrorCode),
    /// The broker wants the join again under this id (MEMBER_ID_REQUIRED).
    MemberIdRequired(Arc<str>),
    /// No answer came: the connection failed or the time was up.
    Unreachable(Error),
    /// Trying again cannot help: versions, authentication, a broken answer.
    Fatal(Error),
}
