//! Records as lines of a file or of standard output: `org.apache.kafka.connect.file.FileStreamSinkConnector`.

mod target;
mod task;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use kconnect_client::config;
use tracing::info;

pub use task::FileStreamSinkTask;

use crate::api::{
    ConfigKey, ConnectError, ConnectorContext, Plugin, Properties, SinkConnector, TopicPartition,
};

config! {
    /// Configuration of the file sink.
    FileStreamSinkConfig {
        "" {
            /// The file to append to. Without one, standard output is written.
            High "file" => file: Option<String> = None;
        }
    }
}

impl FileStreamSinkConfig {
    /// The file, unless standard output is meant.
    fn file(&self) -> Option<&str> {
        self.file.as_deref().filter(|file| !file.is_empty())
    }

    fn of(config: &Properties) -> Result<Self, ConnectError> {
        Ok(Self::from_properties(&mut config.clone())?)
    }
}

/// Appends the values of records to a file, each on a line of its own.
#[derive(Debug)]
pub struct FileStreamSinkConnector {
    config: Properties,
}

impl Plugin for FileStreamSinkConnector {
    const CLASS: &'static str = "org.apache.kafka.connect.file.FileStreamSinkConnector";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn config_keys() -> &'static [ConfigKey] {
        FileStreamSinkConfig::KEYS
    }
}

impl SinkConnector for FileStreamSinkConnector {
    type Task = FileStreamSinkTask;

    async fn start(_context: ConnectorContext, config: Properties) -> Result<Self, ConnectError> {
        let parsed = FileStreamSinkConfig::of(&config)?;
        let file = parsed.file().unwrap_or("standard output");
        info!("Starting file sink connector writing to {file}");
        Ok(Self { config })
    }

    async fn task_configs(&mut self, max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        Ok(vec![self.config.clone(); max_tasks])
    }

    async fn alter_offsets(
        _config: &Properties,
        _offsets: &BTreeMap<TopicPartition, Option<i64>>,
    ) -> Result<bool, ConnectError> {
        // Offsets are kept by Kafka alone, and any will do.
        Ok(true)
    }
}
