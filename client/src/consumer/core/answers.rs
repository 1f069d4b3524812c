//! What the cluster's answers do to positions.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use kconnect_protocol::messages::fetch::{DivergingEpoch, FetchPartitionResponse, FetchResponse};
use kconnect_protocol::records::{BatchErrorReason, Batches};
use kconnect_protocol::types::{BrokerId, LeaderEpoch};
use kconnect_protocol::{ErrorCode, TopicPartition};

use super::aborted::Aborted;
use super::slice::Unreadable;
use super::{Core, JobId, LogBounds, Phase, Position, ResetTo, Slice, Wait};
use crate::{Error, ErrorKind};

/// Answers without data that come sooner than this part of the wait that was asked for are hasty.
const HASTY: u32 = 4;
/// So many of them in a row, and the broker is asked more slowly.
const HASTY_MAX: u32 = 5;

/// Where and when a partition's answer was asked for.
struct Fetched {
    broker: BrokerId,
    job: JobId,
    now: Instant,
}

impl Core {
    /// The group's committed offsets; `None` where there is none.
    pub(crate) fn handle_committed(
        &mut self,
        now: Instant,
        id: JobId,
        answer: Result<BTreeMap<TopicPartition, Option<Position>>, Error>,
    ) {
        self.is_dirty = true;
        let answer = answer.map_err(|error| self.report_unless_retriable(error));
        let names =
            self.waiting(|phase| matches!(phase, Phase::Committed(wait) if wait.job == Some(id)));
        for name in names {
            let committed = answer
                .as_ref()
                .map(|offsets| offsets.get(&name).copied().flatten());
            match committed {
                Ok(Some(position)) => self.go_on_at(&name, position),
                Ok(None) => self.reset_by_policy(&name, "the group has no committed offset for it"),
                Err(()) => self.ask_later(now, &name),
            }
        }
    }

    /// Offsets of the log.
    pub(crate) fn handle_reset(
        &mut self,
        now: Instant,
        id: JobId,
        answer: Result<BTreeMap<TopicPartition, Result<Option<Position>, Error>>, Error>,
    ) {
        self.is_dirty = true;
        let mut answer = answer.map_err(|error| self.report_unless_retriable(error));
        let names =
            self.waiting(|phase| matches!(phase, Phase::Reset(_, wait) if wait.job == Some(id)));
        for name in names {
            match answer.as_mut().map(|offsets| offsets.remove(&name)) {
                Ok(Some(Ok(Some(position)))) => self.go_on_at(&name, position),
                // Nothing is as young as was asked for: what comes will be.
                Ok(Some(Ok(None))) => {
                    self.set_phase(&name, Phase::Reset(ResetTo::Latest, Wait::default()))
                }
                Ok(Some(Err(error))) => {
                    self.report_unless_retriable(error);
                    self.ask_later(now, &name);
                }
                Ok(None) | Err(()) => self.ask_later(now, &name),
            }
        }
    }

    /// A broker's answer to a fetch.
    pub(crate) fn handle_fetch(
        &mut self,
        now: Instant,
        job: JobId,
        broker: BrokerId,
        answer: Result<FetchResponse, Error>,
    ) {
        let Some(source) = self.sources.get_mut(&broker) else {
            return;
        };
        let Some((_, asked_at)) = source.in_flight.take_if(|(id, _)| *id == job) else {
            return;
        };
        self.is_dirty = true;
        let response = match answer {
            Ok(response) => response,
            Err(error) => {
                source.session.restart();
                source.not_before = Some(now + source.backoff.pause());
                self.wants_metadata = Some("a fetch failed");
                self.report_unless_retriable(error);
                return;
            }
        };
        if response.error_code.is_error() {
            return self.handle_session_error(now, broker, response.error_code);
        }
        source.session.answered(response.session_id);
        source.backoff.reset();
        let fetched = Fetched { broker, job, now };
        let mut brought = false;
        for topic in response.topics {
            let Some(source) = self.sources.get(&broker) else {
                return;
            };
            let Some(name) = source.session.topic(&topic.name, topic.topic_id) else {
                continue;
            };
            for partition in topic.partitions {
                let name = TopicPartition::new(name.clone(), partition.partition_index);
                brought |= self.handle_partition(&fetched, &name, partition);
            }
        }
        self.pace(now, broker, brought, asked_at);
    }

    /// The request as a whole was refused, mostly because the broker has forgotten the session.
    fn handle_session_error(&mut self, now: Instant, broker: BrokerId, code: ErrorCode) {
        let Some(source) = self.sources.get_mut(&broker) else {
            return;
        };
        let wait = match code {
            ErrorCode::FetchSessionIdNotFound => {
                source.session.is_gone();
                source.backoff.pause_unless_first()
            }
            ErrorCode::InvalidFetchSessionEpoch | ErrorCode::FetchSessionTopicIdError => {
                source.session.restart();
                source.backoff.pause_unless_first()
            }
            _ => {
                source.session.restart();
                source.backoff.pause()
            }
        };
        source.not_before = Some(now + wait);
        if matches!(
            code,
            ErrorCode::FetchSessionTopicIdError | ErrorCode::UnknownTopicId
        ) {
            self.wants_metadata = Some("a broker does not know a topic id");
        }
    }

    /// Keeps a broker from being asked in a tight loop when it answers at once with nothing.
    fn pace(&mut self, now: Instant, broker: BrokerId, brought: bool, asked_at: Instant) {
        let Some(source) = self.sources.get_mut(&broker) else {
            return;
        };
        if brought || now - asked_at >= self.settings.max_wait / HASTY {
            source.hasty = 0;
            return;
        }
        source.hasty += 1;
        if source.hasty > HASTY_MAX {
            source.not_before = Some(now + source.backoff.pause());
        }
    }

    /// One partition's part. Returns whether it brought data or changed something.
    fn handle_partition(
        &mut self,
        fetched: &Fetched,
        name: &TopicPartition,
        answer: FetchPartitionResponse,
    ) -> bool {
        let source = self.sources.get(&fetched.broker);
        let asked = source.and_then(|source| source.session.asked(name));
        let (Some(partition), Some(asked)) = (self.partitions.get_mut(name), asked) else {
            return false;
        };
        let Phase::Active { fetch, .. } = partition.phase else {
            return false;
        };
        if asked.version != partition.version || asked.partition.fetch_offset != fetch.offset {
            // About another life of this position: a seek or a rebalance came between.
            return false;
        }
        if answer.error_code.is_error() {
            self.handle_partition_error(fetched, name, answer.error_code);
            return false;
        }
        partition.backoff.reset();
        partition.bounds = Some(LogBounds {
            log_start_offset: answer.log_start_offset,
            last_stable_offset: answer.last_stable_offset,
            high_watermark: answer.high_watermark,
        });
        if let Some(diverging) = answer.diverging_epoch {
            self.handle_diverging(name, diverging);
            return true;
        }
        if let Some(replica) = answer.preferred_read_replica {
            partition.preferred = Some((replica, fetched.now + self.settings.metadata_max_age));
            return true;
        }
        let aborted = answer.aborted_transactions.unwrap_or_default();
        let records = answer.records.unwrap_or_default();
        self.keep(fetched, name, records, Aborted::new(aborted))
    }

    /// Puts data away until it is asked for, and finds out where to go on fetching.
    fn keep(
        &mut self,
        fetched: &Fetched,
        name: &TopicPartition,
        records: Bytes,
        aborted: Aborted,
    ) -> bool {
        let Some(partition) = self.partitions.get_mut(name) else {
            return false;
        };
        let Phase::Active { fetch, .. } = &mut partition.phase else {
            return false;
        };
        let walked = walk(&records, *fetch);
        *fetch = walked.next;
        partition.ends_in_error = walked.ends_in_error;
        if !walked.has_batches && !walked.ends_in_error {
            // Ask for more, but only once: an answer that does not grow is no news.
            let needed = walked.needed_bytes.unwrap_or(0);
            let grows = needed > partition.fetch_bytes;
            partition.fetch_bytes = partition.fetch_bytes.max(needed);
            return grows;
        }
        self.last_served += 1;
        partition.served = self.last_served;
        self.ready.push_back(Slice {
            name: name.clone(),
            version: partition.version,
            broker: fetched.broker,
            job: fetched.job,
            bytes: records.len(),
            batches: Batches::new(records),
            aborted,
            open: None,
        });
        true
    }

    fn handle_partition_error(
        &mut self,
        fetched: &Fetched,
        name: &TopicPartition,
        code: ErrorCode,
    ) {
        let now = fetched.now;
        let has_data = self.ready.iter().any(|slice| slice.name == *name);
        let Some(partition) = self.partitions.get_mut(name) else {
            return;
        };
        partition.back_off(now);
        let follower = partition.is_fetched_from_follower(now);
        if follower {
            // It may be behind, or dead; the leader knows.
            partition.preferred = None;
            partition.not_before = None;
        }
        match code {
            ErrorCode::OffsetOutOfRange => {
                // What was fetched before is handed out first; then the same answer counts.
                if !follower && !has_data {
                    self.handle_out_of_range(name);
                }
            }
            ErrorCode::UnknownTopicOrPartition
            | ErrorCode::UnknownTopicId
            | ErrorCode::InconsistentTopicId
            | ErrorCode::NotLeaderOrFollower
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::UnknownLeaderEpoch
            | ErrorCode::ReplicaNotAvailable
            | ErrorCode::KafkaStorageError
            | ErrorCode::OffsetNotAvailable => {
                self.wants_metadata = Some("a broker does not lead a partition that is consumed");
            }
            ErrorCode::CorruptMessage => {
                let position = partition.position();
                let offset = position.map_or(-1, |position| position.offset);
                partition.phase = Phase::Halted { position };
                let error = Error::broker(code).during(format!(
                    "fetching partition `{name}` at offset {offset} (seek past it to skip, or resume to try again)"
                ));
                self.errors.push_back((Some(name.clone()), error));
            }
            code if code.is_retriable() || code == ErrorCode::UnknownServerError => {
                tracing::debug!(partition = %name, error = %code, "fetch failed, trying again");
            }
            code => {
                let error = Error::broker(code).during(format!("fetching partition `{name}`"));
                self.errors.push_back((Some(name.clone()), error));
            }
        }
    }

    fn handle_out_of_range(&mut self, name: &TopicPartition) {
        let Some(partition) = self.partitions.get(name) else {
            return;
        };
        let offset = partition.position().map_or(-1, |position| position.offset);
        let why = match partition.bounds {
            Some(bounds) if bounds.log_start_offset > offset => {
                format!(
                    "offset {offset} is no longer in its log, which begins at {}: retention or compaction was faster than this consumer",
                    bounds.log_start_offset
                )
            }
            _ => format!("offset {offset} is not in its log"),
        };
        self.reset_by_policy(name, &why);
    }

    /// The leader's log is not the one that was read up to here (KIP-320).
    fn handle_diverging(&mut self, name: &TopicPartition, diverging: DivergingEpoch) {
        let version = self.next_version();
        let has_policy = self.settings.reset.is_some();
        let Some(partition) = self.partitions.get_mut(name) else {
            return;
        };
        let Phase::Active { position, .. } = partition.phase else {
            return;
        };
        let end = Position {
            offset: diverging.end_offset,
            leader_epoch: diverging.epoch,
        };
        self.silent_moves += 1;
        if end.offset < 0 || end.leader_epoch.is_none() {
            // The leader has nothing to compare with. That is not data loss: go on unchecked.
            partition.activate(Position::at(position.offset), version);
        } else if end.offset >= position.offset {
            // Only what was fetched ahead is gone.
            partition.activate(position, version);
        } else if has_policy {
            tracing::warn!(
                partition = %name, offset = position.offset, end_offset = end.offset,
                "log was truncated: records that were consumed are gone, going on at its end"
            );
            partition.activate(end, version);
        } else {
            partition.set_phase(
                Phase::Halted {
                    position: Some(position),
                },
                version,
            );
            let text = format!(
                "partition `{name}` was truncated: its log is another from offset {} on, and records up to {} were consumed \
                 (an out-of-sync replica became leader); seek to go on",
                end.offset, position.offset
            );
            let error = Error::new(ErrorKind::Broker(ErrorCode::OffsetOutOfRange), text);
            self.errors.push_back((Some(name.clone()), error));
        }
        self.ready
            .retain(|slice| slice.name != *name || slice.version == version);
    }

    /// The topic was deleted and made again: all its records are new.
    pub(super) fn handle_made_anew(&mut self, name: &TopicPartition) {
        tracing::warn!(partition = %name, "topic was made anew, going on at its beginning");
        self.set_phase(name, Phase::Reset(ResetTo::Earliest, Wait::default()));
        self.ready.retain(|slice| slice.name != *name);
    }

    /// `auto.offset.reset`.
    pub(super) fn reset_by_policy(&mut self, name: &TopicPartition, why: &str) {
        if let Some(to) = self.settings.reset {
            tracing::debug!(partition = %name, ?to, why, "position is reset");
            return self.set_phase(name, Phase::Reset(to, Wait::default()));
        }
        let position = self
            .partitions
            .get(name)
            .and_then(super::Partition::position);
        self.set_phase(name, Phase::Halted { position });
        let text = format!(
            "partition `{name}` has no position: {why}, and auto.offset.reset is none; seek to one"
        );
        let error = Error::new(ErrorKind::Broker(ErrorCode::OffsetOutOfRange), text);
        self.errors.push_back((Some(name.clone()), error));
    }

    pub(super) fn halt_unreadable(&mut self, name: &TopicPartition, unreadable: &Unreadable) {
        let Some(partition) = self.partitions.get_mut(name) else {
            return;
        };
        let position = partition.position();
        partition.phase = Phase::Halted { position };
        let offset = position.map_or(-1, |position| position.offset);
        let remedy = match unreadable.skip_to {
            Some(next) => format!("seek to {next} to skip it"),
            None => "seek past it to skip it".to_owned(),
        };
        let text = format!(
            "partition `{name}` cannot be read at offset {offset}: {}; {remedy}, or resume to try again",
            unreadable.error
        );
        let error = Error::new(ErrorKind::BrokerMisbehaved, text);
        self.errors.push_back((Some(name.clone()), error));
    }

    fn go_on_at(&mut self, name: &TopicPartition, position: Position) {
        let version = self.next_version();
        self.silent_moves += 1;
        if let Some(partition) = self.partitions.get_mut(name) {
            partition.backoff.reset();
            partition.activate(position, version);
        }
    }

    fn set_phase(&mut self, name: &TopicPartition, phase: Phase) {
        let version = self.next_version();
        if let Some(partition) = self.partitions.get_mut(name) {
            partition.set_phase(phase, version);
        }
    }

    /// The same question again, after a pause.
    fn ask_later(&mut self, now: Instant, name: &TopicPartition) {
        let Some(partition) = self.partitions.get_mut(name) else {
            return;
        };
        if let Phase::Committed(wait) | Phase::Reset(_, wait) = &mut partition.phase {
            *wait = Wait {
                job: None,
                not_before: Some(now + partition.backoff.pause()),
            };
        }
    }

    fn waiting(&self, is_waiting: impl Fn(&Phase) -> bool) -> Vec<TopicPartition> {
        let waiting = self
            .partitions
            .iter()
            .filter(|(_, partition)| is_waiting(&partition.phase));
        waiting.map(|(name, _)| name.clone()).collect()
    }

    fn report_unless_retriable(&mut self, error: Error) {
        if error.is_retriable() {
            tracing::debug!(%error, "request of the consumer failed, trying again");
        } else {
            self.errors.push_back((None, error));
        }
    }
}

struct Walked {
    next: Position,
    has_batches: bool,
    /// The first batch is longer than what was asked for.
    needed_bytes: Option<i32>,
    ends_in_error: bool,
}

/// Goes over the headers of the batches, to know where the next fetch begins.
fn walk(records: &Bytes, from: Position) -> Walked {
    let mut walked = Walked {
        next: from,
        has_batches: false,
        needed_bytes: None,
        ends_in_error: false,
    };
    let mut batches = Batches::new(records.clone());
    for batch in batches.by_ref() {
        let Ok(batch) = batch else {
            walked.ends_in_error = true;
            return walked;
        };
        if batch.next_offset() > walked.next.offset {
            walked.has_batches = true;
            walked.next = Position {
                offset: batch.next_offset(),
                leader_epoch: LeaderEpoch::from_wire(batch.header().partition_leader_epoch),
            };
        }
    }
    if batches.truncated() && !walked.has_batches {
        walked.needed_bytes = needed_bytes(records);
    }
    walked
}

/// The length of the first batch, which is cut off.
fn needed_bytes(records: &Bytes) -> Option<i32> {
    let error = Batches::whole(records.clone()).next()?.err()?;
    match error.reason {
        BatchErrorReason::Truncated { needed, .. } => i32::try_from(needed).ok(),
        _ => None,
    }
}
