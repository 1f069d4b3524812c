//! Which records were made, acknowledged, got and flushed, and how often, as the tasks themselves tell.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::tenure::Tenures;
use crate::Result;

/// Numbers of records that are higher than this are not of a run.
const SEQNO_MAX: usize = 50_000_000;

/// The records of one source task: a topic and the number of the task.
pub(super) type Stream = (String, i64);

/// How often each number of a sequence was seen.
#[derive(Debug, Default, Clone)]
pub(super) struct Counts(Vec<u16>);

impl Counts {
    /// Notes a number.
    pub(super) fn add(&mut self, number: i64) {
        let Some(at) = usize::try_from(number).ok().filter(|at| *at < SEQNO_MAX) else {
            return;
        };
        if self.0.len() <= at {
            self.0.resize(at + 1, 0);
        }
        self.0[at] = self.0[at].saturating_add(1);
    }

    /// One more than the highest number.
    #[must_use]
    pub(super) const fn end(&self) -> usize {
        self.0.len()
    }

    /// How many different numbers there are.
    #[must_use]
    pub(super) fn different(&self) -> usize {
        self.0.iter().filter(|count| **count > 0).count()
    }

    /// How often a number was seen again.
    #[must_use]
    pub(super) fn repeated(&self) -> usize {
        let again = self
            .0
            .iter()
            .map(|count| usize::from(count.saturating_sub(1)));
        again.sum()
    }

    /// The numbers of `all` that are not in here.
    pub(super) fn lacks<'a>(&'a self, all: &'a Self) -> impl Iterator<Item = usize> + 'a {
        let wanted = all.0.iter().enumerate().filter(|(_, count)| **count > 0);
        wanted
            .map(|(number, _)| number)
            .filter(|&number| self.0.get(number).is_none_or(|count| *count == 0))
    }

    /// The numbers below the highest one that are not in here.
    pub(super) fn gaps(&self) -> impl Iterator<Item = usize> {
        let missing = self.0.iter().enumerate().filter(|(_, count)| **count == 0);
        missing.map(|(number, _)| number)
    }
}

/// What is known of one source task's records.
#[derive(Debug, Default, Clone)]
pub(super) struct Seen {
    /// Made by the task.
    pub made: Counts,
    /// Told to the task as acknowledged.
    pub acknowledged: Counts,
    /// Read from the topic.
    pub in_topic: Counts,
    /// Got by a sink.
    pub got: Counts,
    /// Flushed by a sink.
    pub flushed: Counts,
}

impl Seen {
    /// Whether all that was made is in the topic, and all that is there was flushed.
    #[must_use]
    pub(super) fn is_whole(&self) -> bool {
        self.in_topic.lacks(&self.made).next().is_none()
            && self.flushed.lacks(&self.in_topic).next().is_none()
    }
}

/// What came of a source task's records since somebody last looked anew. A worker that stood still makes all at once what it
/// has missed, with numbers that the task reaches elsewhere only later: so numbers alone say nothing, but who made them does.
#[derive(Debug, Default, Clone)]
pub(super) struct Flow {
    /// The first number that was acknowledged to each worker.
    acknowledged: BTreeMap<String, usize>,
    /// The highest number that a sink got, which of its tasks, and on which worker.
    got: Option<(usize, i64, String)>,
}

impl Flow {
    /// Whether a record was acknowledged to the worker `source`, and it or a later one came to a task of the sink on the worker
    /// that `sink` says to have that task.
    #[must_use]
    pub(super) fn is_whole<'a>(
        &self,
        source: Option<&str>,
        sink: impl FnOnce(i64) -> Option<&'a str>,
    ) -> bool {
        let made = source.and_then(|worker| self.acknowledged.get(worker));
        match (made, &self.got) {
            (Some(made), Some((got, task, worker))) => {
                got >= made && sink(*task) == Some(worker.as_str())
            }
            _ => false,
        }
    }

    fn acknowledged(&mut self, number: usize, worker: &str) {
        if !self.acknowledged.contains_key(worker) {
            self.acknowledged.insert(worker.to_owned(), number);
        }
    }

    fn got(&mut self, number: usize, task: i64, worker: &str) {
        match &mut self.got {
            Some((got, last_task, last_worker)) => {
                (*got, *last_task) = (number.max(*got), task);
                if last_worker != worker {
                    worker.clone_into(last_worker);
                }
            }
            None => self.got = Some((number, task, worker.to_owned())),
        }
    }
}

/// What is known of all records.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// By source task.
    pub streams: BTreeMap<Stream, Seen>,
    /// Where tasks ran.
    pub tenures: Tenures,
    /// Which workers were told that their group went on without them.
    pub expelled: Vec<String>,
    flows: BTreeMap<Stream, Flow>,
}

impl Tally {
    /// Forgets what flowed until now.
    pub(super) fn look_anew(&mut self) {
        self.flows.clear();
    }

    /// What flows of a source task's records.
    #[must_use]
    pub(super) fn flow(&self, stream: &Stream) -> Flow {
        self.flows.get(stream).cloned().unwrap_or_default()
    }

    /// What is known of a source task's records.
    pub(super) fn stream(&mut self, topic: &str, task: i64) -> &mut Seen {
        self.streams.entry((topic.to_owned(), task)).or_default()
    }

    /// Takes in a line that a worker printed: what a task tells, or a line of the log.
    pub(super) fn note(&mut self, worker: &str, line: &[u8]) {
        if line.first() == Some(&b'{') {
            // What is cut off or of other connectors is none of ours.
            if let Ok(told) = serde_json::from_slice::<Told<'_>>(line) {
                self.told(worker, &told);
            }
        } else if String::from_utf8_lossy(line).contains(EXPELLED) {
            self.expelled.push(worker.to_owned());
        }
    }

    fn told(&mut self, worker: &str, told: &Told<'_>) {
        let (seqno, task) = (told.seqno, told.task);
        let Ok(number) = usize::try_from(seqno) else {
            return;
        };
        let stream = (told.topic.to_owned(), task);
        let flow = self.flows.entry(stream.clone()).or_default();
        let seen = self.streams.entry(stream).or_default();
        let is_new = match told.sink_task {
            Some(sink) if !told.flushed => {
                seen.got.add(seqno);
                flow.got(number, sink, worker);
                Some(sink)
            }
            Some(_) => {
                seen.flushed.add(seqno);
                None
            }
            None if !told.committed => {
                seen.made.add(seqno);
                Some(task)
            }
            None => {
                seen.acknowledged.add(seqno);
                flow.acknowledged(number, worker);
                None
            }
        };
        if let Some(runs) = is_new {
            let task = (told.name.to_owned(), runs);
            self.tenures.note(&task, worker, told.time_ms);
        }
    }
}

/// A line that a task prints of a record. It has been made or got, unless it says more.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    name: &'a str,
    topic: &'a str,
    /// Of the source.
    task: i64,
    #[serde(rename = "time_ms")]
    time_ms: i64,
    seqno: i64,
    sink_task: Option<i64>,
    #[serde(default)]
    committed: bool,
    #[serde(default)]
    flushed: bool,
}

/// What a worker prints when its coordinator does not know it any more.
const EXPELLED: &str = "has lost its place in the group";

/// Reads what a worker prints, each byte once.
#[derive(Debug)]
pub(super) struct LogReader {
    worker: String,
    path: PathBuf,
    read: u64,
    /// The beginning of a line whose end has not been written.
    begun: Vec<u8>,
}

impl LogReader {
    /// A reader of `worker`'s output.
    #[must_use]
    pub(super) fn new(worker: &str, path: &Path) -> Self {
        Self {
            worker: worker.to_owned(),
            path: path.to_owned(),
            read: 0,
            begun: Vec::new(),
        }
    }

    /// Takes in the lines that are new.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(super) fn read_into(&mut self, tally: &mut Tally) -> Result<()> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.read))?;
        let read = file.read_to_end(&mut self.begun)?;
        self.read += read as u64;
        let whole = self.begun.iter().rposition(|byte| *byte == b'\n');
        let rest = self.begun.split_off(whole.map_or(0, |at| at + 1));
        for line in self.begun.split(|byte| *byte == b'\n') {
            tally.note(&self.worker, line);
        }
        self.begun = rest;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;

    fn numbers(numbers: impl IntoIterator<Item = i64>) -> Counts {
        let mut counts = Counts::default();
        numbers.into_iter().for_each(|number| counts.add(number));
        counts
    }

    #[test]
    fn gaps_and_repeats_are_counted() {
        let counts = numbers([0, 1, 3, 3, 3]);
        assert_eq!(counts.gaps().collect::<Vec<_>>(), [2]);
        assert_eq!(
            (counts.end(), counts.different(), counts.repeated()),
            (4, 3, 2)
        );
        let lacks = counts.lacks(&numbers([1, 2, 7])).collect::<Vec<_>>();
        assert_eq!(lacks, [2, 7]);
    }

    #[test]
    fn records_flow_when_they_come_from_the_right_worker_to_the_right_task() {
        let (mut tally, stream) = (Tally::default(), ("t".to_owned(), 2));
        let line = |seqno: i64, rest: &str| {
            format!(
                "{{\"name\":\"c\",\"task\":2,\"topic\":\"t\",\"time_ms\":5,\"seqno\":{seqno}{rest}}}"
            )
        };
        let flows = |tally: &Tally, source| {
            let sink = |task| (task == 1).then_some("b");
            tally.flow(&stream).is_whole(Some(source), sink)
        };
        // A worker that had stood still makes what it has missed, and it comes to the sink.
        tally.note("old", line(90, ",\"committed\":true").as_bytes());
        tally.note("b", line(90, ",\"sinkTask\":1").as_bytes());
        assert!(flows(&tally, "old") && !flows(&tally, "a"));
        tally.look_anew();
        assert!(!flows(&tally, "old"));
        // The task's rightful worker goes on at a lower number.
        tally.note("a", line(20, ",\"committed\":true").as_bytes());
        tally.note("b", line(19, ",\"sinkTask\":1").as_bytes());
        assert!(!flows(&tally, "a"), "its record has not come yet");
        tally.note("c", line(20, ",\"sinkTask\":1").as_bytes());
        assert!(
            !flows(&tally, "a"),
            "it came to a worker that has no such task"
        );
        tally.note("b", line(21, ",\"sinkTask\":1").as_bytes());
        assert!(flows(&tally, "a"));
    }

    #[test]
    fn lines_are_taken_in_when_they_are_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let line = |rest: &str| {
            format!(
                "{{\"name\":\"c\",\"task\":2,\"topic\":\"t\",\"time_ms\":5,\"seqno\":0{rest}}}\n"
            )
        };
        let made = line("");
        let (begin, end) = made.split_at(20);
        fs::write(&path, format!("INFO a log line {{}}\n{begin}")).unwrap();
        let (mut tally, mut reader) = (Tally::default(), LogReader::new("w", &path));
        reader.read_into(&mut tally).unwrap();
        assert_eq!(tally.stream("t", 2).made.different(), 0);
        let mut file = File::options().append(true).open(&path).unwrap();
        let rest = [
            line(",\"committed\":true"),
            line(",\"sinkTask\":1,\"offset\":4"),
            line(",\"sinkTask\":1,\"offset\":4,\"flushed\":true"),
        ];
        write!(file, "{end}{}", rest.concat()).unwrap();
        reader.read_into(&mut tally).unwrap();
        let seen = tally.stream("t", 2);
        let all = [&seen.made, &seen.acknowledged, &seen.got, &seen.flushed];
        assert_eq!(all.map(Counts::different), [1; 4]);
        assert!(!seen.is_whole(), "the topic has not been read");
        seen.in_topic.add(0);
        assert!(seen.is_whole());
    }
}
