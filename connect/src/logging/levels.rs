//! The levels of loggers, which can be changed while the worker runs, by the names that log4j gives to levels.
//!
//! A logger is a part of this program (`kconnect::rest`) or any other name that somebody has set a level for, such as that of
//! a module in it. The level that counts for it is that of the longest name which its own name begins with; `root` is the
//! beginning of every name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Debug};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tracing::subscriber::Interest;
use tracing::{Metadata, info};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload;

/// How log4j calls the logger that all others inherit from.
const ROOT: &str = "root";

/// The parts of this program that have something to say, sooner or later: they are listed from the start on, so that a worker
/// has the same loggers whenever it is asked.
const PARTS: &[&str] = &[
    "kconnect::cli",
    "kconnect::config",
    "kconnect::connectors",
    "kconnect::converters",
    "kconnect::herder",
    "kconnect::logging",
    "kconnect::rest",
    "kconnect::runtime",
    "kconnect::storage",
    "kconnect::worker",
    "kconnect_client::cluster",
    "kconnect_client::consumer",
    "kconnect_client::group",
    "kconnect_client::net",
    "kconnect_client::producer",
];

/// Names that Java's worker has for parts that are modules here: who sets one sets the other.
const JAVA_NAMES: &[(&str, &str)] = &[
    ("org.apache.kafka.clients", "kconnect_client"),
    ("org.apache.kafka.clients.admin", "kconnect_client::admin"),
    (
        "org.apache.kafka.clients.consumer",
        "kconnect_client::consumer",
    ),
    (
        "org.apache.kafka.clients.producer",
        "kconnect_client::producer",
    ),
    ("org.apache.kafka.connect", "kconnect"),
    ("org.apache.kafka.connect.file", "kconnect::connectors"),
    ("org.apache.kafka.connect.runtime", "kconnect::runtime"),
    ("org.apache.kafka.connect.runtime", "kconnect::herder"),
    (
        "org.apache.kafka.connect.runtime.distributed",
        "kconnect::herder::distributed",
    ),
    ("org.apache.kafka.connect.runtime.rest", "kconnect::rest"),
    (
        "org.apache.kafka.connect.runtime.rest.RestServer",
        "kconnect::rest::request",
    ),
    (
        "org.apache.kafka.connect.runtime.standalone",
        "kconnect::herder::standalone",
    ),
    ("org.apache.kafka.connect.storage", "kconnect::storage"),
];

/// A log level specification that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "invalid log level {spec:?}: expected a level (off, error, warn, info, debug, trace) or a list such as \
         warn,kconnect_client=debug"
)]
pub struct InvalidLogLevel {
    spec: String,
}

/// A level by its name in log4j.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What ends the program; here the same as errors.
    Fatal,
    /// Errors.
    Error,
    /// And warnings.
    Warn,
    /// And what an operator wants to know.
    Info,
    /// And what helps to find a mistake.
    Debug,
    /// And every step.
    Trace,
    /// Everything.
    All,
}

impl LogLevel {
    const NAMES: [(&'static str, Self, LevelFilter); 8] = [
        ("OFF", Self::Off, LevelFilter::OFF),
        ("FATAL", Self::Fatal, LevelFilter::ERROR),
        ("ERROR", Self::Error, LevelFilter::ERROR),
        ("WARN", Self::Warn, LevelFilter::WARN),
        ("INFO", Self::Info, LevelFilter::INFO),
        ("DEBUG", Self::Debug, LevelFilter::DEBUG),
        ("TRACE", Self::Trace, LevelFilter::TRACE),
        ("ALL", Self::All, LevelFilter::TRACE),
    ];

    /// The level of that name, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let mut names = Self::NAMES.iter();
        let found = names.find(|(known, ..)| known.eq_ignore_ascii_case(name))?;
        Some(found.1)
    }

    fn filter(self) -> LevelFilter {
        let mut names = Self::NAMES.iter();
        let found = names.find(|(_, level, _)| *level == self);
        found.map_or(LevelFilter::INFO, |(.., filter)| *filter)
    }

    fn from_filter(filter: LevelFilter) -> Self {
        let mut names = Self::NAMES.iter();
        let found = names.find(|(name, _, known)| *known == filter && *name != "FATAL");
        found.map_or(Self::Info, |(_, level, _)| *level)
    }
}

/// A logger as REST shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LoggerLevel {
    /// The level that counts.
    pub level: LogLevel,
    /// When it was changed, in milliseconds since 1970; `None` if it was not.
    pub last_modified: Option<u64>,
}

/// The levels of this process's loggers; a clone shares them.
#[derive(Clone)]
pub struct LogLevels {
    table: Arc<Mutex<Table>>,
    /// What makes the levels count; none if the program that this worker is part of has a log of its own.
    handle: Arc<OnceLock<reload::Handle<Targets, Registry>>>,
}

/// What was set, and which loggers there are.
#[derive(Debug)]
struct Table {
    /// The levels that were set, by name; the root's is always there.
    levels: BTreeMap<String, LogLevel>,
    /// When a logger's level changed.
    modified: BTreeMap<String, u64>,
    /// The parts of this program, and the modules of others that have had something to say.
    seen: BTreeSet<&'static str>,
}

/// The levels of this process.
pub fn levels() -> &'static LogLevels {
    static LEVELS: OnceLock<LogLevels> = OnceLock::new();
    LEVELS.get_or_init(LogLevels::new)
}

impl Debug for LogLevels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogLevels")
            .field(&self.table().levels)
            .finish()
    }
}

impl LogLevels {
    pub(super) fn new() -> Self {
        let table = Table {
            levels: BTreeMap::from([(ROOT.to_owned(), LogLevel::Info)]),
            modified: BTreeMap::new(),
            seen: PARTS.iter().copied().collect(),
        };
        Self {
            table: Arc::new(Mutex::new(table)),
            handle: Arc::default(),
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Every change of the table is complete when it is made: a panic elsewhere leaves nothing half done.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A filter that follows these levels; none if there is one already.
    pub(super) fn filter(&self) -> Option<Noting> {
        let (filter, handle) = reload::Layer::new(self.table().targets());
        self.handle.set(handle).ok()?;
        Some(Noting {
            filter,
            levels: self.clone(),
        })
    }

    /// Replaces the whole table of levels by `spec`, in the syntax of `RUST_LOG`, with log4j's level names as well.
    ///
    /// # Errors
    ///
    /// When `spec` cannot be read; the levels stay as they were.
    pub fn set(&self, spec: &str) -> Result<(), InvalidLogLevel> {
        let levels = parse_levels(spec)?;
        self.table().levels = levels;
        self.apply();
        Ok(())
    }

    /// Sets the level of a logger and of all whose names begin with its name; answers with the names of those whose level
    /// is another one than before, in order. A level that there is none of changes nothing.
    pub fn set_level(&self, namespace: &str, level: &str) -> Vec<String> {
        let Some(level) = LogLevel::from_name(level) else {
            return Vec::new();
        };
        info!("Setting level of namespace {namespace} and children to {level:?}");
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        });
        let changed = self.table().set_level(namespace, level, now);
        self.apply();
        changed
    }

    /// The logger of that name, if there is one.
    #[must_use]
    pub fn level(&self, name: &str) -> Option<LoggerLevel> {
        let name = if is_root(name) { ROOT } else { name };
        let table = self.table();
        table.names().contains(name).then(|| table.shown(name))
    }

    /// All loggers that are not off, by name.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, LoggerLevel> {
        let table = self.table();
        let shown = table
            .names()
            .into_iter()
            .map(|name| (name.to_owned(), table.shown(name)));
        shown
            .filter(|(_, logger)| logger.level != LogLevel::Off)
            .collect()
    }

    fn apply(&self) {
        // Not under the table's lock: the new filter is asked about every module, and notes it.
        let targets = self.table().targets();
        if let Some(handle) = self.handle.get() {
            // Fails only when the subscriber is gone, and then there is nothing to set.
            let _ = handle.reload(targets);
        }
    }
}

/// The part of this program that a module belongs to; a module of others is its own.
fn part(target: &'static str) -> &'static str {
    let after_two = target.match_indices("::").nth(1);
    match after_two.filter(|_| target.starts_with("kconnect")) {
        Some((at, _)) => &target[..at],
        None => target,
    }
}

fn is_root(name: &str) -> bool {
    name.is_empty() || name.eq_ignore_ascii_case(ROOT)
}

impl Table {
    fn targets(&self) -> Targets {
        let root = self.effective("").filter();
        let others = self.levels.iter().filter(|(name, _)| *name != ROOT);
        let others = others.map(|(name, level)| (name.clone(), level.filter()));
        others.collect::<Targets>().with_default(root)
    }

    /// The level that counts for `name`.
    fn effective(&self, name: &str) -> LogLevel {
        let set = self
            .levels
            .iter()
            .filter(|(set, _)| *set == ROOT || name.starts_with(set.as_str()));
        let longest = set.max_by_key(|(set, _)| if *set == ROOT { 0 } else { set.len() });
        longest.map_or(LogLevel::Info, |(_, level)| *level)
    }

    fn names(&self) -> BTreeSet<&str> {
        let set = self.levels.keys().map(String::as_str);
        set.chain(self.seen.iter().copied()).collect()
    }

    fn shown(&self, name: &str) -> LoggerLevel {
        LoggerLevel {
            level: self.effective(name),
            last_modified: self.modified.get(name).copied(),
        }
    }

    fn set_level(&mut self, namespace: &str, level: LogLevel, now: u64) -> Vec<String> {
        let before: BTreeMap<String, LogLevel> = self
            .names()
            .into_iter()
            .map(|name| (name.to_owned(), self.effective(name)))
            .collect();
        if is_root(namespace) {
            self.levels = BTreeMap::from([(ROOT.to_owned(), level)]);
            let kept = before
                .keys()
                .filter(|name| !self.seen.contains(name.as_str()));
            self.levels.extend(kept.map(|name| (name.clone(), level)));
        } else {
            for (name, set) in &mut self.levels {
                if name.starts_with(namespace) && name != ROOT {
                    *set = level;
                }
            }
            self.levels.insert(namespace.to_owned(), level);
            for (_, ours) in JAVA_NAMES
                .iter()
                .filter(|(java, _)| java.starts_with(namespace))
            {
                self.levels.insert((*ours).to_owned(), level);
            }
        }
        let names = self.names();
        let changed = names
            .into_iter()
            .filter(|name| before.get(*name) != Some(&self.effective(name)));
        let changed: Vec<String> = changed.map(str::to_owned).collect();
        self.modified
            .extend(changed.iter().map(|name| (name.clone(), now)));
        changed
    }
}

/// Reads `spec`: `RUST_LOG`'s syntax, with log4j's level names as well.
fn parse_levels(spec: &str) -> Result<BTreeMap<String, LogLevel>, InvalidLogLevel> {
    let rust_names = spec.trim().to_ascii_lowercase();
    let rust_names = match rust_names.as_str() {
        "fatal" => "error",
        "all" => "trace",
        "" => "info",
        other => other,
    };
    let invalid = || InvalidLogLevel {
        spec: spec.to_owned(),
    };
    if !rust_names.contains(['=', ',']) {
        // A single word is a level; as a table it would be a module that logs everything.
        LevelFilter::from_str(rust_names).map_err(|_| invalid())?;
    }
    let targets = Targets::from_str(rust_names).map_err(|_| invalid())?;
    let root = targets.default_level().unwrap_or(LevelFilter::OFF);
    let set = targets
        .iter()
        .map(|(name, filter)| (name.to_owned(), filter));
    let all = set.chain([(ROOT.to_owned(), root)]);
    Ok(all
        .map(|(name, filter)| (name, LogLevel::from_filter(filter)))
        .collect())
}

/// A filter by levels that also notes which modules have something to say.
pub(super) struct Noting {
    filter: reload::Layer<Targets, Registry>,
    levels: LogLevels,
}

impl Noting {
    fn inner(&self) -> &dyn Filter<Registry> {
        &self.filter
    }
}

impl Filter<Registry> for Noting {
    fn enabled(&self, metadata: &Metadata<'_>, context: &Context<'_, Registry>) -> bool {
        self.inner().enabled(metadata, context)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if metadata.is_event() {
            self.levels.table().seen.insert(part(metadata.target()));
        }
        self.inner().callsite_enabled(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.inner().max_level_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn speaks(path: &Path) -> bool {
        if path.is_dir() {
            let inside = fs::read_dir(path).unwrap();
            return inside
                .into_iter()
                .any(|entry| speaks(&entry.unwrap().path()));
        }
        fs::read_to_string(path).unwrap().contains("tracing::")
    }

    #[test]
    fn every_part_that_speaks_is_listed_from_the_start() {
        let mut missing = Vec::new();
        for (sources, name) in [("src", "kconnect"), ("../client/src", "kconnect_client")] {
            let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join(sources);
            for entry in fs::read_dir(sources).unwrap() {
                let path = entry.unwrap().path();
                let part = format!("{name}::{}", path.file_stem().unwrap().display());
                if speaks(&path) && !PARTS.contains(&part.as_str()) {
                    missing.push(part);
                }
            }
        }
        assert_eq!(missing, Vec::<String>::new());
        assert_eq!(part("kconnect::rest::request"), "kconnect::rest");
        assert_eq!(part("kconnect::rest"), "kconnect::rest");
        assert_eq!(part("counters::source::task"), "counters::source::task");
    }
}
