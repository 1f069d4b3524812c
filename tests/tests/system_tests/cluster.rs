//! Workers with the connectors of the system tests, started, bounced and watched as those tests do.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use kconnect_tests::process::wait_for;
use kconnect_tests::real::shared_kafka;
use kconnect_tests::worker::{ended_in_order, example_binary};
use kconnect_tests::workers::ask;
use kconnect_tests::{Process, Result, http, ports, unique};
use serde_json::Value;

/// How long anything may take. A loaded machine is slow.
pub(crate) const LIMIT: Duration = Duration::from_secs(180);
/// Keeps what a program says on standard output apart from its log, which goes where both streams go otherwise.
const APART: &str = r#"out=$1; shift; exec "$@" >>"$out""#;

/// How a worker is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bounce {
    /// With SIGTERM.
    Clean,
    /// With SIGKILL.
    Hard,
}

/// Workers of one cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    home: tempfile::TempDir,
    /// The `group.id`, which no other test has.
    pub(crate) group: String,
    pub(crate) nodes: Vec<Node>,
}

/// A worker's place: its directory and port outlive its runs.
#[derive(Debug)]
pub(crate) struct Node {
    directory: PathBuf,
    port: u16,
    runs: usize,
    process: Option<Process>,
}

/// Runs a scenario on a real Kafka, if there is one.
pub(crate) fn run(name: &str, scenario: impl Fn(&str) -> Result<()>) {
    if let Some(servers) = shared_kafka(name) {
        scenario(&servers).unwrap_or_else(|error| panic!("{error}"));
    }
}

impl Cluster {
    /// Starts two workers that speak `protocol`, one after the other, and waits until each has joined the group.
    pub(crate) fn start(servers: &str, protocol: &str) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("system").tempdir()?;
        let group = unique("system");
        let mut nodes = Vec::new();
        for (number, port) in ports::free(2)?.into_iter().enumerate() {
            let directory = home.path().join(number.to_string());
            fs::create_dir(&directory)?;
            let text = properties(servers, &group, protocol, port);
            fs::write(directory.join("connect-distributed.properties"), text)?;
            let mut node = Node {
                directory,
                port,
                runs: 0,
                process: None,
            };
            node.start()?;
            nodes.push(node);
        }
        Ok(Self { home, group, nodes })
    }

    /// A file that every worker sees.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Where the first worker's REST API is.
    pub(crate) fn url(&self) -> String {
        self.nodes[0].url()
    }

    /// Creates a connector as the system tests do: with numbers and truth values where Connect has text.
    pub(crate) fn create(&self, config: &Value) -> Result<()> {
        let body = serde_json::json!({ "name": config["name"], "config": config });
        ask(&self.url(), "POST", "/connectors", Some(&body.to_string()))?;
        Ok(())
    }

    /// Stops and starts every worker in turn.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.nodes
            .iter_mut()
            .try_for_each(|node| node.bounce(Bounce::Clean))
    }

    /// Waits until every worker says that the connector and this many tasks of it are in `state`.
    pub(crate) fn wait_for_state(&self, name: &str, tasks: usize, state: &str) -> Result<()> {
        for node in &self.nodes {
            kconnect_tests::workers::wait_for_state(&node.url(), name, tasks, state)?;
        }
        Ok(())
    }

    /// What connector `name` has said on all workers, whole lines only.
    pub(crate) fn said(&self, name: &str) -> Vec<Value> {
        let files = self.nodes.iter().flat_map(Node::outputs);
        let lines = files.flat_map(|file| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let whole = text.rfind('\n').map_or(0, |end| end + 1);
            let parse =
                |line: &str| serde_json::from_str(line).expect("standard output is JSON lines");
            text[..whole].lines().map(parse).collect::<Vec<Value>>()
        });
        lines.filter(|line| line["name"] == name).collect()
    }

    /// Waits until `condition` is true of what connector `name` has said.
    pub(crate) fn wait_for(&self, name: &str, condition: impl Fn(&[Value]) -> bool) -> Result<()> {
        let is = wait_for(LIMIT, || condition(&self.said(name)).then_some(()));
        is.ok_or_else(|| {
            format!(
                "{name} does not say what it should; {} lines",
                self.said(name).len()
            )
            .into()
        })
    }

    /// Stops every worker in order.
    pub(crate) fn stop(&mut self) -> Result<()> {
        self.nodes
            .iter_mut()
            .try_for_each(|node| node.stop(Bounce::Clean))
    }
}

impl Node {
    /// Starts the worker and waits until it has joined the group, as the system tests do when they start one.
    pub(crate) fn start(&mut self) -> Result<()> {
        self.runs += 1;
        let file = self.directory.join("connect-distributed.properties");
        let process = start_apart(
            &program()?,
            &["distributed", &file.display().to_string()],
            &self.directory,
            &self.output(self.runs),
            &self.log(self.runs),
        )?;
        self.process
            .insert(process)
            .wait_for_line("Joined group", LIMIT)
    }

    /// Stops the worker and starts it again, until it says that it works.
    pub(crate) fn bounce(&mut self, how: Bounce) -> Result<()> {
        self.stop(how)?;
        self.start()?;
        let process = self.process.as_mut().ok_or("it does not run")?;
        process.wait_for_line("Starting connectors and tasks using config offset", LIMIT)
    }

    fn stop(&mut self, how: Bounce) -> Result<()> {
        let mut process = self.process.take().ok_or("it does not run")?;
        if how == Bounce::Hard {
            process.kill()?;
            return Ok(());
        }
        let status = process.terminate(LIMIT)?;
        match ended_in_order(status) {
            true => Ok(()),
            false => Err(format!("the worker ended with {status}:\n{}", process.tail(40)).into()),
        }
    }

    /// Where its REST API is.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Asks it for JSON.
    pub(crate) fn get(&self, path: &str) -> Result<Value> {
        Ok(http::get(&self.url(), path)?.json())
    }

    fn outputs(&self) -> impl Iterator<Item = PathBuf> {
        (1..=self.runs).map(|run| self.output(run))
    }

    /// What run number `run` has said on standard output.
    fn output(&self, run: usize) -> PathBuf {
        self.directory.join(format!("connect.stdout-{run}"))
    }

    fn log(&self, run: usize) -> PathBuf {
        self.directory.join(format!("connect.stderr-{run}"))
    }
}

/// The binary with the connectors of the system tests, built once.
pub(crate) fn program() -> Result<PathBuf> {
    static PROGRAM: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    let build = || example_binary("system_tests").map_err(|error| error.to_string());
    PROGRAM.get_or_init(build).clone().map_err(Into::into)
}

/// Starts a program with its standard output in a file of its own; the log has the rest.
pub(crate) fn start_apart(
    program: &Path,
    arguments: &[&str],
    directory: &Path,
    output: &Path,
    log: &Path,
) -> Result<Process> {
    let paths = [output.display().to_string(), program.display().to_string()];
    let shell = ["-c", APART, "apart"].into_iter();
    let arguments = shell
        .chain(paths.iter().map(String::as_str))
        .chain(arguments.iter().copied());
    Process::start("kconnect", "/bin/sh", arguments, directory, log)
}

/// What the system tests tell their workers, with shorter delays.
fn properties(servers: &str, group: &str, protocol: &str, port: u16) -> String {
    format!(
        "bootstrap.servers={servers}\n\ngroup.id={group}\n\nexactly.once.source.support=disabled\n\n\
         connect.protocol={protocol}\nscheduled.rebalance.max.delay.ms=2000\n\n\
         key.converter=org.apache.kafka.connect.json.JsonConverter\n\
         value.converter=org.apache.kafka.connect.json.JsonConverter\n\
         key.converter.schemas.enable=true\nvalue.converter.schemas.enable=true\n\n\
         offset.storage.topic={group}-offsets\noffset.storage.replication.factor=1\noffset.storage.partitions=1\n\
         config.storage.topic={group}-configs\nconfig.storage.replication.factor=1\n\
         status.storage.topic={group}-status\nstatus.storage.replication.factor=1\nstatus.storage.partitions=1\n\n\
         # Make sure data gets flushed frequently\noffset.flush.interval.ms=1000\n\n\
         rest.advertised.host.name = 127.0.0.1\nlisteners=http://127.0.0.1:{port}\n\n\
         session.timeout.ms=6000\nheartbeat.interval.ms=1000\nconsumer.session.timeout.ms=6000\n\
         consumer.auto.offset.reset=earliest\nrequest.timeout.ms=30000\n\n\
         config.providers=file\n\
         config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider\n\
         plugin.discovery=service_load\n"
    )
}
