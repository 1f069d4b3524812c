//! How long a cluster takes until its work is spread evenly again and every record flows from source to sink.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::fleet::{DELAY, Fleet, PAIRS, SESSION, TASKS};
use super::tally::{Stream, Tally};
use crate::process::look_again_after;
use crate::{Result, http};

/// What recovery may take beyond the configured times, on a machine that brokers and workers share with others.
const ALLOWANCE: Duration = Duration::from_secs(60);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// How long it took.
#[derive(Debug, Clone, Copy)]
pub struct Recovery {
    /// Until all tasks ran, evenly spread over exactly the workers that are there.
    pub balanced: Duration,
    /// Until a record that each source task made afterwards had come to its sink.
    pub flowing: Duration,
}

/// Waits until the work is balanced and flows.
///
/// # Errors
/// If it is not in time: what is wrong still.
pub(super) fn wait(fleet: &mut Fleet, tally: &mut Tally) -> Result<Recovery> {
    let limit = DELAY + SESSION + ALLOWANCE;
    let begun = Instant::now();
    fleet.look(tally)?;
    let marks = marks(fleet, tally);
    let mut balanced = None;
    loop {
        let wrong = imbalance(fleet);
        // What was balanced once may not be any more, as long as not everything is right at once.
        balanced = match &wrong {
            None => balanced.or_else(|| Some(begun.elapsed())),
            Some(_) => None,
        };
        fleet.look(tally)?;
        let stuck = stuck(tally, &marks);
        if let (Some(balanced), true) = (balanced, stuck.is_empty()) {
            let flowing = begun.elapsed();
            return Ok(Recovery { balanced, flowing });
        }
        if begun.elapsed() > limit {
            let wrong = wrong.unwrap_or_else(|| "balanced".to_owned());
            return Err(format!("after {limit:?}: {wrong}; no new record of {stuck:?}").into());
        }
        look_again_after(PAUSE);
    }
}

/// The next number of each source task.
fn marks(fleet: &Fleet, tally: &mut Tally) -> BTreeMap<Stream, usize> {
    let topics = fleet.topics();
    let streams = topics.iter().flat_map(|topic| {
        (0..TASKS).filter_map(move |task| Some((topic.clone(), i64::try_from(task).ok()?)))
    });
    streams
        .map(|stream| {
            let end = tally.stream(&stream.0, stream.1).made.end();
            (stream, end)
        })
        .collect()
}

/// The source tasks of which no sink has got a record from its mark on.
fn stuck(tally: &mut Tally, marks: &BTreeMap<Stream, usize>) -> Vec<Stream> {
    let mut stuck = marks.clone();
    stuck.retain(|(topic, task), mark| tally.stream(topic, *task).got.end() <= *mark);
    stuck.into_keys().collect()
}

/// What is wrong with the assignment as one of the workers tells it, if anything.
fn imbalance(fleet: &Fleet) -> Option<String> {
    let statuses = match http::get(&fleet.url(), "/connectors?expand=status") {
        Ok(answer) if answer.status == 200 => answer.json(),
        Ok(answer) => return Some(format!("{}: {}", answer.status, answer.text())),
        Err(error) => return Some(error.to_string()),
    };
    let (mut connectors, mut tasks) = (Load::of(fleet), Load::of(fleet));
    let mut not_running = Vec::new();
    for (name, connector) in statuses.as_object().into_iter().flatten() {
        let status = &connector["status"];
        let listed = status["tasks"].as_array().map_or(&[][..], Vec::as_slice);
        connectors.note(&status["connector"]);
        listed.iter().for_each(|task| tasks.note(task));
        let all = [&status["connector"]].into_iter().chain(listed);
        not_running.extend(
            all.filter(|one| one["state"] != "RUNNING")
                .map(|one| format!("{name} {one}")),
        );
    }
    if !not_running.is_empty() {
        return Some(format!("not running: {}", not_running.join(", ")));
    }
    let wrong = connectors.wrong("connectors", 2 * PAIRS);
    wrong.or_else(|| tasks.wrong("tasks", 2 * PAIRS * TASKS))
}

/// How much each worker has.
struct Load {
    there: BTreeMap<String, usize>,
    /// What is still said to be on workers that are gone.
    gone: BTreeMap<String, usize>,
}

impl Load {
    fn of(fleet: &Fleet) -> Self {
        Self {
            there: fleet.ids().into_iter().map(|id| (id, 0)).collect(),
            gone: BTreeMap::new(),
        }
    }

    fn note(&mut self, status: &Value) {
        let worker = status["worker_id"].as_str().unwrap_or_default();
        match self.there.get_mut(worker) {
            Some(load) => *load += 1,
            None => *self.gone.entry(worker.to_owned()).or_default() += 1,
        }
    }

    /// A worker that is gone and has something, or one that has less than another by more than one, is wrong.
    fn wrong(&self, what: &str, expected: usize) -> Option<String> {
        let loads = self.there.values();
        let (least, most) = (loads.clone().min()?, loads.clone().max()?);
        let all: usize = loads.sum();
        (all != expected || most - least > 1).then(|| {
            let (there, gone) = (&self.there, &self.gone);
            format!(
                "{all} of {expected} {what}, on {there:?}, and on workers that are gone {gone:?}"
            )
        })
    }
}
