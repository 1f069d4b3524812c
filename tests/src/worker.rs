//! Our worker as a process of its own, as an operator runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::OnceLock;
use std::time::Duration;

use crate::jars::target_directory;
use crate::process::Process;
use crate::{Result, ports};

/// How long our worker may take until it says that it has started. It takes milliseconds; a loaded CI machine more.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long it may take until it has joined its group: others may have to finish what they do first.
const JOIN_LIMIT: Duration = Duration::from_secs(90);

/// The path of the binary `kconnect`, built on first use with the profile of this test.
///
/// `KCONNECT_BINARY` names another one, such as the static build.
pub fn kconnect_binary() -> Result<PathBuf> {
    named_or_built(&BINARY, "KCONNECT_BINARY", None)
}

/// Makes `binary` the one that [`kconnect_binary`] gives, unless it has been asked for already.
pub fn use_binary(binary: PathBuf) {
    let _ = BINARY.set(Ok(binary));
}

type Binary = OnceLock<std::result::Result<PathBuf, String>>;
static BINARY: Binary = Binary::new();

/// The path of the static binary for this processor, built on first use with the profile of this test.
///
/// `KCONNECT_STATIC_BINARY` names another one, such as the one that is shipped.
pub fn static_binary() -> Result<PathBuf> {
    static STATIC: Binary = Binary::new();
    let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    named_or_built(&STATIC, "KCONNECT_STATIC_BINARY", Some(&target))
}

fn named_or_built(binary: &Binary, variable: &str, target: Option<&str>) -> Result<PathBuf> {
    let find = || match std::env::var_os(variable) {
        Some(path) => Ok(path.into()),
        None => build("--bin", "kconnect", target).map_err(|error| error.to_string()),
    };
    binary.get_or_init(find).clone().map_err(Into::into)
}

/// The path of an example of the package `kconnect`, built with the profile of this test.
pub fn example_binary(name: &str) -> Result<PathBuf> {
    build("--example", name, None)
}

/// Builds a binary (`--bin`) or an example (`--example`) of the package `kconnect`.
fn build(kind: &str, name: &str, target: Option<&str>) -> Result<PathBuf> {
    let release = !cfg!(debug_assertions);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--package", "kconnect", kind, name]);
    let mut directory = target_directory();
    if let Some(target) = target {
        command.args(["--target", target]);
        directory.push(target);
    }
    if release {
        command.arg("--release");
    }
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cannot build {name}: {said}").into());
    }
    directory.push(if release { "release" } else { "debug" });
    if kind == "--example" {
        directory.push("examples");
    }
    Ok(directory.join(name))
}

/// Whether [`kconnect_binary`] is optimized, so that large scenarios may be large.
#[must_use]
pub fn kconnect_is_optimized() -> bool {
    match std::env::var_os("KCONNECT_BINARY") {
        Some(path) => !Path::new(&path).iter().any(|part| part == "debug"),
        None => !cfg!(debug_assertions),
    }
}

/// A running `kconnect standalone` or `kconnect distributed`.
#[derive(Debug)]
pub struct KconnectWorker {
    process: Process,
    port: u16,
}

impl KconnectWorker {
    /// Starts a standalone worker in `directory` with `worker` as the text of its properties file and the given connector
    /// files, and waits until it has started. `listeners` is added here.
    pub fn standalone(directory: &Path, worker: &str, connectors: &[&Path]) -> Result<Self> {
        Self::standalone_with(directory, worker, connectors, &[])
    }

    /// As [`Self::standalone`], with options such as `--embedded-broker`.
    pub fn standalone_with(
        directory: &Path,
        worker: &str,
        connectors: &[&Path],
        options: &[&str],
    ) -> Result<Self> {
        let mut started = Self::launch(directory, worker, connectors, options)?;
        started
            .process
            .wait_for_line("Kafka Connect started", START_LIMIT)?;
        Ok(started)
    }

    /// As [`Self::standalone_with`], without waiting.
    pub fn launch(
        directory: &Path,
        worker: &str,
        connectors: &[&Path],
        options: &[&str],
    ) -> Result<Self> {
        let port = ports::one()?;
        let file = directory.join("worker.properties");
        fs::write(
            &file,
            format!("{worker}\nlisteners=http://127.0.0.1:{port}\n"),
        )?;
        let options = options.iter().map(|&option| option.to_owned());
        let connectors = connectors.iter().map(|file| file.display().to_string());
        let arguments = ["standalone".to_owned()]
            .into_iter()
            .chain(options)
            .chain([file.display().to_string()])
            .chain(connectors);
        let process = Process::start(
            "kconnect",
            kconnect_binary()?,
            arguments,
            directory,
            &directory.join("kconnect.log"),
        )?;
        Ok(Self { process, port })
    }

    /// Starts a worker of a cluster in `directory` with `worker` as the text of its properties file, and waits until it has
    /// joined its group. `listeners` is added here.
    pub fn distributed(directory: &Path, worker: &str) -> Result<Self> {
        let mut started = Self::launch_distributed(directory, worker)?;
        started.process.wait_for_line("Joined group", JOIN_LIMIT)?;
        Ok(started)
    }

    /// As [`Self::distributed`], with variables of the environment.
    pub fn distributed_with(
        directory: &Path,
        worker: &str,
        environment: &[(&str, &str)],
    ) -> Result<Self> {
        let mut started = Self::launch_in(directory, worker, environment)?;
        started.process.wait_for_line("Joined group", JOIN_LIMIT)?;
        Ok(started)
    }

    /// As [`Self::distributed`], without waiting.
    pub fn launch_distributed(directory: &Path, worker: &str) -> Result<Self> {
        Self::launch_in(directory, worker, &[])
    }

    fn launch_in(directory: &Path, worker: &str, environment: &[(&str, &str)]) -> Result<Self> {
        let port = ports::one()?;
        let file = directory.join("worker.properties");
        fs::write(
            &file,
            format!("{worker}\nlisteners=http://127.0.0.1:{port}\n"),
        )?;
        let process = Process::start_with(
            "kconnect",
            kconnect_binary()?,
            ["distributed".to_owned(), file.display().to_string()],
            directory,
            &directory.join("kconnect.log"),
            environment,
        )?;
        Ok(Self { process, port })
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
        let status = self.process.terminate(Duration::from_secs(150))?;
        if ended_in_order(status) {
            return Ok(());
        }
        Err(format!("the worker ended with {status}:\n{}", self.process.tail(40)).into())
    }
}

/// Whether a worker has stopped as it should: 143 says, as a JVM does, that SIGTERM was the reason.
#[must_use]
pub fn ended_in_order(status: ExitStatus) -> bool {
    status.success() || status.code() == Some(143)
}
