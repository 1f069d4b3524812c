//! What the command line says.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

/// The commit that this program was built from, where the build knew it (`KCONNECT_COMMIT`).
pub(crate) const COMMIT: Option<&str> = option_env!("KCONNECT_COMMIT");

/// What `--version` says: the version, and the commit if it is known.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let version = env!("CARGO_PKG_VERSION");
    COMMIT.map_or_else(
        || version.to_owned(),
        |commit| format!("{version} ({commit})"),
    )
});

/// Kafka Connect without the JVM.
#[derive(Debug, Parser)]
#[command(name = "kconnect", version = VERSION.as_str(), disable_help_subcommand = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,

    /// What to log: a level, or a list such as warn,kconnect_client=debug
    #[arg(
        long,
        global = true,
        env = "RUST_LOG",
        default_value = "info",
        value_name = "LEVELS"
    )]
    pub(super) log_level: String,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the connectors that files describe, in this process alone; connect-standalone.sh does the same
    Standalone(Standalone),
    /// Run as one of a cluster of workers; connect-distributed.sh does the same
    Distributed(Distributed),
    /// Run the embedded Kafka broker alone: for trying out, tests and CI, not for production
    Broker(Broker),
    /// List the connectors and converters that are part of this program
    Plugins,
    /// Check configuration files of workers and connectors without starting anything; ends with 2 if one is wrong
    Validate(Validate),
    /// Print the reference of every configuration key, as Markdown
    ConfigDocs,
    /// Print a completion script for a shell
    Completion(Completion),
}

#[derive(Debug, Args)]
pub(super) struct Standalone {
    /// The worker's configuration
    #[arg(value_name = "worker.properties")]
    pub(super) worker: PathBuf,

    /// Connectors: property files, or JSON files with a configuration or a create request
    #[arg(value_name = "connector1.properties connector2.json ...")]
    pub(super) connectors: Vec<PathBuf>,

    /// Run a Kafka broker in this process, at the address that bootstrap.servers says (port 0 for any that is free)
    #[arg(long)]
    pub(super) embedded_broker: bool,

    /// Where the embedded broker keeps its topics; beside the worker's offset file if not said
    #[arg(long, value_name = "DIR", requires = "embedded_broker")]
    pub(super) embedded_broker_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Validate {
    /// Workers' property files, and connector files, which are held against the first worker
    #[arg(value_name = "FILE", required = true)]
    pub(super) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Distributed {
    /// The worker's configuration
    #[arg(value_name = "worker.properties")]
    pub(super) worker: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Broker {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:9092", value_name = "HOST:PORT")]
    pub(super) listen: SocketAddr,

    /// Where to keep topics; in memory if not said
    #[arg(long, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Completion {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(super) shell: Shell,
}

impl Completion {
    /// The script that completes this program's command lines in that shell.
    pub(super) fn script(&self) -> String {
        let mut script = Vec::new();
        let mut command = Arguments::command();
        clap_complete::generate(self.shell, &mut command, "kconnect", &mut script);
        String::from_utf8_lossy(&script).into_owned()
    }
}

/// A command line that asks for nothing that can be run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotRun {
    /// Print it and end well: `--help`, `--version`.
    Print(String),
    /// Print it and end with an error.
    Usage(String),
}

impl Arguments {
    /// Reads a command line. Under the name of one of Kafka's scripts it has that script's arguments.
    pub(super) fn parse_from_name(arguments: Vec<OsString>) -> Result<Self, NotRun> {
        let script = arguments
            .first()
            .and_then(|name| Script::named(Path::new(name)));
        let arguments = match script {
            Some(script) => script.translate(arguments)?,
            None => arguments,
        };
        Self::try_parse_from(arguments).map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => NotRun::Print(error.to_string()),
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                NotRun::Usage(Self::command().render_help().to_string())
            }
            _ => NotRun::Usage(error.to_string()),
        })
    }
}

/// A script of Apache Kafka in whose place this program was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Standalone,
    Distributed,
}

impl Script {
    fn named(program: &Path) -> Option<Self> {
        match program.file_name()?.to_str()? {
            "connect-standalone" | "connect-standalone.sh" => Some(Self::Standalone),
            "connect-distributed" | "connect-distributed.sh" => Some(Self::Distributed),
            _ => None,
        }
    }

    const fn usage(self) -> &'static str {
        match self {
            Self::Standalone => {
                "Usage: ConnectStandalone worker.properties [connector1.properties connector2.json ...]"
            }
            Self::Distributed => "Usage: ConnectDistributed worker.properties",
        }
    }

    /// The script's arguments as arguments of the subcommand.
    fn translate(self, arguments: Vec<OsString>) -> Result<Vec<OsString>, NotRun> {
        let mut rest = arguments.into_iter();
        let program = rest.next().unwrap_or_default();
        let rest: Vec<OsString> = rest.collect();
        if rest.first().is_some_and(|first| first == "-daemon") {
            return Err(NotRun::Usage(format!(
                "-daemon is not supported: run {} under a service manager, in a container, or with nohup and &",
                Path::new(&program).display()
            )));
        }
        // `--help` is an error to these scripts, as it is to Kafka's.
        if rest.is_empty() || rest.iter().any(|argument| argument == "--help") {
            return Err(NotRun::Usage(self.usage().to_owned()));
        }
        let subcommand = match self {
            Self::Standalone => "standalone",
            Self::Distributed => "distributed",
        };
        Ok([program, subcommand.into()]
            .into_iter()
            .chain(rest)
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, NotRun> {
        Arguments::parse_from_name(line.split(' ').map(OsString::from).collect())
    }

    fn standalone(line: &str) -> Standalone {
        match parse(line).unwrap().command {
            Command::Standalone(arguments) => arguments,
            other => panic!("{other:?}"),
        }
    }

    fn usage(line: &str) -> String {
        match parse(line).unwrap_err() {
            NotRun::Usage(text) => text,
            NotRun::Print(text) => panic!("{text}"),
        }
    }

    #[test]
    fn a_worker_file_and_any_number_of_connectors_are_standalone_mode() {
        let arguments = standalone("kconnect standalone w.properties a.properties b.json");
        assert_eq!(arguments.worker, Path::new("w.properties"));
        assert_eq!(
            arguments.connectors,
            [Path::new("a.properties"), Path::new("b.json")]
        );
        assert!(!arguments.embedded_broker);
        let arguments = standalone("kconnect standalone --embedded-broker w.properties");
        assert!(arguments.embedded_broker && arguments.connectors.is_empty());
    }

    #[test]
    fn the_program_is_kafkas_script_when_it_is_started_under_its_name() {
        for name in [
            "connect-standalone",
            "connect-standalone.sh",
            "/opt/kafka/bin/connect-standalone.sh",
        ] {
            assert_eq!(
                standalone(&format!("{name} w.properties c.json"))
                    .connectors
                    .len(),
                1,
                "{name}"
            );
        }
        let distributed = parse("bin/connect-distributed.sh w.properties")
            .unwrap()
            .command;
        assert!(matches!(distributed, Command::Distributed(_)));
    }

    #[test]
    fn every_shell_gets_a_script_that_knows_the_subcommands() {
        for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
            let Command::Completion(arguments) = parse(&format!("kconnect completion {shell}"))
                .unwrap()
                .command
            else {
                panic!("{shell}");
            };
            assert!(arguments.script().contains("standalone"), "{shell}");
        }
        assert!(usage("kconnect completion dos").contains("possible values"));
    }

    #[test]
    fn usage_of_the_scripts_is_kafkas() {
        let standalone = "Usage: ConnectStandalone worker.properties [connector1.properties connector2.json ...]";
        assert_eq!(usage("connect-standalone.sh"), standalone);
        assert_eq!(
            usage("connect-standalone.sh w.properties --help"),
            standalone
        );
        assert_eq!(
            usage("connect-distributed"),
            "Usage: ConnectDistributed worker.properties"
        );
        assert!(usage("connect-standalone.sh -daemon w.properties").contains("service manager"));
        assert!(usage("kconnect standalone").contains("worker.properties"));
        assert!(usage("kconnect standalone --no-such-option w").contains("--no-such-option"));
        assert!(usage("kconnect").contains("standalone"));
    }

    #[test]
    fn help_and_version_are_no_errors() {
        let print = |line| match parse(line).unwrap_err() {
            NotRun::Print(text) => text,
            NotRun::Usage(text) => panic!("{text}"),
        };
        assert!(
            print("kconnect --version")
                .starts_with(concat!("kconnect ", env!("CARGO_PKG_VERSION")))
        );
        assert!(print("kconnect --help").contains("standalone"));
        assert!(print("kconnect standalone --help").contains("--embedded-broker"));
    }

    #[test]
    fn the_broker_listens_where_it_is_told() {
        let broker = |line| match parse(line).unwrap().command {
            Command::Broker(arguments) => (arguments.listen.to_string(), arguments.dir),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            broker("kconnect broker"),
            ("127.0.0.1:9092".to_owned(), None)
        );
        let line = "kconnect broker --listen 127.0.0.1:0 --dir d";
        assert_eq!(broker(line), ("127.0.0.1:0".to_owned(), Some("d".into())));
    }
}
