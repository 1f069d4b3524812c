//! A cluster whose workers are replaced one by one, from Java's to ours and back: nothing is restarted more often than among
//! Java's alone, everything goes on where it was, and each worker sees the same cluster.

use std::collections::{BTreeMap, VecDeque};
use std::fs;

use kconnect_tests::workers::{ask, file_sink, file_source, put_connector, wait_for_lines};
use kconnect_tests::{EitherWorker, Kind, Result, Workers};
use serde_json::Value;

use crate::support::{append, lines, records, run};
use crate::view::{wait_for_same, wait_settled};

/// Pairs of a file source and a file sink. An even number of parts for one worker and for two, whoever they are.
const PAIRS: usize = 4;
/// Lines that are written between two changes of the cluster.
const LINES: usize = 50;

#[test]
fn workers_are_replaced_one_by_one_and_nothing_restarts_more_often_than_among_javas() {
    run(
        "workers_are_replaced_one_by_one_and_nothing_restarts_more_often_than_among_javas",
        |servers| {
            let (java, ours) = (Kind::Java, Kind::Kconnect);
            let kinds = [java, java, ours, ours, java, java];
            restarts_no_more_than_javas(servers, &kinds, EitherWorker::stop)
        },
    );
}

#[test]
fn workers_are_killed_and_nothing_restarts_more_often_than_among_javas() {
    run(
        "workers_are_killed_and_nothing_restarts_more_often_than_among_javas",
        |servers| {
            let (java, ours) = (Kind::Java, Kind::Kconnect);
            let kill = |mut worker: EitherWorker| worker.process().kill().map(drop);
            restarts_no_more_than_javas(servers, &[java, ours, java, ours], kill)
        },
    );
}

/// Lets the same happen to workers of these kinds, and to as many Java workers.
fn restarts_no_more_than_javas(servers: &str, kinds: &[Kind], end: End) -> Result<()> {
    let mixed = replace_one_by_one(servers, kinds, end)?;
    let alone = replace_one_by_one(servers, &vec![Kind::Java; kinds.len()], end)?;
    assert!(
        mixed.connectors <= alone.connectors && mixed.tasks <= alone.tasks,
        "in the mixed cluster: {mixed:?}; among Java workers alone: {alone:?}"
    );
    Ok(())
}

/// What becomes of a worker that is replaced.
type End = fn(EitherWorker) -> Result<()>;

/// How often something was started, as the status topic tells.
#[derive(Debug, Default)]
struct Starts {
    connectors: usize,
    tasks: usize,
}

/// A cluster of two workers of the first two kinds. Each of the others takes the place of the oldest one.
fn replace_one_by_one(servers: &str, kinds: &[Kind], end: End) -> Result<Starts> {
    let mut workers = Workers::new(servers)?;
    // The partitions of a killed worker's sinks are to be free as soon as its work is.
    workers.set("consumer.session.timeout.ms", "6000");
    workers.set("consumer.heartbeat.interval.ms", "500");
    let mut running: VecDeque<EitherWorker> = VecDeque::new();
    for (number, &kind) in kinds.iter().enumerate().take(2) {
        running.push_back(workers.start_either(kind, &format!("worker-{number}"))?);
    }
    let pairs = Pairs::create(&workers, &running)?;
    // While they are created work moves or not, as the requests meet the rebalances.
    let before = count_starts(servers, workers.group())?;
    let mut written = 0;
    for (number, &kind) in kinds.iter().enumerate().skip(2) {
        pairs.move_lines(&running, &mut written)?;
        end(running.pop_front().ok_or("no worker")?)?;
        wait_settled(&urls(&running), &pairs.all())?;
        pairs.move_lines(&running, &mut written)?;
        running.push_back(workers.start_either(kind, &format!("worker-{number}"))?);
        wait_settled(&urls(&running), &pairs.all())?;
    }
    pairs.end_well(&running, written)?;
    let starts = count_starts(servers, workers.group())?;
    running.into_iter().try_for_each(EitherWorker::stop)?;
    Ok(Starts {
        connectors: starts.connectors - before.connectors,
        tasks: starts.tasks - before.tasks,
    })
}

fn urls(running: &VecDeque<EitherWorker>) -> Vec<String> {
    running.iter().map(EitherWorker::rest_url).collect()
}

/// Pairs of connectors with a topic each; the last source is paused until the end.
struct Pairs<'a> {
    workers: &'a Workers,
    names: Vec<(String, String)>,
}

impl<'a> Pairs<'a> {
    /// Creates them, on one worker and the other in turn.
    fn create(workers: &'a Workers, running: &VecDeque<EitherWorker>) -> Result<Self> {
        let urls = urls(running);
        let names = |pair: usize| (format!("in-{pair}"), workers.named(&format!("out-{pair}")));
        let pairs = Self {
            workers,
            names: (0..PAIRS).map(names).collect(),
        };
        for (pair, (source, sink)) in pairs.names.iter().enumerate() {
            let topic = workers.named(&format!("topic-{pair}"));
            fs::write(pairs.source(pair), "")?;
            let from = file_source(&pairs.source(pair), &topic);
            let into = file_sink(&pairs.sink(pair), &topic, 1);
            put_connector(&urls[pair % urls.len()], source, &from)?;
            put_connector(&urls[(pair + 1) % urls.len()], sink, &into)?;
        }
        wait_settled(&urls, &pairs.all_running())?;
        let paused = &pairs.names[PAIRS - 1].0;
        ask(
            &urls[1],
            "PUT",
            &format!("/connectors/{paused}/pause"),
            None,
        )?;
        wait_settled(&urls, &pairs.all())?;
        Ok(pairs)
    }

    fn all(&self) -> BTreeMap<&str, &str> {
        let paused = self.names[PAIRS - 1].0.as_str();
        let names = self.names.iter();
        let names = names.flat_map(|(source, sink)| [source.as_str(), sink.as_str()]);
        names
            .map(|name| (name, if name == paused { "PAUSED" } else { "RUNNING" }))
            .collect()
    }

    fn all_running(&self) -> BTreeMap<&str, &str> {
        let all = self.all().into_keys();
        all.map(|name| (name, "RUNNING")).collect()
    }

    fn source(&self, pair: usize) -> std::path::PathBuf {
        self.workers.path(&format!("in-{pair}.txt"))
    }

    fn sink(&self, pair: usize) -> std::path::PathBuf {
        self.workers.path(&format!("out-{pair}.txt"))
    }

    /// Writes lines, and waits until they have arrived, with their offsets committed, as each worker says: then nothing is
    /// on its way that a change of the cluster could repeat.
    fn move_lines(&self, running: &VecDeque<EitherWorker>, written: &mut usize) -> Result<()> {
        let more = *written..*written + LINES;
        *written = more.end;
        for pair in 0..PAIRS {
            append(&self.source(pair), more.clone())?;
        }
        self.wait_committed(running, 0..PAIRS - 1, *written)
    }

    fn wait_committed(
        &self,
        running: &VecDeque<EitherWorker>,
        pairs: std::ops::Range<usize>,
        written: usize,
    ) -> Result<()> {
        for pair in pairs {
            let (source, sink) = &self.names[pair];
            wait_for_lines(&self.sink(pair), written)?;
            let size = fs::metadata(self.source(pair))?.len();
            let offset = |field: &'static str, expected: u64| {
                move |answer: &Value| answer["offsets"][0]["offset"][field] == expected
            };
            let urls = urls(running);
            let path = |name: &str| format!("/connectors/{name}/offsets");
            wait_for_same(&urls, &path(source), offset("position", size))?;
            let records = u64::try_from(written)?;
            wait_for_same(&urls, &path(sink), offset("kafka_offset", records))?;
        }
        Ok(())
    }

    /// Resumes what was paused; in the end every line is there once, and each worker knows of the same topics.
    fn end_well(&self, running: &VecDeque<EitherWorker>, written: usize) -> Result<()> {
        let urls = urls(running);
        let paused = &self.names[PAIRS - 1].0;
        ask(
            &urls[0],
            "PUT",
            &format!("/connectors/{paused}/resume"),
            None,
        )?;
        self.wait_committed(running, 0..PAIRS, written)?;
        wait_settled(&urls, &self.all_running())?;
        for (pair, (source, sink)) in self.names.iter().enumerate() {
            let topic = self.workers.named(&format!("topic-{pair}"));
            for name in [source, sink] {
                let path = format!("/connectors/{name}/topics");
                wait_for_same(&urls, &path, |answer| {
                    answer[name]["topics"] == serde_json::json!([topic])
                })?;
            }
            assert_eq!(
                fs::read_to_string(self.sink(pair))?,
                lines(0..written),
                "pair {pair}: every line once, in order"
            );
        }
        Ok(())
    }
}

/// Whatever starts says that it runs, or that it is paused. A worker that says so again without having stopped it, because another
/// one spoke late, has not started it again.
fn count_starts(servers: &str, group: &str) -> Result<Starts> {
    let mut starts = Starts::default();
    let mut said = BTreeMap::new();
    for (key, value) in records(servers, &format!("{group}-status"), 5)? {
        let value = value.unwrap_or_default();
        let state = value["state"].clone();
        assert_ne!(state, "FAILED", "{key}: {value}");
        let worker = value["worker_id"].to_string();
        let is_new = said.insert((key.clone(), worker), state.clone()) != Some(state.clone());
        if is_new && (state == "RUNNING" || state == "PAUSED") {
            if key.starts_with("status-connector-") {
                starts.connectors += 1;
            } else if key.starts_with("status-task-") {
                starts.tasks += 1;
            }
        }
    }
    Ok(starts)
}
