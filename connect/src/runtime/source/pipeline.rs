//! The way of one record from a source task into the producer: headers, key and value become bytes, in this order.

use kconnect_client::producer::{Delivery, Header, Producer, ProducerRecord};

use crate::api::{ConnectError, RawHeaders, SourceRecord};
use crate::runtime::converters::Converters;

/// Converts records; the buffers are used again for each.
pub(super) struct Pipeline {
    converters: Converters,
    headers: RawHeaders,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// Why a record did not get into a batch.
#[derive(Debug)]
pub(super) enum NotSent {
    /// It cannot be converted, or will never be accepted.
    Failed(ConnectError),
    /// The producer has no room, or does not know the topic yet.
    Wait,
}

impl Pipeline {
    pub(super) fn new(converters: Converters) -> Self {
        Self {
            converters,
            headers: RawHeaders::new(),
            key: Vec::new(),
            value: Vec::new(),
        }
    }

    /// Puts `record` into its batch without waiting.
    pub(super) fn try_send(
        &mut self,
        producer: &Producer,
        record: &SourceRecord,
    ) -> Result<Delivery, NotSent> {
        self.convert(record, |record| match producer.try_send(record) {
            Ok(Some(delivery)) => Ok(delivery),
            Ok(None) => Err(NotSent::Wait),
            Err(error) => Err(NotSent::Failed(
                ConnectError::new("Unrecoverable exception trying to send").caused_by(error),
            )),
        })
    }

    /// Converts `record` and hands it over; what is handed over borrows from the record and the buffers.
    fn convert<T>(
        &mut self,
        record: &SourceRecord,
        hand_over: impl FnOnce(ProducerRecord<'_>) -> Result<T, NotSent>,
    ) -> Result<T, NotSent> {
        if let Some(timestamp) = record.timestamp.filter(|&timestamp| timestamp < 0) {
            return Err(NotSent::Failed(ConnectError::new(format!(
                "Invalid record timestamp {timestamp}"
            ))));
        }
        let Converters { key, value, header } = &mut self.converters;
        let topic = &*record.topic;
        self.headers.clear();
        for own in &record.headers {
            let bytes = header.from_connect_header(
                topic,
                &own.key,
                own.schema.as_ref(),
                &own.value,
                &mut self.value,
            );
            let bytes = bytes
                .map_err(NotSent::Failed)?
                .map(bytes::Bytes::copy_from_slice);
            self.headers.add(own.key.clone(), bytes);
        }
        let key = key.from_connect_data(
            topic,
            &mut self.headers,
            record.key_schema.as_ref(),
            &record.key,
            &mut self.key,
        );
        let key = key.map_err(NotSent::Failed)?;
        let value = value.from_connect_data(
            topic,
            &mut self.headers,
            record.value_schema.as_ref(),
            &record.value,
            &mut self.value,
        );
        let value = value.map_err(NotSent::Failed)?;
        let mut sent = ProducerRecord {
            partition: record.kafka_partition,
            timestamp: record.timestamp,
            key,
            value,
            ..ProducerRecord::to(topic)
        };
        if self.headers.is_empty() {
            return hand_over(sent);
        }
        let headers: Vec<Header<'_>> = self
            .headers
            .iter()
            .map(|(key, value)| Header {
                key: key.as_bytes(),
                value: value.as_deref(),
            })
            .collect();
        sent.headers = &headers;
        hand_over(sent)
    }
}
