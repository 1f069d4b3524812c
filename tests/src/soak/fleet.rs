//! The cluster under test: brokers, workers and connectors, and what happens to them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::schedule::{Event, Kind};
use super::tally::{LogReader, Stream, Tally};
use super::tenure::Absence;
use crate::jars::Version;
use crate::kafka::KafkaCluster;
use crate::process::look_again_after;
use crate::workers::{Workers, connector, put_connector};
use crate::{KconnectWorker, Result};

/// Pairs of a source and a sink.
pub(super) const PAIRS: usize = 5;
/// Tasks of each connector.
pub(super) const TASKS: usize = 4;
/// Records that each source task makes in a second.
pub(super) const RATE: usize = 20;
/// How long the work of a worker that is gone waits for its return.
pub(super) const DELAY: Duration = Duration::from_secs(2);
/// A worker that is silent for this long is no member any more.
pub(super) const SESSION: Duration = Duration::from_secs(6);

/// The pause between two looks at what the workers print.
const PAUSE: Duration = Duration::from_millis(500);
/// How long, in milliseconds, a worker may have been out of its group when it is told so.
const EXPELLED_SINCE: i64 = 60_000;

#[derive(Debug)]
struct Member {
    name: String,
    worker: KconnectWorker,
}

/// Brokers, workers, connectors.
#[derive(Debug)]
pub(super) struct Fleet {
    // In this order: workers end before the brokers do.
    members: Vec<Member>,
    logs: Vec<LogReader>,
    workers: Workers,
    kafka: Arc<KafkaCluster>,
    started: usize,
    /// When which worker stood still.
    pub freezes: Vec<Absence>,
    /// When which worker was told that its group went on without it, after it had stood still or without.
    pub expulsions: Vec<Absence>,
    /// The most memory that a worker was seen to have, KiB.
    pub resident_kib: u64,
}

impl Fleet {
    /// Starts three brokers, and as many workers once `prepare` has been done with the brokers' addresses.
    ///
    /// # Errors
    /// If one does not start.
    pub(super) fn start(prepare: impl FnOnce(&str, &Workers) -> Result<()>) -> Result<Self> {
        let kafka = KafkaCluster::start(Version::V4_3, 3)?;
        let servers = kafka.bootstrap_servers();
        let mut workers = Workers::new(&servers)?;
        for (key, value) in settings() {
            workers.set(key, &value);
        }
        prepare(&servers, &workers)?;
        let mut fleet = Self {
            members: Vec::new(),
            logs: Vec::new(),
            workers,
            kafka: Arc::new(kafka),
            started: 0,
            freezes: Vec::new(),
            expulsions: Vec::new(),
            resident_kib: 0,
        };
        for _ in 0..3 {
            fleet.add()?;
        }
        Ok(fleet)
    }

    /// The brokers' addresses.
    #[must_use]
    pub(super) fn servers(&self) -> String {
        self.kafka.bootstrap_servers()
    }

    /// How many workers there are.
    #[must_use]
    pub(super) const fn size(&self) -> usize {
        self.members.len()
    }

    /// Where a worker's REST API listens.
    #[must_use]
    pub(super) fn url(&self) -> String {
        let member = self.members.first();
        member.map_or_else(String::new, |member| member.worker.rest_url())
    }

    /// The workers, and where their REST APIs listen.
    #[must_use]
    pub(super) fn urls(&self) -> Vec<(String, String)> {
        let members = self.members.iter();
        members
            .map(|member| (member.name.clone(), member.worker.rest_url()))
            .collect()
    }

    /// The workers' names, by what statuses call them.
    #[must_use]
    pub(super) fn names_by_id(&self) -> BTreeMap<String, String> {
        let urls = self.urls().into_iter();
        urls.map(|(name, url)| (url.trim_start_matches("http://").to_owned(), name))
            .collect()
    }

    /// All source tasks, each with its topic.
    #[must_use]
    pub(super) fn streams(&self) -> Vec<Stream> {
        let tasks = (0..TASKS).filter_map(|task| i64::try_from(task).ok());
        let topics = self.topics().into_iter();
        topics
            .flat_map(|topic| tasks.clone().map(move |task| (topic.clone(), task)))
            .collect()
    }

    /// The topic of each pair of connectors.
    #[must_use]
    pub(super) fn topics(&self) -> Vec<String> {
        topics(&self.workers)
    }

    /// The sources' names.
    #[must_use]
    pub(super) fn sources(&self) -> Vec<String> {
        self.topics()
            .iter()
            .map(|topic| format!("source-{topic}"))
            .collect()
    }

    /// Creates the ten connectors.
    ///
    /// # Errors
    /// If one is refused.
    pub(super) fn create_connectors(&self) -> Result<()> {
        let (tasks, rate) = (TASKS.to_string(), RATE.to_string());
        for topic in self.topics() {
            let common = [
                ("tasks.max", &*tasks),
                ("key.converter", "IntegerConverter"),
                ("value.converter", "LongConverter"),
            ];
            let source = [
                ("connector.class", "VerifiableSourceConnector"),
                ("topic", &topic),
                ("throughput", &rate),
            ];
            let sink = [
                ("connector.class", "VerifiableSinkConnector"),
                ("topics", &topic),
            ];
            let source = connector(&[&common[..], &source].concat());
            let sink = connector(&[&common[..], &sink].concat());
            put_connector(&self.url(), &format!("source-{topic}"), &source)?;
            put_connector(&self.url(), &format!("sink-{topic}"), &sink)?;
        }
        Ok(())
    }

    /// Lets something happen; says what.
    ///
    /// # Errors
    /// If it cannot be done: a worker does not start, does not end in order, or has ended by itself.
    pub(super) fn carry_out(&mut self, event: Event, tally: &mut Tally) -> Result<String> {
        match event.kind {
            Kind::Start => Ok("the start".to_owned()),
            Kind::Add => Ok(format!("{} joins", self.add()?)),
            Kind::Stop => {
                let member = self.take(event.whom);
                member.worker.stop()?;
                Ok(format!("{} stops (SIGTERM)", member.name))
            }
            Kind::Kill => {
                let mut member = self.take(event.whom);
                member.worker.process().kill()?;
                Ok(format!("{} is killed (SIGKILL)", member.name))
            }
            Kind::Freeze => self.freeze(event.whom, event.lasting, tally),
            Kind::RestartBroker => {
                let node = event.whom % self.kafka.size();
                self.watch_brokers(tally, move |kafka| kafka.stop(node))?;
                self.watch(event.lasting, tally)?;
                self.watch_brokers(tally, move |kafka| kafka.restart(node))?;
                let away = event.lasting.as_secs_f64();
                Ok(format!(
                    "broker {} restarts, away for {away:.1} s and its start",
                    node + 1
                ))
            }
        }
    }

    fn add(&mut self) -> Result<String> {
        self.started += 1;
        let name = format!("worker-{}", self.started);
        let mut worker = self.workers.start(&name)?;
        self.logs
            .push(LogReader::new(&name, worker.process().log()));
        self.members.push(Member {
            name: name.clone(),
            worker,
        });
        Ok(name)
    }

    fn take(&mut self, whom: usize) -> Member {
        let at = whom % self.members.len();
        self.members.remove(at)
    }

    fn freeze(&mut self, whom: usize, lasting: Duration, tally: &mut Tally) -> Result<String> {
        let at = whom % self.members.len();
        let mut member = self.members.remove(at);
        let from = now();
        member.worker.process().signal("STOP")?;
        let watched = self.watch(lasting, tally);
        let (worker, until) = (member.name.clone(), now());
        let goes_on = member.worker.process().signal("CONT");
        self.members.insert(at.min(self.members.len()), member);
        goes_on.and(watched)?;
        let seconds = lasting.as_secs_f64();
        let what = format!("{worker} stood still for {seconds:.1} s (SIGSTOP)");
        self.freezes.push(Absence {
            worker,
            from,
            until,
        });
        Ok(what)
    }

    /// Looks again and again for a while.
    ///
    /// # Errors
    /// As [`Self::look`].
    pub(super) fn watch(&mut self, lasting: Duration, tally: &mut Tally) -> Result<()> {
        let end = Instant::now() + lasting;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            look_again_after(left.min(PAUSE));
            self.look(tally)?;
            if left <= PAUSE {
                return Ok(());
            }
        }
    }

    /// Looks again and again while something is done with the brokers.
    fn watch_brokers(
        &mut self,
        tally: &mut Tally,
        work: impl FnOnce(&KafkaCluster) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let kafka = Arc::clone(&self.kafka);
        let work = thread::spawn(move || work(&kafka));
        let mut watched = Ok(());
        while !work.is_finished() {
            // Brokers that are about to start are not left behind.
            let looked = self.watch(PAUSE, tally);
            watched = watched.and(looked);
        }
        work.join().map_err(|_| "the harness panicked")??;
        watched
    }

    /// Takes in what the workers have printed, and looks whether each of them still runs.
    ///
    /// # Errors
    /// If one has ended by itself.
    pub(super) fn look(&mut self, tally: &mut Tally) -> Result<()> {
        for log in &mut self.logs {
            log.read_into(tally)?;
        }
        for worker in tally.expelled.drain(..) {
            let until = now();
            self.expulsions.push(Absence {
                worker,
                from: until - EXPELLED_SINCE,
                until,
            });
        }
        let is_running = |member: &mut Member| member.worker.process().is_running();
        if let Some(dead) = self
            .members
            .iter_mut()
            .position(|member| !is_running(member))
        {
            // Told once: the others are to go on without it.
            let mut dead = self.members.remove(dead);
            let (name, tail) = (&dead.name, dead.worker.process().tail(40));
            return Err(format!("{name} has ended by itself:\n{tail}").into());
        }
        for member in &mut self.members {
            let resident = member.worker.process().resident_kib();
            self.resident_kib = self.resident_kib.max(resident.unwrap_or_default());
        }
        Ok(())
    }

    /// Stops the workers and takes in their last words.
    ///
    /// # Errors
    /// If one does not end in order.
    pub(super) fn stop_workers(&mut self, tally: &mut Tally) -> Result<()> {
        let mut ended = Ok(());
        for member in self.members.drain(..) {
            let stopped = member.worker.stop();
            ended = ended.and(stopped);
        }
        self.look(tally)?;
        ended
    }

    /// Ends everything; the workers' files and the brokers' logs stay, and are where this says.
    #[must_use]
    pub(super) fn keep_files(self) -> PathBuf {
        drop(self.members);
        for node in 0..self.kafka.size() {
            let file = self.workers.path(&format!("broker-{}.log", node + 1));
            // A log that cannot be kept is no reason to lose the others.
            let _ = fs::write(file, self.kafka.log(node));
        }
        self.workers.keep()
    }
}

/// The topic of each pair of connectors of a cluster.
#[must_use]
pub(super) fn topics(workers: &Workers) -> Vec<String> {
    (1..=PAIRS)
        .map(|pair| workers.named(&format!("t{pair}")))
        .collect()
}

/// What differs from [`Workers`]: three copies of everything, and the times that recovery is measured by.
fn settings() -> [(&'static str, String); 7] {
    [
        ("config.storage.replication.factor", "3".to_owned()),
        ("offset.storage.replication.factor", "3".to_owned()),
        ("status.storage.replication.factor", "3".to_owned()),
        (
            "scheduled.rebalance.max.delay.ms",
            DELAY.as_millis().to_string(),
        ),
        ("session.timeout.ms", SESSION.as_millis().to_string()),
        // Of sinks' consumers: their partitions wait for one that was killed as long as that.
        (
            "consumer.session.timeout.ms",
            SESSION.as_millis().to_string(),
        ),
        // They learn of a rebalance by their next heartbeat, and are waited for until then.
        ("consumer.heartbeat.interval.ms", "1000".to_owned()),
    ]
}

/// Milliseconds since 1970, as the records have them.
fn now() -> i64 {
    let elapsed = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}
