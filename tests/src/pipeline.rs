//! The files of a standalone pipeline, file to topic to file, and the checks on what came out.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Result, lines};

/// A directory with a source file, a sink file, connector files and the text of a worker's properties.
#[derive(Debug)]
pub struct Pipeline {
    home: tempfile::TempDir,
    bootstrap_servers: String,
    topic: String,
    flush_interval_ms: u64,
}

impl Pipeline {
    /// A pipeline over `topic`, with nothing in its source file and offsets committed every 500 ms.
    pub fn new(bootstrap_servers: &str, topic: &str) -> Result<Self> {
        let pipeline = Self {
            home: tempfile::Builder::new().prefix("pipeline").tempdir()?,
            bootstrap_servers: bootstrap_servers.to_owned(),
            topic: topic.to_owned(),
            flush_interval_ms: 500,
        };
        fs::write(pipeline.source_file(), "")?;
        fs::write(
            pipeline.source_connector(),
            format!(
                "name={topic}-source\nconnector.class=FileStreamSource\ntasks.max=1\nfile={}\ntopic={topic}\n",
                pipeline.source_file().display()
            ),
        )?;
        fs::write(
            pipeline.sink_connector(),
            format!(
                "name={topic}-sink\nconnector.class=FileStreamSink\ntasks.max=1\nfile={}\ntopics={topic}\n",
                pipeline.sink_file().display()
            ),
        )?;
        Ok(pipeline)
    }

    /// The text of the worker's properties file: what Apache Kafka ships, with strings for converters.
    #[must_use]
    pub fn worker_properties(&self) -> String {
        format!(
            "bootstrap.servers={}\nkey.converter=org.apache.kafka.connect.storage.StringConverter\n\
             value.converter=org.apache.kafka.connect.storage.StringConverter\n\
             offset.storage.file.filename={}\noffset.flush.interval.ms={}\n",
            self.bootstrap_servers,
            self.offsets_file().display(),
            self.flush_interval_ms
        )
    }

    /// Where everything lies.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.home.path()
    }

    /// The topic between the files.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The file that the source reads.
    #[must_use]
    pub fn source_file(&self) -> PathBuf {
        self.home.path().join("in.txt")
    }

    /// The file that the sink writes.
    #[must_use]
    pub fn sink_file(&self) -> PathBuf {
        self.home.path().join("out.txt")
    }

    /// The worker's offsets file.
    #[must_use]
    pub fn offsets_file(&self) -> PathBuf {
        self.home.path().join("connect.offsets")
    }

    /// The properties file of the source connector.
    #[must_use]
    pub fn source_connector(&self) -> PathBuf {
        self.home.path().join("source.properties")
    }

    /// The properties file of the sink connector.
    #[must_use]
    pub fn sink_connector(&self) -> PathBuf {
        self.home.path().join("sink.properties")
    }

    /// Asserts that the sink file is the source file, byte for byte.
    pub fn check_identical(&self) -> Result<()> {
        let (source, sink) = (fs::read(self.source_file())?, fs::read(self.sink_file())?);
        if source == sink {
            return Ok(());
        }
        let differs = source.iter().zip(&sink).position(|(a, b)| a != b);
        Err(format!(
            "the files differ: {} and {} bytes, first difference at {differs:?}",
            source.len(),
            sink.len()
        )
        .into())
    }

    /// Asserts that every line from 0 to `expected` is in the sink file at least once, and in order once repeats are
    /// removed; gives the number of repeats.
    pub fn check_at_least_once(&self, expected: usize) -> Result<usize> {
        let numbers = lines::numbers(&self.sink_file())?;
        let mut next = 0;
        for (at, &number) in numbers.iter().enumerate() {
            if number > next {
                return Err(format!(
                    "line {next} is missing: line {at} of the sink file is number {number}"
                )
                .into());
            }
            next = next.max(number + 1);
        }
        if next == expected {
            Ok(numbers.len() - expected)
        } else {
            Err(format!("ends at line {next}, not {expected}").into())
        }
    }
}
