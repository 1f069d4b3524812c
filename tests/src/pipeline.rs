//! The files of a standalone pipeline, file to topic to file, and the checks on what came out.

use std::fs;
use std::path::{Path, PathBuf};

use kconnect_client::admin::{Admin, NewTopic};
use kconnect_client::config::AdminConfig;

use crate::{JavaWorker, KconnectWorker, Result, lines};

/// A directory with a source file, a sink file, connector files and the text of a worker's properties.
#[derive(Debug)]
pub struct Pipeline {
    home: tempfile::TempDir,
    bootstrap_servers: String,
    topic: String,
    extra: String,
}

/// The characters of a line in the files of pipelines, without its end.
pub const WIDTH: usize = 100;

impl Pipeline {
    /// A pipeline over `topic`, with nothing in its source file, offsets committed every 500 ms, and a minute to stop.
    pub fn new(bootstrap_servers: &str, topic: &str) -> Result<Self> {
        let pipeline = Self {
            home: tempfile::Builder::new().prefix("pipeline").tempdir()?,
            bootstrap_servers: bootstrap_servers.to_owned(),
            topic: topic.to_owned(),
            // Patience for a broker on a loaded machine: a worker that gives up in order repeats lines in order.
            extra: "offset.flush.interval.ms=500\noffset.flush.timeout.ms=60000\n\
                    task.shutdown.graceful.timeout.ms=60000\n"
                .to_owned(),
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

    /// Creates the topic with one partition, which keeps lines in their order, whatever the cluster's default is.
    pub async fn create_topic(&self) -> Result<()> {
        let mut topic = NewTopic::new(&*self.topic);
        topic.num_partitions = Some(1);
        let admin = Admin::new(&AdminConfig::new(&self.bootstrap_servers))?;
        admin.create_topic(&topic).await?;
        admin.close().await;
        Ok(())
    }

    /// The text of the worker's properties file: what Apache Kafka ships, with strings for converters.
    #[must_use]
    pub fn worker_properties(&self) -> String {
        format!(
            "bootstrap.servers={}\nkey.converter=org.apache.kafka.connect.storage.StringConverter\n\
             value.converter=org.apache.kafka.connect.storage.StringConverter\n\
             offset.storage.file.filename={}\n{}",
            self.bootstrap_servers,
            self.offsets_file().display(),
            self.extra
        )
    }

    /// Adds a key to the worker's properties; the last one of a name counts.
    pub fn set(&mut self, key: &str, value: &str) {
        self.extra.push_str(&format!("{key}={value}\n"));
    }

    /// Adds lines `numbers` to the source file.
    pub fn write(&self, numbers: std::ops::Range<usize>) -> Result<()> {
        lines::append(&self.source_file(), numbers, WIDTH)
    }

    /// Starts our worker with both connectors, and waits until it has started.
    pub fn start(&self) -> Result<KconnectWorker> {
        KconnectWorker::standalone(
            self.directory(),
            &self.worker_properties(),
            &[&self.source_connector(), &self.sink_connector()],
        )
    }

    /// Starts the Java worker with both connectors, and waits until it has started.
    pub fn start_java(&self) -> Result<JavaWorker> {
        JavaWorker::standalone(
            self.directory(),
            &self.worker_properties(),
            &[&self.source_connector(), &self.sink_connector()],
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
            "the files differ: {} and {} bytes, first difference at {differs:?}\n{}",
            source.len(),
            sink.len(),
            self.complaints()
        )
        .into())
    }

    /// What our worker has warned of, and its errors: what to look at when a check fails.
    #[must_use]
    pub fn complaints(&self) -> String {
        let log = fs::read_to_string(self.directory().join("kconnect.log")).unwrap_or_default();
        let complaints = log
            .lines()
            .filter(|line| line.contains(" WARN ") || line.contains(" ERROR "));
        complaints.collect::<Vec<_>>().join("\n")
    }

    /// Asserts that every line from 0 to `expected` is in the sink file at least once, and in order once repeats are
    /// removed; gives the number of repeats. The beginnings of lines whose writer was killed, at most `torn_max` of
    /// them, count as nothing.
    pub fn check_at_least_once(&self, expected: usize, torn_max: usize) -> Result<usize> {
        let found = lines::read(&self.sink_file(), WIDTH)?;
        if found.torn > torn_max {
            return Err(format!("{} torn lines, {torn_max} at most", found.torn).into());
        }
        let mut next = 0;
        for (at, &number) in found.numbers.iter().enumerate() {
            if number > next {
                return Err(format!(
                    "line {next} is missing: line {at} of the sink file is number {number}"
                )
                .into());
            }
            next = next.max(number + 1);
        }
        if next == expected {
            Ok(found.numbers.len() - expected)
        } else {
            Err(format!("ends at line {next}, not {expected}").into())
        }
    }
}
