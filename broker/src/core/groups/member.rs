//! One member of a classic group.

use bytes::Bytes;

use super::Ticket;

/// What a member says about itself when it joins.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub instance_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    /// Milliseconds.
    pub session_timeout: u64,
    /// Milliseconds.
    pub rebalance_timeout: u64,
    /// Name and metadata, the preferred one first.
    pub protocols: Vec<(String, Bytes)>,
}

/// A member of a group.
#[derive(Debug)]
pub(crate) struct Member {
    pub profile: Profile,
    pub assignment: Bytes,
    /// Its JoinGroup that is not answered yet.
    pub joining: Option<Ticket>,
    /// Its SyncGroup that is not answered yet.
    pub syncing: Option<Ticket>,
    /// When it is taken for dead, unless a request of its own is waiting here.
    pub session_ends: u64,
    /// It has not seen the end of its first join yet.
    pub is_new: bool,
}

impl Member {
    /// How long a new member may wait for the end of its first join, in milliseconds.
    const FIRST_JOIN_MAX: u64 = 5 * 60 * 1_000;

    pub(crate) fn new(profile: Profile, now: u64) -> Self {
        Self {
            profile,
            assignment: Bytes::new(),
            joining: None,
            syncing: None,
            session_ends: now + Self::FIRST_JOIN_MAX,
            is_new: true,
        }
    }

    /// It gave a sign of life.
    pub(crate) fn seen(&mut self, now: u64) {
        self.session_ends = now.saturating_add(self.profile.session_timeout);
    }

    /// When it is taken for dead, if nothing comes from it; a member whose request waits here lives.
    pub(crate) fn deadline(&self) -> Option<u64> {
        let waits = self.joining.is_some() || self.syncing.is_some();
        (!waits || self.is_new).then_some(self.session_ends)
    }

    /// Whether it supports `protocol`.
    pub(crate) fn supports(&self, protocol: &str) -> bool {
        self.profile
            .protocols
            .iter()
            .any(|(name, _)| name == protocol)
    }

    /// What it said for `protocol`.
    pub(crate) fn metadata(&self, protocol: &str) -> Bytes {
        let mut protocols = self.profile.protocols.iter();
        protocols
            .find(|(name, _)| name == protocol)
            .map_or_else(Bytes::new, |(_, metadata)| metadata.clone())
    }

    /// Whether it would join with just what it said before.
    pub(crate) fn matches(&self, protocols: &[(String, Bytes)]) -> bool {
        self.profile.protocols == protocols
    }
}
