//! What the broker writes down beside the records: topics, committed offsets, producer ids.
//!
//! Entries are replayed in order at the next start; a snapshot is the shortest list of entries that
//! leads to the same state.

use bytes::{Bytes, BytesMut};
use kconnect_protocol::wire::{Reader, Writer};
use kconnect_protocol::{DecodeError, EncodeError};
use uuid::Uuid;

use super::config::Overrides;
use super::storage::PartitionId;

/// One change of what the broker knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// The broker was started for the `run`-th time.
    Started {
        /// The cluster's id, the same for ever.
        cluster_id: String,
        /// Counts starts: the leader epoch of a topic is the number of starts since it was made.
        run: i32,
    },
    /// A topic was created.
    Topic {
        /// Its name.
        name: String,
        /// Its id.
        id: Uuid,
        /// The run in which it was created.
        run: i32,
        /// How many partitions it has.
        partitions: i32,
    },
    /// A topic got more partitions.
    Partitions {
        /// Whose.
        topic: Uuid,
        /// How many it has now.
        count: i32,
    },
    /// A topic's configuration is now this.
    Configs {
        /// Whose.
        topic: Uuid,
        /// All values that differ from the defaults.
        configs: Overrides,
    },
    /// A topic is gone.
    TopicDeleted {
        /// Which.
        topic: Uuid,
    },
    /// Records before an offset are gone.
    LogStart {
        /// Whose.
        partition: PartitionId,
        /// The first offset that is still there.
        offset: i64,
    },
    /// Producer ids below this may have been given out.
    ProducerIds {
        /// The first that certainly was not.
        next: i64,
    },
    /// A group committed offsets.
    Offsets {
        /// Which group.
        group: String,
        /// What it committed.
        commits: Vec<Commit>,
    },
    /// A group's offsets of some partitions are gone.
    OffsetsDeleted {
        /// Which group.
        group: String,
        /// Topic and partition.
        partitions: Vec<(String, i32)>,
    },
    /// A group is gone with all its offsets.
    GroupDeleted {
        /// Which.
        group: String,
    },
}

/// One committed offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commit {
    /// The topic's name.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The offset to go on at.
    pub offset: i64,
    /// The leader epoch of the record before it; -1 if not known.
    pub leader_epoch: i32,
    /// What the client wrote beside it.
    pub metadata: String,
    /// When, in milliseconds since the Unix epoch.
    pub timestamp: i64,
}

const STARTED: i8 = 0;
const TOPIC: i8 = 1;
const PARTITIONS: i8 = 2;
const CONFIGS: i8 = 3;
const TOPIC_DELETED: i8 = 4;
const LOG_START: i8 = 5;
const PRODUCER_IDS: i8 = 6;
const OFFSETS: i8 = 7;
const OFFSETS_DELETED: i8 = 8;
const GROUP_DELETED: i8 = 9;

impl Entry {
    /// Appends the entry to `out`.
    pub(crate) fn encode(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        let mut w = Writer::new(out, true);
        match self {
            Self::Started { cluster_id, run } => {
                w.i8(STARTED);
                w.string("cluster_id", cluster_id)?;
                w.i32(*run);
            }
            Self::Topic {
                name,
                id,
                run,
                partitions,
            } => {
                w.i8(TOPIC);
                w.string("name", name)?;
                w.uuid(*id);
                w.i32(*run);
                w.i32(*partitions);
            }
            Self::Partitions { topic, count } => {
                w.i8(PARTITIONS);
                w.uuid(*topic);
                w.i32(*count);
            }
            Self::Configs { topic, configs } => encode_configs(&mut w, *topic, configs)?,
            Self::TopicDeleted { topic } => {
                w.i8(TOPIC_DELETED);
                w.uuid(*topic);
            }
            Self::LogStart { partition, offset } => {
                w.i8(LOG_START);
                w.uuid(partition.topic);
                w.i32(partition.partition);
                w.i64(*offset);
            }
            Self::ProducerIds { next } => {
                w.i8(PRODUCER_IDS);
                w.i64(*next);
            }
            Self::Offsets { group, commits } => encode_offsets(&mut w, group, commits)?,
            Self::OffsetsDeleted { group, partitions } => {
                w.i8(OFFSETS_DELETED);
                w.string("group", group)?;
                w.count("partitions", partitions.len())?;
                for (topic, partition) in partitions {
                    w.string("topic", topic)?;
                    w.i32(*partition);
                }
            }
            Self::GroupDeleted { group } => {
                w.i8(GROUP_DELETED);
                w.string("group", group)?;
            }
        }
        Ok(())
    }

    /// Reads one entry; `None` for a kind that a later version of this broker may have written.
    pub(crate) fn decode(bytes: &Bytes) -> Result<Option<Self>, DecodeError> {
        let mut r = Reader::new(bytes, true);
        let kind = r.i8("kind")?;
        Ok(Some(match kind {
            STARTED => Self::Started {
                cluster_id: r.string("cluster_id")?.to_string(),
                run: r.i32("run")?,
            },
            TOPIC => Self::Topic {
                name: r.string("name")?.to_string(),
                id: r.uuid("id")?,
                run: r.i32("run")?,
                partitions: r.i32("partitions")?,
            },
            PARTITIONS => Self::Partitions {
                topic: r.uuid("topic")?,
                count: r.i32("count")?,
            },
            CONFIGS => decode_configs(&mut r)?,
            TOPIC_DELETED => Self::TopicDeleted {
                topic: r.uuid("topic")?,
            },
            LOG_START => Self::LogStart {
                partition: PartitionId {
                    topic: r.uuid("topic")?,
                    partition: r.i32("partition")?,
                },
                offset: r.i64("offset")?,
            },
            PRODUCER_IDS => Self::ProducerIds {
                next: r.i64("next")?,
            },
            OFFSETS => Self::Offsets {
                group: r.string("group")?.to_string(),
                commits: r.vec("commits", COMMIT_BYTES, decode_commit)?,
            },
            OFFSETS_DELETED => Self::OffsetsDeleted {
                group: r.string("group")?.to_string(),
                partitions: r.vec("partitions", 5, |r| {
                    Ok((r.string("topic")?.to_string(), r.i32("partition")?))
                })?,
            },
            GROUP_DELETED => Self::GroupDeleted {
                group: r.string("group")?.to_string(),
            },
            _ => return Ok(None),
        }))
    }
}

/// The least bytes that a commit takes.
const COMMIT_BYTES: usize = 1 + 4 + 8 + 4 + 1 + 8;

fn encode_offsets(w: &mut Writer<'_>, group: &str, commits: &[Commit]) -> Result<(), EncodeError> {
    w.i8(OFFSETS);
    w.string("group", group)?;
    w.count("commits", commits.len())?;
    for commit in commits {
        w.string("topic", &commit.topic)?;
        w.i32(commit.partition);
        w.i64(commit.offset);
        w.i32(commit.leader_epoch);
        w.string("metadata", &commit.metadata)?;
        w.i64(commit.timestamp);
    }
    Ok(())
}

fn decode_commit(r: &mut Reader<'_>) -> Result<Commit, DecodeError> {
    Ok(Commit {
        topic: r.string("topic")?.to_string(),
        partition: r.i32("partition")?,
        offset: r.i64("offset")?,
        leader_epoch: r.i32("leader_epoch")?,
        metadata: r.string("metadata")?.to_string(),
        timestamp: r.i64("timestamp")?,
    })
}

fn encode_configs(w: &mut Writer<'_>, topic: Uuid, configs: &Overrides) -> Result<(), EncodeError> {
    w.i8(CONFIGS);
    w.uuid(topic);
    w.count("configs", configs.len())?;
    for (name, value) in configs {
        w.string("name", name)?;
        w.string("value", value)?;
    }
    Ok(())
}

fn decode_configs(r: &mut Reader<'_>) -> Result<Entry, DecodeError> {
    let topic = r.uuid("topic")?;
    let configs = r.vec("configs", 2, |r| {
        Ok((
            r.string("name")?.to_string(),
            r.string("value")?.to_string(),
        ))
    })?;
    Ok(Entry::Configs {
        topic,
        configs: configs.into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Entry> {
        let topic = Uuid::from_u128(7);
        let group = "g".to_owned();
        vec![
            Entry::Started {
                cluster_id: "c".to_owned(),
                run: 3,
            },
            Entry::Topic {
                name: "t".to_owned(),
                id: topic,
                run: 2,
                partitions: 5,
            },
            Entry::Partitions { topic, count: 9 },
            Entry::Configs {
                topic,
                configs: Overrides::from([("a".to_owned(), "b".to_owned())]),
            },
            Entry::TopicDeleted { topic },
            Entry::LogStart {
                partition: PartitionId {
                    topic,
                    partition: 1,
                },
                offset: 77,
            },
            Entry::ProducerIds { next: 1000 },
            Entry::Offsets {
                group: group.clone(),
                commits: vec![Commit {
                    topic: "t".to_owned(),
                    partition: 1,
                    offset: 42,
                    leader_epoch: -1,
                    metadata: "m".to_owned(),
                    timestamp: 9,
                }],
            },
            Entry::OffsetsDeleted {
                group: group.clone(),
                partitions: vec![("t".to_owned(), 1)],
            },
            Entry::GroupDeleted { group },
        ]
    }

    #[test]
    fn every_entry_is_read_back_as_it_was_written() {
        for entry in all() {
            let mut out = BytesMut::new();
            entry.encode(&mut out).unwrap();
            assert_eq!(Entry::decode(&out.freeze()), Ok(Some(entry)));
        }
    }

    #[test]
    fn an_entry_cut_off_anywhere_is_an_error() {
        for entry in all() {
            let mut out = BytesMut::new();
            entry.encode(&mut out).unwrap();
            let bytes = out.freeze();
            for end in 0..bytes.len() {
                assert!(
                    Entry::decode(&bytes.slice(..end)).is_err(),
                    "{entry:?} at {end}"
                );
            }
        }
    }

    #[test]
    fn an_entry_of_a_later_version_is_passed_over() {
        assert_eq!(Entry::decode(&Bytes::from_static(&[100, 1, 2])), Ok(None));
    }
}
