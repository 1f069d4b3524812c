//! A cluster of workers under load to which everything happens that happens in years, and what it makes of it.
//!
//! Five sources with four tasks each write numbered records, five sinks read them. Each task prints what it does, so that
//! afterwards every number can be accounted for: made, acknowledged, in the topic, got, flushed. The moments come from a
//! seed; what a run measures does not, since processes are scheduled by others.

mod fleet;
mod recovery;
mod report;
mod schedule;
mod statuses;
mod tally;
mod tenure;
mod topics;
mod verdict;

use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use crate::Result;
use crate::process::look_again_after;
use crate::worker::{example_binary, kconnect_binary, use_binary};
use crate::workers::{ask, wait_for_state};

use fleet::{DELAY, Fleet, SESSION, TASKS};
pub use recovery::Recovery;
pub use report::{Happened, Report};
pub use schedule::Kind;
use schedule::{Event, Schedule};
use tally::{Seen, Stream, Tally};
use tenure::Absence;
pub use tenure::Overlap;
pub use verdict::Totals;

/// How long it may take until topics have and sinks have flushed what is left when the sources make no more.
const DRAIN_LIMIT: Duration = Duration::from_secs(120);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// How long a run is, and what happens in it.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How long the cluster is under load.
    pub lasting: Duration,
    /// Decides what happens when.
    pub seed: u64,
}

/// Runs the plan on a cluster of its own, which is gone afterwards. If something is wrong with the run, all logs stay and the
/// report says where.
///
/// The workers are processes of the example `system_tests`, which is built with the profile of the caller; `KCONNECT_BINARY` names
/// another binary that has the connectors of Kafka's system tests.
///
/// # Errors
/// If the cluster cannot be started. What it does wrong later is in the report.
pub fn run(plan: Plan) -> Result<Report> {
    if std::env::var_os("KCONNECT_BINARY").is_none() {
        use_binary(example_binary("system_tests")?);
    }
    tracing::info!("workers of {}", kconnect_binary()?.display());
    let runtime = Runtime::new()?;
    let fleet = Fleet::start(|servers, workers| {
        runtime.block_on(topics::create(servers, &fleet::topics(workers)))
    })?;
    fleet.create_connectors()?;
    let mut run = Run {
        plan,
        runtime,
        fleet,
        tally: Tally::default(),
        events: Vec::new(),
        problems: Vec::new(),
        is_accounted_for: false,
        lasted: Duration::ZERO,
        begun: Instant::now(),
    };
    let outcome = run.trouble();
    run.lasted = run.begun.elapsed();
    run.judge("under load", outcome);
    if !run.problems.is_empty() {
        // Those who are left need the time to find out that somebody is missing, be it their leader.
        let waited = run.fleet.watch(SESSION + DELAY, &mut run.tally);
        run.judge("afterwards", waited);
    }
    let outcome = run.drain();
    run.judge("at the end", outcome);
    Ok(run.report())
}

struct Run {
    plan: Plan,
    runtime: Runtime,
    fleet: Fleet,
    tally: Tally,
    events: Vec<Happened>,
    problems: Vec<String>,
    /// All records have been read, and sinks have had the time to flush them.
    is_accounted_for: bool,
    begun: Instant,
    /// How long things happened.
    lasted: Duration,
}

impl Run {
    fn judge(&mut self, when: &str, outcome: Result<()>) {
        if let Err(error) = outcome {
            tracing::error!("{when}: {error}");
            self.problems.push(format!("{when}: {error}"));
        }
    }

    /// Lets things happen until the time is over.
    fn trouble(&mut self) -> Result<()> {
        let mut schedule = Schedule::new(self.plan.seed);
        self.recover(Kind::Start, "the start")?;
        while self.begun.elapsed() < self.plan.lasting {
            let event = schedule.next(self.fleet.size());
            self.happen(event)?;
        }
        Ok(())
    }

    fn happen(&mut self, event: Event) -> Result<()> {
        self.fleet.watch(event.after, &mut self.tally)?;
        let what = self
            .fleet
            .carry_out(event, &mut self.tally)
            .map_err(|error| format!("{}: {error}", event.kind.name()))?;
        self.recover(event.kind, &what)
    }

    fn recover(&mut self, kind: Kind, what: &str) -> Result<()> {
        let (at, workers) = (self.begun.elapsed().as_secs(), self.fleet.size());
        let recovery = recovery::wait(&mut self.fleet, &mut self.tally, kind.configured())
            .map_err(|error| format!("{at} s after the start, {what}: {error}"))?;
        tracing::info!(
            "{at} s: {what}; {workers} workers, balanced after {:.1} s, records flow after {:.1} s",
            recovery.balanced.as_secs_f64(),
            recovery.flowing.as_secs_f64()
        );
        self.events.push(Happened { kind, recovery });
        Ok(())
    }

    /// Pauses the sources, waits until everything they made is in the topics and the sinks have it, and stops the workers.
    fn drain(&mut self) -> Result<()> {
        self.catch_up()?;
        self.pause_sources()?;
        let (servers, names) = (self.fleet.servers(), self.fleet.topics());
        let mut topics = {
            let _entered = self.runtime.enter();
            topics::Reader::open(&servers, &names)?
        };
        let begun = Instant::now();
        loop {
            self.runtime.block_on(topics.read_to_end(&mut self.tally))?;
            self.fleet.look(&mut self.tally)?;
            let mut streams = self.tally.streams.values();
            if streams.all(Seen::is_whole) || begun.elapsed() > DRAIN_LIMIT {
                break;
            }
            look_again_after(PAUSE);
        }
        self.runtime.block_on(topics.close())?;
        self.is_accounted_for = true;
        self.fleet.stop_workers(&mut self.tally)
    }

    /// Pauses the sources: a task that says it is paused makes nothing any more. Of a stopped one nothing is heard: its connector
    /// is said to be stopped, without tasks, while they still send what they have made.
    fn pause_sources(&self) -> Result<()> {
        let (url, sources) = (self.fleet.url(), self.fleet.sources());
        for source in &sources {
            ask(&url, "PUT", &format!("/connectors/{source}/pause"), None)?;
        }
        for source in &sources {
            wait_for_state(&url, source, TASKS, "PAUSED")?;
        }
        Ok(())
    }

    /// Waits until the sources have sent every number that was ever made: also those that a worker made in vain, before it was
    /// killed or after it had stood still, and that come again.
    fn catch_up(&mut self) -> Result<()> {
        self.fleet.look(&mut self.tally)?;
        let streams = self.tally.streams.iter();
        let ends: Vec<(Stream, usize)> = streams
            .map(|(stream, seen)| (stream.clone(), seen.made.end()))
            .collect();
        let begun = Instant::now();
        loop {
            let streams = &self.tally.streams;
            let behind = ends.iter().find(|(stream, end)| {
                let seen = streams.get(stream);
                seen.is_none_or(|seen| seen.acknowledged.end() < *end)
            });
            let Some(((topic, task), end)) = behind else {
                return Ok(());
            };
            if begun.elapsed() > DRAIN_LIMIT {
                return Err(format!(
                    "{topic}, task {task}: number {} was made, and nothing so high acknowledged for {DRAIN_LIMIT:?} since",
                    end - 1
                )
                .into());
            }
            self.fleet.watch(PAUSE, &mut self.tally)?;
        }
    }

    fn report(mut self) -> Report {
        if self.is_accounted_for {
            let losses = verdict::losses(&self.fleet.topics(), &mut self.tally);
            self.problems.extend(losses);
        } else {
            let text = "what became of the records is not known: they could not be read";
            self.problems.push(text.to_owned());
        }
        let (freezes, expulsions) = (&self.fleet.freezes, &self.fleet.expulsions);
        let absences: Vec<Absence> = freezes.iter().chain(expulsions).cloned().collect();
        let overlaps = self.tally.tenures.overlaps(&absences);
        let forbidden = overlaps.iter().filter(|overlap| !overlap.is_allowed);
        self.problems.extend(forbidden.map(Overlap::to_string));
        let mut report = Report {
            seed: self.plan.seed,
            lasted: self.lasted,
            minutes: self.plan.lasting.as_secs() / 60,
            events: self.events,
            totals: verdict::totals(&self.tally),
            afterlife: self.tally.tenures.longest_afterlife(freezes),
            starved: tenure::without_freeze(expulsions, freezes),
            overlaps,
            resident_kib: self.fleet.resident_kib,
            problems: self.problems,
        };
        if !report.problems.is_empty() {
            let files = self.fleet.keep_files();
            let text = format!("the logs of workers and brokers are in {}", files.display());
            report.problems.push(text);
        }
        report
    }
}
