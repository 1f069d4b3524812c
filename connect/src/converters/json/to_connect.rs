//! From JSON to values, straight from the text.
//!
//! With a schema numbers are brought to its type as Java does it, which is without complaint: they
//! wrap, lose their fraction, or are zero where no number stands.

use std::sync::Arc;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;

use super::JsonOptions;
use super::error::JsonError;
use super::reader::{Kind, Reader};
use crate::data::{LogicalType, Map, Schema, Struct, Type, Value, date, decimal, time, timestamp};

/// Reads base64 that must be padded and whose last bits may be anything, as Java's does.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// Reads a value by its own type: integers are 64 bits wide, floats doubles, objects maps.
///
/// The functions that call each other once a level are kept small, for a text may have a thousand.
pub(super) fn read_schemaless(reader: &mut Reader<'_>) -> Result<Value, JsonError> {
    match reader.kind()? {
        Kind::Array => read_items(reader),
        Kind::Object => read_fields(reader),
        kind => read_scalar(reader, kind),
    }
}

fn read_items(reader: &mut Reader<'_>) -> Result<Value, JsonError> {
    reader.enter()?;
    let mut items = Vec::new();
    while reader.next_item(items.is_empty())? {
        items.push(read_schemaless(reader)?);
    }
    Ok(Value::array(items))
}

fn read_fields(reader: &mut Reader<'_>) -> Result<Value, JsonError> {
    reader.enter()?;
    let mut map = Map::new();
    let mut first = true;
    while let Some(name) = reader.next_name_text(first)? {
        first = false;
        map.insert(name, read_schemaless(reader)?);
    }
    Ok(Value::Map(map))
}

fn read_scalar(reader: &mut Reader<'_>, kind: Kind) -> Result<Value, JsonError> {
    Ok(match kind {
        Kind::Boolean => Value::Boolean(reader.boolean()?),
        Kind::String => Value::String(reader.string()?),
        Kind::Number => {
            let number = reader.number()?;
            if number.integral {
                Value::Int64(number.to_i64())
            } else {
                Value::Float64(number.to_f64())
            }
        }
        _ => {
            reader.null()?;
            Value::Null
        }
    })
}

/// Reads a value under a schema.
pub(super) fn read(
    reader: &mut Reader<'_>,
    options: &JsonOptions,
    schema: Option<&Schema>,
) -> Result<Value, JsonError> {
    match schema {
        Some(schema) => read_nested(reader, options, schema),
        None => read_schemaless(reader),
    }
}

/// Reads a value under a schema that there is.
pub(super) fn read_nested(
    reader: &mut Reader<'_>,
    options: &JsonOptions,
    schema: &Schema,
) -> Result<Value, JsonError> {
    let kind = reader.kind()?;
    if kind == Kind::Null {
        reader.null()?;
        return read_null(options, schema);
    }
    if let Some(logical) = LogicalType::of(schema) {
        return read_logical(reader, logical, schema, kind);
    }
    match schema.ty() {
        Type::Array => read_array(reader, options, schema, kind),
        Type::Map => read_map(reader, options, schema, kind),
        Type::Struct => read_struct(reader, options, schema, kind),
        ty => read_primitive(reader, ty, kind),
    }
}

/// What a null, or a field that is not there, stands for.
fn read_null(options: &JsonOptions, schema: &Schema) -> Result<Value, JsonError> {
    match schema.default_value() {
        Some(default) if options.replace_null_with_default => Ok(default.clone()),
        _ if schema.is_optional() => Ok(Value::Null),
        _ => Err(JsonError::NullForRequired(schema.ty())),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "Java casts to byte and short"
)]
fn read_primitive(reader: &mut Reader<'_>, ty: Type, kind: Kind) -> Result<Value, JsonError> {
    Ok(match (ty, kind) {
        (Type::String, Kind::String) => Value::String(reader.string()?),
        (Type::Bytes, Kind::String) => Value::Bytes(read_base64(reader, JsonError::InvalidBytes)?),
        (Type::Boolean, Kind::Boolean) => Value::Boolean(reader.boolean()?),
        (Type::Int8, Kind::Number) => Value::Int8(reader.number()?.to_i32() as i8),
        (Type::Int16, Kind::Number) => Value::Int16(reader.number()?.to_i32() as i16),
        (Type::Int32, Kind::Number) => Value::Int32(reader.number()?.to_i32()),
        (Type::Int64, Kind::Number) => Value::Int64(reader.number()?.to_i64()),
        (Type::Float32, Kind::Number) => Value::Float32(reader.number()?.to_f32()),
        (Type::Float64, Kind::Number) => Value::Float64(reader.number()?.to_f64()),
        (ty, _) => {
            reader.skip()?;
            reader.stray_nulls = true;
            of_another_kind(ty)
        }
    })
}

/// What Java makes of a JSON value of another kind than the type.
fn of_another_kind(ty: Type) -> Value {
    match ty {
        Type::Boolean => Value::Boolean(false),
        Type::Int8 => Value::Int8(0),
        Type::Int16 => Value::Int16(0),
        Type::Int32 => Value::Int32(0),
        Type::Int64 => Value::Int64(0),
        Type::Float32 => Value::Float32(0.0),
        Type::Float64 => Value::Float64(0.0),
        _ => Value::Null,
    }
}

fn read_base64(reader: &mut Reader<'_>, otherwise: JsonError) -> Result<Bytes, JsonError> {
    let text = reader.string()?;
    if let Ok(bytes) = BASE64.decode(text.as_bytes()) {
        return Ok(bytes.into());
    }
    // White space may stand between groups of four, not in them.
    let mut packed = Vec::with_capacity(text.len());
    for byte in text.bytes() {
        if byte > b' ' || packed.len() % 4 != 0 {
            packed.push(byte);
        }
    }
    BASE64
        .decode(packed)
        .map(Bytes::from)
        .map_err(|_| otherwise)
}

fn read_logical(
    reader: &mut Reader<'_>,
    logical: LogicalType,
    schema: &Schema,
    kind: Kind,
) -> Result<Value, JsonError> {
    Ok(match (logical, kind) {
        (LogicalType::Decimal, Kind::Number) => Value::Decimal(reader.number()?.to_decimal()),
        (LogicalType::Decimal, Kind::String) => {
            let bytes = read_base64(reader, JsonError::InvalidDecimalBytes)?;
            let value = decimal::to_logical(schema, &bytes);
            Value::Decimal(value.map_err(|_| JsonError::InvalidDecimalBytes)?)
        }
        (LogicalType::Decimal, kind) => return Err(JsonError::DecimalFrom(kind.node_type())),
        (LogicalType::Date, kind) => {
            Value::DateTime(date::to_logical(schema, read_int(reader, "Date", kind)?)?)
        }
        (LogicalType::Time, kind) => {
            Value::DateTime(time::to_logical(schema, read_int(reader, "Time", kind)?)?)
        }
        (LogicalType::Timestamp, Kind::Number) => {
            let number = reader.number()?;
            if !number.integral {
                return Err(JsonError::IntegralExpected(kind.node_type()));
            }
            Value::DateTime(timestamp::to_logical(schema, number.to_i64())?)
        }
        (LogicalType::Timestamp, kind) => {
            return Err(JsonError::IntegralExpected(kind.node_type()));
        }
    })
}

fn read_int(reader: &mut Reader<'_>, name: &'static str, kind: Kind) -> Result<i32, JsonError> {
    if kind == Kind::Number
        && let Some(number) = reader.number()?.as_exact_i32()
    {
        return Ok(number);
    }
    Err(JsonError::IntegerExpected(name, kind.node_type()))
}

/// Any container gives its values, anything else no elements, as iterating a node does in Java.
fn read_array(
    reader: &mut Reader<'_>,
    options: &JsonOptions,
    schema: &Schema,
    kind: Kind,
) -> Result<Value, JsonError> {
    let elements = schema.value_schema();
    let mut items = Vec::new();
    match kind {
        Kind::Array => {
            reader.enter()?;
            while reader.next_item(items.is_empty())? {
                items.push(read(reader, options, elements)?);
            }
        }
        Kind::Object => {
            reader.enter()?;
            while reader.next_name(items.is_empty())?.is_some() {
                items.push(read(reader, options, elements)?);
            }
        }
        _ => reader.skip()?,
    }
    Ok(Value::array(items))
}

fn read_map(
    reader: &mut Reader<'_>,
    options: &JsonOptions,
    schema: &Schema,
    kind: Kind,
) -> Result<Value, JsonError> {
    let (keys, values) = (schema.key_schema(), schema.value_schema());
    let as_object = keys.is_none_or(|keys| keys.ty() == Type::String);
    let mut map = Map::new();
    let mut first = true;
    if as_object {
        if kind != Kind::Object {
            return Err(JsonError::MapNotObject(kind.node_type()));
        }
        reader.enter()?;
        while let Some(name) = reader.next_name_text(first)? {
            first = false;
            map.insert(name, read(reader, options, values)?);
        }
        return Ok(Value::Map(map));
    }
    if kind != Kind::Array {
        return Err(JsonError::MapNotArray(kind.node_type()));
    }
    reader.enter()?;
    while reader.next_item(first)? {
        first = false;
        let (key, value) = read_entry(reader, options, keys, values)?;
        map.insert(key, value);
    }
    Ok(Value::Map(map))
}

fn read_entry(
    reader: &mut Reader<'_>,
    options: &JsonOptions,
    keys: Option<&Schema>,
    values: Option<&Schema>,
) -> Result<(Value, Value), JsonError> {
    let kind = reader.kind()?;
    if kind != Kind::Array {
        return Err(JsonError::EntryNotArray(kind.node_type()));
    }
    reader.enter()?;
    let mut length = 0;
    let (mut key, mut value) = (Value::Null, Value::Null);
    while reader.next_item(length == 0)? {
        match length {
            0 => key = read(reader, options, keys)?,
            1 => value = read(reader, options, values)?,
            _ => reader.skip()?,
        }
        length += 1;
    }
    if length == 2 {
        Ok((key, value))
    } else {
        Err(JsonError::EntryLength(length))
    }
}

fn read_struct(
    reader: &mut Reader<'_>,
    options: &JsonOptions,
    schema: &Schema,
    kind: Kind,
) -> Result<Value, JsonError> {
    if kind != Kind::Object {
        return Err(JsonError::StructNotObject(kind.node_type()));
    }
    reader.enter()?;
    let fields = schema.fields();
    let mut values: Arc<[Value]> = std::iter::repeat_n(Value::Null, fields.len()).collect();
    let slots = Arc::get_mut(&mut values).ok_or(JsonError::SchemaMismatch)?;
    let mut seen = Seen::new(fields.len());
    // Fields mostly come in the order of the schema.
    let mut expected = 0;
    let mut first = true;
    while let Some(name) = reader.next_name(first)? {
        first = false;
        let field = match fields.get(expected) {
            Some(field) if field.name() == &*name => Some(field),
            _ => schema.field(&name),
        };
        let Some(field) = field else {
            reader.skip()?;
            continue;
        };
        slots[field.index()] = read_nested(reader, options, field.schema())?;
        seen.add(field.index());
        expected = field.index() + 1;
    }
    for (field, slot) in fields.iter().zip(slots) {
        if !seen.contains(field.index()) {
            *slot = read_null(options, field.schema())?;
        }
        // Values have their schema's type by construction, but may be null where they must not be.
        if reader.stray_nulls {
            field.check(slot)?;
        }
    }
    Ok(Value::Struct(Struct::from_parts(schema.clone(), values)))
}

/// Which fields of a struct were there.
enum Seen {
    Few(u128),
    Many(Vec<bool>),
}

impl Seen {
    fn new(fields: usize) -> Self {
        if fields <= 128 {
            Self::Few(0)
        } else {
            Self::Many(vec![false; fields])
        }
    }

    fn add(&mut self, index: usize) {
        match self {
            Self::Few(bits) => *bits |= 1 << index,
            Self::Many(flags) => flags[index] = true,
        }
    }

    fn contains(&self, index: usize) -> bool {
        match self {
            Self::Few(bits) => bits >> index & 1 == 1,
            Self::Many(flags) => flags[index],
        }
    }
}
