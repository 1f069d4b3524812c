//! Java programs of Apache Kafka beside ours: the console tools and the Connect worker.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::jars::{self, Version};
use crate::kafka::{QUICK_START, java};
use crate::process::Process;
use crate::{Result, ports};

/// A command-line tool of Apache Kafka, by its main class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// `kafka-topics.sh`
    Topics,
    /// `kafka-console-producer.sh`
    ConsoleProducer,
    /// `kafka-console-consumer.sh`
    ConsoleConsumer,
    /// `kafka-consumer-groups.sh`
    ConsumerGroups,
    /// `kafka-configs.sh`
    Configs,
    /// `kafka-get-offsets.sh`
    GetOffsets,
}

impl Tool {
    const fn main_class(self) -> &'static str {
        match self {
            Self::Topics => "org.apache.kafka.tools.TopicCommand",
            Self::ConsoleProducer => "org.apache.kafka.tools.ConsoleProducer",
            Self::ConsoleConsumer => "org.apache.kafka.tools.consumer.ConsoleConsumer",
            Self::ConsumerGroups => "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
            Self::Configs => "kafka.admin.ConfigCommand",
            Self::GetOffsets => "org.apache.kafka.tools.GetOffsetShell",
        }
    }

    /// Runs the tool to its end with `input` on its standard input; gives its standard output.
    ///
    /// # Errors
    /// Says what the tool printed if it failed.
    pub fn run(self, arguments: &[&str], input: &[u8]) -> Result<String> {
        run(self.main_class(), &[], arguments, input)
    }
}

/// Runs a class with Kafka's jars and `directories` on its class path, as [`Tool::run`].
///
/// # Errors
/// Says what the class printed if it failed.
pub fn run_class(class: &str, directories: &[&Path], input: &[u8]) -> Result<String> {
    run(class, directories, &[], input)
}

/// Compiles `tests/java/<file>` and runs `class` of it, as [`Tool::run`].
///
/// # Errors
/// Says what the compiler or the class printed if it failed.
pub fn run_source(file: &str, class: &str, input: &[u8]) -> Result<String> {
    let classes = tempfile::tempdir()?;
    let compiled = Command::new("javac")
        .arg("-cp")
        .arg(jars::directory(Version::V4_3)?.join("*"))
        .arg("-d")
        .arg(classes.path())
        .arg(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("java")
                .join(file),
        )
        .output()?;
    if !compiled.status.success() {
        let said = String::from_utf8_lossy(&compiled.stderr);
        return Err(format!("{file} does not compile: {said}").into());
    }
    run_class(class, &[classes.path()], input)
}

fn run(class: &str, directories: &[&Path], arguments: &[&str], input: &[u8]) -> Result<String> {
    let jars = jars::directory(Version::V4_3)?.join("*");
    let paths = directories.iter().copied().chain([jars.as_path()]);
    let mut child = Command::new("java")
        .args([QUICK_START, "-Xmx256m", "-cp"])
        .arg(std::env::join_paths(paths)?)
        .arg(class)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().ok_or("no standard input")?;
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output()?;
    // A program that ends before it has read everything closes the pipe: its exit code tells the story.
    let _ = feeder.join();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "{class} {arguments:?} failed ({}):\n{stdout}{stderr}",
        output.status
    )
    .into())
}

/// How long the Java worker may take until its REST API answers that it is healthy.
const START_LIMIT: Duration = Duration::from_secs(180);

/// The memory that Kafka's scripts give a worker.
const AS_SHIPPED: &[&str] = &["-Xms256m", "-Xmx2g"];

/// A running Java Connect worker.
#[derive(Debug)]
pub struct JavaWorker {
    process: Process,
    port: u16,
}

impl JavaWorker {
    /// Starts a standalone worker in `directory` with `worker` as the text of its properties file and the given
    /// connector files, and waits until it has started.
    ///
    /// `listeners`, `plugin.path` and `plugin.discovery` are added here.
    pub fn standalone(directory: &Path, worker: &str, connectors: &[&Path]) -> Result<Self> {
        let arguments = connectors
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        Self::start(
            "org.apache.kafka.connect.cli.ConnectStandalone",
            directory,
            worker,
            arguments,
        )
    }

    /// Starts a distributed worker in `directory`, as [`Self::standalone`].
    pub fn distributed(directory: &Path, worker: &str) -> Result<Self> {
        Self::start(
            "org.apache.kafka.connect.cli.ConnectDistributed",
            directory,
            worker,
            Vec::new(),
        )
    }

    /// As [`Self::distributed`], with more options of the JVM.
    pub fn distributed_with(directory: &Path, worker: &str, options: &[&str]) -> Result<Self> {
        Self::start_with(
            "org.apache.kafka.connect.cli.ConnectDistributed",
            directory,
            worker,
            Vec::new(),
            options,
        )
    }

    /// Starts a standalone worker as an operator does, with the memory of Kafka's script and without what makes tests
    /// faster, and does not wait: for measurements.
    pub fn standalone_as_shipped(
        directory: &Path,
        worker: &str,
        connectors: &[&Path],
    ) -> Result<Self> {
        let arguments = connectors
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        launch(
            "org.apache.kafka.connect.cli.ConnectStandalone",
            directory,
            worker,
            arguments,
            AS_SHIPPED,
        )
    }

    /// Starts a distributed worker, as [`Self::standalone_as_shipped`].
    pub fn distributed_as_shipped(directory: &Path, worker: &str) -> Result<Self> {
        launch(
            "org.apache.kafka.connect.cli.ConnectDistributed",
            directory,
            worker,
            Vec::new(),
            AS_SHIPPED,
        )
    }

    fn start(main: &str, directory: &Path, worker: &str, connectors: Vec<String>) -> Result<Self> {
        Self::start_with(main, directory, worker, connectors, &[])
    }

    fn start_with(
        main: &str,
        directory: &Path,
        worker: &str,
        connectors: Vec<String>,
        more: &[&str],
    ) -> Result<Self> {
        let worker = format!("{worker}\nplugin.discovery=service_load\n");
        let mut options = vec!["-Xms64m", "-Xmx512m", QUICK_START];
        options.extend(more);
        let mut started = launch(main, directory, &worker, connectors, &options)?;
        started
            .process
            .wait_for_line("Kafka Connect started", START_LIMIT)?;
        Ok(started)
    }

    /// Where its REST API listens.
    #[must_use]
    pub fn rest_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The worker's process.
    pub const fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Stops it with SIGTERM, as an operator would, and waits for the end.
    pub fn stop(mut self) -> Result<()> {
        self.process.terminate(Duration::from_secs(60))?;
        Ok(())
    }
}

fn launch(
    main: &str,
    directory: &Path,
    worker: &str,
    connectors: Vec<String>,
    options: &[&str],
) -> Result<JavaWorker> {
    let jars = jars::directory(Version::V4_3)?;
    let plugins = plugin_directory(&jars, directory)?;
    let port = ports::one()?;
    let file = directory.join("java-worker.properties");
    let plugins = plugins.display();
    fs::write(
        &file,
        format!("{worker}\nlisteners=http://127.0.0.1:{port}\nplugin.path={plugins}\n"),
    )?;
    let main: Vec<String> = [main.to_owned(), file.display().to_string()]
        .into_iter()
        .chain(connectors)
        .collect();
    let process = java("Java worker", &jars, options, &main, directory)?;
    Ok(JavaWorker { process, port })
}

/// The Java worker loads file connectors only from a directory that `plugin.path` names.
fn plugin_directory(jars: &Path, directory: &Path) -> Result<PathBuf> {
    let plugins = directory.join("plugins");
    fs::create_dir_all(&plugins)?;
    let jar = format!("connect-file-{}.jar", Version::V4_3.number());
    fs::copy(jars.join(&jar), plugins.join(&jar))?;
    Ok(plugins)
}
