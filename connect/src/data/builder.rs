//! Building schemas under Java's rules, with Java's complaints.

use std::collections::HashSet;

use super::schema::{Attributes, Field};
use super::validate::{Place, validate};
use super::{DataError, Schema, Text, Type, Value};

/// Builds a [`Schema`].
///
/// The first rule that is broken is kept and comes out of [`build`](Self::build), so that calls can
/// be chained.
///
/// ```
/// use kconnect::data::{Schema, SchemaBuilder, Type};
///
/// let schema = SchemaBuilder::structure()
///     .name("com.example.Order")
///     .field("id", Schema::int64())
///     .field("note", Schema::optional_string())
///     .build()?;
/// assert_eq!(schema.ty(), Type::Struct);
/// # Ok::<(), kconnect::data::DataError>(())
/// ```
#[derive(Debug, Clone)]
pub struct SchemaBuilder {
    attributes: Attributes,
    optional: Option<bool>,
    field_names: HashSet<Text>,
    error: Option<DataError>,
}

impl SchemaBuilder {
    /// A builder for a type; [`array`](Self::array) and [`map`](Self::map) take their parts.
    #[must_use]
    pub fn new(ty: Type) -> Self {
        Self {
            attributes: Attributes::new(ty),
            optional: None,
            field_names: HashSet::new(),
            error: None,
        }
    }

    /// A struct, to be given fields.
    #[must_use]
    pub fn structure() -> Self {
        Self::new(Type::Struct)
    }

    /// An array of elements.
    #[must_use]
    pub fn array(elements: Schema) -> Self {
        Self::array_of(Some(elements))
    }

    /// A map.
    #[must_use]
    pub fn map(keys: Schema, values: Schema) -> Self {
        Self::map_of(Some(keys), Some(values))
    }

    /// An array whose elements may be of no common schema, which only header values are.
    pub(crate) fn array_of(elements: Option<Schema>) -> Self {
        let mut builder = Self::new(Type::Array);
        builder.attributes.value_schema = elements;
        builder
    }

    /// A map whose keys or values may be of no common schema, which only header values are.
    pub(crate) fn map_of(keys: Option<Schema>, values: Option<Schema>) -> Self {
        let mut builder = Self::new(Type::Map);
        builder.attributes.key_schema = keys;
        builder.attributes.value_schema = values;
        builder
    }

    /// Lets values be null.
    #[must_use]
    pub fn optional(self) -> Self {
        self.set_optional(true)
    }

    /// Forbids null, which is the default.
    #[must_use]
    pub fn required(self) -> Self {
        self.set_optional(false)
    }

    fn set_optional(self, optional: bool) -> Self {
        let before = self.optional;
        self.set("optional", before, optional, |builder, optional| {
            builder.optional = Some(optional);
            builder.attributes.optional = optional;
        })
    }

    /// What stands for null. It must fit what was said before of type, parts and `optional`.
    ///
    /// A struct has no default, as in Java: its schema would have to be equal to the one being built.
    #[must_use]
    pub fn default_value(mut self, value: impl Into<Value>) -> Self {
        let value = value.into();
        let fits = match value {
            Value::Struct(_) => Err(DataError::StructSchemasDiffer),
            _ => validate(&self.attributes, &value, &Place::Value),
        };
        if let Err(error) = fits {
            self.fail(DataError::InvalidDefault(Box::new(error)));
            return self;
        }
        let before = self.attributes.default.clone();
        self.set("default", before, value, |builder, value| {
            builder.attributes.default = (!value.is_null()).then_some(value);
        })
    }

    /// The name.
    #[must_use]
    pub fn name(self, name: impl Into<Text>) -> Self {
        let before = self.attributes.name.clone();
        self.set("name", before, name.into(), |builder, name| {
            builder.attributes.name = Some(name)
        })
    }

    /// The version.
    #[must_use]
    pub fn version(self, version: i32) -> Self {
        let before = self.attributes.version;
        self.set("version", before, version, |builder, version| {
            builder.attributes.version = Some(version);
        })
    }

    /// The documentation.
    #[must_use]
    pub fn doc(self, doc: impl Into<Text>) -> Self {
        let before = self.attributes.doc.clone();
        self.set("doc", before, doc.into(), |builder, doc| {
            builder.attributes.doc = Some(doc)
        })
    }

    /// A parameter.
    #[must_use]
    pub fn parameter(self, name: impl Into<Text>, value: impl Into<Text>) -> Self {
        let name = name.into();
        let parameters = &self.attributes.parameters;
        let before = parameters
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.clone());
        let is_new = before.is_none();
        self.set(&name.clone(), before, value.into(), |builder, value| {
            if is_new {
                builder.attributes.parameters.push((name, value));
            }
        })
    }

    /// A field of a struct, after those that were added before.
    #[must_use]
    pub fn field(mut self, name: impl Into<Text>, schema: Schema) -> Self {
        let name = name.into();
        let fields = &mut self.attributes.fields;
        let problem = if self.attributes.ty != Type::Struct {
            format!("Cannot create fields on type {}", self.attributes.ty)
        } else if name.is_empty() {
            "fieldName cannot be null.".to_owned()
        } else if !self.field_names.insert(name.clone()) {
            format!("Cannot create field because of field name duplication {name}")
        } else {
            fields.push(Field::new(name, fields.len(), schema));
            return self;
        };
        self.fail(DataError::SchemaBuilder(problem));
        self
    }

    /// Fields of a struct, after those that were added before.
    #[must_use]
    pub fn fields<N: Into<Text>>(self, fields: impl IntoIterator<Item = (N, Schema)>) -> Self {
        fields
            .into_iter()
            .fold(self, |builder, (name, schema)| builder.field(name, schema))
    }

    /// The schema.
    ///
    /// # Errors
    ///
    /// The first rule that was broken: something set twice to different values, a default that does
    /// not fit, a field on what is no struct, a field name that is empty or taken.
    pub fn build(self) -> Result<Schema, DataError> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(Schema::from_attributes(self.attributes)),
        }
    }

    /// A shape that breaks no rule by construction; used where nothing but parts was given.
    pub(crate) fn build_plain(self) -> Schema {
        debug_assert!(self.error.is_none(), "{:?}", self.error);
        Schema::from_attributes(self.attributes)
    }

    fn set<T: PartialEq>(
        mut self,
        what: &str,
        before: Option<T>,
        value: T,
        set: impl FnOnce(&mut Self, T),
    ) -> Self {
        if before.is_some_and(|before| before != value) {
            let text = format!("Invalid SchemaBuilder call: {what} has already been set.");
            self.fail(DataError::SchemaBuilder(text));
        } else {
            set(&mut self, value);
        }
        self
    }

    fn fail(&mut self, error: DataError) {
        self.error.get_or_insert(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refuses(builder: SchemaBuilder, expected: &str) {
        assert_eq!(builder.build().unwrap_err().to_string(), expected);
    }

    #[test]
    fn broken_rules_come_out_with_javas_words() {
        let twice = "Invalid SchemaBuilder call: name has already been set.";
        refuses(SchemaBuilder::new(Type::Int8).name("a").name("b"), twice);
        let twice = "Invalid SchemaBuilder call: optional has already been set.";
        refuses(SchemaBuilder::new(Type::Int8).optional().required(), twice);
        refuses(
            SchemaBuilder::new(Type::Int8).field("a", Schema::int8()),
            "Cannot create fields on type INT8",
        );
        refuses(
            SchemaBuilder::structure()
                .field("a", Schema::int8())
                .field("a", Schema::int8()),
            "Cannot create field because of field name duplication a",
        );
        refuses(
            SchemaBuilder::structure().field("", Schema::int8()),
            "fieldName cannot be null.",
        );
        refuses(
            SchemaBuilder::new(Type::Int8).default_value("x"),
            "Invalid default value",
        );
        refuses(
            SchemaBuilder::new(Type::Int8).default_value(Value::Null),
            "Invalid default value",
        );
    }

    #[test]
    fn saying_the_same_thing_twice_is_allowed() {
        let schema = SchemaBuilder::new(Type::Int8)
            .name("a")
            .name("a")
            .optional()
            .optional();
        assert_eq!(schema.build().unwrap().name(), Some("a"));
    }
}
