//! Measures our worker beside the Java worker on a real Kafka, prints a table and writes it to BENCHMARKS.md.
//!
//! `cargo run --package kconnect-tests --bin figures [-- --lines N] [--runs N] [--dry]`

use std::path::Path;

use kconnect_tests::Result;
use kconnect_tests::figures::{Plan, measure, shipped_binary, write_section};
use kconnect_tests::worker::use_binary;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a program that prints a table")]
async fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let (plan, dry) = arguments(std::env::args().skip(1))?;
    let kconnect = shipped_binary()?;
    use_binary(kconnect.clone());
    let section = measure(plan, &kconnect).await?.markdown();
    println!("{section}");
    if !dry {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        write_section(&root.join("BENCHMARKS.md"), &section)?;
    }
    Ok(())
}

fn arguments(mut arguments: impl Iterator<Item = String>) -> Result<(Plan, bool)> {
    let (mut plan, mut dry) = (
        Plan {
            lines: 1_000_000,
            runs: 3,
        },
        false,
    );
    while let Some(argument) = arguments.next() {
        let mut number = || -> Result<usize> {
            let value = arguments.next();
            let value = value.ok_or_else(|| format!("{argument} needs a number"))?;
            Ok(value.parse()?)
        };
        match argument.as_str() {
            "--lines" => plan.lines = number()?,
            "--runs" => plan.runs = number()?,
            "--dry" => dry = true,
            other => return Err(format!("{other}: --lines N, --runs N or --dry").into()),
        }
    }
    Ok((plan, dry))
}
