//! A cluster of workers under load to which everything happens that happens in years, and what it makes of it.
//!
//! Five sources with four tasks each write numbered records, five sinks read them. Each task prints what it does, so that
//! afterwards every number can be accounted for: made, acknowledged, in the topic, got, flushed. The moments come from a
//! seed; what a run measures does not, since processes are scheduled by others.

mod fleet;
mod recovery;
mod report;
mod schedule;
mod tally;
mod tenure;
mod topics;
mod verdict;

use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use crate::Result;
use crate::process::look_again_after;
use crate::worker::{example_binary, use_binary};
use crate::workers::{ask, wait_for_state};

use fleet::Fleet;
pub use recovery::Recovery;
pub use report::{Happened, Report};
use schedule::Schedule;
use tally::Tally;
pub use tenure::Overlap;
pub use verdict::Totals;

/// How long sinks may take to get and flush what is left when the sources have stopped.
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

/// Runs the plan on a cluster of its own, which is gone afterwards. If something is wrong with the run, the workers' logs stay and
/// the report says where.
///
/// # Errors
/// If the cluster cannot be started. What it does wrong later is in the report.
pub fn run(plan: Plan) -> Result<Report> {
    use_binary(example_binary("system_tests")?);
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
        begun: Instant::now(),
    };
    let outcome = run.trouble();
    run.judge("", outcome);
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
    begun: Instant,
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
        self.recover("the start".to_owned())?;
        while self.begun.elapsed() < self.plan.lasting {
            let event = schedule.next(self.fleet.size());
            look_again_after(event.after);
            let what = self.fleet.carry_out(event)?;
            self.recover(what)?;
        }
        Ok(())
    }

    fn recover(&mut self, what: String) -> Result<()> {
        let at = self.begun.elapsed();
        tracing::info!("{what}");
        let recovery = recovery::wait(&mut self.fleet, &mut self.tally)
            .map_err(|error| format!("{what}: {error}"))?;
        tracing::info!(
            "balanced after {:?}, records flow after {:?}",
            recovery.balanced,
            recovery.flowing
        );
        self.events.push(Happened {
            at,
            what,
            workers: self.fleet.size(),
            recovery,
        });
        Ok(())
    }

    /// Stops the sources, waits until the sinks have everything, and stops the workers.
    fn drain(&mut self) -> Result<()> {
        let url = self.fleet.url();
        for source in self.fleet.sources() {
            ask(&url, "PUT", &format!("/connectors/{source}/stop"), None)?;
        }
        for source in self.fleet.sources() {
            wait_for_state(&url, &source, 0, "STOPPED")?;
        }
        let (servers, names) = (self.fleet.servers(), self.fleet.topics());
        self.runtime
            .block_on(topics::read(&servers, &names, &mut self.tally))?;
        let begun = Instant::now();
        while begun.elapsed() < DRAIN_LIMIT {
            self.fleet.look(&mut self.tally)?;
            let mut streams = self.tally.streams.values();
            if streams.all(|seen| seen.flushed.lacks(&seen.in_topic).next().is_none()) {
                break;
            }
            look_again_after(PAUSE);
        }
        self.fleet.stop_workers(&mut self.tally)
    }

    fn report(mut self) -> Report {
        let losses = verdict::losses(&self.fleet.topics(), &mut self.tally);
        self.problems.extend(losses);
        let overlaps = self.tally.tenures.overlaps(&self.fleet.freezes);
        let forbidden = overlaps.iter().filter(|overlap| !overlap.is_allowed);
        self.problems.extend(forbidden.map(|overlap| {
            let Overlap {
                task,
                workers,
                from,
                lasting,
                ..
            } = overlap;
            format!(
                "{} task {} ran on {workers:?} at once for {lasting} ms from {from} on",
                task.0, task.1
            )
        }));
        let resident_kib = self.fleet.resident_kib;
        if !self.problems.is_empty() {
            let files = self.fleet.keep_files();
            self.problems
                .push(format!("the workers' logs are in {}", files.display()));
        }
        Report {
            seed: self.plan.seed,
            minutes: self.plan.lasting.as_secs() / 60,
            events: self.events,
            totals: verdict::totals(&self.tally),
            overlaps,
            resident_kib,
            problems: self.problems,
        }
    }
}
