//! Writes JSON as Java's worker does, byte for byte, straight into the output.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::JsonOptions;
use super::error::JsonError;
use super::scan::escaped;
use crate::data::{
    DataError, DateTime, LogicalType, Map, Schema, Struct, Type, Value, date, decimal, time,
    timestamp, write_f32, write_f64,
};

type Result = std::result::Result<(), JsonError>;

/// Writes `value` under `schema`, or by its own type if there is none.
pub(super) fn write(
    out: &mut Vec<u8>,
    options: &JsonOptions,
    schema: Option<&Schema>,
    value: &Value,
) -> Result {
    match (schema, value) {
        (None, Value::Null) => null(out),
        (Some(schema), Value::Null) => write_null(out, options, schema)?,
        (Some(schema), value) => match LogicalType::of(schema) {
            Some(logical) => write_logical(out, options, logical, schema, value)?,
            None => write_plain(out, options, Some(schema), value)?,
        },
        (None, value) => write_plain(out, options, None, value)?,
    }
    Ok(())
}

fn null(out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
}

fn write_null(out: &mut Vec<u8>, options: &JsonOptions, schema: &Schema) -> Result {
    match schema.default_value() {
        Some(default) if options.replace_null_with_default => {
            write(out, options, Some(schema), default)
        }
        _ if schema.is_optional() => {
            null(out);
            Ok(())
        }
        _ => Err(JsonError::NullWithoutDefault),
    }
}

fn write_plain(
    out: &mut Vec<u8>,
    options: &JsonOptions,
    schema: Option<&Schema>,
    value: &Value,
) -> Result {
    let Some(ty) = schema.map_or_else(|| value.ty(), |schema| Some(schema.ty())) else {
        return Err(JsonError::NoSchemaType(value.java_class()));
    };
    match (ty, value) {
        (Type::Int8, Value::Int8(number)) => integer(out, *number),
        (Type::Int16, Value::Int16(number)) => integer(out, *number),
        (Type::Int32, Value::Int32(number)) => integer(out, *number),
        (Type::Int64, Value::Int64(number)) => integer(out, *number),
        (Type::Float32, Value::Float32(number)) => {
            float(out, number.is_finite(), |out| write_f32(out, *number))
        }
        (Type::Float64, Value::Float64(number)) => {
            float(out, number.is_finite(), |out| write_f64(out, *number))
        }
        (Type::Boolean, Value::Boolean(flag)) => {
            out.extend_from_slice(if *flag { b"true" } else { b"false" });
        }
        (Type::String, Value::String(text)) => string(out, text),
        (Type::Bytes, Value::Bytes(bytes)) => binary(out, bytes),
        (Type::Bytes, value) => return Err(JsonError::NotBytes(value.java_class())),
        (Type::Array, Value::Array(items)) => {
            return write_array(out, options, schema.and_then(Schema::value_schema), items);
        }
        (Type::Map, Value::Map(map)) => return write_map(out, options, schema, map),
        (Type::Struct, Value::Struct(inner)) => return write_struct(out, options, schema, inner),
        (_, value) => {
            return Err(JsonError::WrongClass(
                schema.map(Schema::ty),
                value.java_class(),
            ));
        }
    }
    Ok(())
}

fn write_array(
    out: &mut Vec<u8>,
    options: &JsonOptions,
    elements: Option<&Schema>,
    items: &[Value],
) -> Result {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, options, elements, item)?;
    }
    out.push(b']');
    Ok(())
}

/// String keys make an object, others an array of pairs.
fn write_map(
    out: &mut Vec<u8>,
    options: &JsonOptions,
    schema: Option<&Schema>,
    map: &Map,
) -> Result {
    let keys = schema.and_then(Schema::key_schema);
    let values = schema.and_then(Schema::value_schema);
    let as_object = match keys {
        Some(keys) => keys.ty() == Type::String,
        None => map.iter().all(|(key, _)| matches!(key, Value::String(_))),
    };
    out.push(if as_object { b'{' } else { b'[' });
    for (index, (key, value)) in map.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        if as_object {
            write_name(out, options, keys, key)?;
            out.push(b':');
            write(out, options, values, value)?;
        } else {
            out.push(b'[');
            write(out, options, keys, key)?;
            out.push(b',');
            write(out, options, values, value)?;
            out.push(b']');
        }
    }
    out.push(if as_object { b'}' } else { b']' });
    Ok(())
}

/// A key as a field name: what does not print as a string, an optional null, is put in quotes.
fn write_name(
    out: &mut Vec<u8>,
    options: &JsonOptions,
    keys: Option<&Schema>,
    key: &Value,
) -> Result {
    let start = out.len();
    write(out, options, keys, key)?;
    if out.get(start) != Some(&b'"') {
        out.insert(start, b'"');
        out.push(b'"');
    }
    Ok(())
}

fn write_struct(
    out: &mut Vec<u8>,
    options: &JsonOptions,
    schema: Option<&Schema>,
    inner: &Struct,
) -> Result {
    if schema != Some(inner.schema()) {
        return Err(JsonError::SchemaMismatch);
    }
    out.push(b'{');
    for (field, value) in inner.schema().fields().iter().zip(inner.values()) {
        if field.index() > 0 {
            out.push(b',');
        }
        string(out, field.name());
        out.push(b':');
        write(out, options, Some(field.schema()), value)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_logical(
    out: &mut Vec<u8>,
    options: &JsonOptions,
    logical: LogicalType,
    schema: &Schema,
    value: &Value,
) -> Result {
    match logical {
        LogicalType::Decimal => {
            let Value::Decimal(number) = value else {
                return Err(JsonError::DecimalExpected(value.java_class()));
            };
            if options.decimals_as_numbers {
                display(out, number);
            } else {
                binary(out, &decimal::from_logical(schema, number)?);
            }
        }
        LogicalType::Date => {
            integer(
                out,
                convert("Date", value, |point| date::from_logical(schema, point))?,
            );
        }
        LogicalType::Time => {
            integer(
                out,
                convert("Time", value, |point| time::from_logical(schema, point))?,
            );
        }
        LogicalType::Timestamp => {
            let convert_one = |point| timestamp::from_logical(schema, point);
            integer(out, convert("Timestamp", value, convert_one)?);
        }
    }
    Ok(())
}

fn convert<T>(
    name: &'static str,
    value: &Value,
    convert: impl FnOnce(DateTime) -> std::result::Result<T, DataError>,
) -> std::result::Result<T, JsonError> {
    match value {
        Value::DateTime(point) => Ok(convert(*point)?),
        value => Err(JsonError::DateExpected(name, value.java_class())),
    }
}

pub(super) fn integer(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// What is no number is written in quotes.
fn float(out: &mut Vec<u8>, finite: bool, write: impl FnOnce(&mut Utf8<'_>) -> fmt::Result) {
    if !finite {
        out.push(b'"');
    }
    // Writing to a vector does not fail.
    let _ = write(&mut Utf8(out));
    if !finite {
        out.push(b'"');
    }
}

fn display(out: &mut Vec<u8>, value: &impl fmt::Display) {
    use fmt::Write;
    // Writing to a vector does not fail.
    let _ = write!(Utf8(out), "{value}");
}

struct Utf8<'a>(&'a mut Vec<u8>);

impl fmt::Write for Utf8<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Bytes as base64 in quotes.
fn binary(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = STANDARD
        .encode_slice(bytes, &mut out[start..])
        .unwrap_or_default();
    out.truncate(start + written);
    out.push(b'"');
}

/// Text in quotes. Escaped are the quote, the backslash, control characters, and characters beyond
/// 16 bits, which Java's worker writes as surrogate pairs.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    let mut plain = 0;
    loop {
        let end = escaped(bytes, plain);
        out.extend_from_slice(&bytes[plain..end]);
        let Some(&byte) = bytes.get(end) else { break };
        plain = end + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            8 => out.extend_from_slice(b"\\b"),
            9 => out.extend_from_slice(b"\\t"),
            10 => out.extend_from_slice(b"\\n"),
            12 => out.extend_from_slice(b"\\f"),
            13 => out.extend_from_slice(b"\\r"),
            0..0x20 => unicode_escape(out, byte.into()),
            _ => {
                let character = text[end..].chars().next().unwrap_or_default();
                for unit in character.encode_utf16(&mut [0; 2]) {
                    unicode_escape(out, *unit);
                }
                plain = end + character.len_utf8();
            }
        }
    }
    out.push(b'"');
}

fn unicode_escape(out: &mut Vec<u8>, unit: u16) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(b"\\u");
    out.extend([12, 8, 4, 0].map(|shift| HEX[usize::from(unit >> shift & 15)]));
}
