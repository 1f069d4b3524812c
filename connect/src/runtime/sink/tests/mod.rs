//! Sink tasks against an embedded broker.

mod group;
mod life;
mod offsets;
mod records;

use std::time::Duration;

use crate::config::WorkerConfig;
use crate::runtime::testing::Setup;

/// A bench whose offsets are committed all the time.
fn often() -> Setup {
    let usual = Setup::default();
    let worker = WorkerConfig {
        offset_flush_interval: Duration::from_millis(10),
        ..usual.worker
    };
    Setup { worker, ..usual }
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}
