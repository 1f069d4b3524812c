//! ListOffsets: where logs begin and end, and what lies at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use kconnect_protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};
use kconnect_protocol::types::{BrokerId, IsolationLevel, LeaderEpoch, StrBytes};
use kconnect_protocol::{ErrorCode, TopicPartition};
use tokio::task::JoinSet;

use crate::cluster::{Cluster, Metadata, Target};
use crate::net::Purpose;
use crate::{Error, ErrorKind};

/// An offset that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) offset: i64,
    /// -1 unless a time was asked for.
    pub(crate) timestamp: i64,
    pub(crate) leader_epoch: Option<LeaderEpoch>,
}

/// Timestamps, or one of the places of `list_offsets::timestamp`, by partition.
pub(crate) type Wanted = BTreeMap<TopicPartition, i64>;

type Answers = BTreeMap<TopicPartition, Result<Option<Found>, Error>>;

/// Asks the leaders, and again whoever leads next, until `deadline`. `None`: no record is that young.
///
/// # Errors
///
/// Of all partitions, when the time is over or the cluster cannot be reached. What is wrong with one
/// partition stands in the answer.
pub(crate) async fn list_offsets(
    cluster: Cluster,
    isolation_level: IsolationLevel,
    mut wanted: Wanted,
    deadline: Instant,
) -> Result<Answers, Error> {
    let mut answers = Answers::new();
    let mut retry = cluster.retry(deadline);
    loop {
        let trouble = match round(&cluster, isolation_level, &wanted, deadline).await {
            Ok(round) => {
                let mut trouble = None;
                for (name, answer) in round {
                    match answer {
                        Err(error) if error.is_retriable() => trouble = Some(error),
                        answer => {
                            wanted.remove(&name);
                            answers.insert(name, answer);
                        }
                    }
                }
                trouble
            }
            Err(error) => Some(error),
        };
        if wanted.is_empty() {
            return Ok(answers);
        }
        let trouble = trouble.unwrap_or_else(|| {
            Error::new(
                ErrorKind::BrokerMisbehaved,
                "a broker left partitions out of its answer to ListOffsets",
            )
        });
        retry.pause(trouble.during("asking for offsets")).await?;
        cluster.refresh("offsets could not be listed");
    }
}

/// Asks each leader once.
async fn round(
    cluster: &Cluster,
    isolation_level: IsolationLevel,
    wanted: &Wanted,
    deadline: Instant,
) -> Result<Answers, Error> {
    let mut topics: Vec<&str> = wanted.keys().map(|name| &*name.topic).collect();
    topics.dedup();
    let metadata = cluster.topics(&topics, deadline).await?;
    let mut answers = Answers::new();
    let mut leaders: BTreeMap<BrokerId, Vec<(&TopicPartition, i64)>> = BTreeMap::new();
    for (name, &timestamp) in wanted {
        match metadata.leader(name) {
            Some(leader) => leaders
                .entry(leader.id)
                .or_default()
                .push((name, timestamp)),
            None => {
                answers.insert(name.clone(), Err(no_leader(&metadata, name)));
            }
        }
    }
    let mut requests = JoinSet::new();
    for (broker, partitions) in leaders {
        let request = request(&metadata, isolation_level, &partitions);
        let cluster = cluster.clone();
        let timeout = cluster.request_timeout();
        let names: Vec<_> = partitions.iter().map(|(name, _)| (*name).clone()).collect();
        requests.spawn(async move {
            let target = Target::Broker(broker);
            let answer = cluster
                .request_own(target, Purpose::General, timeout, |_| request.clone())
                .await;
            (names, answer)
        });
    }
    while let Some(done) = requests.join_next().await {
        let Ok((names, answer)) = done else { continue };
        match answer {
            Ok((response, _)) => read(&response, &mut answers),
            Err(error) => answers.extend(names.into_iter().map(|name| (name, Err(error.clone())))),
        }
    }
    Ok(answers)
}

fn no_leader(metadata: &Metadata, name: &TopicPartition) -> Error {
    let code = match metadata.partition(&name.topic, name.partition) {
        Some(_) => ErrorCode::LeaderNotAvailable,
        None => ErrorCode::UnknownTopicOrPartition,
    };
    Error::broker(code).during(format!("looking for the leader of `{name}`"))
}

fn request(
    metadata: &Metadata,
    isolation_level: IsolationLevel,
    partitions: &[(&TopicPartition, i64)],
) -> ListOffsetsRequest {
    let mut topics: Vec<ListOffsetsTopic> = Vec::new();
    for (name, timestamp) in partitions {
        let known = metadata.partition(&name.topic, name.partition);
        let partition = ListOffsetsPartition {
            partition_index: name.partition,
            current_leader_epoch: known.and_then(|known| known.leader_epoch),
            timestamp: *timestamp,
        };
        match topics.last_mut() {
            Some(topic) if *topic.name == *name.topic => topic.partitions.push(partition),
            _ => topics.push(ListOffsetsTopic {
                name: StrBytes::from_string(name.topic.to_string()),
                partitions: vec![partition],
            }),
        }
    }
    ListOffsetsRequest {
        isolation_level,
        topics,
        ..ListOffsetsRequest::default()
    }
}

fn read(response: &ListOffsetsResponse, answers: &mut Answers) {
    for topic in &response.topics {
        let name: Arc<str> = Arc::from(&*topic.name);
        for partition in &topic.partitions {
            let name = TopicPartition::new(name.clone(), partition.partition_index);
            let answer = match partition.error_code.check() {
                Ok(()) => Ok((partition.offset >= 0).then_some(Found {
                    offset: partition.offset,
                    timestamp: partition.timestamp,
                    leader_epoch: partition.leader_epoch,
                })),
                Err(code) => {
                    Err(Error::broker(code).during(format!("asking for an offset of `{name}`")))
                }
            };
            answers.insert(name, answer);
        }
    }
}
