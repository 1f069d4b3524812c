//! Fetch sessions (KIP-227): a consumer names its partitions once, and hears only of news.

use std::collections::BTreeMap;

use kconnect_protocol::messages::fetch::FetchPartition;
use kconnect_protocol::{ErrorCode, StrBytes, Uuid};

/// `max.incremental.fetch.session.cache.slots`
const SLOTS: usize = 1_000;
/// A session that was not used for this long may be evicted, in milliseconds.
const EVICTION: u64 = 120_000;

/// A partition in a session.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    pub topic: TopicRef,
    pub fetch: FetchPartition,
    /// What the client was told last.
    pub high_watermark: i64,
    pub log_start_offset: i64,
}

/// How a request names a topic: by name up to Fetch 12, by id from 13 on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TopicRef {
    Name(StrBytes),
    Id(Uuid),
}

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    epoch: i32,
    used: u64,
    by_id: bool,
    /// In the order in which they are read; those that had records go to the end.
    pub partitions: Vec<Watched>,
}

/// All sessions.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_id: BTreeMap<i32, Session>,
}

impl Sessions {
    /// Begins a session, if there is room for one more.
    pub(crate) fn begin(
        &mut self,
        id: i32,
        now: u64,
        by_id: bool,
        partitions: Vec<Watched>,
    ) -> bool {
        if self.by_id.contains_key(&id) || partitions.is_empty() {
            return false;
        }
        if self.by_id.len() >= SLOTS && !self.evict(now) {
            return false;
        }
        let session = Session {
            epoch: 1,
            used: now,
            by_id,
            partitions,
        };
        self.by_id.insert(id, session);
        true
    }

    fn evict(&mut self, now: u64) -> bool {
        let oldest = self.by_id.iter().min_by_key(|(_, session)| session.used);
        let Some(id) = oldest
            .filter(|(_, s)| s.used + EVICTION <= now)
            .map(|(id, _)| *id)
        else {
            return false;
        };
        self.by_id.remove(&id);
        true
    }

    pub(crate) fn end(&mut self, id: i32) {
        self.by_id.remove(&id);
    }

    /// The session, if this is its next request.
    pub(crate) fn next(
        &mut self,
        id: i32,
        epoch: i32,
        now: u64,
        by_id: bool,
    ) -> Result<&mut Session, ErrorCode> {
        let session = self
            .by_id
            .get_mut(&id)
            .ok_or(ErrorCode::FetchSessionIdNotFound)?;
        if session.by_id != by_id {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        if session.epoch != epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        session.epoch = session.epoch.checked_add(1).unwrap_or(1);
        session.used = now;
        Ok(session)
    }

    pub(crate) fn get(&self, id: i32) -> Option<&Session> {
        self.by_id.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: i32) -> Option<&mut Session> {
        self.by_id.get_mut(&id)
    }
}

impl Session {
    /// Adds partitions, or changes what is fetched of them.
    pub(crate) fn update(&mut self, partitions: Vec<Watched>) {
        if partitions.is_empty() {
            return;
        }
        let key = |w: &Watched| (w.topic.clone(), w.fetch.partition);
        let known: BTreeMap<_, _> = self.partitions.iter().map(key).zip(0_usize..).collect();
        for watched in partitions {
            match known.get(&key(&watched)) {
                Some(at) => self.partitions[*at].fetch = watched.fetch,
                None => self.partitions.push(watched),
            }
        }
    }

    /// Leaves partitions out from now on.
    pub(crate) fn forget(&mut self, topic: &TopicRef, partitions: &[i32]) {
        self.partitions
            .retain(|w| w.topic != *topic || !partitions.contains(&w.fetch.partition));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(partition: i32, fetch_offset: i64) -> Watched {
        Watched {
            topic: TopicRef::Id(Uuid::from_u128(1)),
            fetch: FetchPartition {
                partition,
                current_leader_epoch: None,
                fetch_offset,
                last_fetched_epoch: None,
                log_start_offset: -1,
                partition_max_bytes: 1,
            },
            high_watermark: -1,
            log_start_offset: -1,
        }
    }

    #[test]
    fn a_session_goes_on_epoch_by_epoch() {
        let mut sessions = Sessions::default();
        assert!(sessions.begin(7, 0, true, vec![watched(0, 0)]));
        assert!(sessions.next(7, 1, 0, true).is_ok());
        let repeated = sessions.next(7, 1, 0, true).expect_err("epoch 1 was used");
        assert_eq!(repeated, ErrorCode::InvalidFetchSessionEpoch);
        assert!(sessions.next(7, 2, 0, true).is_ok());
        let named = sessions
            .next(7, 3, 0, false)
            .expect_err("it is by topic id");
        assert_eq!(named, ErrorCode::FetchSessionTopicIdError);
        sessions.end(7);
        let ended = sessions.next(7, 3, 0, true).expect_err("it has ended");
        assert_eq!(ended, ErrorCode::FetchSessionIdNotFound);
    }

    #[test]
    fn partitions_are_added_changed_and_forgotten() {
        let mut sessions = Sessions::default();
        sessions.begin(7, 0, true, vec![watched(0, 0), watched(1, 0)]);
        let session = sessions.next(7, 1, 0, true).expect("the next request");
        session.update(vec![watched(0, 5), watched(2, 0)]);
        session.forget(&TopicRef::Id(Uuid::from_u128(1)), &[1]);
        let state: Vec<_> = session
            .partitions
            .iter()
            .map(|w| (w.fetch.partition, w.fetch.fetch_offset))
            .collect();
        assert_eq!(state, [(0, 5), (2, 0)]);
    }

    #[test]
    fn a_full_cache_gives_up_a_session_only_when_it_is_old() {
        let mut sessions = Sessions::default();
        for id in 1..=1_000 {
            assert!(sessions.begin(id, 0, true, vec![watched(0, 0)]));
        }
        assert!(!sessions.begin(2_000, EVICTION - 1, true, vec![watched(0, 0)]));
        assert!(sessions.begin(2_000, EVICTION, true, vec![watched(0, 0)]));
    }
}
