//! The life of one cluster: a worker alone, three of them under load, one killed, another one added.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Life, written};
use crate::either::{EitherWorker, Kind};
use crate::process::{look_again_after, wait_for};
use crate::workers::{file_source, put_connector};
use crate::{Result, Workers, http, lines};

/// How long anything that is measured may take.
const LIMIT: Duration = Duration::from_secs(300);
/// File sources with a task each.
pub(super) const SOURCES: usize = 12;
/// Lines that each source gets in a second.
pub(super) const RATE: usize = 100;
/// How long lines are written before a worker is killed: longer than one interval of commits, and not a multiple of it.
const UNDISTURBED: Duration = Duration::from_secs(13);
/// The pause between two portions of lines, and between two looks at the cluster.
const PAUSE: Duration = Duration::from_millis(50);
/// The width of a line.
const WIDTH: usize = 100;
/// Where the lines of one file begin after those of another.
const APART: usize = 1_000_000;

pub(super) fn live(kind: Kind, workers: &Workers, servers: &str) -> Result<Life> {
    let topic = workers.named("lines");
    let first = workers.launch(kind, "first")?;
    create(&first, workers, &topic, 0..1)?;
    wait_spread(&[&first], 1)?;
    first.stop()?;
    let begun = Instant::now();
    let mut first = workers.launch(kind, "first")?;
    wait_spread(&[&first], 1)?;
    let (first_task, first_task_cpu) = (begun.elapsed(), first.cpu()?);
    let second = workers.launch(kind, "second")?;
    let mut third = workers.launch(kind, "third")?;
    create(&first, workers, &topic, 1..SOURCES)?;
    wait_spread(&[&first, &second, &third], SOURCES)?;
    let load = Load::start(workers);
    look_again_after(UNDISTURBED);
    let begun = Instant::now();
    third.process().kill()?;
    wait_spread(&[&first, &second], SOURCES)?;
    let recovery = begun.elapsed();
    let lines = load.stop()?;
    let records = written::wait_for_all(servers, &topic, lines)?;
    let begun = Instant::now();
    let fourth = workers.launch(kind, "fourth")?;
    wait_spread(&[&first, &second, &fourth], SOURCES)?;
    let addition = begun.elapsed();
    for worker in [first, second, fourth] {
        worker.stop()?;
    }
    Ok(Life {
        first_task,
        first_task_cpu,
        recovery,
        addition,
        repeated: records - lines,
        lines,
    })
}

fn file(workers: &Workers, number: usize) -> PathBuf {
    workers.path(&format!("in-{number}.txt"))
}

fn create(
    worker: &EitherWorker,
    workers: &Workers,
    topic: &str,
    numbers: std::ops::Range<usize>,
) -> Result<()> {
    let url = worker.rest_url();
    wait_for(LIMIT, || {
        let answer = http::get(&url, "/health").ok()?;
        (answer.status == 200).then_some(())
    })
    .ok_or("the worker does not become healthy")?;
    for number in numbers {
        let file = file(workers, number);
        lines::append(&file, 0..0, WIDTH)?;
        put_connector(&url, &format!("in-{number:02}"), &file_source(&file, topic))?;
    }
    Ok(())
}

/// Waits until this many connectors and a task of each run on these workers, spread evenly.
fn wait_spread(workers: &[&EitherWorker], count: usize) -> Result<()> {
    let begun = Instant::now();
    let ids: Vec<String> = workers
        .iter()
        .map(|worker| worker.rest_url().trim_start_matches("http://").to_owned())
        .collect();
    let url = workers[0].rest_url();
    while !is_spread(&url, &ids, count) {
        if begun.elapsed() > LIMIT {
            let seen = http::get(&url, "/connectors?expand=status")?.text();
            return Err(format!("not spread over {ids:?} in {LIMIT:?}: {seen}").into());
        }
        // Ours is there in milliseconds, and looks more often than it takes would be seen in its figures.
        look_again_after((begun.elapsed() / 20).clamp(Duration::from_millis(1), PAUSE));
    }
    Ok(())
}

fn is_spread(url: &str, ids: &[String], count: usize) -> bool {
    let Ok(answer) = http::get(url, "/connectors?expand=status") else {
        return false;
    };
    let view = answer.json();
    let statuses = view.as_object().into_iter().flatten();
    let mut loads: BTreeMap<String, usize> = ids.iter().map(|id| (id.clone(), 0)).collect();
    let mut running = 0;
    for (_, connector) in statuses {
        let status = &connector["status"];
        let task = &status["tasks"][0];
        let worker = task["worker_id"].as_str().unwrap_or_default();
        if let Some(load) = loads.get_mut(worker)
            && status["connector"]["state"] == "RUNNING"
            && task["state"] == "RUNNING"
        {
            running += 1;
            *load += 1;
        }
    }
    let (least, most) = (loads.values().min(), loads.values().max());
    running == count
        && most
            .zip(least)
            .is_some_and(|(most, least)| most - least <= 1)
}

/// Somebody who writes lines into all files, until told to stop.
struct Load {
    is_wanted: Arc<AtomicBool>,
    writer: JoinHandle<Result<usize>>,
}

impl Load {
    fn start(workers: &Workers) -> Self {
        let files: Vec<PathBuf> = (0..SOURCES).map(|number| file(workers, number)).collect();
        let is_wanted = Arc::new(AtomicBool::new(true));
        let still = Arc::clone(&is_wanted);
        let writer = std::thread::spawn(move || {
            let (begun, mut written) = (Instant::now(), 0);
            while still.load(Ordering::Relaxed) {
                let millis = usize::try_from(begun.elapsed().as_millis())?;
                let due = millis * RATE / 1_000;
                for (number, file) in files.iter().enumerate() {
                    let begin = number * APART;
                    lines::append(file, begin + written..begin + due, WIDTH)?;
                }
                written = due;
                look_again_after(PAUSE);
            }
            Ok(written * files.len())
        });
        Self { is_wanted, writer }
    }

    /// How many lines it has written.
    fn stop(self) -> Result<usize> {
        self.is_wanted.store(false, Ordering::Relaxed);
        self.writer.join().map_err(|_| "the writer panicked")?
    }
}
