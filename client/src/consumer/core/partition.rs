//! One assigned partition: where it is read, and what has to be known before it can be.

use std::time::{Duration, Instant};

use kconnect_protocol::TopicPartition;
use kconnect_protocol::types::{BrokerId, LeaderEpoch, Uuid};

use super::JobId;
use crate::attempts::Attempts;

/// A place in a partition: the next offset, and the epoch of the record before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) offset: i64,
    /// With it the leader can tell that its log is not the one that was read (KIP-320).
    pub(crate) leader_epoch: Option<LeaderEpoch>,
}

impl Position {
    pub(crate) const fn at(offset: i64) -> Self {
        Self {
            offset,
            leader_epoch: None,
        }
    }
}

/// Where to begin when there is no position, or the one there is cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ResetTo {
    Earliest,
    Latest,
    /// The first record not older than this; the end if there is none (KIP-1106).
    Since(Duration),
}

/// What a partition waits for.
///
/// ```text
///   Committed ──▶ Active ◀──▶ Reset        seek: any ──▶ Active
///       └─────────────────────▶┘           error: Active, Reset ──▶ Halted
/// ```
#[derive(Debug)]
pub(crate) enum Phase {
    /// The group's committed offset.
    Committed(Wait),
    /// An offset of the log's.
    Reset(ResetTo, Wait),
    Active {
        /// The next record to hand out.
        position: Position,
        /// The next record to ask for; what lies between has been fetched.
        fetch: Position,
    },
    /// An error was reported that the caller has to do something about.
    Halted { position: Option<Position> },
}

/// A question to a broker, under way or to be asked.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wait {
    pub(crate) job: Option<JobId>,
    pub(crate) not_before: Option<Instant>,
}

impl Wait {
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.job.is_none() && self.not_before.is_none_or(|at| now >= at)
    }
}

/// Who to fetch from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Leadership {
    pub(crate) broker: Option<BrokerId>,
    pub(crate) epoch: Option<LeaderEpoch>,
    /// `None` if the brokers have no topic ids.
    pub(crate) topic_id: Option<Uuid>,
}

/// What the last answer said of the partition's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogBounds {
    pub(crate) log_start_offset: i64,
    pub(crate) last_stable_offset: i64,
    pub(crate) high_watermark: i64,
}

#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) name: TopicPartition,
    pub(crate) phase: Phase,
    /// Data and answers that carry another version are about another life of the position.
    pub(crate) version: u64,
    pub(crate) is_paused: bool,
    /// The group takes it away, and the caller still saves what it has.
    pub(crate) is_revoking: bool,
    pub(crate) leadership: Leadership,
    /// A nearer replica and until when to use it (KIP-392).
    pub(crate) preferred: Option<(BrokerId, Instant)>,
    pub(crate) bounds: Option<LogBounds>,
    /// Raised above `max.partition.fetch.bytes` for a batch that did not fit.
    pub(crate) fetch_bytes: i32,
    /// When it last had data: who had most recently stands last in a request.
    pub(crate) served: u64,
    pub(crate) backoff: Attempts,
    pub(crate) not_before: Option<Instant>,
    /// What was fetched ends in a batch that cannot be read: nothing is asked for behind it.
    pub(crate) ends_in_error: bool,
}

impl Partition {
    pub(crate) fn position(&self) -> Option<Position> {
        match self.phase {
            Phase::Active { position, .. } => Some(position),
            Phase::Halted { position } => position,
            Phase::Committed(_) | Phase::Reset(..) => None,
        }
    }

    /// Where to fetch, if there is anything to fetch now.
    pub(crate) fn fetch_position(&self, now: Instant) -> Option<Position> {
        match self.phase {
            Phase::Active { fetch, .. }
                if self.is_wanted()
                    && !self.ends_in_error
                    && self.not_before.is_none_or(|at| now >= at) =>
            {
                Some(fetch)
            }
            _ => None,
        }
    }

    /// Whether records of it may be handed out.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.is_paused && !self.is_revoking
    }

    /// The broker to fetch from.
    pub(crate) fn source(&self, now: Instant) -> Option<BrokerId> {
        match self.preferred {
            Some((broker, until)) if now < until => Some(broker),
            _ => self.leadership.broker,
        }
    }

    pub(crate) fn is_fetched_from_follower(&self, now: Instant) -> bool {
        self.source(now) != self.leadership.broker
    }

    /// Goes on at `position`; whatever was fetched before has another version.
    pub(crate) fn activate(&mut self, position: Position, version: u64) {
        self.set_phase(
            Phase::Active {
                position,
                fetch: position,
            },
            version,
        );
    }

    pub(crate) fn set_phase(&mut self, phase: Phase, version: u64) {
        self.phase = phase;
        self.version = version;
        self.ends_in_error = false;
        self.not_before = None;
    }

    /// Asks the same again after a pause.
    pub(crate) fn back_off(&mut self, now: Instant) {
        self.not_before = Some(now + self.backoff.pause());
    }
}
