//! Measures our worker beside the Java worker: the same files, the same broker, one run.

pub mod cluster;
mod measure;
mod report;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::either::Kind;
use crate::jars::{Version, target_directory};
use crate::kafka::KafkaCluster;
use crate::{Result, jars};

use measure::middle;
pub use measure::{Idle, Move};
pub use report::{Section, write_section};

/// How much is measured, and how often.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Lines of 100 bytes that go to the topic and back.
    pub lines: usize,
    /// Runs of each measurement; the median counts.
    pub runs: usize,
}

/// What was measured of one worker.
#[derive(Debug, Clone)]
pub struct Figures {
    /// After its start, with a source and a sink that have nothing to do.
    pub idle: Idle,
    /// File to topic.
    pub into_topic: Move,
    /// Topic to file.
    pub out_of_topic: Move,
    /// Bytes that have to be installed for it.
    pub size: u64,
}

/// Measures both workers on a Kafka of their own; `kconnect` is the binary to measure.
pub async fn measure(plan: Plan, kconnect: &Path) -> Result<Section> {
    // As Kafka's script starts it, so that it does not hold up the workers more than it would elsewhere.
    let kafka = KafkaCluster::start_with(Version::V4_3, 1, &["-Xms1g", "-Xmx1g"])?;
    let servers = kafka.bootstrap_servers();
    let java_size = directory_size(&jars::directory(Version::V4_3)?)?;
    // Once through for the broker, which is slow while it is young; whose figures these are does not matter.
    measure::into_topic(Kind::Kconnect, &servers, plan.lines / 4).await?;
    let kconnect_size = fs::metadata(kconnect)?.len();
    let ours = worker(Kind::Kconnect, &servers, plan, kconnect_size).await?;
    let java = worker(Kind::Java, &servers, plan, java_size).await?;
    Ok(Section { plan, ours, java })
}

async fn worker(worker: Kind, servers: &str, plan: Plan, size: u64) -> Result<Figures> {
    let (mut idle, mut into_topic, mut out_of_topic) = (Vec::new(), Vec::new(), Vec::new());
    for run in 1..=plan.runs {
        tracing::info!("{}: run {run} of {}", worker.name(), plan.runs);
        idle.push(measure::idle(worker, servers)?);
        let (moved, topic) = measure::into_topic(worker, servers, plan.lines).await?;
        into_topic.push(moved);
        out_of_topic.push(measure::out_of_topic(worker, servers, &topic, plan.lines)?);
    }
    Ok(Figures {
        idle: Idle::median(&idle),
        into_topic: Move::median(&into_topic),
        out_of_topic: Move::median(&out_of_topic),
        size,
    })
}

/// Builds the binary that is shipped, unless `KCONNECT_BINARY` names one.
pub fn shipped_binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("KCONNECT_BINARY") {
        return Ok(path.into());
    }
    let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let arguments = [
        "build",
        "--quiet",
        "--package",
        "kconnect",
        "--bin",
        "kconnect",
    ];
    let built = Command::new("cargo")
        .args(arguments)
        .args(["--profile", "dist", "--target", &target])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()?;
    if !built.success() {
        return Err("cannot build the binary that is shipped".into());
    }
    Ok(target_directory().join(target).join("dist/kconnect"))
}

fn directory_size(directory: &Path) -> Result<u64> {
    let mut size = 0;
    for entry in fs::read_dir(directory)? {
        size += entry?.metadata()?.len();
    }
    Ok(size)
}
