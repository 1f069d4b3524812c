//! Workers of a cluster are added, stopped, killed and frozen and brokers restarted, under load, and every record is accounted for.
//!
//! `cargo run --release --package kconnect-tests --bin soak [-- --minutes N] [--seed S]`
//!
//! Says what happens on standard error, with `RUST_LOG=debug` also what is not right yet, and prints the report at the end.

use std::process::ExitCode;
use std::time::Duration;

use kconnect_tests::Result;
use kconnect_tests::soak::{Plan, run};
use tracing_subscriber::EnvFilter;

#[expect(clippy::print_stdout, reason = "a program that prints a table")]
fn main() -> Result<ExitCode> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let plan = arguments(std::env::args().skip(1))?;
    tracing::info!("seed {}, {:?}", plan.seed, plan.lasting);
    let report = run(plan)?;
    println!("{}", report.markdown());
    if report.problems.is_empty() {
        Ok(ExitCode::SUCCESS)
    } else {
        Ok(ExitCode::FAILURE)
    }
}

fn arguments(mut arguments: impl Iterator<Item = String>) -> Result<Plan> {
    let mut plan = Plan {
        lasting: Duration::from_secs(60 * 60),
        seed: std::time::UNIX_EPOCH.elapsed()?.as_secs(),
    };
    while let Some(argument) = arguments.next() {
        let mut number = || -> Result<u64> {
            let value = arguments.next();
            let value = value.ok_or_else(|| format!("{argument} needs a number"))?;
            Ok(value
                .parse()
                .map_err(|error| format!("{argument} {value}: {error}"))?)
        };
        match argument.as_str() {
            "--minutes" => plan.lasting = Duration::from_secs(60 * number()?),
            "--seed" => plan.seed = number()?,
            other => return Err(format!("{other}: --minutes N or --seed S").into()),
        }
    }
    Ok(plan)
}
