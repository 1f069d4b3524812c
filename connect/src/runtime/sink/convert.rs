//! Records as the consumer has them become records as a sink sees them; payloads are shared, not copied.

use kconnect_client::consumer::ConsumerRecord;
use std::sync::Arc;

use crate::api::{ConnectError, RawHeaders, SinkRecord, TimestampType};
use crate::data::{Header, Text};
use crate::runtime::converters::{Converters, not_tolerated};

/// Converts records; the list of raw headers is used again for each.
pub(super) struct Conversion {
    converters: Converters,
    raw: RawHeaders,
}

impl Conversion {
    pub(super) fn new(converters: Converters) -> Self {
        Self {
            converters,
            raw: RawHeaders::new(),
        }
    }

    /// The record as a sink sees it.
    ///
    /// # Errors
    ///
    /// When a converter cannot read a part of it.
    pub(super) fn convert(
        &mut self,
        record: &ConsumerRecord<'_>,
    ) -> Result<SinkRecord, ConnectError> {
        let Converters { key, value, header } = &mut self.converters;
        let (topic, partition) = (record.topic(), record.partition());
        self.raw.clear();
        for raw in record.headers() {
            let name = Text::from_utf8_lossy(record.share(raw.key));
            self.raw
                .add(name, raw.value.map(|value| record.share(value)));
        }
        let because = |part: &'static str| {
            // Put together only when it is wanted.
            move |error: ConnectError| not_tolerated(&error, &described(part, record))
        };
        let key = key
            .to_connect_data(topic, &self.raw, record.key_bytes())
            .map_err(because("key"))?;
        let value = value
            .to_connect_data(topic, &self.raw, record.value_bytes())
            .map_err(because("value"))?;
        let name = Arc::clone(&record.topic_partition().topic);
        let mut converted =
            SinkRecord::new(name, partition, record.offset(), value.schema, value.value);
        converted.key_schema = key.schema;
        converted.key = key.value;
        converted.timestamp_type = record.timestamp_type();
        if converted.timestamp_type != TimestampType::NoTimestampType {
            converted.timestamp = Some(record.timestamp());
        }
        for (name, bytes) in &self.raw {
            let read = header
                .to_connect_header(topic, name, bytes.clone())
                .map_err(because("header"))?;
            converted.headers.push_unchecked(Header {
                key: name.clone(),
                schema: read.schema,
                value: read.value,
            });
        }
        Ok(converted)
    }
}

/// Which part of which record cannot be read, as Kafka Connect says it.
fn described(part: &str, record: &ConsumerRecord<'_>) -> String {
    format!(
        "Error converting message {part} in topic '{}' partition {} at offset {} and timestamp {}",
        record.topic(),
        record.partition(),
        record.offset(),
        record.timestamp()
    )
}
