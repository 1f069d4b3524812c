//! Structs: one value per field of a struct schema.

use std::fmt::{self, Write};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::{DataError, Field, Schema, Type, Value};

/// Values for the fields of a struct schema.
///
/// A clone shares; the first change of a shared struct copies its list of values.
#[derive(Clone)]
pub struct Struct {
    schema: Schema,
    values: Arc<[Value]>,
}

impl Struct {
    /// A struct whose fields are all null.
    ///
    /// # Errors
    ///
    /// When the schema is not a struct's.
    pub fn new(schema: Schema) -> Result<Self, DataError> {
        if schema.ty() != Type::Struct {
            return Err(DataError::NotAStructSchema(schema.to_string()));
        }
        let values = schema.fields().iter().map(|_| Value::Null).collect();
        Ok(Self { schema, values })
    }

    /// A struct of values in the order of the fields, each checked.
    ///
    /// # Errors
    ///
    /// When the schema is not a struct's, there are more or fewer values than fields, or one does
    /// not fit.
    pub fn from_values(schema: Schema, values: Vec<Value>) -> Result<Self, DataError> {
        if schema.ty() != Type::Struct {
            return Err(DataError::NotAStructSchema(schema.to_string()));
        }
        if schema.fields().len() != values.len() {
            return Err(DataError::Other(format!(
                "{} values for the {} fields of {schema}",
                values.len(),
                schema.fields().len()
            )));
        }
        let complete = Self {
            schema,
            values: values.into(),
        };
        complete.validate()?;
        Ok(complete)
    }

    /// The schema.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The values in the order of the fields, without defaults for nulls.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// Sets a field.
    ///
    /// # Errors
    ///
    /// When there is no such field or the value does not fit its schema.
    pub fn put(&mut self, name: &str, value: impl Into<Value>) -> Result<(), DataError> {
        let field = find(&self.schema, name)?;
        let value = value.into();
        field.check(&value)?;
        let index = field.index();
        if Arc::get_mut(&mut self.values).is_none() {
            self.values = self.values.iter().cloned().collect();
        }
        if let Some(slot) = Arc::get_mut(&mut self.values).and_then(|values| values.get_mut(index))
        {
            *slot = value;
        }
        Ok(())
    }

    /// As [`put`](Self::put), for chains.
    ///
    /// # Errors
    ///
    /// As for `put`.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Result<Self, DataError> {
        self.put(name, value)?;
        Ok(self)
    }

    /// The value of a field, or the default of its schema when it is null.
    ///
    /// # Errors
    ///
    /// When there is no such field.
    pub fn get(&self, name: &str) -> Result<&Value, DataError> {
        find(&self.schema, name).map(|field| self.get_field(field))
    }

    /// The value of a field of this struct's schema, or its default when it is null.
    #[must_use]
    pub fn get_field<'a>(&'a self, field: &'a Field) -> &'a Value {
        match self.values.get(field.index()) {
            Some(value) if !value.is_null() => value,
            _ => field.schema().default_value().unwrap_or(&Value::Null),
        }
    }

    /// The value of a field as it was put.
    ///
    /// # Errors
    ///
    /// When there is no such field.
    pub fn get_without_default(&self, name: &str) -> Result<&Value, DataError> {
        let field = find(&self.schema, name)?;
        Ok(self.values.get(field.index()).unwrap_or(&Value::Null))
    }

    /// The value of a field that must have the type `expected`; defaults are not applied, as in
    /// Java's typed getters.
    ///
    /// # Errors
    ///
    /// When there is no such field or it has another type.
    pub fn get_typed(&self, name: &str, expected: Type) -> Result<&Value, DataError> {
        let field = find(&self.schema, name)?;
        if field.schema().ty() == expected {
            self.get_without_default(name)
        } else {
            Err(DataError::FieldNotOfType {
                field: name.to_owned(),
                expected,
            })
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    ///
    /// When a required field is null, or a value does not fit.
    pub fn validate(&self) -> Result<(), DataError> {
        self.schema
            .fields()
            .iter()
            .zip(self.values.iter())
            .try_for_each(|(field, value)| {
                // A required field with a default may have been left out.
                if value.is_null() && field.schema().default_value().is_some() {
                    return Ok(());
                }
                field.check(value)
            })
    }

    /// A struct whose values are known to fit.
    pub(crate) fn from_parts(schema: Schema, values: Arc<[Value]>) -> Self {
        debug_assert_eq!(schema.fields().len(), values.len());
        Self { schema, values }
    }
}

fn find<'a>(schema: &'a Schema, name: &str) -> Result<&'a Field, DataError> {
    schema
        .field(name)
        .ok_or_else(|| DataError::NoSuchField(name.to_owned()))
}

impl PartialEq for Struct {
    fn eq(&self, other: &Self) -> bool {
        self.schema == other.schema && self.values == other.values
    }
}

impl Eq for Struct {}

impl Hash for Struct {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.schema.hash(state);
        self.values.hash(state);
    }
}

impl fmt::Debug for Struct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self
            .schema
            .fields()
            .iter()
            .map(|field| field.name().as_str());
        f.debug_map()
            .entries(fields.zip(self.values.iter()))
            .finish()
    }
}

/// As Java prints it: `Struct{a=1,b=x}`, without fields that are null.
impl fmt::Display for Struct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Struct{")?;
        let fields = self.schema.fields().iter().zip(self.values.iter());
        for (index, (field, value)) in fields.filter(|(_, value)| !value.is_null()).enumerate() {
            f.write_str(if index == 0 { "" } else { "," })?;
            write!(f, "{}={value}", field.name())?;
        }
        f.write_char('}')
    }
}

#[cfg(test)]
mod tests {
    use super::super::SchemaBuilder;
    use super::*;

    fn schema() -> Schema {
        let count = SchemaBuilder::new(Type::Int32)
            .default_value(7)
            .build()
            .unwrap();
        SchemaBuilder::structure()
            .field("id", Schema::int64())
            .field("note", Schema::optional_string())
            .field("count", count)
            .build()
            .unwrap()
    }

    #[test]
    fn a_struct_prints_as_in_java() {
        let order = Struct::new(schema()).unwrap().with("id", 5_i64).unwrap();
        assert_eq!(order.to_string(), "Struct{id=5}");
        let order = order.with("note", "x").unwrap().with("count", 1).unwrap();
        assert_eq!(order.to_string(), "Struct{id=5,note=x,count=1}");
    }

    #[test]
    fn a_null_reads_as_the_default() {
        let order = Struct::new(schema()).unwrap();
        assert_eq!(order.get("count").unwrap(), &Value::Int32(7));
        assert_eq!(order.get_without_default("count").unwrap(), &Value::Null);
        assert_eq!(order.get_typed("count", Type::Int32).unwrap(), &Value::Null);
    }

    #[test]
    fn null_cannot_be_put_where_only_leaving_out_is_allowed() {
        let order = Struct::new(schema()).unwrap().with("id", 5_i64).unwrap();
        order.validate().unwrap();
        assert_eq!(
            order.with("count", Value::Null).unwrap_err().to_string(),
            "Invalid value: null used for required field: \"count\", schema type: INT32"
        );
    }

    #[test]
    fn complaints_are_javas() {
        let mut order = Struct::new(schema()).unwrap();
        let text = |result: Result<(), DataError>| result.unwrap_err().to_string();
        assert_eq!(text(order.put("x", 1)), "x is not a valid field name");
        assert_eq!(
            text(order.put("id", 1)),
            "Invalid Java object for schema with type INT64: class java.lang.Integer for field: \
             \"id\""
        );
        assert_eq!(
            text(order.validate()),
            "Invalid value: null used for required field: \"id\", schema type: INT64"
        );
        assert_eq!(
            text(order.get_typed("id", Type::Int8).map(|_| ())),
            "Field 'id' is not of type INT8"
        );
        assert_eq!(
            text(Struct::new(Schema::int8()).map(|_| ())),
            "Not a struct schema: Schema{INT8}"
        );
    }

    #[test]
    fn a_change_leaves_clones_alone() {
        let mut order = Struct::new(schema()).unwrap().with("id", 5_i64).unwrap();
        let before = order.clone();
        order.put("id", 6_i64).unwrap();
        assert_eq!(before.get("id").unwrap(), &Value::Int64(5));
        assert_ne!(before, order);
    }
}
