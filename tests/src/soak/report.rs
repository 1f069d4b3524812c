//! A run as a section of BENCHMARKS.md.

use std::fmt::Write;
use std::time::Duration;

use super::fleet::{DELAY, PAIRS, RATE, SESSION, TASKS};
use super::recovery::Recovery;
use super::tenure::Overlap;
use super::verdict::Totals;
use crate::jars::Version;

/// Something that happened, and how the cluster got over it.
#[derive(Debug, Clone)]
pub struct Happened {
    /// Since the begin of the run.
    pub at: Duration,
    /// What happened.
    pub what: String,
    /// How many workers there were then.
    pub workers: usize,
    /// How long recovery took.
    pub recovery: Recovery,
}

/// A whole run.
#[derive(Debug, Clone)]
pub struct Report {
    /// The seed of the run.
    pub seed: u64,
    /// For how many minutes it was under load.
    pub minutes: u64,
    /// What happened.
    pub events: Vec<Happened>,
    /// Sums over all records.
    pub totals: Totals,
    /// Tasks that ran twice at a time.
    pub overlaps: Vec<Overlap>,
    /// The most memory that a worker had, KiB.
    pub resident_kib: u64,
    /// What is wrong. Nothing, for a good run.
    pub problems: Vec<String>,
}

impl Report {
    /// As Markdown, heading included.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "## Workers that come and go\n\n\
             `cargo run --release --package kconnect-tests --bin soak -- --minutes {} --seed {}`: {} connectors with {} tasks \
             on Apache Kafka {} with three brokers, {} records a second, `scheduled.rebalance.max.delay.ms` {} and \
             `session.timeout.ms` {} (of workers and of sinks' consumers), {} processor cores for everything. Times begin when the event is over: a worker has joined, \
             has ended or goes on, a broker answers again.\n\n\
             | at, s | event | workers | balanced after, s | records flow after, s |\n| --- | --- | --- | --- | --- |\n",
            self.minutes,
            self.seed,
            2 * PAIRS,
            2 * PAIRS * TASKS,
            Version::V4_3.number(),
            PAIRS * TASKS * RATE,
            DELAY.as_millis(),
            SESSION.as_millis(),
            std::thread::available_parallelism().map_or(0, usize::from),
        );
        for event in &self.events {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {:.1} | {:.1} |",
                event.at.as_secs(),
                event.what,
                event.workers,
                event.recovery.balanced.as_secs_f64(),
                event.recovery.flowing.as_secs_f64(),
            );
        }
        text.push_str(&self.summary());
        text
    }

    fn summary(&self) -> String {
        let totals = self.totals;
        let longest = self.overlaps.iter().map(|overlap| overlap.lasting).max();
        let overlaps = match longest {
            None => "No task ran on two workers at once.".to_owned(),
            Some(longest) => format!(
                "{} times a task ran on two workers for a moment, {longest} ms at most.",
                self.overlaps.len()
            ),
        };
        let verdict = if self.problems.is_empty() {
            "Nothing was lost.".to_owned()
        } else {
            format!(
                "**Not as it should be:**\n\n- {}",
                self.problems.join("\n- ")
            )
        };
        format!(
            "\n{} records made, {} of them in the topics, {} in there again; sinks got {} of them again. {overlaps} The \
             largest worker had {:.1} MB. {verdict}\n",
            totals.made,
            totals.in_topics,
            totals.repeated_in_topics,
            totals.got_again,
            megabytes(self.resident_kib),
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "printed with one digit")]
fn megabytes(kib: u64) -> f64 {
    kib as f64 * 1024.0 / 1e6
}
