//! When to ask for metadata, whom, and about what. Decides without I/O.
//!
//! A *round* asks one broker after the other until one answers: those that are known, then the bootstrap servers (KIP-899).
//! A round in which nobody answered is followed by a pause that grows. Answers that bring nothing new are followed by a
//! pause that grows as well, so that an error that metadata cannot cure does not become a busy loop. A topic that is
//! wanted for the first time is asked for at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kconnect_protocol::types::BrokerId;

use super::merge::Scope;
use super::metadata::Metadata;
use crate::net::{Backoff, Random};

/// Whom to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PeerKey {
    /// A broker by its id.
    Broker(BrokerId),
    /// A bootstrap server, by its place in the list.
    Bootstrap(usize),
}

/// How often, and where to.
#[derive(Clone, Copy, Debug)]
pub(super) struct RefreshSettings {
    /// The age after which metadata is asked for again.
    pub(super) max_age: Duration,
    /// The pause between questions.
    pub(super) backoff: Backoff,
    /// How many bootstrap servers there are.
    pub(super) bootstrap: usize,
    /// Whether they are asked again when no broker answers.
    pub(super) rebootstrap: bool,
    /// How long nobody may answer before they are asked first.
    pub(super) rebootstrap_trigger: Duration,
}

/// How long a topic is kept up to date after it was used by somebody who does not hold an interest.
const UNUSED_TOPIC_MAX: Duration = Duration::from_mins(5);

/// A question to send.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) peer: PeerKey,
    pub(super) scope: Scope,
    /// Its number, rising.
    pub(super) number: u64,
}

/// When to ask for metadata, whom, and about what.
#[derive(Debug)]
pub(super) struct Refresh {
    settings: RefreshSettings,
    random: Random,
    wishes: Wishes,
    /// Nothing is asked before somebody wants something.
    is_started: bool,
    /// Somebody says that what is known is wrong.
    is_stale: bool,
    under_way: Option<UnderWay>,
    /// The number of the last question.
    number: u64,
    not_before: Option<Instant>,
    last_full: Option<Instant>,
    /// Answers in a row that brought nothing new.
    equivalent: u32,
    round: Round,
}

#[derive(Clone, Copy, Debug)]
struct UnderWay {
    peer: PeerKey,
    is_full: bool,
}

/// The attempts since the last answer.
#[derive(Debug, Default)]
struct Round {
    tried: BTreeSet<PeerKey>,
    /// Rounds in a row in which nobody answered.
    failures: u32,
    failing_since: Option<Instant>,
    last_good: Option<PeerKey>,
    /// The bootstrap servers are asked before the brokers.
    bootstrap_first: bool,
}

/// Which topics are wanted, and by whom.
#[derive(Debug, Default)]
struct Wishes {
    /// How many want all topics.
    all: usize,
    /// Topics that somebody holds an interest in, and how many do.
    held: BTreeMap<Arc<str>, usize>,
    /// Topics that somebody used without holding an interest, and when.
    used: BTreeMap<Arc<str>, Instant>,
}

impl Refresh {
    pub(super) fn new(settings: RefreshSettings, random: Random) -> Self {
        Self {
            settings,
            random,
            wishes: Wishes::default(),
            is_started: false,
            is_stale: false,
            under_way: None,
            number: 0,
            not_before: None,
            last_full: None,
            equivalent: 0,
            round: Round::default(),
        }
    }

    /// Somebody wants to know the brokers.
    pub(super) fn start(&mut self) {
        self.is_started = true;
    }

    /// Somebody used `topic`: what is known of it is kept for a while.
    pub(super) fn used(&mut self, now: Instant, topic: &Arc<str>) {
        self.wishes.used.insert(Arc::clone(topic), now);
    }

    /// Somebody wants `topic` to be kept up to date.
    pub(super) fn hold(&mut self, topic: &Arc<str>) {
        self.is_started = true;
        let is_new = !self.wishes.has(topic);
        *self.wishes.held.entry(Arc::clone(topic)).or_default() += 1;
        self.hurry(is_new);
    }

    /// The end of a [`Refresh::hold`].
    pub(super) fn release(&mut self, topic: &Arc<str>) {
        if let Some(holders) = self.wishes.held.get_mut(topic) {
            *holders -= 1;
            if *holders == 0 {
                self.wishes.held.remove(topic);
            }
        }
    }

    /// Somebody wants all topics to be kept up to date.
    pub(super) fn hold_all(&mut self) {
        self.is_started = true;
        self.wishes.all += 1;
        if self.wishes.all == 1 {
            self.is_stale = true;
            self.hurry(true);
        }
    }

    /// The end of a [`Refresh::hold_all`].
    pub(super) fn release_all(&mut self) {
        self.wishes.all = self.wishes.all.saturating_sub(1);
    }

    /// What is known is wrong, or about to be. Answers the number of the question whose answer will be newer than this.
    pub(super) fn invalidate(&mut self) -> u64 {
        self.is_started = true;
        self.is_stale = true;
        self.number + 1
    }

    /// The next question, if one is due.
    pub(super) fn poll(
        &mut self,
        now: Instant,
        metadata: &Metadata,
        is_connected: impl Fn(BrokerId) -> bool,
    ) -> Option<Ask> {
        if self.under_way.is_some() || self.not_before.is_some_and(|not_before| now < not_before) {
            return None;
        }
        self.wishes.expire(now);
        let (scope, is_full) = self.scope(now, metadata)?;
        let peer = self.next_peer(now, metadata, is_connected)?;
        self.under_way = Some(UnderWay { peer, is_full });
        self.is_stale &= !is_full;
        self.number += 1;
        Some(Ask {
            peer,
            scope,
            number: self.number,
        })
    }

    /// When to poll again, if nothing happens before.
    pub(super) fn poll_timeout(&self, now: Instant, metadata: &Metadata) -> Option<Instant> {
        if self.under_way.is_some() || !self.is_started {
            return None;
        }
        let due = if self.scope(now, metadata).is_some() {
            now
        } else {
            self.last_full?.checked_add(self.settings.max_age)?
        };
        Some(
            self.not_before
                .map_or(due, |not_before| due.max(not_before)),
        )
    }

    /// The question was answered. `is_equivalent`: with nothing new. `rebootstrap`: the broker says to start again from the
    /// bootstrap servers (KIP-1102).
    pub(super) fn succeeded(&mut self, now: Instant, is_equivalent: bool, rebootstrap: bool) {
        let Some(UnderWay { peer, is_full }) = self.under_way.take() else {
            return;
        };
        self.round = Round {
            // A bootstrap server's connection may have become a broker's.
            last_good: Some(peer).filter(|peer| matches!(peer, PeerKey::Broker(_)) && !rebootstrap),
            bootstrap_first: rebootstrap && self.settings.rebootstrap,
            ..Round::default()
        };
        self.is_stale |= rebootstrap;
        if is_full {
            self.last_full = Some(now);
        }
        self.equivalent = if is_equivalent {
            self.equivalent.saturating_add(1)
        } else {
            0
        };
        self.not_before = Some(
            now + self
                .settings
                .backoff
                .pause(self.equivalent, &mut self.random),
        );
    }

    /// The question was not answered. Answers whether that was the last one of the round.
    pub(super) fn failed(&mut self, now: Instant, metadata: &Metadata) -> bool {
        let Some(UnderWay { peer, is_full }) = self.under_way.take() else {
            return false;
        };
        self.is_stale |= is_full;
        let round = &mut self.round;
        round.tried.insert(peer);
        round.last_good = None;
        let since = *round.failing_since.get_or_insert(now);
        if now.duration_since(since) >= self.settings.rebootstrap_trigger
            && self.settings.rebootstrap
        {
            round.bootstrap_first = true;
        }
        if self
            .candidates(metadata)
            .any(|peer| !self.round.tried.contains(&peer))
        {
            return false;
        }
        self.round.tried.clear();
        self.round.failures = self.round.failures.saturating_add(1);
        self.not_before = Some(
            now + self
                .settings
                .backoff
                .pause(self.round.failures, &mut self.random),
        );
        true
    }

    /// Whether anybody wants to know about a topic.
    pub(super) fn is_wanted(&self, topic: &str) -> bool {
        self.wishes.all > 0 || self.wishes.has(topic)
    }

    /// A wish that is new does not wait for the pause between questions, as long as somebody answers.
    fn hurry(&mut self, is_new: bool) {
        if is_new && self.round.failures == 0 {
            self.not_before = None;
        }
    }

    /// What to ask about, and whether that is everything that is wanted.
    fn scope(&self, now: Instant, metadata: &Metadata) -> Option<(Scope, bool)> {
        if !self.is_started {
            return None;
        }
        let age = self
            .last_full
            .map(|last| now.saturating_duration_since(last));
        if self.is_stale || age.is_none_or(|age| age >= self.settings.max_age) {
            return Some((self.wishes.everything(), true));
        }
        let is_missing =
            |name: &&Arc<str>| metadata.topic(name).is_none_or(|topic| topic.may_appear());
        let missing: Vec<_> = self
            .wishes
            .held
            .keys()
            .filter(is_missing)
            .cloned()
            .collect();
        (!missing.is_empty()).then_some((Scope::Topics(missing), false))
    }

    /// Whom to ask: who answered last, else one at random, connected ones first. Everybody once in a round.
    fn next_peer(
        &mut self,
        now: Instant,
        metadata: &Metadata,
        is_connected: impl Fn(BrokerId) -> bool,
    ) -> Option<PeerKey> {
        self.round.failing_since.get_or_insert(now);
        let open: Vec<PeerKey> = self
            .candidates(metadata)
            .filter(|peer| !self.round.tried.contains(peer))
            .collect();
        if let Some(last) = self.round.last_good.filter(|last| open.contains(last)) {
            return Some(last);
        }
        let first_kind =
            |peer: &PeerKey| matches!(peer, PeerKey::Bootstrap(_)) == self.round.bootstrap_first;
        let connected =
            |peer: &PeerKey| matches!(peer, PeerKey::Broker(broker) if is_connected(*broker));
        let best = open
            .iter()
            .map(|peer| (first_kind(peer), connected(peer)))
            .max()?;
        let best: Vec<PeerKey> = open
            .into_iter()
            .filter(|peer| (first_kind(peer), connected(peer)) == best)
            .collect();
        best.get(self.random.below(best.len())).copied()
    }

    /// Everybody who can be asked: the brokers, and the bootstrap servers unless they are not to be asked again.
    fn candidates(&self, metadata: &Metadata) -> impl Iterator<Item = PeerKey> {
        let brokers: Vec<PeerKey> = metadata
            .brokers()
            .map(|broker| PeerKey::Broker(broker.id))
            .collect();
        let bootstrap = if brokers.is_empty() || self.settings.rebootstrap {
            self.settings.bootstrap
        } else {
            0
        };
        brokers
            .into_iter()
            .chain((0..bootstrap).map(PeerKey::Bootstrap))
    }
}

impl Wishes {
    fn has(&self, topic: &str) -> bool {
        self.held.contains_key(topic) || self.used.contains_key(topic)
    }

    fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        let used = self
            .used
            .keys()
            .filter(|name| !self.held.contains_key(*name));
        self.held.keys().chain(used)
    }

    fn everything(&self) -> Scope {
        if self.all > 0 {
            Scope::All
        } else {
            Scope::Topics(self.names().cloned().collect())
        }
    }

    fn expire(&mut self, now: Instant) {
        self.used
            .retain(|_, used| now.saturating_duration_since(*used) < UNUSED_TOPIC_MAX);
    }
}

#[cfg(test)]
mod tests;
