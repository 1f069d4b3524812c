//! What a connector may ask for in Kafka Connect, and not of this worker yet: refused, never left out silently.

use kconnect_client::config::{ConfigError, Properties};

/// Whose configuration it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedBy {
    /// A source connector of a worker that runs alone.
    Source,
    /// A source connector of a cluster of workers.
    SourceInCluster,
    /// A sink connector.
    Sink,
}

impl AskedBy {
    const fn is_source(self) -> bool {
        matches!(self, Self::Source | Self::SourceInCluster)
    }
}

/// A key, who has it, whether a value of it asks for what is not there yet, and what to do instead.
struct Missing {
    key: &'static str,
    of: fn(AskedBy) -> bool,
    asks: fn(&str) -> bool,
    instead: &'static str,
}

const MISSING: &[Missing] = &[
    Missing {
        key: "transforms",
        of: |_| true,
        asks: |_| true,
        instead: "transformations are not there yet in this worker, and records must not go without them; remove the key",
    },
    Missing {
        key: "predicates",
        of: |_| true,
        asks: |_| true,
        instead: "predicates are not there yet in this worker; remove the key",
    },
    Missing {
        key: "errors.tolerance",
        of: |_| true,
        asks: |value| value == "all",
        instead: "skipping records that cannot be handled is not there yet in this worker; use 'none'",
    },
    Missing {
        key: "errors.retry.timeout",
        of: |_| true,
        asks: |value| value.parse::<i64>().is_ok_and(|millis| millis != 0),
        instead: "trying failed operations again is not there yet in this worker; use 0",
    },
    Missing {
        key: "errors.deadletterqueue.topic.name",
        of: |asked_by| !asked_by.is_source(),
        asks: |_| true,
        instead: "dead letter queues are not there yet in this worker; leave the topic empty",
    },
    Missing {
        key: "offsets.storage.topic",
        of: |asked_by| asked_by == AskedBy::SourceInCluster,
        asks: |_| true,
        instead: "offsets topics of single connectors are not there yet in this worker, and offsets must not go elsewhere; remove \
                  the key",
    },
];

/// What `given`, a connector's configuration, asks for and this worker does not do, as complaints about its keys.
pub fn not_there_yet(given: &Properties, asked_by: AskedBy) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    for missing in MISSING.iter().filter(|missing| (missing.of)(asked_by)) {
        let value = given.get(missing.key).unwrap_or_default().trim();
        if !value.is_empty() && (missing.asks)(value) {
            errors.push(ConfigError::invalid(missing.key, value, missing.instead));
        }
    }
    let required = given.get("exactly.once.support").unwrap_or_default();
    if asked_by.is_source() && required.trim().eq_ignore_ascii_case("required") {
        let why = "This worker does not have exactly-once source support enabled.";
        errors.push(ConfigError::invalid("exactly.once.support", required, why));
    }
    errors
}

/// What to say of keys in `given` that do nothing yet, and change no record by that.
pub fn without_effect(given: &Properties) -> Option<&'static str> {
    let logs = given.get("errors.log.enable").unwrap_or_default();
    logs.trim().eq_ignore_ascii_case("true").then_some(
        "'errors.log.enable' has no effect yet: a record that cannot be handled fails its task, whose trace says why",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(key: &str, value: &str, asked_by: AskedBy) -> Option<String> {
        let errors = not_there_yet(&Properties::from([(key, value)]), asked_by);
        errors.first().map(ToString::to_string)
    }

    #[test]
    fn what_would_change_what_happens_to_records_is_refused() {
        use AskedBy::{Sink, Source, SourceInCluster};
        for (key, value, asked_by) in [
            ("transforms", "a", Source),
            ("predicates", "a", Sink),
            ("errors.tolerance", "all", Source),
            ("errors.retry.timeout", "-1", Sink),
            ("errors.retry.timeout", "1000", Source),
            ("errors.deadletterqueue.topic.name", "dlq", Sink),
            ("offsets.storage.topic", "mine", SourceInCluster),
        ] {
            let why = refused(key, value, asked_by).unwrap();
            let begin = format!("Invalid value {value} for configuration {key}: ");
            assert!(why.starts_with(&begin), "{why}");
            assert!(why.contains("not there yet in this worker"), "{why}");
        }
        assert!(refused("exactly.once.support", "Required", Source).is_some());
    }

    #[test]
    fn defaults_and_what_has_no_meaning_here_are_not() {
        use AskedBy::{Sink, Source, SourceInCluster};
        for (key, value) in [
            ("transforms", " "),
            ("errors.tolerance", "none"),
            ("errors.retry.timeout", "0"),
            ("errors.retry.delay.max.ms", "5"),
            ("errors.deadletterqueue.topic.name", ""),
            ("errors.deadletterqueue.topic.replication.factor", "1"),
            ("errors.log.enable", "true"),
            ("config.action.reload", "none"),
            ("exactly.once.support", "requested"),
            ("transaction.boundary", "interval"),
        ] {
            assert_eq!(refused(key, value, SourceInCluster), None);
            assert_eq!(refused(key, value, Sink), None);
        }
        // A standalone worker has one place for offsets, and some keys are another kind of connector's.
        for (key, value, asked_by) in [
            ("offsets.storage.topic", "mine", Source),
            ("offsets.storage.topic", "mine", Sink),
            ("exactly.once.support", "required", Sink),
            ("errors.deadletterqueue.topic.name", "dlq", Source),
        ] {
            assert_eq!(refused(key, value, asked_by), None);
        }
    }

    #[test]
    fn only_what_does_nothing_is_mentioned() {
        let said = |value| without_effect(&Properties::from([("errors.log.enable", value)]));
        assert!(said("true").is_some());
        assert_eq!(
            (said("false"), without_effect(&Properties::new())),
            (None, None)
        );
    }
}
