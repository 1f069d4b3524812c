//! `kconnect` with the connectors that Kafka's own system tests for Connect run, under the names that they ask for.
//!
//! ```sh
//! cargo run --example system_tests -- standalone worker.properties connector.properties
//! ```
//!
//! Standard output has one JSON object a line for each record that a connector made, saw committed, got or flushed.

mod lines;
mod mock;
mod verifiable_sink;
mod verifiable_source;

use std::process::ExitCode;

use kconnect::api::{Plugins, Properties};

// As in the binary that is shipped: what is tested with these connectors is to be its equal.
#[cfg(feature = "alloc")]
#[global_allocator]
static ALLOCATOR: rusty_alloc_api::RustyAlloc = rusty_alloc_api::RustyAlloc;

fn main() -> ExitCode {
    let plugins = Plugins::builtin()
        .source::<verifiable_source::VerifiableSourceConnector>()
        .sink::<verifiable_sink::VerifiableSinkConnector>()
        .source::<mock::MockSourceConnector>()
        .sink::<mock::MockSinkConnector>();
    kconnect::run(plugins)
}

/// Copies of a connector's configuration, each with the number of its task.
fn numbered(config: &Properties, tasks: usize) -> Vec<Properties> {
    let numbered = |task: usize| {
        let mut config = config.clone();
        config.set("id", task.to_string());
        config
    };
    (0..tasks).map(numbered).collect()
}
