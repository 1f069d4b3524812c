//! Records that a source task wants to hear of again once they are written.

use std::collections::{HashMap, VecDeque};

use kconnect_client::TopicPartition;
use kconnect_client::producer::Delivery;

use crate::api::{CommittedRecord, SourceRecord};

/// Records on their way, in order for each topic partition.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    partitions: HashMap<TopicPartition, VecDeque<(SourceRecord, Delivery)>>,
}

impl Unwritten {
    /// Keeps a record until it is written.
    pub(super) fn push(&mut self, record: SourceRecord, delivery: Delivery) {
        let partition = delivery.topic_partition();
        match self.partitions.get_mut(partition) {
            Some(records) => records.push_back((record, delivery)),
            None => {
                let partition = partition.clone();
                self.partitions
                    .insert(partition, VecDeque::from([(record, delivery)]));
            }
        }
    }

    /// Takes what has been written. Those that were not are dropped; the task fails because of them.
    pub(super) fn take_written(&mut self) -> Vec<CommittedRecord> {
        let mut written = Vec::new();
        for records in self.partitions.values_mut() {
            while let Some(result) = records
                .front()
                .and_then(|(_, delivery)| delivery.try_result())
            {
                let Some((record, _)) = records.pop_front() else {
                    break;
                };
                if let Ok(place) = result {
                    let place = place.offset.map(|offset| (place.topic_partition, offset));
                    written.push(CommittedRecord::new(record, place));
                }
            }
        }
        written
    }
}
