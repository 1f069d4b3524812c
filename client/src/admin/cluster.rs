//! The cluster as a whole.

use std::sync::Arc;

use kconnect_protocol::types::BrokerId;

use super::{Admin, Outcome, only};
use crate::cluster::Broker;
use crate::error::Error;

/// A cluster: its id, its brokers, its controller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterDescription {
    /// The cluster's id.
    pub cluster_id: Option<Arc<str>>,
    /// The broker to send administrative requests to.
    pub controller: Option<BrokerId>,
    /// The brokers that are alive, in order of their ids.
    pub brokers: Vec<Broker>,
}

impl Admin {
    /// Describes the cluster as one of its brokers sees it now. Method of Java: `describeCluster`.
    ///
    /// # Errors
    ///
    /// If no broker answers.
    ///
    /// Cancel safe.
    pub async fn describe_cluster(&self) -> Result<ClusterDescription, Error> {
        let mut attempts = self.attempts([()]);
        while attempts.next().await.is_some() {
            let metadata = self.metadata(Some(&[]), attempts.left()).await;
            attempts.take(metadata.map(|metadata| {
                let description = ClusterDescription {
                    cluster_id: metadata.cluster_id.clone(),
                    controller: metadata.controller,
                    brokers: metadata.brokers().cloned().collect(),
                };
                vec![((), Outcome::Done(Ok(description)))]
            }));
        }
        only(attempts.finish(|()| "describing the cluster".to_owned()))
    }
}
