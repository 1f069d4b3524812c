//! What the simple converters make of values and bytes, good and bad.

use bytes::Bytes;

use super::*;
use crate::api::{ConnectError, Converter, HeaderConverter, Plugin, Plugins, RawHeaders};
use crate::data::{Map, Schema, SchemaAndValue, Value};

fn create<C: Converter>() -> C {
    C::new(&Properties::default(), Role::Value).unwrap()
}

fn from<C: Converter>(
    schema: Option<&Schema>,
    value: impl Into<Value>,
) -> Result<Option<Vec<u8>>, ConnectError> {
    let (value, mut out) = (value.into(), b"old".to_vec());
    let bytes =
        create::<C>().from_connect_data("t", &mut RawHeaders::new(), schema, &value, &mut out)?;
    Ok(bytes.map(<[u8]>::to_vec))
}

fn to<C: Converter>(bytes: Option<&'static [u8]>) -> Result<SchemaAndValue, ConnectError> {
    create::<C>().to_connect_data("t", &RawHeaders::new(), bytes.map(Bytes::from_static))
}

/// A value and its bytes, there and back; null is nothing in both directions.
#[track_caller]
fn check<C: Converter>(schema: &Schema, value: impl Into<Value>, bytes: &'static [u8]) {
    let value = value.into();
    assert_eq!(
        from::<C>(Some(schema), value.clone()).unwrap().unwrap(),
        bytes
    );
    let read = to::<C>(Some(bytes)).unwrap();
    assert_eq!(read, SchemaAndValue::new(Some(schema.clone()), value));
    assert_eq!(from::<C>(Some(schema), Value::Null).unwrap(), None);
    let null = SchemaAndValue::new(Some(schema.clone()), Value::Null);
    assert_eq!(to::<C>(None).unwrap(), null);
}

#[track_caller]
fn check_error<T: std::fmt::Debug>(result: Result<T, ConnectError>, expected: &str) {
    assert_eq!(format!("{:?}", result.unwrap_err()), expected);
}

const DATA: &str = "org.apache.kafka.connect.errors.DataException: ";
const SERIALIZATION: &str = "org.apache.kafka.common.errors.SerializationException: ";

#[test]
fn numbers_are_written_with_the_most_significant_byte_first() {
    check::<ShortConverter>(&Schema::optional_int16(), -2_i16, b"\xff\xfe");
    check::<IntegerConverter>(&Schema::optional_int32(), 0x0102_0304, b"\x01\x02\x03\x04");
    check::<LongConverter>(&Schema::optional_int64(), i64::MIN, b"\x80\0\0\0\0\0\0\0");
    check::<FloatConverter>(&Schema::optional_float32(), 1.0_f32, b"\x3f\x80\0\0");
    check::<DoubleConverter>(&Schema::optional_float64(), -2.0, b"\xc0\0\0\0\0\0\0\0");
}

#[test]
fn a_double_that_is_not_a_number_is_always_the_same() {
    let odd = f64::from_bits(0xFFF8_0000_0000_0001);
    let bytes = from::<DoubleConverter>(None, odd).unwrap().unwrap();
    assert_eq!(bytes, b"\x7f\xf8\0\0\0\0\0\0");
    let odd = f32::from_bits(0xFFC0_0001);
    let bytes = from::<FloatConverter>(None, odd).unwrap().unwrap();
    assert_eq!(bytes, b"\xff\xc0\0\x01");
}

#[test]
fn numbers_of_another_type_or_size_are_refused() {
    check_error(
        from::<IntegerConverter>(None, 1_i64),
        &format!("{DATA}Failed to serialize to integer (was class java.lang.Long): "),
    );
    check_error(
        from::<ShortConverter>(None, "1"),
        &format!("{DATA}Failed to serialize to short (was class java.lang.String): "),
    );
    check_error(
        to::<LongConverter>(Some(b"1234567")),
        &format!(
            "{DATA}Failed to deserialize long: \nCaused by: {SERIALIZATION}Size of data received by LongDeserializer is not 8"
        ),
    );
    check_error(
        to::<FloatConverter>(Some(b"")),
        &format!(
            "{DATA}Failed to deserialize float: \nCaused by: {SERIALIZATION}Size of data received by Deserializer is not 4"
        ),
    );
}

#[test]
fn booleans_are_one_byte() {
    check::<BooleanConverter>(&Schema::optional_boolean(), true, b"\x01");
    check::<BooleanConverter>(&Schema::optional_boolean(), false, b"\0");
    check_error(
        from::<BooleanConverter>(Some(&Schema::string()), true),
        &format!("{DATA}Invalid schema type for BooleanConverter: STRING"),
    );
    check_error(
        from::<BooleanConverter>(None, "true"),
        &format!(
            "{DATA}BooleanConverter is not compatible with objects of type class java.lang.String"
        ),
    );
    check_error(
        to::<BooleanConverter>(Some(b"\xff")),
        &format!(
            "{DATA}Failed to deserialize boolean: \nCaused by: {SERIALIZATION}Unexpected byte received by BooleanDeserializer: -1"
        ),
    );
    check_error(
        to::<BooleanConverter>(Some(b"\0\0")),
        &format!(
            "{DATA}Failed to deserialize boolean: \nCaused by: {SERIALIZATION}Size of data received by BooleanDeserializer is not 1"
        ),
    );
}

#[test]
fn bytes_stay_as_they_are() {
    let bytes = Bytes::from_static(b"\0\xff");
    check::<ByteArrayConverter>(&Schema::optional_bytes(), bytes.clone(), b"\0\xff");
    assert_eq!(
        from::<ByteArrayConverter>(None, bytes).unwrap().unwrap(),
        b"\0\xff"
    );
    check_error(
        from::<ByteArrayConverter>(Some(&Schema::int32()), Value::Null),
        &format!("{DATA}Invalid schema type for ByteArrayConverter: INT32"),
    );
    check_error(
        from::<ByteArrayConverter>(None, "text"),
        &format!(
            "{DATA}ByteArrayConverter is not compatible with objects of type class java.lang.String"
        ),
    );
}

#[test]
fn bytes_are_shared_in_both_directions() {
    let bytes = Bytes::from_static(b"shared");
    let read = create::<ByteArrayConverter>()
        .to_connect_data("t", &RawHeaders::new(), Some(bytes.clone()))
        .unwrap();
    let mut out = Vec::new();
    let mut converter = create::<ByteArrayConverter>();
    let written = converter
        .from_connect_data("t", &mut RawHeaders::new(), None, &read.value, &mut out)
        .unwrap()
        .unwrap();
    assert_eq!(written.as_ptr(), bytes.as_ptr());
}

#[test]
fn strings_are_written_as_java_prints_values() {
    check::<StringConverter>(&Schema::optional_string(), "grün", "grün".as_bytes());
    check::<StringConverter>(&Schema::optional_string(), "", b"");
    for (value, expected) in [
        (Value::from(5_i64), "5"),
        (1e10.into(), "1.0E10"),
        (true.into(), "true"),
        (Map::from_iter([("a", 1)]).into(), "{a=1}"),
        (vec![Value::Null, "x".into()].into(), "[null, x]"),
    ] {
        let bytes = from::<StringConverter>(None, value).unwrap().unwrap();
        assert_eq!(bytes, expected.as_bytes());
    }
    let read = to::<StringConverter>(Some(b"a\xff")).unwrap();
    assert_eq!(read.value, Value::from("a\u{fffd}"));
}

#[test]
fn strings_may_have_another_character_set() {
    let config = Properties::from([("converter.encoding", "ISO-8859-1")]);
    let mut converter = <StringConverter as Converter>::new(&config, Role::Key).unwrap();
    let (value, mut out) = (Value::from("ü日"), Vec::new());
    let bytes = converter.from_connect_data("t", &mut RawHeaders::new(), None, &value, &mut out);
    assert_eq!(bytes.unwrap().unwrap(), b"\xfc?");
    let read = converter
        .to_connect_data("t", &RawHeaders::new(), Some(Bytes::from_static(b"\xfc")))
        .unwrap();
    assert_eq!(read.value, Value::from("ü"));
    let config = Properties::from([("converter.encoding", "morse")]);
    let errors = <StringConverter as Converter>::new(&config, Role::Key).unwrap_err();
    assert_eq!(
        errors[0].to_string(),
        "Unsupported encoding morse: there are UTF-8, UTF-16, UTF-16BE, UTF-16LE, ISO-8859-1 and US-ASCII"
    );
    assert_eq!(StringConverter::validate(&config), errors);
}

#[test]
fn headers_are_converted_like_values() {
    let mut converter = <IntegerConverter as HeaderConverter>::new(&Properties::default()).unwrap();
    let (value, mut out) = (Value::from(1), Vec::new());
    let bytes = converter.from_connect_header("t", "h", None, &value, &mut out);
    assert_eq!(bytes.unwrap().unwrap(), b"\0\0\0\x01");
    let read = converter.to_connect_header("t", "h", Some(Bytes::from_static(b"\0\0\0\x02")));
    assert_eq!(read.unwrap().value, Value::from(2));
}

#[test]
fn every_built_in_is_found_by_its_short_names() {
    let plugins = Plugins::builtin();
    for name in ["FileStreamSource", "FileStreamSinkConnector"] {
        assert!(plugins.find_connector(name).is_ok(), "{name}");
    }
    let converters = [
        "Json",
        "String",
        "ByteArray",
        "Short",
        "Integer",
        "Long",
        "Float",
        "Double",
        "Boolean",
    ];
    for name in converters {
        assert!(plugins.find_converter(name).is_ok(), "{name}");
        let header = format!("{name}Converter");
        assert!(plugins.find_header_converter(&header).is_ok(), "{header}");
    }
    let keys = plugins.find_converter("String").unwrap().config_keys();
    let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
    assert_eq!(names, ["converter.type", "converter.encoding"]);
}

/// Results of Java's converters, among them what StringConverter and SimpleHeaderConverter make of the values of JSON.
const GOLDEN: &str = include_str!("../../testdata/json-converter.jsonl");

#[test]
fn values_of_every_type_become_the_text_that_java_makes_of_them() {
    use serde_json::Value as Json;
    let json = |schemas: &str| {
        let config = Properties::from([("schemas.enable", schemas)]);
        <JsonConverter as Converter>::new(&config, Role::Value).unwrap()
    };
    let (mut plain, mut envelope) = (json("false"), json("true"));
    let mut lines = 0;
    for line in GOLDEN.lines() {
        let line: Json = serde_json::from_str(line).unwrap();
        let reader = if line["schemas"] == true {
            &mut envelope
        } else {
            &mut plain
        };
        let input = Bytes::from(line["in"].as_str().unwrap().to_owned());
        let Ok(read) = reader.to_connect_data("t", &RawHeaders::new(), Some(input)) else {
            continue;
        };
        let compare = |name: &str, written: Option<Vec<u8>>| {
            let Some(expected) = line.get(name) else {
                return;
            };
            let written =
                written.map_or(Json::Null, |bytes| String::from_utf8(bytes).unwrap().into());
            assert_eq!(written, *expected, "{name} of {line}");
        };
        let string = from::<StringConverter>(read.schema.as_ref(), read.value.clone()).unwrap();
        compare("string", string);
        let (mut simple, mut out) = (SimpleHeaderConverter, Vec::new());
        let header = simple
            .from_connect_header("t", "h", read.schema.as_ref(), &read.value, &mut out)
            .unwrap();
        compare("simple", header.map(<[u8]>::to_vec));
        lines += 1;
    }
    assert!(lines > 500, "{lines}");
}
