//! The fuzz targets' bodies, which the tests of the crates run as well.

pub mod client;
pub mod replay;

#[path = "../../protocol/tests/wire/entries.rs"]
mod entries;
#[path = "../../protocol/tests/wire/support.rs"]
#[allow(dead_code, reason = "the tests need more of it than the targets")]
mod support;

/// Runs a target on `data`; panics if it finds something, or if there is no such target.
pub fn run(target: &str, data: &[u8]) {
    let mut entries = entries::ENTRIES.iter().chain(&kconnect::fuzzing::TARGETS);
    let entry = entries.find(|(name, _)| *name == target);
    let (_, run) = entry.expect("a target of this name");
    run(data);
}
