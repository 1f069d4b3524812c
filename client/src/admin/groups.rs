//! Groups: listed, described, deleted.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::consumer_group_describe_response as modern;
use kafka_protocol::messages::describe_groups_response as classic;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, DeleteGroupsRequest, DescribeGroupsRequest, GroupId,
    ListGroupsRequest,
};
use kconnect_protocol::group::consumer::Assignment;
use kconnect_protocol::types::BrokerId;
use kconnect_protocol::{ErrorCode, StrBytes, TopicPartition};

use super::topics::text;
use super::{Admin, Outcome, Results, only};
use crate::cluster::Target;
use crate::error::{Error, ErrorKind};
use crate::join::join_all;
use crate::net::{Purpose, now};

/// A group of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupListing {
    /// Its id.
    pub group_id: String,
    /// What its members do: `consumer`, `connect`; empty of a group that only holds offsets.
    pub protocol_type: String,
    /// Its state, such as `Stable`; brokers before Kafka 2.6 do not say.
    pub state: Option<String>,
    /// The protocol of its membership: `Classic`, `Consumer`, `Share`; brokers before Kafka 3.8 do not say.
    pub group_type: Option<String>,
}

/// A group and its members.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupDescription {
    /// Its id.
    pub group_id: String,
    /// Its state, such as `Stable` or `Empty`.
    pub state: String,
    /// What its members do: `consumer`, `connect`.
    pub protocol_type: String,
    /// The protocol, that is the assignor, on which the members agreed.
    pub protocol: String,
    /// Whether it is a group of the protocol of KIP-848.
    pub is_modern: bool,
    /// The broker that coordinates it.
    pub coordinator: BrokerId,
    /// Its members.
    pub members: Vec<GroupMember>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupMember {
    /// Its id in this group.
    pub member_id: String,
    /// The name that it keeps when it restarts, if it has one (KIP-345).
    pub group_instance_id: Option<String>,
    /// Its `client.id`.
    pub client_id: String,
    /// Where it is.
    pub client_host: String,
    /// What it told the group when it joined, in the words of the group's protocol; empty in a group of KIP-848.
    pub metadata: Bytes,
    /// What it was given to do, in the words of the group's protocol; empty in a group of KIP-848.
    pub assignment: Bytes,
    /// The partitions that it was given, in a group of consumers.
    pub partitions: Vec<TopicPartition>,
}

/// Said by a coordinator that is not, or not yet, the one to ask.
pub(super) const AGAIN: &[ErrorCode] = &[
    ErrorCode::NotCoordinator,
    ErrorCode::CoordinatorNotAvailable,
    ErrorCode::CoordinatorLoadInProgress,
];

impl Admin {
    /// All groups of the cluster that this client may see. Method of Java: `listGroups`.
    ///
    /// # Errors
    ///
    /// If a broker does not answer: a group may have its coordinator there.
    ///
    /// Cancel safe.
    pub async fn list_groups(&self) -> Result<Vec<GroupListing>, Error> {
        let metadata = self
            .cluster
            .refreshed(
                "all brokers are asked for their groups",
                now() + self.timeout,
            )
            .await?;
        let mut attempts = self.attempts(metadata.brokers().map(|broker| broker.id));
        while let Some(brokers) = attempts.next().await {
            let timeout = self.one_attempt(attempts.left());
            let asked = brokers.into_iter().map(async |broker| {
                let request = ListGroupsRequest::default();
                let answer = self
                    .cluster
                    .request(Target::Broker(broker), Purpose::General, request, timeout)
                    .await;
                let outcome = answer.map(|answer| {
                    Outcome::of(ErrorCode(answer.error_code), None, AGAIN, || answer.groups)
                });
                (broker, outcome.unwrap_or_else(Outcome::failed))
            });
            attempts.take(Ok(join_all(asked).await));
        }
        let mut groups = Vec::new();
        for listed in attempts
            .finish(|broker| format!("asking broker {broker} for its groups"))
            .into_values()
        {
            groups.extend(listed?.iter().map(read_listing));
        }
        Ok(groups)
    }

    /// Describes groups; a result for each, by its id. Method of Java: `describeConsumerGroups`, `describeClassicGroups`.
    ///
    /// A group that does not exist is `Broker(GROUP_ID_NOT_FOUND)`, on every version of Kafka.
    ///
    /// Cancel safe.
    pub async fn describe_groups(&self, group_ids: &[&str]) -> Results<String, GroupDescription> {
        let mut attempts = self.attempts(group_ids.iter().map(|id| (*id).to_owned()));
        while let Some(groups) = attempts.next().await {
            let left = attempts.left();
            let asked = groups.into_iter().map(async |group| {
                let outcome = self.describe_once(&group, left).await;
                (group, outcome)
            });
            attempts.take(Ok(join_all(asked).await));
        }
        attempts.finish(|group| format!("describing group `{group}`"))
    }

    /// Describes one group. See [`Admin::describe_groups`].
    ///
    /// # Errors
    ///
    /// `Broker(GROUP_ID_NOT_FOUND)` if there is none.
    ///
    /// Cancel safe.
    pub async fn describe_group(&self, group_id: &str) -> Result<GroupDescription, Error> {
        only(self.describe_groups(&[group_id]).await)
    }

    /// A group that has no member of the classic protocol may have some of KIP-848.
    async fn describe_once(&self, group: &str, left: Duration) -> Outcome<GroupDescription> {
        let classic = self.describe_classic(group, left).await;
        match &classic {
            Outcome::Done(Err(error)) if error.code() == Some(ErrorCode::GroupIdNotFound) => {
                let modern = self.describe_modern(group, left).await;
                let is_answer = match &modern {
                    // Kafka 3.9 offers the API, and says this where the protocol is not switched on.
                    Outcome::Done(Err(error)) => {
                        error.kind() != ErrorKind::BrokerIncompatible
                            && error.code() != Some(ErrorCode::UnsupportedVersion)
                    }
                    _ => true,
                };
                if is_answer { modern } else { classic }
            }
            _ => classic,
        }
    }

    async fn describe_classic(&self, group: &str, left: Duration) -> Outcome<GroupDescription> {
        let request = DescribeGroupsRequest::default().with_groups(vec![group_id(group)]);
        let answer = self.ask_coordinator(group, request, left).await;
        let (coordinator, described) = match answer {
            Ok((coordinator, answer)) => (coordinator, answer.groups.into_iter().next()),
            Err(error) => return Outcome::failed(error),
        };
        let Some(described) = described else {
            return Outcome::Done(Err(no_group_in_answer()));
        };
        let is_missing = &*described.group_state == "Dead" && described.error_code == 0;
        let code = if is_missing {
            ErrorCode::GroupIdNotFound
        } else {
            ErrorCode(described.error_code)
        };
        self.distrust(code, Some(group));
        let message = described.error_message.clone();
        Outcome::of(code, message.as_deref(), AGAIN, || {
            read_classic(described, coordinator)
        })
    }

    async fn describe_modern(&self, group: &str, left: Duration) -> Outcome<GroupDescription> {
        let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![group_id(group)]);
        let answer = self.ask_coordinator(group, request, left).await;
        let (coordinator, described) = match answer {
            Ok((coordinator, answer)) => (coordinator, answer.groups.into_iter().next()),
            Err(error) => return Outcome::failed(error),
        };
        let Some(described) = described else {
            return Outcome::Done(Err(no_group_in_answer()));
        };
        let code = ErrorCode(described.error_code);
        self.distrust(code, Some(group));
        let message = described.error_message.clone();
        Outcome::of(code, message.as_deref(), AGAIN, || {
            read_modern(described, coordinator)
        })
    }

    /// Deletes groups, with the offsets that they hold; a result for each, by its id. Method of Java: `deleteConsumerGroups`.
    ///
    /// A group that has members is `Broker(NON_EMPTY_GROUP)`, one that does not exist `Broker(GROUP_ID_NOT_FOUND)`.
    ///
    /// Not cancel safe: groups may or may not be deleted.
    pub async fn delete_groups(&self, group_ids: &[&str]) -> Results<String, ()> {
        let mut attempts = self.attempts(group_ids.iter().map(|id| (*id).to_owned()));
        while let Some(groups) = attempts.next().await {
            let left = attempts.left();
            let asked = groups.into_iter().map(async |group| {
                let request =
                    DeleteGroupsRequest::default().with_groups_names(vec![group_id(&group)]);
                let answer = self.ask_coordinator(&group, request, left).await;
                let outcome = match answer.map(|(_, answer)| answer.results.into_iter().next()) {
                    Ok(Some(deleted)) => {
                        self.distrust(ErrorCode(deleted.error_code), Some(&group));
                        Outcome::of(ErrorCode(deleted.error_code), None, AGAIN, || ())
                    }
                    Ok(None) => Outcome::Done(Err(no_group_in_answer())),
                    Err(error) => Outcome::failed(error),
                };
                (group, outcome)
            });
            attempts.take(Ok(join_all(asked).await));
        }
        attempts.finish(|group| format!("deleting group `{group}`"))
    }

    /// Asks the coordinator of a group, and tells who that is.
    async fn ask_coordinator<R>(
        &self,
        group: &str,
        request: R,
        left: Duration,
    ) -> Result<(BrokerId, R::Response), Error>
    where
        R: kafka_protocol::protocol::Request + Clone,
    {
        let timeout = self.one_attempt(left);
        let kind = crate::cluster::CoordinatorKind::Group;
        let coordinator = self.cluster.coordinator(kind, group, now() + left).await?;
        let target = Target::GroupCoordinator(group);
        let answer = self
            .cluster
            .request(target, Purpose::General, request, timeout)
            .await?;
        Ok((coordinator, answer))
    }
}

pub(super) fn group_id(group: &str) -> GroupId {
    GroupId(text(group))
}

fn no_group_in_answer() -> Error {
    Error::new(
        ErrorKind::BrokerMisbehaved,
        "the answer leaves out the group",
    )
}

fn read_listing(group: &ListedGroup) -> GroupListing {
    let said = |text: &StrBytes| Some(text.to_string()).filter(|text| !text.is_empty());
    GroupListing {
        group_id: group.group_id.to_string(),
        protocol_type: group.protocol_type.to_string(),
        state: said(&group.group_state),
        group_type: said(&group.group_type),
    }
}

fn read_classic(group: classic::DescribedGroup, coordinator: BrokerId) -> GroupDescription {
    let is_consumer = &*group.protocol_type == "consumer";
    let members = group.members.into_iter().map(|member| GroupMember {
        member_id: member.member_id.to_string(),
        group_instance_id: member.group_instance_id.map(|id| id.to_string()),
        client_id: member.client_id.to_string(),
        client_host: member.client_host.to_string(),
        partitions: if is_consumer {
            read_partitions(&member.member_assignment)
        } else {
            Vec::new()
        },
        metadata: member.member_metadata,
        assignment: member.member_assignment,
    });
    GroupDescription {
        group_id: group.group_id.to_string(),
        state: group.group_state.to_string(),
        protocol_type: group.protocol_type.to_string(),
        protocol: group.protocol_data.to_string(),
        is_modern: false,
        coordinator,
        members: members.collect(),
    }
}

/// The partitions of a consumer; none of one that writes its assignment in words of its own.
fn read_partitions(assignment: &Bytes) -> Vec<TopicPartition> {
    Assignment::decode(assignment)
        .map(|assignment| assignment.partitions)
        .unwrap_or_default()
}

fn read_modern(group: modern::DescribedGroup, coordinator: BrokerId) -> GroupDescription {
    let members = group.members.into_iter().map(|member| GroupMember {
        member_id: member.member_id.to_string(),
        group_instance_id: member.instance_id.map(|id| id.to_string()),
        client_id: member.client_id.to_string(),
        client_host: member.client_host.to_string(),
        metadata: Bytes::new(),
        assignment: Bytes::new(),
        partitions: member
            .assignment
            .topic_partitions
            .iter()
            .flat_map(partitions_of)
            .collect(),
    });
    GroupDescription {
        group_id: group.group_id.to_string(),
        state: group.group_state.to_string(),
        protocol_type: "consumer".to_owned(),
        protocol: group.assignor_name.to_string(),
        is_modern: true,
        coordinator,
        members: members.collect(),
    }
}

fn partitions_of(topic: &modern::TopicPartitions) -> impl Iterator<Item = TopicPartition> {
    topic
        .partitions
        .iter()
        .map(|partition| TopicPartition::new(&**topic.topic_name, *partition))
}
