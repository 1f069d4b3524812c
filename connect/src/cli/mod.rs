//! The command line: what it says is done, and the exit code says how that went.

mod args;
mod broker;
mod plugins;
mod validate;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use tracing::error;

use self::args::{Arguments, Command, NotRun};
use crate::api::Plugins;
use crate::logging;
use crate::worker::standalone::{self, StandaloneOptions};
use crate::worker::{Signal, distributed};

pub(crate) use args::COMMIT;

/// The exit code for a command line that cannot be understood.
const USAGE: u8 = 1;
/// The exit code for configuration files that are wrong.
const WRONG: u8 = 2;

/// Does what `arguments`, with the program's name in front, say.
pub(crate) fn run(arguments: Vec<OsString>, plugins: Plugins) -> ExitCode {
    let Arguments { command, log_level } = match Arguments::parse_from_name(arguments) {
        Ok(arguments) => arguments,
        Err(NotRun::Print(text)) => {
            print(&text);
            return ExitCode::SUCCESS;
        }
        Err(NotRun::Usage(text)) => return usage(&text),
    };
    if let Err(error) = logging::init(&log_level) {
        return usage(&error.to_string());
    }
    let ended = match command {
        Command::Standalone(arguments) => {
            let options = StandaloneOptions {
                worker: arguments.worker,
                connectors: arguments.connectors,
                embedded_broker: arguments.embedded_broker,
                embedded_broker_dir: arguments.embedded_broker_dir,
            };
            standalone::run(options, plugins).map(Signal::exit_code)
        }
        Command::Distributed(arguments) => {
            distributed::run(&arguments.worker, plugins).map(Signal::exit_code)
        }
        Command::Broker(arguments) => broker::run(arguments).map(|()| 0),
        Command::Plugins => {
            print(&plugins::list(&plugins));
            Ok(0)
        }
        Command::Validate(arguments) => {
            let findings = validate::check(&arguments.files, plugins);
            print(&findings.text);
            Ok(if findings.is_wrong { WRONG } else { 0 })
        }
        Command::ConfigDocs => {
            print(&crate::config::docs::markdown());
            Ok(0)
        }
        Command::Completion(arguments) => {
            print(&arguments.script());
            Ok(0)
        }
    };
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            error!("{failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn print(text: &str) {
    // Whoever asked may have closed the pipe.
    let _ = write!(std::io::stdout(), "{text}");
}

fn usage(text: &str) -> ExitCode {
    // There is nothing to do if standard error is closed.
    let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
    ExitCode::from(USAGE)
}
