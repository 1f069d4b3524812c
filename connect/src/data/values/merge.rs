//! The common schema of an array's elements or a map's keys or values, and conversion to it.

use crate::data::{DateTime, LogicalType, Map, Schema, SchemaAndValue, Type, Value, date, time};

/// Finds the schema that elements have in common.
#[derive(Debug, Default)]
pub(super) struct Merger {
    common: Option<Schema>,
    /// Two elements had none in common.
    is_hopeless: bool,
}

impl Merger {
    /// Takes in an element. A null fits all.
    pub(super) fn merge(&mut self, element: Option<&SchemaAndValue>) {
        let Some(schema) = element.and_then(|element| element.schema.as_ref()) else {
            return;
        };
        if self.is_hopeless {
            return;
        }
        self.common = match self.common.take() {
            None => Some(schema.clone()),
            Some(common) => merged(common, schema),
        };
        self.is_hopeless = self.common.is_none();
    }

    pub(super) fn schema(self) -> Option<Schema> {
        self.common
    }
}

/// The wider of two numbers; of one type, the later one, whatever else its schema says.
fn merged(common: Schema, other: &Schema) -> Option<Schema> {
    if common.ty() == other.ty() {
        return Some(other.clone());
    }
    let is_number = |schema: &Schema| schema.ty() <= Type::Float64;
    if !is_number(&common) || !is_number(other) {
        return None;
    }
    Some(if common.ty() < other.ty() {
        other.clone()
    } else {
        common
    })
}

/// The elements under their common schema; none if one of them does not fit it.
pub(super) fn align(schema: &Schema, items: &[Value]) -> Option<Vec<Value>> {
    items.iter().map(|item| convert(schema, item)).collect()
}

/// The entries under the common schemas of keys and values; values may have none.
pub(super) fn align_map(keys: &Schema, values: Option<&Schema>, map: &Map) -> Option<Map> {
    map.iter()
        .map(|(key, value)| {
            let value = match values {
                Some(schema) => convert(schema, value)?,
                None => value.clone(),
            };
            Some((convert(keys, key)?, value))
        })
        .collect()
}

/// A value that was read from a text, under a schema that was merged from those of such values. A null has no place there.
fn convert(schema: &Schema, value: &Value) -> Option<Value> {
    use LogicalType::{Date, Time, Timestamp};
    Some(match (LogicalType::of(schema), value) {
        (Some(Date | Time | Timestamp), Value::DateTime(_))
        | (Some(LogicalType::Decimal), Value::Decimal(_)) => value.clone(),
        (Some(Date), _) => {
            let days = i32::try_from(value.as_i64()?).ok()?;
            date::to_logical(schema, days).ok()?.into()
        }
        (Some(Time), _) => {
            let millis = i32::try_from(value.as_i64()?).ok()?;
            time::to_logical(schema, millis).ok()?.into()
        }
        (Some(Timestamp), _) => DateTime::from_millis(value.as_i64()?).into(),
        _ if value.ty() == Some(schema.ty()) => value.clone(),
        _ => widened(schema.ty(), value)?,
    })
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "a float has fewer digits; it is rounded as in Java"
)]
fn widened(ty: Type, number: &Value) -> Option<Value> {
    Some(match (ty, number) {
        (Type::Int16, _) => i16::try_from(number.as_i64()?).ok()?.into(),
        (Type::Int32, _) => i32::try_from(number.as_i64()?).ok()?.into(),
        (Type::Int64, _) => number.as_i64()?.into(),
        (Type::Float32, _) => (number.as_i64()? as f64 as f32).into(),
        (Type::Float64, &Value::Float32(number)) => f64::from(number).into(),
        (Type::Float64, _) => (number.as_i64()? as f64).into(),
        _ => return None,
    })
}
