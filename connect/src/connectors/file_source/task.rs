//! The task that reads lines: from the file or standard input, through the splitter, into records.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::follow::{Followed, Progress};
use super::lines::{Line, Lines};
use super::pump::{PumpGuard, SharedPump, stdin};
use super::{FILENAME, FileStreamSourceConfig, POSITION};
use crate::api::{
    ConnectError, OffsetReader, Properties, SourceOffset, SourcePartition, SourceRecord,
    SourceTask, SourceTaskContext, TaskError,
};
use crate::data::{Schema, Text, Value};

/// The longest line; a longer one is taken for a file that has no lines.
const LINE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How many bytes of lines are enough for one batch.
const BATCH_BYTES: usize = 1024 * 1024;
/// How soon after the last line to look for more.
const PAUSE_MIN: Duration = Duration::from_millis(10);
/// The longest that a poll waits for lines, and the time between two looks for a file that is not there.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Reads lines of a file or of standard input.
#[derive(Debug)]
pub struct FileStreamSourceTask {
    input: Input,
    lines: Lines,
    records: Records,
    pause: Duration,
    /// What the next poll ends with.
    failure: Option<TaskError>,
}

#[derive(Debug)]
enum Input {
    File(FileInput),
    Stdin(StdinInput),
}

#[derive(Debug)]
struct FileInput {
    path: Arc<str>,
    /// None until the file is there; and while a read is under way.
    open: Option<Followed>,
    offsets: OffsetReader,
    /// Whether the log says that the file is not there.
    is_missed: bool,
}

struct StdinInput {
    shared: SharedPump,
    /// None until it is this task's turn.
    guard: Option<PumpGuard>,
    has_ended: bool,
}

/// Makes records of lines.
#[derive(Debug)]
struct Records {
    topic: Arc<str>,
    partition: SourcePartition,
    schema: Schema,
    /// Bytes of the file up to behind the last line handed out; none for standard input.
    position: Option<u64>,
    batch_size: usize,
    /// How many the last batch had.
    usual: usize,
}

/// What looking for more lines came to.
#[derive(Debug, PartialEq, Eq)]
enum Read {
    /// There may be some.
    More,
    /// There are none.
    Nothing,
    /// The last, incomplete line is complete by now; the next one begins at the front of a file.
    Restarted,
    /// The last, incomplete line is complete by now, and there will be no other.
    Ended,
}

impl SourceTask for FileStreamSourceTask {
    async fn start(context: SourceTaskContext, config: Properties) -> Result<Self, TaskError> {
        let config = FileStreamSourceConfig::of(&config)?;
        let input = match config.file() {
            Some(path) => Input::File(FileInput {
                path: path.into(),
                open: None,
                offsets: context.offsets().clone(),
                is_missed: false,
            }),
            None => {
                let shared = stdin().map_err(|error| {
                    ConnectError::new("Couldn't start to read standard input").caused_by(error)
                })?;
                Input::Stdin(StdinInput::new(shared))
            }
        };
        Ok(Self::new(input, &config))
    }

    async fn poll(&mut self) -> Result<Vec<SourceRecord>, TaskError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let mut batch = Vec::new();
        let now = now();
        let mut bytes = 0;
        while batch.len() < self.records.batch_size && bytes < BATCH_BYTES {
            if let Some(line) = self.lines.next_line() {
                if batch.is_empty() {
                    batch.reserve(self.records.usual);
                }
                bytes += line.size;
                batch.push(self.records.record(line, now));
                continue;
            }
            let read = match self.read(batch.is_empty()).await {
                Err(failure) if !batch.is_empty() => {
                    // What was read before it is not lost.
                    self.failure = Some(failure);
                    break;
                }
                read => read?,
            };
            match read {
                Read::More => {}
                Read::Nothing => break,
                Read::Restarted => {
                    self.records.position = Some(0);
                    if let Some(line) = self.lines.finish() {
                        let line = Line { size: 0, ..line };
                        batch.push(self.records.record(line, now));
                    }
                }
                Read::Ended => {
                    let line = self.lines.finish();
                    batch.extend(line.map(|line| self.records.record(line, now)));
                    break;
                }
            }
        }
        if batch.is_empty() {
            sleep(self.pause).await;
            self.pause = (self.pause * 2).min(PAUSE_MAX);
        } else {
            self.pause = PAUSE_MIN;
            self.records.usual = batch.len();
        }
        Ok(batch)
    }

    async fn stop(&mut self) {
        if let Input::Stdin(StdinInput {
            guard: Some(guard), ..
        }) = &mut self.input
        {
            guard.put_back(std::mem::take(&mut self.lines).into_unread());
        }
    }
}

impl FileStreamSourceTask {
    fn new(input: Input, config: &FileStreamSourceConfig) -> Self {
        let partition = SourcePartition::new([(FILENAME, Value::from(config.file()))]);
        Self {
            input,
            lines: Lines::default(),
            records: Records {
                topic: config.topic.as_str().into(),
                partition,
                schema: Schema::string(),
                position: None,
                batch_size: usize::try_from(config.batch_size).unwrap_or(0).max(1),
                usual: 0,
            },
            pause: PAUSE_MIN,
            failure: None,
        }
    }

    #[cfg(test)]
    pub(super) fn reading(shared: SharedPump, config: &FileStreamSourceConfig) -> Self {
        Self::new(Input::Stdin(StdinInput::new(shared)), config)
    }

    /// Looks for more once the complete lines are used up; waits for it only if `may_wait`, and not for long.
    async fn read(&mut self, may_wait: bool) -> Result<Read, TaskError> {
        match &mut self.input {
            Input::Stdin(stdin) => {
                let limit = if may_wait { PAUSE_MAX } else { Duration::ZERO };
                stdin.read(&mut self.lines, limit).await
            }
            Input::File(file) => {
                if file.open.is_none() {
                    let Some(position) = file.open(&self.records.partition).await? else {
                        return Ok(Read::Nothing);
                    };
                    self.records.position = Some(position);
                }
                file.read(&mut self.lines).await
            }
        }
        .map_err(Into::into)
    }
}

impl FileInput {
    /// Opens the file where its stored offset says, and tells where that is; none if there is no such file yet.
    async fn open(&mut self, partition: &SourcePartition) -> Result<Option<u64>, ConnectError> {
        let position = match self.offsets.offset(partition).await? {
            Some(offset) => position(&offset)?,
            None => 0,
        };
        let path = Arc::clone(&self.path);
        let opened = blocking(move || Followed::open(&path, position)).await;
        self.open = opened.map_err(|error| {
            let text = format!(
                "Couldn't open file '{}' for FileStreamSourceTask: {error}",
                self.path
            );
            ConnectError::new(text).caused_by(error)
        })?;
        match &self.open {
            Some(open) => debug!(
                file = &*self.path,
                position = open.read_to(),
                "reading the file"
            ),
            None if self.is_missed => {}
            None => warn!(
                "Couldn't find file {} for FileStreamSourceTask, sleeping to wait for it to be created",
                self.path
            ),
        }
        self.is_missed = self.open.is_none();
        Ok(self.open.as_ref().map(Followed::read_to))
    }

    async fn read(&mut self, lines: &mut Lines) -> Result<Read, ConnectError> {
        let Some(mut open) = self.open.take() else {
            return Ok(Read::Nothing);
        };
        if lines.rest_len() > LINE_BYTES_MAX {
            return Err(ConnectError::new(format!(
                "File '{}' has a line of more than {LINE_BYTES_MAX} bytes, ending behind byte {}: is it a text file?",
                self.path,
                open.read_to()
            )));
        }
        let mut buffer = lines.take_rest();
        let read = blocking(move || {
            let progress = open.read(&mut buffer)?;
            Ok((open, buffer, progress))
        });
        let (open, buffer, progress) = read.await.map_err(|error| {
            let text = format!(
                "Couldn't read file '{}' for FileStreamSourceTask: {error}",
                self.path
            );
            ConnectError::new(text).caused_by(error)
        })?;
        self.open = Some(open);
        lines.fill(buffer);
        Ok(match progress {
            Progress::More => Read::More,
            Progress::End => Read::Nothing,
            Progress::Restarted => Read::Restarted,
        })
    }
}

impl StdinInput {
    fn new(shared: SharedPump) -> Self {
        Self {
            shared,
            guard: None,
            has_ended: false,
        }
    }

    /// Waits for more, but no longer than `limit`.
    ///
    /// Cancel safe: what was taken is in `lines`.
    async fn read(&mut self, lines: &mut Lines, limit: Duration) -> Result<Read, ConnectError> {
        if self.has_ended {
            return Ok(Read::Nothing);
        }
        let pump = match &mut self.guard {
            Some(guard) => guard,
            none => {
                // Another task reads it: its lines are not this one's.
                let shared = Arc::clone(&self.shared);
                let Ok(guard) = timeout(limit, shared.lock_owned()).await else {
                    return Ok(Read::Nothing);
                };
                none.insert(guard)
            }
        };
        if lines.rest_len() > LINE_BYTES_MAX {
            return Err(ConnectError::new(format!(
                "Standard input has a line of more than {LINE_BYTES_MAX} bytes: is it text?"
            )));
        }
        let read = if limit.is_zero() {
            match pump.try_next() {
                Ok(None) => return Ok(Read::Nothing),
                read => read,
            }
        } else {
            let Ok(read) = timeout(limit, pump.next()).await else {
                return Ok(Read::Nothing);
            };
            read
        };
        let block = read
            .map_err(|error| ConnectError::new("Couldn't read standard input").caused_by(error))?;
        let Some(block) = block else {
            self.has_ended = true;
            return Ok(Read::Ended);
        };
        let mut buffer = lines.take_rest();
        if buffer.is_empty() {
            buffer = block;
        } else {
            buffer.extend_from_slice(&block);
        }
        lines.fill(buffer);
        Ok(Read::More)
    }
}

impl Records {
    fn record(&mut self, line: Line, now: i64) -> SourceRecord {
        let position = self.position.map(|position| position + line.size as u64);
        self.position = position;
        let position = position.map(|position| i64::try_from(position).unwrap_or(i64::MAX));
        let offset = SourceOffset::one(Text::from_static(POSITION), position);
        let mut record = SourceRecord::new(
            Some(self.partition.clone()),
            Some(offset),
            Arc::clone(&self.topic),
            Some(self.schema.clone()),
            line.text,
        );
        record.timestamp = Some(now);
        record
    }
}

/// The position that a stored offset says.
fn position(offset: &SourceOffset) -> Result<u64, ConnectError> {
    match offset.get(POSITION) {
        None | Some(Value::Null) => Ok(0),
        Some(&Value::Int64(position)) => Ok(u64::try_from(position).unwrap_or(0)),
        Some(_) => Err(ConnectError::new("Offset position is the incorrect type")),
    }
}

/// Does what blocks where it may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// Milliseconds since 1970.
fn now() -> i64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}

impl std::fmt::Debug for StdinInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StdinInput")
            .field("has_ended", &self.has_ended)
            .finish_non_exhaustive()
    }
}
