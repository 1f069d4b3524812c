//! Schemas as JSON: `{"type":"struct","fields":[...],"optional":false}`.

use super::JsonOptions;
use super::error::{JsonError, SyntaxError};
use super::reader::{Kind, Reader};
use super::to_connect;
use super::writer::{self, integer, string};
use crate::data::{Schema, SchemaBuilder, Text, Type};

/// The name of a type in a JSON schema; floats differ from their names elsewhere.
fn type_name(ty: Type) -> &'static str {
    match ty {
        Type::Float32 => "float",
        Type::Float64 => "double",
        other => other.name(),
    }
}

fn primitive(name: &str) -> Option<Type> {
    Some(match name {
        "boolean" => Type::Boolean,
        "int8" => Type::Int8,
        "int16" => Type::Int16,
        "int32" => Type::Int32,
        "int64" => Type::Int64,
        "float" => Type::Float32,
        "double" => Type::Float64,
        "bytes" => Type::Bytes,
        "string" => Type::String,
        _ => return None,
    })
}

/// Writes a schema, or null if there is none.
pub(super) fn write(
    out: &mut Vec<u8>,
    options: &JsonOptions,
    schema: Option<&Schema>,
) -> Result<(), JsonError> {
    match schema {
        None => out.extend_from_slice(b"null"),
        Some(schema) => {
            write_open(out, options, schema)?;
            out.push(b'}');
        }
    }
    Ok(())
}

/// Writes a schema without the bracket at its end.
fn write_open(out: &mut Vec<u8>, options: &JsonOptions, schema: &Schema) -> Result<(), JsonError> {
    out.extend_from_slice(b"{\"type\":");
    string(out, type_name(schema.ty()));
    match schema.ty() {
        Type::Array => {
            out.extend_from_slice(b",\"items\":");
            write(out, options, schema.value_schema())?;
        }
        Type::Map => {
            out.extend_from_slice(b",\"keys\":");
            write(out, options, schema.key_schema())?;
            out.extend_from_slice(b",\"values\":");
            write(out, options, schema.value_schema())?;
        }
        Type::Struct => write_fields(out, options, schema)?,
        _ => {}
    }
    out.extend_from_slice(if schema.is_optional() {
        b",\"optional\":true"
    } else {
        b",\"optional\":false"
    });
    if let Some(name) = schema.name() {
        out.extend_from_slice(b",\"name\":");
        string(out, name);
    }
    if let Some(version) = schema.version() {
        out.extend_from_slice(b",\"version\":");
        integer(out, version);
    }
    if let Some(doc) = schema.doc() {
        out.extend_from_slice(b",\"doc\":");
        string(out, doc);
    }
    for (index, (name, value)) in schema.parameters().iter().enumerate() {
        out.extend_from_slice(if index == 0 {
            b",\"parameters\":{"
        } else {
            b","
        });
        string(out, name);
        out.push(b':');
        string(out, value);
    }
    if !schema.parameters().is_empty() {
        out.push(b'}');
    }
    if let Some(default) = schema.default_value() {
        out.extend_from_slice(b",\"default\":");
        writer::write(out, options, Some(schema), default)?;
    }
    Ok(())
}

fn write_fields(
    out: &mut Vec<u8>,
    options: &JsonOptions,
    schema: &Schema,
) -> Result<(), JsonError> {
    out.extend_from_slice(b",\"fields\":[");
    for field in schema.fields() {
        if field.index() > 0 {
            out.push(b',');
        }
        write_open(out, options, field.schema())?;
        out.extend_from_slice(b",\"field\":");
        string(out, field.name());
        out.push(b'}');
    }
    out.push(b']');
    Ok(())
}

/// Reads a schema at the reader's place; none for a null.
pub(super) fn read(
    reader: &mut Reader<'_>,
    text: &Text,
    options: &JsonOptions,
) -> Result<Option<Schema>, JsonError> {
    let node = Node::read(reader)?;
    node.to_schema(text, options)
}

/// A part of a schema text. Schemas are read once and kept, so a tree may be built.
struct Node {
    /// Where the value starts in the text.
    at: usize,
    value: NodeValue,
}

enum NodeValue {
    Null,
    Boolean(bool),
    /// The lower 32 bits, if it is an integer.
    Number(Option<i32>),
    String(Text),
    Array(Vec<Node>),
    Object(Vec<(Text, Node)>),
}

impl Node {
    /// Reads a value. Functions that call each other once a level are kept small.
    fn read(reader: &mut Reader<'_>) -> Result<Self, SyntaxError> {
        let at = reader.position();
        let value = match reader.kind()? {
            Kind::Array => Self::read_items(reader)?,
            Kind::Object => Self::read_fields(reader)?,
            kind => Self::read_scalar(reader, kind)?,
        };
        Ok(Self { at, value })
    }

    fn read_items(reader: &mut Reader<'_>) -> Result<NodeValue, SyntaxError> {
        reader.enter()?;
        let mut items = Vec::new();
        while reader.next_item(items.is_empty())? {
            items.push(Self::read(reader)?);
        }
        Ok(NodeValue::Array(items))
    }

    fn read_fields(reader: &mut Reader<'_>) -> Result<NodeValue, SyntaxError> {
        reader.enter()?;
        let mut fields = Vec::new();
        while let Some(name) = reader.next_name_text(fields.is_empty())? {
            fields.push((name, Self::read(reader)?));
        }
        Ok(NodeValue::Object(fields))
    }

    fn read_scalar(reader: &mut Reader<'_>, kind: Kind) -> Result<NodeValue, SyntaxError> {
        Ok(match kind {
            Kind::Boolean => NodeValue::Boolean(reader.boolean()?),
            Kind::String => NodeValue::String(reader.string()?),
            Kind::Number => {
                let number = reader.number()?;
                NodeValue::Number(number.integral.then(|| number.to_i32()))
            }
            _ => {
                reader.null()?;
                NodeValue::Null
            }
        })
    }

    /// A field of an object; the last one of a name counts.
    fn get(&self, name: &str) -> Option<&Self> {
        match &self.value {
            NodeValue::Object(fields) => fields
                .iter()
                .rev()
                .find(|(other, _)| other == name)
                .map(|(_, node)| node),
            _ => None,
        }
    }

    fn text(&self) -> Option<&Text> {
        match &self.value {
            NodeValue::String(text) => Some(text),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        matches!(self.value, NodeValue::Null)
    }

    fn to_schema(&self, text: &Text, options: &JsonOptions) -> Result<Option<Schema>, JsonError> {
        if self.is_null() {
            return Ok(None);
        }
        let parts = self.parts(text, options)?;
        self.build(parts, text, options).map(Some)
    }

    /// The schemas inside of this one.
    fn parts(&self, text: &Text, options: &JsonOptions) -> Result<Parts, JsonError> {
        let ty = self
            .get("type")
            .and_then(Self::text)
            .ok_or(JsonError::NoType)?;
        match ty.as_str() {
            "array" => Ok(Parts::Array(self.part(
                "items",
                JsonError::NoElementType,
                text,
                options,
            )?)),
            "map" => {
                let keys = self.part("keys", JsonError::NoKeyType, text, options)?;
                let values = self.part("values", JsonError::NoValueType, text, options)?;
                Ok(Parts::Map(keys, values))
            }
            "struct" => self.fields(text, options),
            other => match primitive(other) {
                Some(ty) => Ok(Parts::None(ty)),
                None => Err(JsonError::UnknownType(other.to_owned())),
            },
        }
    }

    fn part(
        &self,
        name: &str,
        missing: JsonError,
        text: &Text,
        options: &JsonOptions,
    ) -> Result<Schema, JsonError> {
        match self.get(name) {
            Some(part) => part.to_schema(text, options)?.ok_or(missing),
            None => Err(missing),
        }
    }

    fn fields(&self, text: &Text, options: &JsonOptions) -> Result<Parts, JsonError> {
        let Some(NodeValue::Array(nodes)) = self.get("fields").map(|node| &node.value) else {
            return Err(JsonError::FieldsNotAnArray);
        };
        let mut fields = Vec::with_capacity(nodes.len());
        for node in nodes {
            let name = node
                .get("field")
                .and_then(Self::text)
                .ok_or(JsonError::NoFieldName)?;
            // What has a name is an object and so no null.
            let schema = node
                .to_schema(text, options)?
                .ok_or(JsonError::NoFieldName)?;
            fields.push((name.clone(), schema));
        }
        Ok(Parts::Struct(fields))
    }

    fn build(&self, parts: Parts, text: &Text, options: &JsonOptions) -> Result<Schema, JsonError> {
        let mut builder = match parts {
            Parts::None(ty) => SchemaBuilder::new(ty),
            Parts::Array(elements) => SchemaBuilder::array(elements),
            Parts::Map(keys, values) => SchemaBuilder::map(keys, values),
            Parts::Struct(fields) => SchemaBuilder::structure().fields(fields),
        };
        builder = match self.get("optional").map(|node| &node.value) {
            Some(NodeValue::Boolean(true)) => builder.optional(),
            _ => builder.required(),
        };
        if let Some(name) = self.get("name").and_then(Self::text) {
            builder = builder.name(name);
        }
        if let Some(NodeValue::Number(Some(version))) = self.get("version").map(|node| &node.value)
        {
            builder = builder.version(*version);
        }
        if let Some(doc) = self.get("doc").and_then(Self::text) {
            builder = builder.doc(doc);
        }
        if let Some(NodeValue::Object(parameters)) = self.get("parameters").map(|node| &node.value)
        {
            for (name, value) in parameters {
                let value = value.text().ok_or(JsonError::ParameterNotText)?;
                builder = builder.parameter(name, value);
            }
        }
        if let Some(default) = self.get("default") {
            let schema = builder.clone().build()?;
            let mut reader = Reader::new_at(text, default.at);
            let value = to_connect::read_nested(&mut reader, options, &schema)?;
            builder = builder.default_value(value);
        }
        Ok(builder.build()?)
    }
}

/// The schemas inside of a schema.
enum Parts {
    None(Type),
    Array(Schema),
    Map(Schema, Schema),
    Struct(Vec<(Text, Schema)>),
}
