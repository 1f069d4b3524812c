//! Everything that can be wrong with JSON, in one place.

use std::fmt;

use crate::api::{ConnectError, ErrorKind};
use crate::data::{DataError, Type};

/// The deepest nesting that is read, as in the JSON library of Java's worker.
pub(crate) const DEPTH_MAX: usize = 1000;
/// The longest number that is read, in characters.
pub(crate) const NUMBER_MAX: usize = 1000;

/// What is wrong with a JSON text, a schema in it, or a value that was to become JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JsonError {
    /// The bytes are not JSON.
    Syntax(SyntaxError),
    /// Neither schema nor payload, or more than those.
    NotAnEnvelope,
    /// A rule of the data model is broken.
    Data(Box<DataError>),
    NoType,
    UnknownType(String),
    NoElementType,
    NoKeyType,
    NoValueType,
    FieldsNotAnArray,
    NoFieldName,
    ParameterNotText,
    NullForRequired(Type),
    InvalidBytes,
    InvalidDecimalBytes,
    DecimalExpected(&'static str),
    DateExpected(&'static str, &'static str),
    DecimalFrom(&'static str),
    IntegerExpected(&'static str, &'static str),
    IntegralExpected(&'static str),
    StructNotObject(&'static str),
    MapNotObject(&'static str),
    MapNotArray(&'static str),
    EntryNotArray(&'static str),
    EntryLength(usize),
    NullWithoutDefault,
    NoSchemaType(&'static str),
    WrongClass(Option<Type>, &'static str),
    NotBytes(&'static str),
    SchemaMismatch,
}

/// Where a text stops being JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) what: Syntax,
    /// Bytes from the start of the text.
    pub(crate) at: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    End,
    Utf8,
    ValueExpected,
    UnknownToken,
    NameExpected,
    ColonExpected,
    CommaExpected,
    ControlCharacter,
    Escape,
    HexDigit,
    DigitExpected,
    NumberTooLong,
    Exponent,
    TooDeep,
    SpaceExpected,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            Syntax::End => f.write_str("unexpected end of input"),
            Syntax::Utf8 => f.write_str("invalid UTF-8"),
            Syntax::ValueExpected => {
                f.write_str("expected a string, number, array, object, true, false or null")
            }
            Syntax::UnknownToken => f.write_str("unrecognized token; expected null, true or false"),
            Syntax::NameExpected => f.write_str("expected a double quote to start a field name"),
            Syntax::ColonExpected => f.write_str("expected a colon behind a field name"),
            Syntax::CommaExpected => f.write_str("expected a comma or the closing bracket"),
            Syntax::ControlCharacter => {
                f.write_str("a control character in a string must be escaped")
            }
            Syntax::Escape => f.write_str("unrecognized character escape"),
            Syntax::HexDigit => f.write_str("expected a hexadecimal digit"),
            Syntax::DigitExpected => f.write_str("expected a digit in a number"),
            Syntax::NumberTooLong => {
                write!(f, "a number of more than {NUMBER_MAX} characters")
            }
            Syntax::Exponent => f.write_str("an exponent beyond 32 bits"),
            Syntax::TooDeep => write!(f, "nested more than {DEPTH_MAX} deep"),
            Syntax::SpaceExpected => f.write_str("expected white space behind the value"),
        }?;
        write!(f, " at byte {}", self.at)
    }
}

impl std::error::Error for SyntaxError {}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(_) => f.write_str(
                "Converting byte[] to Kafka Connect data failed due to serialization error: ",
            ),
            Self::NotAnEnvelope => f.write_str(
                "JsonConverter with schemas.enable requires \"schema\" and \"payload\" fields and \
                 may not contain additional fields. If you are trying to deserialize plain JSON \
                 data, set schemas.enable=false in your converter configuration.",
            ),
            Self::Data(error) => error.fmt(f),
            Self::NoType => f.write_str("Schema must contain 'type' field"),
            Self::UnknownType(name) => write!(f, "Unknown schema type: {name}"),
            Self::NoElementType => f.write_str("Array schema did not specify the element type"),
            Self::NoKeyType => f.write_str("Map schema did not specify the key type"),
            Self::NoValueType => f.write_str("Map schema did not specify the value type"),
            Self::FieldsNotAnArray => {
                f.write_str("Struct schema's \"fields\" argument is not an array.")
            }
            Self::NoFieldName => f.write_str("Struct schema's field name not specified properly"),
            Self::ParameterNotText => f.write_str("Schema parameters must have string values."),
            Self::NullForRequired(ty) => write!(f, "Invalid null value for required {ty} field"),
            Self::InvalidBytes => f.write_str("Invalid bytes field"),
            Self::InvalidDecimalBytes => f.write_str("Invalid bytes for Decimal field"),
            other => other.fmt_misfit(f),
        }
    }
}

impl JsonError {
    /// The texts about values of another kind than the schema asks for.
    fn fmt_misfit(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DecimalExpected(class) => {
                write!(
                    f,
                    "Invalid type for Decimal, expected BigDecimal but was class {class}"
                )
            }
            Self::DateExpected(name, class) => {
                write!(
                    f,
                    "Invalid type for {name}, expected Date but was class {class}"
                )
            }
            Self::DecimalFrom(node) => write!(
                f,
                "Invalid type for Decimal, underlying representation should be numeric or bytes \
                 but was {node}"
            ),
            Self::IntegerExpected(name, node) => write!(
                f,
                "Invalid type for {name}, underlying representation should be integer but was {node}"
            ),
            Self::IntegralExpected(node) => write!(
                f,
                "Invalid type for Timestamp, underlying representation should be integral but was \
                 {node}"
            ),
            Self::StructNotObject(node) => {
                write!(
                    f,
                    "Structs should be encoded as JSON objects, but found {node}"
                )
            }
            Self::MapNotObject(node) => write!(
                f,
                "Maps with string fields should be encoded as JSON objects, but found {node}"
            ),
            Self::MapNotArray(node) => write!(
                f,
                "Maps with non-string fields should be encoded as JSON array of tuples, but found \
                 {node}"
            ),
            Self::EntryNotArray(node) => {
                write!(f, "Found invalid map entry instead of array tuple: {node}")
            }
            Self::EntryLength(length) => {
                write!(
                    f,
                    "Found invalid map entry, expected length 2 but found :{length}"
                )
            }
            Self::NullWithoutDefault => f.write_str(
                "Conversion error: null value for field that is required and has no default value",
            ),
            Self::NoSchemaType(class) => {
                write!(
                    f,
                    "Java class class {class} does not have corresponding schema type."
                )
            }
            Self::WrongClass(Some(ty), class) => write!(f, "Invalid type for {ty}: class {class}"),
            Self::WrongClass(None, class) => {
                write!(f, "Invalid type for unknown schema: class {class}")
            }
            Self::NotBytes(class) => write!(f, "Invalid type for bytes type: class {class}"),
            Self::SchemaMismatch => f.write_str("Mismatching schema."),
            other => write!(f, "{other:?}"),
        }
    }
}

impl std::error::Error for JsonError {}

impl From<SyntaxError> for JsonError {
    fn from(error: SyntaxError) -> Self {
        Self::Syntax(error)
    }
}

impl From<DataError> for JsonError {
    fn from(error: DataError) -> Self {
        Self::Data(Box::new(error))
    }
}

impl From<JsonError> for ConnectError {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::Data(error) => (*error).into(),
            JsonError::Syntax(cause) => {
                let error = Self::of(
                    ErrorKind::Data,
                    JsonError::Syntax(cause.clone()).to_string(),
                );
                error.caused_by(cause)
            }
            error => Self::of(ErrorKind::Data, error.to_string()),
        }
    }
}
