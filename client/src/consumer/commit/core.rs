//! Commits in their order: what to send next, and who is to hear of it. No I/O, no clock.
//!
//! One request is under way at a time, and a later commit of a partition replaces an earlier one that was not sent
//! yet. So a commit that is tried again can never overwrite a newer one, however late its answer comes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kconnect_protocol::{ErrorCode, TopicPartition};

use crate::Error;
use crate::attempts::Attempts;
use crate::consumer::OffsetAndMetadata;

/// Offsets to commit, by partition.
pub type Offsets = BTreeMap<TopicPartition, OffsetAndMetadata>;

/// Names one commit, to its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CommitId(u64);

/// How a request ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The broker's word for each partition.
    Answered(BTreeMap<TopicPartition, ErrorCode>),
    /// There was none.
    Failed(Error),
}

#[derive(Debug)]
pub(crate) struct Committer {
    /// To be sent.
    queue: BTreeMap<TopicPartition, Entry>,
    in_flight: BTreeMap<TopicPartition, Entry>,
    is_in_flight: bool,
    calls: BTreeMap<CommitId, Call>,
    done: Vec<(CommitId, Result<(), Error>)>,
    last_id: u64,
    attempts: Attempts,
    not_before: Option<Instant>,
}

#[derive(Debug, Clone)]
struct Entry {
    offset: OffsetAndMetadata,
    /// The call that said it.
    id: CommitId,
}

/// A commit whose caller waits.
#[derive(Debug)]
struct Call {
    deadline: Instant,
    /// What is not committed yet.
    open: Vec<TopicPartition>,
    error: Option<Error>,
    /// Why it takes so long, for when the time is over.
    trouble: Option<Error>,
}

impl Committer {
    pub(crate) fn new(retry_backoff: Duration, retry_backoff_max: Duration, seed: u64) -> Self {
        Self {
            queue: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            is_in_flight: false,
            calls: BTreeMap::new(),
            done: Vec::new(),
            last_id: 0,
            attempts: Attempts::new(retry_backoff, retry_backoff_max, seed),
            not_before: None,
        }
    }

    /// Commits these before `deadline`; `poll_done` tells how it went.
    pub(crate) fn commit(&mut self, offsets: Offsets, deadline: Instant) -> CommitId {
        self.last_id += 1;
        let id = CommitId(self.last_id);
        let call = Call {
            deadline,
            open: offsets.keys().cloned().collect(),
            error: None,
            trouble: None,
        };
        self.calls.insert(id, call);
        let entries = offsets
            .into_iter()
            .map(|(name, offset)| (name, Entry { offset, id }));
        self.queue.extend(entries);
        self.settle();
        id
    }

    /// These belong to somebody else now: what was not committed yet never will be.
    pub(crate) fn forget(&mut self, names: &[TopicPartition]) {
        for name in names {
            self.queue.remove(name);
            self.in_flight.remove(name);
            for call in self.calls.values_mut() {
                if call.open.contains(name) {
                    let error = call
                        .trouble
                        .take()
                        .unwrap_or_else(|| Error::broker(ErrorCode::RebalanceInProgress));
                    call.fail(
                        name,
                        &error.during(format!("committing `{name}`, which was given up meanwhile")),
                    );
                }
            }
        }
        self.settle();
    }

    /// What to send now, if anything. `handle_outcome` follows.
    pub(crate) fn poll_request(&mut self, now: Instant) -> Option<Offsets> {
        self.expire(now);
        if self.is_in_flight || self.queue.is_empty() || self.not_before.is_some_and(|at| now < at)
        {
            return None;
        }
        self.not_before = None;
        self.is_in_flight = true;
        self.in_flight = std::mem::take(&mut self.queue);
        let offsets = self
            .in_flight
            .iter()
            .map(|(name, entry)| (name.clone(), entry.offset.clone()));
        Some(offsets.collect())
    }

    pub(crate) fn handle_outcome(&mut self, now: Instant, outcome: &Outcome) {
        self.is_in_flight = false;
        let sent = std::mem::take(&mut self.in_flight);
        let mut is_retried = false;
        for (name, entry) in sent {
            let error = match outcome {
                Outcome::Answered(codes) => match codes.get(&name) {
                    Some(&ErrorCode::None) => {
                        self.committed(&name, entry.id);
                        continue;
                    }
                    Some(&code) => Error::broker(code),
                    None => Error::broker(ErrorCode::UnknownServerError),
                },
                Outcome::Failed(error) => error.clone(),
            };
            if may_succeed_later(&error) {
                is_retried = true;
                self.try_again(name, entry, &error);
            } else {
                self.failed(&name, entry.id, &explain(&error));
            }
        }
        if is_retried {
            self.not_before = Some(now + self.attempts.pause());
        } else {
            self.attempts.reset();
        }
        self.settle();
    }

    /// How a commit ended.
    pub(crate) fn poll_done(&mut self) -> Option<(CommitId, Result<(), Error>)> {
        self.done.pop()
    }

    /// Whether nothing is to be sent and nobody waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.calls.is_empty() && self.queue.is_empty() && !self.is_in_flight
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let deadline = self.calls.values().map(|call| call.deadline).min();
        let retry = self
            .not_before
            .filter(|_| !self.is_in_flight && !self.queue.is_empty());
        [deadline, retry].into_iter().flatten().min()
    }

    /// Back to the queue, unless somebody has said something newer.
    fn try_again(&mut self, name: TopicPartition, entry: Entry, error: &Error) {
        for call in self
            .calls
            .values_mut()
            .filter(|call| call.open.contains(&name))
        {
            call.trouble = Some(error.clone());
        }
        self.queue.entry(name).or_insert(entry);
    }

    /// Everybody who said this or something older of `name` is content.
    fn committed(&mut self, name: &TopicPartition, id: CommitId) {
        for (_, call) in self.calls.range_mut(..=id) {
            call.open.retain(|open| open != name);
        }
    }

    fn failed(&mut self, name: &TopicPartition, id: CommitId, error: &Error) {
        for (_, call) in self.calls.range_mut(..=id) {
            if call.open.contains(name) {
                call.fail(
                    name,
                    &error.during(format!("committing the offset of `{name}`")),
                );
            }
        }
    }

    /// Calls whose time is over fail, and what only they wanted is not tried any more.
    fn expire(&mut self, now: Instant) {
        for call in self.calls.values_mut().filter(|call| now >= call.deadline) {
            let error = call.trouble.take().unwrap_or_else(|| {
                Error::new(
                    crate::ErrorKind::Timeout,
                    "no answer from the group's coordinator in time",
                )
            });
            call.error
                .get_or_insert_with(|| error.during("committing offsets"));
            call.open.clear();
        }
        self.settle();
        let calls = &self.calls;
        self.queue.retain(|_, entry| calls.contains_key(&entry.id));
    }

    /// Calls without open partitions are done.
    fn settle(&mut self) {
        let done = self.calls.extract_if(.., |_, call| call.open.is_empty());
        self.done
            .extend(done.map(|(id, call)| (id, call.error.map_or(Ok(()), Err))));
    }
}

impl Call {
    fn fail(&mut self, name: &TopicPartition, error: &Error) {
        self.open.retain(|open| open != name);
        self.error.get_or_insert_with(|| error.clone());
    }
}

/// Kafka's `UNKNOWN_TOPIC_OR_PARTITION` among them: a broker that just became coordinator may not
/// know the topic yet. During a rebalance the offsets are still ours; it is over soon.
fn may_succeed_later(error: &Error) -> bool {
    error.is_retriable() || error.code() == Some(ErrorCode::RebalanceInProgress)
}

/// What a caller needs to know of a commit that the group refused.
fn explain(error: &Error) -> Error {
    match error.code() {
        Some(ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration) => error.during(
            "the group has given the partitions to others: the time between polls was longer than \
             max.poll.interval.ms, or no heartbeat came through for session.timeout.ms",
        ),
        _ => error.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Game {
        core: Committer,
        now: Instant,
    }

    fn offsets(text: &str) -> Offsets {
        let pair = |item: &str| {
            let (name, offset) = item.split_once('=').unwrap();
            (
                self::name(name),
                OffsetAndMetadata::new(offset.parse().unwrap()),
            )
        };
        text.split_whitespace().map(pair).collect()
    }

    fn name(text: &str) -> TopicPartition {
        let (topic, partition) = text.rsplit_once('-').unwrap();
        TopicPartition::new(topic, partition.parse().unwrap())
    }

    impl Game {
        fn new() -> Self {
            Self {
                core: Committer::new(Duration::from_millis(100), Duration::from_secs(1), 1),
                now: Instant::now(),
            }
        }

        fn commit(&mut self, text: &str) -> CommitId {
            self.core
                .commit(offsets(text), self.now + Duration::from_secs(60))
        }

        fn sends(&mut self) -> String {
            let sent = self.core.poll_request(self.now).unwrap_or_default();
            let shown: Vec<_> = sent
                .iter()
                .map(|(n, o)| format!("{n}={}", o.offset))
                .collect();
            shown.join(" ")
        }

        fn answer(&mut self, codes: &[(&str, ErrorCode)]) {
            let codes = codes.iter().map(|&(n, code)| (name(n), code)).collect();
            self.core
                .handle_outcome(self.now, &Outcome::Answered(codes));
        }

        fn retry(&mut self) {
            self.now = self.core.poll_timeout().unwrap();
        }

        #[track_caller]
        fn is_done(&mut self, id: CommitId) -> Result<(), Error> {
            let (done, result) = self.core.poll_done().expect("something is done");
            assert_eq!(done, id);
            result
        }
    }

    const OK: ErrorCode = ErrorCode::None;

    #[test]
    fn one_request_is_under_way_and_the_rest_gathers() {
        let mut game = Game::new();
        let first = game.commit("t-0=1");
        assert_eq!(game.sends(), "t-0=1");
        let second = game.commit("t-0=2 t-1=5");
        let third = game.commit("t-0=3");
        assert_eq!(game.sends(), "");
        game.answer(&[("t-0", OK)]);
        game.is_done(first).unwrap();
        assert!(game.core.poll_done().is_none());
        assert_eq!(game.sends(), "t-0=3 t-1=5");
        game.answer(&[("t-0", OK), ("t-1", OK)]);
        // The newer offset makes the older commit true as well.
        game.is_done(third).unwrap();
        game.is_done(second).unwrap();
    }

    #[test]
    fn a_late_retry_never_overwrites_a_newer_commit() {
        let mut game = Game::new();
        game.commit("t-0=5 t-1=5");
        game.sends();
        game.commit("t-0=9");
        game.answer(&[
            ("t-0", ErrorCode::CoordinatorLoadInProgress),
            ("t-1", ErrorCode::CoordinatorLoadInProgress),
        ]);
        assert_eq!(game.sends(), "");
        game.retry();
        assert_eq!(game.sends(), "t-0=9 t-1=5");
    }

    #[test]
    fn going_back_on_purpose_is_committed_as_said() {
        let mut game = Game::new();
        game.commit("t-0=9");
        game.sends();
        game.answer(&[("t-0", OK)]);
        game.commit("t-0=3");
        assert_eq!(game.sends(), "t-0=3");
    }

    #[test]
    fn unstable_offsets_and_rebalances_are_retried_until_the_deadline() {
        for code in [
            ErrorCode::UnstableOffsetCommit,
            ErrorCode::RebalanceInProgress,
            ErrorCode::NotCoordinator,
        ] {
            let mut game = Game::new();
            let id = game.commit("t-0=1");
            let start = game.now;
            let mut attempts = 0;
            while game.core.poll_done().is_none() {
                if !game.sends().is_empty() {
                    attempts += 1;
                    game.answer(&[("t-0", code)]);
                }
                if game.core.calls.contains_key(&id) {
                    game.retry();
                }
            }
            assert!(attempts > 20, "{attempts}");
            assert!(game.now >= start + Duration::from_secs(60));
            assert_eq!(game.sends(), "");
            assert_eq!(game.core.poll_timeout(), None);
        }
    }

    #[test]
    fn the_text_of_a_timeout_says_what_was_in_the_way() {
        let mut game = Game::new();
        let id = game.commit("t-0=1");
        game.sends();
        game.answer(&[("t-0", ErrorCode::CoordinatorLoadInProgress)]);
        game.now += Duration::from_secs(60);
        game.sends();
        let error = game.is_done(id).unwrap_err();
        assert!(
            error.to_string().contains("COORDINATOR_LOAD_IN_PROGRESS"),
            "{error}"
        );
    }

    #[test]
    fn a_member_that_lost_its_place_hears_why() {
        let mut game = Game::new();
        let id = game.commit("t-0=1");
        game.sends();
        game.answer(&[("t-0", ErrorCode::UnknownMemberId)]);
        let error = game.is_done(id).unwrap_err().to_string();
        assert!(
            error.contains("`t-0`") && error.contains("max.poll.interval.ms"),
            "{error}"
        );
    }

    #[test]
    fn commits_of_partitions_that_were_given_up_are_dropped() {
        let mut game = Game::new();
        let first = game.commit("t-0=1 t-1=1");
        game.sends();
        game.commit("t-0=2");
        game.core.forget(&[name("t-0")]);
        assert!(game.core.poll_done().unwrap().1.is_err());
        game.answer(&[("t-0", ErrorCode::CoordinatorLoadInProgress), ("t-1", OK)]);
        assert!(game.is_done(first).is_err());
        game.now += Duration::from_secs(1);
        assert_eq!(game.sends(), "");
    }

    #[test]
    fn one_partition_that_is_refused_does_not_hold_up_the_others() {
        let mut game = Game::new();
        let id = game.commit("t-0=1 t-1=1");
        game.sends();
        game.answer(&[("t-0", ErrorCode::TopicAuthorizationFailed), ("t-1", OK)]);
        assert_eq!(
            game.is_done(id).unwrap_err().code(),
            Some(ErrorCode::TopicAuthorizationFailed)
        );
    }

    #[test]
    fn an_answer_that_leaves_a_partition_out_is_no_success() {
        let mut game = Game::new();
        let id = game.commit("t-0=1");
        game.sends();
        game.answer(&[]);
        assert!(game.is_done(id).is_err());
    }

    #[test]
    fn committing_nothing_is_done_at_once() {
        let mut game = Game::new();
        let id = game.commit("");
        game.is_done(id).unwrap();
    }
}
