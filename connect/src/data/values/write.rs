//! The text of a value, from which it can be read back, structs and bytes excepted.

use std::io::Write as _;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;

use crate::data::datetime::MILLIS_PER_DAY;
use crate::data::{DateTime, Value};

/// Appends the text of a value: a string as it is, but in quotes within an array, map or struct; bytes in base64.
pub fn to_text(value: &Value, out: &mut Vec<u8>) {
    write(value, false, out);
}

fn write(value: &Value, embedded: bool, out: &mut Vec<u8>) {
    match value {
        Value::String(text) if embedded => quoted(text, out),
        Value::String(text) => out.extend_from_slice(text.as_bytes()),
        Value::Bytes(bytes) if embedded => {
            put(
                out,
                format_args!("\"{}\"", Base64Display::new(bytes, &STANDARD)),
            );
        }
        Value::Array(items) => {
            out.push(b'[');
            separated(items.iter(), out, |item, out| write(item, true, out));
            out.push(b']');
        }
        Value::Map(map) => {
            out.push(b'{');
            separated(map.iter(), out, |(key, value), out| {
                write(key, true, out);
                out.push(b':');
                write(value, true, out);
            });
            out.push(b'}');
        }
        Value::Struct(inner) => {
            out.push(b'{');
            separated(inner.schema().fields().iter(), out, |field, out| {
                quoted(field.name(), out);
                out.push(b':');
                write(inner.get_field(field), true, out);
            });
            out.push(b'}');
        }
        Value::DateTime(point) => date_time(*point, out),
        other => put(out, format_args!("{other}")),
    }
}

/// Writes to memory, which does not fail.
fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

fn separated<T>(
    items: impl Iterator<Item = T>,
    out: &mut Vec<u8>,
    mut write: impl FnMut(T, &mut Vec<u8>),
) {
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(item, out);
    }
}

fn quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text.as_bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// A time of day on the first day and before, a date at midnight, or else both.
fn date_time(point: DateTime, out: &mut Vec<u8>) {
    let civil = point.civil();
    let is_time = point.millis() < MILLIS_PER_DAY;
    let is_date = !is_time && point.millis() % MILLIS_PER_DAY == 0;
    if !is_time {
        put(
            out,
            format_args!("{:04}-{:02}-{:02}", civil.year, civil.month, civil.day),
        );
    }
    if !is_time && !is_date {
        out.push(b'T');
    }
    if !is_date {
        put(
            out,
            format_args!(
                "{:02}:{:02}:{:02}.{:03}Z",
                civil.hour, civil.minute, civil.second, civil.millis
            ),
        );
    }
}
