//! Real Kafkas that the tests of one process share, and what is said where there is none.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::Result;
use crate::jars::{self, Version};
use crate::kafka::KafkaCluster;

/// The addresses of the current real Kafka, shared by the tests of this process: `KAFKA_BOOTSTRAP_SERVERS`, or one broker
/// from jars. `None` if there is none to be had, after saying that `scenario` does not run.
///
/// # Panics
/// If there is none to be had and `CI` is set.
#[must_use]
pub fn shared_kafka(scenario: &str) -> Option<String> {
    if let Ok(servers) = std::env::var("KAFKA_BOOTSTRAP_SERVERS") {
        return Some(servers);
    }
    shared(Version::V4_3, scenario)
}

/// The jars of the current Kafka, for tests that start their own cluster; as [`shared_kafka`] where they cannot be had.
#[must_use]
pub fn real_kafka_or_say_so(scenario: &str) -> Option<PathBuf> {
    or_say_so(scenario, "a real Kafka", jars::directory(Version::V4_3))
}

/// A name that no other test uses, also not in an earlier run on the same cluster.
#[must_use]
pub fn unique(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let moment = std::time::UNIX_EPOCH
        .elapsed()
        .map_or(0, |elapsed| elapsed.as_millis());
    format!(
        "{name}-{moment}-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

pub(crate) fn shared(version: Version, scenario: &str) -> Option<String> {
    type Shared = OnceLock<std::result::Result<KafkaCluster, String>>;
    static KAFKA: [Shared; 3] = [Shared::new(), Shared::new(), Shared::new()];
    let slot = &KAFKA[version as usize];
    let started =
        slot.get_or_init(|| KafkaCluster::start(version, 1).map_err(|error| error.to_string()));
    let servers = started
        .as_ref()
        .map(KafkaCluster::bootstrap_servers)
        .map_err(|error| error.clone().into());
    or_say_so(scenario, "a real Kafka", servers)
}

/// What was got, or `None` after saying that `scenario` does not run for want of `need`.
///
/// # Panics
/// If it was not got and `CI` is set.
pub fn or_say_so<T>(scenario: &str, need: &str, got: Result<T>) -> Option<T> {
    match got {
        Ok(value) => Some(value),
        Err(error) => {
            assert!(
                std::env::var_os("CI").is_none(),
                "{scenario}: {need} is needed and cannot be had: {error}"
            );
            say(&format!(
                "NOT RUN: {scenario}: {need} cannot be had here: {error}"
            ));
            None
        }
    }
}

/// Past the test runner's capture: what did not run has to be seen.
fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
