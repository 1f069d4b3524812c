//! The three topics of a cluster, opened: made where they are missing, checked where they are not, and read from then on.

use std::sync::Arc;
use std::time::Duration;

use kconnect_client::admin::Admin;
use kconnect_client::config::{AdminConfig, Properties};
use tokio::sync::mpsc;
use tracing::warn;

use crate::api::ConnectError;
use crate::config::{DistributedConfig, InternalTopic};
use crate::storage::topic::{
    self, CompactedTopic, LogClients, LogEvent, TopicLog, TopicOffsetStore,
};

/// How long what is still to be written may take when the worker stops.
const CLOSE: Duration = Duration::from_secs(5);

/// The topics of a cluster.
#[derive(Debug)]
pub(super) struct Stores {
    pub(super) admin: Admin,
    pub(super) config: TopicLog,
    pub(super) status: TopicLog,
    pub(super) offsets: Arc<TopicOffsetStore>,
}

/// What is read from those that the core follows.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) config: mpsc::Receiver<LogEvent>,
    pub(super) status: mpsc::Receiver<LogEvent>,
}

impl Stores {
    /// Opens all three.
    ///
    /// # Errors
    ///
    /// With Kafka's text: what is wrong with a topic, or that it cannot be created.
    pub(super) async fn open(
        config: &DistributedConfig,
        worker: &Properties,
    ) -> Result<(Self, Reading), ConnectError> {
        for warning in DistributedConfig::ignored_topic_settings(worker) {
            warn!("{warning}");
        }
        let base = client_id_base(config);
        let admin = topic::admin(worker, &format!("{base}shared-admin"))?;
        let open = Open {
            config,
            worker,
            admin: &admin,
            base,
        };
        let (status, status_events) = open.log(InternalTopic::Statuses, "statuses", false).await?;
        // Java workers with exactly-once support write both in transactions: what was aborted never was.
        let (configs, config_events) = open.log(InternalTopic::Configs, "configs", true).await?;
        let (offsets, offset_events) = open.log(InternalTopic::Offsets, "offsets", true).await?;
        let stores = Self {
            config: configs,
            status,
            offsets: Arc::new(TopicOffsetStore::new(offsets, offset_events)),
            admin,
        };
        let reading = Reading {
            config: config_events,
            status: status_events,
        };
        Ok((stores, reading))
    }

    /// Writes what is waiting, and closes the clients.
    pub(super) async fn close(&self) {
        tokio::join!(
            self.config.close(CLOSE),
            self.status.close(CLOSE),
            self.offsets.log().close(CLOSE)
        );
        self.admin.close().await;
    }
}

/// `<group>-` or `<group>-<client.id>-`: what the names of a worker's own clients begin with.
fn client_id_base(config: &DistributedConfig) -> String {
    let (group, client) = (&config.group_id, config.client_id.trim());
    if client.is_empty() {
        format!("{group}-")
    } else {
        format!("{group}-{client}-")
    }
}

struct Open<'a> {
    config: &'a DistributedConfig,
    worker: &'a Properties,
    admin: &'a Admin,
    base: String,
}

impl Open<'_> {
    async fn log(
        &self,
        topic: InternalTopic,
        client: &str,
        read_committed: bool,
    ) -> Result<(TopicLog, mpsc::Receiver<LogEvent>), ConnectError> {
        let settings = self.config.internal_topic(topic, self.worker);
        let (key, purpose) = match topic {
            InternalTopic::Configs => ("config.storage.topic", "connector configurations"),
            InternalTopic::Offsets => ("offset.storage.topic", "source connector offsets"),
            InternalTopic::Statuses => ("status.storage.topic", "connector and task statuses"),
        };
        let compacted = CompactedTopic {
            key,
            purpose,
            partitions: settings.partitions,
            replication_factor: settings.replication_factor,
            configs: settings
                .settings
                .iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
            patience: patience(self.worker),
            backoff: self.config.retry_backoff.max(Duration::from_millis(10)),
            name: settings.name,
        };
        let partitions = compacted.ensure(self.admin).await?;
        if topic == InternalTopic::Configs && partitions != 1 {
            return Err(ConnectError::new(format!(
                "Topic '{}' supplied via the '{key}' property is required to have a single partition in order to guarantee \
                 consistency of connector configurations, but found {partitions} partitions.",
                compacted.name
            )));
        }
        let clients = LogClients {
            worker: self.worker,
            client_id: format!("{}{client}", self.base),
            read_committed,
        };
        TopicLog::start(&clients, self.admin.clone(), &compacted.name, partitions)
    }
}

/// How long a topic may take to be created: `default.api.timeout.ms`, which a worker takes over for its admin client.
fn patience(worker: &Properties) -> Duration {
    let given = worker
        .get("default.api.timeout.ms")
        .and_then(|text| text.trim().parse().ok());
    given.map_or_else(
        || AdminConfig::default().default_api_timeout,
        Duration::from_millis,
    )
}
