//! The whole program as a call, for the binary `kconnect` and for binaries with plugins of their own.

use std::process::ExitCode;

use crate::api::Plugins;
use crate::cli;

/// Runs the program that this process's command line asks for, with these plugins, and gives the exit code for `main`.
///
/// It has all of `kconnect`'s subcommands, and stands in for Kafka's scripts when it is started under their names. It logs
/// to standard error, ends at SIGINT, SIGTERM or SIGHUP, and leaves standard output to plugins.
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     kconnect::run(kconnect::api::Plugins::builtin())
/// }
/// ```
pub fn run(plugins: Plugins) -> ExitCode {
    cli::run(std::env::args_os().collect(), plugins)
}
