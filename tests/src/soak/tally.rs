//! Which records were made, acknowledged, got and flushed, and how often, as the tasks themselves tell.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::Value;

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

/// What is known of all records.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// By source task.
    pub streams: BTreeMap<Stream, Seen>,
    /// Where tasks ran.
    pub tenures: Tenures,
}

impl Tally {
    /// What is known of a source task's records.
    pub(super) fn stream(&mut self, topic: &str, task: i64) -> &mut Seen {
        self.streams.entry((topic.to_owned(), task)).or_default()
    }

    /// Takes in a line that a worker printed; lines of its log are none of ours.
    pub(super) fn note(&mut self, worker: &str, line: &[u8]) {
        if line.first() != Some(&b'{') {
            return;
        }
        if let Ok(told) = serde_json::from_slice::<Value>(line) {
            self.told(worker, &told);
        }
    }

    fn told(&mut self, worker: &str, told: &Value) -> Option<()> {
        let (name, topic) = (told["name"].as_str()?, told["topic"].as_str()?);
        let (task, seqno) = (told["task"].as_i64()?, told["seqno"].as_i64()?);
        let time = told["time_ms"].as_i64()?;
        let seen = self.stream(topic, task);
        let is_new = match told["sinkTask"].as_i64() {
            Some(sink) if told["flushed"].is_null() => {
                seen.got.add(seqno);
                Some(sink)
            }
            Some(_) => {
                seen.flushed.add(seqno);
                None
            }
            None if told["committed"].is_null() => {
                seen.made.add(seqno);
                Some(task)
            }
            None => {
                seen.acknowledged.add(seqno);
                None
            }
        };
        if let Some(runs) = is_new {
            self.tenures.note(&(name.to_owned(), runs), worker, time);
        }
        Some(())
    }
}

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
    }
}
