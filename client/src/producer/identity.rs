//! Who this producer is to the brokers: its id and epoch, and how it comes by them (KIP-98, KIP-360).

use std::time::Instant;

/// The id and epoch under which batches are written (`InitProducerId`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProducerIdentity {
    pub(crate) producer_id: i64,
    pub(crate) epoch: i16,
}

/// The way to an identity.
///
/// ```text
/// Missing --ask--> Asking --answer--> Known --bump--> Known (epoch + 1)
///    ^                |                  |
///    '---- failed ----'                  '--epochs used up, or fenced--> Missing
/// ```
#[derive(Debug)]
pub(crate) enum Identity {
    /// None is needed: `enable.idempotence=false`.
    Unneeded,
    /// Not there, and not asked for before that time.
    Missing {
        not_before: Option<Instant>,
        attempts: u32,
    },
    /// Asked for.
    Asking { attempts: u32 },
    /// There it is.
    Known(ProducerIdentity),
}

impl Identity {
    pub(crate) fn new(is_idempotent: bool) -> Self {
        if is_idempotent {
            Self::Missing {
                not_before: None,
                attempts: 0,
            }
        } else {
            Self::Unneeded
        }
    }

    /// The identity, if there is one.
    pub(crate) fn known(&self) -> Option<ProducerIdentity> {
        match self {
            Self::Known(identity) => Some(*identity),
            Self::Unneeded | Self::Missing { .. } | Self::Asking { .. } => None,
        }
    }

    /// Whether batches can be sent.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(self, Self::Known(_) | Self::Unneeded)
    }

    /// Whether to ask for one now; if so it counts as asked for.
    pub(crate) fn ask(&mut self, now: Instant) -> bool {
        match *self {
            Self::Missing {
                not_before,
                attempts,
            } if not_before.is_none_or(|at| at <= now) => {
                *self = Self::Asking {
                    attempts: attempts + 1,
                };
                true
            }
            _ => false,
        }
    }

    /// When to ask, if that is not now.
    pub(crate) fn ask_at(&self) -> Option<Instant> {
        match self {
            Self::Missing { not_before, .. } => *not_before,
            _ => None,
        }
    }

    /// How often it was asked for in vain.
    pub(crate) fn attempts(&self) -> u32 {
        match self {
            Self::Asking { attempts } | Self::Missing { attempts, .. } => *attempts,
            Self::Unneeded | Self::Known(_) => 0,
        }
    }

    pub(crate) fn granted(&mut self, identity: ProducerIdentity) {
        *self = Self::Known(identity);
    }

    /// The question failed and is put again at `at`.
    pub(crate) fn refused(&mut self, at: Instant) {
        *self = Self::Missing {
            not_before: Some(at),
            attempts: self.attempts(),
        };
    }

    /// Moves on from `old`, whose sequences cannot be continued: to the next epoch, or to a new id where epochs are used
    /// up. A producer without a transactional id may count its epoch up by itself.
    pub(crate) fn bump(&mut self, old: ProducerIdentity) {
        match *self {
            Self::Known(identity) if identity == old => match identity.epoch.checked_add(1) {
                Some(epoch) => *self = Self::Known(ProducerIdentity { epoch, ..identity }),
                None => self.forget(),
            },
            // Another partition has done it already.
            _ => {}
        }
    }

    /// Gives up the identity: somebody else writes under a later epoch.
    pub(crate) fn fenced(&mut self, old: ProducerIdentity) {
        if self.known() == Some(old) {
            self.forget();
        }
    }

    fn forget(&mut self) {
        *self = Self::Missing {
            not_before: None,
            attempts: 0,
        };
    }
}

/// The sequence number after `count` records from `sequence` on: 0 follows `i32::MAX`.
pub(crate) fn advance(sequence: i32, count: u32) -> i32 {
    let next = (i64::from(sequence) + i64::from(count)) & i64::from(i32::MAX);
    i32::try_from(next).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const FIRST: ProducerIdentity = ProducerIdentity {
        producer_id: 7,
        epoch: 0,
    };

    #[test]
    fn sequence_zero_follows_the_largest() {
        assert_eq!(advance(0, 3), 3);
        assert_eq!(advance(i32::MAX - 1, 1), i32::MAX);
        assert_eq!(advance(i32::MAX, 1), 0);
        assert_eq!(advance(i32::MAX - 2, 5), 2);
    }

    #[test]
    fn an_identity_is_asked_for_once_at_a_time_and_again_after_the_backoff() {
        let now = Instant::now();
        let later = now + Duration::from_millis(100);
        let mut identity = Identity::new(true);
        assert!(identity.ask(now));
        assert!(!identity.ask(now), "an answer is on its way");
        identity.refused(later);
        assert!(!identity.ask(now));
        assert_eq!(identity.ask_at(), Some(later));
        assert!(identity.ask(later));
        assert_eq!(identity.attempts(), 2);
        identity.granted(FIRST);
        assert_eq!(identity.known(), Some(FIRST));
        assert!(!identity.ask(later));
    }

    #[test]
    fn partitions_that_fail_together_bump_the_epoch_once() {
        let mut identity = Identity::Known(FIRST);
        identity.bump(FIRST);
        identity.bump(FIRST);
        assert_eq!(
            identity.known(),
            Some(ProducerIdentity { epoch: 1, ..FIRST })
        );
    }

    #[test]
    fn used_up_epochs_ask_for_a_new_id() {
        let last = ProducerIdentity {
            epoch: i16::MAX,
            ..FIRST
        };
        let mut identity = Identity::Known(last);
        identity.bump(last);
        assert_eq!(identity.known(), None);
        assert!(identity.ask(Instant::now()));
    }
}
