//! What texts are read as, held against what Java reads; and limits.

use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;
use crate::data::{
    DateTime, Map, Schema, SchemaAndValue, SchemaBuilder, Struct, Text, Value, show,
};

/// Results of Java's SimpleHeaderConverter 4.3.0 in UTC, one text a line; `tests/java/HeaderValues.java` makes it.
const GOLDEN: &str = include_str!("../../../testdata/header-values.jsonl");

fn written(value: &Value) -> String {
    let mut out = Vec::new();
    to_text(value, &mut out);
    String::from_utf8(out).unwrap()
}

fn read(text: &str) -> SchemaAndValue {
    parse(&text.into()).unwrap()
}

#[test]
fn every_text_is_read_and_written_as_in_java() {
    let mut lines = 0;
    let mut different = Vec::new();
    for line in GOLDEN.lines() {
        lines += 1;
        let line: Json = serde_json::from_str(line).unwrap();
        let SchemaAndValue { schema, value } = read(line["in"].as_str().unwrap());
        let out = match &value {
            Value::Null => Json::Null,
            value => written(value).into(),
        };
        let found = (
            show::schema(schema.as_ref()),
            show::value(&value),
            out.to_string(),
        );
        let expected = (
            line["schema"].as_str().unwrap().to_owned(),
            line["value"].as_str().unwrap().to_owned(),
            line["out"].to_string(),
        );
        if found != expected {
            different.push(format!("{}\n  {found:?}\n  {expected:?}", line["in"]));
        }
    }
    assert!(
        different.is_empty(),
        "{} of {lines}:\n{}",
        different.len(),
        different.join("\n")
    );
    assert!(lines > 1500);
}

#[test]
fn a_string_shares_the_buffer_of_its_text() {
    let text = Text::from("just words".to_owned());
    let Value::String(read) = parse(&text).unwrap().value else {
        panic!("not a string");
    };
    assert_eq!(read.as_bytes().as_ptr(), text.as_bytes().as_ptr());
}

#[test]
fn nesting_ends_at_a_limit_and_not_at_the_stack() {
    let nested = |depth: usize| Text::from("[".repeat(depth) + &"]".repeat(depth));
    assert!(parse(&nested(200)).is_ok());
    assert_eq!(parse(&nested(201)), Err(TooDeep));
    assert_eq!(parse(&"{[".repeat(100_000).into()), Err(TooDeep));
}

#[test]
fn a_number_with_a_huge_exponent_is_read_at_once() {
    for text in ["1e2000000000", "-1e-2000000000", "0e2000000000"] {
        assert!(read(text).schema.is_some(), "{text}");
    }
    assert_eq!(read("0e2000000000").value, Value::Int8(0));
}

#[test]
fn a_struct_is_written_like_a_map_with_its_defaults() {
    let schema = SchemaBuilder::structure()
        .field(
            "a",
            SchemaBuilder::new(crate::data::Type::Int32)
                .default_value(7)
                .build()
                .unwrap(),
        )
        .field("b", Schema::optional_string())
        .build()
        .unwrap();
    let structure = Struct::new(schema)
        .unwrap()
        .with("b", "say \"x\\y\"")
        .unwrap();
    assert_eq!(written(&structure.into()), r#"{"a":7,"b":"say \"x\\y\""}"#);
}

#[test]
fn bytes_are_written_in_base64_and_dates_by_what_they_hold() {
    let bytes = Value::from(vec![0_u8, 255]);
    assert_eq!(written(&bytes), "AP8=");
    let day = DateTime::from_millis(1_577_836_800_000);
    let point = DateTime::from_millis(1_577_836_800_001);
    let map = Map::from_iter([
        (Value::from(1), Value::from(day)),
        (Value::from(2), point.into()),
        (Value::from(3), DateTime::from_millis(5).into()),
        (Value::from(4), DateTime::from_millis(-1).into()),
        (Value::from(5), bytes),
    ]);
    assert_eq!(
        written(&map.into()),
        r#"{1:2020-01-01,2:2020-01-01T00:00:00.001Z,3:00:00:00.005Z,4:23:59:59.999Z,5:"AP8="}"#
    );
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in "[\\[\\]{}:,\"\\\\ 0-9eE.+TZ-]{0,40}") {
        let SchemaAndValue { value, .. } = read(&text);
        let _ = written(&value);
    }

    #[test]
    fn what_is_written_of_integers_is_read_back(number: i64) {
        prop_assert_eq!(read(&number.to_string()).value.as_i64(), Some(number));
    }
}
