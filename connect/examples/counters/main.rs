//! A worker binary with connectors of one's own: all of `kconnect`, and two connectors more.
//!
//! ```sh
//! cargo run --example counters -- standalone --embedded-broker config/connect-standalone.properties \
//!     connect/examples/counters/source.properties connect/examples/counters/sink.properties
//! ```
//!
//! After a few seconds `counters.txt` has the state of each counter. Ctrl-C stops it; a restart goes on counting where it
//! ended.

mod counter_source;
mod tally_sink;

use std::process::ExitCode;

use kconnect::api::Plugins;

fn main() -> ExitCode {
    kconnect::run(
        Plugins::builtin()
            .source::<counter_source::CounterSource>()
            .sink::<tally_sink::TallySink>(),
    )
}
