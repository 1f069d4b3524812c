//! What all workers say of who runs what: whether they agree, and whether the work is spread evenly over exactly those that are there.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fleet::{Fleet, PAIRS, TASKS};
use super::tenure::Task;
use crate::{Result, http};

/// A connector or one of its tasks, as a worker tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    state: String,
    /// The worker that has it: its name, or its address if it is none of those that are there.
    worker: String,
}

/// All connectors and tasks, as one worker tells of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Statuses {
    connectors: BTreeMap<String, Told>,
    tasks: BTreeMap<Task, Told>,
}

impl Statuses {
    /// Asks every worker that is there; gives what all of them say.
    ///
    /// # Errors
    /// What is wrong: one does not answer, two do not agree, something does not run, or one has more than its share.
    pub(super) fn balanced(fleet: &Fleet) -> Result<Self> {
        let names = fleet.names_by_id();
        let mut asked: Vec<(String, Self)> = Vec::new();
        for (name, url) in fleet.urls() {
            let answer = http::get(&url, "/connectors?expand=status")
                .map_err(|error| format!("{name}: {error}"))?;
            if answer.status != 200 {
                return Err(format!("{name}: {} {}", answer.status, answer.text()).into());
            }
            asked.push((name, Self::read(&answer.json(), &names)));
        }
        let Some(((first, statuses), others)) = asked.split_first() else {
            return Err("there is no worker".into());
        };
        for (other, theirs) in others {
            if let Some(difference) = statuses.difference(theirs) {
                return Err(format!("{first} and {other} do not agree: {difference}").into());
            }
        }
        let there: Vec<&String> = names.values().collect();
        match statuses.wrong(&there) {
            Some(wrong) => Err(wrong.into()),
            None => Ok(statuses.clone()),
        }
    }

    /// The worker that has a task.
    #[must_use]
    pub(super) fn worker_of(&self, task: &Task) -> Option<&str> {
        self.tasks.get(task).map(|told| told.worker.as_str())
    }

    fn read(answer: &Value, names: &BTreeMap<String, String>) -> Self {
        let told = |one: &Value| {
            let id = one["worker_id"].as_str().unwrap_or_default();
            Told {
                state: one["state"].as_str().unwrap_or_default().to_owned(),
                worker: names.get(id).map_or_else(|| id.to_owned(), Clone::clone),
            }
        };
        let mut statuses = Self::default();
        for (name, connector) in answer.as_object().into_iter().flatten() {
            let status = &connector["status"];
            statuses
                .connectors
                .insert(name.clone(), told(&status["connector"]));
            for task in status["tasks"].as_array().into_iter().flatten() {
                let id = task["id"].as_i64().unwrap_or(-1);
                statuses.tasks.insert((name.clone(), id), told(task));
            }
        }
        statuses
    }

    /// The first thing of which another worker says something else.
    fn difference(&self, other: &Self) -> Option<String> {
        fn first<K: Ord + std::fmt::Debug>(
            one: &BTreeMap<K, Told>,
            other: &BTreeMap<K, Told>,
        ) -> Option<String> {
            let mut keys = one.keys().chain(other.keys());
            let key = keys.find(|key| one.get(key) != other.get(key))?;
            let (one, other) = (one.get(key), other.get(key));
            Some(format!("of {key:?} one says {one:?}, the other {other:?}"))
        }
        first(&self.connectors, &other.connectors).or_else(|| first(&self.tasks, &other.tasks))
    }

    /// What does not run, is missing, or is not spread evenly over these workers.
    fn wrong(&self, there: &[&String]) -> Option<String> {
        let connectors = self.connectors.iter();
        let connectors = connectors.map(|(name, told)| (name.clone(), told));
        let tasks = self.tasks.iter();
        let tasks = tasks.map(|((name, id), told)| (format!("{name} task {id}"), told));
        let idle: Vec<String> = connectors
            .chain(tasks)
            .filter(|(_, told)| told.state != "RUNNING")
            .map(|(what, told)| format!("{what} is {} on {}", told.state, told.worker))
            .collect();
        if !idle.is_empty() {
            return Some(idle.join(", "));
        }
        uneven("connectors", 2 * PAIRS, self.connectors.values(), there)
            .or_else(|| uneven("tasks", 2 * PAIRS * TASKS, self.tasks.values(), there))
    }
}

/// Work is spread evenly if workers that are there have all of it, and none has less than another by more than one.
fn uneven<'a>(
    what: &str,
    expected: usize,
    all: impl Iterator<Item = &'a Told>,
    there: &[&String],
) -> Option<String> {
    let mut loads: BTreeMap<&str, usize> = there.iter().map(|name| (name.as_str(), 0)).collect();
    let mut gone: BTreeMap<&str, usize> = BTreeMap::new();
    for told in all {
        match loads.get_mut(told.worker.as_str()) {
            Some(load) => *load += 1,
            None => *gone.entry(&told.worker).or_default() += 1,
        }
    }
    let (least, most) = (loads.values().min()?, loads.values().max()?);
    let sum: usize = loads.values().sum();
    (sum != expected || most - least > 1).then(|| {
        format!("{sum} of {expected} {what}, on {loads:?}, and on workers that are gone {gone:?}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All connectors and tasks, dealt out in turn to these workers.
    fn dealt(workers: &[&str]) -> Statuses {
        let mut statuses = Statuses::default();
        let mut turn = workers.iter().cycle();
        let mut told = || Told {
            state: "RUNNING".to_owned(),
            worker: (*turn.next().unwrap()).to_owned(),
        };
        for connector in 0..2 * PAIRS {
            statuses.connectors.insert(format!("c{connector}"), told());
        }
        for connector in 0..2 * PAIRS {
            for task in 0..TASKS {
                let task = i64::try_from(task).unwrap();
                statuses
                    .tasks
                    .insert((format!("c{connector}"), task), told());
            }
        }
        statuses
    }

    fn wrong(statuses: &Statuses, there: &[&str]) -> String {
        let there: Vec<String> = there.iter().map(|&name| name.to_owned()).collect();
        let there: Vec<&String> = there.iter().collect();
        statuses.wrong(&there).unwrap_or_default()
    }

    #[test]
    fn work_that_is_dealt_out_in_turn_is_balanced() {
        for workers in [
            &["a"][..],
            &["a", "b"],
            &["a", "b", "c"],
            &["a", "b", "c", "d"],
        ] {
            assert_eq!(wrong(&dealt(workers), workers), "");
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        let text = wrong(&dealt(&["a", "b"]), &["a", "b", "c"]);
        assert!(text.contains("\"c\": 0"), "{text}");
        let text = wrong(&dealt(&["a", "b", "c"]), &["a", "b"]);
        assert!(text.contains("gone {\"c\""), "{text}");
        let text = wrong(&dealt(&["a", "b", "a"]), &["a", "b"]);
        assert!(text.contains("connectors"), "{text}");
        let mut one_missing = dealt(&["a", "b"]);
        one_missing.tasks.pop_first();
        let text = wrong(&one_missing, &["a", "b"]);
        assert!(text.contains("39 of 40 tasks"), "{text}");
        let mut idle = dealt(&["a"]);
        idle.tasks.first_entry().unwrap().get_mut().state = "UNASSIGNED".to_owned();
        let text = wrong(&idle, &["a"]);
        assert_eq!(text, "c0 task 0 is UNASSIGNED on a");
    }

    #[test]
    fn workers_that_do_not_agree_are_told_with_what_they_say() {
        let (one, mut other) = (dealt(&["a", "b"]), dealt(&["a", "b"]));
        assert_eq!(one.difference(&other), None);
        other.tasks.last_entry().unwrap().get_mut().worker = "c".to_owned();
        let text = one.difference(&other).unwrap_or_default();
        assert!(text.contains("c9") && text.contains("\"c\""), "{text}");
        other.connectors.pop_first();
        assert!(one.difference(&other).unwrap_or_default().contains("c0"));
        assert!(other.difference(&one).unwrap_or_default().contains("c0"));
    }

    #[test]
    fn an_answer_is_read_with_the_names_of_the_workers() {
        let answer = serde_json::json!({"c": {"status": {
            "name": "c",
            "connector": {"state": "RUNNING", "worker_id": "127.0.0.1:1"},
            "tasks": [{"id": 3, "state": "FAILED", "worker_id": "127.0.0.1:2"}],
        }}});
        let names = [("127.0.0.1:1".to_owned(), "worker-1".to_owned())].into();
        let statuses = Statuses::read(&answer, &names);
        assert_eq!(statuses.connectors["c"].worker, "worker-1");
        assert_eq!(
            statuses.worker_of(&("c".to_owned(), 3)),
            Some("127.0.0.1:2")
        );
        assert_eq!(statuses.tasks[&("c".to_owned(), 3)].state, "FAILED");
    }
}
