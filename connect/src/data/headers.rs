//! Headers: names with values, ordered, a name may come more than once.

use std::collections::HashSet;

use super::{DataError, LogicalType, Schema, SchemaAndValue, Text, Type, Value};

/// One header of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The name.
    pub key: Text,
    /// The value's schema.
    pub schema: Option<Schema>,
    /// The value.
    pub value: Value,
}

/// The headers of a record. Empty ones need no memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<Header>);

impl Headers {
    /// No headers.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// No headers, with room for `count`.
    #[must_use]
    pub fn with_capacity(count: usize) -> Self {
        Self(Vec::with_capacity(count))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a header behind the others.
    ///
    /// # Errors
    ///
    /// When the value does not fit its schema.
    pub fn add(&mut self, key: impl Into<Text>, value: SchemaAndValue) -> Result<(), DataError> {
        let SchemaAndValue { schema, value } = value;
        if let Some(schema) = &schema {
            check(schema, &value)?;
        }
        self.0.push(Header {
            key: key.into(),
            schema,
            value,
        });
        Ok(())
    }

    /// Adds a string.
    pub fn add_string(&mut self, key: impl Into<Text>, value: impl Into<Text>) {
        let value = Value::String(value.into());
        self.0.push(Header {
            key: key.into(),
            schema: Some(Schema::string()),
            value,
        });
    }

    /// The headers in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Header> {
        self.0.iter()
    }

    /// The headers of one name, in order.
    pub fn all_with_name<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Header> {
        self.0.iter().filter(move |header| header.key == key)
    }

    /// The last header of a name.
    #[must_use]
    pub fn last_with_name(&self, key: &str) -> Option<&Header> {
        self.0.iter().rev().find(|header| header.key == key)
    }

    /// Removes all headers of a name.
    pub fn remove(&mut self, key: &str) {
        self.0.retain(|header| header.key != key);
    }

    /// Removes all but the last header of each name; their order stays.
    pub fn retain_latest(&mut self) {
        let mut seen = HashSet::with_capacity(self.0.len());
        let mut kept: Vec<_> = self
            .0
            .drain(..)
            .rev()
            .filter(|header| seen.insert(header.key.clone()))
            .collect();
        kept.reverse();
        self.0 = kept;
    }

    /// Removes all headers.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn push_unchecked(&mut self, header: Header) {
        self.0.push(header);
    }
}

impl<'a> IntoIterator for &'a Headers {
    type Item = &'a Header;
    type IntoIter = std::slice::Iter<'a, Header>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// The check that Java's `ConnectHeaders` makes: type only, parts are not looked at.
fn check(schema: &Schema, value: &Value) -> Result<(), DataError> {
    if value.is_null() {
        return if schema.is_optional() {
            Ok(())
        } else {
            Err(DataError::Other(format!(
                "A null value requires an optional schema but was {schema}"
            )))
        };
    }
    let fits = match (value, LogicalType::of(schema)) {
        (Value::Decimal(_), logical) => logical == Some(LogicalType::Decimal),
        (Value::DateTime(_), logical) => {
            logical.is_some_and(|logical| logical != LogicalType::Decimal)
        }
        (Value::Struct(inner), _) => schema.ty() == Type::Struct && inner.schema() == schema,
        (value, _) => value.ty() == Some(schema.ty()),
    };
    if fits {
        Ok(())
    } else {
        Err(DataError::Other(format!(
            "The value {value} is not compatible with the schema {schema}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(headers: &Headers) -> Vec<String> {
        headers
            .iter()
            .map(|header| format!("{}={}", header.key, header.value))
            .collect()
    }

    #[test]
    fn a_name_may_come_more_than_once() {
        let mut headers = Headers::new();
        for (key, value) in [("a", "1"), ("b", "2"), ("a", "3")] {
            headers.add_string(key, value);
        }
        assert_eq!(headers.last_with_name("a").unwrap().value, Value::from("3"));
        assert_eq!(headers.all_with_name("a").count(), 2);
        headers.retain_latest();
        assert_eq!(names(&headers), ["b=2", "a=3"]);
        headers.remove("b");
        assert_eq!(names(&headers), ["a=3"]);
    }

    #[test]
    fn a_value_must_fit_its_schema() {
        let mut headers = Headers::new();
        let wrong = headers
            .add("a", SchemaAndValue::new(Some(Schema::int8()), "x"))
            .unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "The value x is not compatible with the schema Schema{INT8}"
        );
        let null = headers.add("a", SchemaAndValue::new(Some(Schema::int8()), Value::Null));
        assert_eq!(
            null.unwrap_err().to_string(),
            "A null value requires an optional schema but was Schema{INT8}"
        );
        headers
            .add("a", SchemaAndValue::new(None, Value::Null))
            .unwrap();
        assert_eq!(headers.len(), 1);
    }
}
