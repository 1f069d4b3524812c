//! Topics of a source task that are created before the first record goes to them.

use kconnect_client::admin::{Admin, NewTopic};
use kconnect_client::{Error, ErrorKind};
use kconnect_protocol::ErrorCode;
use tracing::{debug, info, warn};

use super::creation::TopicCreation;
use crate::api::{ConnectError, TaskError};
use crate::config::{AdminKeys, AdminOf, admin_properties};
use crate::runtime::task::{TaskRun, warn_unused};

/// Creates topics as the connector wants them.
pub(super) struct Topics {
    creation: TopicCreation,
    admin: Admin,
}

impl Topics {
    /// For a task whose connector says how, if the worker lets it.
    pub(super) fn of(run: &TaskRun) -> Result<Option<Self>, ConnectError> {
        if !run.context.config.topic_creation_enable {
            return Ok(None);
        }
        let Some(creation) = TopicCreation::of(&run.connector)? else {
            return Ok(None);
        };
        let of = AdminOf::Task(&run.connector, &run.id);
        let mut properties = admin_properties(&run.context.properties, of);
        let config = AdminKeys::from_properties(&mut properties)?.client;
        warn_unused("admin", &properties);
        let admin = Admin::new(&config).map_err(|problem| {
            ConnectError::new("Failed to create new KafkaAdminClient").caused_by(problem)
        })?;
        Ok(Some(Self { creation, admin }))
    }

    /// Makes sure that `topic` exists.
    ///
    /// Not cancel safe: it may be created or not; the next call finds out.
    pub(super) async fn ensure(&self, topic: &str) -> Result<(), TaskError> {
        info!(
            "The task will send records to topic '{topic}' for the first time. Checking whether topic exists"
        );
        if self.exists(topic).await? {
            info!("Topic '{topic}' already exists.");
            return Ok(());
        }
        let (new, group) = self.creation.topic(topic);
        info!("Creating topic '{topic}'");
        match self.admin.create_topic(&new).await {
            Ok(_) => {
                info!(
                    "Created topic '{}' using creation group {group}",
                    shown(&new)
                );
                Ok(())
            }
            Err(problem) if problem.code() == Some(ErrorCode::TopicAlreadyExists) => {
                info!("Found existing topic '{}'", shown(&new));
                Ok(())
            }
            Err(problem) => {
                warn!("Request to create new topic '{topic}' failed");
                Err(TaskError::Failed(not_created(&new, problem)))
            }
        }
    }

    async fn exists(&self, topic: &str) -> Result<bool, TaskError> {
        let Err(problem) = self.admin.describe_topic(topic).await else {
            return Ok(true);
        };
        let failed =
            |text: String, problem| TaskError::Failed(ConnectError::new(text).caused_by(problem));
        match problem.code() {
            Some(ErrorCode::UnknownTopicOrPartition) => {
                debug!("Topic '{topic}' does not exist");
                Ok(false)
            }
            Some(ErrorCode::TopicAuthorizationFailed | ErrorCode::ClusterAuthorizationFailed) => {
                let text = format!("Not authorized to describe topic(s) '{topic}'");
                Err(failed(text, problem))
            }
            _ if problem.is_retriable() => {
                let text = format!("Timed out while describing topics '{topic}'");
                Err(TaskError::Retriable(
                    ConnectError::new(text).caused_by(problem),
                ))
            }
            _ => {
                let text = format!("Error while attempting to describe topics '{topic}'");
                Err(failed(text, problem))
            }
        }
    }

    pub(super) async fn close(&self) {
        self.admin.close().await;
    }
}

fn not_created(topic: &NewTopic, problem: Error) -> ConnectError {
    let name = &topic.name;
    let text = match (problem.code(), problem.kind()) {
        (Some(ErrorCode::TopicAuthorizationFailed | ErrorCode::ClusterAuthorizationFailed), _)
        | (None, ErrorKind::BrokerIncompatible) => format!(
            "Task failed to create new topic {}. Ensure that the task is authorized to create topics or that the topic exists \
             and restart the task",
            shown(topic)
        ),
        (Some(ErrorCode::InvalidConfig), _) => {
            format!("Unable to create topic(s) '{name}': {problem}")
        }
        (_, ErrorKind::Timeout | ErrorKind::Network) => format!(
            "Timed out while checking for or creating topic(s) '{name}'. This could indicate a connectivity issue, unavailable \
             topic partitions, or if this is your first use of the topic it may have taken too long to create."
        ),
        _ => format!("Error while attempting to create/find topic(s) '{name}'"),
    };
    ConnectError::new(text).caused_by(problem)
}

/// A topic as Java's `NewTopic` shows it.
fn shown(topic: &NewTopic) -> String {
    let or_default = |number: Option<i64>| {
        number.map_or_else(|| "default".to_owned(), |number| number.to_string())
    };
    let configs: Vec<String> = topic
        .configs
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    format!(
        "(name={}, numPartitions={}, replicationFactor={}, replicasAssignments=null, configs={{{}}})",
        topic.name,
        or_default(topic.num_partitions.map(i64::from)),
        or_default(topic.replication_factor.map(i64::from)),
        configs.join(", ")
    )
}
