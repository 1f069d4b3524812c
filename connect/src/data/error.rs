//! Everything that can be wrong with data, with Java Connect's texts in one place.

use std::fmt;

use super::Type;

/// A value, schema or struct that breaks the rules of the data model: Java's `DataException` and
/// `SchemaBuilderException`.
///
/// The texts are Java's, because operators search for them; they may change with Java's.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DataError {
    /// A required place holds null.
    NullForRequired {
        /// What the place is, e.g. `field: "id"`.
        location: String,
        /// The type that the schema asks for.
        schema_type: Type,
    },
    /// A value of one type stands where the schema asks for another.
    WrongType {
        /// The schema's name, if it has one.
        schema_name: Option<String>,
        /// The schema's type.
        schema_type: Type,
        /// The Java class that the value would have.
        class: &'static str,
        /// What the place is.
        location: String,
    },
    /// A struct's own schema is not the one that is asked for.
    StructSchemasDiffer,
    /// An array or map schema lacks the schema of its elements.
    NoSchemaDefined(String),
    /// A struct was to be made of a schema that is no struct's.
    NotAStructSchema(String),
    /// A struct has no such field.
    NoSuchField(String),
    /// A field was asked for as another type than it has.
    FieldNotOfType {
        /// The field.
        field: String,
        /// The type that was asked for.
        expected: Type,
    },
    /// A schema builder was used against its rules.
    SchemaBuilder(String),
    /// A default value does not fit its schema.
    InvalidDefault(Box<Self>),
    /// A decimal's scale is not its schema's.
    DecimalScale {
        /// The schema's scale.
        schema: i32,
        /// The value's scale.
        value: i32,
    },
    /// A decimal schema without its `scale` parameter.
    DecimalScaleMissing,
    /// A decimal schema whose `scale` parameter is no number.
    DecimalScaleInvalid,
    /// A logical value was converted with a schema of another name.
    LogicalMismatch(&'static str),
    /// A date with a time of day.
    DateHasTime,
    /// A time with a date.
    TimeHasDate,
    /// A time outside of a day.
    TimeOutOfRange,
    /// An error of another kind, with its text.
    Other(String),
}

impl DataError {
    /// An error with a text of one's own.
    pub fn other(text: impl Into<String>) -> Self {
        Self::Other(text.into())
    }

    /// The class name of the exception that Java would throw.
    #[must_use]
    pub fn java_class(&self) -> &'static str {
        match self {
            Self::SchemaBuilder(_) | Self::InvalidDefault(_) => {
                "org.apache.kafka.connect.errors.SchemaBuilderException"
            }
            _ => "org.apache.kafka.connect.errors.DataException",
        }
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NullForRequired {
                location,
                schema_type,
            } => write!(
                f,
                "Invalid value: null used for required {location}, schema type: {schema_type}"
            ),
            Self::WrongType {
                schema_name,
                schema_type,
                class,
                location,
            } => {
                f.write_str("Invalid Java object for schema")?;
                if let Some(name) = schema_name {
                    write!(f, " \"{name}\"")?;
                }
                write!(f, " with type {schema_type}: class {class} for {location}")
            }
            Self::StructSchemasDiffer => f.write_str("Struct schemas do not match."),
            Self::NoSchemaDefined(location) => write!(f, "No schema defined for {location}"),
            Self::NotAStructSchema(schema) => write!(f, "Not a struct schema: {schema}"),
            Self::NoSuchField(name) => write!(f, "{name} is not a valid field name"),
            Self::FieldNotOfType { field, expected } => {
                write!(f, "Field '{field}' is not of type {expected}")
            }
            Self::SchemaBuilder(text) | Self::Other(text) => f.write_str(text),
            Self::InvalidDefault(_) => f.write_str("Invalid default value"),
            Self::DecimalScale { schema, value } => write!(
                f,
                "Decimal value has mismatching scale for given Decimal schema. \
                 Schema has scale {schema}, value has scale {value}."
            ),
            Self::DecimalScaleMissing => {
                f.write_str("Invalid Decimal schema: scale parameter not found.")
            }
            Self::DecimalScaleInvalid => {
                f.write_str("Invalid scale parameter found in Decimal schema: ")
            }
            Self::LogicalMismatch(name) => write!(
                f,
                "Requested conversion of {name} object but the schema does not match."
            ),
            Self::DateHasTime => f.write_str(
                "Kafka Connect Date type should not have any time fields set to non-zero values.",
            ),
            Self::TimeHasDate => f.write_str(
                "Kafka Connect Time type should not have any date fields set to non-zero values.",
            ),
            Self::TimeOutOfRange => f.write_str(
                "Time values must use number of milliseconds greater than 0 and less than 86400000",
            ),
        }
    }
}

impl std::error::Error for DataError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::InvalidDefault(cause) => Some(cause),
            _ => None,
        }
    }
}
