//! What is sent: a record whose every part is borrowed.

pub use kconnect_protocol::records::Header;
use kconnect_protocol::records::Record;

/// A record to be sent; everything is borrowed until [`send`](super::Producer::send) has serialized it.
///
/// ```
/// use kconnect_client::producer::ProducerRecord;
///
/// let record = ProducerRecord::to("orders").key(b"customer-7").value(b"two chairs");
/// assert_eq!(record.partition, None, "the key decides");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerRecord<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition; `None` leaves the choice to the partitioner.
    pub partition: Option<i32>,
    /// Milliseconds since the epoch; `None` is the time of the send.
    pub timestamp: Option<i64>,
    /// The key. Records with the same key go to the same partition, as long as the topic's number of partitions stays.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Headers, in order; a key may occur more than once.
    pub headers: &'a [Header<'a>],
}

impl<'a> ProducerRecord<'a> {
    /// An empty record for `topic`.
    #[must_use]
    pub const fn to(topic: &'a str) -> Self {
        Self {
            topic,
            partition: None,
            timestamp: None,
            key: None,
            value: None,
            headers: &[],
        }
    }

    /// The same record, for this partition.
    #[must_use]
    pub const fn partition(self, partition: i32) -> Self {
        Self {
            partition: Some(partition),
            ..self
        }
    }

    /// The same record, of this time in milliseconds since the epoch.
    #[must_use]
    pub const fn timestamp(self, timestamp: i64) -> Self {
        Self {
            timestamp: Some(timestamp),
            ..self
        }
    }

    /// The same record, with this key.
    #[must_use]
    pub const fn key(self, key: &'a [u8]) -> Self {
        Self {
            key: Some(key),
            ..self
        }
    }

    /// The same record, with this value.
    #[must_use]
    pub const fn value(self, value: &'a [u8]) -> Self {
        Self {
            value: Some(value),
            ..self
        }
    }

    /// The same record, with these headers.
    #[must_use]
    pub const fn headers(self, headers: &'a [Header<'a>]) -> Self {
        Self { headers, ..self }
    }

    /// What goes into a batch, with the time for a record that has none.
    pub(crate) fn serialized(&self, timestamp: i64) -> Record<'a> {
        Record {
            timestamp,
            key: self.key,
            value: self.value,
            headers: self.headers,
        }
    }
}
