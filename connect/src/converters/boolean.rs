//! One byte, 0 or 1: `org.apache.kafka.connect.converters.BooleanConverter` (KIP-959).

use bytes::Bytes;

use super::{ConverterConfig, header_converter};
use crate::api::{
    ConfigError, ConfigKey, ConnectError, Converter, ErrorKind, Plugin, Properties, RawHeaders,
    Role,
};
use crate::data::{Schema, SchemaAndValue, Type, Value};

/// Converts booleans to one byte and back.
#[derive(Debug, Default)]
pub struct BooleanConverter;

impl Plugin for BooleanConverter {
    const CLASS: &'static str = "org.apache.kafka.connect.converters.BooleanConverter";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn config_keys() -> &'static [ConfigKey] {
        ConverterConfig::KEYS
    }
}

impl Converter for BooleanConverter {
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
        if let Some(ty) = schema.map(Schema::ty).filter(|&ty| ty != Type::Boolean) {
            let text = format!("Invalid schema type for BooleanConverter: {ty}");
            return Err(ConnectError::of(ErrorKind::Data, text));
        }
        match value {
            Value::Null => Ok(None),
            Value::Boolean(true) => Ok(Some(&[1])),
            Value::Boolean(false) => Ok(Some(&[0])),
            other => Err(ConnectError::of(
                ErrorKind::Data,
                format!(
                    "BooleanConverter is not compatible with objects of type class {}",
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
        let value = match value.as_deref() {
            None => Value::Null,
            Some([0]) => Value::Boolean(false),
            Some([1]) => Value::Boolean(true),
            Some(&[other]) => {
                let other = other.cast_signed();
                return Err(failed(format!(
                    "Unexpected byte received by BooleanDeserializer: {other}"
                )));
            }
            Some(_) => {
                let text = "Size of data received by BooleanDeserializer is not 1";
                return Err(failed(text.to_owned()));
            }
        };
        Ok(SchemaAndValue::new(Some(Schema::optional_boolean()), value))
    }
}

fn failed(cause: String) -> ConnectError {
    ConnectError::of(ErrorKind::Data, "Failed to deserialize boolean: ")
        .caused_by(ConnectError::of(ErrorKind::Serialization, cause))
}

header_converter!(BooleanConverter);
