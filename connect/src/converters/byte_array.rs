//! Bytes as they are: `org.apache.kafka.connect.converters.ByteArrayConverter`.

use bytes::Bytes;

use super::{ConverterConfig, header_converter};
use crate::api::{
    ConfigError, ConfigKey, ConnectError, Converter, ErrorKind, Plugin, Properties, RawHeaders,
    Role,
};
use crate::data::{Schema, SchemaAndValue, Type, Value};

/// Passes bytes through, without a copy in either direction.
#[derive(Debug, Default)]
pub struct ByteArrayConverter;

impl Plugin for ByteArrayConverter {
    const CLASS: &'static str = "org.apache.kafka.connect.converters.ByteArrayConverter";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn config_keys() -> &'static [ConfigKey] {
        ConverterConfig::KEYS
    }
}

impl Converter for ByteArrayConverter {
    fn new(_config: &Properties, _role: Role) -> Result<Self, Vec<ConfigError>> {
        Ok(Self)
    }

    fn from_connect_data<'a>(
        &mut self,
        _topic: &str,
        _headers: &mut RawHeaders,
        schema: Option<&Schema>,
        value: &'a Value,
        _out: &'a mut Vec<u8>,
    ) -> Result<Option<&'a [u8]>, ConnectError> {
        if let Some(ty) = schema.map(Schema::ty).filter(|&ty| ty != Type::Bytes) {
            let text = format!("Invalid schema type for ByteArrayConverter: {ty}");
            return Err(ConnectError::of(ErrorKind::Data, text));
        }
        match value {
            Value::Null => Ok(None),
            Value::Bytes(bytes) => Ok(Some(bytes)),
            other => Err(ConnectError::of(
                ErrorKind::Data,
                format!(
                    "ByteArrayConverter is not compatible with objects of type class {}",
                    other.java_class()
                ),
            )),
        }
    }

    fn to_connect_data(
        &mut self,
        _topic: &str,
        _headers: &RawHeaders,
        value: Option<Bytes>,
    ) -> Result<SchemaAndValue, ConnectError> {
        Ok(SchemaAndValue::new(Some(Schema::optional_bytes()), value))
    }
}

header_converter!(ByteArrayConverter);
