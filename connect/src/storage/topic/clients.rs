//! The clients with which a worker reads and writes its own topics: its own settings, and what Kafka Connect insists on.

use kconnect_client::admin::Admin;
use kconnect_client::config::{AdminConfig, ConsumerConfig, ProducerConfig, Properties};
use kconnect_client::consumer::Consumer;
use kconnect_client::internal::ClusterOptions;
use kconnect_client::producer::Producer;

use crate::api::ConnectError;
use crate::config::{AdminOf, admin_properties};

/// What Kafka Connect sets for its own producers, whatever the worker's file says: nothing may be lost or change its order,
/// on any cluster, however few permissions it gives.
const PRODUCER: &[(&str, &str)] = &[
    ("acks", "all"),
    ("enable.idempotence", "false"),
    ("max.in.flight.requests.per.connection", "1"),
    ("delivery.timeout.ms", "2147483647"),
];

/// The same for consumers: they read everything from the beginning, and belong to no group.
const CONSUMER: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("auto.offset.reset", "earliest"),
];

/// How the clients of one topic are made.
#[derive(Debug, Clone)]
pub(crate) struct LogClients<'a> {
    /// The worker's configuration as it was given.
    pub(crate) worker: &'a Properties,
    /// `client.id` of both.
    pub(crate) client_id: String,
    /// Whether records of transactions that are open or were aborted stay hidden.
    pub(crate) read_committed: bool,
}

impl LogClients<'_> {
    pub(super) fn producer(&self) -> Result<Producer, ConnectError> {
        let mut properties = self.properties(PRODUCER);
        let config = ProducerConfig::from_properties(&mut properties)?;
        let producer = Producer::with_options(&config, &ClusterOptions::default());
        producer.map_err(|error| cannot("create a producer", &self.client_id, error))
    }

    pub(super) fn consumer(&self) -> Result<Consumer, ConnectError> {
        let mut properties = self.properties(CONSUMER);
        properties.claim("group.id");
        if self.read_committed {
            properties.set("isolation.level", "read_committed");
        }
        let config = ConsumerConfig::from_properties(&mut properties)?;
        Consumer::new(config).map_err(|error| cannot("create a consumer", &self.client_id, error))
    }

    fn properties(&self, forced: &[(&str, &str)]) -> Properties {
        let mut properties = admin_properties(self.worker, AdminOf::Worker);
        properties.set("client.id", self.client_id.clone());
        properties.extend(forced.iter().copied());
        properties
    }
}

/// An admin client with the worker's own settings.
pub(crate) fn admin(worker: &Properties, client_id: &str) -> Result<Admin, ConnectError> {
    let mut properties = admin_properties(worker, AdminOf::Worker);
    properties.set("client.id", client_id);
    let config = AdminConfig::from_properties(&mut properties)?;
    Admin::new(&config).map_err(|error| cannot("create an admin client", client_id, error))
}

fn cannot(what: &str, client_id: &str, error: kconnect_client::Error) -> ConnectError {
    ConnectError::new(format!("Failed to {what} {client_id}")).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workers_group_and_settings_for_tasks_are_not_its_own_clients() {
        let worker = Properties::from([
            ("bootstrap.servers", "a:1"),
            ("group.id", "connect-cluster"),
            ("acks", "1"),
            ("producer.linger.ms", "77"),
            ("retry.backoff.ms", "33"),
        ]);
        let clients = LogClients {
            worker: &worker,
            client_id: "connect-cluster-configs".to_owned(),
            read_committed: false,
        };
        let properties = clients.properties(PRODUCER);
        assert_eq!(properties.get("acks"), Some("all"));
        assert_eq!(properties.get("linger.ms"), None);
        assert_eq!(properties.get("retry.backoff.ms"), Some("33"));
        assert_eq!(properties.get("client.id"), Some("connect-cluster-configs"));
    }
}
