//! The task that writes lines: values are formatted into one buffer, which is written when it is full or nothing else comes.

use std::io::{ErrorKind, Write as _};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tracing::warn;

use super::FileStreamSinkConfig;
use super::target::Target;
use crate::api::{
    ConnectError, Properties, SinkOffsets, SinkRecord, SinkTask, SinkTaskContext, TaskError,
};
use crate::data::Value;

/// How many bytes of lines are gathered before they are written.
const BUFFER: usize = 256 * 1024;
/// How long lines wait for others: a write is another thread's job, and to hand it over costs more than to format a batch.
const LINGER: Duration = Duration::from_millis(5);

/// Appends the values of records to a file or to standard output.
#[derive(Debug)]
pub struct FileStreamSinkTask {
    /// The file, or what stands for it in an error.
    name: Arc<str>,
    /// None only while a write is under way.
    target: Option<Target>,
    /// Whole lines that were accepted and are not written yet.
    lines: Vec<u8>,
    /// When the first of them is to be written at the latest.
    due: Option<Instant>,
    /// They did not fit on the disk.
    is_full: bool,
    context: SinkTaskContext,
}

impl SinkTask for FileStreamSinkTask {
    async fn start(context: SinkTaskContext, config: Properties) -> Result<Self, TaskError> {
        let config = FileStreamSinkConfig::of(&config)?;
        let Some(file) = config.file() else {
            return Ok(Self::new(context, "standard output".into(), Target::Stdout));
        };
        let name: Arc<str> = file.into();
        let path = Arc::clone(&name);
        let target = spawn_blocking(|| Target::file(path)).await;
        let target = target.map_err(std::io::Error::other).flatten();
        let target = target.map_err(|error| {
            let text = format!("Couldn't find or create file '{name}' for FileStreamSinkTask");
            ConnectError::new(text).caused_by(error)
        })?;
        Ok(Self::new(context, name, target))
    }

    async fn put(&mut self, records: &[SinkRecord]) -> Result<(), TaskError> {
        if self.is_full {
            // Earlier lines first: if they still do not fit, these records are not accepted.
            self.write().await?;
        }
        for record in records {
            append(&mut self.lines, &record.value);
            if self.lines.len() >= BUFFER && !self.is_full {
                self.write_or_keep().await?;
            }
        }
        self.write_or_wait(!records.is_empty()).await
    }

    async fn flush(&mut self, _offsets: &SinkOffsets) -> Result<(), TaskError> {
        self.write().await
    }

    async fn pre_commit(&mut self, offsets: SinkOffsets) -> Result<SinkOffsets, TaskError> {
        match self.write().await {
            Ok(()) => {}
            Err(TaskError::Retriable(error)) => {
                warn!("no offsets are committed until the lines are written: {error}");
                return Ok(SinkOffsets::new());
            }
            Err(error) => return Err(error),
        }
        if self.target.as_ref().is_some_and(Target::is_deleted) {
            // The worker goes back to what was committed, and that is written again.
            return Err(TaskError::retriable(format!(
                "File '{}' was deleted after lines had been written to it",
                self.name
            )));
        }
        Ok(offsets)
    }
}

impl FileStreamSinkTask {
    fn new(context: SinkTaskContext, name: Arc<str>, target: Target) -> Self {
        Self {
            name,
            target: Some(target),
            lines: Vec::new(),
            due: None,
            is_full: false,
            context,
        }
    }

    /// Writes what was accepted when it is time, or at once if nothing else has come. Else the worker is asked to put again
    /// soon, with nothing if there is nothing.
    async fn write_or_wait(&mut self, may_wait: bool) -> Result<(), TaskError> {
        if self.lines.is_empty() || self.is_full {
            return Ok(());
        }
        let now = Instant::now();
        let due = *self.due.get_or_insert(now + LINGER);
        if !may_wait || due <= now {
            return self.write_or_keep().await;
        }
        self.context.timeout(due - now);
        Ok(())
    }

    /// Writes what was accepted.
    async fn write(&mut self) -> Result<(), TaskError> {
        self.due = None;
        if self.lines.is_empty() {
            return Ok(());
        }
        let Some(mut target) = self.target.take() else {
            return Err(TaskError::failed(format!(
                "File '{}' was lost with a write that never ended",
                self.name
            )));
        };
        let mut lines = std::mem::take(&mut self.lines);
        let written = spawn_blocking(move || {
            let written = target.write(&mut lines);
            (target, lines, written)
        });
        let (target, lines, written) = written.await.map_err(|error| {
            ConnectError::new(format!("Couldn't write to '{}'", self.name)).caused_by(error)
        })?;
        self.target = Some(target);
        self.lines = lines;
        self.is_full = written.is_err();
        written.map_err(|error| self.failure(error))
    }

    /// Writes what was accepted, or as much of it as fits: the rest is written with the next batch, and nothing is
    /// committed before.
    async fn write_or_keep(&mut self) -> Result<(), TaskError> {
        match self.write().await {
            Err(TaskError::Retriable(error)) => {
                warn!("lines wait to be written: {error}");
                Ok(())
            }
            written => written,
        }
    }

    fn failure(&self, error: std::io::Error) -> TaskError {
        let may_pass = matches!(
            error.kind(),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded
        );
        let text = format!("Couldn't write to '{}': {error}", self.name);
        let error = ConnectError::new(text).caused_by(error);
        if may_pass {
            TaskError::Retriable(error)
        } else {
            TaskError::Failed(error)
        }
    }
}

/// Appends a value as Java prints it, and the end of the line.
fn append(lines: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(text) => lines.extend_from_slice(text.as_bytes()),
        // Writing to memory does not fail.
        value => drop(write!(lines, "{value}")),
    }
    lines.push(b'\n');
}
