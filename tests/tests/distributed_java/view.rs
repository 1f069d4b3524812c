//! What each worker of a cluster says of it: once it has settled, they all say the same.

use std::collections::BTreeMap;
use std::time::Duration;

use kconnect_tests::process::wait_for;
use kconnect_tests::{Result, http};
use serde_json::Value;

/// How long a cluster may take to settle. Java workers on a loaded machine are slow.
const PATIENCE: Duration = Duration::from_secs(180);

/// Waits until every worker gives the same answer to `GET path`, and it is right.
pub(crate) fn wait_for_same(
    urls: &[String],
    path: &str,
    is_right: impl Fn(&Value) -> bool,
) -> Result<Value> {
    let mut last = Vec::new();
    let same = || {
        let answers = urls.iter().map(|url| http::get(url, path));
        last = answers
            .map(|answer| answer.map_or(Value::Null, |answer| answer.json()))
            .collect();
        let first = last.first()?;
        let are_same = last.iter().all(|answer| answer == first);
        (are_same && is_right(first)).then(|| first.clone())
    };
    if let Some(found) = wait_for(PATIENCE, same) {
        return Ok(found);
    }
    let said: Vec<String> = last.iter().map(Value::to_string).collect();
    Err(format!(
        "GET {path} never was as expected; the last answers:\n{}",
        said.join("\n")
    )
    .into())
}

/// Waits until every worker says the same of the cluster: these connectors are there, in these states with all their tasks,
/// connectors and tasks spread evenly over all workers.
pub(crate) fn wait_settled(urls: &[String], connectors: &BTreeMap<&str, &str>) -> Result<Value> {
    let path = "/connectors?expand=status&expand=info";
    wait_for_same(urls, path, |view| is_settled(view, urls, connectors))
}

fn is_settled(view: &Value, urls: &[String], connectors: &BTreeMap<&str, &str>) -> bool {
    let (mut by_connector, mut by_task) = (Loads::new(urls), Loads::new(urls));
    let there = view.as_object();
    there.is_some_and(|there| there.len() == connectors.len())
        && connectors.iter().all(|(name, state)| {
            let (info, status) = (&view[name]["info"], &view[name]["status"]);
            let tasks = status["tasks"].as_array().map_or(&[][..], Vec::as_slice);
            let configured = info["tasks"].as_array().map_or(0, Vec::len);
            by_connector.add(&status["connector"]["worker_id"]);
            for task in tasks {
                by_task.add(&task["worker_id"]);
            }
            status["connector"]["state"] == *state
                && configured > 0
                && tasks.len() == configured
                && tasks.iter().all(|task| task["state"] == *state)
        })
        && by_connector.are_even()
        && by_task.are_even()
}

/// How much each worker has of one kind of thing.
struct Loads {
    of: BTreeMap<String, usize>,
    workers: usize,
}

impl Loads {
    fn new(urls: &[String]) -> Self {
        let ids = urls.iter().map(|url| url.trim_start_matches("http://"));
        Self {
            of: ids.map(|id| (id.to_owned(), 0)).collect(),
            workers: urls.len(),
        }
    }

    fn add(&mut self, worker: &Value) {
        let worker = worker.as_str().unwrap_or_default();
        *self.of.entry(worker.to_owned()).or_default() += 1;
    }

    /// Whether no worker has two more than another, and none is there that should have gone.
    fn are_even(&self) -> bool {
        let (least, most) = (self.of.values().min(), self.of.values().max());
        self.of.len() == self.workers
            && most
                .zip(least)
                .is_some_and(|(most, least)| most - least <= 1)
    }
}
