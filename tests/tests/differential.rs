//! The Java worker and ours get the same requests, good and bad, through the life of connectors, and have to answer the same.
//!
//! What to send is in `tests/rest/`. Documentation texts, ids, versions and addresses may differ, and so may the order of a
//! map's keys. Lines that begin with `~` are compared by status alone, those with `!` not at all; why stands in ARCHITECTURE.md.

#![allow(clippy::unwrap_used, reason = "a test that fails says enough")]

#[path = "differential/answer.rs"]
mod answer;
#[path = "differential/script.rs"]
mod script;

use std::fs;
use std::path::Path;

use kconnect_tests::process::wait_for;
use kconnect_tests::real::{real_kafka_or_say_so, shared_kafka, unique};
use kconnect_tests::{JavaWorker, KconnectWorker};

use answer::{LIMIT, World};
use script::{Line, Request, Script};

const STANDALONE: &str = include_str!("../rest/standalone.txt");
const DISTRIBUTED: &str = include_str!("../rest/distributed.txt");
const VALIDATION: &str = include_str!("../rest/validation.txt");
const OVERRIDES: &str = include_str!("../rest/overrides.txt");
const BASIC_AUTH: &str = include_str!("../rest/basic_auth.txt");

/// What both workers are told beside their own offsets file and address.
fn worker_properties(servers: &str, directory: &Path) -> String {
    format!(
        "bootstrap.servers={servers}\n\
         key.converter=org.apache.kafka.connect.json.JsonConverter\n\
         value.converter=org.apache.kafka.connect.json.JsonConverter\n\
         key.converter.schemas.enable=true\n\
         offset.storage.file.filename={}\n\
         offset.flush.interval.ms=1000\n\
         access.control.allow.origin=http://a.example,http://b.example\n\
         access.control.allow.methods=GET,PUT\n\
         response.http.headers.config=add Cache-Control: no-cache, set X-A: b\n\
         config.providers=file\n\
         config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider\n",
        directory.join("offsets").display()
    )
}

/// A directory for one of the workers, with what its connectors read.
fn prepare(parent: &Path, name: &str) -> std::path::PathBuf {
    let directory = parent.join(name);
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("in.txt"), "one\ntwo\nthree\n").unwrap();
    fs::write(directory.join("secrets.properties"), "topic=t\nmax=many\n").unwrap();
    directory
}

#[test]
fn a_standalone_worker_answers_as_java_does() {
    let name = "a_standalone_worker_answers_as_java_does";
    let (Some(servers), Some(_)) = (shared_kafka(name), real_kafka_or_say_so(name)) else {
        return;
    };
    let parent = tempfile::tempdir().unwrap();
    let (java_directory, directory) = (
        prepare(parent.path(), "java"),
        prepare(parent.path(), "ours"),
    );
    let java = JavaWorker::standalone(
        &java_directory,
        &worker_properties(&servers, &java_directory),
        &[],
    )
    .unwrap();
    let ours =
        KconnectWorker::standalone(&directory, &worker_properties(&servers, &directory), &[])
            .unwrap();
    let worlds = [
        World::new(java.rest_url(), unique("java"), java_directory),
        World::new(ours.rest_url(), unique("ours"), directory),
    ];
    let mut differences = play(&Script::parse(STANDALONE), &worlds);
    differences.extend(play(&Script::parse(VALIDATION), &worlds));
    java.stop().unwrap();
    ours.stop().unwrap();
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

/// Sends every line to both; says where they answer otherwise.
fn play(script: &Script, [java, ours]: &[World; 2]) -> Vec<String> {
    let mut differences = Vec::new();
    for line in script.lines() {
        match line {
            Line::Await { path, text, there } => {
                for world in [java, ours] {
                    if let Err(last) = world.wait(path, text, *there) {
                        differences.push(format!(
                            "await {path} {text}: {} never says so: {last}",
                            world.url()
                        ));
                    }
                }
            }
            Line::Request(request) => {
                if let Some(difference) = difference(request, java, ours) {
                    differences.push(format!("{request}\n{difference}"));
                }
            }
        }
    }
    differences
}

/// What one answers and the other does not. What only reads is asked again until both say the same: what was asked for before may
/// take one of them a moment longer.
fn difference(request: &Request, java: &World, ours: &World) -> Option<String> {
    let ask = || {
        java.ask(request)
            .difference(&ours.ask(request), request.compare)
    };
    let mut last = ask()?;
    let same = (request.method == "GET").then(|| {
        wait_for(LIMIT, || match ask() {
            Some(difference) => {
                last = difference;
                None
            }
            None => Some(()),
        })
    });
    same.flatten().is_none().then_some(last)
}

/// What both kinds of workers of a cluster are told beside their addresses.
fn cluster_properties(servers: &str, group: &str) -> String {
    format!(
        "bootstrap.servers={servers}\n\
         group.id={group}\n\
         config.storage.topic={group}-configs\n\
         offset.storage.topic={group}-offsets\n\
         status.storage.topic={group}-statuses\n\
         config.storage.replication.factor=1\n\
         offset.storage.replication.factor=1\n\
         offset.storage.partitions=1\n\
         status.storage.replication.factor=1\n\
         status.storage.partitions=1\n\
         scheduled.rebalance.max.delay.ms=0\n\
         key.converter=org.apache.kafka.connect.json.JsonConverter\n\
         value.converter=org.apache.kafka.connect.json.JsonConverter\n\
         key.converter.schemas.enable=true\n\
         offset.flush.interval.ms=1000\n\
         access.control.allow.origin=http://a.example,http://b.example\n\
         access.control.allow.methods=GET,PUT\n\
         response.http.headers.config=add Cache-Control: no-cache, set X-A: b\n\
         config.providers=file\n\
         config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider\n"
    )
}

#[test]
fn workers_of_a_cluster_answer_as_javas_do_leader_and_follower() {
    let name = "workers_of_a_cluster_answer_as_javas_do_leader_and_follower";
    let (Some(servers), Some(_)) = (shared_kafka(name), real_kafka_or_say_so(name)) else {
        return;
    };
    let parent = tempfile::tempdir().unwrap();
    let (java_group, group) = (unique("java"), unique("ours"));
    let (java_properties, properties) = (
        cluster_properties(&servers, &java_group),
        cluster_properties(&servers, &group),
    );
    // Who joins first leads.
    let start = |member: &str| {
        let java_directory = prepare(parent.path(), &format!("java-{member}"));
        let directory = prepare(parent.path(), &format!("ours-{member}"));
        let java = JavaWorker::distributed(&java_directory, &java_properties).unwrap();
        let ours = KconnectWorker::distributed(&directory, &properties).unwrap();
        let worlds = [
            World::new(java.rest_url(), unique("java"), java_directory),
            World::new(ours.rest_url(), unique("ours"), directory),
        ];
        for world in &worlds {
            world.wait("/health", "healthy", true).unwrap();
        }
        (java, ours, worlds)
    };
    let script = Script::parse(DISTRIBUTED);
    let (java_leader, leader, leaders) = start("leader");
    let mut differences = play(&script, &leaders);
    differences.extend(play(&Script::parse(VALIDATION), &leaders));
    let (java_follower, follower, followers) = start("follower");
    let on_a_follower = play(&script, &followers);
    differences.extend(
        on_a_follower
            .iter()
            .map(|difference| format!("on a follower: {difference}")),
    );
    for java in [java_follower, java_leader] {
        java.stop().unwrap();
    }
    for ours in [follower, leader] {
        ours.stop().unwrap();
    }
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

#[test]
fn override_policies_answer_as_javas_do() {
    let name = "override_policies_answer_as_javas_do";
    let (Some(servers), Some(_)) = (shared_kafka(name), real_kafka_or_say_so(name)) else {
        return;
    };
    let mut differences = Vec::new();
    for policy in [
        "None",
        "Principal",
        "Allowlist\nconnector.client.config.override.allowlist=acks,group.id,retries",
    ] {
        let parent = tempfile::tempdir().unwrap();
        let start = |member: &str| {
            let directory = prepare(parent.path(), member);
            let properties = worker_properties(&servers, &directory);
            let policy = format!("connector.client.config.override.policy={policy}\n");
            (directory, format!("{properties}{policy}"))
        };
        let (java_directory, properties) = start("java");
        let java = JavaWorker::standalone(&java_directory, &properties, &[]).unwrap();
        let (directory, properties) = start("ours");
        let ours = KconnectWorker::standalone(&directory, &properties, &[]).unwrap();
        let worlds = [
            World::new(java.rest_url(), unique("java"), java_directory),
            World::new(ours.rest_url(), unique("ours"), directory),
        ];
        let found = play(&Script::parse(OVERRIDES), &worlds);
        differences.extend(found.iter().map(|found| format!("{policy}: {found}")));
        java.stop().unwrap();
        ours.stop().unwrap();
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// A JAAS file and the users that it names, as Kafka's basic auth extension reads them.
fn users(directory: &Path) -> String {
    let (users, jaas) = (
        directory.join("users.properties"),
        directory.join("jaas.conf"),
    );
    fs::write(&users, "ada=lovelace\nempty=\n").unwrap();
    let module = "org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule";
    let users = users.display();
    fs::write(
        &jaas,
        format!("KafkaConnect {{\n  {module} required\n  file=\"{users}\";\n}};\n"),
    )
    .unwrap();
    format!("-Djava.security.auth.login.config={}", jaas.display())
}

#[test]
fn users_and_strangers_are_answered_as_javas_basic_auth_does() {
    let name = "users_and_strangers_are_answered_as_javas_basic_auth_does";
    let (Some(servers), Some(_)) = (shared_kafka(name), real_kafka_or_say_so(name)) else {
        return;
    };
    let parent = tempfile::tempdir().unwrap();
    let option = users(parent.path());
    let extension = "rest.extension.classes=\
        org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension\n";
    let properties = |kind: &str| {
        let cluster = cluster_properties(&servers, &unique(kind));
        format!("{cluster}{extension}")
    };
    let (java_properties, properties) = (properties("java"), properties("ours"));
    let start = |member: &str| {
        let java_directory = prepare(parent.path(), &format!("java-{member}"));
        let directory = prepare(parent.path(), &format!("ours-{member}"));
        let java = JavaWorker::distributed_with(&java_directory, &java_properties, &[&option]);
        let environment = [("KAFKA_OPTS", option.as_str())];
        let ours = KconnectWorker::distributed_with(&directory, &properties, &environment);
        let (java, ours) = (java.unwrap(), ours.unwrap());
        let user = "Basic YWRhOmxvdmVsYWNl";
        let worlds = [
            World::new(java.rest_url(), unique("java"), java_directory).with_user(user),
            World::new(ours.rest_url(), unique("ours"), directory).with_user(user),
        ];
        for world in &worlds {
            world.wait("/health", "healthy", true).unwrap();
        }
        (java, ours, worlds)
    };
    let script = Script::parse(BASIC_AUTH);
    let (java_leader, leader, leaders) = start("leader");
    let mut differences = play(&script, &leaders);
    let (java_follower, follower, followers) = start("follower");
    // A follower passes requests on to its leader, and tells it what tasks a connector has: one as the user, one as itself.
    differences.extend(play(&script, &followers));
    for java in [java_follower, java_leader] {
        java.stop().unwrap();
    }
    for ours in [follower, leader] {
        ours.stop().unwrap();
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
