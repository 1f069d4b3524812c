//! The static binary in a root directory with nothing else in it: no libraries, no `/proc`, no `/dev`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that fails says enough"
)]
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use kconnect_tests::lines::{self, LineCounter};
use kconnect_tests::worker::{ended_in_order, static_binary};
use kconnect_tests::{Process, Result, ports};

const LIMIT: Duration = Duration::from_secs(60);
const LINES: usize = 10_000;

/// A root directory with the binary and three configuration files, and how to start a program in it.
struct EmptyRoot {
    directory: tempfile::TempDir,
    enter: &'static [&'static str],
}

impl EmptyRoot {
    /// `None` where no program may be given another root directory, which is said, and is a failure with `CI` set.
    fn new(scenario: &str) -> Option<Self> {
        // As root, or with a user namespace of our own in which we are root.
        let ways: [&[&str]; 2] = [
            &["chroot"],
            &["unshare", "--user", "--map-root-user", "chroot"],
        ];
        let directory = tempfile::Builder::new().prefix("root").tempdir().unwrap();
        let binary = static_binary().unwrap();
        fs::copy(binary, directory.path().join("kconnect")).unwrap();
        let enter = ways.into_iter().find(|way| {
            Command::new(way[0])
                .args(&way[1..])
                .arg(directory.path())
                .args(["/kconnect", "--version"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        });
        let Some(enter) = enter else {
            let why = "neither chroot nor unshare may change the root directory here";
            assert!(std::env::var_os("CI").is_none(), "{scenario}: {why}");
            eprintln!("NOT RUN: {scenario}: {why}");
            return None;
        };
        Some(Self { directory, enter })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The files of a worker that moves `/in.txt` to `/out.txt` through the broker at `broker`; gives its REST port.
    fn configure(&self, broker: u16) -> Result<u16> {
        let rest = ports::one()?;
        let strings = "org.apache.kafka.connect.storage.StringConverter";
        fs::write(
            self.path("worker.properties"),
            format!(
                "bootstrap.servers=127.0.0.1:{broker}\nkey.converter={strings}\nvalue.converter={strings}\n\
                 offset.storage.file.filename=/offsets\nlisteners=http://127.0.0.1:{rest}\n"
            ),
        )?;
        fs::write(
            self.path("source.properties"),
            "name=in\nconnector.class=FileStreamSource\nfile=/in.txt\ntopic=t\n",
        )?;
        fs::write(
            self.path("sink.properties"),
            "name=out\nconnector.class=FileStreamSink\nfile=/out.txt\ntopics=t\n",
        )?;
        lines::append(&self.path("in.txt"), 0..LINES, 100)?;
        Ok(rest)
    }

    /// Starts the binary with `arguments` in this root directory, with nothing in its environment.
    fn start(&self, name: &str, arguments: &[&str], log: &Path) -> Result<Process> {
        let clean = ["-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"].map(str::to_owned);
        let enter = self.enter.iter().map(|&part| part.to_owned());
        let root = [self.directory.path().display().to_string()];
        let main = ["/kconnect"].iter().chain(arguments);
        let all = clean
            .into_iter()
            .chain(enter)
            .chain(root)
            .chain(main.map(|&part| part.to_owned()));
        Process::start(name, "env", all, Path::new("/"), log)
    }

    fn check_arrived(&self) {
        let mut sink = LineCounter::new(&self.path("out.txt"));
        sink.wait_for(LINES, LIMIT).unwrap();
        assert!(
            fs::read(self.path("in.txt")).unwrap() == fs::read(self.path("out.txt")).unwrap(),
            "the files differ"
        );
    }
}

#[test]
fn it_moves_a_file_in_an_empty_root_directory_with_its_own_broker() {
    let Some(root) = EmptyRoot::new("it_moves_a_file_in_an_empty_root_directory") else {
        return;
    };
    root.configure(ports::one().unwrap()).unwrap();
    let logs = tempfile::tempdir().unwrap();
    let arguments = [
        "standalone",
        "--embedded-broker",
        "/worker.properties",
        "/source.properties",
        "/sink.properties",
    ];
    let log = logs.path().join("log");
    let mut worker = root.start("worker", &arguments, &log).unwrap();
    worker
        .wait_for_line("Kafka Connect started", LIMIT)
        .unwrap();
    root.check_arrived();
    let status = worker.terminate(LIMIT).unwrap();
    assert!(ended_in_order(status), "{status}:\n{}", worker.tail(40));
    assert!(root.path("offsets").exists(), "no offsets were kept");
}

#[test]
fn the_broker_alone_serves_a_worker_beside_it() {
    let Some(root) = EmptyRoot::new("the_broker_alone_serves_a_worker_beside_it") else {
        return;
    };
    let port = ports::one().unwrap();
    root.configure(port).unwrap();
    let logs = tempfile::tempdir().unwrap();
    let listen = format!("127.0.0.1:{port}");
    let arguments = ["broker", "--listen", &listen, "--dir", "/topics"];
    let mut broker = root
        .start("broker", &arguments, &logs.path().join("broker"))
        .unwrap();
    let arguments = [
        "standalone",
        "/worker.properties",
        "/source.properties",
        "/sink.properties",
    ];
    let mut worker = root
        .start("worker", &arguments, &logs.path().join("worker"))
        .unwrap();
    root.check_arrived();
    for process in [&mut worker, &mut broker] {
        let status = process.terminate(LIMIT).unwrap();
        assert!(ended_in_order(status), "{status}:\n{}", process.tail(40));
    }
}

#[test]
fn it_needs_neither_an_interpreter_nor_a_library() {
    let binary = static_binary().unwrap();
    let elf = fs::read(&binary).unwrap();
    assert!(
        is_static(&elf).unwrap(),
        "{} is not static",
        binary.display()
    );
    // The test itself is dynamic: so a check that sees nothing would be noticed.
    let ours = fs::read(std::env::current_exe().unwrap()).unwrap();
    assert!(!is_static(&ours).unwrap(), "the check sees nothing");
}

/// Whether a 64-bit ELF file has no `PT_INTERP` among its program headers.
fn is_static(elf: &[u8]) -> Result<bool> {
    const PT_INTERP: u32 = 3;
    let word = |at: usize, size: usize| -> Result<usize> {
        let bytes = elf.get(at..at + size).ok_or("a cut-off ELF file")?;
        let mut number = [0; 8];
        number[..size].copy_from_slice(bytes);
        Ok(usize::try_from(u64::from_le_bytes(number))?)
    };
    if !elf.starts_with(b"\x7fELF\x02\x01") {
        return Err("no 64-bit little-endian ELF file".into());
    }
    let (table, size, count) = (word(32, 8)?, word(54, 2)?, word(56, 2)?);
    for header in 0..count {
        if word(table + header * size, 4)? == PT_INTERP as usize {
            return Ok(false);
        }
    }
    Ok(true)
}
