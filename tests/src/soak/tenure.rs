//! When each task ran where, as far as its own records tell, and whether it ran in two places at once.

use std::collections::BTreeMap;
use std::fmt;

/// A task that is not heard of for this long, in milliseconds, may have ended.
const SILENCE: i64 = 1_000;
/// How long, in milliseconds, two workers may seem to run a task: what one did last and the other did first may be told with
/// times that are a little off.
pub(super) const TOLERANCE: i64 = 500;
/// How long, in milliseconds, a worker that was cut off may go on with what is others' by then. No worker, Java's neither, can know
/// it before the coordinator answers its first heartbeat; then it ends its tasks, each in `task.shutdown.graceful.timeout.ms`, 5 s.
pub(super) const FENCED_AFTER: i64 = 10_000;

/// A connector's name and a task's number.
pub(super) type Task = (String, i64);

/// A worker could not know between two moments, in milliseconds since 1970, what its group decided: it stood still, or had no time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Absence {
    /// The worker.
    pub worker: String,
    /// Since when.
    pub from: i64,
    /// When it went on, or was told.
    pub until: i64,
}

/// A worker ran a task from its first record to its last one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tenure {
    worker: String,
    from: i64,
    to: i64,
}

/// Who ran what.
#[derive(Debug, Default)]
pub(super) struct Tenures(BTreeMap<Task, Vec<Tenure>>);

/// Two workers ran a task at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// The task.
    pub task: Task,
    /// The two workers.
    pub workers: [String; 2],
    /// Since when, in milliseconds since 1970.
    pub from: i64,
    /// For how many milliseconds.
    pub lasting: i64,
    /// Whether one of them had been absent and had not had the time to learn what it missed.
    pub is_allowed: bool,
}

impl fmt::Display for Overlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((name, number), [one, other]) = (&self.task, &self.workers);
        let (lasting, from) = (self.lasting, self.from);
        write!(
            f,
            "{name} task {number} ran on {one} and on {other} at once, for {lasting} ms from {from} (ms since 1970) on"
        )
    }
}

/// How many of these expulsions came to workers that had not just stood still: they or their brokers had too little time.
#[must_use]
pub(super) fn without_freeze(expulsions: &[Absence], freezes: &[Absence]) -> usize {
    let has_stood_still = |expelled: &&Absence| {
        freezes.iter().any(|freeze| {
            freeze.worker == expelled.worker
                && (freeze.from..=freeze.until + FENCED_AFTER).contains(&expelled.until)
        })
    };
    expulsions.len() - expulsions.iter().filter(has_stood_still).count()
}

impl Tenures {
    /// Notes a record that a task made or got. Records of one worker come in their order.
    pub(super) fn note(&mut self, task: &Task, worker: &str, time: i64) {
        if !self.0.contains_key(task) {
            self.0.insert(task.clone(), Vec::new());
        }
        let Some(all) = self.0.get_mut(task) else {
            return;
        };
        let last = all.iter_mut().rev().find(|tenure| tenure.worker == worker);
        match last {
            Some(last) if time - last.to <= SILENCE => last.to = last.to.max(time),
            _ => all.push(Tenure {
                worker: worker.to_owned(),
                from: time,
                to: time,
            }),
        }
    }

    /// For how many milliseconds, at most, a worker that was back went on with a task that another one ran by then; none if none did.
    #[must_use]
    pub(super) fn longest_afterlife(&self, absences: &[Absence]) -> Option<i64> {
        let mut longest = None;
        for absence in absences {
            let back = absence.until..=absence.until + FENCED_AFTER;
            for tenures in self.0.values() {
                let late = |one: &&Tenure| one.worker == absence.worker && back.contains(&one.from);
                for one in tenures.iter().filter(late) {
                    let is_taken = tenures.iter().any(|other| {
                        other.worker != one.worker && (other.from..=other.to).contains(&one.from)
                    });
                    if is_taken {
                        longest = longest.max(Some(one.to - absence.until));
                    }
                }
            }
        }
        longest
    }

    /// Where two workers ran one task.
    #[must_use]
    pub(super) fn overlaps(&self, absences: &[Absence]) -> Vec<Overlap> {
        let mut found = Vec::new();
        for (task, tenures) in &self.0 {
            for (at, one) in tenures.iter().enumerate() {
                let others = tenures[at + 1..].iter();
                let others = others.filter(|other| other.worker != one.worker);
                found.extend(others.filter_map(|other| overlap(task, one, other, absences)));
            }
        }
        found
    }
}

fn overlap(task: &Task, one: &Tenure, other: &Tenure, absences: &[Absence]) -> Option<Overlap> {
    let (from, to) = (one.from.max(other.from), one.to.min(other.to));
    if to - from <= TOLERANCE {
        return None;
    }
    let is_excused = |absence: &Absence| {
        (absence.worker == one.worker || absence.worker == other.worker)
            && from >= absence.from - SILENCE
            && to <= absence.until + FENCED_AFTER
    };
    Some(Overlap {
        task: task.clone(),
        workers: [one.worker.clone(), other.worker.clone()],
        from,
        lasting: to - from,
        is_allowed: absences.iter().any(is_excused),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(runs: &[(&str, i64, i64)]) -> Tenures {
        let mut tenures = Tenures::default();
        let task = ("c".to_owned(), 0);
        for &(worker, from, to) in runs {
            for time in (from..=to).step_by(100) {
                tenures.note(&task, worker, time);
            }
        }
        tenures
    }

    #[test]
    fn a_task_that_moves_runs_once() {
        let tenures = run(&[("a", 0, 5_000), ("b", 5_100, 9_000), ("a", 9_100, 12_000)]);
        assert_eq!(tenures.overlaps(&[]), []);
    }

    #[test]
    fn a_task_that_runs_twice_is_told_with_its_workers() {
        let found = run(&[("a", 0, 5_000), ("b", 2_000, 9_000)]).overlaps(&[]);
        let [overlap] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!((overlap.from, overlap.lasting), (2_000, 3_000));
        assert_eq!(overlap.workers, ["a", "b"]);
        assert!(!overlap.is_allowed);
    }

    #[test]
    fn who_stood_still_may_run_what_it_lost_for_a_moment() {
        let absences = [Absence {
            worker: "a".to_owned(),
            from: 5_000,
            until: 20_000,
        }];
        let short = run(&[
            ("a", 0, 5_000),
            ("b", 12_000, 40_000),
            ("a", 20_000, 22_000),
        ]);
        let found = short.overlaps(&absences);
        assert!(found.len() == 1 && found[0].is_allowed, "{found:?}");
        let long = run(&[
            ("a", 0, 5_000),
            ("b", 12_000, 40_000),
            ("a", 20_000, 35_000),
        ]);
        let found = long.overlaps(&absences);
        assert!(found.len() == 1 && !found[0].is_allowed, "{found:?}");
    }

    #[test]
    fn what_somebody_did_who_had_stood_still_is_measured() {
        let absences = [Absence {
            worker: "a".to_owned(),
            from: 5_000,
            until: 20_000,
        }];
        let after = |from, to| run(&[("a", 0, 5_000), ("b", 12_000, 40_000), ("a", from, to)]);
        let longest = |tenures: &Tenures| tenures.longest_afterlife(&absences);
        // All that it missed, in one go.
        assert_eq!(longest(&after(20_100, 20_100)), Some(100));
        assert_eq!(longest(&after(20_100, 20_400)), Some(400));
        // When it was given the task anew, and another one was given it later.
        let anew = [
            ("b", 12_000, 19_900),
            ("a", 21_000, 40_000),
            ("b", 39_950, 50_000),
        ];
        assert_eq!(longest(&run(&anew)), None);
        // Long after, or when nobody else has the task.
        assert_eq!(longest(&after(31_000, 32_000)), None);
        assert_eq!(
            longest(&run(&[("a", 0, 5_000), ("a", 20_100, 30_000)])),
            None
        );
    }
}
