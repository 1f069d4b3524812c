//! The task that writes lines: values are formatted into one buffer, which is written once a batch.

use std::io::{ErrorKind, Write as _};
use std::sync::Arc;

use tokio::task::spawn_blocking;
use tracing::warn;

use super::FileStreamSinkConfig;
use super::target::Target;
use crate::api::{
    ConnectError, Properties, SinkOffsets, SinkRecord, SinkTask, SinkTaskContext, TaskError,
};
use crate::data::Value;

/// How many bytes of lines are gathered before they are written within a batch.
const BUFFER: usize = 1024 * 1024;

/// Appends the values of records to a file or to standard output.
#[derive(Debug)]
pub struct FileStreamSinkTask {
    /// The file, or what stands for it in an error.
    name: Arc<str>,
    /// None only while a write is under way.
    target: Option<Target>,
    /// Whole lines that were accepted and are not written yet; none, unless the disk is full.
    lines: Vec<u8>,
}

impl SinkTask for FileStreamSinkTask {
    async fn start(_context: SinkTaskContext, config: Properties) -> Result<Self, TaskError> {
        let config = FileStreamSinkConfig::of(&config)?;
        let Some(file) = config.file() else {
            return Ok(Self::new("standard output".into(), Target::Stdout));
        };
        let name: Arc<str> = file.into();
        let path = Arc::clone(&name);
        let target = spawn_blocking(|| Target::file(path)).await;
        let target = target.map_err(std::io::Error::other).flatten();
        let target = target.map_err(|error| {
            let text = format!("Couldn't find or create file '{name}' for FileStreamSinkTask");
            ConnectError::new(text).caused_by(error)
        })?;
        Ok(Self::new(name, target))
    }

    async fn put(&mut self, records: &[SinkRecord]) -> Result<(), TaskError> {
        // Lines of an earlier batch first: if they still do not fit, these records are not accepted.
        self.write().await?;
        for record in records {
            append(&mut self.lines, &record.value);
            if self.lines.len() >= BUFFER {
                self.write_or_keep().await?;
            }
        }
        self.write_or_keep().await
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
    pub(super) fn new(name: Arc<str>, target: Target) -> Self {
        Self {
            name,
            target: Some(target),
            lines: Vec::new(),
        }
    }

    /// Writes what was accepted.
    async fn write(&mut self) -> Result<(), TaskError> {
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
