//! The keys of Kafka's clients: those of ours, and those that make sense in a JVM only or are not there yet.
//!
//! What would change records if it were left out is refused; the rest is accepted without effect.

use std::time::Duration;

use kconnect_client::config;
use kconnect_client::config::{
    AdminConfig, ConfigError, ConfigKey, ConsumerConfig, ProducerConfig, check,
};

config! {
    /// Keys of every client of Kafka's that have no effect here.
    CommonKeys {
        "" {
            /// The time over which a metric is sampled. Accepted without effect.
            Low "metrics.sample.window.ms" => metrics_sample_window: Duration = Duration::from_secs(30), check::at_least(0);
            /// The number of samples kept per metric. Accepted without effect.
            Low "metrics.num.samples" => metrics_num_samples: i32 = 2, check::at_least(1);
            /// Which metrics are recorded. Accepted without effect.
            Low "metrics.recording.level" => metrics_recording_level: String = "INFO".to_owned(),
                check::one_of(&["INFO", "DEBUG", "TRACE"]);
            /// Java classes that report metrics. Accepted without effect.
            Low "metric.reporters" => metric_reporters: Vec<String>
                = vec!["org.apache.kafka.common.metrics.JmxReporter".to_owned()], check::unique();
            /// Whether metrics are sent to the brokers if they ask for them (KIP-714). Accepted without effect.
            Low "enable.metrics.push" => enable_metrics_push: bool = true;
            /// Java classes that make security providers. Accepted without effect.
            Low "security.providers" => security_providers: Option<String> = None;
            /// Names of config providers. A worker resolves variables with its own before a client sees them.
            Low "config.providers" => config_providers: Vec<String> = Vec::new(), check::unique();
        }
    }
}

config! {
    /// Every key of a producer of Kafka's.
    ProducerKeys {
        with client: ProducerConfig {}
        with common: CommonKeys {}
        "" {
            /// What turns keys into bytes. Connect's converters do, so that there is one choice.
            High "key.serializer" => key_serializer: String as Class, check::custom(BYTE_ARRAY_SERIALIZER, byte_array_serializer);
            /// What turns values into bytes. Connect's converters do, so that there is one choice.
            High "value.serializer" => value_serializer: String as Class,
                check::custom(BYTE_ARRAY_SERIALIZER, byte_array_serializer);
            /// A Java class that chooses partitions. Refused: this worker chooses as Kafka's default does.
            Medium "partitioner.class" => partitioner_class: Option<String> as Class = None,
                check::custom("none", no_class);
            /// How long a broker may not take records before its partitions are avoided; 0 is never. Accepted without effect.
            Low "partitioner.availability.timeout.ms" => partitioner_availability_timeout: Duration = Duration::ZERO,
                check::at_least(0);
            /// Java classes that see and may change each record. Refused.
            Low "interceptor.classes" => interceptor_classes: Vec<String> = Vec::new(), check::unique(),
                check::custom("none", no_class);
            /// How long metadata of a topic is kept that nothing is sent to. Accepted without effect.
            Low "metadata.max.idle.ms" => metadata_max_idle: Duration = Duration::from_mins(5), check::at_least(5000);
            /// The name under which a producer's transactions go on after a restart. Refused: transactions are not there yet.
            Low "transactional.id" => transactional_id: Option<String> = None, check::non_empty(),
                check::custom("none", no_transactions);
            /// How long a transaction may take. Without effect while there are none.
            Low "transaction.timeout.ms" => transaction_timeout: i32 = 60_000;
            /// Whether a transaction waits for a coordinator outside of Kafka (KIP-939). Without effect while there are none.
            Low "transaction.two.phase.commit.enable" => transaction_two_phase_commit_enable: bool = false;
        }
    }
}

config! {
    /// Every key of a consumer of Kafka's.
    ConsumerKeys {
        with client: ConsumerConfig {}
        with common: CommonKeys {}
        "" {
            /// What reads keys. Connect's converters do, so that there is one choice.
            High "key.deserializer" => key_deserializer: String as Class,
                check::custom(BYTE_ARRAY_DESERIALIZER, byte_array_deserializer);
            /// What reads values. Connect's converters do, so that there is one choice.
            High "value.deserializer" => value_deserializer: String as Class,
                check::custom(BYTE_ARRAY_DESERIALIZER, byte_array_deserializer);
            /// Java classes that see and may change each record. Refused.
            Low "interceptor.classes" => interceptor_classes: Vec<String> = Vec::new(), check::unique(),
                check::custom("none", no_class);
            /// The assignor of a group whose coordinator assigns. Without effect in classic groups.
            Medium "group.remote.assignor" => group_remote_assignor: Option<String> = None;
            /// How a share group's records are acknowledged. Without effect in other groups.
            Medium "share.acknowledgement.mode" => share_acknowledgement_mode: String = "implicit".to_owned(),
                check::one_of(&["implicit", "explicit"]);
            /// How a share group's records are fetched. Without effect in other groups.
            Medium "share.acquire.mode" => share_acquire_mode: String = "BATCH_OPTIMIZED".to_owned(),
                check::one_of_ignoring_case(&["batch_optimized", "record_limit"]);
        }
    }
}

config! {
    /// Every key of an admin client of Kafka's.
    AdminKeys {
        with client: AdminConfig {}
        with common: CommonKeys { "enable.metrics.push" => enable_metrics_push = false }
        "" {
            /// Addresses of controllers to talk to in place of brokers. Refused.
            High "bootstrap.controllers" => bootstrap_controllers: Vec<String> = Vec::new(), check::unique(),
                check::custom("none", no_controllers);
            /// How often a call is tried again. Accepted without effect: `default.api.timeout.ms` is the limit.
            Low "retries" => retries: i32 = i32::MAX, check::at_least(0);
        }
    }
}

/// The serializer that Connect gives its producers.
pub(super) const BYTE_ARRAY_SERIALIZER: &str =
    "org.apache.kafka.common.serialization.ByteArraySerializer";
/// The deserializer that Connect gives its consumers.
pub(super) const BYTE_ARRAY_DESERIALIZER: &str =
    "org.apache.kafka.common.serialization.ByteArrayDeserializer";

/// The keys of which some values that Kafka's clients take are refused.
const WITH_REFUSALS: &[&str] = &[
    "key.serializer",
    "value.serializer",
    "key.deserializer",
    "value.deserializer",
    "partitioner.class",
    "interceptor.classes",
    "transactional.id",
    "bootstrap.controllers",
];

/// The complaint about a value that Kafka's clients would take and this worker's do not.
pub fn refusal(key: &ConfigKey, value: &str) -> Option<ConfigError> {
    let may_refuse = WITH_REFUSALS.contains(&key.name);
    may_refuse.then(|| key.check(value).err()).flatten()
}

fn byte_array_serializer(text: &str) -> Result<(), String> {
    only(text, BYTE_ARRAY_SERIALIZER)
}

fn byte_array_deserializer(text: &str) -> Result<(), String> {
    only(text, BYTE_ARRAY_DESERIALIZER)
}

fn only(text: &str, class: &str) -> Result<(), String> {
    let is_it = text == class;
    is_it.then_some(()).ok_or_else(|| {
        format!(
            "tasks exchange bytes with Kafka, which {class} stands for; use a converter to change what is in them"
        )
    })
}

fn no_class(text: &str) -> Result<(), String> {
    nothing(
        text,
        "Java classes do not run in this worker, and records must not go without what this one does to them; remove the key",
    )
}

fn no_transactions(text: &str) -> Result<(), String> {
    nothing(
        text,
        "transactions are not there yet in this worker; remove the key",
    )
}

fn no_controllers(text: &str) -> Result<(), String> {
    nothing(
        text,
        "this worker's clients talk to brokers; use bootstrap.servers",
    )
}

fn nothing(text: &str, why: &str) -> Result<(), String> {
    let is_empty = text.is_empty();
    is_empty.then_some(()).ok_or_else(|| why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_change_records_is_refused() {
        let refused = |keys: &'static [ConfigKey], name: &str, value: &str| {
            let key = keys.iter().find(|key| key.name == name).unwrap();
            refusal(key, value)
        };
        let text = refused(ProducerKeys::KEYS, "interceptor.classes", "a.B")
            .unwrap()
            .to_string();
        assert!(
            text.starts_with("Invalid value [a.B] for configuration interceptor.classes: Java"),
            "{text}"
        );
        for (keys, name, value) in [
            (ProducerKeys::KEYS, "partitioner.class", "a.B"),
            (ProducerKeys::KEYS, "transactional.id", "t"),
            (ProducerKeys::KEYS, "value.serializer", "a.StringSerializer"),
            (ConsumerKeys::KEYS, "key.deserializer", "a.B"),
            (ConsumerKeys::KEYS, "interceptor.classes", "a.B"),
            (AdminKeys::KEYS, "bootstrap.controllers", "a:1"),
        ] {
            assert!(refused(keys, name, value).is_some(), "{name}");
        }
        for (keys, name, value) in [
            (ProducerKeys::KEYS, "interceptor.classes", ""),
            (ProducerKeys::KEYS, "key.serializer", BYTE_ARRAY_SERIALIZER),
            // Wrong, but not refused: what Kafka's clients do not take either shows when the task starts.
            (ProducerKeys::KEYS, "linger.ms", "x"),
        ] {
            assert_eq!(refused(keys, name, value), None, "{name}");
        }
    }

    #[test]
    fn every_default_is_a_valid_value() {
        let tables = [ProducerKeys::KEYS, ConsumerKeys::KEYS, AdminKeys::KEYS];
        for key in tables.into_iter().flatten() {
            if let Some(default) = key.default_value() {
                assert_eq!(key.check(&default), Ok(()), "{}", key.name);
            }
        }
    }
}
