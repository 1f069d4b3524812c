//! Clusters of Connect workers in processes of their own, ours and Java's, and what their REST API says of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::process::look_again_after;
use crate::{EitherWorker, JavaWorker, KconnectWorker, Kind, Result, http, unique};

/// How long anything may take that is asked for again and again. A loaded CI machine is slow.
const PATIENCE: Duration = Duration::from_secs(120);
/// The pause between two questions.
const PAUSE: Duration = Duration::from_millis(50);

/// What the workers of one cluster have in common.
#[derive(Debug)]
pub struct Workers {
    home: tempfile::TempDir,
    group: String,
    properties: String,
}

impl Workers {
    /// A cluster that nobody is in yet, with topics of its own.
    ///
    /// # Errors
    /// If there is no room for its files.
    pub fn new(bootstrap_servers: &str) -> Result<Self> {
        let group = unique("connect");
        let properties = format!(
            "bootstrap.servers={bootstrap_servers}\ngroup.id={group}\n\
             key.converter=org.apache.kafka.connect.storage.StringConverter\n\
             value.converter=org.apache.kafka.connect.storage.StringConverter\n\
             config.storage.topic={group}-configs\nconfig.storage.replication.factor=1\n\
             offset.storage.topic={group}-offsets\noffset.storage.replication.factor=1\n\
             offset.storage.partitions=5\n\
             status.storage.topic={group}-status\nstatus.storage.replication.factor=1\n\
             offset.flush.interval.ms=500\nscheduled.rebalance.max.delay.ms=2000\n\
             session.timeout.ms=6000\nheartbeat.interval.ms=500\n"
        );
        Ok(Self {
            home: tempfile::Builder::new().prefix("workers").tempdir()?,
            group,
            properties,
        })
    }

    /// Adds a key to the properties of workers that are started from now on; the last one of a name counts.
    pub fn set(&mut self, key: &str, value: &str) {
        self.properties.push_str(&format!("{key}={value}\n"));
    }

    /// The cluster's `group.id`; its topics are called after it, with `-configs`, `-offsets` and `-status` at the end.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.group
    }

    /// A connector's name that no other cluster has: sinks' groups are called after it.
    #[must_use]
    pub fn named(&self, name: &str) -> String {
        format!("{name}-{}", self.group)
    }

    /// A file or directory for this cluster's test.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Starts one of our workers and waits until it has joined the group.
    ///
    /// # Errors
    /// If it does not start; its log says why.
    pub fn start(&self, name: &str) -> Result<KconnectWorker> {
        KconnectWorker::distributed(&self.directory(name)?, &self.properties)
    }

    /// Starts a Java worker, as [`Self::start`].
    ///
    /// # Errors
    /// If it does not start; its log says why.
    pub fn start_java(&self, name: &str) -> Result<JavaWorker> {
        JavaWorker::distributed(&self.directory(name)?, &self.properties)
    }

    /// Starts a worker of this kind, as [`Self::start`].
    ///
    /// # Errors
    /// If it does not start; its log says why.
    pub fn start_either(&self, kind: Kind, name: &str) -> Result<EitherWorker> {
        Ok(match kind {
            Kind::Kconnect => EitherWorker::Kconnect(self.start(name)?),
            Kind::Java => EitherWorker::Java(self.start_java(name)?),
        })
    }

    /// Starts a worker of this kind as an operator does, and does not wait: for measurements.
    ///
    /// # Errors
    /// If its process does not start.
    pub fn launch(&self, kind: Kind, name: &str) -> Result<EitherWorker> {
        let (directory, properties) = (self.directory(name)?, &self.properties);
        Ok(match kind {
            Kind::Kconnect => {
                EitherWorker::Kconnect(KconnectWorker::launch_distributed(&directory, properties)?)
            }
            Kind::Java => {
                EitherWorker::Java(JavaWorker::distributed_as_shipped(&directory, properties)?)
            }
        })
    }

    /// Leaves the cluster's files where this says they are, for somebody to look at.
    #[must_use]
    pub fn keep(self) -> PathBuf {
        self.home.keep()
    }

    fn directory(&self, name: &str) -> Result<PathBuf> {
        let directory = self.path(name);
        fs::create_dir_all(&directory)?;
        Ok(directory)
    }
}

/// The configuration of a connector, as JSON.
#[must_use]
pub fn connector(entries: &[(&str, &str)]) -> String {
    let entries: BTreeMap<&str, &str> = entries.iter().copied().collect();
    serde_json::to_string(&entries).unwrap_or_default()
}

/// A file source that reads `file` into `topic`.
#[must_use]
pub fn file_source(file: &Path, topic: &str) -> String {
    let file = file.display().to_string();
    connector(&[
        ("connector.class", "FileStreamSource"),
        ("tasks.max", "1"),
        ("file", &file),
        ("topic", topic),
    ])
}

/// A file sink that writes `topic` into `file`, with this many tasks.
#[must_use]
pub fn file_sink(file: &Path, topic: &str, tasks: u32) -> String {
    let (file, tasks) = (file.display().to_string(), tasks.to_string());
    connector(&[
        ("connector.class", "FileStreamSink"),
        ("tasks.max", &tasks),
        ("file", &file),
        ("topics", topic),
    ])
}

/// Sends a request until it is not refused because the group rebalances; gives the body of the answer.
///
/// # Errors
/// If the answer is another error, or the group does not settle.
pub fn ask(url: &str, method: &str, path: &str, body: Option<&str>) -> Result<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = http::json(url, method, path, body)?;
        if answer.status < 300 {
            return Ok(answer.json());
        }
        if answer.status != 409 || Instant::now() > deadline {
            return Err(format!("{method} {path}: {} {}", answer.status, answer.text()).into());
        }
        look_again_after(PAUSE);
    }
}

/// Gives a connector its configuration.
///
/// # Errors
/// As [`ask`].
pub fn put_connector(url: &str, name: &str, config: &str) -> Result<Value> {
    ask(
        url,
        "PUT",
        &format!("/connectors/{name}/config"),
        Some(config),
    )
}

/// Asks for `path` until `is_right`; gives that answer.
///
/// # Errors
/// If it never is: what was last answered.
pub fn wait_for(url: &str, path: &str, is_right: impl Fn(&Value) -> bool) -> Result<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = http::get(url, path);
        if let Ok(answer) = &answer
            && is_right(&answer.json())
        {
            return Ok(answer.json());
        }
        if Instant::now() > deadline {
            let last = answer.map(|answer| answer.text());
            return Err(format!("GET {path} never was as expected; last: {last:?}").into());
        }
        look_again_after(PAUSE);
    }
}

/// Waits until a connector and exactly this many tasks of it are in `state`, as seen by the worker at `url`.
///
/// # Errors
/// As [`wait_for`].
pub fn wait_for_state(url: &str, name: &str, tasks: usize, state: &str) -> Result<Value> {
    wait_for(url, &format!("/connectors/{name}/status"), |status| {
        let listed = status["tasks"].as_array().map_or(&[][..], Vec::as_slice);
        status["connector"]["state"] == state
            && listed.len() == tasks
            && listed.iter().all(|task| task["state"] == state)
    })
}

/// Waits until all of `connectors` and their tasks run, this many tasks in all, spread evenly over this many workers, as seen
/// by the worker at `url`.
///
/// # Errors
/// If they never are: what was last seen.
pub fn wait_balanced(url: &str, connectors: &[&str], tasks: usize, workers: usize) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut loads: BTreeMap<String, usize> = BTreeMap::new();
        let mut all_run = true;
        for connector in connectors {
            let status = http::get(url, &format!("/connectors/{connector}/status"))?.json();
            all_run &= status["connector"]["state"] == "RUNNING";
            for task in status["tasks"].as_array().into_iter().flatten() {
                all_run &= task["state"] == "RUNNING";
                let worker = task["worker_id"].as_str().unwrap_or_default();
                *loads.entry(worker.to_owned()).or_default() += 1;
            }
        }
        let (least, most) = (loads.values().min().copied(), loads.values().max().copied());
        let is_even = most.unwrap_or(0) - least.unwrap_or(0) <= 1;
        if all_run && is_even && loads.len() == workers && loads.values().sum::<usize>() == tasks {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!(
                "{connectors:?} are never balanced: {loads:?}, all run: {all_run}"
            )
            .into());
        }
        look_again_after(PAUSE);
    }
}

/// Waits until a file has at least this many lines, each counted once; gives the file.
///
/// # Errors
/// If it never has.
pub fn wait_for_lines(file: &Path, count: usize) -> Result<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = fs::read_to_string(file).unwrap_or_default();
        let lines = text.lines().collect::<BTreeSet<_>>().len();
        if lines >= count {
            return Ok(text);
        }
        if Instant::now() > deadline {
            return Err(format!(
                "{} has {lines} different lines, not {count}",
                file.display()
            )
            .into());
        }
        look_again_after(PAUSE);
    }
}
