//! When each task ran where, as far as its own records tell, and whether it ran in two places at once.

use std::collections::BTreeMap;

/// A task that is not heard of for this long, in milliseconds, may have ended.
const SILENCE: i64 = 1_000;
/// How long, in milliseconds, two workers may seem to run a task: the time of a line is taken before it is printed.
const TOLERANCE: i64 = 500;
/// How long, in milliseconds, a worker that stood still may run what is others' by then: it has to be told first.
const FENCED_AFTER: i64 = 10_000;

/// A connector's name and a task's number.
pub(super) type Task = (String, i64);

/// A worker stood still between two moments, in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Freeze {
    /// The worker.
    pub worker: String,
    /// When it was stopped.
    pub from: i64,
    /// When it went on.
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
    /// Whether one of them had stood still and had not had the time to learn what it missed.
    pub is_allowed: bool,
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

    /// Where two workers ran one task.
    #[must_use]
    pub(super) fn overlaps(&self, freezes: &[Freeze]) -> Vec<Overlap> {
        let mut found = Vec::new();
        for (task, tenures) in &self.0 {
            for (at, one) in tenures.iter().enumerate() {
                let others = tenures[at + 1..].iter();
                let others = others.filter(|other| other.worker != one.worker);
                found.extend(others.filter_map(|other| overlap(task, one, other, freezes)));
            }
        }
        found
    }
}

fn overlap(task: &Task, one: &Tenure, other: &Tenure, freezes: &[Freeze]) -> Option<Overlap> {
    let (from, to) = (one.from.max(other.from), one.to.min(other.to));
    if to - from <= TOLERANCE {
        return None;
    }
    let is_excused = |freeze: &Freeze| {
        (freeze.worker == one.worker || freeze.worker == other.worker)
            && from >= freeze.from - SILENCE
            && to <= freeze.until + FENCED_AFTER
    };
    Some(Overlap {
        task: task.clone(),
        workers: [one.worker.clone(), other.worker.clone()],
        from,
        lasting: to - from,
        is_allowed: freezes.iter().any(is_excused),
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
        let freeze = Freeze {
            worker: "a".to_owned(),
            from: 5_000,
            until: 20_000,
        };
        let freezes = [freeze];
        let short = run(&[
            ("a", 0, 5_000),
            ("b", 12_000, 40_000),
            ("a", 20_000, 22_000),
        ]);
        let found = short.overlaps(&freezes);
        assert!(found.len() == 1 && found[0].is_allowed, "{found:?}");
        let long = run(&[
            ("a", 0, 5_000),
            ("b", 12_000, 40_000),
            ("a", 20_000, 35_000),
        ]);
        let found = long.overlaps(&freezes);
        assert!(found.len() == 1 && !found[0].is_allowed, "{found:?}");
    }
}
