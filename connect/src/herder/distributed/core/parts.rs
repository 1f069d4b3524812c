//! What runs on this worker, and what has to be started or stopped so that it is what should run.
//!
//! Nothing here remembers orders: at any moment the parts that run are compared with those that are wanted, and the difference
//! is started, stopped or told another target. A part that is stopping is waited for; a part that has failed stays down
//! until its configuration changes or somebody restarts it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::herder::entities::ConfigMap;
use crate::runtime::{RunId, State, TargetState};

/// What a part should be like.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// Started with these configurations: the connector's, and for a task its own.
    pub(super) connector: Arc<ConfigMap>,
    pub(super) config: Arc<ConfigMap>,
    pub(super) target: TargetState,
}

/// One start of a connector or task on this worker.
#[derive(Debug)]
pub(super) struct Part {
    run: RunId,
    config: Arc<ConfigMap>,
    target: TargetState,
    phase: Phase,
    /// The state that it last reported; none before the first report.
    pub(super) state: Option<State>,
    /// It is to be stopped and started again.
    restart: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It runs, as far as is known.
    Up,
    /// It has been told to stop; after the deadline it is abandoned.
    Stopping { deadline: Instant },
    /// It has ended and is only remembered, so that it is not started again for no reason.
    Down,
}

/// How a part ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    /// It had failed.
    pub(super) failed: bool,
    /// It is to be started again.
    pub(super) restarts: bool,
}

/// What a wish for a restart leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Restart {
    /// Nothing: there is no such part.
    NotThere,
    /// The part is down and starts at once.
    Now,
    /// The part stops first.
    WhenStopped,
}

/// What is to be done about a part.
#[derive(Debug)]
pub(super) enum Change<K> {
    /// Start it.
    Start(K, RunId, Wanted),
    /// Tell it what it shall do now.
    SetTarget(K, RunId, TargetState),
    /// Ask it to stop.
    Stop(K, RunId),
    /// Cut it off: it has not stopped in time.
    Abandon(K, RunId),
}

/// All parts of one kind.
#[derive(Debug)]
pub(super) struct Parts<K> {
    parts: BTreeMap<K, Part>,
}

impl<K: Ord + Clone> Parts<K> {
    pub(super) const fn new() -> Self {
        Self {
            parts: BTreeMap::new(),
        }
    }

    /// The part that reported under `run`; none if that run is over.
    pub(super) fn running(&mut self, key: &K, run: RunId) -> Option<&mut Part> {
        self.parts
            .get_mut(key)
            .filter(|part| part.run == run && part.phase != Phase::Down)
    }

    /// The run of a part that is up.
    #[cfg(test)]
    pub(super) fn run(&self, key: &K) -> Option<RunId> {
        self.parts
            .get(key)
            .filter(|part| part.phase == Phase::Up)
            .map(|part| part.run)
    }

    /// The state that a part last reported.
    pub(super) fn state(&self, key: &K) -> Option<State> {
        self.parts.get(key)?.state
    }

    /// Whether nothing is up or on its way down.
    pub(super) fn is_empty(&self) -> bool {
        self.parts.values().all(|part| part.phase == Phase::Down)
    }

    /// Whether everything that is up or on its way down is among `these`.
    pub(super) fn all_within(&self, these: impl Fn(&K) -> bool) -> bool {
        self.parts
            .iter()
            .all(|(key, part)| part.phase == Phase::Down || these(key))
    }

    /// A part has ended. One that failed is remembered.
    pub(super) fn ended(&mut self, key: &K, run: RunId) -> Option<Ended> {
        let part = self.running(key, run)?;
        let ended = Ended {
            failed: part.state == Some(State::Failed),
            restarts: part.restart,
        };
        if ended.failed && !ended.restarts {
            part.phase = Phase::Down;
        } else {
            self.parts.remove(key);
        }
        Some(ended)
    }

    /// Stops a part and starts it again, also one that is down, and one that is not there but may be wanted.
    pub(super) fn restart(&mut self, key: &K) -> Restart {
        let Some(part) = self.parts.get_mut(key) else {
            return Restart::NotThere;
        };
        if part.phase == Phase::Down {
            self.parts.remove(key);
            return Restart::Now;
        }
        part.restart = true;
        Restart::WhenStopped
    }

    /// Compares what runs with what is wanted.
    pub(super) fn reconcile(
        &mut self,
        wanted: &BTreeMap<K, Wanted>,
        deadline: Instant,
        next_run: &mut impl FnMut() -> RunId,
    ) -> Vec<Change<K>> {
        let mut changes = Vec::new();
        self.parts
            .retain(|key, part| part.phase != Phase::Down || part.is_still(wanted.get(key)));
        for (key, part) in &mut self.parts {
            if part.phase != Phase::Up {
                continue;
            }
            match wanted.get(key).filter(|_| part.is_still(wanted.get(key))) {
                None => {
                    part.phase = Phase::Stopping { deadline };
                    changes.push(Change::Stop(key.clone(), part.run));
                }
                Some(wanted) if wanted.target != part.target => {
                    part.target = wanted.target;
                    changes.push(Change::SetTarget(key.clone(), part.run, wanted.target));
                }
                Some(_) => {}
            }
        }
        for (key, wanted) in wanted {
            if !self.parts.contains_key(key) {
                let run = next_run();
                self.parts.insert(key.clone(), Part::start(run, wanted));
                changes.push(Change::Start(key.clone(), run, wanted.clone()));
            }
        }
        changes
    }

    /// Gives up on parts that have not stopped by now.
    pub(super) fn abandon_late(&mut self, now: Instant) -> Vec<Change<K>> {
        let late =
            |part: &Part| matches!(part.phase, Phase::Stopping { deadline } if deadline <= now);
        let abandoned: Vec<Change<K>> = self
            .parts
            .iter()
            .filter(|(_, part)| late(part))
            .map(|(key, part)| Change::Abandon(key.clone(), part.run))
            .collect();
        self.parts.retain(|_, part| !late(part));
        abandoned
    }

    /// When [`Self::abandon_late`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let stopping = self.parts.values().filter_map(|part| match part.phase {
            Phase::Stopping { deadline } => Some(deadline),
            Phase::Up | Phase::Down => None,
        });
        stopping.min()
    }
}

impl Part {
    fn start(run: RunId, wanted: &Wanted) -> Self {
        Self {
            run,
            config: Arc::clone(&wanted.config),
            target: wanted.target,
            phase: Phase::Up,
            state: None,
            restart: false,
        }
    }

    /// Whether it is the part that is wanted, started with the very configuration that is wanted.
    fn is_still(&self, wanted: Option<&Wanted>) -> bool {
        !self.restart && wanted.is_some_and(|wanted| Arc::ptr_eq(&wanted.config, &self.config))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Test {
        parts: Parts<&'static str>,
        wanted: BTreeMap<&'static str, Wanted>,
        runs: u64,
        now: Instant,
    }

    impl Test {
        fn new() -> Self {
            Self {
                parts: Parts::new(),
                wanted: BTreeMap::new(),
                runs: 0,
                now: Instant::now(),
            }
        }

        fn want(&mut self, key: &'static str, target: TargetState) {
            let config = Arc::<ConfigMap>::default();
            self.wanted.insert(
                key,
                Wanted {
                    connector: Arc::clone(&config),
                    config,
                    target,
                },
            );
        }

        #[track_caller]
        fn check(&mut self, expected: &[&str]) {
            let runs = &mut self.runs;
            let changes =
                self.parts
                    .reconcile(&self.wanted, self.now + Duration::from_secs(5), &mut || {
                        *runs += 1;
                        RunId(*runs)
                    });
            let texts: Vec<String> = changes.iter().map(text).collect();
            assert_eq!(texts, expected);
        }
    }

    fn text(change: &Change<&str>) -> String {
        match change {
            Change::Start(key, run, _) => format!("start {key} {}", run.0),
            Change::SetTarget(key, run, target) => format!("{target} {key} {}", run.0),
            Change::Stop(key, run) => format!("stop {key} {}", run.0),
            Change::Abandon(key, run) => format!("abandon {key} {}", run.0),
        }
    }

    #[test]
    fn what_is_wanted_is_started_once() {
        let mut test = Test::new();
        test.want("a", TargetState::Started);
        test.check(&["start a 1"]);
        test.check(&[]);
    }

    #[test]
    fn another_target_is_told_and_another_configuration_means_another_start() {
        let mut test = Test::new();
        test.want("a", TargetState::Started);
        test.check(&["start a 1"]);
        test.wanted.get_mut("a").unwrap().target = TargetState::Paused;
        test.check(&["PAUSED a 1"]);
        test.want("a", TargetState::Paused);
        test.check(&["stop a 1"]);
        test.check(&[]);
        assert!(test.parts.ended(&"a", RunId(1)).is_some());
        test.check(&["start a 2"]);
    }

    #[test]
    fn a_failed_part_stays_down_until_it_is_changed_or_restarted() {
        let mut test = Test::new();
        test.want("a", TargetState::Started);
        test.check(&["start a 1"]);
        test.parts.running(&"a", RunId(1)).unwrap().state = Some(State::Failed);
        test.parts.ended(&"a", RunId(1));
        test.check(&[]);
        assert_eq!(test.parts.restart(&"a"), Restart::Now);
        test.check(&["start a 2"]);
        test.parts.running(&"a", RunId(2)).unwrap().state = Some(State::Failed);
        test.parts.ended(&"a", RunId(2));
        test.want("a", TargetState::Started);
        test.check(&["start a 3"]);
    }

    #[test]
    fn what_does_not_stop_in_time_is_abandoned_and_its_reports_are_nobodys_business() {
        let mut test = Test::new();
        test.want("a", TargetState::Started);
        test.check(&["start a 1"]);
        test.wanted.clear();
        test.check(&["stop a 1"]);
        let deadline = test.parts.deadline().unwrap();
        assert!(
            test.parts
                .abandon_late(deadline - Duration::from_millis(1))
                .is_empty()
        );
        assert_eq!(
            test.parts
                .abandon_late(deadline)
                .iter()
                .map(text)
                .collect::<Vec<_>>(),
            ["abandon a 1"]
        );
        assert!(test.parts.running(&"a", RunId(1)).is_none());
        assert!(test.parts.is_empty());
    }
}
