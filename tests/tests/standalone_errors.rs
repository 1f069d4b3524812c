//! What goes wrong around a standalone worker: each cause is named, and nothing is lost.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use kconnect_tests::process::wait_for;
use kconnect_tests::site::{LIMIT, Site};
use kconnect_tests::{Result, http, kconnect_binary};

const WORKER: &str = "connect-standalone.properties";

/// Asserts that the worker, started with `files`, ends with `code` and names every cause.
#[track_caller]
fn check_refused(site: &Site, files: &[&str], code: i32, causes: &[&str]) {
    let (ended, said) = site.refused(files).expect("the worker runs and ends");
    assert_eq!(ended, Some(code), "{files:?}:\n{said}");
    for cause in causes {
        assert!(
            said.contains(cause),
            "{files:?} does not say {cause:?}:\n{said}"
        );
    }
}

#[test]
fn worker_files_that_are_wrong_end_the_worker_with_their_cause() -> Result<()> {
    let site = Site::new()?;
    let check = |content: &[u8], causes: &[&str]| -> Result<()> {
        fs::write(site.path("wrong.properties"), content)?;
        check_refused(&site, &["wrong.properties"], 2, causes);
        Ok(())
    };
    let missing = "missing.properties: No such file";
    check_refused(
        &site,
        &["missing.properties"],
        2,
        &["Stopping due to error: ", missing],
    );
    check_refused(&site, &["."], 2, &["Is a directory"]);
    let required = |key| format!("Missing required configuration \"{key}\"");
    let (servers, offsets) = (
        required("bootstrap.servers"),
        required("offset.storage.file.filename"),
    );
    check(b"", &["wrong.properties is wrong", &servers, &offsets])?;
    check(
        b"\x7fELF\x02\x01\x01\x00",
        &["it is no text: byte 0x02 in line 1"],
    )?;
    check(
        b"a=1\nkey.converter=\\u00",
        &["malformed \\uxxxx encoding in line 2"],
    )?;
    let shipped = fs::read_to_string(site.path(WORKER))?;
    let changed = |changes: &str| format!("{shipped}{changes}").into_bytes();
    check(
        &changed("offset.flush.interval.ms=soon\nlisteners=foo\n"),
        &[
            "Invalid value soon for configuration offset.flush.interval.ms: Not a number of type LONG",
            "Invalid value [foo] for configuration listeners",
        ],
    )?;
    check(
        &changed("key.converter=Nope\nsecurity.protocol=NOPE\n"),
        &[
            "Class Nope could not be found",
            "configuration security.protocol",
        ],
    )
}

#[test]
fn connector_files_that_are_wrong_end_the_worker_with_their_cause() -> Result<()> {
    let site = Site::new()?;
    let write = |file: &str, content: &str| fs::write(site.path(file), content);
    write("nameless.properties", "connector.class=FileStreamSource\n")?;
    write("torn.json", "{\"name\":\"c\",\"config\":{\"connector.cl")?;
    write(
        "unknown.properties",
        "name=c\nconnector.class=NoSuchConnector\n",
    )?;
    write(
        "wrong.properties",
        "name=c\nconnector.class=FileStreamSink\ntasks.max=many\n",
    )?;
    check_refused(
        &site,
        &[
            WORKER,
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
    );
    let unknown = "Failed to create connector for unknown.properties: Failed to find any class";
    check_refused(
        &site,
        &[WORKER, "unknown.properties"],
        3,
        &[unknown, "NoSuchConnector"],
    );
    let many = "Invalid value many for configuration tasks.max: Not a number of type INT";
    check_refused(&site, &[WORKER, "wrong.properties"], 3, &[many]);
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
        check_refused(&site, &[WORKER], 2, &[&shown]);
        assert_eq!(fs::read(&file)?, content);
    }
    fs::remove_file(&file)?;
    fs::create_dir(&file)?;
    check_refused(&site, &[WORKER], 2, &[&shown]);
    let worker = fs::read_to_string(site.path(WORKER))?;
    let nowhere = format!("{worker}offset.storage.file.filename=no/such/folder/offsets\n");
    fs::write(site.path("nowhere.properties"), nowhere)?;
    let cause = "the folder no/such/folder cannot be used";
    check_refused(&site, &["nowhere.properties"], 2, &[cause]);
    Ok(())
}

#[test]
fn ports_in_use_are_named() -> Result<()> {
    let site = Site::new()?;
    let taken = TcpListener::bind(("127.0.0.1", site.rest))?;
    let listener = format!("cannot listen on http://127.0.0.1:{}: ", site.rest);
    check_refused(&site, &[WORKER], 2, &[&listener, "set `listeners`"]);
    drop(taken);
    let _taken = TcpListener::bind(("127.0.0.1", site.broker))?;
    let broker = format!(
        "the embedded broker cannot start: cannot listen on 127.0.0.1:{}: ",
        site.broker
    );
    check_refused(&site, &["--embedded-broker", WORKER], 2, &[&broker]);
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
    check().expect("a worker without its Kafka");
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
