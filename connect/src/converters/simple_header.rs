//! Header values as text that tells its own type: `org.apache.kafka.connect.storage.SimpleHeaderConverter`.

use bytes::Bytes;
use tracing::warn;

use crate::api::{ConfigError, ConnectError, HeaderConverter, Plugin, Properties};
use crate::data::{Schema, SchemaAndValue, Text, Value, values};

/// Converts values to text that shows what they are, and text to what it looks like.
#[derive(Debug, Default)]
pub struct SimpleHeaderConverter;

impl Plugin for SimpleHeaderConverter {
    const CLASS: &'static str = "org.apache.kafka.connect.storage.SimpleHeaderConverter";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
}

impl HeaderConverter for SimpleHeaderConverter {
    fn new(_config: &Properties) -> Result<Self, Vec<ConfigError>> {
        Ok(Self)
    }

    fn from_connect_header<'a>(
        &mut self,
        _topic: &str,
        _key: &str,
        _schema: Option<&Schema>,
        value: &'a Value,
        out: &'a mut Vec<u8>,
    ) -> Result<Option<&'a [u8]>, ConnectError> {
        match value {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.as_bytes())),
            other => {
                out.clear();
                values::to_text(other, out);
                Ok(Some(out))
            }
        }
    }

    fn to_connect_header(
        &mut self,
        topic: &str,
        key: &str,
        value: Option<Bytes>,
    ) -> Result<SchemaAndValue, ConnectError> {
        let Some(bytes) = value else {
            return Ok(SchemaAndValue::NULL);
        };
        let read = values::parse(&Text::from_utf8_lossy(bytes.clone()));
        Ok(read.unwrap_or_else(|error| {
            warn!(
                "Failed to deserialize value for header '{key}' on topic '{topic}', so using byte array: {error}"
            );
            SchemaAndValue::new(Some(Schema::bytes()), bytes)
        }))
    }
}
