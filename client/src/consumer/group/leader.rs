//! The leader's part: everybody's wishes in, everybody's partitions out.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use kconnect_protocol::group::consumer::{Assignment, Subscription};
use kconnect_protocol::{ErrorCode, TopicPartition};
use tracing::warn;

use super::subscription;
use crate::cluster::{Cluster, Interest, Metadata};
use crate::consumer::Assignor;
use crate::consumer::assignor::{Candidate, PartitionCounts};
use crate::group::{GroupProtocol, Round, RoundMember};
use crate::net::now;
use crate::{Error, ErrorKind};

/// What the last assignment was made from: when it changes, the group has to assign anew.
#[derive(Debug, Clone, Default)]
pub(crate) struct LeaderView(Arc<Mutex<Option<View>>>);

#[derive(Debug)]
struct View {
    topics: BTreeSet<Arc<str>>,
    counts: PartitionCounts,
}

impl LeaderView {
    /// Whether topics came, went, or grew since.
    pub(crate) fn is_outdated(&self, metadata: &Metadata) -> bool {
        let view = self.lock();
        view.as_ref()
            .is_some_and(|view| counts(metadata, &view.topics) != view.counts)
    }

    fn lock(&self) -> MutexGuard<'_, Option<View>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Consumer groups: protocol type `consumer`.
#[derive(Debug)]
pub(crate) struct ConsumerProtocol {
    cluster: Cluster,
    /// Topics of the whole group, which the leader has to watch.
    interest: Interest,
    view: LeaderView,
}

impl ConsumerProtocol {
    pub(crate) fn new(cluster: Cluster, view: LeaderView) -> Self {
        Self {
            interest: cluster.interest(),
            cluster,
            view,
        }
    }
}

impl GroupProtocol for ConsumerProtocol {
    fn protocol_type(&self) -> &'static str {
        "consumer"
    }

    fn assign(
        &mut self,
        round: Round,
    ) -> impl Future<Output = Result<Vec<(Arc<str>, Bytes)>, Error>> + Send + 'static {
        let candidates: Vec<_> = round.members.iter().map(candidate).collect();
        let topics: BTreeSet<_> = candidates
            .iter()
            .flat_map(|member| member.topics.iter().cloned())
            .collect();
        self.interest.set(topics.iter().cloned());
        let (cluster, view) = (self.cluster.clone(), self.view.clone());
        async move {
            let assignor = Assignor::from_name(&round.protocol).ok_or_else(|| {
                let text = format!(
                    "assigning partitions: the group picked the unknown assignor `{}`",
                    round.protocol
                );
                Error::new(ErrorKind::BrokerMisbehaved, text)
            })?;
            let metadata = metadata(&cluster, &topics).await?;
            let counts = counts(&metadata, &topics);
            let assignments = if round.skip_assignment {
                Vec::new()
            } else {
                encode(assignor, &candidates, &counts)?
            };
            *view.lock() = Some(View { topics, counts });
            Ok(assignments)
        }
    }
}

/// A member that says nothing understandable wants nothing: it must not keep the others from working.
fn candidate(member: &RoundMember) -> Candidate {
    let subscription = Subscription::decode(&member.metadata).unwrap_or_else(|error| {
        warn!(member_id = %member.member_id, %error, "a member's subscription cannot be read, it gets nothing");
        Subscription::default()
    });
    Candidate {
        member_id: member.member_id.clone(),
        group_instance_id: member.group_instance_id.clone(),
        generation: subscription::generation(&subscription),
        topics: subscription.topics.into_iter().collect(),
        owned: subscription.owned_partitions,
    }
}

/// Metadata in which these topics were asked about; those that do not exist are not waited for.
async fn metadata(cluster: &Cluster, topics: &BTreeSet<Arc<str>>) -> Result<Arc<Metadata>, Error> {
    let metadata = cluster.metadata();
    if topics
        .iter()
        .all(|topic| metadata.topic(topic).is_some_and(|topic| topic.is_known()))
    {
        return Ok(metadata);
    }
    let deadline = now() + cluster.request_timeout();
    cluster
        .refreshed("the group has topics that are not known here", deadline)
        .await
}

fn counts(metadata: &Metadata, topics: &BTreeSet<Arc<str>>) -> PartitionCounts {
    let count = |name: &Arc<str>| {
        // Another error than that it is unknown passes, and the partitions are those that it had.
        let is_there = |code: ErrorCode| code != ErrorCode::UnknownTopicOrPartition;
        let topic = metadata
            .topic(name)
            .filter(|topic| topic.error.is_none_or(is_there))?;
        if topic.partitions.is_empty() {
            return None;
        }
        Some((name.clone(), i32::try_from(topic.partitions.len()).ok()?))
    };
    topics.iter().filter_map(count).collect()
}

fn encode(
    assignor: Assignor,
    candidates: &[Candidate],
    counts: &PartitionCounts,
) -> Result<Vec<(Arc<str>, Bytes)>, Error> {
    let encode = |(member_id, partitions): (Arc<str>, Vec<TopicPartition>)| {
        let assignment = Assignment {
            partitions,
            user_data: None,
        };
        let bytes = assignment.encode().map_err(|error| {
            Error::new(
                ErrorKind::Bug,
                format!("an assignment cannot be sent: {error}"),
            )
        })?;
        Ok((member_id, bytes))
    };
    assignor
        .assign(candidates, counts)
        .into_iter()
        .map(encode)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(metadata: Bytes) -> RoundMember {
        RoundMember {
            member_id: "m".into(),
            group_instance_id: None,
            metadata,
        }
    }

    #[test]
    fn malformed_metadata_of_others_is_a_member_without_wishes() {
        let whole = Subscription {
            topics: vec!["t".into()],
            owned_partitions: vec![TopicPartition::new("t", -5), TopicPartition::new("t", -5)],
            ..Subscription::default()
        };
        let whole = whole.encode().unwrap();
        let counts = PartitionCounts::from([(Arc::from("t"), 2)]);
        for length in 0..=whole.len() {
            let candidate = candidate(&member(whole.slice(..length)));
            assert_eq!(candidate.topics.is_empty(), length < whole.len());
            for assignor in Assignor::ALL {
                encode(assignor, &[candidate.clone(), candidate.clone()], &counts).unwrap();
            }
        }
        assert!(
            candidate(&member(Bytes::from_static(&[0xff; 40])))
                .topics
                .is_empty()
        );
    }
}
