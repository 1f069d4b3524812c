//! The client's examples as a newcomer runs them: a topic is made, filled from standard input, and read in a group.

use std::io::Write;
use std::process::{Command, Stdio};

use kconnect_tests::jars::target_directory;
use kconnect_tests::real::unique;
use kconnect_tests::{Cluster, scenarios};

scenarios! {
    all: ;
    current: ;
    embedded: examples_make_fill_and_read_a_topic;
}

async fn examples_make_fill_and_read_a_topic(cluster: Cluster) {
    let servers = cluster.bootstrap_servers().to_owned();
    let run = move || {
        build();
        let servers = &*servers;
        let topic = &*unique("example");
        let said = example("topics", &[servers, "create", topic, "2"], "");
        assert_eq!(said, format!("created {topic}\n"));
        let said = example("topics", &[servers, "describe", topic], "");
        assert_eq!(said.lines().count(), 2);
        assert!(example("topics", &[servers, "list"], "").contains(topic));
        let lines = "a\tone\na\ttwo\na\tthree\n";
        let said = example("produce", &[servers, topic, "compression.type=lz4"], lines);
        assert_eq!(said, "3 records are acknowledged\n");
        let read = |count| example("consume", &[servers, "readers", topic, count], "");
        assert_eq!(read("2"), "one\ntwo\n");
        assert_eq!(read("1"), "three\n");
        let said = example("topics", &[servers, "delete", topic], "");
        assert_eq!(said, format!("deleted {topic}\n"));
    };
    tokio::task::spawn_blocking(run).await.unwrap();
}

fn build() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--package",
            "kconnect-client",
            "--examples",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(built.unwrap().success());
}

/// What an example prints, given this on its standard input.
fn example(name: &str, arguments: &[&str], input: &str) -> String {
    let program = target_directory().join("debug/examples").join(name);
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}
