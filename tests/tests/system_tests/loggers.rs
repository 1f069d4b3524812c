//! Levels that are set on one worker or on all of them, with the time of the last change, until a worker is restarted.

use std::time::UNIX_EPOCH;

use kconnect_tests::Result;
use kconnect_tests::workers::{ask, wait_for};
use serde_json::{Map, Value, json};

use super::cluster::{Bounce, Cluster, Node, run};

type Loggers = Map<String, Value>;

fn loggers(node: &Node) -> Result<Loggers> {
    let all = node.get("/admin/loggers")?;
    Ok(all.as_object().ok_or("no loggers")?.clone())
}

/// Sets a level; what was answered, and when it was asked, in milliseconds.
fn set(node: &Node, logger: &str, level: &str, scope: &str) -> Result<(Value, u64)> {
    let asked = u64::try_from(UNIX_EPOCH.elapsed()?.as_millis())?;
    let path = format!("/admin/loggers/{logger}?scope={scope}");
    let body = json!({ "level": level }).to_string();
    Ok((ask(&node.url(), "PUT", &path, Some(&body))?, asked))
}

/// Whether all loggers below `namespace` have this level since `asked` or later.
fn are_set(loggers: &Loggers, namespace: &str, level: &str, asked: u64) -> bool {
    let mut of_it = loggers
        .iter()
        .filter(|(name, _)| name.starts_with(namespace));
    of_it.all(|(_, logger)| {
        let changed = logger["last_modified"].as_u64();
        logger["level"] == level && changed.is_some_and(|changed| changed >= asked)
    })
}

fn wait_on_all(cluster: &Cluster, namespace: &str, level: &str, asked: u64) -> Result<()> {
    for node in &cluster.nodes {
        wait_for(&node.url(), "/admin/loggers", |all| {
            all.as_object().is_some_and(|all| {
                all.contains_key(namespace) && are_set(all, namespace, level, asked)
            })
        })?;
    }
    Ok(())
}

#[test]
fn levels_are_set_here_or_everywhere_and_forgotten_with_the_worker() {
    run(
        "levels_are_set_here_or_everywhere_and_forgotten_with_the_worker",
        |servers| {
            let mut cluster = Cluster::start(servers, "sessioned")?;
            let initial = loggers(&cluster.nodes[0])?;
            assert!(
                initial.contains_key("root") && initial.len() >= 2,
                "{initial:?}"
            );
            assert!(
                initial
                    .values()
                    .all(|logger| logger["last_modified"].is_null()),
                "{initial:?}"
            );
            here(&cluster, &initial)?;
            everywhere(&cluster, &initial)?;
            cluster.nodes[0].bounce(Bounce::Clean)?;
            assert_eq!(loggers(&cluster.nodes[0])?, initial);
            cluster.stop()
        },
    );
}

/// Two names of which neither is below the other.
fn names(initial: &Loggers) -> Result<[&str; 2]> {
    let mut names = initial.keys().filter(|name| *name != "root");
    let first = names.next().ok_or("only root")?;
    let second =
        names.find(|name| !name.starts_with(first.as_str()) && !first.starts_with(name.as_str()));
    Ok([first, second.ok_or("only one name")?])
}

fn here(cluster: &Cluster, initial: &Loggers) -> Result<()> {
    let [name, _] = names(initial)?;
    let (worker, other) = (&cluster.nodes[0], &cluster.nodes[1]);
    let (affected, asked) = set(worker, name, "WARN", "worker")?;
    let affected = affected.as_array().ok_or("no list")?;
    assert!(!affected.is_empty());
    assert!(affected.iter().all(|logger| {
        logger
            .as_str()
            .is_some_and(|logger| logger.starts_with(name))
    }));
    assert!(are_set(&loggers(worker)?, name, "WARN", asked));
    assert_eq!(loggers(other)?[name]["last_modified"], Value::Null);
    assert_eq!(loggers(other)?[name]["level"], initial[name]["level"]);
    Ok(())
}

fn everywhere(cluster: &Cluster, initial: &Loggers) -> Result<()> {
    let [name, other] = names(initial)?;
    let worker = &cluster.nodes[0];
    // Two different levels, so that every logger changes.
    set(worker, "root", "DEBUG", "cluster")?;
    let (answer, asked) = set(worker, "root", "INFO", "cluster")?;
    assert_eq!(answer, Value::Null);
    wait_on_all(cluster, "root", "INFO", asked)?;
    let (_, set_at) = set(worker, name, "DEBUG", "cluster")?;
    wait_on_all(cluster, name, "DEBUG", set_at)?;
    let before: Vec<Loggers> = cluster.nodes.iter().map(loggers).collect::<Result<_>>()?;
    // The same level again changes nothing, and is read before the next one.
    set(worker, name, "DEBUG", "cluster")?;
    let (_, set_at) = set(worker, other, "WARN", "cluster")?;
    wait_on_all(cluster, other, "WARN", set_at)?;
    for (node, before) in cluster.nodes.iter().zip(&before) {
        assert_eq!(loggers(node)?[name], before[name]);
    }
    set(worker, "root", "DEBUG", "cluster")?;
    let (_, root_set_at) = set(worker, "root", "INFO", "cluster")?;
    wait_on_all(cluster, "root", "INFO", root_set_at)?;
    let on_the_other = loggers(&cluster.nodes[1])?;
    let (_, set_at) = set(worker, other, "WARN", "worker")?;
    for (logger, level) in loggers(worker)? {
        if !logger.starts_with(other) {
            assert_eq!(level["level"], "INFO", "{logger}");
            let changed = level["last_modified"].as_u64();
            assert!(
                changed.is_some_and(|at| (root_set_at..=set_at).contains(&at)),
                "{logger}: {level}"
            );
        }
    }
    assert_eq!(loggers(&cluster.nodes[1])?, on_the_other);
    Ok(())
}
