//! A sink: keeps the newest number of each counter in a file.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use kconnect::api::{
    ConfigKey, ConnectError, ConnectorContext, Plugin, Properties, SinkConnector, SinkOffsets,
    SinkRecord, SinkTask, SinkTaskContext, TaskError, config,
};
use tokio::fs;

config! {
    /// What the connector is told.
    TallyConfig {
        "" {
            /// The file to write: a line `name number` for each counter.
            High "file" => file: String;
        }
    }
}

/// The connector: one task, since one file cannot be shared.
pub(crate) struct TallySink {
    properties: Properties,
}

impl Plugin for TallySink {
    const CLASS: &'static str = "com.example.TallySinkConnector";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn config_keys() -> &'static [ConfigKey] {
        TallyConfig::KEYS
    }
}

impl SinkConnector for TallySink {
    type Task = TallyTask;

    async fn start(_: ConnectorContext, properties: Properties) -> Result<Self, ConnectError> {
        Ok(Self { properties })
    }

    async fn task_configs(&mut self, _: usize) -> Result<Vec<Properties>, ConnectError> {
        Ok(vec![self.properties.clone()])
    }
}

/// The task: notes numbers as they come, and writes them when offsets are about to be committed.
pub(crate) struct TallyTask {
    file: PathBuf,
    tally: BTreeMap<String, i64>,
}

impl SinkTask for TallyTask {
    async fn start(_: SinkTaskContext, mut properties: Properties) -> Result<Self, TaskError> {
        let file = PathBuf::from(TallyConfig::from_properties(&mut properties)?.file);
        let tally = read(&file).await?;
        Ok(Self { file, tally })
    }

    async fn put(&mut self, records: &[SinkRecord]) -> Result<(), TaskError> {
        for record in records {
            // Records may come twice after a crash. A number is only ever replaced by a larger one, so that does no harm.
            if let (Some(name), Some(number)) = (record.key.as_str(), record.value.as_i64()) {
                let known = self.tally.entry(name.to_owned()).or_insert(number);
                *known = number.max(*known);
            }
        }
        Ok(())
    }

    async fn flush(&mut self, _: &SinkOffsets) -> Result<(), TaskError> {
        // Written beside and renamed: a crash leaves the old file or the new one, never half of one.
        let lines = self
            .tally
            .iter()
            .map(|(name, number)| format!("{name} {number}\n"));
        let beside = self.file.with_extension("new");
        fs::write(&beside, lines.collect::<String>()).await?;
        Ok(fs::rename(&beside, &self.file).await?)
    }
}

/// What an earlier run has written.
async fn read(file: &Path) -> Result<BTreeMap<String, i64>, ConnectError> {
    let text = match fs::read_to_string(file).await {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => {
            let doing = format!("cannot read {}", file.display());
            return Err(ConnectError::new(doing).caused_by(error));
        }
    };
    let number = |line: &str| {
        let (name, number) = line.rsplit_once(' ')?;
        Some((name.to_owned(), number.parse().ok()?))
    };
    let torn = |line| ConnectError::new(format!("{}: not a tally: {line}", file.display()));
    text.lines()
        .map(|line| number(line).ok_or_else(|| torn(line)))
        .collect()
}
