//! The figures of a cluster as a section of BENCHMARKS.md.

use std::fmt::Write as _;

use super::life::{RATE, SOURCES};
use super::{Figures, Plan, TIMES};
use crate::figures::report::{megabytes, ratio};
use crate::jars::Version;

const HEADING: &str = "## A cluster beside Java's";

/// What was measured in one run.
#[derive(Debug, Clone)]
pub struct Section {
    /// How much was measured.
    pub plan: Plan,
    /// The load of the machine before anything was started.
    pub load: Option<f64>,
    /// Our workers.
    pub ours: Figures,
    /// Apache Kafka's workers.
    pub java: Figures,
}

impl Section {
    /// As Markdown, heading included.
    #[must_use]
    pub fn markdown(&self) -> String {
        let connectors = self.plan.connectors;
        let mut text = self.introduction();
        let mut row = |name: &str, digits: usize, of: &dyn Fn(&Figures) -> f64| {
            let (java, ours) = (of(&self.java), of(&self.ours));
            let ratio = ratio(ours / java);
            let _ = writeln!(
                text,
                "| {name} | {java:.digits$} | {ours:.digits$} | {ratio} |"
            );
        };
        row(
            "start of a worker to its first task running, s",
            3,
            &|figures| figures.life.first_task.as_secs_f64(),
        );
        row("CPU for that, s", 2, &|figures| {
            figures.life.first_task_cpu.as_secs_f64()
        });
        row(
            "`kill -9` of one of three workers to all tasks running, s",
            1,
            &|figures| figures.life.recovery.as_secs_f64(),
        );
        row(
            "records repeated after the kill, % of the lines",
            1,
            &|figures| percent(figures.life.repeated, figures.life.lines),
        );
        row("start of a third worker to balance, s", 2, &|figures| {
            figures.life.addition.as_secs_f64()
        });
        row(
            &format!("start of a worker to {connectors} connectors running, s"),
            1,
            &|figures| figures.crowd.took.as_secs_f64(),
        );
        row(
            &format!("memory with {connectors} connectors, MB"),
            0,
            &|figures| megabytes(figures.crowd.resident_kib * 1024),
        );
        for (name, figures) in [("the Java worker", &self.java), ("kconnect", &self.ours)] {
            let (ran, took) = (figures.crowd.ran, figures.crowd.took.as_secs());
            if ran < connectors {
                let _ = write!(
                    text,
                    "\nOf the {connectors} connectors of {name}, {ran} ran after {took} s.\n"
                );
            }
        }
        text
    }

    fn introduction(&self) -> String {
        let times = TIMES.map(|(key, value)| format!("`{key}={value}`"));
        let runs = match self.plan.runs {
            1 => "one run".to_owned(),
            runs => format!("the median of {runs} runs"),
        };
        let load = match self.load {
            Some(load) if load >= 1.0 => {
                format!(
                    " The machine was busy with other work, too: a load of {load:.0} before the start."
                )
            }
            _ => String::new(),
        };
        format!(
            "{HEADING}\n\n\
             `cargo run --package kconnect-tests --bin figures -- cluster` measures both in one run and writes this section: \
             Apache Kafka {} and its workers as its scripts start them, {} processor cores shared by broker and workers, \
             {}; {SOURCES} file sources with a task and {RATE} lines a second each, {runs}. No line was lost. \
             The {} connectors are file sources that have read a line each, on one worker.{load}\n\n\
             | | Java worker | kconnect | kconnect / Java |\n| --- | --- | --- | --- |\n",
            Version::V4_3.number(),
            std::thread::available_parallelism().map_or(0, usize::from),
            times.join(", "),
            self.plan.connectors,
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand lines")]
fn percent(part: usize, whole: usize) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}
