//! The log: one line per event on standard error, in the shape that Kafka's own log has.
//!
//! `[2026-11-22 11:40:46,379] INFO [local-file-source|task-0] message key=value (target)`: time in UTC, level, the
//! connector or task that speaks, what happened, and the module. Standard output stays free for data.
//!
//! Levels are a table that can be changed while the worker runs: [`LogLevels`].

use std::fmt::{Debug, Write as _};
use std::io::Write as _;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

mod levels;

pub use levels::{InvalidLogLevel, LogLevel, LogLevels, LoggerLevel, levels};

/// Sends this process's events to standard error at the levels of `spec`.
///
/// A second call in one process (tests, an embedding program with its own subscriber) leaves the first one's log in place
/// and changes its levels.
///
/// # Errors
///
/// When `spec` cannot be read.
pub fn init(spec: &str) -> Result<&'static LogLevels, InvalidLogLevel> {
    let levels = levels();
    levels.set(spec)?;
    if let Some(filter) = levels.filter() {
        let layer = KafkaFormat::new(|line| {
            // Nobody is left to tell when standard error is closed.
            let _ = std::io::stderr().lock().write_all(line.as_bytes());
        });
        let _ = tracing_subscriber::registry()
            .with(layer.with_filter(filter))
            .try_init();
    }
    Ok(levels)
}

/// Who speaks, as the log shows it: `[name|worker] `, `[name|task-0] `, `[name|task-0|offsets] `.
struct LogContext(String);

/// Prints each event as one line in the shape of Kafka's log.
struct KafkaFormat {
    write: Arc<dyn Fn(&str) + Send + Sync>,
}

impl KafkaFormat {
    fn new(write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self {
            write: Arc::new(write),
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for KafkaFormat {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = ContextFields::default();
        attributes.record(&mut fields);
        if let (Some(span), Some(shown)) = (context.span(id), fields.context()) {
            span.extensions_mut().insert(shown);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = String::with_capacity(160);
        push_time(&mut line, SystemTime::now());
        let metadata = event.metadata();
        let _ = write!(line, " {} ", level_name(*metadata.level()));
        if let Some(scope) = context.event_scope(event) {
            for span in scope {
                if let Some(LogContext(shown)) = span.extensions().get() {
                    line.push_str(shown);
                    break;
                }
            }
        }
        event.record(&mut MessageFields {
            line: &mut line,
            start: true,
        });
        let _ = writeln!(line, " ({})", metadata.target());
        (self.write)(&line);
    }
}

const fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARN",
        Level::INFO => "INFO",
        Level::DEBUG => "DEBUG",
        Level::TRACE => "TRACE",
    }
}

/// The fields of a span that say who speaks.
#[derive(Default)]
struct ContextFields {
    connector: Option<String>,
    task: Option<String>,
    scope: Option<String>,
}

impl ContextFields {
    fn context(self) -> Option<LogContext> {
        let connector = self.connector?;
        Some(LogContext(match (self.task, self.scope) {
            (Some(task), Some(scope)) => format!("[{connector}|task-{task}|{scope}] "),
            (Some(task), None) => format!("[{connector}|task-{task}] "),
            (None, Some(scope)) => format!("[{connector}|{scope}] "),
            (None, None) => format!("[{connector}|worker] "),
        }))
    }

    fn slot(&mut self, field: &Field) -> Option<&mut Option<String>> {
        match field.name() {
            "connector" => Some(&mut self.connector),
            "task" => Some(&mut self.task),
            "scope" => Some(&mut self.scope),
            _ => None,
        }
    }
}

impl Visit for ContextFields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if let Some(slot) = self.slot(field) {
            *slot = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if let Some(slot) = self.slot(field) {
            *slot = Some(format!("{value:?}"));
        }
    }
}

/// Writes an event's message, then its other fields as `key=value`.
struct MessageFields<'a> {
    line: &'a mut String,
    start: bool,
}

impl Visit for MessageFields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if !std::mem::take(&mut self.start) {
            self.line.push(' ');
        }
        let _ = match field.name() {
            "message" => write!(self.line, "{value:?}"),
            name => write!(self.line, "{name}={value:?}"),
        };
    }
}

/// Appends `[2026-11-22 11:40:46,379]`, in UTC.
fn push_time(line: &mut String, time: SystemTime) {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since_epoch.as_secs();
    let (year, month, day) = civil_date(seconds / 86_400);
    let _ = write!(
        line,
        "[{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02},{:03}]",
        seconds / 3_600 % 24,
        seconds / 60 % 60,
        seconds % 60,
        since_epoch.subsec_millis()
    );
}

/// The Gregorian date of a day counted from 1970-01-01, by whole 400-year eras that begin on a first of March.
pub(crate) const fn civil_date(days_since_epoch: u64) -> (u64, u64, u64) {
    let days = days_since_epoch + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use tracing::{info, info_span, warn};

    use super::*;

    /// The lines that `speak` logs, without their timestamps.
    fn logged(levels: &str, speak: impl FnOnce()) -> Vec<String> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&lines);
        let layer = KafkaFormat::new(move |line| seen.lock().unwrap().push(line.to_owned()));
        let table = LogLevels::new();
        table.set(levels).unwrap();
        let filter = table.filter().unwrap();
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter));
        tracing::subscriber::with_default(subscriber, speak);
        let lines = lines.lock().unwrap();
        lines
            .iter()
            .map(|line| line["[2026-11-22 11:40:46,379] ".len()..].to_owned())
            .collect()
    }

    #[test]
    fn a_line_has_level_message_fields_and_target() {
        let lines = logged(
            "info",
            || info!(target: "kconnect::rest", port = 8083, "REST server listening"),
        );
        assert_eq!(
            lines,
            ["INFO REST server listening port=8083 (kconnect::rest)\n"]
        );
    }

    #[test]
    fn the_innermost_connector_or_task_speaks() {
        let lines = logged("info", || {
            info_span!("connector", connector = "c").in_scope(|| {
                info!(target: "t", "one");
                info_span!("task", connector = "c", task = 3).in_scope(|| {
                    info!(target: "t", "two");
                    info_span!("offsets", connector = "c", task = 3, scope = "offsets")
                        .in_scope(|| info_span!("other").in_scope(|| warn!(target: "t", "three")));
                });
            });
        });
        assert_eq!(
            lines,
            [
                "INFO [c|worker] one (t)\n",
                "INFO [c|task-3] two (t)\n",
                "WARN [c|task-3|offsets] three (t)\n"
            ]
        );
    }

    #[test]
    fn levels_are_set_per_module_and_in_log4j_words() {
        let speak = || {
            info!(target: "kconnect::rest", "quiet");
            info!(target: "kconnect_client::net", "loud");
        };
        assert_eq!(
            logged("warn,kconnect_client=info", speak),
            ["INFO loud (kconnect_client::net)\n"]
        );
        assert_eq!(logged("ALL", speak).len(), 2);
        assert_eq!(logged("OFF", speak).len(), 0);
        assert!(LogLevels::new().set("chatty").is_err());
    }

    #[test]
    fn a_level_that_changes_counts_from_the_next_line_on_and_is_listed() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&lines);
        let layer = KafkaFormat::new(move |line| seen.lock().unwrap().push(line.to_owned()));
        let levels = LogLevels::new();
        let filter = levels.filter().unwrap();
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter));
        tracing::subscriber::with_default(subscriber, || {
            let speak = || {
                info!(target: "kconnect::levels::a", "a");
                info!(target: "kconnect::levels::b", "b");
            };
            speak();
            assert_eq!(
                levels.set_level("kconnect::levels::a", "warn"),
                ["kconnect::levels::a"]
            );
            assert!(levels.set_level("kconnect::levels::a", "WARN").is_empty());
            assert!(levels.set_level("kconnect::levels::a", "chatty").is_empty());
            speak();
            let changed = levels.set_level("org.apache.kafka.connect", "ERROR");
            assert!(
                changed.contains(&"kconnect::levels".to_owned()),
                "{changed:?}"
            );
            speak();
        });
        assert_eq!(
            levels.level("kconnect::levels").unwrap().level,
            LogLevel::Error
        );
        assert!(
            levels
                .level("kconnect::levels")
                .unwrap()
                .last_modified
                .is_some()
        );
        assert_eq!(levels.level("nobody"), None);
        let root = LoggerLevel {
            level: LogLevel::Info,
            last_modified: None,
        };
        assert_eq!(levels.all()["root"], root);
        levels.set_level("ROOT", "off");
        assert!(levels.all().is_empty());
        let lines = lines.lock().unwrap();
        let spoken = lines
            .iter()
            .filter(|line| line.contains("(kconnect::levels::"));
        assert_eq!(spoken.count(), 3);
    }

    #[test]
    fn times_are_utc_dates_of_the_gregorian_calendar() {
        let shown = |seconds, millis| {
            let mut line = String::new();
            push_time(
                &mut line,
                UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_millis(millis),
            );
            line
        };
        assert_eq!(shown(0, 0), "[1970-01-01 00:00:00,000]");
        assert_eq!(shown(951_782_399, 7), "[2000-02-28 23:59:59,007]");
        assert_eq!(shown(951_782_400, 0), "[2000-02-29 00:00:00,000]");
        assert_eq!(shown(1_795_347_646, 379), "[2026-11-22 11:40:46,379]");
        assert_eq!(shown(4_107_542_400, 0), "[2100-03-01 00:00:00,000]");
    }
}
