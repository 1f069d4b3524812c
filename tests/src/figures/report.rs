//! The figures as a section of BENCHMARKS.md.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::{Figures, Plan};
use crate::Result;
use crate::jars::Version;

const HEADING: &str = "## The worker beside the Java worker";

/// What was measured in one run.
#[derive(Debug, Clone)]
pub struct Section {
    /// How much was measured.
    pub plan: Plan,
    /// Our worker.
    pub ours: Figures,
    /// Apache Kafka's worker.
    pub java: Figures,
}

impl Section {
    /// As Markdown, heading included.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "{HEADING}\n\n\
             `cargo run --package kconnect-tests --bin figures` measures both in one run and writes this section: Apache Kafka \
             {} and its worker as its scripts start them, {} processor cores shared by broker and worker, {} lines of 100 \
             bytes, one partition, StringConverter, the median of {} runs. CPU is that of the worker's process; the first \
             tenth of the records is not counted.\n\n\
             | | Java worker | kconnect | kconnect / Java |\n| --- | --- | --- | --- |\n",
            Version::V4_3.number(),
            std::thread::available_parallelism().map_or(0, usize::from),
            self.plan.lines,
            self.plan.runs,
        );
        let mut row = |name: &str, digits: usize, of: &dyn Fn(&Figures) -> f64| {
            let (java, ours) = (of(&self.java), of(&self.ours));
            let _ = writeln!(
                text,
                "| {name} | {java:.digits$} | {ours:.digits$} | {} |",
                ratio(ours / java)
            );
        };
        row("start to `/health`, s", 3, &|figures| {
            figures.idle.health.as_secs_f64()
        });
        row("CPU for the start, s", 2, &|figures| {
            figures.idle.cpu.as_secs_f64()
        });
        row("idle memory, MB", 1, &|figures| {
            megabytes(figures.idle.resident_kib * 1024)
        });
        row("file to topic, records/s", 0, &|figures| {
            figures.into_topic.rate
        });
        row("file to topic, CPU s per million", 2, &|figures| {
            figures.into_topic.cpu_per_million
        });
        row("topic to file, records/s", 0, &|figures| {
            figures.out_of_topic.rate
        });
        row("topic to file, CPU s per million", 2, &|figures| {
            figures.out_of_topic.cpu_per_million
        });
        row("program, without a JVM, MB", 1, &|figures| {
            megabytes(figures.size)
        });
        text
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "megabytes are printed with one digit"
)]
pub(super) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// `1/20` for less, `4.0` for more, `-` where one of the two is too small to be measured.
pub(super) fn ratio(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        "-".to_owned()
    } else if value < 1.0 {
        format!("1/{:.1}", 1.0 / value)
    } else {
        format!("{value:.1}")
    }
}

/// Puts `section` in the place of the one with the same heading in `file`, or at its end.
pub fn write_section(file: &Path, section: &str) -> Result<()> {
    let old = fs::read_to_string(file)?;
    Ok(fs::write(file, with_section(&old, section))?)
}

fn with_section(text: &str, section: &str) -> String {
    let heading = section.lines().next().unwrap_or_default();
    let begin = text.find(&format!("{heading}\n")).unwrap_or(text.len());
    let after = text[begin..].find("\n## ").map(|at| begin + at + 1);
    let (before, after) = (text[..begin].trim_end(), after.map_or("", |at| &text[at..]));
    let separator = if after.is_empty() { "" } else { "\n" };
    format!("{before}\n\n{}\n{separator}{after}", section.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_takes_the_place_of_the_old_one() {
        let new = with_section("# B\n\n## A\n\nold\n\n## C\n\nc\n", "## A\n\nnew\n");
        assert_eq!(new, "# B\n\n## A\n\nnew\n\n## C\n\nc\n");
        assert_eq!(with_section(&new, "## A\n\nnew"), new);
        assert_eq!(with_section("# B\n", "## A\n\na\n"), "# B\n\n## A\n\na\n");
    }

    #[test]
    fn ratios_are_read_at_a_glance() {
        assert_eq!(
            (ratio(0.05).as_str(), ratio(4.0).as_str()),
            ("1/20.0", "4.0")
        );
        assert_eq!((ratio(0.0).as_str(), ratio(1.0 / 0.0).as_str()), ("-", "-"));
    }
}
