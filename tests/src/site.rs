//! The property files that come with the program in a directory of their own, as on an operator's host.

use std::cell::Cell;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{Process, Result, kconnect_binary, ports};

/// How long anything may take on a machine that is busy with other things.
pub const LIMIT: Duration = Duration::from_secs(120);

/// A directory with the property files that come with the program, changed only in ports and paths.
#[derive(Debug)]
pub struct Site {
    home: tempfile::TempDir,
    /// The port of the REST API.
    pub rest: u16,
    /// The port of the broker that the worker looks for.
    pub broker: u16,
    runs: Cell<usize>,
}

impl Site {
    /// A directory with ports of its own. Offsets are committed every 200 ms, and tasks have a minute to stop.
    pub fn new() -> Result<Self> {
        let ports = ports::free(2)?;
        let site = Self {
            home: tempfile::Builder::new().prefix("standalone").tempdir()?,
            rest: ports[0],
            broker: ports[1],
            runs: Cell::new(0),
        };
        for file in [
            "connect-file-source.properties",
            "connect-file-sink.properties",
        ] {
            fs::copy(config(file), site.path(file))?;
        }
        let shipped = fs::read_to_string(config("connect-standalone.properties"))?;
        let changed = format!(
            "{shipped}\nbootstrap.servers=127.0.0.1:{}\noffset.storage.file.filename={}\nlisteners=http://127.0.0.1:{}\n\
             offset.flush.interval.ms=200\ntask.shutdown.graceful.timeout.ms=60000\n",
            site.broker,
            site.path("connect.offsets").display(),
            site.rest
        );
        fs::write(site.path("connect-standalone.properties"), changed)?;
        Ok(site)
    }

    /// A file in the directory.
    #[must_use]
    pub fn path(&self, file: &str) -> PathBuf {
        self.home.path().join(file)
    }

    /// Where the REST API is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.rest)
    }

    /// Starts `program` with `arguments` in the directory.
    pub fn start(&self, program: &Path, arguments: &[&str]) -> Result<Process> {
        self.runs.set(self.runs.get() + 1);
        let log = self.path(&format!("log-{}", self.runs.get()));
        Process::start("kconnect", program, arguments, self.home.path(), &log)
    }

    /// Starts the worker on its own embedded broker, with the two file connectors.
    pub fn quick_start(&self, program: &Path, subcommand: &[&str]) -> Result<Process> {
        let files = [
            "--embedded-broker",
            "connect-standalone.properties",
            "connect-file-source.properties",
            "connect-file-sink.properties",
        ];
        let mut worker = self.start(program, &[subcommand, &files].concat())?;
        worker.wait_for_line("Kafka Connect started", LIMIT)?;
        Ok(worker)
    }

    /// Starts the worker without connectors and without a broker, and waits until it has started.
    pub fn lonely_worker(&self) -> Result<Process> {
        let arguments = ["standalone", "connect-standalone.properties"];
        let mut worker = self.start(&kconnect_binary()?, &arguments)?;
        worker.wait_for_line("Kafka Connect started", LIMIT)?;
        Ok(worker)
    }

    /// Runs `kconnect standalone` with arguments with which it cannot go well; the exit code and what it said.
    pub fn refused(&self, files: &[&str]) -> Result<(Option<i32>, String)> {
        let mut worker = self.start(&kconnect_binary()?, &[&["standalone"], files].concat())?;
        let status = worker.wait(LIMIT)?;
        Ok((status.code(), worker.output()))
    }

    /// Adds a line to the file that the source reads.
    pub fn append(&self, line: &str) -> Result<()> {
        let file = fs::File::options()
            .create(true)
            .append(true)
            .open(self.path("test.txt"));
        Ok(writeln!(file?, "{line}")?)
    }

    /// The file that the sink writes.
    #[must_use]
    pub fn sink(&self) -> PathBuf {
        self.path("test.sink.txt")
    }
}

/// A file of the folder `config`.
fn config(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../config")
        .join(file)
}
