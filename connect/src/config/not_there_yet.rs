//! What a connector may ask for in Kafka Connect, and not of this worker yet: refused, never left out silently.

use kconnect_client::config::{ConfigError, Properties};

/// A key, whether a value of it asks for what is not there yet, and what to do instead.
struct Missing {
    key: &'static str,
    asks: fn(&str) -> bool,
    instead: &'static str,
    /// Whether the key means something in a cluster of workers only.
    in_clusters_only: bool,
}

const MISSING: &[Missing] = &[
    Missing {
        key: "transforms",
        asks: |_| true,
        instead: "transformations are not there yet in this worker, and records must not go without them; remove the key",
        in_clusters_only: false,
    },
    Missing {
        key: "predicates",
        asks: |_| true,
        instead: "predicates are not there yet in this worker; remove the key",
        in_clusters_only: false,
    },
    Missing {
        key: "errors.tolerance",
        asks: |value| value == "all",
        instead: "skipping records that cannot be handled is not there yet in this worker; use 'none'",
        in_clusters_only: false,
    },
    Missing {
        key: "errors.retry.timeout",
        asks: |value| value.parse::<i64>().is_ok_and(|millis| millis != 0),
        instead: "trying failed operations again is not there yet in this worker; use 0",
        in_clusters_only: false,
    },
    Missing {
        key: "errors.deadletterqueue.topic.name",
        asks: |_| true,
        instead: "dead letter queues are not there yet in this worker; leave the topic empty",
        in_clusters_only: false,
    },
    Missing {
        key: "offsets.storage.topic",
        asks: |_| true,
        instead: "offsets topics of single connectors are not there yet in this worker, and offsets must not go elsewhere; remove \
                  the key",
        in_clusters_only: true,
    },
];

/// What `given`, a connector's configuration, asks for and this worker does not do, as complaints about its keys.
///
/// `in_cluster` says whether the worker shares its work with others.
pub fn not_there_yet(given: &Properties, in_cluster: bool) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    for missing in MISSING {
        let value = given.get(missing.key).unwrap_or_default().trim();
        let applies = in_cluster || !missing.in_clusters_only;
        if applies && !value.is_empty() && (missing.asks)(value) {
            errors.push(ConfigError::invalid(missing.key, value, missing.instead));
        }
    }
    let required = given.get("exactly.once.support").unwrap_or_default();
    if required.trim().eq_ignore_ascii_case("required") {
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

    fn refused(key: &str, value: &str, in_cluster: bool) -> Option<String> {
        let errors = not_there_yet(&Properties::from([(key, value)]), in_cluster);
        errors.first().map(ToString::to_string)
    }

    #[test]
    fn what_would_change_what_happens_to_records_is_refused() {
        for (key, value) in [
            ("transforms", "a"),
            ("predicates", "a"),
            ("errors.tolerance", "all"),
            ("errors.retry.timeout", "-1"),
            ("errors.retry.timeout", "1000"),
            ("errors.deadletterqueue.topic.name", "dlq"),
            ("offsets.storage.topic", "mine"),
        ] {
            let why = refused(key, value, true).unwrap();
            let begin = format!("Invalid value {value} for configuration {key}: ");
            assert!(why.starts_with(&begin), "{why}");
            assert!(why.contains("not there yet in this worker"), "{why}");
        }
        assert!(refused("exactly.once.support", "Required", false).is_some());
    }

    #[test]
    fn defaults_and_what_has_no_meaning_here_are_not() {
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
            assert_eq!(refused(key, value, true), None);
        }
        assert_eq!(
            refused("offsets.storage.topic", "mine", false),
            None,
            "a standalone worker has one place for offsets"
        );
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
