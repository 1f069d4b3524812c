//! A value of the data model.

use std::fmt::{self, Write};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::{DateTime, Decimal, Map, Schema, Struct, Text, Type, write_f32, write_f64};

/// A value, with or without a schema to describe it.
///
/// A clone shares text, bytes and containers. Equality is Java's: by type and content, NaN equals
/// NaN, `0.0` is not `-0.0`, and the order of a map's entries does not matter.
#[derive(Debug, Clone, Default)]
pub enum Value {
    /// No value.
    #[default]
    Null,
    /// `INT8`
    Int8(i8),
    /// `INT16`
    Int16(i16),
    /// `INT32`
    Int32(i32),
    /// `INT64`
    Int64(i64),
    /// `FLOAT32`
    Float32(f32),
    /// `FLOAT64`
    Float64(f64),
    /// `BOOLEAN`
    Boolean(bool),
    /// `STRING`
    String(Text),
    /// `BYTES`
    Bytes(Bytes),
    /// `ARRAY`
    Array(Arc<Vec<Self>>),
    /// `MAP`
    Map(Map),
    /// `STRUCT`
    Struct(Struct),
    /// The logical type Decimal.
    Decimal(Decimal),
    /// The logical types Date, Time and Timestamp.
    DateTime(DateTime),
}

/// A value with its schema; the schema is absent where the format has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchemaAndValue {
    /// The schema.
    pub schema: Option<Schema>,
    /// The value.
    pub value: Value,
}

impl SchemaAndValue {
    /// No schema and no value: what a tombstone is read as.
    pub const NULL: Self = Self {
        schema: None,
        value: Value::Null,
    };

    /// A value under a schema.
    pub fn new(schema: Option<Schema>, value: impl Into<Value>) -> Self {
        Self {
            schema,
            value: value.into(),
        }
    }
}

impl Value {
    /// An array.
    #[must_use]
    pub fn array(items: Vec<Self>) -> Self {
        Self::Array(Arc::new(items))
    }

    /// Whether this is null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, when this is an integer of any width.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Self::Int8(number) => Some(number.into()),
            Self::Int16(number) => Some(number.into()),
            Self::Int32(number) => Some(number.into()),
            Self::Int64(number) => Some(number),
            _ => None,
        }
    }

    /// The type of a value that has no logical type, as Java's `ConnectSchema.schemaType`.
    #[must_use]
    pub fn ty(&self) -> Option<Type> {
        Some(match self {
            Self::Int8(_) => Type::Int8,
            Self::Int16(_) => Type::Int16,
            Self::Int32(_) => Type::Int32,
            Self::Int64(_) => Type::Int64,
            Self::Float32(_) => Type::Float32,
            Self::Float64(_) => Type::Float64,
            Self::Boolean(_) => Type::Boolean,
            Self::String(_) => Type::String,
            Self::Bytes(_) => Type::Bytes,
            Self::Array(_) => Type::Array,
            Self::Map(_) => Type::Map,
            Self::Struct(_) => Type::Struct,
            Self::Null | Self::Decimal(_) | Self::DateTime(_) => return None,
        })
    }

    /// The Java class of such a value, for texts that name it.
    #[must_use]
    pub fn java_class(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Int8(_) => "java.lang.Byte",
            Self::Int16(_) => "java.lang.Short",
            Self::Int32(_) => "java.lang.Integer",
            Self::Int64(_) => "java.lang.Long",
            Self::Float32(_) => "java.lang.Float",
            Self::Float64(_) => "java.lang.Double",
            Self::Boolean(_) => "java.lang.Boolean",
            Self::String(_) => "java.lang.String",
            Self::Bytes(_) => "[B",
            Self::Array(_) => "java.util.ArrayList",
            Self::Map(_) => "java.util.HashMap",
            Self::Struct(_) => "org.apache.kafka.connect.data.Struct",
            Self::Decimal(_) => "java.math.BigDecimal",
            Self::DateTime(_) => "java.util.Date",
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Int8(a), Self::Int8(b)) => a == b,
            (Self::Int16(a), Self::Int16(b)) => a == b,
            (Self::Int32(a), Self::Int32(b)) => a == b,
            (Self::Int64(a), Self::Int64(b)) => a == b,
            (Self::Float32(a), Self::Float32(b)) => bits_f32(*a) == bits_f32(*b),
            (Self::Float64(a), Self::Float64(b)) => bits_f64(*a) == bits_f64(*b),
            (Self::Boolean(a), Self::Boolean(b)) => a == b,
            (Self::String(a), Self::String(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Array(a), Self::Array(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            (Self::Struct(a), Self::Struct(b)) => a == b,
            (Self::Decimal(a), Self::Decimal(b)) => a == b,
            (Self::DateTime(a), Self::DateTime(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Null => {}
            Self::Int8(number) => number.hash(state),
            Self::Int16(number) => number.hash(state),
            Self::Int32(number) => number.hash(state),
            Self::Int64(number) => number.hash(state),
            Self::Float32(number) => bits_f32(*number).hash(state),
            Self::Float64(number) => bits_f64(*number).hash(state),
            Self::Boolean(flag) => flag.hash(state),
            Self::String(text) => text.hash(state),
            Self::Bytes(bytes) => bytes.hash(state),
            Self::Array(items) => items.hash(state),
            Self::Map(map) => map.hash(state),
            Self::Struct(inner) => inner.hash(state),
            Self::Decimal(decimal) => decimal.hash(state),
            Self::DateTime(point) => point.hash(state),
        }
    }
}

/// The bits by which Java compares floats: all NaNs are one.
fn bits_f32(number: f32) -> u32 {
    if number.is_nan() {
        f32::NAN.to_bits()
    } else {
        number.to_bits()
    }
}

fn bits_f64(number: f64) -> u64 {
    if number.is_nan() {
        f64::NAN.to_bits()
    } else {
        number.to_bits()
    }
}

/// As Java's `toString`, e.g. `Struct{id=1,tags=[a, b]}`; bytes, where Java prints an address, as
/// base64.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Int8(number) => write!(f, "{number}"),
            Self::Int16(number) => write!(f, "{number}"),
            Self::Int32(number) => write!(f, "{number}"),
            Self::Int64(number) => write!(f, "{number}"),
            Self::Float32(number) => write_f32(f, *number),
            Self::Float64(number) => write_f64(f, *number),
            Self::Boolean(flag) => write!(f, "{flag}"),
            Self::String(text) => f.write_str(text),
            Self::Bytes(bytes) => write!(f, "{}", Base64Display::new(bytes, &STANDARD)),
            Self::Array(items) => {
                f.write_char('[')?;
                for (index, item) in items.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { ", " })?;
                    write!(f, "{item}")?;
                }
                f.write_char(']')
            }
            Self::Map(map) => write!(f, "{map}"),
            Self::Struct(inner) => write!(f, "{inner}"),
            Self::Decimal(decimal) => write!(f, "{decimal}"),
            Self::DateTime(point) => write!(f, "{point}"),
        }
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident;)*) => {
        $(impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$variant(value.into())
            }
        })*
    };
}

from! {
    i8 => Int8;
    i16 => Int16;
    i32 => Int32;
    i64 => Int64;
    f32 => Float32;
    f64 => Float64;
    bool => Boolean;
    &str => String;
    String => String;
    Text => String;
    Bytes => Bytes;
    Vec<u8> => Bytes;
    Vec<Self> => Array;
    Map => Map;
    Struct => Struct;
    Decimal => Decimal;
    DateTime => DateTime;
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_no_larger_than_text_and_a_tag() {
        assert_eq!(size_of::<Value>(), size_of::<Text>() + 8);
    }

    #[test]
    fn floats_are_equal_as_in_java() {
        assert_eq!(Value::Float64(f64::NAN), Value::Float64(-f64::NAN));
        assert_ne!(Value::Float64(0.0), Value::Float64(-0.0));
        assert_ne!(Value::Int32(1), Value::Int64(1));
    }

    #[test]
    fn values_print_as_in_java() {
        let map = Map::from_iter([
            (Value::from("a"), Value::from(1.5)),
            ("b".into(), Value::Null),
        ]);
        let array = Value::from(vec![map.into(), Value::from("x"), true.into()]);
        assert_eq!(array.to_string(), "[{a=1.5, b=null}, x, true]");
    }
}
