//! Text in a character set: `org.apache.kafka.connect.storage.StringConverter`.

use std::io::Write as _;

use bytes::Bytes;
use kconnect_client::config;
use kconnect_client::config::Width;

use super::charset::Charset;
use super::{ConverterConfig, header_converter, used_as};
use crate::api::{
    ConfigError, ConfigKey, ConnectError, Converter, Plugin, Properties, RawHeaders, Role,
};
use crate::data::{Schema, SchemaAndValue, Text, Value};

/// The key that chooses the character set.
const ENCODING: &str = "converter.encoding";

config! {
    /// Configuration of the string converter.
    StringConverterConfig {
        with common: ConverterConfig {}
        "" {
            /// The Java name of the character set of the bytes.
            High "converter.encoding" => encoding: String = String::from("UTF-8")
                => { width: Width::Medium, display_name: "Encoding" };
        }
    }
}

/// Converts values to text, as Java prints them, and bytes to strings.
#[derive(Debug)]
pub struct StringConverter {
    charset: Charset,
}

impl Plugin for StringConverter {
    const CLASS: &'static str = "org.apache.kafka.connect.storage.StringConverter";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn config_keys() -> &'static [ConfigKey] {
        StringConverterConfig::KEYS
    }

    fn validate(config: &Properties) -> Vec<ConfigError> {
        config
            .get(ENCODING)
            .and_then(|name| charset(name.trim()).err())
            .into_iter()
            .collect()
    }
}

fn charset(name: &str) -> Result<Charset, ConfigError> {
    Charset::named(name).ok_or_else(|| {
        let text = format!("Unsupported encoding {name}: there are {}", Charset::ALL);
        ConfigError::new(ENCODING, text)
    })
}

impl Converter for StringConverter {
    fn new(config: &Properties, role: Role) -> Result<Self, Vec<ConfigError>> {
        let config = StringConverterConfig::from_properties(&mut used_as(config, role))?;
        let charset = charset(&config.encoding).map_err(|error| vec![error])?;
        Ok(Self { charset })
    }

    fn from_connect_data<'a>(
        &mut self,
        _topic: &str,
        _headers: &mut RawHeaders,
        _schema: Option<&Schema>,
        value: &'a Value,
        out: &'a mut Vec<u8>,
    ) -> Result<Option<&'a [u8]>, ConnectError> {
        match (value, self.charset) {
            (Value::Null, _) => return Ok(None),
            (Value::String(text), Charset::Utf8) => return Ok(Some(text.as_bytes())),
            (Value::String(text), charset) => charset.encode(text, out),
            (other, Charset::Utf8) => {
                out.clear();
                // Writing to memory does not fail.
                let _ = write!(out, "{other}");
            }
            (other, charset) => charset.encode(&other.to_string(), out),
        }
        Ok(Some(out))
    }

    fn to_connect_data(
        &mut self,
        _topic: &str,
        _headers: &RawHeaders,
        value: Option<Bytes>,
    ) -> Result<SchemaAndValue, ConnectError> {
        let text: Option<Text> = value.map(|bytes| self.charset.decode(bytes));
        Ok(SchemaAndValue::new(Some(Schema::optional_string()), text))
    }
}

header_converter!(StringConverter);
