//! The incremental cooperative assignor (KIP-415): work stays where it is unless balance needs it elsewhere.
//!
//! A rebalance takes one round or two. In the first, workers above their fair share give work up; as they join again
//! without it, the second hands it to those below. Work that disappeared with a worker is not handed out at once: the
//! worker may be restarting, so the leader waits up to `scheduled.rebalance.max.delay.ms` for it to come back.
//!
//! The state is the leader's own and starts empty when leadership moves, as in Java.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::load::{Loads, fill, surplus};
use crate::distributed::Work;

/// How much longer each further revoking round in a row has to wait, as a factor of milliseconds.
const SUCCESSIVE_REVOCATION_FACTOR: u32 = 40;

/// Decides, round by round, who runs what.
#[derive(Debug)]
pub struct CooperativeAssignor {
    max_delay: Duration,
    /// What the cluster ran after the last round, lost work included.
    previous: Work,
    /// What the last round told workers to stop.
    previous_revocation: Work,
    previous_generation: Option<i32>,
    previous_members: BTreeSet<String>,
    /// Workers that were idle while lost work waited: they get it, since one of them may be the lost worker come back.
    candidates: Vec<String>,
    /// When lost work is handed out, or balancing goes on.
    scheduled: Option<Instant>,
    delay: Duration,
    revoked_in_previous: bool,
    successive_revocations: u32,
}

/// What the leader knows when a round begins.
#[derive(Debug)]
pub struct Round {
    /// Every connector and task that the config topic knows.
    pub configured: Work,
    /// The generation that this worker completed last; `None` if none.
    pub last_completed_generation: Option<i32>,
    /// The generation that this round makes.
    pub generation: i32,
    /// What each member says it runs, by member id.
    pub members: BTreeMap<String, Work>,
}

/// What the leader decided.
#[derive(Debug, Default)]
pub struct Shares {
    /// New work by member id.
    pub assigned: BTreeMap<String, Work>,
    /// Work to stop by member id.
    pub revoked: BTreeMap<String, Work>,
    /// All that each member runs once both are done.
    pub complete: BTreeMap<String, Work>,
    /// After how long everybody joins again; zero for not.
    pub delay: Duration,
}

impl CooperativeAssignor {
    /// An assignor that waits at most `max_delay` (`scheduled.rebalance.max.delay.ms`) for a lost worker.
    #[must_use]
    pub fn new(max_delay: Duration) -> Self {
        Self {
            max_delay,
            previous: Work::default(),
            previous_revocation: Work::default(),
            previous_generation: None,
            previous_members: BTreeSet::new(),
            candidates: Vec::new(),
            scheduled: None,
            delay: Duration::ZERO,
            revoked_in_previous: false,
            successive_revocations: 0,
        }
    }

    /// Decides one round.
    pub fn assign(&mut self, now: Instant, round: &Round) -> Shares {
        let active: Work = round.members.values().collect();
        self.forget_what_did_not_happen(round, &active);
        let deleted = self.previous.without(&[&round.configured]);
        let lost = self.previous.without(&[&active, &deleted]);
        let created = round.configured.without(&[&self.previous, &active]);

        let current = each(&round.members, |work| work.without(&[&deleted]));
        let unwanted = [&deleted, &duplicated(&round.members)]
            .into_iter()
            .collect();
        let mut revoked = each(&round.members, |work| work.common(&unwanted));
        let mut next = each(&round.members, |work| work.without(&[&unwanted]));

        let found_again = self.handle_lost(now, &lost, &mut next);
        self.balance(now, round, &mut next, &mut revoked);
        fill(&mut next, [&created, &found_again]);

        self.remember(round, &next, &revoked, &lost);
        let assigned = next
            .iter()
            .map(|(member, work)| (member.clone(), work.without(&[&current[member]])))
            .collect();
        Shares {
            assigned,
            revoked,
            complete: next,
            delay: self.delay,
        }
    }

    /// An assignment that never reached the group, or a revocation that a worker has not carried out, must not count.
    fn forget_what_did_not_happen(&mut self, round: &Round, active: &Work) {
        if self.previous_generation != round.last_completed_generation {
            self.previous = Work::default();
        }
        if self.previous_revocation.overlaps(active) {
            self.previous = active.clone();
        }
        self.previous_revocation = Work::default();
    }

    /// Gives lost work to idle candidates, or returns it to be handed out, or lets it wait.
    fn handle_lost(&mut self, now: Instant, lost: &Work, next: &mut Loads) -> Work {
        if lost.is_empty() && !self.revoked_in_previous {
            self.reset_delay();
            return Work::default();
        }
        let all_are_back = self
            .previous_members
            .iter()
            .all(|member| next.contains_key(member));
        if self.max_delay.is_zero() || (self.scheduled.is_none() && all_are_back) {
            return lost.clone();
        }
        match self.scheduled {
            Some(scheduled) if now >= scheduled => {
                let rest = self.give_to_candidates(lost, next);
                self.reset_delay();
                self.revoked_in_previous = false;
                rest
            }
            scheduled => {
                self.note_candidates(next);
                self.delay = scheduled.map_or(self.max_delay, |scheduled| {
                    (scheduled - now).min(self.max_delay)
                });
                self.scheduled = Some(now + self.delay);
                Work::default()
            }
        }
    }

    fn note_candidates(&mut self, next: &Loads) {
        for (member, _) in next.iter().filter(|(_, load)| load.is_empty()) {
            if !self.candidates.contains(member) {
                self.candidates.push(member.clone());
            }
        }
    }

    /// Hands `lost` in turn to the candidates that are still there; returns it if there are none.
    fn give_to_candidates(&self, lost: &Work, next: &mut Loads) -> Work {
        let present: Vec<&String> = self
            .candidates
            .iter()
            .filter(|member| next.contains_key(*member))
            .collect();
        if present.is_empty() {
            return lost.clone();
        }
        for (connector, member) in lost.connectors.iter().zip(present.iter().cycle()) {
            next.entry((*member).clone())
                .or_default()
                .connectors
                .insert(connector.clone());
        }
        for (task, member) in lost.tasks.iter().zip(present.iter().cycle()) {
            next.entry((*member).clone())
                .or_default()
                .tasks
                .insert(task.clone());
        }
        Work::default()
    }

    /// Takes work from those with more than their share, unless lost work is waiting or the last round already did.
    fn balance(&mut self, now: Instant, round: &Round, next: &mut Loads, revoked: &mut Loads) {
        if !self.delay.is_zero() {
            self.revoked_in_previous = false;
            return;
        }
        let excess = excess(round, next);
        if excess.is_empty() {
            // Balance has been reached, unless waiting was all that the last round did.
            if std::mem::take(&mut self.revoked_in_previous) {
                self.successive_revocations = 0;
            }
            return;
        }
        if self.revoked_in_previous {
            self.successive_revocations += 1;
            self.delay = self.backoff();
            if !self.delay.is_zero() {
                self.scheduled = Some(now + self.delay);
                return;
            }
        }
        self.revoked_in_previous = true;
        for (member, work) in &excess {
            revoked.entry(member.clone()).or_default().add(work);
            next.entry(member.clone()).or_default().remove(work);
        }
    }

    /// How long the next revoking round has to wait: 40 ms, 1.6 s, 64 s, ... up to the maximum.
    fn backoff(&self) -> Duration {
        let factor = SUCCESSIVE_REVOCATION_FACTOR
            .checked_pow(self.successive_revocations)
            .unwrap_or(u32::MAX);
        Duration::from_millis(factor.into()).min(self.max_delay)
    }

    fn remember(&mut self, round: &Round, next: &Loads, revoked: &Loads, lost: &Work) {
        self.previous_revocation = revoked.values().collect();
        self.previous = next
            .values()
            .collect::<Work>()
            .without(&[&self.previous_revocation]);
        self.previous.add(lost);
        self.previous_generation = Some(round.generation);
        self.previous_members = round.members.keys().cloned().collect();
    }

    fn reset_delay(&mut self) {
        self.candidates.clear();
        self.scheduled = None;
        self.delay = Duration::ZERO;
    }
}

/// The same members, with what `change` makes of their work.
fn each(members: &Loads, change: impl Fn(&Work) -> Work) -> Loads {
    members
        .iter()
        .map(|(member, work)| (member.clone(), change(work)))
        .collect()
}

/// What more than one member runs.
fn duplicated(members: &Loads) -> Work {
    let (mut seen, mut twice) = (Work::default(), Work::default());
    for work in members.values() {
        twice.add(&work.common(&seen));
        seen.add(work);
    }
    twice
}

/// What each member has beyond a fair share. Nothing while nobody runs anything: then all is about to be handed out anyway.
fn excess(round: &Round, loads: &Loads) -> Loads {
    if round.configured.is_empty() || loads.values().all(Work::is_empty) {
        return Loads::new();
    }
    let counts: Vec<usize> = loads.values().map(|load| load.connectors.len()).collect();
    let connectors = surplus(&counts, round.configured.connectors.len());
    let counts: Vec<usize> = loads.values().map(|load| load.tasks.len()).collect();
    let tasks = surplus(&counts, round.configured.tasks.len());
    loads
        .iter()
        .zip(connectors.into_iter().zip(tasks))
        .map(|((member, load), (connectors, tasks))| {
            let running = &round.members[member];
            let surplus = Work {
                connectors: first(&load.connectors, &running.connectors, connectors),
                tasks: first(&load.tasks, &running.tasks, tasks),
            };
            (member.clone(), surplus)
        })
        .filter(|(_, surplus)| !surplus.is_empty())
        .collect()
}

/// The first `count` of `load`: what the member runs before what it has just been given, which nobody has to stop.
fn first<T: Ord + Clone>(load: &BTreeSet<T>, running: &BTreeSet<T>, count: usize) -> BTreeSet<T> {
    load.intersection(running)
        .chain(load.difference(running))
        .take(count)
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests;
