//! What is known of the cluster at one time: brokers, topics, and who leads which partition. Never changed, only replaced.

use std::collections::BTreeMap;
use std::sync::Arc;

use kconnect_protocol::messages::metadata::BrokerIds;
use kconnect_protocol::types::{BrokerId, LeaderEpoch};
use kconnect_protocol::{ErrorCode, TopicPartition, Uuid};

use crate::net::{Address, Peer};

/// A snapshot of the cluster as brokers have told it.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    /// The cluster's id.
    pub cluster_id: Option<Arc<str>>,
    /// The broker to send administrative requests to.
    pub controller: Option<BrokerId>,
    pub(super) brokers: BTreeMap<BrokerId, Broker>,
    pub(super) topics: BTreeMap<Arc<str>, Arc<Topic>>,
    pub(super) names: BTreeMap<Uuid, Arc<str>>,
}

/// A broker, and where it can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Its id.
    pub id: BrokerId,
    /// Its advertised address.
    pub address: Address,
    /// Its rack, if it has one.
    pub rack: Option<Arc<str>>,
}

impl Broker {
    pub(crate) fn peer(&self) -> Peer {
        Peer {
            broker: Some(self.id),
            address: self.address.clone(),
        }
    }
}

/// A topic, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: Arc<str>,
    /// Its id; brokers before Kafka 2.8, and Redpanda, have none. A topic that is created again has another one.
    pub id: Option<Uuid>,
    /// Whether it is one of Kafka's own.
    pub is_internal: bool,
    /// What the last answer said instead of describing it. What was known before is kept beside.
    pub error: Option<ErrorCode>,
    /// Its partitions, in rising order.
    pub partitions: Vec<Partition>,
}

/// A partition: who leads it, and who has copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its number.
    pub index: i32,
    /// The broker that leads it; none while none is elected.
    pub leader: Option<BrokerId>,
    /// The leader's epoch, if the broker says it.
    pub leader_epoch: Option<LeaderEpoch>,
    /// The brokers that have, or should have, a copy; the first one is the preferred leader.
    pub replicas: BrokerIds,
    /// Those whose copies are in sync.
    pub isr: BrokerIds,
    /// Those that are not alive.
    pub offline: BrokerIds,
}

impl Topic {
    /// The partition with that number.
    pub fn partition(&self, index: i32) -> Option<&Partition> {
        let at = self
            .partitions
            .binary_search_by_key(&index, |partition| partition.index);
        at.ok().map(|at| &self.partitions[at])
    }

    /// Whether it can be used: it was described, and it has partitions.
    pub fn is_known(&self) -> bool {
        self.error.is_none() && !self.partitions.is_empty()
    }

    /// Whether it cannot be used yet, and asking again may help.
    pub(super) fn may_appear(&self) -> bool {
        !self.is_known() && self.error.is_none_or(|code| code.is_retriable())
    }
}

impl Metadata {
    /// The brokers that are alive, in order of their ids.
    pub fn brokers(&self) -> impl ExactSizeIterator<Item = &Broker> {
        self.brokers.values()
    }

    /// The broker with that id.
    pub fn broker(&self, id: BrokerId) -> Option<&Broker> {
        self.brokers.get(&id)
    }

    /// Every topic that was asked for, found or not, in order of their names.
    pub fn topics(&self) -> impl ExactSizeIterator<Item = &Arc<Topic>> {
        self.topics.values()
    }

    /// The topic with that name.
    pub fn topic(&self, name: &str) -> Option<&Arc<Topic>> {
        self.topics.get(name)
    }

    /// The topic with that id.
    pub fn topic_by_id(&self, id: Uuid) -> Option<&Arc<Topic>> {
        self.topic(self.names.get(&id)?)
    }

    /// The name of a topic, shared if it is known.
    pub(super) fn name(&self, name: &str) -> Arc<str> {
        self.topic(name)
            .map_or_else(|| Arc::from(name), |topic| Arc::clone(&topic.name))
    }

    /// A partition of a topic.
    pub fn partition(&self, topic: &str, index: i32) -> Option<&Partition> {
        self.topic(topic)?.partition(index)
    }

    /// The broker that leads a partition, if one does and its address is known.
    pub fn leader(&self, partition: &TopicPartition) -> Option<&Broker> {
        let leader = self
            .partition(&partition.topic, partition.partition)?
            .leader?;
        self.broker(leader)
    }
}
