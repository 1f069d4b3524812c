//! Values and schemas with all that tells them apart, in the notation of the golden files.

use std::fmt::Write;

use super::{Schema, Type, Value};

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\0'..='\x1f' => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// A value with its exact type: `i64:5`, `f32:3fc00000`, `x0001` for bytes, `dec:15/1`.
pub(crate) fn value(value: &Value) -> String {
    let list = |values: &mut dyn Iterator<Item = String>| values.collect::<Vec<_>>().join(",");
    match value {
        Value::Null => "null".to_owned(),
        Value::Int8(number) => format!("i8:{number}"),
        Value::Int16(number) => format!("i16:{number}"),
        Value::Int32(number) => format!("i32:{number}"),
        Value::Int64(number) => format!("i64:{number}"),
        Value::Float32(number) => format!("f32:{:08x}", number.to_bits()),
        Value::Float64(number) => format!("f64:{:016x}", number.to_bits()),
        Value::Boolean(flag) => flag.to_string(),
        Value::String(text) => quoted(text),
        Value::Bytes(bytes) => bytes
            .iter()
            .fold("x".to_owned(), |out, byte| format!("{out}{byte:02x}")),
        Value::Array(items) => format!("[{}]", list(&mut items.iter().map(self::value))),
        Value::Map(map) => {
            let mut entries: Vec<_> = map
                .iter()
                .map(|(key, item)| format!("{}=>{}", self::value(key), self::value(item)))
                .collect();
            entries.sort();
            format!("{{{}}}", entries.join(","))
        }
        Value::Struct(inner) => {
            let fields = inner.schema().fields().iter().zip(inner.values());
            let mut fields =
                fields.map(|(field, item)| format!("{}={}", field.name(), self::value(item)));
            format!("S{{{}}}", list(&mut fields))
        }
        Value::Decimal(number) => format!("dec:{}/{}", number.unscaled(), number.scale()),
        Value::DateTime(point) => format!("date:{}", point.millis()),
    }
}

/// A schema with all of its attributes: `INT8? name="n" version=1<...>`.
pub(crate) fn schema(schema: Option<&Schema>) -> String {
    let Some(schema) = schema else {
        return "null".to_owned();
    };
    let mut out = schema.ty().to_string();
    out.push_str(if schema.is_optional() { "?" } else { "" });
    if let Some(name) = schema.name() {
        out.push_str(&format!(" name={}", quoted(name)));
    }
    if let Some(version) = schema.version() {
        out.push_str(&format!(" version={version}"));
    }
    if let Some(doc) = schema.doc() {
        out.push_str(&format!(" doc={}", quoted(doc)));
    }
    let mut parameters = schema.parameters().to_vec();
    parameters.sort();
    for (name, value) in parameters {
        out.push_str(&format!(" {}:{}", quoted(&name), quoted(&value)));
    }
    if let Some(default) = schema.default_value() {
        out.push_str(&format!(" default={}", value(default)));
    }
    let part = |schema: Option<&Schema>| self::schema(schema);
    match schema.ty() {
        Type::Array => out.push_str(&format!("<{}>", part(schema.value_schema()))),
        Type::Map => out.push_str(&format!(
            "<{},{}>",
            part(schema.key_schema()),
            part(schema.value_schema())
        )),
        Type::Struct => {
            let fields = schema.fields().iter();
            let fields: Vec<_> = fields
                .map(|field| format!("{}:{}", field.name(), part(Some(field.schema()))))
                .collect();
            out.push_str(&format!("<{}>", fields.join(",")));
        }
        _ => {}
    }
    out
}
