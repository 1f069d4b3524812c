//! One measurement of one worker: from start to idle, a file into a topic, a topic into a file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use kconnect_client::TopicPartition;
use kconnect_client::admin::{Admin, OffsetSpec};
use kconnect_client::config::AdminConfig;
use kconnect_protocol::types::IsolationLevel;

use crate::either::{EitherWorker, Kind};
use crate::pipeline::{Pipeline, WIDTH};
use crate::process::wait_for;
use crate::real::unique;
use crate::{JavaWorker, KconnectWorker, Result, http};

/// How long anything that is measured may take.
const LIMIT: Duration = Duration::from_secs(300);
/// How long a worker that has started is left alone before its memory is read.
const REST: Duration = Duration::from_secs(5);

/// A worker after its start.
#[derive(Debug, Clone, Copy)]
pub struct Idle {
    /// From the start of the process until `GET /health` is answered with 200.
    pub health: Duration,
    /// Resident memory, KiB.
    pub resident_kib: u64,
    /// CPU time used until then.
    pub cpu: Duration,
}

/// Records on their way, the first tenth left out.
#[derive(Debug, Clone, Copy)]
pub struct Move {
    /// Records a second.
    pub rate: f64,
    /// CPU seconds of the worker's process for a million records.
    pub cpu_per_million: f64,
}

impl Idle {
    pub(super) fn median(runs: &[Self]) -> Self {
        Self {
            health: middle(runs.iter().map(|run| run.health)),
            resident_kib: middle(runs.iter().map(|run| run.resident_kib)),
            cpu: middle(runs.iter().map(|run| run.cpu)),
        }
    }
}

impl Move {
    pub(super) fn median(runs: &[Self]) -> Self {
        let of = |what: fn(&Self) -> f64| {
            let mut all: Vec<f64> = runs.iter().map(what).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        Self {
            rate: of(|run| run.rate),
            cpu_per_million: of(|run| run.cpu_per_million),
        }
    }
}

pub(super) fn middle<T: Ord + Copy>(runs: impl Iterator<Item = T>) -> T {
    let mut all: Vec<T> = runs.collect();
    all.sort();
    all[all.len() / 2]
}

fn launch(worker: Kind, pipeline: &Pipeline, connectors: &[&Path]) -> Result<EitherWorker> {
    let (directory, properties) = (pipeline.directory(), pipeline.worker_properties());
    Ok(match worker {
        Kind::Kconnect => EitherWorker::Kconnect(KconnectWorker::launch(
            directory,
            &properties,
            connectors,
            &[],
        )?),
        Kind::Java => EitherWorker::Java(JavaWorker::standalone_as_shipped(
            directory,
            &properties,
            connectors,
        )?),
    })
}

/// Starts a worker with a source and a sink that have nothing to do, and looks at it.
#[expect(
    clippy::disallowed_methods,
    reason = "a worker at rest has no event that could be awaited"
)]
pub(super) fn idle(worker: Kind, servers: &str) -> Result<Idle> {
    let pipeline = Pipeline::new(servers, &unique("idle"))?;
    let (source, sink) = (pipeline.source_connector(), pipeline.sink_connector());
    let begun = Instant::now();
    let mut running = launch(worker, &pipeline, &[&source, &sink])?;
    let url = running.rest_url();
    let healthy = || {
        let answer = http::get(&url, "/health").ok()?;
        (answer.status == 200).then_some(())
    };
    wait_for(LIMIT, healthy).ok_or("the worker does not become healthy")?;
    let health = begun.elapsed();
    std::thread::sleep(REST);
    let resident_kib = running.process().resident_kib().ok_or("it has ended")?;
    let cpu = running.cpu()?;
    running.stop()?;
    Ok(Idle {
        health,
        resident_kib,
        cpu,
    })
}

/// Lets a worker write a file of lines to a topic of its own; gives the topic as well.
pub(super) async fn into_topic(
    worker: Kind,
    servers: &str,
    lines: usize,
) -> Result<(Move, String)> {
    let topic = unique("figures");
    let pipeline = Pipeline::new(servers, &topic)?;
    pipeline.write(0..lines)?;
    let end = End::of(servers, &topic)?;
    let mut running = launch(worker, &pipeline, &[&pipeline.source_connector()])?;
    let (early, begun, before) = {
        let early = end.wait_for(lines / 10).await?;
        (early, Instant::now(), running.cpu()?)
    };
    end.wait_for(lines).await?;
    let (elapsed, cpu) = (begun.elapsed(), running.cpu()? - before);
    running.stop()?;
    Ok((moved(lines - early, elapsed, cpu), topic))
}

/// Lets a worker write a topic to a file.
pub(super) fn out_of_topic(worker: Kind, servers: &str, topic: &str, lines: usize) -> Result<Move> {
    let mut pipeline = Pipeline::new(servers, topic)?;
    // A group of its own for each run, whatever was read before.
    pipeline.set("consumer.auto.offset.reset", "earliest");
    let file = pipeline.sink_file();
    let written = || {
        let size = fs::metadata(&file).map_or(0, |file| file.len());
        usize::try_from(size).unwrap_or(usize::MAX) / (WIDTH + 1)
    };
    let reached = |count: usize| {
        wait_for(LIMIT, || Some(written()).filter(|&lines| lines >= count))
            .ok_or_else(|| format!("{} of {count} lines after {LIMIT:?}", written()))
    };
    let mut running = launch(worker, &pipeline, &[&pipeline.sink_connector()])?;
    let early = reached(lines / 10)?;
    let (begun, before) = (Instant::now(), running.cpu()?);
    reached(lines)?;
    let (elapsed, cpu) = (begun.elapsed(), running.cpu()? - before);
    running.stop()?;
    Ok(moved(lines - early, elapsed, cpu))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a few million records fit a double exactly"
)]
fn moved(records: usize, elapsed: Duration, cpu: Duration) -> Move {
    let records = records.max(1) as f64;
    Move {
        rate: records / elapsed.as_secs_f64(),
        cpu_per_million: cpu.as_secs_f64() * 1e6 / records,
    }
}

/// The end of a topic's only partition.
struct End {
    admin: Admin,
    spec: BTreeMap<TopicPartition, OffsetSpec>,
    partition: TopicPartition,
}

impl End {
    fn of(servers: &str, topic: &str) -> Result<Self> {
        let partition = TopicPartition::new(topic, 0);
        Ok(Self {
            admin: Admin::new(&AdminConfig::new(servers))?,
            spec: BTreeMap::from([(partition.clone(), OffsetSpec::Latest)]),
            partition,
        })
    }

    /// Waits until the topic has `count` records; gives how many there are.
    async fn wait_for(&self, count: usize) -> Result<usize> {
        let begun = Instant::now();
        while begun.elapsed() < LIMIT {
            let isolation = IsolationLevel::ReadUncommitted;
            let ends = self.admin.list_offsets(&self.spec, isolation).await;
            // A topic that is not there yet is no error here.
            let end = ends.get(&self.partition).and_then(|end| end.as_ref().ok());
            let end = end.and_then(|end| end.offset).unwrap_or_default();
            let end = usize::try_from(end)?;
            if end >= count {
                return Ok(end);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(format!("{} has no {count} records after {LIMIT:?}", self.partition).into())
    }
}
