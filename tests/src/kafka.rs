//! A real Apache Kafka: one broker or three, started from jars, stopped and started again by a test.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use crate::jars::{self, Version};
use crate::process::{Process, wait_for};
use crate::{Result, ports};

/// How long a broker may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(180);
/// How long a broker may take to stop on SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(120);
/// What makes a Java program start fast and run slowly: for tests, not for measurements.
pub(crate) const QUICK_START: &str = "-XX:TieredStopAtLevel=1";
/// The id of a test cluster: 16 bytes in url-safe base64, as Kafka wants it.
const CLUSTER_ID: &str = "a2Nvbm5lY3QtdGVzdHMtMQ";

/// Running brokers. They end when this is dropped, or with this process.
#[derive(Debug)]
pub struct KafkaCluster {
    version: Version,
    jars: PathBuf,
    ports: Vec<u16>,
    nodes: Vec<Mutex<Option<Process>>>,
    zookeeper: Option<Process>,
    home: tempfile::TempDir,
    options: &'static [&'static str],
}

impl KafkaCluster {
    /// Starts `brokers` brokers of `version` and waits until each one answers.
    pub fn start(version: Version, brokers: usize) -> Result<Self> {
        Self::start_with(version, brokers, &["-Xmx512m", "-Xms128m", QUICK_START])
    }

    /// As [`Self::start`], with `options` for the Java machine.
    pub fn start_with(
        version: Version,
        brokers: usize,
        options: &'static [&'static str],
    ) -> Result<Self> {
        let jars = jars::directory(version)?;
        let home = tempfile::Builder::new().prefix("kafka").tempdir()?;
        let free = ports::free(2 * brokers + 1)?;
        let (broker_ports, rest) = free.split_at(brokers);
        let mut cluster = Self {
            version,
            jars,
            ports: broker_ports.to_vec(),
            nodes: (0..brokers).map(|_| Mutex::new(None)).collect(),
            zookeeper: None,
            home,
            options,
        };
        if version == Version::V2_8 {
            cluster.zookeeper = Some(cluster.start_zookeeper(rest[0])?);
        }
        for node in 0..brokers {
            cluster.configure(node, rest)?;
            cluster.launch(node)?;
        }
        for node in 0..brokers {
            cluster.wait_until_ready(node)?;
        }
        Ok(cluster)
    }

    /// `host:port` of every broker, comma-separated.
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        self.ports
            .iter()
            .map(|port| format!("127.0.0.1:{port}"))
            .collect::<Vec<_>>()
            .join(",")
    }

    /// The number of brokers, running or not.
    #[must_use]
    pub fn size(&self) -> usize {
        self.nodes.len()
    }

    /// Stops broker `node` (from 0) as an operator would, with SIGTERM.
    pub fn stop(&self, node: usize) -> Result<()> {
        let stopped = self.slot(node).take();
        if let Some(mut process) = stopped {
            process.terminate(STOP_LIMIT)?;
        }
        Ok(())
    }

    /// Kills broker `node` with SIGKILL.
    pub fn kill(&self, node: usize) -> Result<()> {
        let killed = self.slot(node).take();
        if let Some(mut process) = killed {
            process.kill()?;
        }
        Ok(())
    }

    /// Starts broker `node` again on its old port and data, and waits until it answers.
    pub fn restart(&self, node: usize) -> Result<()> {
        self.launch(node)?;
        self.wait_until_ready(node)
    }

    /// What broker `node` has logged.
    #[must_use]
    pub fn log(&self, node: usize) -> String {
        fs::read_to_string(self.directory(node).join("log")).unwrap_or_default()
    }

    fn slot(&self, node: usize) -> std::sync::MutexGuard<'_, Option<Process>> {
        self.nodes[node]
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn directory(&self, node: usize) -> PathBuf {
        self.home.path().join(node.to_string())
    }

    fn start_zookeeper(&self, port: u16) -> Result<Process> {
        let directory = self.home.path().join("zookeeper");
        fs::create_dir_all(&directory)?;
        let config = directory.join("zookeeper.properties");
        let data = directory.join("data");
        fs::write(
            &config,
            format!(
                "dataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\nmaxClientCnxns=0\n",
                data.display()
            ),
        )?;
        let main = [
            "org.apache.zookeeper.server.quorum.QuorumPeerMain".to_owned(),
            config.display().to_string(),
        ];
        let options = ["-Xmx256m", QUICK_START];
        let mut process = java("zookeeper", &self.jars, &options, &main, &directory)?;
        wait_until_listening("ZooKeeper", port, &mut process)?;
        Ok(process)
    }

    /// Writes broker `node`'s properties and, in KRaft mode, formats its log directory.
    fn configure(&self, node: usize, rest: &[u16]) -> Result<()> {
        let directory = self.directory(node);
        fs::create_dir_all(&directory)?;
        let properties = directory.join("server.properties");
        fs::write(&properties, self.properties(node, rest))?;
        if self.version == Version::V2_8 {
            return Ok(());
        }
        let formatted = Command::new("java")
            .args([QUICK_START, "-cp"])
            .arg(self.jars.join("*"))
            .args(["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"])
            .arg(&properties)
            .output()
            .map_err(|error| format!("cannot run java: {error}"))?;
        if formatted.status.success() {
            return Ok(());
        }
        Err(format!(
            "Kafka's storage tool failed: {}",
            String::from_utf8_lossy(&formatted.stderr)
        )
        .into())
    }

    fn properties(&self, node: usize, rest: &[u16]) -> String {
        let (id, port) = (node + 1, self.ports[node]);
        let data = self.directory(node).join("data");
        let brokers = self.nodes.len();
        let (replicas, in_sync) = (brokers.min(3), brokers.min(3).div_ceil(2));
        let common = format!(
            "log.dirs={}\nadvertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
             offsets.topic.replication.factor={replicas}\noffsets.topic.num.partitions=5\n\
             transaction.state.log.replication.factor={replicas}\ntransaction.state.log.min.isr={in_sync}\n\
             transaction.state.log.num.partitions=5\ndefault.replication.factor={replicas}\nmin.insync.replicas={in_sync}\n\
             group.initial.rebalance.delay.ms=0\ncontrolled.shutdown.enable=true\n",
            data.display()
        );
        if self.version == Version::V2_8 {
            return format!(
                "broker.id={id}\nlisteners=PLAINTEXT://127.0.0.1:{port}\nzookeeper.connect=127.0.0.1:{}\n{common}",
                rest[0]
            );
        }
        let voters: Vec<String> = rest[1..]
            .iter()
            .enumerate()
            .map(|(voter, port)| format!("{}@127.0.0.1:{port}", voter + 1))
            .collect();
        format!(
            "process.roles=broker,controller\nnode.id={id}\ncontroller.quorum.voters={}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{}\ncontroller.listener.names=CONTROLLER\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n{common}",
            voters.join(","),
            rest[node + 1]
        )
    }

    fn launch(&self, node: usize) -> Result<()> {
        let directory = self.directory(node);
        let main = [
            "kafka.Kafka".to_owned(),
            directory.join("server.properties").display().to_string(),
        ];
        let process = java(
            &format!("broker {}", node + 1),
            &self.jars,
            self.options,
            &main,
            &directory,
        )?;
        *self.slot(node) = Some(process);
        Ok(())
    }

    fn wait_until_ready(&self, node: usize) -> Result<()> {
        let port = self.ports[node];
        let mut slot = self.slot(node);
        let process = slot.as_mut().ok_or("the broker is stopped")?;
        wait_until_listening("broker", port, process)
    }
}

/// Starts a Java program with every jar of `jars` on its class path.
pub(crate) fn java(
    name: &str,
    jars: &Path,
    options: &[&str],
    main: &[String],
    directory: &Path,
) -> Result<Process> {
    let class_path = jars.join("*").display().to_string();
    let config = log_config(directory)?;
    let fixed = [format!("-Dlog4j2.configurationFile={}", config.display())];
    let arguments = options
        .iter()
        .map(|&option| option.to_owned())
        .chain(fixed)
        .chain(["-cp".to_owned(), class_path])
        .chain(main.iter().cloned());
    Process::start(name, "java", arguments, directory, &directory.join("log"))
}

/// A log4j2 configuration that prints everything from INFO on, as Kafka's own does.
fn log_config(directory: &Path) -> Result<PathBuf> {
    let file = directory.join("log4j2.properties");
    fs::write(
        &file,
        "appender.out.type=Console\nappender.out.name=out\nappender.out.layout.type=PatternLayout\n\
         appender.out.layout.pattern=[%d] %p %X{connector.context}%m (%c:%L)%n\n\
         rootLogger.level=INFO\nrootLogger.appenderRef.out.ref=out\n",
    )?;
    Ok(file)
}

fn wait_until_listening(name: &str, port: u16, process: &mut Process) -> Result<()> {
    let answered = wait_for(START_LIMIT, || {
        if !process.is_running() {
            return Some(false);
        }
        TcpStream::connect(("127.0.0.1", port))
            .is_ok()
            .then_some(true)
    });
    if answered == Some(true) {
        Ok(())
    } else {
        Err(format!("the {name} does not answer:\n{}", process.tail(40)).into())
    }
}
