//! Lines of a file or of standard input: `org.apache.kafka.connect.file.FileStreamSourceConnector`.

mod follow;
mod lines;
mod pump;
mod task;

#[cfg(test)]
mod tests;

use kconnect_client::config;
use kconnect_client::config::check;
use tracing::info;

pub use task::FileStreamSourceTask;

use crate::api::{
    ConfigKey, ConnectError, ExactlyOnceSupport, OffsetChange, Plugin, Properties, SourceConnector,
    SourceConnectorContext,
};
use crate::data::{Map, Value};

/// The name of the file in a source partition.
const FILENAME: &str = "filename";
/// The bytes read of the file, in a source offset.
const POSITION: &str = "position";

config! {
    /// Configuration of the file source.
    FileStreamSourceConfig {
        "" {
            /// The file to read. Without one, standard input is read.
            High "file" => file: Option<String> = None;
            /// The topic to write the lines to.
            High "topic" => topic: String, check::non_empty();
            /// The most lines that are handed over at a time.
            Low "batch.size" => batch_size: i32 = 2000;
        }
    }
}

impl FileStreamSourceConfig {
    /// The file, unless standard input is meant.
    fn file(&self) -> Option<&str> {
        self.file.as_deref().filter(|file| !file.is_empty())
    }

    fn of(config: &Properties) -> Result<Self, ConnectError> {
        Ok(Self::from_properties(&mut config.clone())?)
    }
}

/// Reads lines of a file, always with one task.
#[derive(Debug)]
pub struct FileStreamSourceConnector {
    config: Properties,
}

impl Plugin for FileStreamSourceConnector {
    const CLASS: &'static str = "org.apache.kafka.connect.file.FileStreamSourceConnector";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn config_keys() -> &'static [ConfigKey] {
        FileStreamSourceConfig::KEYS
    }
}

impl SourceConnector for FileStreamSourceConnector {
    type Task = FileStreamSourceTask;

    async fn start(
        _context: SourceConnectorContext,
        config: Properties,
    ) -> Result<Self, ConnectError> {
        let parsed = FileStreamSourceConfig::of(&config)?;
        let file = parsed.file().unwrap_or("standard input");
        info!("Starting file source connector reading from {file}");
        Ok(Self { config })
    }

    async fn task_configs(&mut self, _max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        // A file has one reader, however many tasks there may be.
        Ok(vec![self.config.clone()])
    }

    fn exactly_once_support(config: &Properties) -> Option<ExactlyOnceSupport> {
        let is_file = FileStreamSourceConfig::of(config)
            .ok()
            .map(|config| config.file().is_some())?;
        Some(if is_file {
            ExactlyOnceSupport::Supported
        } else {
            ExactlyOnceSupport::Unsupported
        })
    }

    async fn alter_offsets(
        config: &Properties,
        offsets: &[OffsetChange],
    ) -> Result<bool, ConnectError> {
        if FileStreamSourceConfig::of(config)?.file().is_none() {
            return Err(ConnectError::new(
                "Offsets cannot be modified if the 'file' configuration is unspecified. This is because stdin is used for \
                 input and offsets are not tracked.",
            ));
        }
        for OffsetChange { partition, offset } in offsets {
            // Whatever is stored may be forgotten, also what makes no sense.
            if let Some(offset) = offset {
                check_offset(partition.as_ref(), offset).map_err(ConnectError::new)?;
            }
        }
        Ok(true)
    }
}

fn check_offset(partition: Option<&Map>, offset: &Map) -> Result<(), &'static str> {
    match offset.get_str(POSITION) {
        None => Err("Offset objects should either be null or contain the key 'position'"),
        Some(&Value::Int64(position)) if position < 0 => {
            Err("The value for the 'position' key in the offset should be a non-negative value")
        }
        Some(Value::Int64(_)) => match partition {
            None => Err("Partition objects cannot be null"),
            Some(partition) if partition.get_str(FILENAME).is_none() => {
                Err("Partition objects should contain the key 'filename'")
            }
            Some(_) => Ok(()),
        },
        Some(_) => {
            Err("The value for the 'position' key in the offset is expected to be a Long value")
        }
    }
}
