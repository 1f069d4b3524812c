//! What is asked of the JSON converter: the results of Java's, and its limits.

use serde_json::Value as Json;

use super::*;
use crate::data::{DateTime, Decimal, Map, SchemaBuilder, Struct, Type, decimal, show};

/// Results of Java's JsonConverter 4.3.0 on JDK 17, one input a line.
const GOLDEN: &str = include_str!("../../../testdata/json-converter.jsonl");

fn converter(properties: &[(&str, &str)]) -> JsonConverter {
    let properties = properties.iter().copied().collect();
    <JsonConverter as Converter>::new(&properties, Role::Value).unwrap()
}

fn read(converter: &mut JsonConverter, text: &str) -> Result<SchemaAndValue, String> {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    converter
        .convert_to(Some(bytes))
        .map_err(|error| class_and_message(&error))
}

fn class_and_message(error: &ConnectError) -> String {
    format!("{}: {}", error.kind().java_class(), error.message())
}

fn write(
    converter: &mut JsonConverter,
    schema: Option<&Schema>,
    value: &Value,
) -> Result<Json, String> {
    let mut out = b"left over".to_vec();
    let written = converter.convert_from(schema, value, &mut out);
    let written = written.map_err(|error| class_and_message(&error))?;
    Ok(written.map_or(Json::Null, |bytes| {
        String::from_utf8(bytes.to_vec()).unwrap().into()
    }))
}

/// Compares a result with the golden field `name`, or an error with `name_error`.
fn compare(line: &Json, name: &str, result: &Result<Json, String>) {
    let expected = match line.get(name) {
        Some(expected) => Ok(expected.clone()),
        None => match line.get(format!("{name}_error")).and_then(Json::as_str) {
            Some(expected) => Err(expected.to_owned()),
            None => return,
        },
    };
    assert_eq!(*result, expected, "{name} of {}", line["in"]);
}

#[test]
fn every_input_gives_what_java_gives() {
    let mut plain = converter(&[("schemas.enable", "false")]);
    let mut plain_num = converter(&[("schemas.enable", "false"), ("decimal.format", "numeric")]);
    let mut envelope = converter(&[]);
    let mut keep = converter(&[("replace.null.with.default", "false")]);
    let mut numeric = converter(&[("decimal.format", "NUMERIC")]);
    let mut lines = 0;
    for line in GOLDEN.lines() {
        let line: Json = serde_json::from_str(line).unwrap();
        lines += 1;
        let with_schema = line["schemas"].as_bool().unwrap();
        let input = line["in"].as_str().unwrap();
        let reader = if with_schema {
            &mut envelope
        } else {
            &mut plain
        };
        let result = match read(reader, input) {
            Ok(result) => result,
            Err(error) => {
                assert_eq!(Some(error.as_str()), line["error"].as_str(), "{input}");
                continue;
            }
        };
        assert_eq!(line["error"], Json::Null, "{input}: {result:?}");
        let SchemaAndValue { schema, value } = &result;
        let schema = schema.as_ref();
        assert_eq!(
            show::schema(schema),
            line["schema"].as_str().unwrap(),
            "{input}"
        );
        assert_eq!(
            show::value(value),
            line["value"].as_str().unwrap(),
            "{input}"
        );
        if with_schema {
            let kept = read(&mut keep, input).map(|kept| show::value(&kept.value).into());
            compare(&line, "keep", &kept);
            compare(&line, "env", &write(&mut envelope, schema, value));
            compare(&line, "num", &write(&mut numeric, schema, value));
        }
        compare(&line, "plain", &write(&mut plain, schema, value));
        compare(&line, "bare", &write(&mut plain_num, None, value));
    }
    assert!(lines > 800);
}

#[test]
fn a_text_cut_anywhere_is_an_error_and_no_panic() {
    for line in GOLDEN.lines() {
        let line: Json = serde_json::from_str(line).unwrap();
        let input = line["in"].as_str().unwrap().as_bytes();
        let mut envelope = converter(&[]);
        let mut plain = converter(&[("schemas.enable", "false")]);
        for end in 0..input.len() {
            let cut = Bytes::copy_from_slice(&input[..end]);
            let complete = line.get("error").is_none() && line["schemas"] == true;
            let result = envelope.convert_to(Some(cut.clone()));
            let before_the_end = end < input.trim_ascii_end().len();
            assert!(
                !(complete && before_the_end && result.is_ok()),
                "{line} cut at {end}"
            );
            drop(plain.convert_to(Some(cut)));
        }
    }
}

#[test]
fn deep_nesting_ends_at_a_limit_and_not_at_the_stack() {
    let mut plain = converter(&[("schemas.enable", "false")]);
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let value = read(&mut plain, &nested(1000)).unwrap();
    assert!(write(&mut plain, None, &value.value).is_ok());
    assert!(read(&mut plain, &nested(1001)).is_err());
    assert!(read(&mut plain, &"{\"a\":".repeat(100_000)).is_err());
    let mut envelope = converter(&[]);
    let array = |depth: usize| {
        let open = "{\"type\":\"array\",\"items\":".repeat(depth);
        format!(
            "{{\"schema\":{open}{{\"type\":\"int8\"}}{},\"payload\":[]}}",
            "}".repeat(depth)
        )
    };
    let deep = read(&mut envelope, &array(900)).unwrap();
    assert!(write(&mut envelope, deep.schema.as_ref(), &deep.value).is_ok());
    assert!(read(&mut envelope, &array(2000)).is_err());
    // Skipping needs no stack, but has the same limit.
    let skipped = format!("{{\"payload\":{},\"schema\":null}}", nested(999));
    assert!(read(&mut envelope, &skipped).is_ok());
}

#[test]
fn a_number_of_a_thousand_characters_is_the_longest() {
    let mut plain = converter(&[("schemas.enable", "false")]);
    assert!(read(&mut plain, &"1".repeat(1000)).is_ok());
    assert!(read(&mut plain, &"1".repeat(1001)).is_err());
    assert!(read(&mut plain, &format!("1.{}", "1".repeat(999))).is_err());
}

#[test]
fn the_cause_of_a_syntax_error_says_where() {
    let mut plain = converter(&[("schemas.enable", "false")]);
    let error = plain
        .convert_to(Some(Bytes::from_static(b"[1,x]")))
        .unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(
        cause,
        "expected a string, number, array, object, true, false or null at byte 3"
    );
    let error = plain
        .convert_to(Some(Bytes::from_static(b"\"ab\xff\"")))
        .unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "invalid UTF-8 at byte 3");
}

#[test]
fn strings_are_slices_of_the_message() {
    let message = Bytes::from_static(b"{\"a\":\"some text\"}");
    let mut plain = converter(&[("schemas.enable", "false")]);
    let value = plain.convert_to(Some(message.clone())).unwrap().value;
    let Value::Map(map) = value else {
        panic!("{value:?}")
    };
    let Some(Value::String(text)) = map.get_str("a") else {
        panic!("{map:?}")
    };
    assert_eq!(text.as_bytes().as_ptr(), message[6..].as_ptr());
}

#[test]
fn a_null_without_schema_is_a_tombstone() {
    let mut envelope = converter(&[]);
    assert_eq!(write(&mut envelope, None, &Value::Null), Ok(Json::Null));
    assert_eq!(envelope.convert_to(None).unwrap(), SchemaAndValue::NULL);
    let optional = Schema::optional_string();
    let written = write(&mut envelope, Some(&optional), &Value::Null).unwrap();
    assert_eq!(
        written,
        "{\"schema\":{\"type\":\"string\",\"optional\":true},\"payload\":null}"
    );
}

#[track_caller]
fn refuses(schema: Option<&Schema>, value: impl Into<Value>, expected: &str) {
    let error = write(&mut converter(&[]), schema, &value.into()).unwrap_err();
    let expected = format!("org.apache.kafka.connect.errors.DataException: {expected}");
    assert_eq!(error, expected);
}

#[test]
fn values_that_do_not_fit_are_refused_in_javas_words() {
    let point = DateTime::from_millis(1);
    let int32 = Schema::int32();
    refuses(
        Some(&int32),
        1_i64,
        "Invalid type for INT32: class java.lang.Long",
    );
    refuses(
        Some(&Schema::bytes()),
        "x",
        "Invalid type for bytes type: class java.lang.String",
    );
    refuses(
        None,
        point,
        "Java class class java.util.Date does not have corresponding schema type.",
    );
    refuses(
        Some(&int32),
        Value::Null,
        "Conversion error: null value for field that is required and has no default value",
    );
    let empty = SchemaBuilder::structure().build().unwrap();
    refuses(
        None,
        Struct::new(empty.clone()).unwrap(),
        "Mismatching schema.",
    );
    let other = SchemaBuilder::structure()
        .field("a", int32.clone())
        .build()
        .unwrap();
    refuses(
        Some(&other),
        Struct::new(empty).unwrap(),
        "Mismatching schema.",
    );
    refuses(
        Some(&crate::data::date::schema()),
        5,
        "Invalid type for Date, expected Date but was class java.lang.Integer",
    );
    refuses(
        Some(&decimal::schema(1)),
        1.5,
        "Invalid type for Decimal, expected BigDecimal but was class java.lang.Double",
    );
    refuses(
        Some(&decimal::schema(1)),
        Decimal::new(1, 2),
        "Decimal value has mismatching scale for given Decimal schema. Schema has scale 1, value \
         has scale 2.",
    );
}

#[test]
fn a_map_of_other_keys_is_a_list_of_pairs() {
    let mut plain = converter(&[("schemas.enable", "false")]);
    let map = Map::from_iter([
        (Value::from("a"), Value::from(1)),
        (Value::from(2), Value::Null),
    ]);
    assert_eq!(
        write(&mut plain, None, &map.into()).unwrap(),
        "[[\"a\",1],[2,null]]"
    );
    let optional_keys = Schema::optional_string();
    let schema = SchemaBuilder::map(optional_keys, Schema::int32())
        .build()
        .unwrap();
    let map = Map::from_iter([
        (Value::Null, Value::from(1)),
        (Value::from("b"), Value::from(2)),
    ]);
    let written = write(&mut plain, Some(&schema), &map.into()).unwrap();
    assert_eq!(written, "{\"null\":1,\"b\":2}");
}

#[test]
fn what_is_no_number_is_written_in_quotes() {
    let mut plain = converter(&[("schemas.enable", "false")]);
    for (value, expected) in [
        (Value::from(f64::NAN), "\"NaN\""),
        (Value::from(f32::INFINITY), "\"Infinity\""),
        (Value::from(f64::NEG_INFINITY), "\"-Infinity\""),
        (Value::from(-0.0), "-0.0"),
        (Value::from(1.0e10), "1.0E10"),
        (Value::from(0.1_f32), "0.1"),
    ] {
        assert_eq!(write(&mut plain, None, &value).unwrap(), expected);
    }
}

#[test]
fn a_configured_schema_stands_for_all_messages() {
    let mut fixed = converter(&[("schema.content", "{\"type\":\"int32\"}")]);
    let read_one = read(&mut fixed, "5").unwrap();
    assert_eq!(read_one, SchemaAndValue::new(Some(Schema::int32()), 5));
    assert_eq!(fixed.convert_to(None).unwrap(), SchemaAndValue::NULL);
    let properties = Properties::from([("schema.content", "{\"type\":")]);
    let errors = <JsonConverter as Converter>::new(&properties, Role::Value).unwrap_err();
    assert_eq!(
        errors[0].message(),
        "Failed to parse schema in converter config due to serialization error: unexpected end of \
         input at byte 8"
    );
}

#[test]
fn schemas_are_found_again_whatever_was_read_between() {
    let mut envelope = converter(&[("schemas.cache.size", "2")]);
    let schemas: Vec<_> = (0..5)
        .map(|index| format!("{{\"type\":\"int32\",\"optional\":false,\"name\":\"n{index}\"}}"))
        .collect();
    let message = |schema: &str| format!("{{\"schema\":{schema},\"payload\":1}}");
    for schema in schemas
        .iter()
        .chain(&schemas)
        .flat_map(|schema| [schema, schema])
    {
        let read_one = read(&mut envelope, &message(schema)).unwrap();
        let name = read_one.schema.as_ref().unwrap().name().unwrap();
        assert!(schema.contains(&format!("\"{name}\"")));
        let written = write(&mut envelope, read_one.schema.as_ref(), &read_one.value).unwrap();
        assert_eq!(written, message(schema));
    }
    // A known schema that goes on differently is another one.
    let longer = read(&mut envelope, &message("null")).unwrap();
    assert_eq!(longer.schema, None);
}

#[test]
fn a_struct_of_many_fields_comes_through_in_any_order() {
    let mut builder = SchemaBuilder::structure();
    for index in 0..200 {
        builder = builder.field(format!("f{index}"), Schema::optional_int32());
    }
    let schema = builder.build().unwrap();
    let mut envelope = converter(&[]);
    let mut all = Struct::new(schema.clone()).unwrap();
    for index in 0..200 {
        all.put(&format!("f{index}"), index).unwrap();
    }
    let value = Value::Struct(all);
    let written = write(&mut envelope, Some(&schema), &value).unwrap();
    let again = read(&mut envelope, written.as_str().unwrap()).unwrap();
    assert_eq!(
        again,
        SchemaAndValue::new(Some(schema.clone()), value.clone())
    );
    let backwards: Vec<_> = (0..200)
        .rev()
        .map(|index| format!("\"f{index}\":{index}"))
        .collect();
    let (schema_part, _) = written
        .as_str()
        .unwrap()
        .split_once(",\"payload\"")
        .unwrap();
    let text = format!("{schema_part},\"payload\":{{{}}}}}", backwards.join(","));
    assert_eq!(read(&mut envelope, &text).unwrap().value, value);
    assert_eq!(schema.ty(), Type::Struct);
}
