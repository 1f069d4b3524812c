//! Requests that cannot be answered yet, and what each of them waits for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use super::api::fetch::Delayed;
use super::call::{Call, Frame};
use super::storage::PartitionId;
use super::time::Now;
use super::{ConnectionId, RequestId};

/// What a request waits for.
#[derive(Debug)]
pub(crate) enum Wait {
    /// Its group has to say something.
    Group,
    /// Enough bytes in some of its partitions, or the deadline.
    Fetch(Box<Delayed>),
    /// It is to be handled at the deadline.
    Handle(Bytes),
    /// It was handled; this is to be sent at the deadline.
    Answer(Frame),
    /// Nothing: a fault swallowed it.
    Forever,
}

/// What has to be done with a request at its deadline.
#[derive(Debug)]
pub(crate) enum Due {
    Handle(Bytes),
    Answer(Frame),
    Fetch(Box<Delayed>),
}

/// All requests that wait.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    calls: BTreeMap<RequestId, (Call, Wait, Option<u64>)>,
    deadlines: BTreeSet<(u64, RequestId)>,
    /// Fetches that wait for a partition to grow.
    watchers: BTreeMap<PartitionId, Vec<RequestId>>,
    /// Connections that have a request to be taken up.
    free: VecDeque<ConnectionId>,
}

impl Waiting {
    pub(crate) fn park(&mut self, call: Call, wait: Wait, deadline: Option<u64>) {
        if let Wait::Fetch(fetch) = &wait {
            for partition in fetch.partitions() {
                self.watchers.entry(partition).or_default().push(call.id);
            }
        }
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, call.id));
        }
        self.calls.insert(call.id, (call, wait, deadline));
    }

    /// The client of a request is gone.
    pub(crate) fn forget(&mut self, request: RequestId) {
        self.take(request);
    }

    pub(crate) fn deadline(&self) -> Option<u64> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Takes out what is due.
    pub(crate) fn due(&mut self, now: Now) -> Vec<(Call, Due)> {
        let mut due = Vec::new();
        while let Some((_, request)) = self.deadlines.first().filter(|(d, _)| *d <= now.millis) {
            match self.take(*request) {
                Some((call, Wait::Handle(body))) => due.push((call, Due::Handle(body))),
                Some((call, Wait::Answer(frame))) => due.push((call, Due::Answer(frame))),
                Some((call, Wait::Fetch(fetch))) => due.push((call, Due::Fetch(fetch))),
                Some((_, Wait::Group | Wait::Forever)) | None => {}
            }
        }
        due
    }

    /// Takes out the fetches that have what they waited for, now that partitions have grown. A topic
    /// that went away counts as growth without limit.
    pub(crate) fn appended(
        &mut self,
        appended: &[(PartitionId, usize)],
    ) -> Vec<(Call, Box<Delayed>)> {
        let mut ready = Vec::new();
        for (partition, bytes) in appended {
            for request in self.watchers.get(partition).into_iter().flatten() {
                if let Some((_, Wait::Fetch(fetch), _)) = self.calls.get_mut(request)
                    && fetch.grew(*bytes)
                {
                    ready.push(*request);
                }
            }
        }
        let mut fetches = Vec::new();
        for request in ready {
            if let Some((call, Wait::Fetch(fetch))) = self.take(request) {
                fetches.push((call, fetch));
            }
        }
        fetches
    }

    /// Takes out a request that waited for its group.
    pub(crate) fn take_group(&mut self, request: RequestId) -> Option<Call> {
        match self.calls.get(&request)? {
            (_, Wait::Group, _) => self.take(request).map(|(call, _)| call),
            _ => None,
        }
    }

    /// A connection may have its next request taken up.
    pub(crate) fn freed(&mut self, connection: ConnectionId) {
        self.free.push_back(connection);
    }

    pub(crate) fn take_freed(&mut self) -> Option<ConnectionId> {
        self.free.pop_front()
    }

    fn take(&mut self, request: RequestId) -> Option<(Call, Wait)> {
        let (call, wait, deadline) = self.calls.remove(&request)?;
        if let Some(deadline) = deadline {
            self.deadlines.remove(&(deadline, request));
        }
        if let Wait::Fetch(fetch) = &wait {
            for partition in fetch.partitions() {
                self.unwatch(partition, request);
            }
        }
        Some((call, wait))
    }

    fn unwatch(&mut self, partition: PartitionId, request: RequestId) {
        if let Some(watchers) = self.watchers.get_mut(&partition) {
            watchers.retain(|watcher| *watcher != request);
            if watchers.is_empty() {
                self.watchers.remove(&partition);
            }
        }
    }
}
