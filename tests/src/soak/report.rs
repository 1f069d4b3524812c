//! A run as a section of BENCHMARKS.md.

use std::fmt::Write;
use std::time::Duration;

use super::fleet::{DELAY, PAIRS, RATE, SESSION, TASKS};
use super::recovery::Recovery;
use super::schedule::Kind;
use super::tenure::{FENCED_AFTER, Overlap, TOLERANCE};
use super::verdict::Totals;
use crate::jars::Version;

/// Something that happened, and how the cluster got over it.
#[derive(Debug, Clone, Copy)]
pub struct Happened {
    /// What.
    pub kind: Kind,
    /// How long recovery took.
    pub recovery: Recovery,
}

/// A whole run.
#[derive(Debug, Clone)]
pub struct Report {
    /// The seed of the run.
    pub seed: u64,
    /// For how many minutes it was to be under load.
    pub minutes: u64,
    /// How long it was.
    pub lasted: Duration,
    /// What happened.
    pub events: Vec<Happened>,
    /// Sums over all records.
    pub totals: Totals,
    /// Tasks that ran twice at a time, for longer than is tolerated.
    pub overlaps: Vec<Overlap>,
    /// For how many milliseconds, at most, a worker that had stood still went on with what was others' by then.
    pub afterlife: Option<i64>,
    /// How often a worker lost its place in the group without having stood still.
    pub starved: usize,
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
             on Apache Kafka {} with three brokers, two to four workers, {} records a second, {} processor cores for everything. \
             `scheduled.rebalance.max.delay.ms` is {}, `session.timeout.ms` {} (of workers and of sinks' consumers). Times \
             begin when the event is over: a worker has joined, has ended or goes on, a broker answers again. Balanced means \
             that every living worker says the same: all runs, on living workers, none of which has more than one connector or \
             task more than another. Records flow when each source task has had a record acknowledged on the worker that has \
             it by then, and it has come to the sink.\n\n\
             | event | times | configured wait, s | balanced after, s: median | most | records flow after, s: median | most |\n\
             | --- | --- | --- | --- | --- | --- | --- |\n",
            self.minutes,
            self.seed,
            2 * PAIRS,
            2 * PAIRS * TASKS,
            Version::V4_3.number(),
            PAIRS * TASKS * RATE,
            std::thread::available_parallelism().map_or(0, usize::from),
            DELAY.as_millis(),
            SESSION.as_millis(),
        );
        let mut kinds: Vec<Kind> = self.events.iter().map(|event| event.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        for kind in kinds {
            text.push_str(&self.row(kind));
        }
        text.push_str(&self.summary());
        text
    }

    fn row(&self, kind: Kind) -> String {
        let events = self.events.iter().filter(|event| event.kind == kind);
        let recoveries: Vec<Recovery> = events.map(|event| event.recovery).collect();
        let spread = |time: fn(&Recovery) -> Duration| {
            let mut times: Vec<f64> = recoveries
                .iter()
                .map(|one| time(one).as_secs_f64())
                .collect();
            times.sort_by(f64::total_cmp);
            let median = times.get(times.len() / 2).copied().unwrap_or_default();
            (median, times.last().copied().unwrap_or_default())
        };
        let (_, configured) = spread(|one| one.configured);
        let (balanced, balanced_most) = spread(|one| one.balanced);
        let (flowing, flowing_most) = spread(|one| one.flowing);
        format!(
            "| {} | {} | {configured} | {balanced:.1} | {balanced_most:.1} | {flowing:.1} | {flowing_most:.1} |\n",
            kind.name(),
            recoveries.len(),
        )
    }

    fn summary(&self) -> String {
        let totals = self.totals;
        let mut text = format!(
            "\nUnder load for {} s. {} records made, {} of them in the topics, {} in there again; sinks got {} of them again. ",
            self.lasted.as_secs(),
            totals.made,
            totals.in_topics,
            totals.repeated_in_topics,
            totals.got_again,
        );
        text.push_str(&self.doubles());
        if self.starved > 0 {
            let _ = write!(
                text,
                " {} times a worker lost its place in the group without having stood still: it had no processor for too long.",
                self.starved
            );
        }
        let _ = write!(
            text,
            " The largest worker had {:.1} MB. ",
            megabytes(self.resident_kib)
        );
        if self.problems.is_empty() {
            text.push_str("Nothing was lost.\n");
        } else {
            let problems = self.problems.join("\n- ");
            let _ = write!(text, "**Not as it should be:**\n\n- {problems}\n");
        }
        text
    }

    /// What is to be said of tasks that ran on two workers at once.
    fn doubles(&self) -> String {
        let tolerance = seconds(TOLERANCE);
        let fenced = seconds(FENCED_AFTER);
        let mut text = match self.overlaps.iter().map(|overlap| overlap.lasting).max() {
            None => format!("No task ran on two workers at once for longer than {tolerance} s."),
            Some(longest) => format!(
                "{} times a task ran on two workers at once for longer than {tolerance} s, {} s at most.",
                self.overlaps.len(),
                seconds(longest)
            ),
        };
        if let Some(afterlife) = self.afterlife {
            let _ = write!(
                text,
                " Workers that had stood still went on with tasks that others ran by then, until {} s after they went on at \
                 most: a worker, Java's as ours, learns by the answer to a heartbeat that it is out. {fenced} s are allowed.",
                seconds(afterlife)
            );
        }
        text
    }
}

#[expect(clippy::cast_precision_loss, reason = "printed with few digits")]
fn megabytes(kib: u64) -> f64 {
    kib as f64 * 1024.0 / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "printed with few digits")]
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(problems: &[&str]) -> Report {
        let happened = |kind, balanced, flowing| Happened {
            kind,
            recovery: Recovery {
                configured: Kind::configured(kind),
                balanced: Duration::from_millis(balanced),
                flowing: Duration::from_millis(flowing),
            },
        };
        Report {
            seed: 4,
            minutes: 5,
            lasted: Duration::from_secs(301),
            events: vec![
                happened(Kind::Kill, 8_300, 9_000),
                happened(Kind::Add, 100, 200),
                happened(Kind::Kill, 8_100, 8_200),
                happened(Kind::Kill, 8_200, 8_900),
            ],
            totals: Totals::default(),
            overlaps: Vec::new(),
            afterlife: Some(150),
            starved: 0,
            resident_kib: 1000,
            problems: problems.iter().map(|&text| text.to_owned()).collect(),
        }
    }

    #[test]
    fn each_kind_of_event_has_a_row_with_medians_and_maxima() {
        let text = report(&[]).markdown();
        let rows: Vec<&str> = text
            .lines()
            .filter(|line| line.contains("a worker "))
            .collect();
        assert!(
            text.contains("| a worker is killed (SIGKILL) | 3 | 8 | 8.2 | 8.3 | 8.9 | 9.0 |"),
            "{text}"
        );
        assert!(
            text.contains("| a worker joins | 1 | 0 | 0.1 | 0.1 | 0.2 | 0.2 |"),
            "{rows:?}"
        );
    }

    #[test]
    fn a_good_run_names_its_tolerance_and_a_bad_one_its_problems() {
        let text = report(&[]).markdown();
        assert!(text.contains("longer than 0.5 s."), "{text}");
        assert!(text.contains("until 0.15 s after"), "{text}");
        assert!(text.contains("Nothing was lost."), "{text}");
        let text = report(&["t1, task 2: 1 lost"]).markdown();
        assert!(!text.contains("Nothing was lost."), "{text}");
        assert!(text.ends_with("- t1, task 2: 1 lost\n"), "{text}");
    }
}
