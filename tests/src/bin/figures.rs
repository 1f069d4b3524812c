//! Measures our worker, or a cluster of them, beside Java's on a real Kafka, prints a table and writes it to BENCHMARKS.md.
//!
//! `cargo run --package kconnect-tests --bin figures [-- --lines N] [--runs N] [--dry]`, or
//! `cargo run --package kconnect-tests --bin figures -- cluster [--connectors N] [--runs N] [--dry]`

use std::path::Path;

use kconnect_tests::Result;
use kconnect_tests::figures::{Plan, cluster, measure, shipped_binary, write_section};
use kconnect_tests::worker::use_binary;

/// What to measure.
enum What {
    Worker(Plan),
    Cluster(cluster::Plan),
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a program that prints a table")]
async fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let (what, dry) = arguments(std::env::args().skip(1))?;
    let kconnect = shipped_binary()?;
    use_binary(kconnect.clone());
    let section = match what {
        What::Worker(plan) => measure(plan, &kconnect).await?.markdown(),
        What::Cluster(plan) => {
            let measured = tokio::task::spawn_blocking(move || cluster::measure(plan));
            measured.await??.markdown()
        }
    };
    println!("{section}");
    if !dry {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        write_section(&root.join("BENCHMARKS.md"), &section)?;
    }
    Ok(())
}

fn arguments(arguments: impl Iterator<Item = String>) -> Result<(What, bool)> {
    let (mut runs, mut lines, mut connectors) = (3, 1_000_000, 1_000);
    let (mut is_cluster, mut dry) = (false, false);
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let mut number = || -> Result<usize> {
            let value = arguments.next();
            let value = value.ok_or_else(|| format!("{argument} needs a number"))?;
            Ok(value.parse()?)
        };
        match argument.as_str() {
            "cluster" => is_cluster = true,
            "--lines" if !is_cluster => lines = number()?,
            "--connectors" if is_cluster => connectors = number()?,
            "--runs" => runs = number()?,
            "--dry" => dry = true,
            other => {
                let usage = "[--lines N] [--runs N] [--dry], or cluster [--connectors N] [--runs N] [--dry]";
                return Err(format!("{other}: {usage}").into());
            }
        }
    }
    let what = if is_cluster {
        What::Cluster(cluster::Plan { runs, connectors })
    } else {
        What::Worker(Plan { lines, runs })
    };
    Ok((what, dry))
}
