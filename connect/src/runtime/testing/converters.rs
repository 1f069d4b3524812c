//! Converters of tests: bytes are texts, and one text cannot be converted.

use bytes::Bytes;

use crate::api::{
    ConfigError, ConnectError, Converter, ErrorKind, HeaderConverter, Plugin, Properties,
    RawHeaders, Role,
};
use crate::data::{Schema, SchemaAndValue, Text, Value};

/// What no converter here takes.
pub(crate) const UNCONVERTIBLE: &str = "unconvertible";

/// Texts as bytes.
pub(crate) struct TextConverter;

/// Texts as bytes, for headers.
pub(crate) struct TestHeaderConverter;

impl Plugin for TextConverter {
    const CLASS: &'static str = "test.TextConverter";
    const VERSION: &'static str = "1";
}

impl Plugin for TestHeaderConverter {
    const CLASS: &'static str = "test.TestHeaderConverter";
    const VERSION: &'static str = "1";
}

fn write(value: &Value) -> Result<Option<&[u8]>, ConnectError> {
    match value {
        Value::Null => Ok(None),
        Value::Bytes(bytes) => Ok(Some(bytes)),
        Value::String(text) if text == UNCONVERTIBLE => {
            Err(ConnectError::of(ErrorKind::Data, "cannot be converted"))
        }
        Value::String(text) => Ok(Some(text.as_bytes())),
        other => Err(ConnectError::of(
            ErrorKind::Data,
            format!("{other} is no text"),
        )),
    }
}

fn read(value: Option<Bytes>) -> Result<SchemaAndValue, ConnectError> {
    let Some(value) = value else {
        return Ok(SchemaAndValue::NULL);
    };
    if value == UNCONVERTIBLE {
        return Err(ConnectError::of(ErrorKind::Data, "cannot be converted"));
    }
    Ok(SchemaAndValue::new(
        None,
        Value::String(Text::from_utf8_lossy(value)),
    ))
}

impl Converter for TextConverter {
    fn new(_: &Properties, _: Role) -> Result<Self, Vec<ConfigError>> {
        Ok(Self)
    }

    fn from_connect_data<'a>(
        &mut self,
        _: &str,
        _: &mut RawHeaders,
        _: Option<&Schema>,
        value: &'a Value,
        _: &'a mut Vec<u8>,
    ) -> Result<Option<&'a [u8]>, ConnectError> {
        write(value)
    }

    fn to_connect_data(
        &mut self,
        _: &str,
        _: &RawHeaders,
        value: Option<Bytes>,
    ) -> Result<SchemaAndValue, ConnectError> {
        read(value)
    }
}

impl HeaderConverter for TestHeaderConverter {
    fn new(_: &Properties) -> Result<Self, Vec<ConfigError>> {
        Ok(Self)
    }

    fn from_connect_header<'a>(
        &mut self,
        _: &str,
        _: &str,
        _: Option<&Schema>,
        value: &'a Value,
        _: &'a mut Vec<u8>,
    ) -> Result<Option<&'a [u8]>, ConnectError> {
        write(value)
    }

    fn to_connect_header(
        &mut self,
        _: &str,
        _: &str,
        value: Option<Bytes>,
    ) -> Result<SchemaAndValue, ConnectError> {
        read(value)
    }
}
