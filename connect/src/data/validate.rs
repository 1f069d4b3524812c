//! Whether a value may stand under a schema.

use std::fmt;

use super::schema::Attributes;
use super::{DataError, LogicalType, Schema, Value};

/// What is being checked, put into words only when there is something to complain about.
pub(crate) enum Place<'a> {
    /// The whole value.
    Value,
    /// A field of a struct.
    Field(&'a str),
    /// The elements of an array.
    ElementOf(&'a Self),
    /// The keys of a map.
    KeyOf(&'a Self),
    /// The values of a map.
    ValueOf(&'a Self),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value => f.write_str("value"),
            Self::Field(name) => write!(f, "field: \"{name}\""),
            Self::ElementOf(array) => write!(f, "element of array {array}"),
            Self::KeyOf(map) => write!(f, "key of map {map}"),
            Self::ValueOf(map) => write!(f, "value of map {map}"),
        }
    }
}

/// Checks `value` against the schema.
pub(crate) fn validate(
    schema: &Attributes,
    value: &Value,
    place: &Place<'_>,
) -> Result<(), DataError> {
    if value.is_null() {
        return if schema.optional {
            Ok(())
        } else {
            Err(DataError::NullForRequired {
                location: place.to_string(),
                schema_type: schema.ty,
            })
        };
    }
    if !has_type(schema, value) {
        return Err(DataError::WrongType {
            schema_name: schema.name.as_ref().map(ToString::to_string),
            schema_type: schema.ty,
            class: value.java_class(),
            location: place.to_string(),
        });
    }
    match value {
        Value::Struct(inner) => {
            if !inner.schema().attributes().same_as(schema) {
                return Err(DataError::StructSchemasDiffer);
            }
            inner.validate()
        }
        Value::Array(items) => {
            let place = Place::ElementOf(place);
            items
                .iter()
                .try_for_each(|item| part(schema.value_schema.as_ref(), item, &place))
        }
        Value::Map(map) => {
            let (keys, values) = (Place::KeyOf(place), Place::ValueOf(place));
            map.iter().try_for_each(|(key, value)| {
                part(schema.key_schema.as_ref(), key, &keys)?;
                part(schema.value_schema.as_ref(), value, &values)
            })
        }
        _ => Ok(()),
    }
}

fn part(schema: Option<&Schema>, value: &Value, place: &Place<'_>) -> Result<(), DataError> {
    match schema {
        Some(schema) => validate(schema.attributes(), value, place),
        None => Err(DataError::NoSchemaDefined(place.to_string())),
    }
}

/// Whether the value's type is the schema's; a logical type is known by its name alone, as in Java.
fn has_type(schema: &Attributes, value: &Value) -> bool {
    match schema.name.as_deref().and_then(LogicalType::from_name) {
        Some(LogicalType::Decimal) => matches!(value, Value::Decimal(_)),
        Some(_) => matches!(value, Value::DateTime(_)),
        None => value.ty() == Some(schema.ty),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Map, SchemaBuilder};
    use super::*;

    #[track_caller]
    fn refuses(schema: &Schema, value: impl Into<Value>, expected: &str) {
        assert_eq!(
            schema.validate(&value.into()).unwrap_err().to_string(),
            expected
        );
    }

    #[test]
    fn complaints_name_the_place() {
        refuses(
            &Schema::int32(),
            Value::Null,
            "Invalid value: null used for required value, schema type: INT32",
        );
        let list = SchemaBuilder::array(Schema::int32()).build().unwrap();
        refuses(
            &list,
            vec![Value::Int32(1), Value::Int64(1)],
            "Invalid Java object for schema with type INT32: class java.lang.Long for element of \
             array value",
        );
        let map = SchemaBuilder::map(Schema::string(), Schema::int32())
            .build()
            .unwrap();
        refuses(
            &map,
            Map::from_iter([(Value::from("a"), Value::Null)]),
            "Invalid value: null used for required value of map value, schema type: INT32",
        );
        refuses(
            &SchemaBuilder::array_of(None).build().unwrap(),
            vec![Value::Int8(1)],
            "No schema defined for element of array value",
        );
        let date = super::super::date::schema();
        refuses(
            &date,
            1,
            "Invalid Java object for schema \"org.apache.kafka.connect.data.Date\" with type \
             INT32: class java.lang.Integer for value",
        );
    }
}
