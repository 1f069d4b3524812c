//! Schemas: immutable, shared, compared as Java compares them.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock};

use super::handle::Handle;
use super::validate::Place;
use super::{DataError, SchemaBuilder, Text, Value};

/// The types of the data model, in Java's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Type {
    /// A signed 8-bit integer.
    Int8,
    /// A signed 16-bit integer.
    Int16,
    /// A signed 32-bit integer.
    Int32,
    /// A signed 64-bit integer.
    Int64,
    /// A 32-bit IEEE 754 number.
    Float32,
    /// A 64-bit IEEE 754 number.
    Float64,
    /// True or false.
    Boolean,
    /// Text.
    String,
    /// Bytes.
    Bytes,
    /// A list whose elements have one schema.
    Array,
    /// A map whose keys have one schema and whose values have one.
    Map,
    /// Named fields, each with its schema.
    Struct,
}

impl Type {
    /// The name in lower case, as Java's `Type.getName()`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Boolean => "boolean",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Array => "array",
            Self::Map => "map",
            Self::Struct => "struct",
        }
    }

    /// Whether values of the type have no parts.
    #[must_use]
    pub fn is_primitive(self) -> bool {
        !matches!(self, Self::Array | Self::Map | Self::Struct)
    }
}

/// The name of Java's enum constant, e.g. `INT32`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Float32 => "FLOAT32",
            Self::Float64 => "FLOAT64",
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Bytes => "BYTES",
            Self::Array => "ARRAY",
            Self::Map => "MAP",
            Self::Struct => "STRUCT",
        })
    }
}

/// One field of a struct schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Field {
    name: Text,
    index: usize,
    schema: Schema,
}

impl Field {
    pub(crate) fn new(name: Text, index: usize, schema: Schema) -> Self {
        Self {
            name,
            index,
            schema,
        }
    }

    /// The field's name.
    #[must_use]
    pub fn name(&self) -> &Text {
        &self.name
    }

    /// The field's place in its struct, from 0.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Checks that `value` may be put into the field.
    pub(crate) fn check(&self, value: &Value) -> Result<(), DataError> {
        super::validate::validate(self.schema.attributes(), value, &Place::Field(&self.name))
    }

    /// The schema of the field's values.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }
}

/// The description of a value: type, whether it may be null, default, name, version, parts.
///
/// A clone shares. Two schemas are equal when all of their attributes are, documentation and
/// default included, as in Java; equal handles are recognized without looking inside.
#[derive(Clone)]
pub struct Schema(Handle<Inner>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Attributes {
    pub(crate) ty: Type,
    pub(crate) optional: bool,
    pub(crate) default: Option<Value>,
    pub(crate) name: Option<Text>,
    pub(crate) version: Option<i32>,
    pub(crate) doc: Option<Text>,
    pub(crate) parameters: Vec<(Text, Text)>,
    pub(crate) fields: Vec<Field>,
    pub(crate) key_schema: Option<Schema>,
    pub(crate) value_schema: Option<Schema>,
}

struct Inner {
    attributes: Attributes,
    hash: u64,
    /// Field places ordered by name, where a search beats comparing one after the other.
    by_name: Vec<usize>,
}

/// From so many fields on, a field is found by binary search.
const SEARCH_FROM: usize = 9;

/// How to get the schemas of primitive types, required and optional.
macro_rules! primitives {
    ($($required:ident $optional:ident $ty:ident $what:literal;)*) => {
        impl Schema {
            $(
                #[doc = concat!("The schema of a required ", $what, ".")]
                #[must_use]
                pub fn $required() -> Self {
                    Self::primitive(Type::$ty, false)
                }

                #[doc = concat!("The schema of an optional ", $what, ".")]
                #[must_use]
                pub fn $optional() -> Self {
                    Self::primitive(Type::$ty, true)
                }
            )*
        }
    };
}

primitives! {
    int8 optional_int8 Int8 "8-bit integer";
    int16 optional_int16 Int16 "16-bit integer";
    int32 optional_int32 Int32 "32-bit integer";
    int64 optional_int64 Int64 "64-bit integer";
    float32 optional_float32 Float32 "32-bit float";
    float64 optional_float64 Float64 "64-bit float";
    boolean optional_boolean Boolean "boolean";
    string optional_string String "string";
    bytes optional_bytes Bytes "byte string";
}

const PRIMITIVES: [Type; 9] = [
    Type::Int8,
    Type::Int16,
    Type::Int32,
    Type::Int64,
    Type::Float32,
    Type::Float64,
    Type::Boolean,
    Type::String,
    Type::Bytes,
];

static SHARED: LazyLock<Vec<[Inner; 2]>> = LazyLock::new(|| {
    let plain = |ty, optional| {
        Inner::new(Attributes {
            optional,
            ..Attributes::new(ty)
        })
    };
    PRIMITIVES
        .iter()
        .map(|&ty| [plain(ty, false), plain(ty, true)])
        .collect()
});

impl Schema {
    /// A builder for a schema of type `ty`.
    #[must_use]
    pub fn builder(ty: Type) -> SchemaBuilder {
        SchemaBuilder::new(ty)
    }

    fn primitive(ty: Type, optional: bool) -> Self {
        PRIMITIVES
            .iter()
            .position(|&primitive| primitive == ty)
            .and_then(|index| SHARED.get(index))
            .map_or_else(
                || {
                    Self::from_attributes(Attributes {
                        optional,
                        ..Attributes::new(ty)
                    })
                },
                |pair| Self(Handle::Static(&pair[usize::from(optional)])),
            )
    }

    pub(crate) fn from_attributes(attributes: Attributes) -> Self {
        Self(Handle::Counted(Arc::new(Inner::new(attributes))))
    }

    pub(crate) fn attributes(&self) -> &Attributes {
        &self.0.attributes
    }

    /// The type.
    #[must_use]
    pub fn ty(&self) -> Type {
        self.0.attributes.ty
    }

    /// Whether values may be null.
    #[must_use]
    pub fn is_optional(&self) -> bool {
        self.0.attributes.optional
    }

    /// What stands for null, if there is such a thing.
    #[must_use]
    pub fn default_value(&self) -> Option<&Value> {
        self.0.attributes.default.as_ref()
    }

    /// The name; logical types are recognized by it.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.attributes.name.as_deref()
    }

    /// The version.
    #[must_use]
    pub fn version(&self) -> Option<i32> {
        self.0.attributes.version
    }

    /// The documentation.
    #[must_use]
    pub fn doc(&self) -> Option<&str> {
        self.0.attributes.doc.as_deref()
    }

    /// Parameters in the order in which they were given; Java's null and empty map are one.
    #[must_use]
    pub fn parameters(&self) -> &[(Text, Text)] {
        &self.0.attributes.parameters
    }

    /// One parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters()
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The fields of a struct schema, in order; empty for other types.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.0.attributes.fields
    }

    /// The field of that name, if this is a struct schema that has it.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        let fields = self.fields();
        if self.0.by_name.is_empty() {
            return fields.iter().find(|field| field.name == name);
        }
        let by_name = &self.0.by_name;
        let found = by_name.binary_search_by(|&index| fields[index].name.as_str().cmp(name));
        found.ok().map(|at| &fields[by_name[at]])
    }

    /// The schema of a map's keys.
    #[must_use]
    pub fn key_schema(&self) -> Option<&Self> {
        self.0.attributes.key_schema.as_ref()
    }

    /// The schema of a map's values or an array's elements.
    #[must_use]
    pub fn value_schema(&self) -> Option<&Self> {
        self.0.attributes.value_schema.as_ref()
    }

    /// Checks that `value` may stand under this schema.
    ///
    /// # Errors
    ///
    /// With Java's text when a required value is null, a type is wrong, or a struct's schema is not
    /// this one.
    pub fn validate(&self, value: &Value) -> Result<(), DataError> {
        super::validate::validate(&self.0.attributes, value, &Place::Value)
    }

    /// Whether both handles share one schema.
    #[must_use]
    pub fn ptr_eq(&self, other: &Self) -> bool {
        self.0.ptr_eq(&other.0)
    }
}

impl Inner {
    fn new(mut attributes: Attributes) -> Self {
        // Java compares parameters as a map.
        let written = std::mem::take(&mut attributes.parameters);
        let mut sorted = written.clone();
        sorted.sort_unstable();
        let mut hasher = DefaultHasher::new();
        attributes.hash(&mut hasher);
        sorted.hash(&mut hasher);
        attributes.parameters = written;
        let mut by_name = Vec::new();
        if attributes.fields.len() >= SEARCH_FROM {
            by_name = (0..attributes.fields.len()).collect();
            by_name.sort_unstable_by_key(|&index| attributes.fields[index].name.clone());
        }
        Self {
            attributes,
            hash: hasher.finish(),
            by_name,
        }
    }
}

impl Attributes {
    pub(crate) fn new(ty: Type) -> Self {
        Self {
            ty,
            optional: false,
            default: None,
            name: None,
            version: None,
            doc: None,
            parameters: Vec::new(),
            fields: Vec::new(),
            key_schema: None,
            value_schema: None,
        }
    }

    fn same_parameters(&self, other: &Self) -> bool {
        self.parameters.len() == other.parameters.len()
            && self
                .parameters
                .iter()
                .all(|parameter| other.parameters.contains(parameter))
    }

    /// Java's equality: every attribute, parameters in any order.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
            || self.ty == other.ty
                && self.optional == other.optional
                && self.version == other.version
                && self.name == other.name
                && self.doc == other.doc
                && self.default == other.default
                && self.fields == other.fields
                && self.key_schema == other.key_schema
                && self.value_schema == other.value_schema
                && self.same_parameters(other)
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.ptr_eq(other)
            || (self.0.hash == other.0.hash && self.0.attributes.same_as(&other.0.attributes))
    }
}

impl Eq for Schema {}

impl Hash for Schema {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attributes = &self.0.attributes;
        let mut debug = f.debug_struct("Schema");
        debug
            .field("type", &attributes.ty)
            .field("optional", &attributes.optional);
        if let Some(name) = &attributes.name {
            debug.field("name", name);
        }
        if !attributes.fields.is_empty() {
            debug.field("fields", &attributes.fields);
        }
        debug.finish_non_exhaustive()
    }
}

/// As Java prints it: `Schema{STRUCT}` or `Schema{com.example.Order:STRUCT}`.
impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "Schema{{{name}:{}}}", self.ty()),
            None => write!(f, "Schema{{{}}}", self.ty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_are_equal_by_all_attributes() {
        let order = |doc: &str| {
            Schema::builder(Type::Struct)
                .name("order")
                .doc(doc)
                .parameter("b", "2")
                .parameter("a", "1")
                .field("id", Schema::int64())
                .build()
                .unwrap()
        };
        assert_eq!(order("x"), order("x"));
        assert_ne!(order("x"), order("y"));
        assert!(!order("x").ptr_eq(&order("x")));
        assert_ne!(Schema::string(), Schema::optional_string());
        assert!(Schema::string().ptr_eq(&Schema::string()));
        assert_eq!(order("x").to_string(), "Schema{order:STRUCT}");
        assert_eq!(Schema::int8().to_string(), "Schema{INT8}");
    }

    #[test]
    fn the_order_of_parameters_does_not_matter() {
        let with = |first: &str, second: &str| {
            let builder = Schema::builder(Type::Int8)
                .parameter(first, "x")
                .parameter(second, "x");
            builder.build().unwrap()
        };
        assert_eq!(with("a", "b"), with("b", "a"));
        assert_ne!(with("a", "b"), with("a", "c"));
    }

    #[test]
    fn a_field_is_found_by_name_in_small_and_large_structs() {
        for count in [1, 8, 9, 200] {
            let mut builder = Schema::builder(Type::Struct);
            for index in 0..count {
                builder = builder.field(format!("f{index}"), Schema::int8());
            }
            let schema = builder.build().unwrap();
            for index in 0..count {
                assert_eq!(schema.field(&format!("f{index}")).unwrap().index(), index);
            }
            assert!(schema.field("g").is_none());
        }
    }
}
