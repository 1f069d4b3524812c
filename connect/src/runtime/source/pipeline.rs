//! The way of one record from a source task into the producer: headers, key and value become bytes, in this order.

use kconnect_client::producer::{Delivery, Header, Producer, ProducerRecord};

use crate::api::{ConnectError, ErrorKind, RawHeaders, SourceRecord};
use crate::runtime::converters::{Converters, not_tolerated};

/// What Kafka says of a record without a time.
const NO_TIMESTAMP: i64 = -1;

/// Converts records; the buffers are used again for each.
pub(super) struct Pipeline {
    converters: Converters,
    headers: RawHeaders,
    key: Vec<u8>,
    value: Vec<u8>,
    slots: Vec<Header<'static>>,
}

/// A record in bytes.
struct Converted<'a> {
    topic: &'a str,
    partition: Option<i32>,
    timestamp: Option<i64>,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: Vec<Header<'a>>,
}

impl Converted<'_> {
    fn record(&self) -> ProducerRecord<'_> {
        ProducerRecord {
            partition: self.partition,
            timestamp: self.timestamp,
            key: self.key,
            value: self.value,
            headers: &self.headers,
            ..ProducerRecord::to(self.topic)
        }
    }
}

impl Pipeline {
    pub(super) fn new(converters: Converters) -> Self {
        Self {
            converters,
            headers: RawHeaders::new(),
            key: Vec::new(),
            value: Vec::new(),
            slots: Vec::new(),
        }
    }

    /// Puts `record` into its batch without waiting; nothing if the producer would have to wait.
    ///
    /// # Errors
    ///
    /// When the record cannot be converted, or will never be accepted.
    pub(super) fn try_send(
        &mut self,
        producer: &Producer,
        record: &SourceRecord,
    ) -> Result<Option<Delivery>, ConnectError> {
        let slots = recycled(std::mem::take(&mut self.slots));
        let converted = self.convert(record, slots)?;
        let sent = producer.try_send(converted.record());
        let slots = recycled(converted.headers);
        self.slots = slots;
        sent.map_err(cannot_be_sent)
    }

    /// Puts `record` into its batch, waiting until the topic is known and there is room.
    ///
    /// Cancel safe: what was dropped was not sent.
    ///
    /// # Errors
    ///
    /// When the record cannot be converted (the first), or what the producer says (the second).
    pub(super) async fn send(
        &mut self,
        producer: &Producer,
        record: &SourceRecord,
    ) -> Result<Result<Delivery, kconnect_client::Error>, ConnectError> {
        let converted = self.convert(record, Vec::new())?;
        Ok(producer.send(converted.record()).await)
    }

    /// The record in bytes, which it borrows from `record` and the buffers.
    fn convert<'a>(
        &'a mut self,
        record: &'a SourceRecord,
        mut slots: Vec<Header<'a>>,
    ) -> Result<Converted<'a>, ConnectError> {
        let timestamp = record.timestamp.filter(|&time| time != NO_TIMESTAMP);
        if let Some(negative) = timestamp.filter(|&time| time < 0) {
            let text = format!("Invalid record timestamp {negative}");
            return Err(ConnectError::of(ErrorKind::InvalidRecord, text));
        }
        let topic = &*record.topic;
        self.headers.clear();
        if !record.headers.is_empty() {
            self.convert_headers(record)?;
        }
        let Converters { key, value, .. } = &mut self.converters;
        let key = key.from_connect_data(
            topic,
            &mut self.headers,
            record.key_schema.as_ref(),
            &record.key,
            &mut self.key,
        );
        let key = key.map_err(|problem| failed("key", record, &problem))?;
        let value = value.from_connect_data(
            topic,
            &mut self.headers,
            record.value_schema.as_ref(),
            &record.value,
            &mut self.value,
        );
        let value = value.map_err(|problem| failed("value", record, &problem))?;
        slots.extend(self.headers.iter().map(|(key, value)| Header {
            key: key.as_bytes(),
            value: value.as_deref(),
        }));
        Ok(Converted {
            topic,
            partition: record.kafka_partition,
            timestamp,
            key,
            value,
            headers: slots,
        })
    }

    fn convert_headers(&mut self, record: &SourceRecord) -> Result<(), ConnectError> {
        let header = &mut self.converters.header;
        for own in &record.headers {
            let bytes = header.from_connect_header(
                &record.topic,
                &own.key,
                own.schema.as_ref(),
                &own.value,
                &mut self.value,
            );
            let bytes = bytes.map_err(|problem| failed("header", record, &problem))?;
            let bytes = bytes.map(bytes::Bytes::copy_from_slice);
            self.headers.add(own.key.clone(), bytes);
        }
        Ok(())
    }
}

/// The memory of a list for headers that borrow from another record.
fn recycled<'b>(mut slots: Vec<Header<'_>>) -> Vec<Header<'b>> {
    slots.clear();
    // Collecting what is empty and of the same size keeps the allocation.
    slots.into_iter().map_while(|_| None).collect()
}

pub(super) fn cannot_be_sent(problem: kconnect_client::Error) -> ConnectError {
    ConnectError::new("Unrecoverable exception trying to send").caused_by(problem)
}

/// Says which record could not be converted.
fn failed(part: &str, record: &SourceRecord, problem: &ConnectError) -> ConnectError {
    let mut text = format!(
        "cannot convert the {part} of a record for topic '{}'",
        record.topic
    );
    if let Some(partition) = &record.source_partition {
        text += &format!(" of source partition {partition}");
    }
    if let Some(offset) = &record.source_offset {
        text += &format!(" at {offset}");
    }
    not_tolerated(problem, &text)
}
