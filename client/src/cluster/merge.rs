//! How an answer changes what is known: old answers must not undo newer ones, and silence about a topic is not its end.
//!
//! KIP-320 (leader epochs only rise), KIP-516 (another topic id is another topic), KIP-951 (leaders told along the way).

use std::collections::BTreeMap;
use std::sync::Arc;

use kconnect_protocol::messages::metadata::{
    MetadataBroker, MetadataPartition, MetadataResponse, MetadataTopic,
};
use kconnect_protocol::types::{BrokerId, LeaderEpoch};
use kconnect_protocol::{ErrorCode, TopicPartition, Uuid};

use super::metadata::{Broker, Metadata, Partition, Topic};
use crate::net::Address;

/// Which topics an answer is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// All that there are: a topic that is not in the answer is not known to the broker.
    All,
    /// These.
    Topics(Vec<Arc<str>>),
}

/// A leader that an answer to a produce or fetch request told along the way (KIP-951).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderHint {
    /// Whose leader.
    pub partition: TopicPartition,
    /// The leader.
    pub leader: BrokerId,
    /// Its epoch.
    pub leader_epoch: LeaderEpoch,
    /// Where the leader is, if the answer said so.
    pub broker: Option<Broker>,
}

impl Metadata {
    /// What one answer tells, and nothing else.
    pub(crate) fn of(response: MetadataResponse) -> Self {
        Self::default().merged(response, &Scope::All)
    }

    /// What is known after `response` to a question about `scope`.
    pub(super) fn merged(&self, response: MetadataResponse, scope: &Scope) -> Self {
        let mut merged = Self {
            cluster_id: response
                .cluster_id
                .map(|id| Arc::from(&*id))
                .or_else(|| self.cluster_id.clone()),
            controller: response.controller_id,
            brokers: response.brokers.iter().filter_map(read_broker).collect(),
            topics: self.topics.clone(),
            names: BTreeMap::new(),
        };
        if merged.brokers.is_empty() {
            // A broker that starts may not know the others yet; those that were known are worth a try.
            merged.brokers.clone_from(&self.brokers);
        }
        let mut told = BTreeMap::new();
        for topic in response.topics {
            let Some(name) = topic.name.as_deref() else {
                continue;
            };
            let old = self.topics.get_key_value(name);
            let name = old.map_or_else(|| Arc::from(name), |(name, _)| Arc::clone(name));
            let topic = merge_topic(Arc::clone(&name), old.map(|(_, topic)| &**topic), topic);
            told.insert(name, Arc::new(topic));
        }
        merged.mark_missing(&told, scope);
        merged.topics.append(&mut told);
        merged.index_names();
        merged
    }

    /// What is known after a leader was told along the way; `None` if that is nothing new.
    pub(super) fn with_leader(&self, hint: &LeaderHint) -> Option<Self> {
        let topic = self.topic(&hint.partition.topic)?;
        let known = topic.partition(hint.partition.partition)?;
        if known
            .leader_epoch
            .is_some_and(|epoch| epoch >= hint.leader_epoch)
        {
            return None;
        }
        let mut changed = Topic::clone(topic);
        for partition in &mut changed.partitions {
            if partition.index == hint.partition.partition {
                partition.leader = Some(hint.leader);
                partition.leader_epoch = Some(hint.leader_epoch);
            }
        }
        let mut merged = self.clone();
        merged
            .topics
            .insert(Arc::clone(&topic.name), Arc::new(changed));
        if let Some(broker) = &hint.broker {
            merged.brokers.insert(broker.id, broker.clone());
        }
        Some(merged)
    }

    /// What is known without topics that nobody wants any more.
    pub(super) fn retaining(&self, is_wanted: impl Fn(&str) -> bool) -> Self {
        let mut retained = self.clone();
        retained.topics.retain(|name, _| is_wanted(name));
        retained.index_names();
        retained
    }

    /// Whether both say the same: the answer brought nothing that a retry could use.
    pub(super) fn is_equivalent(&self, other: &Self) -> bool {
        self.topics == other.topics && self.brokers == other.brokers
    }

    /// Topics that were asked for and not answered are not known to the broker. Once is no reason to forget what is known:
    /// the broker may be behind.
    fn mark_missing(&mut self, told: &BTreeMap<Arc<str>, Arc<Topic>>, scope: &Scope) {
        let unknown = ErrorCode::UnknownTopicOrPartition;
        match scope {
            Scope::All => self.topics.retain(|name, topic| {
                let was_missing = topic.error.is_some();
                if !told.contains_key(name) && !was_missing {
                    Arc::make_mut(topic).error = Some(unknown);
                }
                told.contains_key(name) || !was_missing
            }),
            Scope::Topics(names) => {
                for name in names.iter().filter(|name| !told.contains_key(*name)) {
                    let topic = self.topics.entry(Arc::clone(name));
                    Arc::make_mut(
                        topic.or_insert_with(|| Arc::new(nothing_known(Arc::clone(name)))),
                    )
                    .error = Some(unknown);
                }
            }
        }
    }

    fn index_names(&mut self) {
        let ids = self
            .topics
            .values()
            .filter_map(|topic| Some((topic.id?, Arc::clone(&topic.name))));
        self.names = ids.collect();
    }
}

fn read_broker(broker: &MetadataBroker) -> Option<(BrokerId, Broker)> {
    let port = u16::try_from(broker.port).ok()?;
    let id = broker.node_id;
    let rack = broker.rack.as_deref().map(Arc::from);
    let address = Address::new(&*broker.host, port);
    Some((id, Broker { id, address, rack }))
}

fn nothing_known(name: Arc<str>) -> Topic {
    Topic {
        name,
        id: None,
        is_internal: false,
        error: None,
        partitions: Vec::new(),
    }
}

fn merge_topic(name: Arc<str>, old: Option<&Topic>, new: MetadataTopic) -> Topic {
    if new.error_code.is_error() && new.partitions.is_empty() {
        let known = old.cloned().unwrap_or_else(|| nothing_known(name));
        return Topic {
            error: Some(new.error_code),
            ..known
        };
    }
    let id = Some(new.topic_id).filter(|id| !id.is_nil());
    let mut partitions: Vec<Partition> = new
        .partitions
        .into_iter()
        .filter_map(read_partition)
        .collect();
    partitions.sort_by_key(|partition| partition.index);
    partitions.dedup_by_key(|partition| partition.index);
    if let Some(old) = old.filter(|old| is_same(old.id, id)) {
        keep_newer(&old.partitions, &mut partitions);
        if id.is_some() && old.id == id {
            keep_missing(&old.partitions, &mut partitions);
        }
    }
    Topic {
        name,
        id,
        is_internal: new.is_internal,
        error: Some(new.error_code).filter(|code| code.is_error()),
        partitions,
    }
}

/// Another id is another topic of the same name: its epochs start again. Without ids nobody can tell.
fn is_same(old: Option<Uuid>, new: Option<Uuid>) -> bool {
    old.is_none() || new.is_none() || old == new
}

fn read_partition(partition: MetadataPartition) -> Option<Partition> {
    (partition.partition_index >= 0).then_some(Partition {
        index: partition.partition_index,
        leader: partition.leader_id,
        leader_epoch: partition.leader_epoch,
        replicas: partition.replica_nodes,
        isr: partition.isr_nodes,
        offline: partition.offline_replicas,
    })
}

/// A broker that is behind tells an epoch that is over: what is known stays. An answer without epochs is taken as it is.
fn keep_newer(old: &[Partition], new: &mut [Partition]) {
    for partition in new {
        let Ok(at) = old.binary_search_by_key(&partition.index, |old| old.index) else {
            continue;
        };
        if partition.leader_epoch.is_some() && partition.leader_epoch < old[at].leader_epoch {
            partition.clone_from(&old[at]);
        }
    }
}

/// A topic never loses partitions: a broker that does not tell one has not heard of it yet.
fn keep_missing(old: &[Partition], new: &mut Vec<Partition>) {
    for partition in old {
        if let Err(at) = new.binary_search_by_key(&partition.index, |new| new.index) {
            new.insert(at, partition.clone());
        }
    }
}

#[cfg(test)]
mod tests;
