//! Numbers in a fixed count of bytes, the most significant first: Short-, Integer-, Long-, Float- and DoubleConverter.

use bytes::Bytes;

use super::{ConverterConfig, header_converter};
use crate::api::{
    ConfigError, ConfigKey, ConnectError, Converter, ErrorKind, Plugin, Properties, RawHeaders,
    Role,
};
use crate::data::{Schema, SchemaAndValue, Value};

/// One converter per type of number.
macro_rules! number_converters {
    ($(
        $(#[doc = $doc:literal])*
        $converter:ident, $class:literal, $name:literal, $deserializer:literal, $variant:ident($number:ty), $schema:ident,
            $canonical:expr;
    )*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Default)]
        pub struct $converter;

        impl Plugin for $converter {
            const CLASS: &'static str = concat!("org.apache.kafka.connect.converters.", $class);
            const VERSION: &'static str = env!("CARGO_PKG_VERSION");

            fn config_keys() -> &'static [ConfigKey] {
                ConverterConfig::KEYS
            }
        }

        impl Converter for $converter {
            fn new(_config: &Properties, _role: Role) -> Result<Self, Vec<ConfigError>> {
                Ok(Self)
            }

            fn from_connect_data<'a>(
                &mut self,
                _topic: &str,
                _headers: &mut RawHeaders,
                _schema: Option<&Schema>,
                value: &'a Value,
                out: &'a mut Vec<u8>,
            ) -> Result<Option<&'a [u8]>, ConnectError> {
                match *value {
                    Value::Null => Ok(None),
                    Value::$variant(number) => {
                        let canonical: fn($number) -> $number = $canonical;
                        out.clear();
                        out.extend_from_slice(&canonical(number).to_be_bytes());
                        Ok(Some(out))
                    }
                    ref other => Err(wrong_class($name, other)),
                }
            }

            fn to_connect_data(
                &mut self,
                _topic: &str,
                _headers: &RawHeaders,
                value: Option<Bytes>,
            ) -> Result<SchemaAndValue, ConnectError> {
                let value = value.map(|bytes| match bytes[..].try_into() {
                    Ok(bytes) => Ok(<$number>::from_be_bytes(bytes)),
                    Err(_) => Err(wrong_size($name, $deserializer, size_of::<$number>())),
                });
                Ok(SchemaAndValue::new(Some(Schema::$schema()), value.transpose()?))
            }
        }

        header_converter!($converter);
    )*};
}

number_converters! {
    /// Converts `INT16` to 2 bytes and back.
    ShortConverter, "ShortConverter", "short", "ShortDeserializer", Int16(i16), optional_int16, |number| number;
    /// Converts `INT32` to 4 bytes and back.
    IntegerConverter, "IntegerConverter", "integer", "IntegerDeserializer", Int32(i32), optional_int32, |number| number;
    /// Converts `INT64` to 8 bytes and back.
    LongConverter, "LongConverter", "long", "LongDeserializer", Int64(i64), optional_int64, |number| number;
    /// Converts `FLOAT32` to the 4 bytes of IEEE 754 and back.
    FloatConverter, "FloatConverter", "float", "Deserializer", Float32(f32), optional_float32, |number| number;
    /// Converts `FLOAT64` to the 8 bytes of IEEE 754 and back; NaN is always written as the same one.
    DoubleConverter, "DoubleConverter", "double", "Deserializer", Float64(f64), optional_float64, one_nan;
}

/// Java writes one NaN for all of them, for doubles only.
fn one_nan(number: f64) -> f64 {
    if number.is_nan() {
        f64::from_bits(0x7FF8_0000_0000_0000)
    } else {
        number
    }
}

fn wrong_class(name: &str, value: &Value) -> ConnectError {
    let class = value.java_class();
    ConnectError::of(
        ErrorKind::Data,
        format!("Failed to serialize to {name} (was class {class}): "),
    )
}

fn wrong_size(name: &str, deserializer: &str, size: usize) -> ConnectError {
    let cause = format!("Size of data received by {deserializer} is not {size}");
    ConnectError::of(ErrorKind::Data, format!("Failed to deserialize {name}: "))
        .caused_by(ConnectError::of(ErrorKind::Serialization, cause))
}
