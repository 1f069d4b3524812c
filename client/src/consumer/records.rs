//! The records that `poll` hands out, read in place from what the broker sent.

use std::fmt;

use bytes::Bytes;
use kconnect_protocol::TopicPartition;
use kconnect_protocol::records::{Headers, RecordIter, RecordView, TimestampType};
use kconnect_protocol::types::LeaderEpoch;

use super::core::Segment;

/// Records of one `poll`, in order within each partition.
///
/// They are read in place: iterating copies and allocates nothing. The buffer that the broker's
/// answer came in lives as long as this, or as anything that [`ConsumerRecord::value_bytes`] and its
/// like gave out.
#[derive(Debug, Clone, Default)]
pub struct ConsumerRecords {
    segments: Vec<Segment>,
    len: usize,
}

impl ConsumerRecords {
    pub(super) fn new(segments: Vec<Segment>) -> Self {
        Self {
            len: segments.iter().map(|segment| segment.count).sum(),
            segments,
        }
    }

    /// The number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All records; those of one partition are in order of their offsets.
    #[must_use]
    pub fn iter(&self) -> ConsumerRecordIter<'_> {
        ConsumerRecordIter {
            segments: self.segments.iter(),
            current: None,
        }
    }

    /// The records of one partition.
    pub fn of<'a>(
        &'a self,
        partition: &'a TopicPartition,
    ) -> impl Iterator<Item = ConsumerRecord<'a>> {
        let own = self
            .segments
            .iter()
            .filter(|segment| segment.name == *partition);
        own.flat_map(SegmentIter::new)
    }

    /// The partitions that have records here, each once.
    pub fn partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        // A partition's segments stand together, unless its leader moved between two answers.
        let names = self
            .segments
            .iter()
            .map(|segment| &segment.name)
            .enumerate();
        names
            .filter(|(place, name)| {
                self.segments[..*place]
                    .iter()
                    .all(|before| before.name != **name)
            })
            .map(|(_, name)| name)
    }

    /// Per partition the offset after its last record here: what to commit once all are processed.
    pub fn next_offsets(&self) -> impl Iterator<Item = (&TopicPartition, i64)> {
        self.partitions().filter_map(|name| {
            let last = self
                .segments
                .iter()
                .rev()
                .find(|segment| segment.name == *name)?;
            Some((name, SegmentIter::new(last).last()?.offset() + 1))
        })
    }
}

impl<'a> IntoIterator for &'a ConsumerRecords {
    type Item = ConsumerRecord<'a>;
    type IntoIter = ConsumerRecordIter<'a>;

    fn into_iter(self) -> ConsumerRecordIter<'a> {
        self.iter()
    }
}

/// Iterator over the records of a `poll`.
#[derive(Debug, Clone)]
pub struct ConsumerRecordIter<'a> {
    segments: std::slice::Iter<'a, Segment>,
    current: Option<SegmentIter<'a>>,
}

impl<'a> Iterator for ConsumerRecordIter<'a> {
    type Item = ConsumerRecord<'a>;

    #[inline]
    fn next(&mut self) -> Option<ConsumerRecord<'a>> {
        loop {
            if let Some(record) = self.current.as_mut().and_then(Iterator::next) {
                return Some(record);
            }
            self.current = Some(SegmentIter::new(self.segments.next()?));
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let current = self.current.as_ref().map_or(0, |current| current.left);
        let rest: usize = self.segments.clone().map(|segment| segment.count).sum();
        (current + rest, Some(current + rest))
    }
}

impl ExactSizeIterator for ConsumerRecordIter<'_> {}
impl std::iter::FusedIterator for ConsumerRecordIter<'_> {}

#[derive(Debug, Clone)]
struct SegmentIter<'a> {
    segment: &'a Segment,
    records: RecordIter<'a>,
    left: usize,
}

impl<'a> SegmentIter<'a> {
    fn new(segment: &'a Segment) -> Self {
        Self {
            segment,
            records: segment.records.iter_from(segment.from),
            left: segment.count,
        }
    }
}

impl<'a> Iterator for SegmentIter<'a> {
    type Item = ConsumerRecord<'a>;

    #[inline]
    fn next(&mut self) -> Option<ConsumerRecord<'a>> {
        self.left = self.left.checked_sub(1)?;
        // They have been read once before they were handed out.
        let view = self.records.next()?.ok()?;
        Some(ConsumerRecord {
            segment: self.segment,
            view,
        })
    }
}

/// One record, in place.
#[derive(Clone, Copy)]
pub struct ConsumerRecord<'a> {
    segment: &'a Segment,
    view: RecordView<'a>,
}

impl<'a> ConsumerRecord<'a> {
    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &'a str {
        &self.segment.name.topic
    }

    /// The partition's number.
    #[must_use]
    pub fn partition(&self) -> i32 {
        self.segment.name.partition
    }

    /// Topic and partition; a clone shares the topic's name.
    #[must_use]
    pub fn topic_partition(&self) -> &'a TopicPartition {
        &self.segment.name
    }

    /// The record's place in its partition.
    #[must_use]
    pub fn offset(&self) -> i64 {
        self.view.offset
    }

    /// Milliseconds since the epoch; -1 if the record has none.
    #[must_use]
    pub fn timestamp(&self) -> i64 {
        self.view.timestamp
    }

    /// Who set the timestamp.
    #[must_use]
    pub fn timestamp_type(&self) -> TimestampType {
        self.segment.timestamp_type
    }

    /// The epoch of the leader that wrote the record, if it is known.
    #[must_use]
    pub fn leader_epoch(&self) -> Option<LeaderEpoch> {
        self.segment.leader_epoch
    }

    /// The key, if there is one.
    #[must_use]
    pub fn key(&self) -> Option<&'a [u8]> {
        self.view.key
    }

    /// The value; `None` is a tombstone.
    #[must_use]
    pub fn value(&self) -> Option<&'a [u8]> {
        self.view.value
    }

    /// The headers in order, duplicates and null values included; parsed as they are looked at.
    #[must_use]
    pub fn headers(&self) -> Headers<'a> {
        self.view.headers
    }

    /// The key, to be kept: it shares the buffer, and keeps all of it alive.
    #[must_use]
    pub fn key_bytes(&self) -> Option<Bytes> {
        self.view.key.map(|key| self.share(key))
    }

    /// The value, to be kept: it shares the buffer, and keeps all of it alive.
    #[must_use]
    pub fn value_bytes(&self) -> Option<Bytes> {
        self.view.value.map(|value| self.share(value))
    }

    /// A part of this record, such as a header's value, to be kept: it shares the buffer.
    ///
    /// # Panics
    ///
    /// If `part` is not a part of this record's key, value or headers.
    #[must_use]
    pub fn share(&self, part: &'a [u8]) -> Bytes {
        self.segment.records.data().slice_ref(part)
    }
}

impl fmt::Debug for ConsumerRecord<'_> {
    /// Where it is and how large; contents are not for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = |bytes: Option<&[u8]>| bytes.map(<[u8]>::len);
        f.debug_struct("ConsumerRecord")
            .field("topic", &self.topic())
            .field("partition", &self.partition())
            .field("offset", &self.offset())
            .field("timestamp", &self.timestamp())
            .field("key_len", &len(self.key()))
            .field("value_len", &len(self.value()))
            .field("headers", &self.headers().len())
            .finish()
    }
}
