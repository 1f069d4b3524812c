//! What the clients of tasks get from the worker's and the connector's configuration, in Kafka Connect's order of precedence.

use kconnect_client::config::Properties;

use super::client_keys::{
    AdminKeys, BYTE_ARRAY_DESERIALIZER, BYTE_ARRAY_SERIALIZER, ConsumerKeys, ProducerKeys,
};
use crate::herder::entities::ConfigMap;
use crate::runtime::ConnectorTaskId;

/// The longest time that a Java `long` of milliseconds holds.
const FOR_EVER_MS: &str = "9223372036854775807";
/// `batch.size` of source tasks. What a request costs hardly depends on its size, and a source that has much to send fills
/// four times Kafka's 16 KiB as well; one that has little sends as soon as it would otherwise.
const SOURCE_BATCH_SIZE: &str = "65536";

/// `receive.buffer.bytes` of sink tasks: the system's own choice, which grows with what comes. Kafka's 64 KiB have a task woken
/// sixteen times for each MiB that it fetches.
const SINK_RECEIVE_BUFFER: &str = "-1";

/// The properties of a source task's producer: defaults of Connect's, then the worker's `producer.` keys, then the
/// connector's `producer.override.` keys.
///
/// Three defaults differ from the Java worker's, which turns idempotence off and sends one request at a time: ours keeps
/// the producer idempotent, which keeps the order and rules out duplicates by repetition with five requests under way.
/// Who turns it off gets one request at a time. And batches may be larger, unless memory is limited by hand.
pub fn producer_properties(
    worker: &Properties,
    connector: &ConfigMap,
    id: &ConnectorTaskId,
) -> Properties {
    let mut properties = Properties::from([
        ("client.id", format!("connector-producer-{id}")),
        ("key.serializer", BYTE_ARRAY_SERIALIZER.to_owned()),
        ("value.serializer", BYTE_ARRAY_SERIALIZER.to_owned()),
        ("acks", "all".to_owned()),
        ("max.block.ms", FOR_EVER_MS.to_owned()),
        ("delivery.timeout.ms", i32::MAX.to_string()),
    ]);
    copy_bootstrap(worker, &mut properties);
    overlay(&mut properties, worker.scoped("producer.").iter());
    overlay(&mut properties, overrides(connector, "producer.override."));
    if !properties.contains("batch.size") && !properties.contains("buffer.memory") {
        properties.set("batch.size", SOURCE_BATCH_SIZE);
    }
    let is_off = |value: &str| value.trim().eq_ignore_ascii_case("false");
    if properties.get("enable.idempotence").is_some_and(is_off) {
        let in_flight = "max.in.flight.requests.per.connection";
        if !properties.contains(in_flight) {
            properties.set(in_flight, "1");
        }
    }
    properties
}

/// The properties of a sink task's consumer: defaults of Connect's, then the worker's `consumer.` keys, then the
/// connector's `consumer.override.` keys.
///
/// One default differs from the Java worker's, that of `receive.buffer.bytes`.
pub fn consumer_properties(
    worker: &Properties,
    connector: &ConfigMap,
    id: &ConnectorTaskId,
) -> Properties {
    let mut properties = Properties::from([
        ("client.id", format!("connector-consumer-{id}")),
        ("group.id", format!("connect-{}", id.connector)),
        ("key.deserializer", BYTE_ARRAY_DESERIALIZER.to_owned()),
        ("value.deserializer", BYTE_ARRAY_DESERIALIZER.to_owned()),
        ("enable.auto.commit", "false".to_owned()),
        ("auto.offset.reset", "earliest".to_owned()),
        ("receive.buffer.bytes", SINK_RECEIVE_BUFFER.to_owned()),
    ]);
    copy_bootstrap(worker, &mut properties);
    overlay(&mut properties, worker.scoped("consumer.").iter());
    overlay(&mut properties, overrides(connector, "consumer.override."));
    properties
}

/// Whose admin client it is.
#[derive(Debug, Clone, Copy)]
pub enum AdminOf<'a> {
    /// The worker's own.
    Worker,
    /// A connector's task's.
    Task(&'a ConfigMap, &'a ConnectorTaskId),
    /// That of the worker for what a connector owns, such as the offsets of its group.
    Connector(&'a ConfigMap, &'a str),
}

/// The properties of an admin client: the worker's own keys, and for a task also its `admin.` keys and the connector's
/// `admin.override.` keys.
pub fn admin_properties(worker: &Properties, of: AdminOf<'_>) -> Properties {
    const OF_OTHERS: [&str; 3] = ["admin.", "producer.", "consumer."];
    let own = worker
        .iter()
        .filter(|(key, _)| !OF_OTHERS.iter().any(|prefix| key.starts_with(prefix)));
    let mut properties: Properties = own.collect();
    let (connector, client_id) = match of {
        AdminOf::Worker => return properties,
        AdminOf::Task(connector, id) => (connector, format!("connector-adminclient-{id}")),
        AdminOf::Connector(connector, name) => {
            (connector, format!("connector-worker-adminclient-{name}"))
        }
    };
    properties.set("client.id", client_id);
    overlay(&mut properties, worker.scoped("admin.").iter());
    overlay(&mut properties, overrides(connector, "admin.override."));
    properties
}

/// Whether some client knows `key`, so that a worker's property file may hold it.
pub fn is_client_key(key: &str) -> bool {
    let mut known = ProducerKeys::KEYS
        .iter()
        .chain(ConsumerKeys::KEYS)
        .chain(AdminKeys::KEYS);
    known.any(|declared| declared.name == key)
}

fn copy_bootstrap(worker: &Properties, properties: &mut Properties) {
    if let Some(servers) = worker.get("bootstrap.servers") {
        properties.set("bootstrap.servers", servers);
    }
}

fn overlay<'a>(properties: &mut Properties, others: impl Iterator<Item = (&'a str, &'a str)>) {
    properties.extend(others);
}

fn overrides<'a>(
    connector: &'a ConfigMap,
    prefix: &'a str,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    connector
        .iter()
        .filter_map(move |(key, value)| Some((key.strip_prefix(prefix)?, value.as_str())))
        .filter(|(key, _)| !key.is_empty())
}

/// Which client settings connectors may override: `connector.client.config.override.policy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OverridePolicy {
    /// All of them.
    All,
    /// None of them.
    None,
    /// Those that say who the client is.
    Principal,
    /// Those in the worker's list.
    Allowlist(Vec<String>),
}

impl OverridePolicy {
    /// The policy of that name: simple class name, full class name, or that without its ending.
    ///
    /// # Errors
    ///
    /// With Kafka's text if there is none.
    pub fn named(name: &str, allowlist: &[String]) -> Result<Self, String> {
        let simple = name.trim().rsplit('.').next().unwrap_or_default();
        let pruned = simple
            .strip_suffix("ConnectorClientConfigOverridePolicy")
            .unwrap_or(simple);
        match pruned {
            "All" => Ok(Self::All),
            "None" => Ok(Self::None),
            "Principal" => Ok(Self::Principal),
            "Allowlist" => Ok(Self::Allowlist(allowlist.to_vec())),
            _ => Err(format!("Class {name} could not be found.")),
        }
    }

    /// The complaint about `key`, which a connector overrides, unless the policy allows it.
    pub fn complaint(&self, key: &str) -> Option<String> {
        let (policy, allowed) = match self {
            Self::All => return None,
            Self::None => ("None", false),
            Self::Principal => (
                "Principal",
                matches!(
                    key,
                    "sasl.jaas.config" | "sasl.mechanism" | "security.protocol"
                ),
            ),
            Self::Allowlist(list) => ("Allowlist", list.iter().any(|allowed| allowed == key)),
        };
        (!allowed).then(|| {
            format!(
                "The '{policy}' policy does not allow '{key}' to be overridden in the connector configuration."
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> ConnectorTaskId {
        ConnectorTaskId::new(&"c".into(), 2)
    }

    fn worker() -> Properties {
        Properties::from([
            ("bootstrap.servers", "a:1"),
            ("client.id", "me"),
            ("producer.linger.ms", "7"),
            ("producer.acks", "1"),
            ("consumer.max.poll.records", "9"),
            ("admin.retries", "3"),
            ("security.protocol", "SSL"),
        ])
    }

    fn connector(key: &str, value: &str) -> ConfigMap {
        ConfigMap::from([(key.to_owned(), value.to_owned())])
    }

    #[test]
    fn a_connectors_override_wins_over_the_worker_and_the_worker_over_connects_defaults() {
        let properties = producer_properties(&worker(), &ConfigMap::new(), &id());
        assert_eq!(properties.get("client.id"), Some("connector-producer-c-2"));
        assert_eq!(properties.get("bootstrap.servers"), Some("a:1"));
        assert_eq!(
            (properties.get("acks"), properties.get("linger.ms")),
            (Some("1"), Some("7"))
        );
        assert_eq!(
            properties.get("security.protocol"),
            None,
            "a worker's own security is not a task's"
        );
        let overridden = producer_properties(
            &worker(),
            &connector("producer.override.acks", "all"),
            &id(),
        );
        assert_eq!(overridden.get("acks"), Some("all"));
    }

    #[test]
    fn batches_of_a_source_are_larger_unless_somebody_says_otherwise() {
        let size = |key: &str, value: &str| {
            let properties = producer_properties(&worker(), &connector(key, value), &id());
            properties.get("batch.size").map(str::to_owned)
        };
        assert_eq!(size("name", "c").as_deref(), Some(SOURCE_BATCH_SIZE));
        let own = size("producer.override.batch.size", "1000");
        assert_eq!(own.as_deref(), Some("1000"));
        // Kafka's default, which fits into less.
        assert_eq!(size("producer.override.buffer.memory", "40000"), None);
    }

    #[test]
    fn a_producer_without_idempotence_keeps_the_order_by_one_request_at_a_time() {
        let off = connector("producer.override.enable.idempotence", "false");
        let properties = producer_properties(&worker(), &off, &id());
        assert_eq!(
            properties.get("max.in.flight.requests.per.connection"),
            Some("1")
        );
    }

    #[test]
    fn a_sinks_group_is_named_after_its_connector() {
        let properties = consumer_properties(&worker(), &ConfigMap::new(), &id());
        assert_eq!(properties.get("group.id"), Some("connect-c"));
        assert_eq!(properties.get("auto.offset.reset"), Some("earliest"));
        assert_eq!(properties.get("max.poll.records"), Some("9"));
        assert_eq!(properties.get("receive.buffer.bytes"), Some("-1"));
        let group = connector("consumer.override.group.id", "mine");
        let properties = consumer_properties(&worker(), &group, &id());
        assert_eq!(properties.get("group.id"), Some("mine"));
    }

    #[test]
    fn admin_clients_inherit_the_workers_own_keys() {
        let properties = admin_properties(&worker(), AdminOf::Worker);
        assert_eq!(properties.get("security.protocol"), Some("SSL"));
        assert_eq!(
            (properties.get("client.id"), properties.get("retries")),
            (Some("me"), None)
        );
        let (config, id) = (connector("admin.override.retries", "4"), id());
        let properties = admin_properties(&worker(), AdminOf::Task(&config, &id));
        assert_eq!(
            properties.get("client.id"),
            Some("connector-adminclient-c-2")
        );
        assert_eq!(properties.get("retries"), Some("4"));
        let properties = admin_properties(&worker(), AdminOf::Connector(&config, "c"));
        assert_eq!(
            properties.get("client.id"),
            Some("connector-worker-adminclient-c")
        );
    }

    #[test]
    fn policies_have_javas_names_and_texts() {
        let named = |name| OverridePolicy::named(name, &["acks".to_owned()]).unwrap();
        assert_eq!(named("All").complaint("acks"), None);
        let full =
            "org.apache.kafka.connect.connector.policy.NoneConnectorClientConfigOverridePolicy";
        assert_eq!(
            named(full).complaint("acks").as_deref(),
            Some(
                "The 'None' policy does not allow 'acks' to be overridden in the connector configuration."
            )
        );
        assert_eq!(named("Principal").complaint("sasl.mechanism"), None);
        assert!(named("Principal").complaint("acks").is_some());
        assert_eq!(named("Allowlist").complaint("acks"), None);
        assert!(named("Allowlist").complaint("linger.ms").is_some());
        assert!(OverridePolicy::named("Nope", &[]).is_err());
    }
}
