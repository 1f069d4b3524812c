//! JSON, with a schema in each message or without one.

mod cache;
mod error;
mod number;
mod reader;
mod scan;
mod schema;
mod to_connect;
mod writer;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use kconnect_client::config;
use kconnect_client::config::{Width, check};

use self::cache::Cache;
use self::error::{JsonError, Syntax, SyntaxError};
use self::reader::{Kind, Reader};
use super::{ConverterConfig, used_as};
use crate::api::{
    ConfigError, ConfigKey, ConnectError, Converter, HeaderConverter, Plugin, Properties,
    RawHeaders, Role,
};
use crate::data::{Schema, SchemaAndValue, Text, Value};

config! {
    /// Configuration of the JSON converter.
    JsonConverterConfig {
        with common: ConverterConfig {}
        "Schemas" {
            /// Whether each message carries its schema: `{"schema":...,"payload":...}`.
            High "schemas.enable" => schemas_enable: bool = true
                => { order_in_group: 0, width: Width::Medium, display_name: "Enable Schemas" };
            /// How many schemas the converter remembers in each direction.
            High "schemas.cache.size" => schemas_cache_size: i32 = 1000
                => { order_in_group: 1, width: Width::Medium, display_name: "Schema Cache Size" };
            /// A schema in JSON for all messages to sinks, which are bare payloads then. Used only
            /// with `schemas.enable=true`.
            High "schema.content" => schema_content: Option<String> = None
                => { order_in_group: 2, width: Width::Medium, display_name: "Schema Content" };
        }
        "Serialization" {
            /// How decimals are written: `BASE64`, their bytes in base64, or `NUMERIC`, as numbers.
            /// Both are read.
            Low "decimal.format" => decimal_format: String = String::from("BASE64"),
                check::one_of_ignoring_case(&["BASE64", "NUMERIC"])
                => { order_in_group: 0, width: Width::Medium, display_name: "Decimal Format" };
            /// Whether a null in a field that has a default is replaced by it.
            Low "replace.null.with.default" => replace_null_with_default: bool = true
                => { order_in_group: 1, width: Width::Medium, display_name: "Replace null with default" };
        }
    }
}

/// What the reader and writer need to know of the configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JsonOptions {
    pub(crate) replace_null_with_default: bool,
    pub(crate) decimals_as_numbers: bool,
}

impl Default for JsonOptions {
    fn default() -> Self {
        Self {
            replace_null_with_default: true,
            decimals_as_numbers: false,
        }
    }
}

/// Converts values to JSON and back: `org.apache.kafka.connect.json.JsonConverter`.
#[derive(Debug)]
pub struct JsonConverter {
    options: JsonOptions,
    schemas_enable: bool,
    /// The schema of all messages to sinks, if it is configured.
    fixed_schema: Option<Option<Schema>>,
    /// Schemas as they open an envelope: `{"schema":...,"payload":`.
    written: Cache<Schema, Bytes>,
    last_written: Option<(Schema, Bytes)>,
    /// Schemas by the bytes of their JSON.
    read: Cache<Bytes, Option<Schema>>,
    last_read: Option<(Bytes, Option<Schema>)>,
}

impl JsonConverter {
    /// A converter with this configuration.
    ///
    /// # Errors
    ///
    /// When `schema.content` is not a schema.
    pub fn from_config(config: &JsonConverterConfig) -> Result<Self, Vec<ConfigError>> {
        let options = JsonOptions {
            replace_null_with_default: config.replace_null_with_default,
            decimals_as_numbers: config.decimal_format.eq_ignore_ascii_case("NUMERIC"),
        };
        let fixed_schema = match &config.schema_content {
            Some(content) if config.schemas_enable && !content.is_empty() => {
                Some(fixed_schema(content, &options).map_err(|error| vec![error])?)
            }
            _ => None,
        };
        let cache_size = usize::try_from(config.schemas_cache_size).unwrap_or(0);
        Ok(Self {
            options,
            schemas_enable: config.schemas_enable,
            fixed_schema,
            written: Cache::new(cache_size),
            last_written: None,
            read: Cache::new(cache_size),
            last_read: None,
        })
    }

    fn convert_from<'a>(
        &mut self,
        schema: Option<&Schema>,
        value: &Value,
        out: &'a mut Vec<u8>,
    ) -> Result<Option<&'a [u8]>, ConnectError> {
        if schema.is_none() && value.is_null() {
            return Ok(None);
        }
        out.clear();
        if self.schemas_enable {
            match schema {
                Some(schema) => out.extend_from_slice(self.envelope(schema)?),
                None => out.extend_from_slice(b"{\"schema\":null,\"payload\":"),
            }
        }
        writer::write(out, &self.options, schema, value)?;
        if self.schemas_enable {
            out.push(b'}');
        }
        Ok(Some(out))
    }

    /// How an envelope with this schema starts.
    fn envelope(&mut self, schema: &Schema) -> Result<&[u8], JsonError> {
        let is_last = self
            .last_written
            .as_ref()
            .is_some_and(|(last, _)| last.ptr_eq(schema));
        if !is_last {
            let opening = match self.written.get(schema) {
                Some(opening) => opening.clone(),
                None => {
                    let mut opening = b"{\"schema\":".to_vec();
                    schema::write(&mut opening, &self.options, Some(schema))?;
                    opening.extend_from_slice(b",\"payload\":");
                    let opening = Bytes::from(opening);
                    self.written.insert(schema.clone(), opening.clone());
                    opening
                }
            };
            self.last_written = Some((schema.clone(), opening));
        }
        Ok(self
            .last_written
            .as_ref()
            .map_or(&[], |(_, opening)| opening))
    }

    fn convert_to(&mut self, value: Option<Bytes>) -> Result<SchemaAndValue, ConnectError> {
        let Some(bytes) = value else {
            return Ok(SchemaAndValue::NULL);
        };
        let text = as_text(bytes)?;
        let mut reader = Reader::new(&text);
        if !self.schemas_enable {
            let value = read_or_null(&mut reader, to_connect::read_schemaless)?;
            return Ok(SchemaAndValue {
                schema: None,
                value,
            });
        }
        if let Some(schema) = self.fixed_schema.clone() {
            let value = read_or_null(&mut reader, |reader| {
                to_connect::read(reader, &self.options, schema.as_ref())
            })?;
            return Ok(SchemaAndValue { schema, value });
        }
        Ok(self.read_envelope(&mut reader, &text)?)
    }

    /// Reads `{"schema":...,"payload":...}`. A payload that comes first is read when the schema is
    /// known.
    fn read_envelope(
        &mut self,
        reader: &mut Reader<'_>,
        text: &Text,
    ) -> Result<SchemaAndValue, JsonError> {
        if reader.is_at_end() || reader.kind()? != Kind::Object {
            if !reader.is_at_end() {
                reader.skip()?;
            }
            return Err(JsonError::NotAnEnvelope);
        }
        reader.enter()?;
        let mut found_schema = None;
        let mut payload: Option<(usize, Option<Value>)> = None;
        let mut others = false;
        let mut first = true;
        while let Some(name) = reader.next_name(first)? {
            first = false;
            match (&*name, &found_schema) {
                ("schema", _) => {
                    found_schema = Some(self.read_schema(reader, text)?);
                    // A payload that was read under another schema is read again.
                    payload = payload.map(|(at, _)| (at, None));
                }
                ("payload", Some(schema)) => {
                    let at = reader.position();
                    let value = to_connect::read(reader, &self.options, schema.as_ref())?;
                    payload = Some((at, Some(value)));
                }
                ("payload", None) => {
                    payload = Some((reader.position(), None));
                    reader.skip()?;
                }
                _ => {
                    others = true;
                    reader.skip()?;
                }
            }
        }
        let (Some(schema), Some((at, value)), false) = (found_schema, payload, others) else {
            return Err(JsonError::NotAnEnvelope);
        };
        let value = match value {
            Some(value) => value,
            None => {
                let mut reader = reader.nested_at(at);
                to_connect::read(&mut reader, &self.options, schema.as_ref())?
            }
        };
        Ok(SchemaAndValue { schema, value })
    }

    /// Reads a schema, or skips it if its bytes are known.
    fn read_schema(
        &mut self,
        reader: &mut Reader<'_>,
        text: &Text,
    ) -> Result<Option<Schema>, JsonError> {
        if let Some((bytes, schema)) = &self.last_read
            && reader.skip_known(bytes)
        {
            return Ok(schema.clone());
        }
        let start = reader.position();
        let mut behind = reader.clone();
        behind.skip()?;
        let end = behind.end();
        let bytes = &text.as_bytes()[start..end];
        let (key, schema) = match self.read.get(bytes) {
            Some(schema) => (Bytes::copy_from_slice(bytes), schema.clone()),
            None => {
                // Copied, so that the cache does not keep a whole fetched batch alive.
                let copy = Text::from(&text[start..end]);
                let schema = schema::read(&mut Reader::new(&copy), &copy, &self.options)?;
                self.read.insert(copy.as_bytes().clone(), schema.clone());
                (copy.into_bytes(), schema)
            }
        };
        *reader = behind;
        // Only an object is sure to end where its bytes end; a number could go on.
        self.last_read = key.starts_with(b"{").then(|| (key, schema.clone()));
        Ok(schema)
    }
}

/// The text of a message.
fn as_text(bytes: Bytes) -> Result<Text, JsonError> {
    Text::from_utf8(bytes).map_err(|invalid| {
        JsonError::Syntax(SyntaxError {
            what: Syntax::Utf8,
            at: invalid.valid_up_to(),
        })
    })
}

/// No text at all stands for null.
fn read_or_null(
    reader: &mut Reader<'_>,
    read: impl FnOnce(&mut Reader<'_>) -> Result<Value, JsonError>,
) -> Result<Value, JsonError> {
    if reader.is_at_end() {
        Ok(Value::Null)
    } else {
        read(reader)
    }
}

fn fixed_schema(content: &str, options: &JsonOptions) -> Result<Option<Schema>, ConfigError> {
    let text = Text::from(content);
    schema::read(&mut Reader::new(&text), &text, options).map_err(|error| {
        let cause = match error {
            JsonError::Syntax(cause) => cause.to_string(),
            error => error.to_string(),
        };
        ConfigError::new(
            "schema.content",
            format!(
                "Failed to parse schema in converter config due to serialization error: {cause}"
            ),
        )
    })
}

/// Writes a value without schema, as offsets are kept.
pub(crate) fn write_schemaless(out: &mut Vec<u8>, value: &Value) -> Result<(), ConnectError> {
    Ok(writer::write(out, &JsonOptions::default(), None, value)?)
}

/// Writes text in quotes.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &str) {
    writer::string(out, text);
}

/// Reads a value without schema; empty bytes are null.
pub(crate) fn read_schemaless(bytes: Bytes) -> Result<Value, ConnectError> {
    let text = as_text(bytes)?;
    Ok(read_or_null(&mut Reader::new(&text), |reader| {
        to_connect::read_schemaless(reader)
    })?)
}

impl Plugin for JsonConverter {
    const CLASS: &'static str = "org.apache.kafka.connect.json.JsonConverter";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn config_keys() -> &'static [ConfigKey] {
        JsonConverterConfig::KEYS
    }
}

impl Converter for JsonConverter {
    fn new(config: &Properties, role: Role) -> Result<Self, Vec<ConfigError>> {
        let mut config = used_as(config, role);
        Self::from_config(&JsonConverterConfig::from_properties(&mut config)?)
    }

    fn from_connect_data<'a>(
        &mut self,
        _topic: &str,
        _headers: &mut RawHeaders,
        schema: Option<&Schema>,
        value: &'a Value,
        out: &'a mut Vec<u8>,
    ) -> Result<Option<&'a [u8]>, ConnectError> {
        self.convert_from(schema, value, out)
    }

    fn to_connect_data(
        &mut self,
        _topic: &str,
        _headers: &RawHeaders,
        value: Option<Bytes>,
    ) -> Result<SchemaAndValue, ConnectError> {
        self.convert_to(value)
    }
}

impl HeaderConverter for JsonConverter {
    fn new(config: &Properties) -> Result<Self, Vec<ConfigError>> {
        let mut config = used_as(config, Role::Header);
        Self::from_config(&JsonConverterConfig::from_properties(&mut config)?)
    }

    fn from_connect_header<'a>(
        &mut self,
        _topic: &str,
        _key: &str,
        schema: Option<&Schema>,
        value: &'a Value,
        out: &'a mut Vec<u8>,
    ) -> Result<Option<&'a [u8]>, ConnectError> {
        self.convert_from(schema, value, out)
    }

    fn to_connect_header(
        &mut self,
        _topic: &str,
        _key: &str,
        value: Option<Bytes>,
    ) -> Result<SchemaAndValue, ConnectError> {
        self.convert_to(value)
    }
}
