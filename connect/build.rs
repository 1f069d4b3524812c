//! Tells a released program which commit it was built from, where git knows; everyday builds are not built anew for a commit.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=KCONNECT_COMMIT");
    println!("cargo:rerun-if-changed=build.rs");
    let is_released = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if !is_released || std::env::var_os("KCONNECT_COMMIT").is_some() {
        return;
    }
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"])
        && Path::new(&log).exists()
    {
        println!("cargo:rerun-if-changed={log}");
    }
    if let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) {
        println!("cargo:rustc-env=KCONNECT_COMMIT={commit}");
    }
}

/// What git answers; nothing where there is no git or no repository.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}
