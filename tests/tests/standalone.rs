//! `kconnect standalone` and `kconnect broker` as an operator meets them: the quick start, signals, and what goes wrong.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kconnect_tests::process::wait_for;
use kconnect_tests::{Process, Result, http, kconnect_binary, lines, ports};
use serde_json::json;

/// How long anything may take on a machine that is busy with other things.
const LIMIT: Duration = Duration::from_secs(60);

/// A directory with the property files that come with the program, changed only in ports and paths.
struct Site {
    home: tempfile::TempDir,
    rest: u16,
    broker: u16,
    runs: std::cell::Cell<usize>,
}

impl Site {
    fn new() -> Result<Self> {
        let ports = ports::free(2)?;
        let site = Self {
            home: tempfile::Builder::new().prefix("standalone").tempdir()?,
            rest: ports[0],
            broker: ports[1],
            runs: std::cell::Cell::new(0),
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
             offset.flush.interval.ms=200\n",
            site.broker,
            site.path("connect.offsets").display(),
            site.rest
        );
        fs::write(site.path("connect-standalone.properties"), changed)?;
        Ok(site)
    }

    fn path(&self, file: &str) -> PathBuf {
        self.home.path().join(file)
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.rest)
    }

    /// Starts `program` with `arguments` in the directory.
    fn start(&self, program: &Path, arguments: &[&str]) -> Result<Process> {
        self.runs.set(self.runs.get() + 1);
        let log = self.path(&format!("log-{}", self.runs.get()));
        Process::start("kconnect", program, arguments, self.home.path(), &log)
    }

    /// Starts the worker on its own embedded broker, with the two file connectors.
    fn quick_start(&self, program: &Path, subcommand: &[&str]) -> Result<Process> {
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
    fn lonely_worker(&self) -> Result<Process> {
        let arguments = ["standalone", "connect-standalone.properties"];
        let mut worker = self.start(&kconnect_binary()?, &arguments)?;
        worker.wait_for_line("Kafka Connect started", LIMIT)?;
        Ok(worker)
    }

    /// Runs the worker with `files`, which cannot go well; the exit code and what it said.
    fn refused(&self, files: &[&str]) -> Result<(Option<i32>, String)> {
        let mut worker = self.start(&kconnect_binary()?, &[&["standalone"], files].concat())?;
        let status = worker.wait(LIMIT)?;
        Ok((status.code(), worker.output()))
    }

    fn append(&self, line: &str) -> Result<()> {
        let file = fs::File::options()
            .create(true)
            .append(true)
            .open(self.path("test.txt"));
        Ok(writeln!(file?, "{line}")?)
    }

    fn sink(&self) -> PathBuf {
        self.path("test.sink.txt")
    }
}

fn config(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../config")
        .join(file)
}

#[test]
fn the_quick_start_moves_lines_and_a_restart_neither_repeats_nor_skips_one() -> Result<()> {
    let site = Site::new()?;
    let mut worker = site.quick_start(&kconnect_binary()?, &["standalone"])?;
    site.append("hello")?;
    lines::wait_for_count(&site.sink(), 1, LIMIT)?;
    let connectors = http::get(&site.url(), "/connectors")?;
    assert_eq!(
        connectors.json(),
        json!(["local-file-sink", "local-file-source"])
    );
    assert_eq!(worker.terminate(LIMIT)?.code(), Some(143));
    let said = worker.output();
    assert!(said.contains("Kafka Connect stopped"), "{said}");
    assert!(!said.contains("ERROR"), "{said}");

    site.append("while it was away")?;
    // The same under the name of Kafka's script.
    let script = site.path("connect-standalone.sh");
    symlink(kconnect_binary()?, &script)?;
    let mut worker = site.quick_start(&script, &[])?;
    site.append("and back")?;
    lines::wait_for_count(&site.sink(), 3, LIMIT)?;
    worker.signal("INT")?;
    assert_eq!(worker.wait(LIMIT)?.code(), Some(130));
    let expected = "hello\nwhile it was away\nand back\n";
    assert_eq!(fs::read_to_string(site.sink())?, expected);
    Ok(())
}

#[test]
fn the_worker_tells_the_clusters_id_and_is_healthy_when_its_connectors_run() -> Result<()> {
    let site = Site::new()?;
    let _worker = site.quick_start(&kconnect_binary()?, &["standalone"])?;
    let info = wait_for(LIMIT, || {
        let info = http::get(&site.url(), "/").ok()?.json();
        info["kafka_cluster_id"].is_string().then_some(info)
    });
    let info = info.ok_or("the worker does not know its cluster")?;
    assert_eq!(info["version"], "4.3.0");
    let healthy = wait_for(LIMIT, || {
        (http::get(&site.url(), "/health").ok()?.status == 200).then_some(())
    });
    assert!(healthy.is_some());
    let running = wait_for(LIMIT, || {
        let status = http::get(&site.url(), "/connectors/local-file-source/status")
            .ok()?
            .json();
        (status["tasks"][0]["state"] == "RUNNING").then_some(status)
    });
    let status = running.ok_or("the task does not run")?;
    assert_eq!(
        status["connector"]["worker_id"],
        format!("127.0.0.1:{}", site.rest)
    );
    Ok(())
}

#[test]
fn files_that_are_wrong_end_the_worker_with_their_cause() -> Result<()> {
    let site = Site::new()?;
    let worker = "connect-standalone.properties";
    let write = |file: &str, content: &[u8]| fs::write(site.path(file), content);
    let shipped = fs::read(site.path(worker))?;
    write("empty.properties", b"")?;
    write("binary.properties", b"\x7fELF\x02\x01\x01\x00")?;
    write(
        "torn.properties",
        b"bootstrap.servers=a:1\nkey.converter=\\u00",
    )?;
    write(
        "values.properties",
        &[
            &shipped[..],
            b"offset.flush.interval.ms=soon\nlisteners=foo\nkey.converter=Nope\n",
        ]
        .concat(),
    )?;
    write(
        "class.properties",
        &[
            &shipped[..],
            b"key.converter=Nope\nsecurity.protocol=NOPE\n",
        ]
        .concat(),
    )?;
    write("nameless.properties", b"connector.class=FileStreamSource\n")?;
    write("torn.json", b"{\"name\":\"c\",\"config\":{\"connector.cl")?;
    write(
        "unknown.properties",
        b"name=c\nconnector.class=NoSuchConnector\n",
    )?;
    write(
        "incomplete.properties",
        b"name=c\nconnector.class=FileStreamSink\ntasks.max=many\n",
    )?;
    let cases: &[(&[&str], i32, &[&str])] = &[
        (
            &["missing.properties"],
            2,
            &[
                "Stopping due to error: ",
                "missing.properties: No such file",
            ],
        ),
        (&["."], 2, &["Is a directory"]),
        (
            &["empty.properties"],
            2,
            &[
                "empty.properties is wrong",
                "Missing required configuration \"bootstrap.servers\"",
                "Missing required configuration \"offset.storage.file.filename\"",
            ],
        ),
        (
            &["binary.properties"],
            2,
            &["it is no text: byte 0x02 in line 1"],
        ),
        (
            &["torn.properties"],
            2,
            &["malformed \\uxxxx encoding in line 2"],
        ),
        (
            &["values.properties"],
            2,
            &[
                "Invalid value soon for configuration offset.flush.interval.ms: Not a number of type LONG",
                "Invalid value foo for configuration listeners",
            ],
        ),
        (
            &["class.properties"],
            2,
            &[
                "Class Nope could not be found",
                "configuration security.protocol",
            ],
        ),
        (
            &[
                worker,
                "missing.properties",
                "nameless.properties",
                "torn.json",
            ],
            3,
            &[
                "Failed to create connector for missing.properties: ",
                "nameless.properties' is missing the mandatory 'name' configuration",
                "torn.json' is not valid JSON: EOF",
                "Stopping after connector error",
            ],
        ),
        (
            &[worker, "unknown.properties"],
            3,
            &[
                "Failed to create connector for unknown.properties: Failed to find any class",
                "NoSuchConnector",
            ],
        ),
        (
            &[worker, "incomplete.properties"],
            3,
            &["Invalid value many for configuration tasks.max: Not a number of type INT"],
        ),
    ];
    for (files, code, causes) in cases {
        let (ended, said) = site.refused(files)?;
        assert_eq!(ended, Some(*code), "{files:?}:\n{said}");
        for cause in *causes {
            assert!(
                said.contains(cause),
                "{files:?} does not say {cause:?}:\n{said}"
            );
        }
    }
    Ok(())
}

#[test]
fn an_offsets_file_that_cannot_be_read_is_named_and_left_as_it_is() -> Result<()> {
    let site = Site::new()?;
    let file = site.path("connect.offsets");
    let shown = file.display().to_string();
    let torn =
        b"\xac\xed\x00\x05sr\x00\x11java.util.HashMap\x05\x07\xda\xc1\xc3\x16\x60\xd1\x03\x00\x02F";
    for content in [&b"not an offsets file"[..], &torn[..]] {
        fs::write(&file, content)?;
        let (code, said) = site.refused(&["connect-standalone.properties"])?;
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(&shown), "{said}");
        assert_eq!(fs::read(&file)?, content);
    }
    fs::remove_file(&file)?;
    fs::create_dir(&file)?;
    let (code, said) = site.refused(&["connect-standalone.properties"])?;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains(&shown), "{said}");

    let worker = fs::read_to_string(site.path("connect-standalone.properties"))?;
    fs::write(
        site.path("nowhere.properties"),
        format!("{worker}\noffset.storage.file.filename=no/such/folder/offsets\n"),
    )?;
    let (code, said) = site.refused(&["nowhere.properties"])?;
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("the folder no/such/folder cannot be used"),
        "{said}"
    );
    Ok(())
}

#[test]
fn ports_in_use_are_named() -> Result<()> {
    let site = Site::new()?;
    let taken = TcpListener::bind(("127.0.0.1", site.rest))?;
    let (code, said) = site.refused(&["connect-standalone.properties"])?;
    assert_eq!(code, Some(2), "{said}");
    let listener = format!("cannot listen on http://127.0.0.1:{}: ", site.rest);
    assert!(
        said.contains(&listener) && said.contains("set `listeners`"),
        "{said}"
    );
    drop(taken);

    let _taken = TcpListener::bind(("127.0.0.1", site.broker))?;
    let (code, said) = site.refused(&["--embedded-broker", "connect-standalone.properties"])?;
    assert_eq!(code, Some(2), "{said}");
    let broker = format!(
        "the embedded broker cannot start: cannot listen on 127.0.0.1:{}: ",
        site.broker
    );
    assert!(said.contains(&broker), "{said}");
    Ok(())
}

/// Listens at the site's broker address and answers whatever comes with `answer`; without one it says nothing for ever.
fn impostor(site: &Site, answer: Option<&'static [u8]>) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", site.broker))?;
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for mut stream in listener.incoming().flatten() {
            let Some(answer) = answer else {
                silent.push(stream);
                continue;
            };
            // What happens to the connection is the worker's affair.
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(answer);
        }
    });
    Ok(())
}

/// Asserts that the worker is healthy without its Kafka, says `cause`, and stops when it is told to.
#[track_caller]
fn check_without_kafka(site: &Site, cause: &str) {
    let check = || -> Result<()> {
        let mut worker = site.lonely_worker()?;
        let healthy = wait_for(LIMIT, || {
            (http::get(&site.url(), "/health").ok()?.status == 200).then_some(())
        });
        assert!(healthy.is_some(), "{}", worker.output());
        let complaint = "Failed to connect to and describe Kafka cluster at 127.0.0.1:";
        worker.wait_for_line(complaint, LIMIT)?;
        let said = worker.output();
        let line = said
            .lines()
            .find(|line| line.contains(complaint))
            .unwrap_or_default();
        assert!(line.contains(cause), "{line}");
        assert_eq!(worker.terminate(LIMIT)?.code(), Some(143));
        Ok(())
    };
    check().unwrap();
}

#[test]
fn a_kafka_that_is_not_there_is_named_and_waited_for() -> Result<()> {
    let site = Site::new()?;
    check_without_kafka(&site, "Connection refused");
    let mut worker = site.lonely_worker()?;
    worker.wait_for_line("Failed to connect to and describe Kafka cluster", LIMIT)?;
    let listen = format!("127.0.0.1:{}", site.broker);
    let _broker = site.start(&kconnect_binary()?, &["broker", "--listen", &listen])?;
    worker.wait_for_line("Kafka cluster ID: ", LIMIT)?;
    Ok(())
}

#[test]
fn a_port_that_answers_tls_is_no_kafka() -> Result<()> {
    let site = Site::new()?;
    impostor(&site, Some(b"\x15\x03\x03\x00\x02\x02\x46"))?;
    check_without_kafka(&site, "this port expects TLS");
    Ok(())
}

#[test]
fn a_port_that_answers_http_is_no_kafka() -> Result<()> {
    let site = Site::new()?;
    impostor(&site, Some(b"HTTP/1.1 400 Bad Request\r\n\r\n"))?;
    check_without_kafka(&site, "the peer speaks HTTP, not Kafka");
    Ok(())
}

#[test]
fn a_port_that_answers_garbage_is_no_kafka() -> Result<()> {
    let site = Site::new()?;
    impostor(
        &site,
        Some(b"\xde\xad\xbe\xef\xde\xad\xbe\xef\xde\xad\xbe\xef"),
    )?;
    check_without_kafka(&site, "the peer does not speak Kafka");
    Ok(())
}

#[test]
fn a_port_that_answers_nothing_is_no_kafka() -> Result<()> {
    let site = Site::new()?;
    impostor(&site, None)?;
    check_without_kafka(
        &site,
        "either nothing answers there, or what answers is no Kafka broker",
    );
    Ok(())
}

#[test]
fn the_broker_alone_keeps_its_topics_and_stops_when_it_is_told_to() -> Result<()> {
    let site = Site::new()?;
    let mut ids = Vec::new();
    for signal in ["TERM", "INT"] {
        let arguments = ["broker", "--listen", "127.0.0.1:0", "--dir", "topics"];
        let mut broker = site.start(&kconnect_binary()?, &arguments)?;
        broker.wait_for_line("bootstrap.servers=127.0.0.1:", LIMIT)?;
        broker.wait_for_line("not for production", LIMIT)?;
        let said = broker.output();
        let id = said
            .split("cluster_id=")
            .nth(1)
            .and_then(|rest| rest.split_whitespace().next());
        ids.push(id.map(str::to_owned));
        broker.signal(signal)?;
        assert_eq!(broker.wait(LIMIT)?.code(), Some(0));
    }
    assert!(ids[0].is_some() && ids[0] == ids[1], "{ids:?}");
    Ok(())
}
