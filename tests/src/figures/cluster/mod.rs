//! Measures a cluster of our workers beside one of Java's: the same broker, properties and connectors, one run.

mod crowd;
mod life;
mod report;
mod written;

use std::time::Duration;

use super::middle;
use crate::either::Kind;
use crate::jars::Version;
use crate::kafka::KafkaCluster;
use crate::{Result, Workers};

pub use crowd::Crowd;
pub use report::Section;

/// How much is measured, and how often.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Runs of each measurement but that of many connectors; the median counts.
    pub runs: usize,
    /// How many connectors one worker has when its memory is read.
    pub connectors: usize,
}

/// What was measured in the life of one cluster.
#[derive(Debug, Clone, Copy)]
pub struct Life {
    /// From the start of a worker's process until its first task runs.
    pub first_task: Duration,
    /// CPU time that the worker used for that.
    pub first_task_cpu: Duration,
    /// From the kill of one of three workers until all its tasks run elsewhere.
    pub recovery: Duration,
    /// From the start of another worker's process until it has its share, and all tasks run.
    pub addition: Duration,
    /// Records that were written twice.
    pub repeated: usize,
    /// Lines that there were.
    pub lines: usize,
}

/// What was measured of one kind of worker.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Workers that come and go; the median of all runs.
    pub life: Life,
    /// One worker with many connectors.
    pub crowd: Crowd,
}

/// When workers are missed, and when their work is given to others: the worker's own times are long.
const TIMES: [(&str, u64); 4] = [
    ("session.timeout.ms", 10_000),
    ("heartbeat.interval.ms", 3_000),
    ("scheduled.rebalance.max.delay.ms", 5_000),
    ("offset.flush.interval.ms", 5_000),
];

/// Measures both kinds on a Kafka of their own.
///
/// # Errors
/// If a worker does not do what is measured in minutes, or loses a record.
pub fn measure(plan: Plan) -> Result<Section> {
    let load = load_average();
    let kafka = KafkaCluster::start_with(Version::V4_3, 1, &["-Xms1g", "-Xmx1g"])?;
    let servers = kafka.bootstrap_servers();
    // Once through for the broker, which is slow while it is young.
    life::live(Kind::Kconnect, &workers(&servers)?, &servers)?;
    let lives = |kind: Kind| {
        let runs = (1..=plan.runs).map(|run| {
            tracing::info!("{}: run {run} of {}", kind.name(), plan.runs);
            life::live(kind, &workers(&servers)?, &servers)
        });
        Ok::<_, crate::Error>(Life::median(&runs.collect::<Result<Vec<Life>>>()?))
    };
    let (ours, java) = (lives(Kind::Kconnect)?, lives(Kind::Java)?);
    let crowds = crowd::measure(&workers(&servers)?, plan.connectors)?;
    let figures = |life, crowd| Figures { life, crowd };
    Ok(Section {
        plan,
        load,
        ours: figures(ours, crowds.0),
        java: figures(java, crowds.1),
    })
}

/// How many processes wanted a processor in the last minute, if the system says so: what else it was busy with.
fn load_average() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

fn workers(servers: &str) -> Result<Workers> {
    let mut workers = Workers::new(servers)?;
    for (key, value) in TIMES {
        workers.set(key, &value.to_string());
    }
    Ok(workers)
}

impl Life {
    fn median(runs: &[Self]) -> Self {
        Self {
            first_task: middle(runs.iter().map(|run| run.first_task)),
            first_task_cpu: middle(runs.iter().map(|run| run.first_task_cpu)),
            recovery: middle(runs.iter().map(|run| run.recovery)),
            addition: middle(runs.iter().map(|run| run.addition)),
            repeated: middle(runs.iter().map(|run| run.repeated)),
            lines: middle(runs.iter().map(|run| run.lines)),
        }
    }
}
