//! One fetch from one broker.

use std::time::Duration;

use kconnect_protocol::messages::Message;
use kconnect_protocol::messages::fetch::{FIRST_WITH_TOPIC_IDS, FetchRequest, FetchResponse};
use kconnect_protocol::types::BrokerId;
use kconnect_protocol::{TopicPartition, VersionRange};

use crate::Error;
use crate::cluster::{Broker, Cluster, LeaderHint, Own, exchange};
use crate::net::{Address, Purpose};

/// Sends a fetch to `broker` on a connection that is only for that. Without topic ids, versions that
/// need them are not spoken.
pub(crate) async fn fetch(
    cluster: Cluster,
    broker: BrokerId,
    request: FetchRequest,
    has_ids: bool,
    timeout: Duration,
) -> Result<FetchResponse, Error> {
    let doing = || format!("fetching from broker {broker}");
    let connection = cluster
        .connection(broker, Purpose::Fetch)
        .await
        .map_err(|error| error.during(doing()))?;
    let ours = FetchRequest::VERSIONS;
    let versions = match has_ids {
        true => ours,
        false => VersionRange::new(ours.min, FIRST_WITH_TOPIC_IDS - 1),
    };
    let response = exchange(&connection, versions, timeout, |_| Own(request.clone())).await;
    let (response, _) = response.map_err(|error| error.during(doing()))?;
    learn(&cluster, &response);
    Ok(response)
}

/// Takes note of new leaders that the answer names (KIP-951).
fn learn(cluster: &Cluster, response: &FetchResponse) {
    let mut hints = Vec::new();
    let metadata = cluster.metadata();
    for topic in &response.topics {
        let name = match metadata.topic_by_id(topic.topic_id) {
            Some(topic) => topic.name.clone(),
            None => (*topic.name).into(),
        };
        for partition in &topic.partitions {
            let Some(current) = &partition.current_leader else {
                continue;
            };
            let (Some(leader), Some(leader_epoch)) = (current.leader, current.leader_epoch) else {
                continue;
            };
            let endpoint = response
                .node_endpoints
                .iter()
                .find(|endpoint| endpoint.node_id == leader);
            hints.push(LeaderHint {
                partition: TopicPartition::new(name.clone(), partition.partition_index),
                leader,
                leader_epoch,
                broker: endpoint.and_then(|endpoint| {
                    Some(Broker {
                        id: leader,
                        address: Address::new(&*endpoint.host, u16::try_from(endpoint.port).ok()?),
                        rack: endpoint.rack.as_deref().map(Into::into),
                    })
                }),
            });
        }
    }
    if !hints.is_empty() {
        cluster.learn(&hints);
    }
}
