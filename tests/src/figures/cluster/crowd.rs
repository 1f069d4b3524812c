//! One worker with a crowd of connectors: how long it takes until all run, and how much memory that needs.

use std::fs;
use std::time::{Duration, Instant};

use crate::either::{EitherWorker, Kind};
use crate::process::{look_again_after, wait_for};
use crate::workers::{file_source, put_connector};
use crate::{Result, Workers, http};

/// How long a worker may take until all its connectors and tasks run.
const LIMIT: Duration = Duration::from_secs(420);
/// How long it is left alone before its memory is read.
const REST: Duration = Duration::from_secs(10);
/// The pause between two looks at so many statuses.
const PAUSE: Duration = Duration::from_millis(500);

/// One worker with many connectors.
#[derive(Debug, Clone, Copy)]
pub struct Crowd {
    /// How many of the connectors ran, with their tasks.
    pub ran: usize,
    /// How long that took from the start of the process.
    pub took: Duration,
    /// Resident memory after a rest, KiB.
    pub resident_kib: u64,
}

/// Creates the connectors, then lets a worker of ours and one of Java's run them, one after the other: ours first.
pub(super) fn measure(workers: &Workers, count: usize) -> Result<(Crowd, Crowd)> {
    let topic = workers.named("crowd");
    let worker = workers.start("creator")?;
    for number in 0..count {
        let file = workers.path(&format!("{number}.txt"));
        fs::write(&file, "one line\n")?;
        let name = format!("in-{number:04}");
        put_connector(&worker.rest_url(), &name, &file_source(&file, &topic))?;
    }
    let creator = EitherWorker::Kconnect(worker);
    let (ran, took) = wait_for_all(&creator, count);
    tracing::info!("{ran} of {count} connectors created and running, the last ones after {took:?}");
    creator.stop()?;
    Ok((
        run(Kind::Kconnect, workers, count)?,
        run(Kind::Java, workers, count)?,
    ))
}

fn run(kind: Kind, workers: &Workers, count: usize) -> Result<Crowd> {
    tracing::info!("{}: {count} connectors", kind.name());
    let mut worker = workers.launch(kind, &format!("{kind:?}"))?;
    let (ran, took) = wait_for_all(&worker, count);
    look_again_after(REST);
    let process = worker.process();
    let Some(resident_kib) = process.resident_kib() else {
        let (name, tail) = (kind.name(), process.tail(20));
        return Err(format!("{name} has ended with {count} connectors:\n{tail}").into());
    };
    // So much work may take longer to stop than a worker is given.
    let _ = process.terminate(Duration::from_secs(120));
    Ok(Crowd {
        ran,
        took,
        resident_kib,
    })
}

/// How many of the connectors run in the end, and how long that took.
fn wait_for_all(worker: &EitherWorker, count: usize) -> (usize, Duration) {
    let (begun, url, mut ran) = (Instant::now(), worker.rest_url(), 0);
    let id = url.trim_start_matches("http://");
    // There is no hurry before it answers at all.
    let _ = wait_for(LIMIT, || http::get(&url, "/").ok());
    while begun.elapsed() < LIMIT {
        ran = running(&url, id);
        if ran >= count {
            break;
        }
        look_again_after(PAUSE);
    }
    (ran, begun.elapsed())
}

fn running(url: &str, id: &str) -> usize {
    let Ok(answer) = http::get(url, "/connectors?expand=status") else {
        return 0;
    };
    let view = answer.json();
    let is_up = |status: &serde_json::Value| {
        [&status["connector"], &status["tasks"][0]]
            .into_iter()
            .all(|part| part["state"] == "RUNNING" && part["worker_id"] == id)
    };
    let connectors = view.as_object().into_iter().flatten();
    connectors
        .filter(|(_, connector)| is_up(&connector["status"]))
        .count()
}
