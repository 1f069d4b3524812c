//! Apache Kafka's jars, from Maven Central through `mvn`, fetched once and kept under the target directory.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

/// A version of Apache Kafka that the tests know how to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// The current line: broker, tools and Connect.
    V4_3,
    /// The last line that still served ZooKeeper clusters; here in KRaft mode.
    V3_9,
    /// The oldest line that we speak to; with ZooKeeper.
    V2_8,
}

impl Version {
    /// As Maven Central spells it.
    #[must_use]
    pub const fn number(self) -> &'static str {
        match self {
            Self::V4_3 => "4.3.0",
            Self::V3_9 => "3.9.1",
            Self::V2_8 => "2.8.2",
        }
    }

    const fn pom(self) -> &'static str {
        match self {
            Self::V4_3 => "kafka/current/pom.xml",
            Self::V3_9 | Self::V2_8 => "kafka/older/pom.xml",
        }
    }
}

/// The directory with the jars of `version`, fetched if need be.
///
/// Several test processes may ask at once: one fetches, the others wait for its lock.
pub fn directory(version: Version) -> Result<PathBuf> {
    let home = target_directory().join("kafka").join(version.number());
    fs::create_dir_all(&home)?;
    let lock = File::create(home.join("lock"))?;
    lock.lock()?;
    let jars = home.join("libs");
    let complete = home.join("complete");
    if !complete.exists() {
        fetch(version, &jars)?;
        File::create(&complete)?;
    }
    Ok(jars)
}

/// Where cargo builds, so that `cargo clean` removes the jars as well.
#[must_use]
pub fn target_directory() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or_else(|| Path::new("."));
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace.join("target"), |target| workspace.join(target))
}

fn fetch(version: Version, jars: &Path) -> Result<()> {
    let pom = Path::new(env!("CARGO_MANIFEST_DIR")).join(version.pom());
    let output = Command::new("mvn")
        .args(["-q", "-B", "-f"])
        .arg(&pom)
        .arg(format!("-Dkafka.version={}", version.number()))
        .args(["dependency:copy-dependencies", "-DincludeScope=runtime"])
        .arg(format!("-DoutputDirectory={}", jars.display()))
        .output()
        .map_err(|error| format!("cannot run mvn to fetch Kafka's jars: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stdout);
    Err(format!("mvn could not fetch Kafka {}: {said}", version.number()).into())
}
